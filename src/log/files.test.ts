import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { NodeDisk, NodeRandom } from '../env/node/index.js';
import { formatCheckpoint, parseCheckpoint, readOffsets, takeCleanShutdown, writeCleanShutdown, writeOffsets } from './manager/checkpoints.js';
import { IndexBudget } from './segment/index-file.js';
import { LeaderEpochs } from './partition/leader-epochs.js';
import { randomDirectoryId, readMetaProperties, writeMetaProperties } from './manager/meta-properties.js';
import { OffsetIndex } from './segment/offset-index.js';
import { formatPartitionMetadata, parsePartitionMetadata } from './partition/partition-metadata.js';
import { offsetOfFile, parsePartitionDirectory, partitionDirectoryAside, segmentFile } from './paths.js';
import { formatProducerSnapshot, parseProducerSnapshot } from './producers/producer-snapshot.js';
import { temporaryDirectory } from './test-support.js';
import { TimeIndex } from './segment/time-index.js';
import { TransactionIndex, type AbortedTransaction } from './segment/txn-index.js';

const disk = new NodeDisk();
let root: ReturnType<typeof temporaryDirectory>;
let path: string;
beforeEach(() => {
  root = temporaryDirectory();
  path = `${root.path}/file`;
});
afterEach(() => root.remove());

/** Hexadecimal digits, spaced for people. */
const hexOf = (spaced: string): string => spaced.replaceAll(' ', '');
const hex = (): string => readFileSync(path).toString('hex');

describe('names', () => {
  test('of segments are twenty digits', () => {
    expect(segmentFile('/d', 4096, '.log')).toBe('/d/00000000000000004096.log');
    expect(offsetOfFile('00000000000000004096.timeindex.deleted')).toBe(4096);
    expect(['4096.log', 'leader-epoch-checkpoint', '00000000000000000012-0000000003.checkpoint'].map(offsetOfFile)).toEqual([undefined, undefined, undefined]);
  });

  test('of partitions are parsed at the last dash', () => {
    const id = '0123456789abcdef0123456789abcdef';
    expect(parsePartitionDirectory('a-b-c-12')).toEqual({ topic: 'a-b-c', partition: 12, suffix: undefined });
    expect(parsePartitionDirectory(`a.b-3.${id}-delete`)).toEqual({ topic: 'a.b', partition: 3, suffix: '-delete' });
    expect(parsePartitionDirectory(`a-3.${id}-stray`)).toEqual({ topic: 'a', partition: 3, suffix: '-stray' });
    expect(parsePartitionDirectory(`a-3.${id}-future`)).toEqual({ topic: 'a', partition: 3, suffix: '-future' });
    for (const other of ['lost+found', '-3', 'a-', 'a-x', 'a-3-delete', 'a-99999999999', 'meta.properties', '.lock']) {
      expect([other, parsePartitionDirectory(other)]).toEqual([other, undefined]);
    }
  });

  test('of partitions on their way out fit into what a file system takes', () => {
    const id = 'f'.repeat(32);
    expect(partitionDirectoryAside('a', 1, id, '-delete')).toBe(`a-1.${id}-delete`);
    expect(partitionDirectoryAside('t'.repeat(249), 123, id, '-delete')).toHaveLength(255);
    expect(partitionDirectoryAside('t'.repeat(249), 123, id, '-future')).toHaveLength(249 + 4 + 33 + 7);
  });
});

describe('offset index', () => {
  const open = (fresh: boolean): OffsetIndex => new OffsetIndex(disk, new IndexBudget(1 << 20), path, 1000, fresh);

  test('has eight bytes an entry, without padding', () => {
    const index = open(true);
    index.append(1009, 4200);
    index.append(1300, 0x12345678);
    index.save();
    expect(hex()).toBe(hexOf('0000000900001068 0000012c12345678'));
  });

  test('finds the last entry at or before an offset, also when read again', () => {
    const index = open(true);
    for (let slot = 1; slot <= 50; slot++) index.append(1000 + slot * 10, slot * 100);
    index.save();
    for (const found of [index, open(false)]) {
      expect([999, 1000, 1009, 1010, 1234, 1500, 9999].map(offset => found.lookup(offset))).toEqual([
        { offset: 1000, position: 0 }, { offset: 1000, position: 0 }, { offset: 1000, position: 0 }, { offset: 1010, position: 100 },
        { offset: 1230, position: 2300 }, { offset: 1500, position: 5000 }, { offset: 1500, position: 5000 },
      ]);
      expect(found.count).toBe(50);
    }
  });

  test('is cut and written anew', () => {
    const index = open(true);
    for (let slot = 1; slot <= 5; slot++) index.append(1000 + slot, slot);
    index.save();
    index.truncateTo(1003);
    index.append(1003, 77);
    index.save();
    expect(hex()).toBe(hexOf('0000000100000001 0000000200000002 000000030000004d'));
    index.truncateTo(0);
    index.save();
    expect(hex()).toBe('');
  });

  test('gives its memory back when others need it, unless it is not saved', () => {
    const budget = new IndexBudget(100);
    const indexes = [0, 1, 2].map(number => new OffsetIndex(disk, budget, `${path}${number}`, 0, true));
    for (const index of indexes) for (let slot = 1; slot <= 10; slot++) index.append(slot, slot * 7);
    indexes[0]!.save();
    indexes[1]!.save();
    expect(readFileSync(`${path}0`)).toHaveLength(80);
    // Gone from memory, it shows what the file says.
    writeFileSync(`${path}0`, '');
    expect(indexes.map(index => index.count)).toEqual([0, 10, 10]);
  });
});

describe('time index', () => {
  const open = (fresh: boolean): TimeIndex => new TimeIndex(disk, new IndexBudget(1 << 20), path, 100, fresh);

  test('has twelve bytes an entry, and timestamps that grow', () => {
    const index = open(true);
    index.maybeAppend(1_700_000_000_000, 105);
    index.maybeAppend(1_700_000_000_000, 110);
    index.maybeAppend(1_700_000_000_001, 120);
    index.save();
    expect(hex()).toBe(hexOf('0000018bcfe5680000000005 0000018bcfe5680100000014'));
    expect(open(false).last).toEqual({ timestampMs: 1_700_000_000_001, offset: 120 });
  });

  test('finds the last entry at or before a time', () => {
    const index = open(true);
    for (let slot = 1; slot <= 9; slot++) index.maybeAppend(slot * 1000, 100 + slot);
    expect([999, 1000, 5500, 90_000].map(time => index.lookup(time))).toEqual([
      { timestampMs: -1, offset: 100 }, { timestampMs: 1000, offset: 101 }, { timestampMs: 5000, offset: 105 }, { timestampMs: 9000, offset: 109 },
    ]);
    index.truncateTo(105);
    expect(index.last).toEqual({ timestampMs: 4000, offset: 104 });
  });

  test('takes a time beyond what a number can say for the largest', () => {
    writeFileSync(path, Buffer.from('7fffffffffffffff00000001', 'hex'));
    expect(open(false).last).toEqual({ timestampMs: Number.MAX_SAFE_INTEGER, offset: 101 });
  });
});

describe('transaction index', () => {
  test('has thirty-four bytes an entry and exists only when needed', () => {
    const index = new TransactionIndex(disk, path, true);
    expect(disk.stat(path)).toBeUndefined();
    index.append({ producerId: 7, firstOffset: 10, lastOffset: 20, lastStableOffset: 15 });
    expect(hex()).toBe(hexOf('0000 0000000000000007 000000000000000a 0000000000000014 000000000000000f'));
    expect(new TransactionIndex(disk, path, false).all).toEqual(index.all);
  });

  test('collects the aborts that touch a range, and says when no later one can', () => {
    const index = new TransactionIndex(disk, path, true);
    index.append({ producerId: 1, firstOffset: 0, lastOffset: 9, lastStableOffset: 5 });
    index.append({ producerId: 2, firstOffset: 5, lastOffset: 19, lastStableOffset: 20 });
    index.append({ producerId: 3, firstOffset: 30, lastOffset: 39, lastStableOffset: 40 });
    const collect = (from: number, to: number): [number[], boolean] => {
      const found: AbortedTransaction[] = [];
      const complete = index.collect(from, to, found);
      return [found.map(aborted => aborted.producerId), complete];
    };
    expect(collect(0, 5)).toEqual([[1], true]);
    expect(collect(0, 6)).toEqual([[1, 2], true]);
    expect(collect(10, 30)).toEqual([[2], true]);
    expect(collect(10, 100)).toEqual([[2, 3], false]);
    expect(collect(40, 41)).toEqual([[], false]);
  });

  test('refuses what it does not know', () => {
    writeFileSync(path, Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(32)]));
    expect(() => new TransactionIndex(disk, path, false).all).toThrow('transaction index has version 1, known is 0');
  });
});

describe('producer snapshot', () => {
  const entry = {
    producerId: 0x1020304050607, epoch: 3, coordinatorEpoch: 9, lastTimestampMs: 1_700_000_000_000, currentTxnFirstOffset: 40,
    batches: [{ lastSequence: 11, lastOffset: 50, offsetDelta: 4, timestampMs: 1_700_000_000_000 }],
  };

  test('has a checksum and forty-six bytes a producer', () => {
    const bytes = formatProducerSnapshot([entry]);
    expect(bytes.toString('hex')).toMatch(new RegExp(hexOf('^0001[0-9a-f]{8}00000001'
      + ' 0001020304050607 0003 0000000b 0000000000000032 00000004 0000018bcfe56800 00000009 0000000000000028$')));
    expect(parseProducerSnapshot(bytes)).toEqual([entry]);
  });

  test('of a producer that only ended transactions says so', () => {
    const bytes = formatProducerSnapshot([{ ...entry, batches: [], currentTxnFirstOffset: -1 }]);
    expect(bytes.subarray(20).toString('hex')).toBe(hexOf('ffffffff ffffffffffffffff 00000000 0000018bcfe56800 00000009 ffffffffffffffff'));
    expect(parseProducerSnapshot(bytes)[0]!.batches).toEqual([]);
  });

  test('is refused when any bit is wrong', () => {
    const bytes = formatProducerSnapshot([entry]);
    for (let at = 0; at < bytes.length; at++) {
      const wrong = Buffer.from(bytes);
      wrong[at]! ^= 0x10;
      expect(() => parseProducerSnapshot(wrong)).toThrow('producer snapshot');
    }
    for (const length of [0, 9, bytes.length - 1]) expect(() => parseProducerSnapshot(bytes.subarray(0, length))).toThrow('producer snapshot');
  });
});

describe('leader epochs', () => {
  const open = (): LeaderEpochs => new LeaderEpochs(disk, path);

  test('are a line each', () => {
    const epochs = open();
    epochs.assign(0, 0);
    epochs.assign(3, 120);
    epochs.save(121);
    expect(readFileSync(path, 'utf8')).toBe('0\n2\n0 0\n3 120\n');
    expect(open().all).toEqual([{ epoch: 0, startOffset: 0 }, { epoch: 3, startOffset: 120 }]);
  });

  test('drop what contradicts the newer', () => {
    const epochs = open();
    for (const [epoch, start] of [[1, 0], [2, 10], [2, 15], [4, 20], [5, 20], [6, 15]] as const) epochs.assign(epoch, start);
    expect(epochs.all).toEqual([{ epoch: 1, startOffset: 0 }, { epoch: 2, startOffset: 10 }, { epoch: 6, startOffset: 15 }]);
    epochs.assign(6, 12);
    expect(epochs.all.at(-1)).toEqual({ epoch: 6, startOffset: 12 });
  });

  test('tell where an epoch ends', () => {
    const epochs = open();
    for (const [epoch, start] of [[2, 10], [4, 30], [7, 50]] as const) epochs.assign(epoch, start);
    const end = (epoch: number): [number, number] => {
      const { leaderEpoch, endOffset } = epochs.endOffsetFor(epoch, 99);
      return [leaderEpoch, endOffset];
    };
    expect([-1, 1, 2, 3, 4, 6, 7, 8].map(end)).toEqual([[-1, -1], [1, 10], [2, 30], [2, 30], [4, 50], [4, 50], [7, 99], [-1, -1]]);
    expect([9, 10, 29, 30, 99].map(offset => epochs.epochForOffset(offset))).toEqual([undefined, 2, 2, 4, 7]);
  });

  test('are cut at both ends of the log', () => {
    const epochs = open();
    for (const [epoch, start] of [[2, 10], [4, 30], [7, 50]] as const) epochs.assign(epoch, start);
    epochs.truncateFromEnd(50);
    epochs.truncateFromStart(20);
    expect(epochs.all).toEqual([{ epoch: 2, startOffset: 20 }, { epoch: 4, startOffset: 30 }]);
    epochs.truncateFromStart(5);
    expect(epochs.all).toHaveLength(2);
  });

  test('without records are not written', () => {
    const epochs = open();
    epochs.assign(4, 0);
    epochs.save(0);
    expect(existsSync(path)).toBe(false);
    epochs.save(1);
    epochs.assign(5, 20);
    epochs.save(20);
    expect(readFileSync(path, 'utf8')).toBe('0\n1\n4 0\n');
    epochs.save(21);
    expect(readFileSync(path, 'utf8')).toBe('0\n2\n4 0\n5 20\n');
    epochs.truncateFromEnd(20);
    epochs.save(20);
    expect(readFileSync(path, 'utf8')).toBe('0\n1\n4 0\n');
  });

  test('that cannot be read are known to be damaged', () => {
    writeFileSync(path, '0\n3\n0 0\n');
    expect(open()).toMatchObject({ damaged: true, all: [] });
  });
});

describe('checkpoints', () => {
  test('are Kafka\'s text', () => {
    writeOffsets(disk, path, [['a-b', 0, 17], ['c', 12, 9_007_199_254_740_991]]);
    expect(readFileSync(path, 'utf8')).toBe('0\n2\na-b 0 17\nc 12 9007199254740991\n');
    expect(readOffsets(disk, path)).toEqual(new Map([['a-b-0', 17], ['c-12', 9_007_199_254_740_991]]));
    expect(readOffsets(disk, `${path}-absent`)).toEqual(new Map());
  });

  test.each(['1\n0\n', 'x\n', '0\n2\na 0 1\n', '0\n1\na 0\n', '0\n1\na 0 x\n', '0\n1\na 0 1 2\n'])('refuse %j', text => {
    expect(() => parseCheckpoint(text, 0, 'the-file', 3)).toThrow('the-file');
  });

  test('without lines are empty', () => {
    expect(formatCheckpoint(0, [])).toBe('0\n0\n');
    for (const text of ['', '0\n', '0\n0\n']) expect(parseCheckpoint(text, 0, 'f', 3)).toEqual([]);
  });

  test('of a clean stop are taken once', () => {
    writeCleanShutdown(disk, root.path, 12);
    expect(takeCleanShutdown(disk, root.path)).toEqual({ brokerEpoch: 12 });
    expect(takeCleanShutdown(disk, root.path)).toBeUndefined();
    writeFileSync(`${root.path}/.kafka_cleanshutdown`, '');
    expect(takeCleanShutdown(disk, root.path)).toEqual({ brokerEpoch: undefined });
  });
});

describe('partition metadata', () => {
  test('has no last newline', () => {
    expect(formatPartitionMetadata('R3PnqQS3TGSCbeBHuYQW1Q')).toBe('version: 0\ntopic_id: R3PnqQS3TGSCbeBHuYQW1Q');
    expect(parsePartitionMetadata('version: 1\ntopic_id: R3PnqQS3TGSCbeBHuYQW1Q')).toBe('R3PnqQS3TGSCbeBHuYQW1Q');
  });

  test.each(['', 'version: 0', 'version: 0\ntopic_id: short', 'version: x\ntopic_id: R3PnqQS3TGSCbeBHuYQW1Q', 'version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA'])(
    'refuses %j', text => expect(() => parsePartitionMetadata(text)).toThrow('malformed'));
});

describe('meta.properties', () => {
  test('is read as Java writes it', () => {
    writeFileSync(`${root.path}/meta.properties`, '#\n#Sat Nov 21 11:00:00 UTC 2026\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\ndirectory.id=R3PnqQS3TGSCbeBHuYQW1Q\nnode.id = 4\nversion=1\n');
    expect(readMetaProperties(disk, root.path)).toEqual({ clusterId: 'MkU3OEVBNTcwNTJENDM2Qg', nodeId: 4, directoryId: 'R3PnqQS3TGSCbeBHuYQW1Q' });
  });

  test('is read back', () => {
    const properties = { clusterId: 'c', nodeId: 3, directoryId: randomDirectoryId(new NodeRandom()) };
    writeMetaProperties(disk, root.path, properties);
    expect(readMetaProperties(disk, root.path)).toEqual(properties);
  });

  test.each([['version=0\ncluster.id=c\nbroker.id=1', 'version 0 is not known'], ['version=1\nnode.id=1', "'cluster.id' is missing"], ['version=1\ncluster.id=c\nnode.id=x', "node.id 'x'"]])(
    'refuses %j', (text, message) => {
      writeFileSync(`${root.path}/meta.properties`, text);
      expect(() => readMetaProperties(disk, root.path)).toThrow(message);
    });
});
