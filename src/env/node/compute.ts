import type * as Zlib from 'node:zlib';
import { OutputTooLargeError, type CodecJob, type Compute, type ComputeFunctions, type ComputeOptions, type ComputeTask, type Jobs, type JobTable } from '../compute.js';
import type { Logger } from '../logger.js';
import { builtin } from './builtin.js';
import { owned } from './job-messages.js';
import { JobThread } from './job-thread.js';
import { silentLogger } from './logger.js';
import { workerEntry } from './worker-entry.js';
import { runJob } from './worker-thread.js';

/** Below this a hop to another thread costs more than the work; deflate makes at most a thousand times as much. */
const INLINE_BELOW_BYTES = 2048;

type Callback = (error: Error | null, result: Buffer) => void;

interface ZlibTask {
  now(input: Uint8Array, options: ComputeOptions): Uint8Array;
  later(input: Uint8Array, options: ComputeOptions, done: Callback): void;
}

export interface NodeComputeOptions {
  /** What the worker's entry offers (`src/worker/jobs.ts`); jobs and codecs that zlib lacks run there. */
  readonly jobs?: Jobs;
  readonly logger?: Logger;
  /** The worker's file; by default what the build put beside this bundle. Without one, jobs run on this thread. */
  readonly workerEntry?: URL;
  /** No worker may be started: its files would be others than ours, or turns must follow one another. */
  readonly onThisThread?: boolean;
}

/** The job of a worker that runs a codec. */
const CODEC = 'codec' satisfies keyof JobTable;

/** The table entry by which a worker serves the codecs. */
export function codecJob(functions: ComputeFunctions): Pick<JobTable, typeof CODEC> {
  return {
    [CODEC]({ task, input, options }: CodecJob): Uint8Array {
      const run = functions[task];
      if (run === undefined) throw new Error(`${task} needs a newer Node, or a function of its own`);
      return run(input, options);
    },
  };
}

/**
 * node:zlib on its threads: gzip, and zstd since Node 22.15. All other codecs on one worker thread, and jobs on another, so that
 * a long job holds no producer up.
 */
export class NodeCompute implements Compute {
  readonly offload: Compute['offload'];
  private zlib: Partial<Record<ComputeTask, ZlibTask>> | undefined;
  private readonly codecs: JobThread | undefined;
  private readonly worker: JobThread | undefined;

  constructor(private readonly options: NodeComputeOptions = {}) {
    const { jobs, logger = silentLogger, onThisThread = false } = options;
    if (jobs === undefined || onThisThread) return;
    const entry = options.workerEntry ?? workerEntry();
    this.codecs = new JobThread({ entry, jobs, logger });
    const worker = this.worker = new JobThread({ entry, jobs, logger });
    this.offload = (job, input) => worker.run(job, input) as Promise<Awaited<ReturnType<JobTable[typeof job]>>>;
  }

  async run(task: ComputeTask, input: Uint8Array, options: ComputeOptions): Promise<Uint8Array> {
    const known = (this.zlib ??= zlibTasks(builtin('node:zlib')))[task];
    return known === undefined ? this.runCodec({ task, input, options }) : runZlib(task, known, input, options);
  }

  private runCodec({ task, input, options }: CodecJob): Promise<Uint8Array> | Uint8Array {
    if (!this.codecs) return runJob(this.options.jobs ?? codecJob({}), CODEC, { task, input, options }) as Uint8Array;
    const given = owned(input);
    return this.codecs.run(CODEC, { task, input: given, options } satisfies CodecJob, [given.buffer]) as Promise<Uint8Array>;
  }

  async release(): Promise<void> {
    await Promise.all([this.codecs?.release(), this.worker?.release()]);
  }
}

async function runZlib(task: ComputeTask, known: ZlibTask, input: Uint8Array, options: ComputeOptions): Promise<Uint8Array> {
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
