/**
 * Buffers for reads of cold data, used again. A reader that never gives one back costs a new one, no more.
 */
export class ReadBuffers {
  private readonly free: Buffer[] = [];

  constructor(private readonly maxFree = 16) {}

  /** A buffer of at least `bytes`: of the common size when that is enough. */
  take(bytes: number): Buffer {
    if (bytes > ReadBuffers.SIZE_BYTES) return Buffer.allocUnsafeSlow(bytes);
    return this.free.pop() ?? Buffer.allocUnsafeSlow(ReadBuffers.SIZE_BYTES);
  }

  give(buffer: Buffer): void {
    if (buffer.length === ReadBuffers.SIZE_BYTES && this.free.length < this.maxFree) this.free.push(buffer);
  }

  /** A fetch of 1 MiB and what lies before its first batch. */
  static readonly SIZE_BYTES = (1 << 20) + (1 << 16);
}
