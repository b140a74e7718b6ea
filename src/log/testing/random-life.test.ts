import { describe, expect, test } from '@jest/globals';
import type { LogSettings } from '../../config/log-settings.js';
import type { Log } from '../partition/log.js';
import type { Operation } from './operations.js';
import { formatFailure, TWO_DIRECTORIES, tryLife, type LifeFailure } from './random-life.js';
import { shrink } from './shrink.js';

const SEEDS = Number(process.env['SIM_LOG_SEEDS'] ?? 200);

test(`${SEEDS} random lives of logs are what a plain list says`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const failure = await tryLife(seed);
    if (failure) throw new Error(formatFailure(failure));
  }
}, 60_000 + SEEDS * 1000);

/** What such lives, or those with a death at every disk operation, have found. */
const FOUND: [what: string, settings: Partial<LogSettings>, operations: readonly Operation[]][] = [
  ['epochs that were saved with a start that was not', {}, [
    { do: 'append', log: 0, sizes: [1, 1, 1] }, { do: 'deleteRecords', log: 0, part: 0.5 }, { do: 'flush', log: 0 }, { do: 'restart', how: 'kill' },
  ]],
  ['a topic that is made again does not begin where the checkpoint had the old one begin', {}, [
    { do: 'append', log: 0, sizes: [1, 1] }, { do: 'deleteRecords', log: 0, part: 0.7 }, { do: 'restart', how: 'clean' },
    { do: 'deleteTopic', log: 0 }, { do: 'append', log: 0, sizes: [1] }, { do: 'restart', how: 'kill' },
  ]],
  ['a segment that never had a file takes none with it that has its name now', { fileDeleteDelayMs: 100 }, [
    { do: 'startOver', log: 0, ahead: 0 }, { do: 'append', log: 0, sizes: [1] }, { do: 'wait', ms: 1000 }, { do: 'restart', how: 'kill' },
  ]],
  ['the topic id is durable with the first flushed record, also where something was flushed before it', {}, [
    { do: 'startOver', log: 0, ahead: 13 }, { do: 'flush', log: 0 }, { do: 'append', log: 0, sizes: [1] }, { do: 'flush', log: 0 }, { do: 'restart', how: 'power' },
  ]],
  ['a start below the one that was saved', {}, [
    { do: 'append', log: 0, sizes: [1, 1, 1] }, { do: 'deleteRecords', log: 0, part: 1 }, { do: 'wait', ms: 1000 },
    { do: 'startOver', log: 0, ahead: -2 }, { do: 'append', log: 0, sizes: [1] }, { do: 'restart', how: 'kill' },
  ]],
  ['producers of records below a start that was not saved when the log was cut', {}, [
    { do: 'append', log: 0, sizes: [1], producer: 10, transactional: true }, { do: 'append', log: 0, sizes: [1, 1] }, { do: 'append', log: 0, sizes: [1], producer: 0 },
    { do: 'deleteRecords', log: 0, part: 0.5 }, { do: 'truncate', log: 0, batches: 1 }, { do: 'roll', log: 0 },
    { do: 'append', log: 0, sizes: [1] }, { do: 'flush', log: 0 }, { do: 'roll', log: 0 }, { do: 'restart', how: 'kill' },
  ]],
  ['flush.ms holds for records that were there when the log was opened', { flushMs: 300 }, [
    { do: 'append', log: 0, sizes: [1] }, { do: 'restart', how: 'kill' }, { do: 'wait', ms: 1000 }, { do: 'restart', how: 'power' },
  ]],
  ['flush.ms holds for records that were there before it was set', { flushMs: 1e12 }, [
    { do: 'append', log: 0, sizes: [1] }, { do: 'settings', log: 0, change: { flushMs: 100 } }, { do: 'wait', ms: 1000 }, { do: 'restart', how: 'power' },
  ]],
];

test.each(FOUND)('%s', async (_what, settings, operations) => {
  for (const seed of [1, 2, 3, 4]) expect(await tryLife(seed, { operations, settings })).toBeUndefined();
});

test.each([2, 5, 9])('a log that has no record, and says nowhere whose it is, does not give way to its copy: death after %i operations', async after => {
  const operations: Operation[] = [{ do: 'startOver', log: 0, ahead: 31 }, { do: 'fault', after, how: 'kill', part: 1 }, { do: 'move', log: 0, to: 1, bytes: 400 }];
  expect(await tryLife(1, { operations, directories: TWO_DIRECTORIES })).toBeUndefined();
});

describe('a log with a fault', () => {
  /** Shows no record of a segment's first batch, once it is not the segment that is written to. */
  const forgetful = (log: Log): Log => new Proxy(log, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (key !== 'read') return typeof value === 'function' ? value.bind(target) as unknown : value;
      return (offset: number, options: Parameters<Log['read']>[1]) => {
        const hidden = target.segmentCount > 1 && offset === 0 && target.logStartOffset === 0;
        return target.read(hidden ? target.segments.active.baseOffset : offset, options);
      };
    },
  });

  /** Of a fault that not every life meets. */
  const firstFound = async (wrap: (log: Log) => Log): Promise<LifeFailure | undefined> => {
    for (let seed = 1; seed <= 20; seed++) {
      const failure = await tryLife(seed, { wrap });
      if (failure !== undefined) return failure;
    }
    return undefined;
  };

  test('is found out by a random life, and in its shortest form it takes a handful of operations', async () => {
    const failure = await firstFound(forgetful);
    expect(failure?.error.message).toMatch(/^(prefix|reads) /);
    expect(failure!.operations.length).toBeLessThanOrEqual(4);
    expect(failure!.operations.map(operation => operation.do)).toContain('append');
    const text = formatFailure(failure!);
    const { seed } = failure!;
    expect(text).toContain(`make sim-log SEEDS=1 SEED=${seed}`);
    expect(text.split('\n').at(-1)).toMatch(/^\{"do":"\w+"/);
    // What is shown is all that it takes, and nothing in it can be spared.
    expect(await tryLife(seed, { wrap: forgetful, operations: failure!.operations })).toMatchObject({ operations: failure!.operations });
    expect(await tryLife(seed, { operations: failure!.operations })).toBeUndefined();
  });
});

describe('shrinking', () => {
  const fails = (needed: readonly number[]) => async (candidate: readonly number[]) => needed.every(number => candidate.includes(number));
  const numbers = Array.from({ length: 100 }, (_, index) => index);

  test.each([[[0]], [[99]], [[7, 8]], [[3, 50, 97]], [[0, 99]], [[]]])('leaves %j of a hundred', async needed => {
    expect(await shrink(numbers, fails(needed))).toEqual(needed);
  });

  test('keeps the order, and what fails only together', async () => {
    const together = async (candidate: readonly number[]) => candidate.filter(number => number % 2 === 0).length >= 3 && candidate.includes(51);
    const shortest = await shrink(numbers, together);
    expect(shortest).toHaveLength(4);
    expect([...shortest].sort((a, b) => a - b)).toEqual(shortest);
  });

  test('makes what is left simpler as long as it fails', async () => {
    const large = async (candidate: readonly number[]) => candidate.some(number => number >= 40);
    expect(await shrink(numbers, large, number => (number > 0 ? [number - 1] : []))).toEqual([40]);
  });

  test('asks no more than a few hundred times', async () => {
    let asked = 0;
    await shrink(numbers, async candidate => {
      asked++;
      return fails([10, 60])(candidate);
    });
    expect(asked).toBeLessThan(300);
  });
});
