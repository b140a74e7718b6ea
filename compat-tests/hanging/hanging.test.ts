// A transaction that its coordinator knows nothing of, as verification is there to prevent: Apache's kafka-transactions finds and aborts it.

import { afterAll, describe, expect, test } from '@jest/globals';
import { NodeNet } from '../../src/env/node/index.js';
import {
  createTopicsApi, findCoordinatorApi, incrementalAlterConfigsApi, initProducerIdApi, listOffsetsApi, produceApi,
} from '../../src/protocol/generated/index.js';
import { buildBatch } from '../../src/protocol/records/batch-builder.js';
import { RawClient } from '../../src/testing/raw-client.js';
import { brokerUnderTest } from '../support/brokers.js';
import { run } from '../support/processes.js';
import { JAVA_CLASSPATH, missing, noteSkipped, QUIET_JAVA } from '../support/toolchains.js';
import { until } from '../support/until.js';

const TIMEOUT_MS = 180_000;
const HOUR_MS = 3_600_000;
const BROKER_RESOURCE = 4;
const READ_COMMITTED = 1;
const LATEST = -1;

const reason = missing('java');
if (reason !== null) noteSkipped('hanging transactions by Apache Kafka\'s tool', reason);

const broker = brokerUnderTest({ 'transaction.state.log.num.partitions': '1' });
afterAll(() => broker.remove(), TIMEOUT_MS);

const tool = async (...words: string[]): Promise<string> => {
  const { stdout, stderr } = await run('java', [...QUIET_JAVA, '-cp', JAVA_CLASSPATH, 'org.apache.kafka.tools.TransactionsCommand', '--bootstrap-server', broker.bootstrap, ...words]);
  return `${stdout}\n${stderr}`;
};

async function stableOffset(client: RawClient): Promise<number> {
  const { topics } = await client.send(listOffsetsApi, {
    replicaId: -1, isolationLevel: READ_COMMITTED, timeoutMs: 1000, topics: [{ name: 'stuck', partitions: [{ partitionIndex: 0, timestamp: LATEST }] }],
  });
  return Number(topics[0]!.partitions[0]!.offset);
}

/** Writes as a producer whose coordinator was never told of the partition. */
async function hang(client: RawClient): Promise<number> {
  const isDone = ({ errorCode }: { errorCode: number }): boolean => errorCode === 0;
  await until('a coordinator', async () => (await client.send(findCoordinatorApi, { keyType: 1, coordinatorKeys: ['lost'] })).coordinators[0]!, isDone);
  const answer = await until('a producer', () => client.send(initProducerIdApi, { transactionalId: 'lost', transactionTimeoutMs: 60_000 }), isDone);
  const producerId = Number(answer.producerId);
  const records = buildBatch({ producerId, producerEpoch: 0, baseSequence: 0, isTransactional: true }, [{ timestampMs: Date.now() - HOUR_MS, key: null, value: Buffer.from('x') }]);
  const send = async (): Promise<number> => (await client.send(produceApi, {
    transactionalId: 'lost', acks: -1, timeoutMs: 1000, topicData: [{ name: 'stuck', partitionData: [{ index: 0, records }] }],
  }, 11)).responses[0]!.partitionResponses[0]!.errorCode;
  expect(await send()).not.toBe(0);
  await verifies(client, false);
  await until('a record that nobody verified', send, errorCode => errorCode === 0);
  await verifies(client, true);
  return producerId;
}

async function verifies(client: RawClient, value: boolean): Promise<void> {
  const configs = [{ name: 'transaction.partition.verification.enable', value: String(value), configOperation: 0 }];
  const { responses } = await client.send(incrementalAlterConfigsApi, { resources: [{ resourceType: BROKER_RESOURCE, resourceName: '', configs }], validateOnly: false });
  expect(responses[0]!.errorCode).toBe(0);
}

(reason === null ? describe : describe.skip)('kafka-transactions', () => {
  test('finds a hanging transaction and aborts it, and those who read committed records go on', async () => {
    await broker.start();
    const client = await RawClient.connect(new NodeNet(), broker.port, { host: broker.host });
    try {
      await client.send(createTopicsApi, { topics: [{ name: 'stuck', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: 10_000 });
      const producerId = await hang(client);
      expect(await stableOffset(client)).toBe(0);
      const found = ['find-hanging', '--topic', 'stuck', '--partition', '0'];
      expect(await tool(...found)).toMatch(new RegExp(`stuck\\s+0\\s+${producerId}\\s+0\\s+-1\\s+0\\s`));
      expect(await tool('abort', '--topic', 'stuck', '--partition', '0', '--start-offset', '0')).not.toMatch(/error|exception/i);
      expect(await stableOffset(client)).toBe(2);
      expect(await tool(...found)).not.toContain('stuck');
    } finally {
      client.close();
    }
  }, TIMEOUT_MS);
});
