import { MalformedError } from '../../base/bytes.js';
import * as batch from '../../protocol/records/batch.js';
import { BatchWalk, isZeroIn, type FileRange, type ScannedBatch, type WantedRead } from './batch-walk.js';
import type { LogFile } from './log-file.js';
import { OldFormatLogError } from './old-format.js';

export type { ScannedBatch } from './batch-walk.js';

const CHUNK_BYTES = 1 << 20;

/**
 * Shows the batches of a file to `visit`, from one position (where a batch begins) up to another, in order, until `visit`
 * returns false. Resolves to the position after the last batch shown; what follows it is not a whole batch, or `visit` did not
 * want it. With `verify`, a batch must have its checksum and offsets that ascend. Rejects with `OldFormatLogError` where it comes
 * upon a message of an old format.
 */
export async function scanBatches(file: LogFile, range: FileRange, options: ScanOptions, visit: Visit): Promise<number> {
  const steps = scan(file.path, range, options, visit);
  let step = steps.next();
  while (step.done !== true) {
    const { chunk, length, position } = step.value;
    step = steps.next(await file.during(open => open.read(chunk, 0, length, position)));
  }
  return step.value;
}

/** The same within the turn: for what is short. */
export function scanBatchesNow(file: LogFile, range: FileRange, options: ScanOptions, visit: Visit): number {
  const steps = scan(file.path, range, options, visit);
  let step = steps.next();
  while (step.done !== true) {
    const { chunk, length, position } = step.value;
    step = steps.next(file.now().readNow(chunk, 0, length, position));
  }
  return step.value;
}

interface ScanOptions {
  readonly verify?: boolean;
}

type Visit = (found: ScannedBatch) => boolean | void;

function* scan(path: string, range: FileRange, options: ScanOptions, visit: Visit): Generator<WantedRead, number, number> {
  const walk = new BatchWalk(range, CHUNK_BYTES);
  let lastOffset = -1;
  for (let wanted = walk.wanted(); wanted !== undefined; wanted = walk.wanted()) {
    walk.given(yield wanted);
    while (walk.next()) {
      const { found } = walk;
      if (options.verify && !plausible(found, lastOffset)) return found.position;
      if (visit(found) === false) return found.position;
      lastOffset = batch.lastOffset(found.bytes, found.at);
    }
  }
  if (walk.end?.kind === 'old') throw new OldFormatLogError(path, { position: walk.endPosition, format: walk.end.format });
  return walk.endPosition;
}

/** Whether a range of a log's file holds nothing but zeros. */
export function isZero(file: LogFile, range: FileRange): Promise<boolean> {
  return isZeroIn(range, (chunk, length, position) => file.during(open => open.read(chunk, 0, length, position)));
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
