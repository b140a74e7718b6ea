import { MalformedError } from '../../base/bytes.js';
import { DiskError, type Env } from '../../env/index.js';
import * as batch from '../../protocol/records/batch.js';
import { walkBatch } from '../../protocol/records/batch-iterator.js';
import { CLEANED_SUFFIX, LOG_SUFFIX, SEGMENT_SUFFIXES, segmentFile } from '../paths.js';
import { FilePool } from '../segment/file-pool.js';
import { IndexBudget } from '../segment/index-file.js';
import { MAX_RELATIVE_OFFSET, Segment } from '../segment/segment.js';
import { NEVER_DIRECT, WriteWays } from '../segment/write-ways.js';
import type { AbortedTransaction } from '../segment/txn-index.js';
import { Pace, readBatches } from './batch-reader.js';
import { CleanedTransactions, type TransactionsSoFar } from './cleaned-transactions.js';
import { OffsetMap } from './offset-map.js';
import { RecordFilter, type FilterStats, type RetentionRules } from './record-filter.js';

/**
 * The work of the cleaner that takes long, as data that can be sent to another thread: first a map of the keys of what is not
 * clean yet, then each group of segments written into one that takes their place.
 */
export type CleanJob = MapJob | GroupJob;

declare module '../../env/compute.js' {
  interface JobTable {
    clean(job: CleanJob): Promise<CleanResult>;
  }
}

interface JobBase {
  /** The partition's directory. */
  readonly directory: string;
  /** Shared: not 0 once the log was cut, closed or moved, and the job shall stop. */
  readonly abort: Int32Array;
  readonly ioBufferBytes: number;
  readonly maxBytesPerSecond: number;
}

/** Puts the keys of [`startOffset`, `endOffset`) into the map, as many as it takes. */
export interface MapJob extends JobBase {
  readonly kind: 'map';
  readonly memory: SharedArrayBuffer;
  readonly maxEntries: number;
  readonly startOffset: number;
  readonly segments: readonly MapSource[];
  /** Aborted transactions that touch the range: their records count for nothing. */
  readonly aborted: readonly AbortedTransaction[];
}

export interface MapSource {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  /** Where the first record wanted lies, or a batch before it. */
  readonly position: number;
  /** Base offset of the next segment, or the end of the range. */
  readonly nextOffset: number;
}

/** Writes what stays of some segments into one, `<base>.log.cleaned` with its indexes, durably. */
export interface GroupJob extends JobBase {
  readonly kind: 'group';
  readonly memory: SharedArrayBuffer;
  readonly map: MapState;
  readonly segments: readonly GroupSource[];
  readonly transactions: TransactionsSoFar | undefined;
  readonly rules: RetentionRules;
  readonly indexIntervalBytes: number;
}

export interface GroupSource {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Aborted transactions that touch the segment. */
  readonly aborted: readonly AbortedTransaction[];
}

export interface MapState {
  readonly entries: number;
  readonly latestOffset: number;
}

export type CleanResult = MapResult | GroupResult | { readonly kind: 'aborted' } | FailedResult;

export interface MapResult extends MapState {
  readonly kind: 'map';
  readonly bytesRead: number;
  readonly messagesRead: number;
}

export interface GroupResult extends FilterStats {
  readonly kind: 'group';
  readonly transactions: TransactionsSoFar;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** `disk`: the file system failed; without it, the log holds what cannot be compacted. */
export interface FailedResult {
  readonly kind: 'failed';
  readonly message: string;
  readonly disk?: { readonly code: string; readonly path: string };
}

class AbortedError extends Error {}

/** Does a job. Never rejects: what goes wrong is in the result, which can be sent to another thread as well. */
export async function runCleanJob(env: Pick<Env, 'disk' | 'clock'>, job: CleanJob): Promise<CleanResult> {
  try {
    return job.kind === 'map' ? await buildMap(env, job) : await cleanSegments(env, job);
  } catch (error) {
    if (error instanceof AbortedError || isAborted(job)) return { kind: 'aborted' };
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'failed', message, ...(error instanceof DiskError && { disk: { code: error.code, path: error.path } }) };
  }
}

function isAborted({ abort }: CleanJob): boolean {
  return Atomics.load(abort, 0) !== 0;
}

/** Shows the pieces of a segment's file, at the pace that the job allows. */
async function* piecesOf(env: Pick<Env, 'disk'>, job: CleanJob, pace: Pace, source: { baseOffset: number; sizeBytes: number; position?: number }) {
  const file = env.disk.open(segmentFile(job.directory, source.baseOffset, LOG_SUFFIX), { readOnly: true });
  try {
    for await (const { bytes } of readBatches(file, { from: source.position ?? 0, to: source.sizeBytes }, job.ioBufferBytes)) {
      if (isAborted(job)) throw new AbortedError();
      yield bytes;
      await pace.after(bytes.length);
    }
  } finally {
    file.close();
  }
}

async function buildMap(env: Pick<Env, 'disk' | 'clock'>, job: MapJob): Promise<MapResult> {
  const map = new OffsetMap(job.memory);
  const transactions = new CleanedTransactions(() => undefined);
  transactions.add(job.aborted);
  const pace = new Pace(env.clock, job.maxBytesPerSecond, () => !isAborted(job));
  const read = { bytesRead: 0, messagesRead: 0 };
  const result = (): MapResult => ({ kind: 'map', entries: map.size, latestOffset: map.latestOffset, ...read });
  for (const segment of job.segments) {
    for await (const bytes of piecesOf(env, job, pace, segment)) {
      for (let at = 0; at < bytes.length; at += batch.sizeInBytes(bytes, at)) {
        const full = !putKeys(map, transactions, job, bytes, at);
        read.messagesRead += batch.count(bytes, at);
        if (full) return result();
        const last = batch.lastOffset(bytes, at);
        if (last >= job.startOffset) map.latestOffset = last;
      }
      read.bytesRead += bytes.length;
    }
    // Offsets may be missing at a segment's end.
    map.latestOffset = segment.nextOffset - 1;
  }
  return result();
}

/** False when the map is full; all records before the one that did not fit have been put. */
function putKeys(map: OffsetMap, transactions: CleanedTransactions, { startOffset, maxEntries }: MapJob, bytes: Uint8Array, at: number): boolean {
  if (batch.isControl(bytes, at)) {
    transactions.onControlBatch(bytes, at);
    return true;
  }
  if (transactions.onDataBatch(bytes, at)) return true;
  const baseOffset = batch.baseOffset(bytes, at);
  const walker = walkBatch(bytes, at);
  while (walker.next()) {
    const offset = baseOffset + walker.offsetDelta;
    if (walker.keyLength < 0 || offset < startOffset) continue;
    if (map.size >= maxEntries) return false;
    map.put(walker.bytes.subarray(walker.keyAt, walker.keyAt + walker.keyLength), offset);
  }
  return true;
}

async function cleanSegments(env: Pick<Env, 'disk' | 'clock'>, job: GroupJob): Promise<GroupResult> {
  const { baseOffset } = job.segments[0]!;
  removeCleaned(env.disk, job.directory, baseOffset);
  const ways = new WriteWays(env.clock, NEVER_DIRECT);
  const host = { disk: env.disk, clock: env.clock, files: new FilePool(env.disk, 1), indexBudget: new IndexBudget(0), writeWays: { of: () => ways } };
  const cleaned = Segment.create(host, {
    directory: job.directory, baseOffset, indexIntervalBytes: job.indexIntervalBytes, rollJitterMs: 0, maxIndexBytes: Infinity, preallocatedBytes: 0,
  }, CLEANED_SUFFIX);
  try {
    return await writeCleaned(env, job, cleaned);
  } catch (error) {
    cleaned.close();
    if (!isAborted(job)) removeCleaned(env.disk, job.directory, baseOffset);
    throw error;
  }
}

async function writeCleaned(env: Pick<Env, 'disk' | 'clock'>, job: GroupJob, cleaned: Segment): Promise<GroupResult> {
  const transactions = new CleanedTransactions(transaction => cleaned.txnIndex.append(transaction), job.transactions);
  const filter = new RecordFilter(new OffsetMap(job.memory, job.map), transactions, job.rules);
  const pace = new Pace(env.clock, job.maxBytesPerSecond, () => !isAborted(job));
  let bytesRead = 0;
  cleaned.log.now();
  for (const source of job.segments) {
    transactions.add(source.aborted);
    for await (const bytes of piecesOf(env, job, pace, source)) {
      const kept = filterAll(filter, bytes, cleaned.baseOffset);
      bytesRead += bytes.length;
      if (kept.length === 0) continue;
      const before = cleaned.sizeBytes;
      cleaned.append(kept.length === 1 ? kept[0]! : Buffer.concat(kept));
      await pace.after(cleaned.sizeBytes - before);
    }
  }
  if (isAborted(job)) throw new AbortedError();
  cleaned.seal();
  // All of it, before a name says that it counts.
  await cleaned.sync();
  cleaned.close();
  env.disk.setModifiedMs(cleaned.log.path, job.segments.at(-1)!.modifiedMs);
  return { kind: 'group', ...filter.stats, transactions: transactions.soFar, bytesRead, bytesWritten: cleaned.sizeBytes };
}

function filterAll(filter: RecordFilter, bytes: Uint8Array, baseOffset: number): Uint8Array[] {
  const kept: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += batch.sizeInBytes(bytes, at)) {
    if (batch.lastOffset(bytes, at) - baseOffset > MAX_RELATIVE_OFFSET) {
      throw new MalformedError(`offset ${batch.lastOffset(bytes, at)} is too far from the segment's base ${baseOffset}`);
    }
    const result = filter.filter(bytes, at);
    if (result) kept.push(result);
  }
  return kept;
}

/** Takes away what a cleaning wrote, or an earlier one left. */
export function removeCleaned(disk: Env['disk'], directory: string, baseOffset: number): void {
  for (const suffix of SEGMENT_SUFFIXES) disk.removeNow(segmentFile(directory, baseOffset, suffix + CLEANED_SUFFIX));
}
