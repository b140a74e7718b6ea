import { readInt32 } from '../base/bytes.js';
import type { FrameBuffers } from './frame-buffers.js';

const PREFIX_BYTES = 4;
/** What a frame gets at once, however long it says it is. */
const FIRST_BYTES = 64 * 1024;
/** A connection that has sent frames of some length gets as much at once for the next, up to here. */
const MOST_TRUST_BYTES = 8 * 1024 * 1024;
/** So little left of a frame is read through the staging buffer, with what follows: one system call instead of two. */
const SMALL_REST_BYTES = 32 * 1024;

/** Who takes the frames. */
export interface FrameTaker {
  /**
   * One frame, `bytes[start, end)`, without its length. With `release` the bytes stay until that is called; without, they
   * are gone when this returns. Returns whether the next frame may follow; if not, `FrameReader.resume` asks again.
   */
  frame(bytes: Buffer, start: number, end: number, release: (() => void) | undefined): boolean;
  /** The connection announced a frame of a length that cannot be. It is to be closed. */
  refused(length: number): void;
}

interface Partial {
  buffer: Buffer;
  have: number;
  readonly need: number;
}

const nothing = (): void => undefined;

/**
 * Cuts a stream of bytes into frames. What is complete in the staging buffer is handed over in place; the rest of a frame is
 * read into a buffer of its own, which grows as bytes arrive: the length that a stranger announces is never taken on trust.
 */
export class FrameReader {
  private partial: Partial | undefined;
  private readonly prefix = Buffer.alloc(PREFIX_BYTES);
  private prefixHave = 0;
  /** Bytes that wait because the taker wants no frame now. */
  private held: Buffer | undefined;
  private stopped = false;
  private closed = false;
  private lentPartial = false;
  private trustBytes = FIRST_BYTES;

  constructor(
    private readonly buffers: FrameBuffers,
    private readonly taker: FrameTaker,
    /** Largest frame; asked for each, since it may change. */
    private readonly maxFrameBytes: () => number,
  ) {}

  /** Whether more is here than the taker wants: nothing should be read until `resume`. */
  get isFull(): boolean {
    return this.held !== undefined || (this.partial !== undefined && this.partial.have === this.partial.need);
  }

  /** Whether a frame has begun to arrive and is not complete. */
  get isMidFrame(): boolean {
    return this.prefixHave > 0 || (this.partial !== undefined && this.partial.have < this.partial.need);
  }

  /** The place for the next bytes. */
  nextBuffer(): Buffer {
    const { partial } = this;
    this.lentPartial = partial !== undefined && partial.need - partial.have > SMALL_REST_BYTES && !this.closed;
    if (partial === undefined || !this.lentPartial) return this.buffers.staging;
    this.makeRoom(partial, partial.have + 1);
    return partial.buffer.subarray(partial.have, Math.min(partial.buffer.length, partial.need));
  }

  /** `length` bytes are in the place that `nextBuffer` gave. */
  filled(length: number): void {
    if (this.closed) return;
    if (!this.lentPartial) {
      if (this.held === undefined) this.consume(this.buffers.staging, 0, length, false);
      else this.held = Buffer.concat([this.held, this.buffers.staging.subarray(0, length)]);
      return;
    }
    const partial = this.partial!;
    this.lentPartial = false;
    partial.have += length;
    if (partial.have === partial.need) this.finishPartial();
  }

  /** The taker wants frames again. */
  resume(): void {
    if (this.closed) return;
    this.stopped = false;
    if (this.partial?.have === this.partial?.need && !this.finishPartial()) return;
    const { held } = this;
    if (held === undefined || this.stopped) return;
    this.held = undefined;
    this.consume(held, 0, held.length, true);
  }

  /** Gives the memory back; nothing more is delivered. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.held = undefined;
    if (this.partial !== undefined) this.buffers.release(this.partial.buffer);
    this.partial = undefined;
    this.prefixHave = 0;
  }

  /** Takes frames out of `bytes[at, end)`; `lasting` bytes are ours, others are copied when they must wait. */
  private consume(bytes: Buffer, at: number, end: number, lasting: boolean): void {
    let position = at;
    while (position < end && !this.closed) {
      if (this.partial !== undefined) {
        position += this.addToPartial(this.partial, bytes, position, end);
        if (this.partial.have < this.partial.need) return;
        if (!this.finishPartial()) return this.hold(bytes, position, end, lasting);
        continue;
      }
      if (this.prefixHave > 0 || end - position < PREFIX_BYTES) {
        position += this.addToPrefix(bytes, position, end);
        continue;
      }
      const length = readInt32(bytes, position);
      const start = position + PREFIX_BYTES;
      if (!this.isAllowed(length)) return;
      if (end - start < length) {
        this.beginPartial(length, end - start);
        position = start;
      } else if (this.stopped) {
        return this.hold(bytes, position, end, lasting);
      } else {
        position = start + length;
        this.stopped = !this.taker.frame(bytes, start, position, lasting ? nothing : undefined);
      }
    }
  }

  private addToPrefix(bytes: Buffer, at: number, end: number): number {
    const count = Math.min(PREFIX_BYTES - this.prefixHave, end - at);
    bytes.copy(this.prefix, this.prefixHave, at, at + count);
    this.prefixHave += count;
    if (this.prefixHave === PREFIX_BYTES) {
      this.prefixHave = 0;
      const length = readInt32(this.prefix, 0);
      if (this.isAllowed(length)) this.beginPartial(length, end - at - count);
    }
    return count;
  }

  private isAllowed(length: number): boolean {
    if (length > 0 && length <= this.maxFrameBytes()) return true;
    this.close();
    this.taker.refused(length);
    return false;
  }

  private beginPartial(need: number, arrived: number): void {
    this.partial = { buffer: this.buffers.acquire(Math.min(need, Math.max(this.trustBytes, 2 * arrived))), have: 0, need };
  }

  private addToPartial(partial: Partial, bytes: Buffer, at: number, end: number): number {
    const count = Math.min(partial.need - partial.have, end - at);
    this.makeRoom(partial, partial.have + count);
    bytes.copy(partial.buffer, partial.have, at, at + count);
    partial.have += count;
    return count;
  }

  /** Twice the buffer at a time, so never more than about twice of what has arrived. */
  private makeRoom(partial: Partial, bytes: number): void {
    if (bytes <= partial.buffer.length) return;
    const { buffer } = partial;
    partial.buffer = this.buffers.acquire(Math.min(partial.need, Math.max(bytes, 2 * buffer.length)));
    buffer.copy(partial.buffer, 0, 0, partial.have);
    this.buffers.release(buffer);
  }

  /** Hands a complete frame over, unless the taker wants none now; returns whether it did. */
  private finishPartial(): boolean {
    const { partial } = this;
    if (partial === undefined) return true;
    if (this.stopped) return false;
    this.partial = undefined;
    this.trustBytes = Math.max(this.trustBytes, Math.min(partial.need, MOST_TRUST_BYTES));
    this.stopped = !this.taker.frame(partial.buffer, 0, partial.need, () => this.buffers.release(partial.buffer));
    return true;
  }

  private hold(bytes: Buffer, at: number, end: number, lasting: boolean): void {
    if (at === end) return;
    const rest = bytes.subarray(at, end);
    this.held = lasting ? rest : Buffer.from(rest);
  }
}
