import { randomFillSync } from 'node:crypto';
import type { Random } from '../random.js';

/** Bytes drawn from the system at once: one call costs more than what it draws. */
const POOL_BYTES = 4096;
const TWO_POW_53 = 2 ** 53;

/** The system's random source, fit for ids and secrets. */
export class NodeRandom implements Random {
  private readonly pool = Buffer.allocUnsafeSlow(POOL_BYTES);
  private used = POOL_BYTES;

  int(bound: number): number {
    if (!Number.isSafeInteger(bound) || bound <= 0) throw new RangeError(`bound ${bound} is not a whole number above 0`);
    // What lies beyond the last whole multiple of the bound would favour small numbers.
    const limit = TWO_POW_53 - (TWO_POW_53 % bound);
    for (;;) {
      const drawn = this.bits53();
      if (drawn < limit) return drawn % bound;
    }
  }

  float(): number {
    return this.bits53() / TWO_POW_53;
  }

  bytes(length: number): Uint8Array {
    if (length > POOL_BYTES) return randomFillSync(Buffer.allocUnsafeSlow(length));
    const at = this.take(length);
    return Buffer.from(this.pool.subarray(at, at + length));
  }

  private bits53(): number {
    const at = this.take(7);
    return (this.pool.readUIntBE(at, 6) * 32) + (this.pool[at + 6]! & 31);
  }

  private take(length: number): number {
    if (this.used + length > POOL_BYTES) {
      randomFillSync(this.pool);
      this.used = 0;
    }
    const at = this.used;
    this.used += length;
    return at;
  }
}
