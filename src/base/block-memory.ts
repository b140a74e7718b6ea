import { assert } from './assert.js';

/** Of the types that browsers have, this is all that is used. */
declare const WebAssembly: { readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer } };

/** What begins and ends of memory are multiples of: no disk asks for more when it reads or writes memory by itself. */
export const BLOCK_BYTES = 4096;

/** Pages of WebAssembly, of which memory is asked. */
const PAGE_BYTES = 64 << 10;
const SLAB_BYTES = 4 << 20;

/**
 * Buffers of one size whose begin in memory is a multiple of `BLOCK_BYTES`. Node promises nothing of where a buffer begins; the
 * memory of a WebAssembly instance begins at a page of the system, and none of it is resident before it is touched. What was
 * given back is used again before anything new: it stays with the process.
 */
export class BlockMemory {
  private readonly free: Buffer[] = [];
  private aligned = true;

  constructor(readonly bufferBytes: number) {
    assert(bufferBytes % BLOCK_BYTES === 0 && bufferBytes <= SLAB_BYTES, 'buffers are whole blocks and fit into a slab');
  }

  /** False once the system refused such memory (a bound on the addresses of a process): buffers begin anywhere then. */
  get isAligned(): boolean {
    return this.aligned;
  }

  take(): Buffer {
    if (this.free.length === 0) this.addSlab();
    return this.free.pop()!;
  }

  /** Takes back what `take` gave. */
  give(buffer: Buffer): void {
    this.free.push(buffer);
  }

  private addSlab(): void {
    const slab = alignedSlab();
    this.aligned &&= slab !== undefined;
    const memory = slab ?? new ArrayBuffer(SLAB_BYTES);
    // The last becomes the first that is taken.
    for (let at = SLAB_BYTES - this.bufferBytes; at >= 0; at -= this.bufferBytes) this.free.push(Buffer.from(memory, at, this.bufferBytes));
  }
}

function alignedSlab(): ArrayBuffer | undefined {
  const pages = SLAB_BYTES / PAGE_BYTES;
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer;
  } catch {
    return undefined;
  }
}
