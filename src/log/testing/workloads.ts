import { BLOCK_BYTES } from '../../base/block-memory.js';
import type { LogSettings } from '../../config/log-settings.js';
import { SETTINGS } from '../test-support.js';
import type { Loss, Workload } from './crash-points.js';
import { LogLife, type LifeOptions, type Promised } from './log-life.js';
import type { Operation } from './operations.js';
import { TWO_DIRECTORIES } from './random-life.js';

/** What logs do from day to day, as fixed lists of operations for `tryCrashPoints`. */

const SMALL: LogSettings = { ...SETTINGS, segmentBytes: 700, indexIntervalBytes: 150, fileDeleteDelayMs: 300 };

interface LogWorkload {
  readonly name: string;
  readonly settings?: Partial<LogSettings>;
  readonly life?: Partial<LifeOptions>;
  readonly operations: readonly Operation[];
  /** What brings the directories into being counts too. */
  readonly fromNothing?: true;
}

/** What comes after a recovery, so that damage that it left would show. */
const AFTERWARDS: readonly Operation[] = [
  { do: 'append', log: 0, sizes: [30, 30], producer: 1 }, { do: 'end', log: 0, producer: 10, commit: false }, { do: 'flush', log: 0 }, { do: 'restart', how: 'power' },
];
/** One of that many recoveries is followed by more. */
const AFTERWARDS_ONE_IN = 5;

export function logWorkload({ name, settings, life: lifeOptions, operations, fromNothing }: LogWorkload): Workload<Promised> {
  const options: LifeOptions = { places: [{ topic: 'a', partition: 0, settings: { ...SMALL, ...settings } }], ...lifeOptions };
  let recoveries = 0;
  return {
    name,
    async begin(world) {
      const life = new LogLife(world, options);
      if (!fromNothing) await life.begin();
      return {
        promised: () => life.promised,
        struck: operation => life.struck(operation),
        async work() {
          if (fromNothing) await life.begin();
          for (const operation of operations) await life.operate(operation, { check: false });
        },
      };
    },
    async recover(world, promised, loss: Loss) {
      const life = new LogLife(world, options, promised);
      await life.recover(loss);
      if (recoveries++ % AFTERWARDS_ONE_IN > 0) return;
      for (const operation of AFTERWARDS) await life.operate(operation);
    },
  };
}

const times = (count: number, make: (index: number) => readonly Operation[]): Operation[] => Array.from({ length: count }, (_, index) => make(index)).flat();
const append = (sizes: readonly number[], more: Partial<Extract<Operation, { do: 'append' }>> = {}): Operation => ({ do: 'append', log: 0, sizes, ...more });
const flush: Operation = { do: 'flush', log: 0 };

const SEVERAL: Partial<LifeOptions> = {
  directories: TWO_DIRECTORIES,
  places: [
    { topic: 'a', partition: 0, settings: SMALL }, { topic: 'a-1', partition: 0, settings: SMALL },
    { topic: 'b-with-dashes', partition: 0, settings: { ...SMALL, flushMessages: 1 } }, { topic: 'c', partition: 7, settings: SMALL },
  ],
};

/** Every write, or those of that many bytes, goes past the page cache, as far as it lies in its chunk as in the file. */
const directWrites = (leastDirectBytes: number): Partial<LifeOptions> =>
  ({ manager: { writeWays: { direct: 'always', leastDirectBytes }, tailChunkBytes: BLOCK_BYTES, tailCacheBytes: 8 * BLOCK_BYTES } });

export const LOG_WORKLOADS: readonly LogWorkload[] = [
  {
    name: 'segments rolled by size', fromNothing: true,
    operations: times(16, index => [append([60, 40, 80]), ...(index % 5 === 4 ? [flush] : [])]),
  }, {
    name: 'segments rolled by time', settings: { segmentMs: 1000, segmentBytes: 1 << 20 },
    operations: times(9, index => [append([20, 30], { skewMs: 300, newEpoch: index % 4 === 0 ? true : undefined }), { do: 'wait', ms: 450 }, ...(index % 6 === 5 ? [flush] : [])]),
  }, {
    name: 'segments rolled by a full index', settings: { segmentIndexBytes: 36, indexIntervalBytes: 50, segmentBytes: 1 << 20 },
    operations: times(16, index => [append([80]), ...(index % 7 === 6 ? [flush] : [])]),
  }, {
    name: 'every codec',
    operations: times(15, index => [append([300, 200, 10], { codec: (index % 5) as 0 | 1 | 2 | 3 | 4, producer: index % 2 ? 1 : undefined }), ...(index % 6 === 5 ? [flush] : [])]),
  }, {
    name: 'several batches in a turn',
    operations: times(8, index => [append([40], { times: 5, producer: index % 3 }), ...(index % 4 === 3 ? [flush] : [])]),
  }, {
    name: 'idempotent producers',
    operations: times(12, index =>
      [append([50], { producer: index % 3 }), { do: 'resend', log: 0 }, append([20, 20], { newEpoch: index % 5 === 4 ? true : undefined }), ...(index % 5 === 4 ? [flush] : [])]),
  }, {
    name: 'transactions',
    operations: times(7, index => [
      append([60], { producer: 10, transactional: true }), append([30], { producer: 11, transactional: true }), append([10]),
      { do: 'end', log: 0, producer: 10, commit: index % 2 === 0, ...(index % 4 === 3 ? { bump: true as const } : {}) },
      ...(index % 3 === 2 ? [{ do: 'end' as const, log: 0, producer: 11, commit: false }, flush] : []),
    ]),
  }, {
    name: 'a follower that truncates',
    operations: times(5, index => [
      { do: 'follow', log: 0, sizes: [90, 90, 90, 90, 60], newEpoch: index % 2 === 0 ? true : undefined }, ...(index % 3 === 1 ? [flush] : []),
      append([20], { transactional: true, producer: 10 }), { do: 'truncate', log: 0, batches: [2, 7, 1, 4][index % 4]! },
      ...(index % 4 === 3 ? [{ do: 'end' as const, log: 0, producer: 10, commit: false }] : []),
    ]),
  }, {
    name: 'a follower that starts over',
    operations: times(4, index => [
      { do: 'follow', log: 0, sizes: [90, 90, 90, 60] }, append([80, 70], { producer: 1 }), ...(index % 2 === 0 ? [flush] : []),
      { do: 'startOver', log: 0, ahead: [30, 0, 100, -3][index % 4]! }, append([20]), { do: 'wait', ms: 350 },
    ]),
  }, {
    name: 'a follower that starts over below its start',
    operations: times(3, index => [
      append([90, 80]), append([70, 60], { producer: 1 }), append([90]), { do: 'deleteRecords', log: 0, part: 0.8 }, { do: 'wait', ms: 800 },
      { do: 'startOver', log: 0, ahead: [-6, -40, -3][index]! }, { do: 'follow', log: 0, sizes: [90, 60, 80] }, ...(index % 2 === 0 ? [flush] : []),
    ]),
  }, {
    name: 'DeleteRecords',
    operations: times(5, index => [
      append([90, 40]), append([70, 40], { producer: 2 }), append([100]), { do: 'deleteRecords', log: 0, part: [0.4, 0.9, 1][index % 3]! },
      ...(index % 2 === 0 ? [{ do: 'wait' as const, ms: 800 }] : [{ do: 'retain' as const, log: 0 }]), ...(index % 4 === 3 ? [flush] : []),
    ]),
  }, {
    name: 'retention by size', settings: { retentionBytes: 1500 },
    operations: times(7, index => [append([150, 60]), append([150]), { do: 'retain', log: 0 }, ...(index % 3 === 2 ? [flush, { do: 'wait' as const, ms: 400 }] : [])]),
  }, {
    name: 'retention by time, of all that there is', settings: { retentionMs: 1000 },
    operations: times(3, index => [append([150, 60], { producer: 1 }), append([200]), append([300]), { do: 'wait', ms: index % 2 ? 1500 : 700 }, { do: 'retain', log: 0 }, append([10])]),
  }, {
    name: 'flush.messages=1', settings: { flushMessages: 1 },
    operations: times(8, index => [append([60, 50], { producer: index % 2 ? 1 : undefined })]),
  }, {
    name: 'flush.ms', settings: { flushMs: 100 },
    operations: times(6, index => [append([60, 90]), append([60], { producer: 0 }), { do: 'wait', ms: index % 3 === 2 ? 320 : 60 }]),
  }, {
    name: 'closed and opened again',
    operations: times(3, index => [
      append([90], { producer: 1 }), append([90]), append([60], { producer: 10, transactional: true }),
      { do: 'restart', how: index % 3 === 2 ? 'kill' : 'clean' }, { do: 'end', log: 0, producer: 10, commit: index % 2 === 0 },
    ]),
  }, {
    name: 'opened again after deaths',
    operations: times(5, index => [
      append([90, 80], { producer: 1 }), append([90], { newEpoch: true }), ...(index % 3 === 0 ? [flush] : []), append([70, 60]),
      { do: 'restart', how: index % 2 ? 'kill' : 'power' },
    ]),
  }, {
    name: 'settings that change',
    operations: ([
      { segmentBytes: 400, indexIntervalBytes: 100 }, { retentionBytes: 900 }, { flushMessages: 2, preallocate: true }, { retentionMs: 500, retentionBytes: -1, flushMs: 50 },
    ] as const).flatMap((change, index): Operation[] => [
      append([120]), { do: 'settings', log: 0, change }, append([80, 50]), { do: 'wait', ms: 260 }, append([100, 90]), { do: 'retain', log: 0 },
      ...(index === 2 ? [{ do: 'restart' as const, how: 'clean' as const }] : []),
    ]),
  }, {
    name: 'compaction', settings: { cleanupPolicy: { compact: true, delete: false }, deleteRetentionMs: 300 },
    operations: times(2, index => [
      append([40, 40, 40]), append([30, 60], { producer: 1 }), append([50], { producer: 10, transactional: true }), append([40, 20]),
      { do: 'end', log: 0, producer: 10, commit: index % 2 === 0 }, append([60, 60]), { do: 'roll', log: 0 },
      ...(index === 1 ? [flush] : []), { do: 'clean', log: 0 }, { do: 'wait', ms: 400 },
    ]),
  }, {
    name: 'files that are made with room in them', settings: { preallocate: true, flushMs: 400 },
    operations: times(4, index => [
      append([90, 80]), append([120, 60], { producer: 1 }), append([90]), ...(index % 2 === 0 ? [flush] : []), append([100, 90]),
      index === 1 ? { do: 'truncate', log: 0, batches: 2 } : index === 2 ? { do: 'restart', how: 'kill' } : { do: 'restart', how: 'clean' },
    ]),
  }, {
    name: 'appends past the page cache', settings: { segmentBytes: 9000, flushMs: 400 }, life: directWrites(1),
    operations: times(5, index => [
      append([900, 800]), append([1200, 60], { producer: 1 }), append([90]), ...(index % 2 === 0 ? [flush] : []), append([4000, 900]), append([30], { producer: 10, transactional: true }),
      index === 1 ? { do: 'truncate', log: 0, batches: 2 } : index === 3 ? { do: 'roll', log: 0 } : { do: 'restart', how: index === 2 ? 'kill' : 'clean' },
      { do: 'end', log: 0, producer: 10, commit: index % 2 === 0 },
    ]),
  }, {
    name: 'appends past the page cache and through it', settings: { segmentBytes: 15_000 }, life: directWrites(1000),
    operations: times(7, index => [append([900, 800]), append([70]), append([50], { producer: 1 }), ...(index % 3 === 0 ? [flush] : []), append([2500 + 600 * index]), append([600, 700])]),
  }, {
    name: 'a disk that stalls', life: { manager: { writeWays: { direct: 'never', leastDirectBytes: 1, stalls: true } } },
    operations: times(5, index => [
      append([90, 80]), append([40], { times: 4, producer: 1 }), ...(index % 3 === 0 ? [flush] : []), append([60], { producer: 10, transactional: true }),
      index === 1 ? { do: 'truncate', log: 0, batches: 2 } : index === 3 ? { do: 'roll', log: 0 } : { do: 'restart', how: index === 2 ? 'kill' : 'clean' },
      { do: 'end', log: 0, producer: 10, commit: index % 2 === 0 },
    ]),
  }, {
    name: 'moves from one directory to the other and back', life: { directories: TWO_DIRECTORIES },
    operations: times(3, index => [
      append([90, 80]), append([70, 60], { producer: 1 }), append([60], { producer: 10, transactional: true }), ...(index === 1 ? [flush] : []),
      ...(index === 0 ? [] : [{ do: 'deleteRecords' as const, log: 0, part: 0.4 }]), { do: 'move', log: 0, to: 1 - (index % 2), bytes: 200 }, append([90, 40]),
      { do: 'end', log: 0, producer: 10, commit: index % 2 === 0 }, { do: 'wait', ms: 400 },
    ]),
  }, {
    name: 'topics that come and go in two directories', life: SEVERAL, fromNothing: true,
    operations: times(2, index => [
      ...[0, 1, 2, 3].map((log): Operation => ({ do: 'append', log, sizes: [60, 200, 150], producer: 1 })), { do: 'roll', log: 1 + index },
      { do: 'deleteRecords', log: 0, part: 0.7 }, { do: 'flush', log: 1 }, { do: 'wait', ms: 800 },
      { do: index % 2 ? 'setAside' : 'deleteTopic', log: 2 + index }, { do: 'append', log: 2 + index, sizes: [10] }, { do: 'deleteTopic', log: 0 },
      { do: 'append', log: 0, sizes: [300, 300] }, { do: 'restart', how: index % 2 ? 'kill' : 'clean' },
    ]),
  },
];
