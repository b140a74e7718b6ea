import { afterEach, expect, test } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { groupRecordCodec } from '../coordinator/group/records.js';
import { NodeNet } from '../env/node/index.js';
import { createTopicsApi, deleteGroupsApi, findCoordinatorApi, offsetCommitApi, offsetFetchApi } from '../protocol/generated/index.js';
import { batchesIn, recordsIn } from '../protocol/records/batch-iterator.js';
import { RawClient } from './raw-client.js';
import { startBroker } from './start-broker.js';

/** `__consumer_offsets` as it grows and shrinks. */

const PARTITIONS = 100;
const COMMIT_VERSION = 8;
const settings = {
  'offsets.topic.num.partitions': 1, 'offsets.topic.segment.bytes': 1 << 20, 'log.cleaner.backoff.ms': 20, 'log.cleaner.min.cleanable.ratio': 0.01,
  'log.cleaner.delete.retention.ms': 1,
};

const stops: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function commit(client: RawClient, groupId: string, committedOffset: number): Promise<void> {
  const partitions = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({ partitionIndex, committedOffset, committedMetadata: '' }));
  const { topics } = await client.send(offsetCommitApi, { groupId, memberId: '', generationIdOrMemberEpoch: -1, topics: [{ name: 't', partitions }] }, COMMIT_VERSION);
  expect(topics[0]!.partitions.every(({ errorCode }) => errorCode === 0)).toBe(true);
}

/** How many records of each group stand in the segments. The cleaner may take one away under our eyes. */
function kept(folder: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const name of readdirSync(folder).filter(file => file.endsWith('.log'))) {
    let bytes: Buffer;
    try {
      bytes = readFileSync(join(folder, name));
    } catch {
      continue;
    }
    for (const at of batchesIn(bytes)) {
      for (const { key, value } of recordsIn(bytes, at)) {
        const groupId = groupRecordCodec.decode(key, value)?.groupId;
        if (groupId !== undefined) found.set(groupId, (found.get(groupId) ?? 0) + 1);
      }
    }
  }
  return found;
}

test('compaction takes old commits out of it, and of a deleted group everything, tombstones too', async () => {
  const data = mkdtempSync(join(tmpdir(), 'ottla-offsets-'));
  stops.push(() => rmSync(data, { recursive: true }));
  const folder = join(data, '__consumer_offsets-0');
  let broker = await startBroker({ data, settings });
  stops.push(() => broker.close());
  let client = await RawClient.connect(new NodeNet(), broker.port);
  stops.push(() => client.close());
  await client.send(createTopicsApi, { topics: [{ name: 't', numPartitions: PARTITIONS, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: 10_000 });
  await client.send(findCoordinatorApi, { keyType: 0, coordinatorKeys: ['any'] });

  await commit(client, 'deleted', 1);
  expect((await client.send(deleteGroupsApi, { groupsNames: ['deleted'] })).results).toMatchObject([{ errorCode: 0 }]);
  // 100 commits, 100 tombstones, and that of the group.
  expect(kept(folder).get('deleted')).toBe(201);
  let written = 0;
  const commitOn = async (): Promise<void> => {
    for (let round = 0; round < 20; round++) await commit(client, 'kept', ++written);
  };
  // A tombstone goes at the second look at it, which comes when there is more to clean.
  while (kept(folder).has('deleted')) await commitOn();
  // At most what fits into the segment that is written, and once what was committed last.
  while (written * PARTITIONS < 3 * (kept(folder).get('kept') ?? 0)) await commitOn();

  client.close();
  await broker.close();
  broker = await startBroker({ data, settings });
  client = await RawClient.connect(new NodeNet(), broker.port);
  const { groups } = await client.send(offsetFetchApi, { groups: ['kept', 'deleted'].map(groupId => ({ groupId, topics: null })) }, COMMIT_VERSION);
  expect(groups.map(({ topics }) => topics.flatMap(({ partitions }) => partitions.map(({ committedOffset }) => committedOffset))))
    .toEqual([Array.from({ length: PARTITIONS }, () => written), []]);
}, 120_000);
