import { MalformedError } from '../../base/bytes.js';
import { readVarint, readVarlong, type ByteCursor } from '../../base/varint.js';

/**
 * Walks the records of one batch, plain or decompressed, without an object per record: after `next()` the fields describe the
 * record that was passed (Kafka's `DefaultRecord`). Anything that does not fit exactly throws `MalformedError`.
 */
export class RecordWalker implements ByteCursor {
  at: number;
  timestampDelta = 0;
  offsetDelta = 0;
  keyAt = 0;
  /** Negative: null. */
  keyLength = -1;
  valueAt = 0;
  /** Negative: null. */
  valueLength = -1;
  headersAt = 0;
  headerCount = 0;
  private left: number;

  constructor(
    readonly bytes: Uint8Array,
    start: number,
    readonly end: number,
    count: number,
  ) {
    this.at = start;
    this.left = count;
  }

  /** Passes the next record; false when all have been passed, and then nothing may be left over. */
  next(): boolean {
    if (this.left <= 0) {
      if (this.at !== this.end) throw new MalformedError(`${this.end - this.at} bytes are left after the records that the batch declares`);
      return false;
    }
    this.left--;
    const size = readVarint(this);
    const end = this.at + size;
    // The smallest record has an attribute byte and five fields of one byte.
    if (size < 6 || end > this.end) throw new MalformedError(`record of ${size} bytes is too short or does not fit in the ${this.end - this.at} that are left`);
    this.at++;
    this.timestampDelta = readVarlong(this);
    this.offsetDelta = readVarint(this);
    this.keyLength = readVarint(this);
    this.keyAt = this.at;
    this.skip(this.keyLength);
    this.valueLength = readVarint(this);
    this.valueAt = this.at;
    this.skip(this.valueLength);
    this.headerCount = readVarint(this);
    this.headersAt = this.at;
    if (this.headerCount !== 0) this.skipHeaders(end);
    if (this.at !== end) throw new MalformedError(`record declares ${size} bytes, and its fields take ${this.at - end + size}`);
    return true;
  }

  private skip(length: number): void {
    if (length <= 0) return;
    if (length > this.end - this.at) throw new MalformedError(`field of ${length} bytes does not fit in the ${this.end - this.at} that are left`);
    this.at += length;
  }

  private skipHeaders(end: number): void {
    if (this.headerCount < 0 || this.headerCount > end - this.at) throw new MalformedError(`record declares ${this.headerCount} headers`);
    for (let index = 0; index < this.headerCount; index++) {
      const keyLength = readVarint(this);
      if (keyLength < 0) throw new MalformedError(`header key has length ${keyLength}`);
      this.skip(keyLength);
      this.skip(readVarint(this));
    }
  }
}
