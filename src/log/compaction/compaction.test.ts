import { describe, expect, test } from '@jest/globals';
import type { CleanerSettings } from '../../config/cleaner-settings.js';
import type { LogSettings } from '../../config/log-settings.js';
import { SimRandom, SimWorld, type SimNode } from '../../env/sim/index.js';
import * as batch from '../../protocol/records/batch.js';
import type { Log } from '../partition/log.js';
import { createLogHost, openLog } from '../partition/open-log.js';
import { TOPIC_ID } from '../test-support.js';
import { runCleanJob, type CleanJob } from './clean-job.js';
import { cleanLog, type CleaningStats } from './clean-log.js';
import { firstDirtyOffset, planCleaning, type CleaningPlan } from './cleanable.js';
import { CLEANER, COMPACTED, readBatches, readCommitted, recordsOf, Workload } from './test-workload.js';

const DIRECTORY = '/data/events-0';

class Run {
  readonly world: SimWorld;
  readonly node: SimNode;
  readonly random: SimRandom;
  readonly workload: Workload;
  log!: Log;

  constructor(seed: number | string, readonly settings: LogSettings = COMPACTED, readonly cleaner: CleanerSettings = CLEANER, private readonly tailCacheBytes = 0) {
    this.world = new SimWorld(seed);
    this.node = this.world.node('broker');
    this.random = new SimRandom(`workload ${seed}`);
    this.workload = new Workload(this.random, this.node.clock);
  }

  async open(clean = false): Promise<Log> {
    const host = createLogHost({ env: this.node, tailCacheBytes: this.tailCacheBytes, readAheadFromBytes: 1 });
    if (!this.node.disk.stat('/data')) this.node.disk.makeDirectory('/data');
    return this.log = await this.until(openLog({ host, directory: DIRECTORY, topic: 'events', partition: 0, topicId: TOPIC_ID, settings: this.settings, clean }));
  }

  until<T>(promise: Promise<T>): Promise<T> {
    return this.world.runUntil(promise, 600_000);
  }

  /** Everything that is written is decided and committed afterwards. */
  async write(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      this.workload.append(this.log);
      if (this.random.chance(0.1)) await this.world.run(this.random.int(500));
    }
    this.workload.endAll(this.log);
    this.log.updateHighWatermark(this.log.logEndOffset);
  }

  plan(): CleaningPlan {
    return planCleaning(this.log, firstDirtyOffset(this.log, this.log.compaction.cleanedOffset), this.node.clock.nowMs());
  }

  /** Cleans the log, every job as another thread would get it, and does the same to the model. */
  async clean(): Promise<CleaningStats> {
    const plan = this.plan();
    const nowMs = this.node.clock.nowMs();
    const bases = this.log.segments.baseOffsets;
    const stats = await this.until(cleanLog(this.log, plan, {
      host: this.node, settings: this.cleaner, checkpoint: () => undefined, runClean: async (job: CleanJob) => structuredClone(await runCleanJob(this.node, structuredClone(job))),
    }));
    this.workload.clean(plan.firstDirtyOffset, stats.endOffset, { rewritten: bases.find(base => base >= stats.endOffset)!, nowMs, deleteRetentionMs: this.settings.deleteRetentionMs });
    return stats;
  }

  /** The log holds what the model says, for every kind of reader. */
  async check(): Promise<void> {
    const { log } = this;
    expect(await this.until(readCommitted(log, 1 + this.random.int(8000)))).toEqual(this.workload.committed);
    const batches = await this.until(readBatches(log));
    for (const bytes of batches) expect(batch.isValid(bytes, 0)).toBe(true);
    await this.checkIndexes(batches);
    await this.checkTimes();
  }

  private async checkIndexes(batches: readonly Buffer[]): Promise<void> {
    for (const segment of this.log.segments) {
      const file = this.node.disk.readFile(segment.log.path);
      let lastTimestampMs = -1;
      for (let slot = 0; slot < segment.offsetIndex.count; slot++) {
        const { offset, position } = segment.offsetIndex.entry(slot);
        expect(batch.lastOffset(file, position)).toBe(offset);
      }
      for (let slot = 0; slot < segment.timeIndex.count; slot++) {
        const { timestampMs, offset } = segment.timeIndex.entry(slot);
        expect(timestampMs).toBeGreaterThan(lastTimestampMs);
        lastTimestampMs = timestampMs;
        // Batches without records have a time in their header, and nothing that a look-up could find.
        const upTo = batches.filter(bytes => batch.count(bytes, 0) > 0 && batch.baseOffset(bytes, 0) >= segment.baseOffset && batch.lastOffset(bytes, 0) <= offset);
        expect(Math.max(...upTo.map(bytes => batch.maxTimestampMs(bytes, 0)))).toBe(timestampMs);
      }
    }
  }

  private async checkTimes(): Promise<void> {
    const all = (await this.until(readBatches(this.log))).flatMap(bytes => recordsOf(bytes));
    const oldest = Math.min(...all.map(({ timestampMs }) => timestampMs));
    const newest = Math.max(...all.map(({ timestampMs }) => timestampMs));
    for (let probe = 0; probe < 5; probe++) {
      const timestampMs = oldest + this.random.int(newest - oldest + 2);
      const found = await this.until(this.log.offsetForTimestamp(timestampMs));
      expect(found?.offset).toBe(all.find(record => record.timestampMs >= timestampMs)?.offset);
    }
    expect((await this.until(this.log.offsetOfMaxTimestamp()))?.timestampMs).toBe(newest);
  }
}

/** A few hundred seeds; each prints itself where it fails. */
const SEEDS = Array.from({ length: 60 }, (_, seed) => seed);

describe('what is left of a log that was compacted', () => {
  test.each(SEEDS)('is the last of every key, with its offset, for all kinds of readers: seed %i', async seed => {
    const tailCacheBytes = seed % 3 === 0 ? 1 << 20 : 0;
    // Now and then the map takes only a few keys, and a cleaning ends before the segments do.
    const run = new Run(seed, COMPACTED, { ...CLEANER, dedupeBufferBytes: seed % 4 === 0 ? 24 * 8 : 1 << 20 }, tailCacheBytes);
    await run.open();
    for (let round = 0; round < 4; round++) {
      await run.write(40);
      if (run.plan().cleanableBytes > 0) await run.clean();
      await run.check();
      await run.world.run(run.random.int(2) * run.random.int(15_000));
      if (run.random.chance(0.3)) {
        await run.until(run.log.close());
        const { cleanedOffset } = run.log.compaction;
        await run.open(true);
        run.log.compaction.cleanedOffset = cleanedOffset;
        run.log.updateHighWatermark(run.log.logEndOffset);
        await run.check();
      }
    }
    const end = run.log.logEndOffset;
    run.log.abandon();
    await run.open(false);
    expect(run.log.logEndOffset).toBe(end);
    run.log.updateHighWatermark(end);
    await run.check();
  });
});
