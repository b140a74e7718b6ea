/** Where bytes arrive first, for all connections of a server: complete frames are read in place. */
const STAGING_BYTES = 256 * 1024;
const SMALLEST_BYTES = 64 * 1024;
/** Larger buffers are seldom needed twice. */
const LARGEST_POOLED_BYTES = 8 * 1024 * 1024;
const POOL_BYTES = 32 * 1024 * 1024;

/**
 * Memory for frames on their way in. Buffers are powers of two and are used again; `usedBytes` says how much is lent, which
 * `limitBytes` is meant to bound (see `ReadGate`).
 */
export class FrameBuffers {
  readonly staging = Buffer.allocUnsafeSlow(STAGING_BYTES);
  private readonly free = new Map<number, Buffer[]>();
  private freeBytes = 0;
  private lentBytes = 0;

  constructor(readonly limitBytes: number) {}

  get usedBytes(): number {
    return this.lentBytes;
  }

  get isOverLimit(): boolean {
    return this.lentBytes > this.limitBytes;
  }

  /** A buffer of at least that many bytes, with whatever was in it before. */
  acquire(bytes: number): Buffer {
    const size = Math.max(SMALLEST_BYTES, 2 ** Math.ceil(Math.log2(bytes)));
    this.lentBytes += size;
    const pooled = this.free.get(size)?.pop();
    if (pooled === undefined) return Buffer.allocUnsafeSlow(size);
    this.freeBytes -= size;
    return pooled;
  }

  release(buffer: Buffer): void {
    const size = buffer.length;
    this.lentBytes -= size;
    if (size > LARGEST_POOLED_BYTES || this.freeBytes + size > POOL_BYTES) return;
    this.freeBytes += size;
    const list = this.free.get(size);
    if (list === undefined) this.free.set(size, [buffer]);
    else list.push(buffer);
  }
}

interface Reading {
  /** Its turn has come: it may read on. */
  readOn(): void;
}

/**
 * Who may go on reading a large frame while memory is short. One always may, so that frames get finished and their memory
 * comes back; the others wait in line.
 */
export class ReadGate {
  private first: Reading | undefined;
  private readonly waiting = new Set<Reading>();

  constructor(private readonly buffers: FrameBuffers) {}

  /** Whether a connection in the middle of a frame may read on; else it waits until `readOn` is called. */
  mayRead(reading: Reading): boolean {
    if (!this.buffers.isOverLimit) return true;
    this.first ??= reading;
    if (this.first === reading) return true;
    this.waiting.add(reading);
    return false;
  }

  /** The connection is no longer in the middle of a frame, or gone. */
  leave(reading: Reading): void {
    this.waiting.delete(reading);
    if (this.first === reading) this.first = undefined;
    while (this.waiting.size > 0 && (!this.buffers.isOverLimit || this.first === undefined)) {
      const [next] = this.waiting;
      this.waiting.delete(next!);
      if (this.buffers.isOverLimit) this.first = next;
      next!.readOn();
    }
  }
}
