import { expect, test } from '@jest/globals';
import { gunzipSync, gzipSync } from 'node:zlib';
import { OutputTooLargeError } from '../index.js';
import { codecJob } from './compute.js';
import { LineLogger, NodeClock, NodeCompute, NodeRandom, nodeEnv, silentLogger } from './index.js';

test('a timer runs no earlier than asked, and a cancelled one never', async () => {
  const clock = new NodeClock();
  const ran: string[] = [];
  clock.after(1, () => ran.push('cancelled'))();
  const startMs = clock.monotonicMs();
  await new Promise<void>(resolve => { clock.after(5, resolve); });
  expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(5);
  expect(ran).toEqual([]);
});

test('tasks of the end of a turn run after what the turn still had to do, each once and in order', async () => {
  const clock = new NodeClock();
  const ran: string[] = [];
  clock.endOfTurn(() => {
    ran.push('a');
    clock.endOfTurn(() => ran.push('next turn'));
  });
  clock.endOfTurn(() => ran.push('b'));
  await Promise.resolve().then(() => ran.push('microtask'));
  for (let turns = 0; turns < 2; turns++) await new Promise<void>(resolve => { clock.endOfTurn(resolve); });
  expect(ran).toEqual(['microtask', 'a', 'b', 'next turn']);
});

test('a task that throws keeps no other from running', () => {
  const turns: (() => void)[] = [];
  const clock = new NodeClock(task => turns.push(task));
  const ran: string[] = [];
  clock.endOfTurn(() => {
    clock.endOfTurn(() => ran.push('later'));
    throw new Error('planted');
  });
  clock.endOfTurn(() => ran.push('beside'));
  expect(turns.shift()!).toThrow('planted');
  turns.shift()!();
  expect(ran).toEqual(['beside', 'later']);
  expect(turns).toEqual([]);
});

test('draws whole numbers below the bound, all of them, and fresh bytes', () => {
  const random = new NodeRandom();
  const seen = new Set(Array.from({ length: 2000 }, () => random.int(7)));
  expect([...seen].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(random.int(1)).toBe(0);
  expect(random.int(2 ** 53 - 1)).toBeLessThan(2 ** 53 - 1);
  expect(() => random.int(0)).toThrow(RangeError);
  for (let i = 0; i < 1000; i++) {
    const drawn = random.float();
    expect(drawn >= 0 && drawn < 1).toBe(true);
  }
  expect(random.bytes(16)).not.toEqual(random.bytes(16));
  expect(random.bytes(10_000)).toHaveLength(10_000);
});

test.each([100, 100_000])('compresses and bounds what decompressing %i bytes may make', async size => {
  const compute = new NodeCompute();
  const data = Buffer.alloc(size, 'abc');
  const compressed = await compute.run('gzip', data, { level: 9 });
  expect(gunzipSync(compressed).equals(data)).toBe(true);
  expect(Buffer.from(await compute.run('gunzip', compressed, {})).equals(data)).toBe(true);
  expect(await compute.run('gunzip', compressed, { maxOutputBytes: size })).toHaveLength(size);
  await expect(compute.run('gunzip', compressed, { maxOutputBytes: size - 1 })).rejects.toBeInstanceOf(OutputTooLargeError);
  await expect(compute.run('gunzip', data, {})).rejects.toMatchObject({ code: 'Z_DATA_ERROR' });
});

test('a small bomb is refused as a large one is', async () => {
  const bomb = gzipSync(Buffer.alloc(1_000_000));
  expect(bomb.length).toBeLessThan(2048);
  await expect(new NodeCompute().run('gunzip', bomb, { maxOutputBytes: 10_000 })).rejects.toBeInstanceOf(OutputTooLargeError);
});

test('a function that was given does what zlib lacks, on this thread where that is asked for', async () => {
  const jobs = codecJob({ lz4Compress: (input, { level }) => Buffer.concat([Buffer.from([level ?? 0]), input]) });
  const compute = new NodeCompute({ jobs, onThisThread: true });
  expect(await compute.run('lz4Compress', Buffer.from([7]), { level: 5 })).toEqual(Buffer.from([5, 7]));
  await expect(compute.run('lz4Decompress', Buffer.from([7]), {})).rejects.toThrow('lz4Decompress needs a newer Node');
  expect(compute.offload).toBeUndefined();
});

test('logs one line an event, whatever the values hold, from the level on that was asked for', () => {
  const lines: string[] = [];
  const logger = new LineLogger('info', line => lines.push(line), '', () => 0).child('log').child('cleaner');
  logger.debug('hidden');
  logger.info('opened', { partition: 'a-0', bytes: 5, took: undefined });
  logger.warn('odd\nname', { topic: 'a b\n"c"', big: 2n ** 60n, list: [1, 2n] });
  expect(lines).toEqual([
    '1970-01-01T00:00:00.000Z INFO [log.cleaner] opened partition=a-0 bytes=5 took=undefined\n',
    '1970-01-01T00:00:00.000Z WARN [log.cleaner] odd\\nname topic="a b\\n\\"c\\"" big=1152921504606846976 list="[1,\\"2\\"]"\n',
  ]);
  expect(silentLogger.child('x')).toBe(silentLogger);
});

test('builds the whole world', async () => {
  const env = nodeEnv({ logLevel: 'silent' });
  expect(env.clock.nowMs()).toBeGreaterThan(1_600_000_000_000);
  expect(env.logger).toBe(silentLogger);
});
