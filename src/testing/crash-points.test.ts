import { afterAll, expect, test } from '@jest/globals';
import { mkdirSync, writeFileSync } from 'node:fs';
import { formatCounts, tryCrashPoints, type CrashPointCount, type CrashPointOptions } from '../log/testing/crash-points.js';
import { LOG_WORKLOADS, logWorkload } from '../log/testing/workloads.js';
import { BROKER_WORKLOAD, METADATA_WORKLOAD } from './crash-workloads.js';

/** `CRASH_POINTS=thorough` takes minutes: more deaths and every kind of error at each point. */
const IS_THOROUGH = process.env['CRASH_POINTS'] === 'thorough';
const OPTIONS: CrashPointOptions = IS_THOROUGH
  ? { kills: 3, powerLosses: 14, errors: 4, secondDeathOneIn: 2 }
  : { kills: 0.5, powerLosses: 1, errors: 0.15, secondDeathOneIn: 4 };
const TIMEOUT_MS = IS_THOROUGH ? 3_600_000 : 120_000;
const LEAST_POINTS = 2000;

const counts: CrashPointCount[] = [];

test.each(LOG_WORKLOADS.map(workload => [workload.name, workload] as const))('every disk operation of a log is a crash point: %s', async (_name, workload) => {
  counts.push(await tryCrashPoints(logWorkload(workload), OPTIONS));
}, TIMEOUT_MS);

test('every disk operation of the metadata log is a crash point', async () => {
  counts.push(await tryCrashPoints(METADATA_WORKLOAD, OPTIONS));
}, TIMEOUT_MS);

test('every disk operation of the whole broker is a crash point', async () => {
  counts.push(await tryCrashPoints(BROKER_WORKLOAD, OPTIONS));
}, TIMEOUT_MS);

test('a promise that is not kept is found, with the operation at which it shows', async () => {
  const honest = logWorkload({ name: 'promises', operations: [{ do: 'append', log: 0, sizes: [10] }, { do: 'append', log: 0, sizes: [10] }] });
  const boastful: typeof honest = {
    ...honest,
    async begin(world) {
      const subject = await honest.begin(world);
      const promised = (): ReturnType<typeof subject.promised> => {
        const truth = subject.promised();
        for (const model of truth.current) if (model) model.flushedEnd = model.end;
        return truth;
      };
      return { ...subject, work: () => subject.work(), promised };
    },
  };
  await expect(tryCrashPoints(boastful, { kills: 1, powerLosses: 3, errors: 0, secondDeathOneIn: 100 })).rejects.toThrow(/^workload 'promises', operation \d+ .*power, keeping .*acknowledged/);
  await expect(tryCrashPoints(honest, { kills: 1, powerLosses: 3, errors: 1, secondDeathOneIn: 2 })).resolves.toMatchObject({ name: 'promises' });
});

afterAll(() => {
  const isWhole = counts.length === LOG_WORKLOADS.length + 2;
  if (!isWhole) return;
  expect(counts.reduce((sum, { points }) => sum + points, 0)).toBeGreaterThanOrEqual(LEAST_POINTS);
  expect(counts.filter(({ points, recovered }) => recovered !== points)).toEqual([]);
  mkdirSync('build/reports', { recursive: true });
  writeFileSync('build/reports/crash-points.txt', `${formatCounts(counts)}\n`);
});
