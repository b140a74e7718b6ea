import type { Int64, RecordsInput, UnknownTaggedField, Uuid } from './types.js';

/** What `finish` gives: the message's bytes in order, ready for one vectored write. */
export interface Encoded {
  readonly buffers: readonly Uint8Array[];
  readonly byteLength: number;
}

/**
 * Bytes taken from the allocator at once; messages share a slab. A writer that is made for one small message takes little
 * (which Node has pooled), one that lives takes four times as much each time, up to the most.
 */
const FIRST_SLAB_BYTES = 512;
const MAX_SLAB_BYTES = 64 * 1024;
/** Records from this size on are referenced; below, a copy is cheaper than one more buffer in the write. */
const REFERENCE_FROM_BYTES = 1024;
const TWO_POW_32 = 4294967296;
const MAX_INT32 = 0x7fffffff;

const NO_BYTES: Buffer = Buffer.alloc(0);
const NO_VIEW: DataView = new DataView(new ArrayBuffer(0));

/** A referenced buffer and where in the message's own bytes it belongs. */
interface Reference {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/**
 * Writes the wire's types one after another into a buffer that grows. One writer serves many messages: `finish` hands
 * a message's bytes over for good and the next message follows behind them, so nothing that was handed over changes.
 */
export class Writer {
  private slab = NO_BYTES;
  /** Growing replaces it: make room first, then name it. */
  private view = NO_VIEW;
  private slabBytes = FIRST_SLAB_BYTES;
  /** Where the message began in the slab. */
  private start = 0;
  private position = 0;
  private references: Reference[] = [];
  private referencedBytes = 0;

  /** Bytes of the message so far, referenced ones included. */
  get byteLength(): number {
    return this.position - this.start + this.referencedBytes;
  }

  /** Forgets what was written since the last `finish`. */
  reset(): this {
    this.position = this.start;
    if (this.references.length > 0) this.references = [];
    this.referencedBytes = 0;
    return this;
  }

  /** The message as buffers to write in order; the writer is then ready for the next one. */
  finish(): Encoded {
    const { byteLength, references, slab } = this;
    if (references.length === 0 && this.position > this.start) {
      const only = slab.subarray(this.start, this.position);
      this.start = this.position;
      return { buffers: [only], byteLength };
    }
    const buffers: Uint8Array[] = [];
    let from = this.start;
    for (const { at, bytes } of references) {
      const to = this.start + at;
      if (to > from) buffers.push(slab.subarray(from, to));
      buffers.push(bytes);
      from = to;
    }
    if (this.position > from) buffers.push(slab.subarray(from, this.position));
    this.start = this.position;
    this.references = [];
    this.referencedBytes = 0;
    return { buffers, byteLength };
  }

  /** The message as one buffer; copies only when something was referenced. */
  toBuffer(): Buffer {
    const { buffers, byteLength } = this.finish();
    const [only] = buffers;
    if (only === undefined) return Buffer.alloc(0);
    return buffers.length === 1 ? Buffer.from(only.buffer, only.byteOffset, only.length) : Buffer.concat(buffers, byteLength);
  }

  /** Leaves room for an int32 that `patchInt32` fills later, such as a frame's length. Gives its place. */
  reserveInt32(): number {
    return this.take(4) - this.start;
  }

  patchInt32(place: number, value: number): void {
    this.view.setInt32(this.start + place, value);
  }

  int8(value: number): void {
    const at = this.take(1);
    this.view.setInt8(at, value);
  }

  int16(value: number): void {
    const at = this.take(2);
    this.view.setInt16(at, value);
  }

  uint16(value: number): void {
    const at = this.take(2);
    this.view.setUint16(at, value);
  }

  int32(value: number): void {
    const at = this.take(4);
    this.view.setInt32(at, value);
  }

  uint32(value: number): void {
    const at = this.take(4);
    this.view.setUint32(at, value);
  }

  float64(value: number): void {
    const at = this.take(8);
    this.view.setFloat64(at, value);
  }

  bool(value: boolean): void {
    const at = this.take(1);
    this.view.setInt8(at, value ? 1 : 0);
  }

  /** @throws RangeError for a number that is not a safe integer: it would reach the wire as another value. */
  int64(value: Int64): void {
    const at = this.take(8);
    if (typeof value === 'bigint') return this.view.setBigInt64(at, value);
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not an int64 that a number can hold`);
    this.view.setInt32(at, Math.floor(value / TWO_POW_32));
    this.view.setUint32(at + 4, value >>> 0);
  }

  /** @throws RangeError for what is not 22 characters of base64url. */
  uuid(value: Uuid): void {
    const at = this.take(16);
    if (value.length !== 22 || this.slab.write(value, at, 16, 'base64url') !== 16) throw new RangeError(`'${value}' is not a UUID`);
  }

  /** An unsigned varint of at most 32 bits. */
  uvarint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      const at = this.take(1);
      this.view.setUint8(at, (rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    const at = this.take(1);
    this.view.setUint8(at, rest);
  }

  /** A zigzag varint of at most 32 bits. */
  varint(value: number): void {
    this.uvarint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  /** A zigzag varint of at most 64 bits. */
  varlong(value: Int64): void {
    if (typeof value === 'number' && Math.abs(value) < 0x40000000) return this.varint(value);
    const whole = BigInt(value);
    let rest = BigInt.asUintN(64, (whole << 1n) ^ (whole >> 63n));
    while (rest >= 0x80n) {
      const at = this.take(1);
      this.view.setUint8(at, Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    const at = this.take(1);
    this.view.setUint8(at, Number(rest));
  }

  string(value: string): void {
    const bytes = Buffer.byteLength(value);
    if (bytes > 0x7fff) throw new RangeError(`a string of ${bytes} bytes; at most 32767 fit`);
    this.int16(bytes);
    this.text(value, bytes);
  }

  nullableString(value: string | null): void {
    if (value === null) this.int16(-1);
    else this.string(value);
  }

  compactString(value: string): void {
    const bytes = Buffer.byteLength(value);
    this.uvarint(bytes + 1);
    this.text(value, bytes);
  }

  compactNullableString(value: string | null): void {
    if (value === null) this.uvarint(0);
    else this.compactString(value);
  }

  /** Characters without a length before them. */
  private text(value: string, byteLength: number): void {
    const at = this.take(byteLength);
    if (byteLength !== value.length || byteLength > 32) {
      this.slab.write(value, at, byteLength, 'utf8');
      return;
    }
    // As many bytes as characters: ASCII, and so short that the call into C++ would cost more.
    for (let i = 0; i < byteLength; i++) this.slab[at + i] = value.charCodeAt(i);
  }

  bytes(value: Uint8Array): void {
    this.int32(value.length);
    this.raw(value);
  }

  nullableBytes(value: Uint8Array | null): void {
    if (value === null) this.int32(-1);
    else this.bytes(value);
  }

  compactBytes(value: Uint8Array): void {
    this.uvarint(value.length + 1);
    this.raw(value);
  }

  compactNullableBytes(value: Uint8Array | null): void {
    if (value === null) this.uvarint(0);
    else this.compactBytes(value);
  }

  records(value: RecordsInput): void {
    this.int32(recordsLength(value));
    this.chunks(value);
  }

  nullableRecords(value: RecordsInput | null): void {
    if (value === null) this.int32(-1);
    else this.records(value);
  }

  compactRecords(value: RecordsInput): void {
    this.uvarint(recordsLength(value) + 1);
    this.chunks(value);
  }

  compactNullableRecords(value: RecordsInput | null): void {
    if (value === null) this.uvarint(0);
    else this.compactRecords(value);
  }

  /** Copies bytes without a length before them. */
  raw(value: Uint8Array): void {
    const at = this.take(value.length);
    this.slab.set(value, at);
  }

  /** Bytes that the message refers to: the caller leaves them alone until they are written. */
  reference(value: Uint8Array): void {
    if (value.length < REFERENCE_FROM_BYTES) return this.raw(value);
    this.references.push({ at: this.position - this.start, bytes: value });
    this.referencedBytes += value.length;
  }

  private chunks(value: RecordsInput): void {
    if (value instanceof Uint8Array) return this.reference(value);
    for (const chunk of value) this.reference(chunk);
  }

  arrayLength(count: number): void {
    this.int32(count);
  }

  compactArrayLength(count: number): void {
    this.uvarint(count + 1);
  }

  /** Begins a tagged field whose size is not known yet: its content follows, then `endTag`. */
  beginTag(tag: number): number {
    this.uvarint(tag);
    return this.take(1) - this.start;
  }

  /** Fills in the size of the field that `beginTag` began, making room when it takes more than one byte. */
  endTag(place: number): void {
    const content = this.position - this.start - place - 1;
    const extra = uvarintLength(content) - 1;
    if (extra > 0) {
      this.take(extra);
      const from = this.start + place + 1;
      this.slab.copyWithin(from + extra, from, from + content);
    }
    const end = this.position;
    this.position = this.start + place;
    this.uvarint(content);
    this.position = end;
  }

  /** Writes a tagged section of which no tag is known: tags that a decoder kept, or none. */
  unknownTags(fields: readonly UnknownTaggedField[] | undefined): void {
    this.uvarint(fields?.length ?? 0);
    this.moreUnknownTags(fields, 0);
  }

  /**
   * Writes back tagged fields that a decoder did not know, behind those that it did.
   * @throws RangeError unless the tags rise from `firstFree` on: a reader would take them for others.
   */
  moreUnknownTags(fields: readonly UnknownTaggedField[] | undefined, firstFree: number): void {
    if (fields === undefined) return;
    let free = firstFree;
    for (const { tag, data } of fields) {
      if (tag < free) throw new RangeError(`tag ${tag} comes out of order or has a meaning in this version`);
      free = tag + 1;
      this.uvarint(tag);
      this.uvarint(data.length);
      this.raw(data);
    }
  }

  /** Makes room for `length` bytes and says where they begin. */
  private take(length: number): number {
    const at = this.position;
    if (at + length <= this.slab.length) {
      this.position = at + length;
      return at;
    }
    this.grow(length);
    return this.take(length);
  }

  /** Moves the unfinished message to the start of a new slab; places count from the message's start and stay true. */
  private grow(length: number): void {
    const used = this.position - this.start;
    const wanted = used + length;
    if (wanted > MAX_INT32) throw new RangeError(`a message of ${wanted} bytes`);
    const slab = Buffer.allocUnsafe(Math.max(this.slabBytes, 2 * wanted));
    this.slabBytes = Math.min(4 * this.slabBytes, MAX_SLAB_BYTES);
    slab.set(this.slab.subarray(this.start, this.position));
    this.slab = slab;
    this.view = new DataView(slab.buffer, slab.byteOffset, slab.length);
    this.start = 0;
    this.position = used;
  }
}

function recordsLength(value: RecordsInput): number {
  if (value instanceof Uint8Array) return value.length;
  let length = 0;
  for (const chunk of value) length += chunk.length;
  return length;
}

function uvarintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest >>>= 7) length++;
  return length;
}

/** For generated encoders: a null that the version cannot carry. */
export function refuseNull(field: string, version: number): never {
  throw new TypeError(`${field} is null, which version ${version} cannot carry`);
}
