// States of transactions that take long to come about: written into `__transaction_state` of a broker that is stopped.

import { appendFileSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from '../../src/coordinator/record-bytes.js';
import { TransactionState, type TransactionStateCode } from '../../src/coordinator/transaction/transaction.js';
import { transactionLogKeySchema, transactionLogValueSchema, type TransactionLogValueInput } from '../../src/protocol/generated/index.js';
import { CLEAN_SHUTDOWN_FILE } from '../../src/log/paths.js';
import * as batch from '../../src/protocol/records/batch.js';
import { buildBatch } from '../../src/protocol/records/batch-builder.js';
import { batchesIn } from '../../src/protocol/records/batch-iterator.js';
import type { TransactionCast } from './cast.js';
import type { Identity } from './producers.js';

const DIRECTORY = '__transaction_state-0';
/** No broker here comes to give these out. */
const FIRST_PRODUCER_ID = 8_000_000;

/** A state at or near the last epoch. */
interface Planted {
  readonly version: 0 | 1;
  readonly status: TransactionStateCode;
  readonly producerEpoch: number;
  /** In the second version of transactions the end of one is prepared with the epoch and the producer of the next. */
  readonly isOfSecondVersion?: boolean;
  readonly hasNextProducer?: boolean;
}

const PLANTED: readonly Planted[] = [
  { version: 0, status: TransactionState.COMPLETE_COMMIT, producerEpoch: batch.MAX_PRODUCER_EPOCH - 2 },
  { version: 1, status: TransactionState.COMPLETE_ABORT, producerEpoch: batch.MAX_PRODUCER_EPOCH - 1 },
  { version: 1, status: TransactionState.EMPTY, producerEpoch: batch.MAX_PRODUCER_EPOCH - 1 },
  { version: 0, status: TransactionState.ONGOING, producerEpoch: batch.MAX_PRODUCER_EPOCH - 2 },
  { version: 1, status: TransactionState.ONGOING, producerEpoch: batch.MAX_PRODUCER_EPOCH - 1, isOfSecondVersion: true },
  { version: 1, status: TransactionState.PREPARE_COMMIT, producerEpoch: batch.MAX_PRODUCER_EPOCH - 1 },
  { version: 1, status: TransactionState.PREPARE_ABORT, producerEpoch: batch.MAX_PRODUCER_EPOCH, isOfSecondVersion: true, hasNextProducer: true },
  { version: 1, status: TransactionState.ONGOING, producerEpoch: batch.MAX_PRODUCER_EPOCH - 2, isOfSecondVersion: true },
  { version: 1, status: TransactionState.COMPLETE_COMMIT, producerEpoch: batch.MAX_PRODUCER_EPOCH - 2, isOfSecondVersion: true },
];

/** One for each id of some scenes. */
export const PLANTED_SCENES = PLANTED.length / 3;

/** Writes the states of a scene, the same in each broker's log, and tells its producers what they are. */
export function plant(dataDir: string, cast: TransactionCast, scene: number): void {
  const states = PLANTED.slice(scene * 3, scene * 3 + 3);
  const records = states.map((planted, index) => {
    const producerId = FIRST_PRODUCER_ID + 10 * (scene * 3 + index);
    cast.producers.becomes(`t${index}`, claimed(planted, producerId));
    const key = encode(transactionLogKeySchema, transactionLogKeySchema.type, 0, { transactionalId: cast.full(`t${index}`) });
    return { timestampMs: Date.now(), key, value: valueOf(planted, producerId, cast.full('a')) };
  });
  const folder = join(dataDir, DIRECTORY);
  const file = join(folder, readdirSync(folder).filter(name => name.endsWith('.log')).sort().at(-1)!);
  const bytes = readFileSync(file);
  const last = [...batchesIn(bytes)].at(-1);
  if (last === undefined) throw new Error(`${file} is empty: there is no leader epoch to go by`);
  // The brokers believe their files as they were when they stopped, if they stopped in order.
  rmSync(join(dataDir, CLEAN_SHUTDOWN_FILE), { force: true });
  appendFileSync(file, buildBatch({ baseOffset: batch.nextOffset(bytes, last), partitionLeaderEpoch: batch.partitionLeaderEpoch(bytes, last) }, records));
}

/** What the producer of such a state knows. */
function claimed({ producerEpoch, hasNextProducer }: Planted, producerId: number): Identity {
  return { producerId, producerEpoch: hasNextProducer === true ? producerEpoch - 1 : producerEpoch };
}

function valueOf({ version, status, producerEpoch, isOfSecondVersion, hasNextProducer }: Planted, producerId: number, topic: string): Uint8Array {
  const isOpen = status === TransactionState.ONGOING || status === TransactionState.PREPARE_COMMIT || status === TransactionState.PREPARE_ABORT;
  const nowMs = Date.now();
  const value: TransactionLogValueInput = {
    producerId, producerEpoch, transactionTimeoutMs: 600_000, transactionStatus: status, transactionLastUpdateTimestampMs: nowMs,
    transactionStartTimestampMs: status === TransactionState.EMPTY ? -1 : nowMs,
    transactionPartitions: isOpen ? [{ topic, partitionIds: [0, 1] }] : status === TransactionState.EMPTY ? null : [],
    ...(isOfSecondVersion === true && { previousProducerId: producerId, clientTransactionVersion: 2 }),
    ...(hasNextProducer === true && { nextProducerId: producerId + 1 }),
  };
  return encode(transactionLogValueSchema, version, version, value);
}
