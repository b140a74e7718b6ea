// Many transactional ids: found again at a start, and kept while their producers do nothing.

import { addPartitionsToTxnApi, describeTransactionsApi, endTxnApi, findCoordinatorApi, initProducerIdApi } from '../../../src/protocol/generated/index.js';
import { ErrorCode } from '../../../src/protocol/generated/errors.js';
import type { RawClient } from '../../../src/testing/raw-client.js';
import type { BrokerUnderTest } from '../../support/brokers.js';
import { until } from '../../support/until.js';
import { Admin } from '../admin.js';
import { connected, overConnections } from '../connection.js';
import { costOf, costSoFar, residentMb } from '../process-cost.js';
import type { Row } from '../row.js';
import type { Target } from '../target.js';

const TOPIC = 'transacted';
const TRANSACTION_TIMEOUT_MS = 60_000;
const AT_ONCE = 50;
/** Of before KIP-890's second part: partitions can be added without a record, and a transaction be all about its coordinator. */
const INIT_VERSION = 4;
const ADD_VERSION = 3;
const END_VERSION = 3;
/** FindCoordinator's key type. */
const TRANSACTION = 1;
const PATIENCE = { retryMs: 2, timeoutMs: 120_000 };
const PASSING: readonly number[] = [
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.NOT_COORDINATOR, ErrorCode.CONCURRENT_TRANSACTIONS,
];
const COMMITTED = 'CompleteCommit';

async function settled<Answer extends { readonly errorCode: number }>(what: string, ask: () => Promise<Answer>): Promise<Answer> {
  const answer = await until(what, ask, ({ errorCode }) => !PASSING.includes(errorCode), PATIENCE);
  if (answer.errorCode !== ErrorCode.NONE) throw new Error(`${what} was refused with ${answer.errorCode}`);
  return answer;
}

const initialized = (client: RawClient, transactionalId: string) => settled(`the producer id of ${transactionalId}`, () =>
  client.send(initProducerIdApi, { transactionalId, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS }, INIT_VERSION));

/** A transaction that leaves nothing but the coordinator's records and a marker. */
async function transacted(client: RawClient, transactionalId: string): Promise<void> {
  const { producerId, producerEpoch } = await initialized(client, transactionalId);
  await settled(`a partition of ${transactionalId}`, async () => {
    const { resultsByTopicV3AndBelow } = await client.send(addPartitionsToTxnApi, {
      v3AndBelowTransactionalId: transactionalId, v3AndBelowProducerId: producerId, v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: TOPIC, partitions: [0] }],
    }, ADD_VERSION);
    return { errorCode: resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode };
  });
  await settled(`the end of ${transactionalId}`, () => client.send(endTxnApi, { transactionalId, producerId, producerEpoch, committed: true }, END_VERSION));
}

/** Resolves when each id's coordinator tells of its transaction that it is over. */
async function described(client: RawClient, transactionalIds: readonly string[]): Promise<void> {
  let asked = transactionalIds;
  await until('coordinators of all transactional ids', async () => {
    const { transactionStates } = await client.send(describeTransactionsApi, { transactionalIds: [...asked] });
    const unknown = transactionStates.find(({ errorCode }) => errorCode !== ErrorCode.NONE && !PASSING.includes(errorCode));
    if (unknown !== undefined) throw new Error(`${unknown.transactionalId} was answered with ${unknown.errorCode}`);
    asked = transactionStates.filter(({ errorCode, transactionState }) => errorCode !== ErrorCode.NONE || transactionState !== COMMITTED)
      .map(({ transactionalId }) => transactionalId);
    return asked;
  }, left => left.length === 0, PATIENCE);
}

/** The topic of transactions is there, and all its partitions have their coordinators. */
const coordinated = (client: RawClient) => settled('the coordinator of transactions', async () => {
  const { coordinators } = await client.send(findCoordinatorApi, { keyType: TRANSACTION, coordinatorKeys: ['any'] });
  return coordinators[0]!;
});

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `transactional-id-${index}`);

/** A stopped broker on which so many ids have committed a transaction each. */
function stopped(target: Target, count: number): Promise<{ broker: BrokerUnderTest; transactionalIds: string[] }> {
  return target.once(`stopped-transactional-ids-${count}`, async () => {
    const broker = target.fresh();
    await broker.start();
    const admin = await Admin.connect(broker.host, broker.port);
    const topic = { name: TOPIC, partitions: 1 };
    await admin.createTopics([topic]);
    await admin.untilServed([topic]);
    admin.close();
    const transactionalIds = names(count);
    await connected(broker, coordinated);
    await overConnections(broker, AT_ONCE, transactionalIds, transacted);
    await connected(broker, client => described(client, transactionalIds));
    await broker.stop();
    return { broker, transactionalIds };
  }, 'own');
}

export const transactionalIdRows: readonly Row[] = [
  {
    name: 'start-transactional-ids', ownBroker: true, title: 'start with 10,000 transactional ids after a clean stop, until all are served',
    metrics: [{ name: 'ms', title: 'time', unit: 'ms', better: 'lower' }, { name: 'residentMb', title: 'resident memory', unit: 'MB', better: 'lower' }],
    async run(target, scale) {
      const { broker, transactionalIds } = await stopped(target, scale.startTransactionalIds);
      const startMs = performance.now();
      await broker.start();
      await connected(broker, client => described(client, transactionalIds));
      const ms = performance.now() - startMs;
      const cost = costSoFar(broker.pid, ms / 1000);
      await broker.stop();
      return { values: { ms, residentMb: cost.residentMb }, cost, clientCores: null };
    },
  },
  {
    name: 'idle-transactional-ids', ownBroker: true, title: 'a fresh broker is asked for the producer ids of 100,000 transactional ids, over 50 connections',
    metrics: [
      { name: 'idsPerSecond', title: 'ids', unit: 'ids/s', better: 'higher' },
      { name: 'residentMb', title: 'resident memory', unit: 'MB', better: 'lower' },
      { name: 'grownMb', title: 'of that, since before', unit: 'MB', better: 'lower' },
    ],
    async run(target, scale) {
      const broker = target.fresh();
      try {
        await broker.start();
        await connected(broker, coordinated);
        const beforeMb = residentMb(broker.pid);
        const ids = names(scale.idleTransactionalIds);
        const { cost } = await costOf(broker.pid, () => overConnections(broker, AT_ONCE, ids, async (client, id) => { await initialized(client, id); }));
        return { values: { idsPerSecond: ids.length / cost.seconds, residentMb: cost.residentMb, grownMb: cost.residentMb - beforeMb }, cost, clientCores: null };
      } finally {
        await target.removeBroker(broker);
      }
    },
  },
];
