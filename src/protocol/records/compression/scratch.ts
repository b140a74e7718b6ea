/** What one block of lz4 (as Java writes it) or zstd makes at most. */
const SCRATCH_BYTES = 128 * 1024;

let scratch: Buffer | undefined;

/**
 * Lends memory for output of unknown size up to `capacity`, and gives back what `fill` wrote there (it returns how much) in
 * memory of about that size. Small outputs go through one buffer that stays: allocating the most they could take costs more
 * than copying what they took.
 */
export function filledUpTo(capacity: number, fill: (target: Buffer) => number): Buffer {
  const lent = capacity <= SCRATCH_BYTES;
  const target = lent ? (scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES)).subarray(0, capacity) : Buffer.allocUnsafe(capacity);
  const length = fill(target);
  // A short view would keep all of its memory alive.
  return lent || length * 2 < capacity ? Buffer.from(target.subarray(0, length)) : target.subarray(0, length);
}
