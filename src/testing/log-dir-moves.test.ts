import { expect, test } from '@jest/globals';
import { SimWorld } from '../env/sim/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { deleteRecordsApi, deleteTopicsApi, incrementalAlterConfigsApi } from '../protocol/generated/index.js';
import { ZERO_UUID } from '../protocol/wire/types.js';
import { TwoDirectories } from './two-directories.js';

const DURABLE = [{ name: 'flush.messages', value: '1' }];
const RATE = 'replica.alter.log.dirs.io.max.bytes.per.second';

/** A topic `t` of one partition with so many records, in /one. */
async function withRecords(cluster: TwoDirectories, count: number, configs: { name: string; value: string }[] = []): Promise<string> {
  expect(await cluster.alter('/one')).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const topicId = await cluster.create('t', 1, configs);
  for (let i = 0; i < count; i++) expect(await cluster.produce(topicId, 0, `value ${i}`)).toBe(0);
  expect(cluster.placed('t')).toEqual({ '/one': [0], '/two': [] });
  return topicId;
}

const values = (count: number): string[] => Array.from({ length: count }, (_, i) => `value ${i}`);

async function setRate(cluster: TwoDirectories, bytesPerSecond: number): Promise<void> {
  const { responses } = await cluster.ask(incrementalAlterConfigsApi, {
    resources: [{ resourceType: 4, resourceName: '', configs: [{ name: RATE, configOperation: 0, value: String(bytesPerSecond) }] }], validateOnly: false,
  });
  expect(responses[0]!.errorCode).toBe(0);
}

test('a partition moves to another directory while it is written to, and the controller is told', async () => {
  const cluster = await new TwoDirectories(new SimWorld(1)).start();
  const topicId = await withRecords(cluster, 20);
  expect(await cluster.alter('/two')).toBe(0);
  let count = 20;
  while (cluster.placed('t')['/two']!.length === 0) expect(await cluster.produce(topicId, 0, `value ${count++}`)).toBe(0);
  for (let i = 0; i < 5; i++) expect(await cluster.produce(topicId, 0, `value ${count++}`)).toBe(0);
  expect(await cluster.read(topicId, 0)).toEqual(values(count));
  expect(cluster.placed('t')).toEqual({ '/one': [], '/two': [0] });
  expect(await cluster.described()).toEqual(['/two t-0 lag 0']);
  expect((await cluster.metadata('t')).partitions[0]).toMatchObject({ leaderId: 1, leaderEpoch: 0, offlineReplicas: [] });
  // The old log's files go after their time.
  await cluster.pass(61_000);
  expect(cluster.names('/one').filter(name => name.startsWith('t-'))).toEqual([]);
  // The controller believes what is so: without the directory there is no leader.
  cluster.breakDirectory('/two');
  await cluster.produce(topicId, 0, 'lost');
  await cluster.pass(100);
  expect((await cluster.metadata('t')).partitions[0]!.leaderId).toBe(-1);
});

test('a partition whose log is being checked moves when that is done', async () => {
  const cluster = await new TwoDirectories(new SimWorld(12)).start();
  const topicId = await withRecords(cluster, 3);
  await cluster.world.runUntil(cluster.broker!.close());
  const file = cluster.disk.open('/one/t-0/00000000000000000000.log');
  file.writeNow([Buffer.from('somebody was here')], file.sizeBytes());
  file.close();
  await cluster.start();
  expect(await cluster.alter('/two')).toBe(0);
  await cluster.until(() => cluster.placed('t')['/two']!.length === 1);
  expect(await cluster.read(topicId, 0)).toEqual(values(3));
});

test('a move is held to its rate, shows as a copy, and is given up by moving back', async () => {
  const cluster = await new TwoDirectories(new SimWorld(2)).start();
  const topicId = await withRecords(cluster, 10);
  await setRate(cluster, 1);
  expect(await cluster.alter('/two')).toBe(0);
  await cluster.pass(100);
  expect(await cluster.alter('/two')).toBe(0);
  expect(await cluster.produce(topicId, 0, 'value 10')).toBe(0);
  expect(await cluster.described()).toEqual(['/one t-0 lag 0', '/two t-0 lag 1 future']);
  expect(cluster.names('/two').filter(name => name.startsWith('t-'))).toEqual([expect.stringMatching(/^t-0\.[0-9a-f]{32}-future$/)]);
  expect(await cluster.alter('/one')).toBe(0);
  expect(await cluster.described()).toEqual(['/one t-0 lag 0']);
  expect(cluster.names('/two').filter(name => name.startsWith('t-'))).toEqual([expect.stringMatching(/^t-0\.[0-9a-f]{32}-delete$/)]);
  expect(await cluster.read(topicId, 0)).toEqual(values(11));
  await setRate(cluster, 1_000_000);
  await cluster.pass(2_000);
  expect(await cluster.alter('/two')).toBe(0);
  await cluster.until(() => cluster.placed('t')['/two']!.length === 1);
  expect(await cluster.read(topicId, 0)).toEqual(values(11));
});

test('deleted records and a deleted topic are followed', async () => {
  const cluster = await new TwoDirectories(new SimWorld(3)).start();
  const topicId = await withRecords(cluster, 10);
  await cluster.ask(deleteRecordsApi, { topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 4 }] }], timeoutMs: 1000 });
  expect(await cluster.alter('/two')).toBe(0);
  await cluster.until(() => cluster.placed('t')['/two']!.length === 1);
  const { responses } = await cluster.world.runUntil(cluster.fetch(topicId, 0, 4));
  expect(responses[0]!.partitions[0]).toMatchObject({ errorCode: 0, logStartOffset: 4, highWatermark: 10 });
  expect(await cluster.read(topicId, 0)).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  await setRate(cluster, 1);
  expect(await cluster.alter('/one')).toBe(0);
  await cluster.pass(100);
  await cluster.ask(deleteTopicsApi, { topics: [{ name: 't', topicId: ZERO_UUID }], timeoutMs: 1000 });
  expect(await cluster.described()).toEqual([]);
  await cluster.pass(120_000);
  expect(['/one', '/two'].flatMap(directory => cluster.names(directory).filter(name => name.startsWith('t-')))).toEqual([]);
});

test('directories that cannot be had are refused as Apache Kafka does', async () => {
  const cluster = await new TwoDirectories(new SimWorld(4)).start();
  const topicId = await withRecords(cluster, 1);
  expect(await cluster.alter('/three')).toBe(ErrorCode.LOG_DIR_NOT_FOUND);
  expect(await cluster.alter('/two', 7)).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  expect(await cluster.alter('/two', 0, 'x'.repeat(249))).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION);
  expect(await cluster.alter('/one')).toBe(0);
  await cluster.create('u', 1);
  expect(cluster.placed('u')).toEqual({ '/one': [], '/two': [0] });
  cluster.breakDirectory('/two');
  expect(await cluster.alter('/two')).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  expect(await cluster.alter('/two')).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  await cluster.pass(100);
  expect(await cluster.alter('/one', 0, 'u')).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  expect(await cluster.produce(topicId, 0, 'value 1')).toBe(0);
  expect(await cluster.read(topicId, 0)).toEqual(values(2));
});

test('when the directory of the copy fails, the log serves on; when that of the log does, the copy does not stand in for it', async () => {
  for (const failing of ['/one', '/two']) {
    const cluster = await new TwoDirectories(new SimWorld(5), { 'metadata.log.dir': '/three' }).start();
    const topicId = await withRecords(cluster, 3);
    await setRate(cluster, 1);
    expect(await cluster.alter('/two')).toBe(0);
    await cluster.pass(100);
    await setRate(cluster, 1_000_000_000);
    cluster.breakDirectory(failing);
    await cluster.produce(topicId, 0, 'value 3');
    await cluster.pass(5_000);
    const isLost = failing === '/one';
    expect(await cluster.read(topicId, 0)).toEqual(isLost ? ErrorCode.KAFKA_STORAGE_ERROR : values(4));
    expect((await cluster.metadata('t')).partitions[0]!.leaderId).toBe(isLost ? -1 : 1);
    cluster.kill();
    await cluster.start();
    expect(await cluster.read(topicId, 0)).toEqual(isLost ? ErrorCode.KAFKA_STORAGE_ERROR : values(4));
    cluster.kill();
    cluster.breakDirectory(undefined);
    await cluster.start();
    await cluster.until(() => cluster.placed('t')['/two']!.length === 1);
    expect(await cluster.read(topicId, 0)).toEqual(isLost ? values(3) : values(4));
  }
});

/** What befalls an operation of the disk: the end of the process or of the power, or an error, with or without effect. */
const FAULTS = {
  'kill': { death: 'kill' }, 'power loss': { death: 'crash' }, 'error': { code: 'EIO' }, 'error after its effect': { code: 'EIO', appliedBytes: 1 << 20 },
} as const;

/** Moves a partition with a fault at one operation of the log directories' disk, or none, then starts anew; the operations that there were. */
async function moveWithFault(how: keyof typeof FAULTS, at: number): Promise<number[]> {
  const cluster = await new TwoDirectories(new SimWorld(6), { 'metadata.log.dir': '/three', 'log.flush.offset.checkpoint.interval.ms': '300' }).start();
  const { machine } = cluster;
  const topicId = await withRecords(cluster, 3, DURABLE);
  await cluster.pass(1_000);
  const first = machine.diskOperations;
  const node = cluster.world.node('broker');
  const operations: number[] = [];
  machine.onDiskOperation = ({ path, kind }, { index }) => {
    if (path.startsWith('/three/') || kind === 'read' || kind === 'open') return undefined;
    operations.push(index - first);
    return index === first + at ? FAULTS[how] : undefined;
  };
  let count = 3;
  cluster.send('/two');
  let hasMoved = false;
  for (let i = 0; node.alive && !hasMoved && i < 20; i++) {
    hasMoved = cluster.names('/two').includes('t-0');
    cluster.sendRecord(topicId, `value ${count}`, () => count++);
    await cluster.pass(100);
  }
  machine.onDiskOperation = undefined;
  if (node.alive) cluster.kill(how === 'power loss' ? 'crash' : 'kill');
  await cluster.start();
  const { '/one': one, '/two': two } = cluster.placed('t');
  const found = await cluster.read(topicId, 0) as string[];
  // What was acknowledged is there, and at most the record that was under way besides.
  expect({ at, how, places: one!.length + two!.length, found: found.slice(0, count) }).toEqual({ at, how, places: 1, found: values(count) });
  expect(found.length - count).toBeLessThanOrEqual(1);
  expect(await cluster.alter('/two')).toBe(0);
  await cluster.until(() => cluster.placed('t')['/two']!.length === 1);
  expect(cluster.placed('t')).toEqual({ '/one': [], '/two': [0] });
  expect(await cluster.read(topicId, 0)).toEqual(found);
  return operations;
}

test.each(Object.keys(FAULTS) as (keyof typeof FAULTS)[])('at whatever operation of a move there is: %s, one log is found afterwards, with every record', async how => {
  const operations = await moveWithFault(how, Infinity);
  expect(operations.length).toBeGreaterThan(20);
  for (const at of operations) await moveWithFault(how, at);
}, 120_000);
