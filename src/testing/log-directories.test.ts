import { expect, test } from '@jest/globals';
import { SimWorld } from '../env/sim/index.js';
import { oldMessage } from '../log/test-support.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { createTopicsApi, deleteRecordsApi, describeLogDirsApi, fetchApi, incrementalAlterConfigsApi, joinGroupApi, listOffsetsApi, offsetForLeaderEpochApi } from '../protocol/generated/index.js';
import { BATCH_OVERHEAD } from '../protocol/records/batch.js';
import { TwoDirectories } from './two-directories.js';

const STORAGE = ErrorCode.KAFKA_STORAGE_ERROR;

/** A topic of four partitions, two in each directory, with a record in each. */
async function withTopic(cluster: TwoDirectories): Promise<{ topicId: string; one: number[]; two: number[] }> {
  const topicId = await cluster.create('t', 4);
  const { '/one': one, '/two': two } = cluster.placed('t');
  expect([one, two]).toEqual([expect.any(Array), expect.any(Array)]);
  expect([one!.length, two!.length]).toEqual([2, 2]);
  for (let partition = 0; partition < 4; partition++) expect(await cluster.produce(topicId, partition, `first of ${partition}`)).toBe(0);
  // The controller hears where each lies.
  await cluster.pass(1_000);
  return { topicId, one: one!, two: two! };
}

test.each(['EIO', 'ENOSPC'])('with %s in one directory its partitions are gone, the others serve, and a restart brings all back', async code => {
  const cluster = await new TwoDirectories(new SimWorld(1)).start();
  const { topicId, one, two } = await withTopic(cluster);
  const parked = cluster.fetch(topicId, two[1]!, 1, 60_000);
  cluster.breakDirectory('/two', code);

  expect(await cluster.produce(topicId, two[0]!, 'lost')).toBe(STORAGE);
  const { responses } = await cluster.world.runUntil(parked);
  expect(responses[0]!.partitions[0]!.errorCode).toBe(STORAGE);
  expect(cluster.world.trace.tail()).toMatch(/ERROR partitions of a log directory are offline, .* restart the broker .* path=\/two partitions=2\n/);
  for (const partition of two) {
    expect(await cluster.produce(topicId, partition, 'lost')).toBe(STORAGE);
    expect(await cluster.read(topicId, partition)).toBe(STORAGE);
    const offsets = await cluster.ask(listOffsetsApi, { replicaId: -1, topics: [{ name: 't', partitions: [{ partitionIndex: partition, timestamp: -1 }] }] });
    expect(offsets.topics[0]!.partitions[0]!.errorCode).toBe(STORAGE);
    const epochs = await cluster.ask(offsetForLeaderEpochApi, { replicaId: -1, topics: [{ topic: 't', partitions: [{ partition, leaderEpoch: 0 }] }] });
    expect(epochs.topics[0]!.partitions[0]!.errorCode).toBe(STORAGE);
  }
  for (const partition of one) {
    expect(await cluster.produce(topicId, partition, `second of ${partition}`)).toBe(0);
    expect(await cluster.read(topicId, partition)).toEqual([`first of ${partition}`, `second of ${partition}`]);
  }
  const { partitions } = await cluster.metadata('t');
  for (const { partitionIndex, leaderId, offlineReplicas, errorCode } of partitions) {
    const lost = two.includes(partitionIndex);
    expect([leaderId, offlineReplicas, errorCode]).toEqual(lost ? [-1, [1], ErrorCode.LEADER_NOT_AVAILABLE] : [1, [], 0]);
  }
  const { results } = await cluster.ask(describeLogDirsApi, { topics: null });
  expect(results.map(({ logDir, errorCode }) => [logDir, errorCode])).toEqual([['/one', 0], ['/two', STORAGE]]);
  expect(cluster.broker!.metrics().logs).toMatchObject({ logs: 2, OfflineLogDirectoryCount: 1 });
  // What is new goes to what is left.
  const later = await cluster.create('later', 3);
  expect(cluster.placed('later')).toMatchObject({ '/one': [0, 1, 2] });
  expect(await cluster.produce(later, 2, 'x')).toBe(0);

  cluster.kill();
  cluster.breakDirectory(undefined);
  await cluster.start();
  for (const partition of one) expect(await cluster.read(topicId, partition)).toEqual([`first of ${partition}`, `second of ${partition}`]);
  for (const partition of two) {
    expect(await cluster.read(topicId, partition)).toEqual([`first of ${partition}`]);
    expect(await cluster.produce(topicId, partition, 'again')).toBe(0);
  }
  expect((await cluster.metadata('t')).partitions.map(({ leaderId, offlineReplicas }) => [leaderId, offlineReplicas])).toEqual([0, 1, 2, 3].map(() => [1, []]));
});

test('a directory that cannot be read at the start is offline, and its partitions are not made anew elsewhere', async () => {
  const cluster = await new TwoDirectories(new SimWorld(2)).start();
  const { topicId, one, two } = await withTopic(cluster);
  await cluster.world.runUntil(cluster.broker!.close());
  cluster.breakDirectory('/two');
  await cluster.start();
  const errors = cluster.world.trace.tail().split('\n').filter(line => line.includes(' ERROR '));
  expect(errors.filter(line => line.includes('path=/two'))).toEqual([expect.stringMatching(/ERROR \[log\] log directory failed path=\/two code=EIO error=/)]);
  const lines = errors.filter(line => line.includes('[replicas] partitions are offline'));
  expect(lines).toEqual([expect.stringMatching(new RegExp(`topic=t partitions=${two.join(',')} reason="t-${two[0]} may lie in a log directory that is offline"$`))]);
  for (const partition of two) expect(await cluster.read(topicId, partition)).toBe(STORAGE);
  for (const partition of one) expect(await cluster.read(topicId, partition)).toEqual([`first of ${partition}`]);
  expect((await cluster.metadata('t')).partitions.filter(({ leaderId }) => leaderId === -1).map(({ partitionIndex }) => partitionIndex)).toEqual(two);
  expect(cluster.placed('t')).toMatchObject({ '/one': one });
  cluster.breakDirectory(undefined);
  await cluster.world.runUntil(cluster.broker!.close());
  await cluster.start();
  for (const partition of two) expect(await cluster.read(topicId, partition)).toEqual([`first of ${partition}`]);
});

test.each(['ListOffsets', 'OffsetForLeaderEpoch', 'DeleteRecords'] as const)('%s answers for the partitions whose disk works, when another\'s fails at their first use', async api => {
  const cluster = await new TwoDirectories(new SimWorld(3)).start();
  const { one, two } = await withTopic(cluster);
  await cluster.world.runUntil(cluster.broker!.close());
  await cluster.start();
  cluster.breakDirectory('/two');
  const all = [two[0]!, ...one];
  const codes = async (): Promise<number[]> => {
    if (api === 'ListOffsets') {
      const { topics } = await cluster.ask(listOffsetsApi, { replicaId: -1, topics: [{ name: 't', partitions: all.map(partitionIndex => ({ partitionIndex, timestamp: -2 })) }] });
      return topics[0]!.partitions.map(({ errorCode }) => errorCode);
    }
    if (api === 'OffsetForLeaderEpoch') {
      const { topics } = await cluster.ask(offsetForLeaderEpochApi, { replicaId: -1, topics: [{ topic: 't', partitions: all.map(partition => ({ partition, leaderEpoch: 0 })) }] });
      return topics[0]!.partitions.map(({ errorCode }) => errorCode);
    }
    const { topics } = await cluster.ask(deleteRecordsApi, { timeoutMs: 1000, topics: [{ name: 't', partitions: all.map(partitionIndex => ({ partitionIndex, offset: 1 })) }] });
    return topics[0]!.partitions.map(({ errorCode }) => errorCode);
  };
  expect(await codes()).toEqual([STORAGE, 0, 0]);
});

test('records that cannot be read fail the search for a time in their own partition alone', async () => {
  const cluster = await new TwoDirectories(new SimWorld(5)).start();
  const { one } = await withTopic(cluster);
  await cluster.world.runUntil(cluster.broker!.close());
  const path = `/one/t-${one[0]}/00000000000000000000.log`;
  const bytes = cluster.disk.readFile(path);
  cluster.disk.writeFileAtomically(path, bytes.fill(0xff, BATCH_OVERHEAD));
  await cluster.start();
  const { topics } = await cluster.ask(listOffsetsApi, { replicaId: -1, topics: [{ name: 't', partitions: one.map(partitionIndex => ({ partitionIndex, timestamp: 0 })) }] });
  expect(topics[0]!.partitions.map(({ errorCode }) => errorCode)).toEqual([ErrorCode.UNKNOWN_SERVER_ERROR, 0]);
});

test('a partition whose messages are of an old format is offline, and the others of its directory are not', async () => {
  const cluster = await new TwoDirectories(new SimWorld(4)).start();
  const { topicId, one } = await withTopic(cluster);
  await cluster.world.runUntil(cluster.broker!.close());
  const [old, other] = one;
  const path = `/one/t-${old}/00000000000000000000.log`;
  const message = oldMessage(1, 0, 'from long ago');
  cluster.disk.writeFileAtomically(path, message);
  await cluster.start();
  const offsets = await cluster.ask(listOffsetsApi, { replicaId: -1, topics: [{ name: 't', partitions: one.map(partitionIndex => ({ partitionIndex, timestamp: -2 })) }] });
  expect(offsets.topics[0]!.partitions.map(({ errorCode }) => errorCode)).toEqual([STORAGE, 0]);
  expect(await cluster.produce(topicId, old!, 'new')).toBe(STORAGE);
  expect(await cluster.read(topicId, old!)).toBe(STORAGE);
  const { responses } = await cluster.ask(fetchApi, {
    maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 24, forgottenTopicsData: [],
    topics: [{ topicId, partitions: one.map(partition => ({ partition, fetchOffset: 0, partitionMaxBytes: 1 << 20 })) }],
  });
  expect(responses[0]!.partitions.map(({ errorCode }) => errorCode)).toEqual([STORAGE, 0]);
  expect(await cluster.produce(topicId, other!, 'second')).toBe(0);
  const { results } = await cluster.ask(describeLogDirsApi, { topics: [{ topic: 't', partitions: [old!] }] });
  expect(results.flatMap(({ topics }) => topics.flatMap(({ partitions }) => partitions.map(({ partitionSize }) => partitionSize)))).toEqual([message.length]);
  await cluster.world.runUntil(cluster.broker!.close());
  expect(cluster.disk.readFile(path)).toEqual(message);
});

test('a directory that is empty where there was one, or not formatted yet, is refused', async () => {
  const cluster = await new TwoDirectories(new SimWorld(9)).start();
  await cluster.world.runUntil(cluster.broker!.close());
  cluster.disk.rename('/two', '/elsewhere');
  await expect(cluster.start()).rejects.toThrow('/two in log.dirs is not formatted, while /one belongs to cluster');
  expect(cluster.names('/two')).toEqual([]);
});

test('one of several directories, started alone, is refused as it was, and the right start works again', async () => {
  const cluster = await new TwoDirectories(new SimWorld(12)).start();
  const { topicId, two } = await withTopic(cluster);
  await cluster.world.runUntil(cluster.broker!.close());
  const before = cluster.names('/two');
  const alone = new TwoDirectories(cluster.world, { 'log.dirs': '/two', 'metadata.log.dir': '/two' });
  await expect(alone.start()).rejects.toThrow(/^\/two belongs to cluster \S+ and holds no metadata log; was it one of several log.dirs\?/);
  expect(cluster.names('/two')).toEqual(before);
  // What older versions left behind there.
  cluster.disk.makeDirectory('/two/__cluster_metadata-0');
  cluster.disk.writeFileAtomically('/two/__cluster_metadata-0/00000000000000000000.log', Buffer.alloc(0));
  await expect(alone.start()).rejects.toThrow('holds no metadata log');
  await cluster.start();
  expect(await cluster.read(topicId, two[0]!)).toEqual([`first of ${two[0]}`]);
});

test('a directory whose disk fails while it is formatted is offline', async () => {
  const cluster = new TwoDirectories(new SimWorld(10));
  cluster.machine.onDiskOperation = ({ path }) => (path.startsWith('/two/') ? { code: 'EIO' } : undefined);
  await cluster.start();
  const topicId = await cluster.create('t', 2);
  expect(cluster.placed('t')).toMatchObject({ '/one': [0, 1] });
  expect(await cluster.produce(topicId, 1, 'x')).toBe(0);
});

test('a log that cannot be recovered at the start takes its directory, and no other', async () => {
  const cluster = await new TwoDirectories(new SimWorld(3)).start();
  const { topicId, one, two } = await withTopic(cluster);
  cluster.kill();
  const broken = `/two/t-${two[0]}/00000000000000000000.log`;
  cluster.machine.onDiskOperation = ({ path, kind }) => (path === broken && kind === 'read' ? { code: 'EIO' } : undefined);
  await cluster.start();
  for (const partition of two) expect(await cluster.read(topicId, partition)).toBe(STORAGE);
  for (const partition of one) expect(await cluster.read(topicId, partition)).toEqual([`first of ${partition}`]);
});

test('without the directory of the metadata log, or without any, the broker stops and says why', async () => {
  const metadata = await new TwoDirectories(new SimWorld(4)).start();
  const { topicId, one } = await withTopic(metadata);
  metadata.breakDirectory('/one');
  expect(await metadata.produce(topicId, one[0]!, 'lost')).toBe(STORAGE);
  expect((await metadata.broker!.failed).message).toMatch(/^log directory \/one failed: .*planted fault.* it holds the metadata log$/);

  const apart = await new TwoDirectories(new SimWorld(5), { 'metadata.log.dir': '/three' }).start();
  const other = await withTopic(apart);
  apart.breakDirectory('/two');
  expect(await apart.produce(other.topicId, other.two[0]!, 'lost')).toBe(STORAGE);
  await apart.pass(100);
  apart.machine.onDiskOperation = ({ path }) => (/^\/(one|two)(\/|$)/.test(path) ? { code: 'EIO' } : undefined);
  expect(await apart.produce(other.topicId, other.one[0]!, 'lost')).toBe(STORAGE);
  expect((await apart.broker!.failed).message).toMatch(/^log directory \/one failed: .* no other log directory is left$/);
});

test('a metadata log in a directory of its own is found again, and another place for it is refused', async () => {
  const cluster = await new TwoDirectories(new SimWorld(6), { 'metadata.log.dir': '/three' }).start();
  const { topicId } = await withTopic(cluster);
  expect(cluster.disk.list('/three')).toEqual(expect.arrayContaining(['__cluster_metadata-0', 'meta.properties']));
  expect(cluster.disk.list('/one')).not.toContain('__cluster_metadata-0');
  cluster.kill();
  await cluster.start();
  for (let partition = 0; partition < 4; partition++) expect(await cluster.read(topicId, partition)).toEqual([`first of ${partition}`]);
  cluster.kill();
  const moved = new TwoDirectories(new SimWorld(7)).start();
  await (await moved).world.runUntil((await moved).broker!.close());
  const misplaced = new TwoDirectories((await moved).world, { 'metadata.log.dir': '/two' }).start();
  await expect(misplaced).rejects.toThrow('metadata.log.dir is /two, but /one holds a metadata log');
});

test('a directory that is cordoned gets no new partitions, and keeps those that it has', async () => {
  const cluster = await new TwoDirectories(new SimWorld(11)).start();
  const { topicId, two } = await withTopic(cluster);
  const cordon = async (value: string): Promise<number> => (await cluster.ask(incrementalAlterConfigsApi, {
    resources: [{ resourceType: 4, resourceName: '1', configs: [{ name: 'cordoned.log.dirs', configOperation: 0, value }] }], validateOnly: false,
  })).responses[0]!.errorCode;
  const cordoned = async () => (await cluster.ask(describeLogDirsApi, { topics: null })).results.map(({ logDir, isCordoned }) => [logDir, isCordoned]);
  for (const wrong of ['/three', '*,/two']) expect(await cordon(wrong)).toBe(ErrorCode.INVALID_REQUEST);
  expect(await cordon('/two')).toBe(0);
  expect(await cordoned()).toEqual([['/one', false], ['/two', true]]);
  await cluster.create('later', 3);
  expect(cluster.placed('later')).toEqual({ '/one': [0, 1, 2], '/two': [] });
  expect(await cluster.alter('/two', 0, 'later')).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
  expect(await cluster.produce(topicId, two[0]!, 'still served')).toBe(0);
  // The controller knows of it, and places nothing on a broker that takes nothing.
  expect(await cordon('*')).toBe(0);
  await cluster.pass(100);
  const { topics } = await cluster.ask(createTopicsApi, { topics: [{ name: 'none', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: 1000 });
  expect(topics[0]!.errorCode).toBe(ErrorCode.INVALID_REPLICATION_FACTOR);
  cluster.kill();
  await cluster.start();
  expect(await cordoned()).toEqual([['/one', true], ['/two', true]]);
  expect(await cordon('')).toBe(0);
  await cluster.pass(100);
  await cluster.create('again', 2);
});

test('groups whose partition of the offsets topic is lost end, and others go on', async () => {
  const cluster = await new TwoDirectories(new SimWorld(8), { 'offsets.topic.num.partitions': '2' }).start();
  const join = async (groupId: string): Promise<number> => (await cluster.ask(joinGroupApi, {
    groupId, sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, memberId: '', protocolType: 'consumer', protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
  }, 3)).errorCode;
  await cluster.create('__consumer_offsets', 2, [{ name: 'cleanup.policy', value: 'compact' }]);
  await cluster.pass(1_000);
  const { '/two': lost } = cluster.placed('__consumer_offsets');
  expect(lost).toHaveLength(1);
  // hashCode('a') and ('b') differ in their last bit.
  const groups = { 0: 'b', 1: 'a' };
  const [gone, kept] = [groups[lost![0] as 0 | 1], groups[(1 - lost![0]!) as 0 | 1]];
  expect([await join(gone), await join(kept)]).toEqual([0, 0]);
  cluster.breakDirectory('/two');
  expect(await join(gone)).not.toBe(0);
  await cluster.pass(100);
  expect(await join(gone)).toBe(ErrorCode.NOT_COORDINATOR);
  expect(await join(kept)).toBe(0);
});
