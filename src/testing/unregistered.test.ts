import { expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeNet } from '../env/node/index.js';
import { createTopicsApi, metadataApi, unregisterBrokerApi } from '../protocol/generated/index.js';
import { RawClient } from './raw-client.js';
import { startBroker } from './start-broker.js';

const NEWEST = { createTopics: 7, metadata: 13, unregister: 0 };

test('a broker that is taken out of the cluster leads nothing, stops in order, and is of the cluster again after a start', async () => {
  const data = mkdtempSync(join(tmpdir(), 'ottla-unregistered-'));
  try {
    const leaders = async (port: number) => {
      const client = await RawClient.connect(new NodeNet(), port);
      const { topics } = await client.send(metadataApi, { topics: [{ name: 't' }], allowAutoTopicCreation: false }, NEWEST.metadata);
      client.close();
      return topics[0]!.partitions.map(({ leaderId }) => leaderId);
    };
    const broker = await startBroker({ data });
    const client = await RawClient.connect(new NodeNet(), broker.port);
    await client.send(createTopicsApi, { timeoutMs: 5000, topics: [{ name: 't', numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }] }, NEWEST.createTopics);
    expect(await leaders(broker.port)).toEqual([1, 1]);
    expect(await client.send(unregisterBrokerApi, { brokerId: 1 }, NEWEST.unregister)).toMatchObject({ errorCode: 0, errorMessage: '' });
    expect(await leaders(broker.port)).toEqual([-1, -1]);
    client.close();
    await broker.close();
    const again = await startBroker({ data });
    expect(await leaders(again.port)).toEqual([1, 1]);
    await again.close();
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}, 30_000);
