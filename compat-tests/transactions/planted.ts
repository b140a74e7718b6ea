// States of transactions that take long to come about: written into `__transaction_state` of a broker that is stopped.

import { appendFileSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { transactionLogKeySchema, transactionLogValueSchema, type TransactionLogValueInput } from '../../src/protocol/generated/index.js';
import { CLEAN_SHUTDOWN_FILE } from '../../src/log/paths.js';
import * as batch from '../../src/protocol/records/batch.js';
import { buildBatch } from '../../src/protocol/records/batch-builder.js';
import { batchesIn } from '../../src/protocol/records/batch-iterator.js';
import { Writer } from '../../src/protocol/wire/writer.js';
import type { Identity, TransactionCast } from './cast.js';

const DIRECTORY = '__transaction_state-0';
const LAST_EPOCH = 32_767;
/** No broker here comes to give these out. */
const FIRST_PRODUCER_ID = 8_000_000;
/** Kafka's numbers for them (`TransactionState`). */
const State = { empty: 0, ongoing: 1, prepareCommit: 2, prepareAbort: 3, completeCommit: 4, completeAbort: 5 } as const;

/** A state at or near the last epoch. */
interface Planted {
  readonly version: 0 | 1;
  readonly status: (typeof State)[keyof typeof State];
  readonly producerEpoch: number;
  /** In the second version of transactions the end of one is prepared with the epoch and the producer of the next. */
  readonly isOfSecondVersion?: boolean;
  readonly hasNextProducer?: boolean;
}

const PLANTED: readonly Planted[] = [
  { version: 0, status: State.completeCommit, producerEpoch: LAST_EPOCH - 2 },
  { version: 1, status: State.completeAbort, producerEpoch: LAST_EPOCH - 1 },
  { version: 1, status: State.empty, producerEpoch: LAST_EPOCH - 1 },
  { version: 0, status: State.ongoing, producerEpoch: LAST_EPOCH - 2 },
  { version: 1, status: State.ongoing, producerEpoch: LAST_EPOCH - 1, isOfSecondVersion: true },
  { version: 1, status: State.prepareCommit, producerEpoch: LAST_EPOCH - 1 },
  { version: 1, status: State.prepareAbort, producerEpoch: LAST_EPOCH, isOfSecondVersion: true, hasNextProducer: true },
  { version: 1, status: State.ongoing, producerEpoch: LAST_EPOCH - 2, isOfSecondVersion: true },
  { version: 1, status: State.completeCommit, producerEpoch: LAST_EPOCH - 2, isOfSecondVersion: true },
];

/** One for each id of some scenes. */
export const PLANTED_SCENES = PLANTED.length / 3;

/** Writes the states of a scene, the same in each broker's log, and tells its producers what they are. */
export function plant(dataDir: string, cast: TransactionCast, scene: number): void {
  const states = PLANTED.slice(scene * 3, scene * 3 + 3);
  const records = states.map((planted, index) => {
    const producerId = FIRST_PRODUCER_ID + 10 * (scene * 3 + index);
    cast.becomes(`t${index}`, claimed(planted, producerId));
    return { timestampMs: Date.now(), key: keyOf(cast.full(`t${index}`)), value: valueOf(planted, producerId, cast.full('a')) };
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

function keyOf(transactionalId: string): Buffer {
  const writer = new Writer();
  writer.int16(0);
  transactionLogKeySchema.encode(writer, { transactionalId }, 0);
  return Buffer.from(writer.toBuffer());
}

function valueOf({ version, status, producerEpoch, isOfSecondVersion, hasNextProducer }: Planted, producerId: number, topic: string): Buffer {
  const isOpen = status === State.ongoing || status === State.prepareCommit || status === State.prepareAbort;
  const nowMs = Date.now();
  const value: TransactionLogValueInput = {
    producerId, producerEpoch, transactionTimeoutMs: 600_000, transactionStatus: status, transactionLastUpdateTimestampMs: nowMs,
    transactionStartTimestampMs: status === State.empty ? -1 : nowMs, transactionPartitions: isOpen ? [{ topic, partitionIds: [0, 1] }] : status === State.empty ? null : [],
    ...(isOfSecondVersion === true && { previousProducerId: producerId, clientTransactionVersion: 2 }),
    ...(hasNextProducer === true && { nextProducerId: producerId + 1 }),
  };
  const writer = new Writer();
  writer.int16(version);
  transactionLogValueSchema.encode(writer, value, version);
  return Buffer.from(writer.toBuffer());
}
