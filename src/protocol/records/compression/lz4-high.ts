/**
 * LZ4 blocks that take longer to make and come out smaller, for levels other than the default: each position is compared with
 * several earlier ones that begin alike, and a match that begins one byte later is preferred where it is longer (the way of
 * LZ4 HC). Any decoder reads them.
 */

const HASH_BITS = 15;
const SHORTEST_COPY = 4;
/** No copy may start in the last 12 bytes of a block, and none may reach into the last 5: decoders count on it. */
const COPY_STARTS_BEFORE_END = 12;
const LITERALS_AT_END = 5;
const FURTHEST_COPY = 65_535;

/** Writes literals and a copy, and returns where the next go; -1 when there is no room left. */
export type WriteSequence = (
  data: Uint8Array, anchor: number, at: number, output: Uint8Array, to: number, offset: number, copyLength: number,
) => number;

/** How many earlier positions are looked at: twice as many with each level. */
function attemptsAt(level: number): number {
  return 2 ** Math.min(Math.max(level - 1, 0), 14);
}

/** undefined when the block would not become smaller. At most 64 KiB of data. */
export function encodeHigh(data: Uint8Array, level: number, writeSequence: WriteSequence): Uint8Array | undefined {
  const output = Buffer.allocUnsafe(data.length);
  const finder = new MatchFinder(data, attemptsAt(level));
  const lastStart = data.length - COPY_STARTS_BEFORE_END;
  let to = 0;
  let anchor = 0;
  for (let at = 0; at <= lastStart;) {
    if (!finder.find(at)) {
      at++;
      continue;
    }
    let { length, from } = finder;
    // One byte more of literals buys a longer copy.
    while (at < lastStart && finder.find(at + 1) && finder.length > length) {
      ({ length, from } = finder);
      at++;
    }
    to = writeSequence(data, anchor, at, output, to, at - from, length);
    if (to < 0) return undefined;
    anchor = at += length;
  }
  to = writeSequence(data, anchor, data.length, output, to, 0, 0);
  return to < 0 || to >= data.length ? undefined : output.subarray(0, to);
}

/** Chains of positions whose next four bytes have the same hash. */
class MatchFinder {
  /** Of the match that `find` found. */
  length = 0;
  from = 0;
  private readonly heads = new Int32Array(1 << HASH_BITS).fill(-1);
  private readonly previous: Int32Array;
  private nextToAdd = 0;
  private readonly lastEnd: number;

  constructor(private readonly data: Uint8Array, private readonly attempts: number) {
    this.previous = new Int32Array(data.length);
    this.lastEnd = data.length - LITERALS_AT_END;
  }

  /** The longest match for what is at `at`; positions must not go back by more than the one that was asked for last. */
  find(at: number): boolean {
    const { data, previous, lastEnd } = this;
    for (; this.nextToAdd < at; this.nextToAdd++) this.add(this.nextToAdd);
    this.length = 0;
    let candidate = this.heads[this.hash(at)]!;
    for (let left = this.attempts; left > 0 && candidate >= 0 && at - candidate <= FURTHEST_COPY; left--) {
      // Only what goes beyond the longest so far is worth comparing.
      if (candidate < at && data[candidate + this.length] === data[at + this.length]) {
        const length = this.lengthOf(candidate, at, lastEnd);
        if (length > this.length) {
          this.length = length;
          this.from = candidate;
        }
      }
      candidate = previous[candidate]!;
    }
    return this.length >= SHORTEST_COPY;
  }

  private lengthOf(candidate: number, at: number, end: number): number {
    const { data } = this;
    let length = 0;
    while (at + length < end && data[candidate + length] === data[at + length]) length++;
    return length;
  }

  private add(at: number): void {
    const slot = this.hash(at);
    this.previous[at] = this.heads[slot]!;
    this.heads[slot] = at;
  }

  private hash(at: number): number {
    const { data } = this;
    const word = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
    return Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
  }
}
