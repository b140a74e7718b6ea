import { BLOCK_BYTES } from '../../base/block-memory.js';
import type { LogSettings } from '../../config/log-settings.js';
import { SimRandom, SimWorld } from '../../env/sim/index.js';
import { SETTINGS } from '../test-support.js';
import type { Log } from '../partition/log.js';
import { LogLife, type LifeOptions, type Place } from './log-life.js';
import { formatOperations, type Operation } from './operations.js';
import { shrink } from './shrink.js';

/** Lives of logs that a seed makes up, held against the model. */

export interface LifeFailure {
  readonly seed: number;
  readonly error: Error;
  /** The shortest list of operations that still fails; what it fails with. */
  readonly operations: readonly Operation[];
}

export interface LifeRunOptions {
  readonly wrap?: (log: Log) => Log;
  /** On top of those that the seed makes up. */
  readonly settings?: Partial<LogSettings>;
  /** Instead of those that the seed makes up, as are the operations. */
  readonly directories?: readonly string[];
  readonly operations?: readonly Operation[];
}

/** Settings under which a few records make a segment. */
function placesOf(random: SimRandom): Place[] {
  const settings = {
    ...SETTINGS, segmentBytes: 600 + random.int(3000), indexIntervalBytes: random.int(500), fileDeleteDelayMs: 1000,
    retentionBytes: random.chance(0.2) ? 2000 : -1, flushMessages: random.chance(0.15) ? 1 + random.int(3) : SETTINGS.flushMessages,
    flushMs: random.chance(0.15) ? 300 : SETTINGS.flushMs,
    segmentIndexBytes: random.chance(0.2) ? 60 : SETTINGS.segmentIndexBytes,
  };
  const compacted = random.chance(0.3) ? { cleanupPolicy: { compact: true, delete: false }, deleteRetentionMs: random.int(3000) } : {};
  return [{ topic: 'a', partition: 0, settings: { ...settings, ...compacted } }, { topic: 'b', partition: 1, settings: { ...settings, segmentBytes: 900, flushMessages: SETTINGS.flushMessages } }];
}

/** Between which logs can be moved. */
export const TWO_DIRECTORIES = ['/data/one', '/data/two'];
const directoriesOf = (seed: number): readonly string[] => (new SimRandom(`directories ${seed}`).chance(0.4) ? TWO_DIRECTORIES : ['/data']);

/** Some write all they can past the page cache, some now and then; the disk of some stalls all the time. */
function managerOptions(random: SimRandom): LifeOptions['manager'] {
  const direct = (['never', 'always', 'auto'] as const)[random.int(3)]!;
  const writeWays = { direct, leastDirectBytes: 1 + random.int(400), ...(random.chance(0.25) ? { stalls: true as const } : {}) };
  return { writeWays, tailChunkBytes: BLOCK_BYTES * (1 + random.int(2)), tailCacheBytes: 3000 + random.int(20_000) };
}

const IDEMPOTENT = 3;
const TRANSACTIONAL = [10, 11];

/** Operations in the shares in which they find most. */
export function randomOperations(seed: number, count: number): Operation[] {
  const random = new SimRandom(`operations ${seed}`);
  return Array.from({ length: count }, () => randomOperation(random));
}

function randomOperation(random: SimRandom): Operation {
  const log = random.chance(0.8) ? 0 : 1;
  const sizes = (): number[] => Array.from({ length: 1 + random.int(4) }, () => random.int(120));
  const choice = random.int(100);
  if (choice < 40) return randomAppend(random, log, sizes());
  if (choice < 43) return { do: 'resend', log };
  if (choice < 49) return { do: 'end', log, producer: TRANSACTIONAL[random.int(2)]!, commit: random.chance(0.5), ...(random.chance(0.3) ? { bump: true } : {}) };
  if (choice < 52) return { do: 'follow', log, sizes: sizes(), ...(random.chance(0.3) ? { newEpoch: true } : {}) };
  if (choice < 60) return { do: 'flush', log };
  if (choice < 63) return { do: 'roll', log };
  if (choice < 67) return { do: 'truncate', log, batches: 1 + random.int(random.chance(0.3) ? 30 : 5) };
  if (choice < 68) return { do: 'startOver', log, ahead: random.int(60) - 10 };
  if (choice < 71) return { do: 'deleteRecords', log, part: random.int(101) / 100 };
  if (choice < 73) return { do: 'retain', log };
  if (choice < 75) return { do: 'clean', log };
  if (choice < 77) return { do: 'move', log, to: random.int(2), bytes: 1 + random.int(1000) };
  if (choice < 79) return { do: 'settings', log, change: randomSettings(random) };
  if (choice < 81) return { do: random.chance(0.7) ? 'deleteTopic' : 'setAside', log };
  if (choice < 86) return { do: 'wait', ms: random.int(1500) };
  if (choice < 92) return { do: 'restart', how: (['clean', 'kill', 'power'] as const)[random.int(3)]! };
  return { do: 'fault', after: random.int(8), how: (['kill', 'crash', 'kill', 'crash', 'EIO', 'ENOSPC'] as const)[random.int(6)]!, part: random.int(5) / 4 };
}

function randomAppend(random: SimRandom, log: number, sizes: readonly number[]): Operation {
  const kind = random.int(10);
  return {
    do: 'append', log, sizes,
    ...(kind < 3 ? { producer: random.int(IDEMPOTENT) } : kind < 6 ? { producer: TRANSACTIONAL[random.int(2)]!, transactional: true as const } : {}),
    ...(random.chance(0.3) ? { skewMs: 5000 } : {}),
    ...(random.chance(0.1) ? { newEpoch: true } : {}),
    ...(random.chance(0.2) ? { uncommitted: true } : {}),
    ...(random.chance(0.2) ? { times: 2 + random.int(3) } : {}),
    ...(random.chance(0.15) ? { codec: (1 + random.int(4)) as 1 | 2 | 3 | 4 } : {}),
  };
}

function randomSettings(random: SimRandom): Extract<Operation, { do: 'settings' }>['change'] {
  return ([
    { segmentBytes: 500 + random.int(2000) }, { indexIntervalBytes: random.int(400) }, { retentionBytes: random.chance(0.5) ? 1500 : -1 },
    { retentionMs: random.chance(0.5) ? 2000 : -1 }, { flushMessages: random.chance(0.5) ? 1 : SETTINGS.flushMessages },
    { flushMs: random.chance(0.5) ? 100 : SETTINGS.flushMs }, { segmentMs: random.chance(0.5) ? 1000 : SETTINGS.segmentMs },
    { fileDeleteDelayMs: random.int(2000) }, { segmentIndexBytes: random.chance(0.5) ? 48 : SETTINGS.segmentIndexBytes }, { preallocate: random.chance(0.5) },
  ] as const)[random.int(10)]!;
}

export const OPERATIONS_A_LIFE = 40;

/** One life from a seed; what is wrong with it, in its shortest form. */
export async function tryLife(seed: number, options: LifeRunOptions = {}): Promise<LifeFailure | undefined> {
  const operations = options.operations ?? randomOperations(seed, OPERATIONS_A_LIFE);
  if (await failureOf(seed, operations, options) === undefined) return undefined;
  const shortest = await shrink(operations, async candidate => await failureOf(seed, candidate, options) !== undefined, simplerOperations);
  return { seed, operations: shortest, error: (await failureOf(seed, shortest, options))! };
}

async function failureOf(seed: number, operations: readonly Operation[], { wrap, settings, directories = directoriesOf(seed) }: LifeRunOptions): Promise<Error | undefined> {
  const places = placesOf(new SimRandom(`settings ${seed}`)).map(place => ({ ...place, settings: { ...place.settings, ...settings } }));
  const manager = managerOptions(new SimRandom(`writes ${seed}`));
  const lifeOptions: LifeOptions = { places, directories, manager, ...(wrap ? { wrap } : {}) };
  const life = new LogLife(new SimWorld(seed), lifeOptions);
  try {
    await life.begin();
    for (const operation of operations) await life.operate(operation);
    await life.operate({ do: 'restart', how: 'kill' });
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** The same with less: one small record, no frills. */
function simplerOperations(operation: Operation): Operation[] {
  if (operation.do !== 'append' && operation.do !== 'follow') return [];
  const { do: what, log, sizes } = operation;
  const simpler: Operation[] = [{ do: what, log, sizes: [1] }, { do: what, log, sizes: sizes.slice(0, 1) }];
  if (operation.do === 'append') simpler.push({ ...operation, sizes: [1] }, { ...operation, sizes: sizes.slice(0, 1) });
  return simpler.filter(candidate => JSON.stringify(candidate).length < JSON.stringify(operation).length);
}

export function formatFailure({ seed, error, operations }: LifeFailure): string {
  return `seed ${seed} fails (make sim-log SEEDS=1 SEED=${seed}): ${error.stack}\nits shortest form, ${operations.length} operations:\n${formatOperations(operations)}`;
}
