import { OFFSET_ENTRY_BYTES, readOffsetEntry, type OffsetPosition } from '../segment/offset-index.js';
import { readTimeEntry, TIME_ENTRY_BYTES, type TimestampOffset } from '../segment/time-index.js';
import type { BatchFacts } from './stored-batches.js';

/** The entries of a segment's indexes as their files have them, and what is wrong with them, alone and against the batches. */

export interface IndexContent<Entry> {
  readonly entries: readonly Entry[];
  /** Zeros after the entries: an index that is in use has room (Apache), and one that was not closed in order keeps it. */
  readonly roomBytes: number;
  readonly faults: readonly string[];
}

export function readOffsetIndex(bytes: Buffer, baseOffset: number): IndexContent<OffsetPosition> {
  return readEntries(bytes, OFFSET_ENTRY_BYTES, at => readOffsetEntry(bytes, at, baseOffset), ({ offset, position }, before) => {
    if (offset < baseOffset || position < 0) return `offset ${offset} at position ${position} cannot be`;
    const ascends = before === undefined || (offset > before.offset && position > before.position);
    return ascends ? undefined : `offset ${offset} at position ${position} does not ascend`;
  });
}

export function readTimeIndex(bytes: Buffer, baseOffset: number): IndexContent<TimestampOffset> {
  return readEntries(bytes, TIME_ENTRY_BYTES, at => readTimeEntry(bytes, at, baseOffset), ({ timestampMs, offset }, before) => {
    if (offset < baseOffset) return `offset ${offset} cannot be`;
    const ascends = before === undefined || (timestampMs > before.timestampMs && offset >= before.offset);
    return ascends ? undefined : `timestamp ${timestampMs} at offset ${offset} does not ascend`;
  });
}

type CheckEntry<Entry> = (entry: Entry, before: Entry | undefined) => string | undefined;

function readEntries<Entry>(bytes: Buffer, size: number, read: (at: number) => Entry, check: CheckEntry<Entry>): IndexContent<Entry> {
  const faults: string[] = [];
  const used = lengthWithoutZeros(bytes, size);
  const entries: Entry[] = [];
  for (let at = 0; at + size <= used; at += size) {
    const entry = read(at);
    const fault = check(entry, entries.at(-1));
    if (fault !== undefined) faults.push(`entry ${entries.length}: ${fault}`);
    entries.push(entry);
  }
  if (used % size !== 0) faults.push(`${used % size} bytes after the last entry are no entry`);
  return { entries, roomBytes: bytes.length - used, faults };
}

/** Whole entries of zeros at the end are room. */
function lengthWithoutZeros(bytes: Buffer, size: number): number {
  let last = bytes.length - 1;
  while (last >= 0 && bytes[last] === 0) last--;
  return Math.min(bytes.length, Math.ceil((last + 1) / size) * size);
}

/** Holds a segment's indexes against its batches, which are shown in order. At most `MOST_FAULTS` are told of each. */
export class IndexCheck {
  readonly offsetFaults: string[] = [];
  readonly timeFaults: string[] = [];
  private nextOffsetEntry = 0;
  private nextTimeEntry = 0;
  private largestMs = -1;
  private previousOffset = -1;

  constructor(
    private readonly offsets: readonly OffsetPosition[],
    private readonly times: readonly TimestampOffset[],
  ) {}

  add(facts: BatchFacts): void {
    this.checkOffsets(facts);
    this.checkTimes(facts);
    this.largestMs = Math.max(this.largestMs, facts.maxTimestampMs);
    this.previousOffset = facts.lastOffset;
  }

  /** After the last batch. */
  end(): void {
    tellBeyond(this.offsetFaults, this.offsets.slice(this.nextOffsetEntry));
    tellBeyond(this.timeFaults, this.times.slice(this.nextTimeEntry));
  }

  private checkOffsets({ position, sizeBytes, lastOffset }: BatchFacts): void {
    for (let entry = this.offsets[this.nextOffsetEntry]; entry && entry.position < position + sizeBytes; entry = this.offsets[++this.nextOffsetEntry]) {
      const which = `the entry for offset ${entry.offset} points to`;
      if (entry.position !== position) tell(this.offsetFaults, `${which} ${entry.position}, inside of the batch at position ${position}`);
      else if (entry.offset !== lastOffset) tell(this.offsetFaults, `${which} the batch that ends at ${lastOffset}`);
    }
  }

  private checkTimes({ baseOffset, lastOffset, maxTimestampMs }: BatchFacts): void {
    for (let entry = this.times[this.nextTimeEntry]; entry && entry.offset <= lastOffset; entry = this.times[++this.nextTimeEntry]) {
      const { offset, timestampMs } = entry;
      const says = `the entry for offset ${offset} says ${timestampMs}, and`;
      if (offset < baseOffset) tell(this.timeFaults, `the entry for ${timestampMs} names offset ${offset}, which no batch has`);
      else if (this.largestMs > timestampMs) tell(this.timeFaults, `${says} a batch up to ${this.previousOffset} is of ${this.largestMs}`);
      else if (timestampMs !== maxTimestampMs) tell(this.timeFaults, `${says} its batch is of ${maxTimestampMs}`);
    }
  }
}

function tellBeyond(faults: string[], [first, ...more]: readonly { readonly offset: number }[]): void {
  if (first === undefined) return;
  const whom = more.length === 0 ? `the entry for offset ${first.offset} points` : `${more.length + 1} entries, the first for offset ${first.offset}, point`;
  tell(faults, `${whom} beyond the batches`);
}

const MOST_FAULTS = 10;

function tell(faults: string[], message: string): void {
  if (faults.length < MOST_FAULTS) faults.push(message);
  else if (faults.length === MOST_FAULTS) faults.push('and more');
}
