import { MalformedError } from '../../../base/bytes.js';
import { OutputTooLargeError } from '../../../env/compute.js';
import { loadPackage, messageOf } from './backends.js';

type Zlib = typeof import('node:zlib');

let zlib: Zlib | undefined;

function loadZlib(): Zlib {
  return (zlib ??= loadPackage('node:zlib') as Zlib);
}

/** Level -1 (zlib's own choice) or 1 to 9. */
export function gzipCompress(data: Uint8Array, level = -1): Uint8Array {
  return loadZlib().gzipSync(data, { level });
}

export function gzipDecompress(data: Uint8Array, maxOutputBytes: number): Uint8Array {
  try {
    // zlib takes no bound of 0, which callers may have left.
    const plain = loadZlib().gunzipSync(data, { maxOutputLength: Math.max(1, maxOutputBytes) });
    if (plain.length <= maxOutputBytes) return plain;
  } catch (error) {
    throw zlibFailure(error, 'gzip', maxOutputBytes);
  }
  throw tooLarge('gzip', maxOutputBytes);
}

/** What an error of node:zlib means here. */
export function zlibFailure(error: unknown, codec: string, maxOutputBytes: number): Error {
  if ((error as { code?: unknown } | null)?.code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(codec, maxOutputBytes);
  return new MalformedError(`${codec} data is corrupt: ${messageOf(error)}`);
}

export function tooLarge(codec: string, maxOutputBytes: number): OutputTooLargeError {
  return new OutputTooLargeError(`${codec} data decompresses to more than ${maxOutputBytes} bytes`);
}
