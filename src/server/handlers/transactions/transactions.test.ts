import { describe, expect, test } from '@jest/globals';
import { undescribed } from '../../../coordinator/transaction/transaction-machine.js';
import {
  addOffsetsToTxnApi, addPartitionsToTxnApi, describeTransactionsApi, endTxnApi, initProducerIdApi, listTransactionsApi,
} from '../../../protocol/generated/index.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import { Operation, Resource } from '../../context.js';
import { TransactionApiFixture, versionsOf } from '../testing/transaction-api-fixture.js';

const { NONE, PRODUCER_FENCED, INVALID_PRODUCER_EPOCH } = ErrorCode;
const FENCED = { errorCode: PRODUCER_FENCED, producerId: -1, producerEpoch: -1 };
const served = (api: { minVersion: number; maxVersion: number; unstableFrom: number }): number[] => versionsOf(api).filter(version => version < api.unstableFrom);

describe('InitProducerId', () => {
  const input = { transactionalId: 'mine' as string | null, transactionTimeoutMs: 5000 };

  test('passes a transactional id on to its coordinator, with what the producer had before from version 3 on', async () => {
    for (const version of served(initProducerIdApi)) {
      const fixture = new TransactionApiFixture({ initProducerId: { errorCode: NONE, producerId: 7, producerEpoch: 3 } });
      const before = version >= 3 ? { producerId: 7, producerEpoch: 2 } : {};
      expect(await fixture.call(initProducerIdApi, version, { ...input, ...before })).toMatchObject({ errorCode: NONE, producerId: 7, producerEpoch: 3 });
      expect(fixture.asked).toEqual([['initProducerId', {
        ...input, enable2Pc: false, keepPreparedTxn: false, producerId: version >= 3 ? 7 : -1, producerEpoch: version >= 3 ? 2 : -1,
      }]]);
    }
  });

  test('gives a producer without a transactional id one of its own, without the coordinator', async () => {
    for (const version of served(initProducerIdApi)) {
      const fixture = new TransactionApiFixture();
      expect(await fixture.call(initProducerIdApi, version, { ...input, transactionalId: null })).toMatchObject({ errorCode: NONE, producerId: 4000, producerEpoch: 0 });
      expect(fixture.asked).toEqual([]);
    }
  });

  test('takes an id and an epoch together or neither (42), from those who may (53, 31)', async () => {
    const fixture = new TransactionApiFixture();
    for (const half of [{ producerId: 7 }, { producerEpoch: 2 }]) {
      expect(await fixture.call(initProducerIdApi, 5, { ...input, ...half })).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST, producerId: -1, producerEpoch: -1 });
    }
    fixture.allowed = () => false;
    expect(await fixture.call(initProducerIdApi, 5, { ...input, producerId: 7 })).toMatchObject({ errorCode: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED });
    expect(await fixture.call(initProducerIdApi, 5, { ...input, transactionalId: null })).toMatchObject({ errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED });
    expect(fixture.asked).toEqual([]);
  });

  test('asks for more where the producer would prepare its transactions (KIP-939)', async () => {
    const fixture = new TransactionApiFixture({ initProducerId: { errorCode: NONE, producerId: 7, producerEpoch: 3 } });
    fixture.allowed = operation => operation !== Operation.TWO_PHASE_COMMIT;
    expect(await fixture.call(initProducerIdApi, 6, { ...input, keepPreparedTxn: true })).toMatchObject({ errorCode: NONE });
    expect(await fixture.call(initProducerIdApi, 6, { ...input, enable2Pc: true })).toMatchObject({ errorCode: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED });
    expect(fixture.asked).toMatchObject([['initProducerId', { keepPreparedTxn: true, enable2Pc: false }]]);
  });

  test('is told of a fenced producer by 47 below version 4, by 90 from it on', async () => {
    for (const version of served(initProducerIdApi)) {
      const { errorCode } = await new TransactionApiFixture({ initProducerId: FENCED }).call(initProducerIdApi, version, input);
      expect(errorCode).toBe(version < 4 ? INVALID_PRODUCER_EPOCH : PRODUCER_FENCED);
    }
  });
});

describe('AddPartitionsToTxn', () => {
  const topics = [{ name: 'events', partitions: [1, 0] }, { name: 'more', partitions: [1] }];
  const producer = { transactionalId: 'mine', producerId: 7, producerEpoch: 3 };
  const PARTITIONS = [{ topic: 'events', index: 1 }, { topic: 'events', index: 0 }, { topic: 'more', index: 1 }];
  const client = (wanted: typeof topics) => ({ v3AndBelowTransactionalId: 'mine', v3AndBelowProducerId: 7, v3AndBelowProducerEpoch: 3, v3AndBelowTopics: wanted });
  const broker = (wanted: typeof topics, verifyOnly = false) => ({ transactions: [{ ...producer, verifyOnly, topics: wanted }] });

  /** `topic-partition code`, in the order of the answer. */
  async function add(fixture: TransactionApiFixture, version: number, wanted = topics, verifyOnly = false): Promise<string[]> {
    const answer = await fixture.call(addPartitionsToTxnApi, version, version < 4 ? client(wanted) : broker(wanted, verifyOnly));
    const results = version < 4 ? answer.resultsByTopicV3AndBelow : answer.resultsByTransaction[0]!.topicResults;
    return results.flatMap(({ name, resultsByPartition }) => resultsByPartition.map(one => `${name}-${one.partitionIndex} ${one.partitionErrorCode}`));
  }

  test('adds all partitions at once; from version 4 on for a client that knows an epoch for each transaction', async () => {
    for (const version of served(addPartitionsToTxnApi)) {
      const fixture = new TransactionApiFixture({ addPartitions: NONE });
      expect(await add(fixture, version)).toEqual(['events-1 0', 'events-0 0', 'more-1 0']);
      expect(fixture.asked).toEqual([['addPartitions', { ...producer, partitions: PARTITIONS, clientVersion: version < 4 ? 0 : 2 }]]);
    }
  });

  test('tells every partition of the one error, a fenced producer\'s by 47 below version 2', async () => {
    for (const version of served(addPartitionsToTxnApi)) {
      const code = version < 2 ? INVALID_PRODUCER_EPOCH : PRODUCER_FENCED;
      expect(await add(new TransactionApiFixture({ addPartitions: PRODUCER_FENCED }), version)).toEqual([`events-1 ${code}`, `events-0 ${code}`, `more-1 ${code}`]);
    }
  });

  test('adds nothing where a partition is not there (3) or not for this client (29)', async () => {
    for (const version of served(addPartitionsToTxnApi)) {
      const fixture = new TransactionApiFixture();
      expect(await add(fixture, version, [{ name: 'events', partitions: [0, 2] }, { name: 'gone', partitions: [0] }])).toEqual(['events-0 55', 'events-2 3', 'gone-0 3']);
      fixture.allowed = (operation, resource, name) => operation !== Operation.WRITE || resource !== Resource.TOPIC || name !== 'more';
      if (version < 4) expect(await add(fixture, version)).toEqual(['events-1 55', 'events-0 55', 'more-1 29']);
      expect(fixture.asked).toEqual([]);
    }
  });

  test('lets brokers alone add internal topics', async () => {
    const offsets = [{ name: '__consumer_offsets', partitions: [1] }];
    expect(await add(new TransactionApiFixture({ addPartitions: NONE }), 3, offsets)).toEqual(['__consumer_offsets-1 29']);
    expect(await add(new TransactionApiFixture({ addPartitions: NONE }), 4, offsets)).toEqual(['__consumer_offsets-1 0']);
  });

  test('verifies only, where that is asked for', async () => {
    const fixture = new TransactionApiFixture({ verifyPartitions: PARTITIONS.map((partition, i) => ({ ...partition, errorCode: i === 0 ? ErrorCode.TRANSACTION_ABORTABLE : NONE })) });
    expect(await add(fixture, 4, topics, true)).toEqual(['events-1 120', 'events-0 0', 'more-1 0']);
    expect(fixture.asked).toEqual([['verifyPartitions', { ...producer, partitions: PARTITIONS }]]);
  });

  test('answers for each of many transactions', async () => {
    const fixture = new TransactionApiFixture({ addPartitions: NONE });
    const { errorCode, resultsByTransaction } = await fixture.call(addPartitionsToTxnApi, 5, { transactions: [
      { ...producer, topics }, { ...producer, transactionalId: 'other', topics: [{ name: 'gone', partitions: [0] }] },
    ] });
    expect(errorCode).toBe(NONE);
    expect(resultsByTransaction.map(({ transactionalId, topicResults }) => [transactionalId, topicResults.map(({ resultsByPartition }) => resultsByPartition[0]!.partitionErrorCode)]))
      .toEqual([['mine', [0, 0]], ['other', [3]]]);
  });

  test('is refused to who may not use the id (53), and from version 4 on as a whole to who is no broker (31)', async () => {
    const fixture = new TransactionApiFixture();
    fixture.allowed = () => false;
    expect(await add(fixture, 3)).toEqual(['events-1 53', 'events-0 53', 'more-1 53']);
    expect(await fixture.call(addPartitionsToTxnApi, 4, broker(topics))).toMatchObject({ errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED, resultsByTransaction: [] });
    expect(fixture.asked).toEqual([]);
  });
});

describe('AddOffsetsToTxn', () => {
  const input = { transactionalId: 'mine', producerId: 7, producerEpoch: 3, groupId: 'abc' };

  test('adds the partition that the group\'s offsets are committed to', async () => {
    for (const version of served(addOffsetsToTxnApi)) {
      const fixture = new TransactionApiFixture({ addPartitions: NONE });
      expect(await fixture.call(addOffsetsToTxnApi, version, input)).toMatchObject({ errorCode: NONE });
      expect(fixture.asked).toEqual([['addPartitions', {
        transactionalId: 'mine', producerId: 7, producerEpoch: 3, partitions: [{ topic: '__consumer_offsets', index: 3 }], clientVersion: 0,
      }]]);
    }
  });

  test('is told of a fenced producer by 47 below version 2, by 90 from it on', async () => {
    for (const version of served(addOffsetsToTxnApi)) {
      const { errorCode } = await new TransactionApiFixture({ addPartitions: PRODUCER_FENCED }).call(addOffsetsToTxnApi, version, input);
      expect(errorCode).toBe(version < 2 ? INVALID_PRODUCER_EPOCH : PRODUCER_FENCED);
    }
  });

  test('is refused to who may not use the id (53) or the group (30)', async () => {
    const fixture = new TransactionApiFixture();
    fixture.allowed = (_, resource) => resource !== Resource.GROUP;
    expect(await fixture.call(addOffsetsToTxnApi, 4, input)).toMatchObject({ errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED });
    fixture.allowed = (_, resource) => resource !== Resource.TRANSACTIONAL_ID;
    expect(await fixture.call(addOffsetsToTxnApi, 4, input)).toMatchObject({ errorCode: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED });
  });
});

describe('EndTxn', () => {
  const input = { transactionalId: 'mine', producerId: 7, producerEpoch: 3, committed: true };

  test('tells the next epoch from version 5 on, whose clients take one for each transaction', async () => {
    for (const version of served(endTxnApi)) {
      const fixture = new TransactionApiFixture({ endTransaction: { errorCode: NONE, producerId: 7, producerEpoch: 4 } });
      expect(await fixture.call(endTxnApi, version, input)).toMatchObject({ errorCode: NONE, ...version >= 5 && { producerId: 7, producerEpoch: 4 } });
      expect(fixture.asked).toEqual([['endTransaction', { ...input, clientVersion: version < 5 ? 0 : 2 }]]);
    }
  });

  test('is told of a fenced producer by 47 below version 2, by 90 from it on', async () => {
    for (const version of served(endTxnApi)) {
      const { errorCode } = await new TransactionApiFixture({ endTransaction: FENCED }).call(endTxnApi, version, input);
      expect(errorCode).toBe(version < 2 ? INVALID_PRODUCER_EPOCH : PRODUCER_FENCED);
    }
  });

  test('takes a producer id beyond all that are given out as nobody\'s', async () => {
    const fixture = new TransactionApiFixture({ endTransaction: { ...FENCED, errorCode: ErrorCode.INVALID_PRODUCER_ID_MAPPING } });
    expect(await fixture.call(endTxnApi, 5, { ...input, producerId: 2n ** 62n + 1n })).toMatchObject({ errorCode: ErrorCode.INVALID_PRODUCER_ID_MAPPING });
  });

  test('is refused to who may not use the id (53)', async () => {
    const fixture = new TransactionApiFixture();
    fixture.allowed = () => false;
    expect(await fixture.call(endTxnApi, 5, input)).toMatchObject({ errorCode: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, producerId: -1, producerEpoch: -1 });
  });
});

describe('DescribeTransactions', () => {
  const OPEN = {
    transactionalId: 'mine', errorCode: NONE, producerId: 7, producerEpoch: 3, transactionState: 'Ongoing', transactionTimeoutMs: 5000, transactionStartTimeMs: 99,
    partitions: [{ topic: 'events', index: 1 }, { topic: 'more', index: 0 }, { topic: 'events', index: 0 }],
  };
  const UNKNOWN = { producerId: 0, producerEpoch: 0, transactionState: '', transactionTimeoutMs: 0, transactionStartTimeMs: 0, topics: [] };

  test('tells of each id in the order in which they were asked for, and of what went wrong the code alone', async () => {
    const fixture = new TransactionApiFixture({ describe: [undescribed('gone', ErrorCode.TRANSACTIONAL_ID_NOT_FOUND), OPEN] });
    const { transactionStates } = await fixture.call(describeTransactionsApi, 0, { transactionalIds: ['mine', 'gone'] });
    expect(transactionStates).toMatchObject([
      { transactionalId: 'mine', errorCode: NONE, producerId: 7, producerEpoch: 3, transactionState: 'Ongoing', transactionTimeoutMs: 5000, transactionStartTimeMs: 99,
        topics: [{ topic: 'events', partitions: [1, 0] }, { topic: 'more', partitions: [0] }] },
      { transactionalId: 'gone', errorCode: ErrorCode.TRANSACTIONAL_ID_NOT_FOUND, ...UNKNOWN },
    ]);
  });

  test('hides topics, and refuses ids (53), of those who may not describe them', async () => {
    const fixture = new TransactionApiFixture({ describe: [OPEN] });
    fixture.allowed = (operation, _, name) => operation === Operation.DESCRIBE && !['events', 'secret'].includes(name);
    const { transactionStates } = await fixture.call(describeTransactionsApi, 0, { transactionalIds: ['secret', 'mine'] });
    expect(transactionStates).toMatchObject([
      { transactionalId: 'secret', errorCode: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, ...UNKNOWN },
      { transactionalId: 'mine', topics: [{ topic: 'more', partitions: [0] }] },
    ]);
    expect(fixture.asked).toEqual([['describe', ['mine']]]);
  });
});

describe('ListTransactions', () => {
  const listed = (transactionalId: string) => ({ transactionalId, producerId: 7, transactionState: 'Ongoing' });

  test('passes on the filters that its version has', async () => {
    for (const version of served(listTransactionsApi)) {
      const fixture = new TransactionApiFixture({ list: { errorCode: NONE, unknownStates: ['Odd'], transactions: [listed('mine')] } });
      expect(await fixture.call(listTransactionsApi, version, {
        stateFilters: ['Ongoing', 'Odd'], producerIdFilters: [7], ...version >= 1 && { durationFilter: 10 }, ...version >= 2 && { transactionalIdPattern: 'm.*' },
      })).toMatchObject({ errorCode: NONE, unknownStateFilters: ['Odd'], transactionStates: [listed('mine')] });
      expect(fixture.asked).toEqual([['list', {
        states: ['Ongoing', 'Odd'], producerIds: [7], durationMs: version >= 1 ? 10 : -1, transactionalIdPattern: version >= 2 ? 'm.*' : null,
      }]]);
    }
  });

  test('leaves out ids of which somebody may not know', async () => {
    const fixture = new TransactionApiFixture({ list: { errorCode: NONE, unknownStates: [], transactions: [listed('mine'), listed('yours')] } });
    fixture.allowed = (_, __, name) => name === 'mine';
    expect(await fixture.call(listTransactionsApi, 2, { stateFilters: [], producerIdFilters: [] })).toMatchObject({ transactionStates: [listed('mine')] });
  });
});
