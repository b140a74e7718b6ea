import type { Random } from '../random.js';

/** A small generator (sfc32) with a seed: the same seed draws the same numbers. */
export class SimRandom implements Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: string | number) {
    const text = String(seed);
    [this.a, this.b, this.c] = [hash(text, 0x811c_9dc5), hash(text, 0x9e37_79b9), hash(text, 0x85eb_ca6b)];
    // Its first numbers still show the seed.
    for (let i = 0; i < 15; i++) this.uint32();
  }

  /** Another generator, whose numbers do not depend on how many this one has drawn later. */
  fork(name: string): SimRandom {
    return new SimRandom(`${this.uint32()}-${name}`);
  }

  int(bound: number): number {
    if (!Number.isSafeInteger(bound) || bound <= 0) throw new RangeError(`bound ${bound} is not a whole number above 0`);
    return bound <= 0x1_0000_0000 ? this.uint32() % bound : Math.floor(this.float() * bound);
  }

  float(): number {
    return ((this.uint32() >>> 5) * 0x400_0000 + (this.uint32() >>> 6)) / 2 ** 53;
  }

  /** Whether something of this probability happens. */
  chance(probability: number): boolean {
    return this.float() < probability;
  }

  bytes(length: number): Uint8Array {
    const bytes = Buffer.allocUnsafe(length);
    for (let i = 0; i < length; i++) bytes[i] = this.uint32();
    return bytes;
  }

  private uint32(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum | 0;
    return sum >>> 0;
  }
}

/** FNV-1a with a basis of one's own. */
function hash(text: string, basis: number): number {
  let value = basis;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x0100_0193);
  return value >>> 0;
}
