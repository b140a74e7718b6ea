import { readFileSync } from 'node:fs';
import { MalformedError } from '../../../base/bytes.js';
import { besideMain, chooseBackend, loadPackage, messageOf } from './backends.js';
import { tooLarge, zlibFailure } from './gzip.js';
import { filledUpTo } from './scratch.js';
import { zstdFrames, type ZstdFrame } from './zstd-frame.js';

interface Zstd {
  compress(data: Uint8Array, level: number): Uint8Array;
  /** Of one frame; `capacity` is enough for what a valid one makes, or the most that is allowed. */
  decompress(data: Uint8Array, capacity: number): Uint8Array;
}

const DEFAULT_LEVEL = 3;
const DESTINATION_TOO_SMALL = 70;

const zstd = chooseBackend<Zstd>('zstd', [['native', nativeZstd], ['node', nodeZstd], ['wasm', wasmZstd]]);

export function zstdCompress(data: Uint8Array, level = DEFAULT_LEVEL): Uint8Array {
  return zstd().compress(data, level);
}

export function zstdDecompress(data: Uint8Array, maxOutputBytes: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let left = maxOutputBytes;
  for (const frame of zstdFrames(data)) {
    const part = decompressFrame(data, frame, left, maxOutputBytes);
    parts.push(part);
    left -= part.length;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/** One at a time, because node:zlib stops after the first. */
function decompressFrame(data: Uint8Array, frame: ZstdFrame, left: number, maxOutputBytes: number): Uint8Array {
  // Declared sizes are refused before anything is allocated for them.
  if (frame.atLeast > left) throw tooLarge('zstd', maxOutputBytes);
  try {
    return zstd().decompress(data.subarray(frame.start, frame.end), Math.min(frame.atMost, left));
  } catch (error) {
    if (error instanceof DestinationTooSmallError && frame.atMost > left) throw tooLarge('zstd', maxOutputBytes);
    throw new MalformedError(`zstd data is corrupt: ${messageOf(error)}`);
  }
}

class DestinationTooSmallError extends Error {}

interface ZstdBinding {
  CCtx: new () => { compress(target: Uint8Array, source: Uint8Array, level: number): number };
  DCtx: new () => { decompress(target: Uint8Array, source: Uint8Array): number };
  compressBound(length: number): number;
}

function nativeZstd(): Zstd {
  const binding = loadPackage('zstd-napi/binding.js') as ZstdBinding;
  const compressor = new binding.CCtx();
  const decompressor = new binding.DCtx();
  return {
    compress(data, level) {
      const target = Buffer.allocUnsafe(binding.compressBound(data.length));
      return target.subarray(0, compressor.compress(target, data, level));
    },
    decompress(data, capacity) {
      try {
        return filledUpTo(capacity, target => decompressor.decompress(target, data));
      } catch (error) {
        throw messageOf(error).includes('Destination buffer is too small') ? new DestinationTooSmallError() : error;
      }
    },
  };
}

interface ZlibWithZstd {
  zstdCompressSync?: (data: Uint8Array, options: { params: Record<number, number> }) => Buffer;
  zstdDecompressSync?: (data: Uint8Array, options: { maxOutputLength: number }) => Buffer;
  constants: Record<string, number>;
}

/** node:zlib knows zstd since Node 22.15. */
function nodeZstd(): Zstd | undefined {
  const zlib = loadPackage('node:zlib') as ZlibWithZstd;
  const { zstdCompressSync, zstdDecompressSync } = zlib;
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined) return undefined;
  const levelParameter = zlib.constants['ZSTD_c_compressionLevel']!;
  return {
    compress: (data, level) => zstdCompressSync(data, { params: { [levelParameter]: level } }),
    decompress(data, capacity) {
      try {
        return zstdDecompressSync(data, { maxOutputLength: Math.max(1, capacity) });
      } catch (error) {
        const failure = zlibFailure(error, 'zstd', capacity);
        throw failure instanceof MalformedError ? error : new DestinationTooSmallError();
      }
    },
  };
}

/** What we use of the global, which the type libraries of servers leave out. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => object;
};

interface ZstdModule {
  HEAPU8: Uint8Array;
  instantiateWasm: (imports: object, receive: (instance: object) => unknown) => unknown;
  init(): void;
  _malloc(size: number): number;
  _free(pointer: number): void;
  _ZSTD_compressBound(length: number): number;
  _ZSTD_compress(target: number, capacity: number, source: number, length: number, level: number): number;
  _ZSTD_decompress(target: number, capacity: number, source: number, length: number): number;
  _ZSTD_isError(result: number): number;
}

let wasmModule: ZstdModule | undefined;

/** The package's own `init` is asynchronous; given an instance through emscripten's hook, its module starts at once, and once only. */
function loadWasm(): ZstdModule {
  const { Module: zstdModule } = loadPackage(besideMain('@bokuweb/zstd-wasm', 'zstd.js')) as { Module: ZstdModule };
  const wasm = readFileSync(besideMain('@bokuweb/zstd-wasm', 'zstd.wasm'));
  zstdModule.instantiateWasm = (imports, receive) => receive(new WebAssembly.Instance(new WebAssembly.Module(wasm), imports));
  zstdModule.init();
  return zstdModule;
}

function wasmZstd(): Zstd {
  const zstdModule = (wasmModule ??= loadWasm());
  const run = (data: Uint8Array, capacity: number, call: (target: number, source: number) => number): Uint8Array => {
    const source = allocate(zstdModule, data.length);
    try {
      const target = allocate(zstdModule, capacity);
      try {
        zstdModule.HEAPU8.set(data, source);
        const length = call(target, source);
        if (zstdModule._ZSTD_isError(length) !== 0) throw wasmFailure(length);
        return Buffer.from(zstdModule.HEAPU8.subarray(target, target + length));
      } finally {
        zstdModule._free(target);
      }
    } finally {
      zstdModule._free(source);
    }
  };
  return {
    compress(data, level) {
      const bound = zstdModule._ZSTD_compressBound(data.length);
      return run(data, bound, (target, source) => zstdModule._ZSTD_compress(target, bound, source, data.length, level));
    },
    decompress: (data, capacity) =>
      run(data, capacity, (target, source) => zstdModule._ZSTD_decompress(target, capacity, source, data.length)),
  };
}

function allocate(zstdModule: ZstdModule, size: number): number {
  const pointer = zstdModule._malloc(Math.max(1, size)) >>> 0;
  if (pointer === 0) throw new Error(`out of memory: ${size} bytes`);
  return pointer;
}

/** Errors are small negative numbers in a size's clothes. */
function wasmFailure(result: number): Error {
  const code = -(result | 0);
  return code === DESTINATION_TOO_SMALL ? new DestinationTooSmallError() : new Error(`zstd error ${code}`);
}
