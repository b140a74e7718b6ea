import { readInt32 } from '../../base/bytes.js';
import { readTimestampMs } from '../segment/timestamps.js';
import type { BatchFacts } from './log-file.js';

/** The entries of a segment's indexes as their files have them, and what is wrong with them by themselves and against the batches. */

export interface OffsetEntry {
  readonly offset: number;
  readonly position: number;
}

export interface TimeEntry {
  readonly timestampMs: number;
  readonly offset: number;
}

export interface IndexContent<Entry> {
  readonly entries: readonly Entry[];
  /** Zeros after the entries: an index that is in use has room (Apache), and one that was not closed in order keeps it. */
  readonly roomBytes: number;
  readonly faults: readonly string[];
}

const OFFSET_ENTRY_BYTES = 8;
const TIME_ENTRY_BYTES = 12;

export function readOffsetIndex(bytes: Buffer, baseOffset: number): IndexContent<OffsetEntry> {
  return readEntries(bytes, OFFSET_ENTRY_BYTES, at => ({ offset: baseOffset + readInt32(bytes, at), position: readInt32(bytes, at + 4) }), (entry, before) => {
    if (entry.offset < baseOffset || entry.position < 0) return `offset ${entry.offset} at position ${entry.position} cannot be`;
    if (before && (entry.offset <= before.offset || entry.position <= before.position)) return `offset ${entry.offset} at position ${entry.position} does not ascend`;
    return undefined;
  });
}

export function readTimeIndex(bytes: Buffer, baseOffset: number): IndexContent<TimeEntry> {
  return readEntries(bytes, TIME_ENTRY_BYTES, at => ({ timestampMs: readTimestampMs(bytes, at), offset: baseOffset + readInt32(bytes, at + 8) }), (entry, before) => {
    if (entry.offset < baseOffset) return `offset ${entry.offset} cannot be`;
    if (before && (entry.timestampMs <= before.timestampMs || entry.offset < before.offset)) return `timestamp ${entry.timestampMs} at offset ${entry.offset} does not ascend`;
    return undefined;
  });
}

function readEntries<Entry>(bytes: Buffer, size: number, read: (at: number) => Entry, check: (entry: Entry, before: Entry | undefined) => string | undefined): IndexContent<Entry> {
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
    private readonly offsets: readonly OffsetEntry[],
    private readonly times: readonly TimeEntry[],
  ) {}

  add(facts: BatchFacts): void {
    this.checkOffsets(facts);
    this.checkTimes(facts);
    this.largestMs = Math.max(this.largestMs, facts.maxTimestampMs);
    this.previousOffset = facts.lastOffset;
  }

  /** After the last batch. */
  end(): void {
    const offset = this.offsets[this.nextOffsetEntry];
    if (offset) tell(this.offsetFaults, `${this.offsets.length - this.nextOffsetEntry} entries, the first for offset ${offset.offset}, point beyond the batches`);
    const time = this.times[this.nextTimeEntry];
    if (time) tell(this.timeFaults, `${this.times.length - this.nextTimeEntry} entries, the first for offset ${time.offset}, point beyond the batches`);
  }

  private checkOffsets({ position, sizeBytes, lastOffset }: BatchFacts): void {
    for (let entry = this.offsets[this.nextOffsetEntry]; entry && entry.position < position + sizeBytes; entry = this.offsets[++this.nextOffsetEntry]) {
      if (entry.position !== position) tell(this.offsetFaults, `the entry for offset ${entry.offset} points to ${entry.position}, inside of the batch at position ${position}`);
      else if (entry.offset !== lastOffset) tell(this.offsetFaults, `the entry for offset ${entry.offset} points to the batch that ends at ${lastOffset}`);
    }
  }

  private checkTimes({ baseOffset, lastOffset, maxTimestampMs }: BatchFacts): void {
    for (let entry = this.times[this.nextTimeEntry]; entry && entry.offset <= lastOffset; entry = this.times[++this.nextTimeEntry]) {
      if (entry.offset < baseOffset) tell(this.timeFaults, `the entry for ${entry.timestampMs} names offset ${entry.offset}, which no batch has`);
      else if (this.largestMs > entry.timestampMs) tell(this.timeFaults, `the entry for offset ${entry.offset} says ${entry.timestampMs}, and a batch up to ${this.previousOffset} is of ${this.largestMs}`);
      else if (entry.timestampMs !== maxTimestampMs) tell(this.timeFaults, `the entry for offset ${entry.offset} says ${entry.timestampMs}, and its batch is of ${maxTimestampMs}`);
    }
  }
}

const MOST_FAULTS = 10;

function tell(faults: string[], message: string): void {
  if (faults.length < MOST_FAULTS) faults.push(message);
  else if (faults.length === MOST_FAULTS) faults.push('and more');
}
