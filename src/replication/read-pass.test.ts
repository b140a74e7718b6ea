import { expect, test } from '@jest/globals';
import { TimingWheel } from '../base/timing-wheel.js';
import { MemoryDisk } from '../env/memory/memory-disk.js';
import { NodeRandom, silentLogger } from '../env/node/index.js';
import { createLog, createLogHost, ReadBudget } from '../log/index.js';
import { ManualClock, SETTINGS, TOPIC_ID } from '../log/test-support.js';
import type { PartitionImage } from '../metadata/types.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { batchesIn, recordsIn } from '../protocol/records/batch-iterator.js';
import { fetch, Partition, type FetchOptions, type FetchOutcome } from './index.js';

const IMAGE: PartitionImage = {
  replicas: [1], directories: [], isr: [1], eligibleLeaderReplicas: [], lastKnownElr: [], addingReplicas: [], removingReplicas: [],
  leader: 1, leaderEpoch: 0, partitionEpoch: 0, leaderRecoveryState: 0,
};
const RECORD_BYTES = 10_000;

/** Partitions of ten batches of one record; those in `cached` can be read without the disk. */
function topic(count: number, cached: readonly number[] = []): { partitions: Partition[]; clock: ManualClock } {
  const clock = new ManualClock();
  const env = { disk: new MemoryDisk(() => clock.nowMs()), clock, random: new NodeRandom(), logger: silentLogger };
  const partitions = Array.from({ length: count }, (_, index) => {
    const host = createLogHost({ env, tailCacheBytes: cached.includes(index) ? 1 << 20 : 0 });
    const log = createLog({ host, directory: `/data/t-${index}`, topic: 't', partition: index, topicId: TOPIC_ID, settings: SETTINGS });
    const partition = new Partition(TOPIC_ID, 't', index, log, IMAGE, 1);
    partition.changeTo(IMAGE);
    for (let batch = 0; batch < 10; batch++) {
      partition.append(buildBatch({}, [{ timestampMs: 0, key: null, value: Buffer.alloc(RECORD_BYTES, String(index)) }]), { origin: 'client' }, 1);
    }
    return partition;
  });
  return { partitions, clock };
}

function fetchAll({ partitions, clock }: ReturnType<typeof topic>, options: Partial<FetchOptions> & { partitionBytes?: number }): Promise<FetchOutcome[]> {
  const { partitionBytes = 1 << 20, ...rest } = options;
  const positions = partitions.map(({ index }) => (
    { topicId: TOPIC_ID, topic: 't', index, currentLeaderEpoch: -1, lastFetchedEpoch: -1, fetchOffset: 0, maxBytes: partitionBytes }));
  const all: FetchOptions = { maxWaitMs: 500, minBytes: 1, maxBytes: 50 << 20, readCommitted: false, budget: new ReadBudget(), ...rest };
  return new Promise((resolve, reject) => { fetch({ clock, wheel: new TimingWheel(clock) }, ({ index }) => partitions[index]!, positions, all, resolve, reject); });
}

/** How many records each partition gave; all of them must be its own. */
const counts = (outcomes: readonly FetchOutcome[]): number[] => outcomes.map(({ position, read }, index) => {
  expect(position.index).toBe(index);
  const bytes = Buffer.concat(read!.buffers);
  const values = [...batchesIn(bytes)].flatMap(at => [...recordsIn(bytes, at)].map(({ value }) => Buffer.from(value!)));
  for (const value of values) expect(value.equals(Buffer.alloc(RECORD_BYTES, String(index)))).toBe(true);
  return values.length;
});

test('partitions on the disk and in memory are answered in the order of the request', async () => {
  expect(counts(await fetchAll(topic(20, [1, 2, 11]), {}))).toEqual(Array.from({ length: 20 }, () => 10));
});

test('reads side by side keep to the size of the answer together, and use it', async () => {
  expect(counts(await fetchAll(topic(4), { maxBytes: 250_000 }))).toEqual([10, 10, 4, 0]);
  // Each leaves something of what it might have given: the last one gets that.
  expect(counts(await fetchAll(topic(4), { maxBytes: 100_000, partitionBytes: 35_000 }))).toEqual([3, 3, 2, 1]);
});

test('the first batch comes however large it is, from the first partition that has one', async () => {
  const { partitions, clock } = topic(3);
  expect(counts(await fetchAll({ partitions, clock }, { maxBytes: 100, partitionBytes: 50 }))).toEqual([1, 0, 0]);
  const [first] = partitions;
  first!.replaceLog(Object.assign(Object.create(first!.log) as Partition['log'], {
    read: () => Promise.resolve({ buffers: [], sizeBytes: 0, release() {} }),
  }));
  expect(counts(await fetchAll({ partitions, clock }, { maxBytes: 1 << 20, partitionBytes: 50 }))).toEqual([0, 1, 0]);
});

test('where memory is short an answer is smaller, and goes at once although the client asked for more', async () => {
  const budget = new ReadBudget(1 << 20);
  budget.hold(1 << 20);
  const outcomes = await fetchAll(topic(4), { budget, minBytes: 200_000 });
  expect(counts(outcomes)).toEqual([6, 0, 0, 0]);
});

test('where there is none a fetch waits for its turn', async () => {
  const budget = new ReadBudget(1 << 20);
  budget.hold(4 << 20);
  const ended: number[] = [];
  const fetches = [0, 1, 2].map(async number => {
    const outcomes = await fetchAll(topic(1), { budget });
    ended.push(number);
    return outcomes;
  });
  await new Promise(resolve => { setImmediate(resolve); });
  expect(ended).toEqual([]);
  budget.free(4 << 20);
  expect((await Promise.all(fetches)).map(counts)).toEqual([[10], [10], [10]]);
  expect(ended).toEqual([0, 1, 2]);
});
