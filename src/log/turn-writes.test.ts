import { expect, test } from '@jest/globals';
import { SimWorld } from '../env/sim/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { LogSettings } from '../config/log-settings.js';
import type { Log } from './partition/log.js';
import { createLog, createLogHost, openLog, type LogHostOptions } from './partition/open-log.js';
import { batchOf, CLIENT, readAll, SETTINGS, TOPIC_ID } from './test-support.js';

/** Logs on a simulated machine, with every write to a `.log` file noted. */
function start(options: Partial<LogHostOptions> = {}) {
  const world = new SimWorld(1);
  const env = world.node('broker');
  const writes: { path: string; bytes: number }[] = [];
  const failing = new Set<string>();
  env.machine.onDiskOperation = operation => {
    if (operation.kind !== 'write' || !operation.path.endsWith('.log')) return undefined;
    writes.push({ path: operation.path, bytes: Buffer.concat(operation.buffers ?? []).length });
    return failing.has(operation.path) ? { code: 'EIO' } : undefined;
  };
  const host = createLogHost({ env, ...options });
  const open = (topic: string, settings: Partial<LogSettings> = {}): Log =>
    createLog({ host, directory: `/${topic}-0`, topic, partition: 0, topicId: TOPIC_ID, settings: { ...SETTINGS, ...settings } });
  const sizeOf = (topic: string): number => env.disk.stat(`/${topic}-0/00000000000000000000.log`)?.sizeBytes ?? 0;
  return { world, host, env, writes, failing, open, sizeOf };
}

const append = (log: Log, value: string): number => {
  const bytes = batchOf([value]);
  log.appendAsLeader(bytes, CLIENT);
  return bytes.length;
};

test('appends of a turn reach each file in one write, when the turn ends', async () => {
  const { world, writes, open } = start();
  const [one, other] = [open('one'), open('other')];
  let bytes = 0;
  for (let index = 0; index < 100; index++) bytes += append(index % 4 === 0 ? other : one, `value ${index}`);
  expect(writes).toEqual([]);
  await world.run(0);
  expect(writes.map(({ path }) => path)).toEqual(['/other-0/00000000000000000000.log', '/one-0/00000000000000000000.log']);
  expect(writes.reduce((sum, write) => sum + write.bytes, 0)).toBe(bytes);
  append(one, 'another turn');
  await world.run(0);
  expect(writes).toHaveLength(3);
});

test('so much that it should not wait is written in the midst of the turn', () => {
  const { writes, open } = start();
  const log = open('events');
  for (let index = 0; index < 30; index++) append(log, 'x'.repeat(100_000));
  expect(writes).toHaveLength(2);
  expect(writes.reduce((sum, write) => sum + write.bytes, 0)).toBeGreaterThan(2 << 20);
});

test.each([
  ['a read from the disk', async (log: Log) => expect(await readAll(log)).toHaveLength(12)],
  ['a flush', (log: Log) => log.flush()],
  ['a truncation', (log: Log) => log.truncateTo(5)],
  ['a new segment', async (log: Log) => log.roll()],
  ['a close', (log: Log) => log.close()],
  ['whoever asks for it', async (log: Log) => log.write()],
])('%s finds written what was appended in the turn', async (_what, act) => {
  const { world, open, sizeOf } = start({ tailCacheBytes: 500 });
  const log = open('events');
  for (let index = 0; index < 12; index++) append(log, `value ${index}`);
  const { sizeBytes } = log;
  await world.runUntil(act(log));
  expect(sizeOf('events')).toBe(log.logEndOffset === 12 ? sizeBytes : log.sizeBytes);
});

test('what the tail cache has dropped, or never took, is written all the same, in order', async () => {
  const { world, host, open } = start({ tailCacheBytes: 20_000 });
  const logs = ['one', 'other'].map(topic => open(topic));
  const values = Array.from({ length: 60 }, (_, index) => `${index} `.padEnd(index % 9 === 0 ? 30_000 : 1500, 'x'));
  values.forEach((value, index) => append(logs[index & 1]!, value));
  await world.run(0);
  for (const [index, log] of logs.entries()) {
    log.abandon();
    const found = await world.runUntil(openLog({ host, directory: log.directory, topic: log.topic, partition: 0, topicId: TOPIC_ID, settings: SETTINGS }));
    expect((await world.runUntil(readAll(found))).map(({ value }) => value)).toEqual(values.filter((_, at) => (at & 1) === index));
  }
});

test('a write that fails is told at once and ends its log, while the others of the turn are written', async () => {
  const { world, host, failing, open, sizeOf } = start();
  const [bad, good] = [open('bad'), open('good')];
  let failures = 0;
  host.turnWrites.onFailure(() => failures++);
  failing.add('/bad-0/00000000000000000000.log');
  append(bad, 'lost');
  const bytes = append(good, 'kept');
  host.turnWrites.writeAll();
  expect([failures, sizeOf('bad'), sizeOf('good')]).toEqual([1, 0, bytes]);
  expect(() => append(bad, 'more')).toThrow(expect.objectContaining({ code: 'EIO' }));
  await world.run(0);
  expect(failures).toBe(1);
  append(good, 'more');
  await world.run(0);
  expect(good.logEndOffset).toBe(2);
});

test('a log that is given up in the turn loses what was not written, and harms nobody', async () => {
  const { world, host, open, sizeOf } = start();
  const log = open('events');
  let failures = 0;
  host.turnWrites.onFailure(() => failures++);
  append(log, 'gone');
  log.abandon();
  await world.run(0);
  expect([failures, sizeOf('events')]).toEqual([0, 0]);
  expect(() => append(log, 'more')).toThrow(expect.objectContaining({ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }));
});
