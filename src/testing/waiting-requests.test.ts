import { afterEach, expect, test } from '@jest/globals';
import { NodeNet } from '../env/node/index.js';
import { createTopicsApi, fetchApi, metadataApi, produceApi } from '../protocol/generated/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { RawClient } from './raw-client.js';
import { startBroker } from './start-broker.js';

const stops: (() => void | Promise<void>)[] = [];
afterEach(async () => { for (const stop of stops.splice(0).reverse()) await stop(); });

async function start(configs: { name: string; value: string }[] = []) {
  const broker = await startBroker();
  stops.push(() => broker.close());
  const client = await RawClient.connect(new NodeNet(), broker.port);
  stops.push(() => client.close());
  await client.send(createTopicsApi, { topics: [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs }] });
  const { topics: [topic] } = await client.send(metadataApi, { topics: [{ name: 't' }] });
  return { broker, client, topicId: topic!.topicId };
}

const turn = (): Promise<void> => new Promise(resolve => { setImmediate(resolve); });

test('a fetch that waits for records is answered when the broker closes', async () => {
  const { broker, client, topicId } = await start();
  const fetched = client.send(fetchApi, {
    maxWaitMs: 0x7fff_ffff, minBytes: 1000, maxBytes: 1 << 20, forgottenTopicsData: [],
    topics: [{ topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
  });
  // What is sent later has been answered: the fetch has arrived.
  const other = await RawClient.connect(new NodeNet(), broker.port);
  stops.push(() => other.close());
  await other.send(metadataApi, { topics: [] });
  await Promise.all([broker.close(), expect(fetched).resolves.toMatchObject({ errorCode: ErrorCode.NONE })]);
});

test('a fetch that wants more than it may be given waits for as much as it may', async () => {
  const { broker, client, topicId } = await start();
  const other = await RawClient.connect(new NodeNet(), broker.port);
  stops.push(() => other.close());
  const produce = () => {
    const records = buildBatch({ producerId: -1, producerEpoch: -1, baseSequence: -1 }, [{ timestampMs: 1, key: null, value: Buffer.alloc(1000) }]);
    return other.send(produceApi, { acks: -1, timeoutMs: 1000, topicData: [{ topicId, partitionData: [{ index: 0, records }] }] });
  };
  let isAnswered = false;
  const fetched = client.send(fetchApi, {
    maxWaitMs: 0x7fff_ffff, minBytes: 1_000_000, maxBytes: 2500, forgottenTopicsData: [],
    topics: [{ topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
  }).finally(() => { isAnswered = true; });
  await produce();
  await produce();
  expect(isAnswered).toBe(false);
  await produce();
  const { responses } = await fetched;
  expect(responses[0]!.partitions[0]!.records!.length).toBeGreaterThan(2000);
});

test('a duplicate is told the time at which the original was appended', async () => {
  const { client, topicId } = await start([{ name: 'message.timestamp.type', value: 'LogAppendTime' }]);
  const send = async () => {
    const records = buildBatch({ producerId: 5, producerEpoch: 0, baseSequence: 0 }, [{ timestampMs: 1, key: null, value: Buffer.from('x') }]);
    const { responses } = await client.send(produceApi, { acks: -1, timeoutMs: 1000, topicData: [{ topicId, partitionData: [{ index: 0, records }] }] });
    return responses[0]!.partitionResponses[0]!;
  };
  const first = await send();
  expect(first).toMatchObject({ errorCode: ErrorCode.NONE, baseOffset: 0 });
  while (Date.now() <= Number(first.logAppendTimeMs)) await turn();
  expect(await send()).toEqual(first);
});
