import { expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeNet, nodeEnv } from '../env/node/index.js';
import { readMetaProperties } from '../log/index.js';
import { apiVersionsApi, describeQuorumApi, removeRaftVoterApi, updateFeaturesApi } from '../protocol/generated/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { ZERO_UUID } from '../protocol/wire/types.js';
import { RawClient } from './raw-client.js';
import { startBroker, type RunningBroker } from './start-broker.js';

const KRAFT_VERSION = 'kraft.version';

async function ask<T>({ port }: RunningBroker, question: (client: RawClient) => Promise<T>): Promise<T> {
  const client = await RawClient.connect(new NodeNet(), port);
  try {
    return await question(client);
  } finally {
    client.close();
  }
}

const voterOf = (broker: RunningBroker) => ask(broker, async client => {
  const { topics } = await client.send(describeQuorumApi, { topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] }, 2);
  return topics[0]!.partitions[0]!.currentVoters[0]!.replicaDirectoryId;
});

const levelOf = (broker: RunningBroker) => ask(broker, async client => {
  const { finalizedFeatures } = await client.send(apiVersionsApi, { clientSoftwareName: 'test', clientSoftwareVersion: '1' }, 4);
  return finalizedFeatures.find(({ name }) => name === KRAFT_VERSION)?.maxVersionLevel;
});

const remove = (broker: RunningBroker) => ask(broker, async client =>
  (await client.send(removeRaftVoterApi, { clusterId: null, voterId: 1, voterDirectoryId: 'AAAAAAAAQACAAAAAAAAAEQ' }, 0)).errorCode);

test('voters that settings name move into the log with kraft.version 1, and stay there', async () => {
  const data = mkdtempSync(join(tmpdir(), 'ottla-kraft-version-'));
  const start = () => startBroker({ data, settings: { 'controller.quorum.voters': '1@localhost:9093' } });
  try {
    const broker = await start();
    expect([await levelOf(broker), await voterOf(broker), await remove(broker)]).toEqual([undefined, ZERO_UUID, ErrorCode.UNSUPPORTED_VERSION]);
    const update = (validateOnly: boolean) => ask(broker, async client =>
      (await client.send(updateFeaturesApi, { featureUpdates: [{ feature: KRAFT_VERSION, maxVersionLevel: 1, upgradeType: 1 }], validateOnly }, 2)).errorCode);
    expect(await update(true)).toBe(0);
    expect(await voterOf(broker)).toBe(ZERO_UUID);
    expect(await update(false)).toBe(0);
    const { directoryId } = readMetaProperties(nodeEnv({ logLevel: 'silent' }).disk, data)!;
    expect([await levelOf(broker), await voterOf(broker), await remove(broker)]).toEqual([1, directoryId, ErrorCode.VOTER_NOT_FOUND]);
    expect(await update(false)).toBe(0);
    await broker.close();
    const again = await start();
    expect([await levelOf(again), await voterOf(again)]).toEqual([1, directoryId]);
    await again.close();
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}, 30_000);
