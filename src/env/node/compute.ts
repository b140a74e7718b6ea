import type * as Zlib from 'node:zlib';
import { OutputTooLargeError, type Compute, type ComputeFunctions, type ComputeOptions, type ComputeTask } from '../compute.js';
import { builtin } from './builtin.js';

/** Below this a hop to another thread costs more than the work; deflate makes at most a thousand times as much. */
const INLINE_BELOW_BYTES = 2048;

type Callback = (error: Error | null, result: Buffer) => void;

interface ZlibTask {
  now(input: Uint8Array, options: ComputeOptions): Uint8Array;
  later(input: Uint8Array, options: ComputeOptions, done: Callback): void;
}

/**
 * node:zlib on its threads. zstd is in node:zlib since 22.15; before, and for whatever is given in `functions`, the function
 * runs on this thread: a native zstd outruns the copies that a thread would cost.
 */
export class NodeCompute implements Compute {
  private zlib: Partial<Record<ComputeTask, ZlibTask>> | undefined;

  constructor(private readonly functions: ComputeFunctions = {}) {}

  async run(task: ComputeTask, input: Uint8Array, options: ComputeOptions): Promise<Uint8Array> {
    const given = this.functions[task];
    if (given !== undefined) return given(input, options);
    const known = (this.zlib ??= zlibTasks(builtin('node:zlib')))[task];
    if (known === undefined) throw new Error(`${task} needs a newer Node, or a function of its own`);
    try {
      if (input.length < INLINE_BELOW_BYTES) return known.now(input, options);
      return await new Promise((resolve, reject) => {
        known.later(input, options, (error, result) => (error ? reject(error) : resolve(result)));
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
      throw new OutputTooLargeError(`${task} would make more than ${options.maxOutputBytes} bytes`);
    }
  }
}

interface ZstdOfZlib {
  zstdCompress?: (input: Uint8Array, options: object, done: Callback) => void;
  zstdCompressSync?: (input: Uint8Array, options: object) => Buffer;
  zstdDecompress?: (input: Uint8Array, options: object, done: Callback) => void;
  zstdDecompressSync?: (input: Uint8Array, options: object) => Buffer;
}

function zlibTasks(zlib: typeof Zlib): Partial<Record<ComputeTask, ZlibTask>> {
  return {
    gzip: {
      now: (input, options) => zlib.gzipSync(input, gzipOptions(options)),
      later: (input, options, done) => zlib.gzip(input, gzipOptions(options), done),
    },
    gunzip: {
      now: (input, options) => zlib.gunzipSync(input, bound(options)),
      later: (input, options, done) => zlib.gunzip(input, bound(options), done),
    },
    ...zstdTasks(zlib as ZstdOfZlib, (zlib.constants as unknown as Record<string, number>)['ZSTD_c_compressionLevel']),
  };
}

function zstdTasks(zlib: ZstdOfZlib, levelKey: number | undefined): Partial<Record<ComputeTask, ZlibTask>> {
  const { zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } = zlib;
  if (!zstdCompress || !zstdCompressSync || !zstdDecompress || !zstdDecompressSync || levelKey === undefined) return {};
  const params = ({ level, ...rest }: ComputeOptions): object => ({ ...bound(rest), params: level === undefined ? {} : { [levelKey]: level } });
  return {
    zstdCompress: {
      now: (input, options) => zstdCompressSync(input, params(options)),
      later: (input, options, done) => zstdCompress(input, params(options), done),
    },
    zstdDecompress: {
      now: (input, options) => zstdDecompressSync(input, bound(options)),
      later: (input, options, done) => zstdDecompress(input, bound(options), done),
    },
  };
}

function gzipOptions(options: ComputeOptions): Zlib.ZlibOptions {
  return { ...bound(options), level: options.level ?? -1 };
}

function bound({ maxOutputBytes }: ComputeOptions): { maxOutputLength?: number } {
  return maxOutputBytes === undefined ? {} : { maxOutputLength: Math.max(1, maxOutputBytes) };
}
