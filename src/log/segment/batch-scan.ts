import { MalformedError } from '../../base/bytes.js';
import * as batch from '../../protocol/records/batch.js';
import type { LogFile } from './log-file.js';

/** A whole batch that lies in `bytes` at `at`, and at `position` of its file. */
export interface ScannedBatch {
  readonly bytes: Buffer;
  readonly at: number;
  readonly sizeBytes: number;
  readonly position: number;
}

const CHUNK_BYTES = 1 << 20;

/**
 * Shows the batches of a file to `visit`, from one position (where a batch begins) up to another, in order, until `visit`
 * returns false. Resolves to the position after the last batch shown; what follows it is not a whole batch, or `visit` did not
 * want it. With `verify`, a batch must have its checksum and offsets that ascend.
 */
export async function scanBatches(file: LogFile, range: ScanRange, options: ScanOptions, visit: Visit): Promise<number> {
  const steps = scan(range, options, visit);
  let step = steps.next();
  while (step.done !== true) {
    const { chunk, length, position } = step.value;
    step = steps.next(await file.during(open => open.read(chunk, 0, length, position)));
  }
  return step.value;
}

/** The same within the turn: for what is short. */
export function scanBatchesNow(file: LogFile, range: ScanRange, options: ScanOptions, visit: Visit): number {
  const steps = scan(range, options, visit);
  let step = steps.next();
  while (step.done !== true) {
    const { chunk, length, position } = step.value;
    step = steps.next(file.now().readNow(chunk, 0, length, position));
  }
  return step.value;
}

interface ScanRange {
  readonly from: number;
  readonly to: number;
}

interface ScanOptions {
  readonly verify?: boolean;
}

type Visit = (found: ScannedBatch) => boolean | void;

/** Bytes that a scan wants from its file; it is told how many there were. */
interface WantedRead {
  readonly chunk: Buffer;
  readonly length: number;
  readonly position: number;
}

function* scan(range: ScanRange, options: ScanOptions, visit: Visit): Generator<WantedRead, number, number> {
  let position = range.from;
  let chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, Math.max(batch.BATCH_OVERHEAD, range.to - position)));
  let lastOffset = -1;
  while (position < range.to) {
    const length = yield { chunk, length: Math.min(chunk.length, range.to - position), position };
    let at = 0;
    for (;;) {
      const sizeBytes = wholeBatch(chunk, at, length);
      if (sizeBytes === undefined) return position;
      if (sizeBytes === 0) break;
      const found = { bytes: chunk, at, sizeBytes, position };
      if (options.verify && !plausible(found, lastOffset)) return position;
      if (visit(found) === false) return position;
      lastOffset = batch.lastOffset(chunk, at);
      at += sizeBytes;
      position += sizeBytes;
    }
    if (at > 0) continue;
    // Not one whole batch: it is larger than the chunk, or the file ends here.
    const needed = length > batch.LENGTH_AT + 4 ? batch.sizeInBytes(chunk, 0) : 0;
    if (needed <= chunk.length || needed > range.to - position) return position;
    chunk = Buffer.allocUnsafeSlow(needed);
  }
  return position;
}

/** Whether a range of a file holds nothing but zeros, as room does that was never written to. */
export async function isZero(file: LogFile, { from, to }: { readonly from: number; readonly to: number }): Promise<boolean> {
  const zeros = Buffer.alloc(Math.min(CHUNK_BYTES, to - from));
  const chunk = Buffer.allocUnsafeSlow(zeros.length);
  for (let position = from; position < to;) {
    const start = position;
    const length = await file.during(open => open.read(chunk, 0, Math.min(chunk.length, to - start), start));
    if (length === 0) return false;
    if (!chunk.subarray(0, length).equals(zeros.subarray(0, length))) return false;
    position += length;
  }
  return true;
}

/** Size of the batch, 0 when it is cut off, undefined when there is none. */
function wholeBatch(bytes: Buffer, at: number, end: number): number | undefined {
  try {
    return batch.completeBatchSize(bytes, at, end);
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}

function plausible({ bytes, at }: ScannedBatch, lastOffset: number): boolean {
  if (!batch.isValid(bytes, at) || batch.lastOffsetDelta(bytes, at) < 0) return false;
  try {
    return batch.baseOffset(bytes, at) > lastOffset;
  } catch (error) {
    if (error instanceof MalformedError) return false;
    throw error;
  }
}
