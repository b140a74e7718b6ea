import type { CleanerSettings } from '../../config/cleaner-settings.js';
import { DiskError } from '../../env/index.js';
import type { LogHost } from '../host.js';
import type { Log } from '../partition/log.js';
import { OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, segmentFile } from '../paths.js';
import type { Segment } from '../segment/segment.js';
import { removeCleaned, type CleanJob, type CleanResult, type GroupResult, type MapResult, type MapSource } from './clean-job.js';
import type { TransactionsSoFar } from './cleaned-transactions.js';
import { groupSegments, type CleaningPlan, type GroupedSize } from './cleanable.js';
import { mapCapacity, mapMemory } from './offset-map.js';
import type { LastOfProducer } from './record-filter.js';

/** What a cleaning did (`CleanerStats`). */
export interface CleaningStats {
  /** Where the next one begins. */
  endOffset: number;
  segmentsRead: number;
  segmentsWritten: number;
  mapBytesRead: number;
  bytesRead: number;
  bytesWritten: number;
  messagesRead: number;
  messagesWritten: number;
  invalidMessages: number;
  /** How full the map of keys was, 0 to 1. */
  bufferUtilization: number;
  mapMs: number;
  elapsedMs: number;
}

export interface CleaningWorld {
  readonly host: Pick<LogHost, 'disk' | 'clock'>;
  readonly settings: CleanerSettings;
  readonly runClean: (job: CleanJob) => Promise<CleanResult>;
  /** Brings the log's recovery point, and how far it was compacted, to the checkpoints. */
  readonly checkpoint: () => void;
}

/** The log was cut, closed or moved while it was being compacted: what was done so far stays, the rest is for another time. */
export class CleaningAbortedError extends Error {
  override readonly name = 'CleaningAbortedError';
}

/** The log holds what cannot be compacted, such as a damaged batch. */
export class UncleanableError extends Error {
  override readonly name = 'UncleanableError';
}

/**
 * Compacts a log as planned (`Cleaner.doClean`). Throws `CleaningAbortedError`, `UncleanableError`, or the `DiskError` after which
 * the log is no longer used.
 */
export async function cleanLog(log: Log, plan: CleaningPlan, world: CleaningWorld): Promise<CleaningStats> {
  const abort = log.compaction.begin();
  try {
    return await new Cleaning(log, plan, world, abort).run();
  } finally {
    log.compaction.end();
  }
}

class Cleaning {
  private readonly nowMs: number;
  private readonly startedMs: number;
  private transactions: TransactionsSoFar | undefined;
  private readonly memory: SharedArrayBuffer;
  private readonly maxEntries: number;
  private readonly shared: Pick<CleanJob, 'directory' | 'abort' | 'ioBufferBytes' | 'maxBytesPerSecond'>;

  constructor(private readonly log: Log, private readonly plan: CleaningPlan, private readonly world: CleaningWorld, private readonly abort: Int32Array) {
    const { settings, host } = world;
    const threads = Math.max(1, settings.threads);
    this.nowMs = host.clock.nowMs();
    this.startedMs = host.clock.monotonicMs();
    const mapBytes = Math.min(settings.dedupeBufferBytes / threads, MAX_MAP_BYTES);
    this.maxEntries = mapCapacity(mapBytes, settings.dedupeBufferLoadFactor);
    if (this.maxEntries < 1) throw new UncleanableError('log.cleaner.dedupe.buffer.size leaves no room for a single key of a log');
    this.memory = mapMemory(mapBytes, plan.firstUncleanableOffset - plan.firstDirtyOffset);
    this.shared = {
      directory: log.directory, abort,
      ioBufferBytes: Math.floor(settings.ioBufferBytes / threads / 2),
      maxBytesPerSecond: settings.ioMaxBytesPerSecond / threads,
    };
  }

  async run(): Promise<CleaningStats> {
    const { log, world } = this;
    const map = await this.buildMap();
    const endOffset = map.latestOffset + 1;
    const stats: CleaningStats = {
      endOffset, segmentsRead: 0, segmentsWritten: 0, mapBytesRead: map.bytesRead, bytesRead: 0, bytesWritten: 0, messagesRead: 0,
      messagesWritten: 0, invalidMessages: 0, bufferUtilization: map.entries / this.maxEntries, mapMs: this.elapsedMs, elapsedMs: 0,
    };
    // A record may go only once the later one, for which it goes, cannot be lost any more.
    await log.flush(endOffset);
    this.mustGoOn();
    // After a stop amidst the cleaning, what is compacted need not be checked once more.
    world.checkpoint();
    for (const group of this.groups(endOffset)) {
      const result = await this.cleanGroup(group, map);
      stats.segmentsRead += group.length;
      stats.segmentsWritten++;
      for (const name of SUMMED) stats[name] += result[name];
    }
    log.compaction.cleanedOffset = endOffset;
    world.checkpoint();
    return { ...stats, elapsedMs: this.elapsedMs };
  }

  private get elapsedMs(): number {
    return this.world.host.clock.monotonicMs() - this.startedMs;
  }

  private async buildMap(): Promise<MapResult> {
    const { log, plan: { firstDirtyOffset: startOffset, firstUncleanableOffset: endOffset } } = this;
    const dirty = log.segments.between(startOffset, endOffset);
    const segments = dirty.map(({ baseOffset, sizeBytes, offsetIndex }, index): MapSource => ({
      baseOffset, sizeBytes, position: offsetIndex.lookup(startOffset).position, nextOffset: dirty[index + 1]?.baseOffset ?? endOffset,
    }));
    return this.do<MapResult>({
      ...this.shared, kind: 'map', memory: this.memory, maxEntries: this.maxEntries, startOffset, segments,
      aborted: log.segments.abortedBetween(startOffset, endOffset),
    });
  }

  private groups(endOffset: number): Segment[][] {
    const { log, plan, world: { host } } = this;
    const sizeOf = (segment: Segment, suffix: string): number => host.disk.stat(segmentFile(log.directory, segment.baseOffset, suffix))?.sizeBytes ?? 0;
    const sizes = log.segments.between(0, endOffset).map((segment): GroupedSize & { segment: Segment } => ({
      segment, baseOffset: segment.baseOffset, sizeBytes: segment.sizeBytes,
      offsetIndexBytes: sizeOf(segment, OFFSET_INDEX_SUFFIX), timeIndexBytes: sizeOf(segment, TIME_INDEX_SUFFIX),
    }));
    return groupSegments(sizes, { ...log.settings, firstUncleanableOffset: plan.firstUncleanableOffset })
      .map(group => group.map(({ segment }) => segment));
  }

  private async cleanGroup(group: readonly Segment[], map: MapResult): Promise<GroupResult> {
    const { log, plan, world: { host } } = this;
    const result = await this.do<GroupResult>({
      ...this.shared, kind: 'group', memory: this.memory, map: { entries: map.entries, latestOffset: map.latestOffset },
      transactions: this.transactions,
      indexIntervalBytes: log.settings.indexIntervalBytes,
      rules: {
        nowMs: this.nowMs, deleteRetentionMs: log.settings.deleteRetentionMs, endOffset: plan.firstUncleanableOffset, producers: lastOfProducers(log),
      },
      segments: group.map(segment => ({
        baseOffset: segment.baseOffset, sizeBytes: segment.sizeBytes, modifiedMs: host.disk.stat(segment.log.path)!.modifiedMs,
        aborted: log.segments.abortedBetween(segment.baseOffset, log.segments.after(segment)!.baseOffset),
      })),
    });
    if (!log.replaceSegments(group)) this.stop(group[0]!.baseOffset);
    this.transactions = result.transactions;
    return result;
  }

  private async do<T extends MapResult | GroupResult>(job: CleanJob): Promise<T> {
    const result = await this.world.runClean(job);
    const baseOffset = job.segments[0]!.baseOffset;
    if (result.kind === 'aborted' || this.isAborted) this.stop(baseOffset);
    if (result.kind !== 'failed') return result as T;
    if (!result.disk) throw new UncleanableError(result.message);
    throw this.log.noteFailure(new DiskError(result.disk.code, result.disk.path, result.message));
  }

  private get isAborted(): boolean {
    return Atomics.load(this.abort, 0) !== 0;
  }

  private mustGoOn(): void {
    if (this.isAborted) throw new CleaningAbortedError();
  }

  /** What was written to take a group's place goes, unless the directory is no longer this log's. */
  private stop(baseOffset: number): never {
    if (!this.log.isClosed && this.log.directory === this.shared.directory) removeCleaned(this.world.host.disk, this.shared.directory, baseOffset);
    throw new CleaningAbortedError();
  }
}

/** More than one thread of Apache's takes. */
const MAX_MAP_BYTES = 0x7fff_ffff;

const SUMMED = ['bytesRead', 'bytesWritten', 'messagesRead', 'messagesWritten', 'invalidMessages'] as const;

function lastOfProducers(log: Log): LastOfProducer[] {
  return Array.from(log.producers.entries.values(), ({ producerId, epoch, batches }) => ({ producerId, epoch, lastDataOffset: batches.at(-1)?.lastOffset ?? -1 }));
}
