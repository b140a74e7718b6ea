import { RecentTexts } from './recent-texts.js';
import { ZERO_UUID } from './types.js';
import type { Int64, UnknownTaggedField, Uuid } from './types.js';

/** Bytes that cannot be what they are said to be: the connection is closed, or the record refused. */
export class MalformedFrameError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MalformedFrameError';
  }
}

/** Kafka's own bounds (4.4), so that a count cannot ask for more than any real request holds. */
export const MAX_ARRAY_ELEMENTS = 1_000_000;
export const MAX_TAGGED_FIELDS = 10_000;

const TWO_POW_32 = 4294967296;
const recent = new RecentTexts();
const NO_BYTES: Buffer = Buffer.alloc(0);
const lastUuid = new Int32Array(4);
let lastUuidText: Uuid = ZERO_UUID;
const NO_VIEW: DataView = new DataView(new ArrayBuffer(0));

/**
 * Reads the wire's types from a part of a buffer. One reader serves many frames: `reset` moves it.
 * Bytes and records come back as views on the frame.
 * @throws MalformedFrameError from every method, when the frame does not hold what is asked for.
 */
export class Reader {
  private buffer = NO_BYTES;
  private view = NO_VIEW;
  /** Positions count from the start of the memory that all of `buffer` and `view` span; the bytes given to `reset` begin at `base`. */
  private base = 0;
  private position = 0;
  private end = 0;

  constructor(bytes?: Uint8Array, start = 0, end = bytes?.length ?? 0) {
    if (bytes !== undefined) this.reset(bytes, start, end);
  }

  /** Moves the reader to `bytes[start, end)`. */
  reset(bytes: Uint8Array, start = 0, end = bytes.length): this {
    // A staging buffer gives thousands of frames, and a piece of a log thousands of records: its view is made once.
    if (this.view.buffer !== bytes.buffer) {
      this.buffer = Buffer.from(bytes.buffer);
      this.view = new DataView(bytes.buffer);
    }
    this.base = bytes.byteOffset;
    this.position = this.base + start;
    this.end = this.base + end;
    return this;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  /** Where the next byte is read, counted from the start of the buffer given to `reset`. */
  get offset(): number {
    return this.position - this.base;
  }

  /** The int16 that begins `ahead` bytes further on; the reader stays where it is. */
  peekInt16(ahead: number): number {
    if (this.remaining < ahead + 2) throw new MalformedFrameError(`${ahead + 2} bytes wanted, ${this.remaining} left`);
    return this.view.getInt16(this.position + ahead);
  }

  int8(): number {
    return this.view.getInt8(this.take(1));
  }

  int16(): number {
    return this.view.getInt16(this.take(2));
  }

  uint16(): number {
    return this.view.getUint16(this.take(2));
  }

  int32(): number {
    return this.view.getInt32(this.take(4));
  }

  uint32(): number {
    return this.view.getUint32(this.take(4));
  }

  float64(): number {
    return this.view.getFloat64(this.take(8));
  }

  /** Kafka writes 0 or 1 and takes anything but 0 for true. */
  bool(): boolean {
    return this.view.getInt8(this.take(1)) !== 0;
  }

  int64(): Int64 {
    const at = this.take(8);
    const value = this.view.getInt32(at) * TWO_POW_32 + this.view.getUint32(at + 4);
    return Number.isSafeInteger(value) ? value : this.view.getBigInt64(at);
  }

  uuid(): Uuid {
    const at = this.take(16);
    const { view } = this;
    // Ids come many times in a row, and printing one takes ten times as long as knowing it again.
    const isLast = view.getInt32(at) === lastUuid[0] && view.getInt32(at + 4) === lastUuid[1] &&
      view.getInt32(at + 8) === lastUuid[2] && view.getInt32(at + 12) === lastUuid[3];
    if (!isLast) {
      for (let word = 0; word < 4; word++) lastUuid[word] = view.getInt32(at + 4 * word);
      lastUuidText = this.buffer.toString('base64url', at, at + 16);
    }
    return lastUuidText;
  }

  /** An unsigned varint of at most 32 bits. */
  uvarint(): number {
    const first = this.view.getUint8(this.take(1));
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = this.view.getUint8(this.take(1));
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    const last = this.view.getUint8(this.take(1));
    if (last >= 0x80) throw new MalformedFrameError('varint is longer than 5 bytes');
    return (value | (last << 28)) >>> 0;
  }

  /** A zigzag varint of at most 32 bits. */
  varint(): number {
    const raw = this.uvarint();
    return (raw >>> 1) ^ -(raw & 1);
  }

  /** A zigzag varint of at most 64 bits. */
  varlong(): Int64 {
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.view.getUint8(this.take(1));
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
    }
    return this.longVarlong(BigInt(low));
  }

  private longVarlong(low: bigint): Int64 {
    let raw = low;
    for (let shift = 28n; ; shift += 7n) {
      const byte = this.view.getUint8(this.take(1));
      raw |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
      if (shift === 63n) throw new MalformedFrameError('varlong is longer than 10 bytes');
    }
    raw = BigInt.asUintN(64, raw);
    const value = (raw >> 1n) ^ -(raw & 1n);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  string(): string {
    return this.nullableString() ?? refuseNull('string');
  }

  nullableString(): string | null {
    return this.text(this.int16());
  }

  compactString(): string {
    return this.compactNullableString() ?? refuseNull('string');
  }

  compactNullableString(): string | null {
    return this.text(this.uvarint() - 1);
  }

  private text(length: number): string | null {
    if (length < 0) return isNull(length);
    const at = this.take(length);
    return recent.read(this.buffer, at, length);
  }

  bytes(): Buffer {
    return this.nullableBytes() ?? refuseNull('bytes');
  }

  nullableBytes(): Buffer | null {
    return this.slice(this.int32());
  }

  compactBytes(): Buffer {
    return this.compactNullableBytes() ?? refuseNull('bytes');
  }

  compactNullableBytes(): Buffer | null {
    return this.slice(this.uvarint() - 1);
  }

  private slice(length: number): Buffer | null {
    return length < 0 ? isNull(length) : this.raw(length);
  }

  /** A view on the next `length` bytes. */
  raw(length: number): Buffer {
    const at = this.take(length);
    return this.buffer.subarray(at, at + length);
  }

  /**
   * The count of an array whose elements take at least `minElementBytes` each.
   * A count that the rest of the frame cannot hold is refused before anything is allocated for it.
   */
  arrayLength(minElementBytes: number): number {
    return this.count(this.int32(), minElementBytes) ?? refuseNull('array');
  }

  nullableArrayLength(minElementBytes: number): number | null {
    return this.count(this.int32(), minElementBytes);
  }

  compactArrayLength(minElementBytes: number): number {
    return this.count(this.uvarint() - 1, minElementBytes) ?? refuseNull('array');
  }

  compactNullableArrayLength(minElementBytes: number): number | null {
    return this.count(this.uvarint() - 1, minElementBytes);
  }

  private count(count: number, minElementBytes: number): number | null {
    if (count < 0) return isNull(count);
    if (count > MAX_ARRAY_ELEMENTS || count * minElementBytes > this.remaining) {
      throw new MalformedFrameError(`array of ${count} elements in ${this.remaining} bytes`);
    }
    return count;
  }

  /** Whether a nullable struct is there: one byte, negative for null. */
  present(): boolean {
    return this.int8() >= 0;
  }

  /** The same for a struct in a tagged field, where Kafka writes 0 for null. */
  taggedPresent(): boolean {
    return this.uvarint() > 0;
  }

  /** How many tagged fields follow. */
  tagCount(): number {
    const count = this.uvarint();
    // Each takes a byte of tag and a byte of size at least.
    if (count > MAX_TAGGED_FIELDS || count * 2 > this.remaining) {
      throw new MalformedFrameError(`${count} tagged fields in ${this.remaining} bytes`);
    }
    return count;
  }

  /** The offset at which a tagged field of the size that is read next must end. */
  tagEnd(): number {
    const size = this.uvarint();
    if (size > this.remaining) throw new MalformedFrameError(`tagged field of ${size} bytes in ${this.remaining} bytes`);
    return this.position + size;
  }

  /** Checks that a tagged field took just the bytes it announced. */
  endTag(tag: number, end: number): void {
    if (this.position !== end) throw new MalformedFrameError(`tagged field ${tag} is not of the size it announces`);
  }

  /** A whole tagged section of which no tag is known. */
  unknownTags(): UnknownTaggedField[] | undefined {
    let fields: UnknownTaggedField[] | undefined;
    for (let left = this.tagCount(); left > 0; left--) fields = this.unknownTag(fields, this.uvarint(), this.tagEnd());
    return fields;
  }

  /** Keeps a tagged field that the message's version does not define. */
  unknownTag(known: UnknownTaggedField[] | undefined, tag: number, end: number): UnknownTaggedField[] {
    const field = { tag, data: this.raw(end - this.position) };
    if (known === undefined) return [field];
    known.push(field);
    return known;
  }

  /** Moves past `length` bytes and says where they begin. */
  private take(length: number): number {
    const at = this.position;
    if (length > this.end - at) throw new MalformedFrameError(`${length} bytes wanted, ${this.end - at} left`);
    this.position = at + length;
    return at;
  }
}

function isNull(length: number): null {
  if (length === -1) return null;
  throw new MalformedFrameError(`length ${length}`);
}

function refuseNull(what: string): never {
  throw new MalformedFrameError(`null where a ${what} must be`);
}
