import { afterEach, expect, test } from '@jest/globals';
import { NodeNet } from '../env/node/index.js';
import { createTopicsApi, deleteTopicsApi, metadataApi } from '../protocol/generated/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { ZERO_UUID } from '../protocol/wire/types.js';
import { RawClient } from './raw-client.js';
import { startBroker } from './start-broker.js';

const stops: (() => void | Promise<void>)[] = [];
afterEach(async () => { for (const stop of stops.splice(0).reverse()) await stop(); });

test('a topic that one client deletes while another creates it anew does not stop the broker', async () => {
  const broker = await startBroker();
  stops.push(() => broker.close());
  const net = new NodeNet();
  const [deleter, creator] = [await RawClient.connect(net, broker.port), await RawClient.connect(net, broker.port)];
  stops.push(() => deleter.close(), () => creator.close());
  const creation = { topics: [{ name: 't', numPartitions: 3, replicationFactor: 1, assignments: [], configs: [] }] };
  const ids = new Set<string>();
  for (let round = 0; round < 30; round++) {
    await creator.send(createTopicsApi, creation);
    const [deleted, created] = await Promise.all([
      deleter.send(deleteTopicsApi, { topics: [{ name: 't', topicId: ZERO_UUID }], topicNames: [], timeoutMs: 3000 }),
      creator.send(createTopicsApi, creation),
    ]);
    expect(deleted.responses[0]!.errorCode).toBe(ErrorCode.NONE);
    expect([ErrorCode.NONE, ErrorCode.TOPIC_ALREADY_EXISTS]).toContain(created.topics[0]!.errorCode);
    const { topics: [topic] } = await creator.send(metadataApi, { topics: [{ name: 't' }], allowAutoTopicCreation: false });
    if (created.topics[0]!.errorCode === ErrorCode.NONE) ids.add(topic!.topicId);
  }
  // At least one round has to have made the two meet.
  expect(ids.size).toBeGreaterThan(0);
});
