import { createRequire } from 'node:module';
// In the bundle: every start needs it, and looking for a file costs more than the table that it builds.
import crc32 from 'crc-32/crc32c.js';

/** `crc` of `bytes`; `seed` is the checksum of what went before. */
type Crc = (bytes: Uint8Array, seed?: number) => number;

/** Which implementation runs: `auto` takes the native one where it is faster. The others are for tests. */
export type Crc32cMode = 'auto' | 'javascript';

/** Below this many bytes the call into native code costs more than it saves. */
const NATIVE_FROM_BYTES = 512;

const load = createRequire(import.meta.url);
let mode: Crc32cMode = 'auto';
let large: Crc | undefined;

const javascript: Crc = (bytes, seed) => crc32.buf(bytes, seed) >>> 0;

function native(): Crc | undefined {
  try {
    return (load('@node-rs/crc32') as { crc32c: Crc }).crc32c;
  } catch {
    // Absent: installed without optional packages, or on a platform that it has no binary for.
    return undefined;
  }
}

/** CRC-32C (Castagnoli), as in record batches; a number in [0, 2^32). `seed` continues an earlier checksum. */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  if (bytes.length < NATIVE_FROM_BYTES) return javascript(bytes, seed);
  large ??= (mode === 'auto' ? native() : undefined) ?? javascript;
  return large(bytes, seed);
}

/** For tests: forces an implementation until it is called again. Returns the mode before. */
export function useCrc32c(next: Crc32cMode): Crc32cMode {
  const before = mode;
  mode = next;
  large = undefined;
  return before;
}
