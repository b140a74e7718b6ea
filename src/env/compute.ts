/**
 * Work too long for the event loop. The real form sends it to other threads; the simulated one runs the same functions at a
 * moment that the seed chooses, so that moving work off the loop does not break determinism.
 * What each codec's bytes look like (framing, headers) is `protocol/records/compression`'s affair.
 */
export interface Compute {
  /**
   * Runs a pure function of bytes. The input is given away: its memory may have moved to another thread when this returns.
   * Rejects with `OutputTooLargeError` at the bound, with `MalformedError` or an error of zlib's for data that is none.
   */
  run(task: ComputeTask, input: Uint8Array, options: ComputeOptions): Promise<Uint8Array>;
  /**
   * Runs a job of the worker's table (`src/worker/jobs.ts`) over plain data, on a thread that sees the same files. Absent where
   * there is none, with files in memory or in a simulated world: there the caller does the work itself.
   */
  readonly offload?: <K extends keyof JobTable>(job: K, input: Parameters<JobTable[K]>[0]) => Promise<Awaited<ReturnType<JobTable[K]>>>;
  /** Ends the threads that were started, and fails what they are still at; a later task starts new ones. */
  release(): Promise<void>;
}

export type ComputeTask =
  | 'gzip' | 'gunzip' | 'snappyCompress' | 'snappyDecompress' | 'lz4Compress' | 'lz4Decompress' | 'zstdCompress' | 'zstdDecompress';

export interface ComputeOptions {
  level?: number;
  /** A result beyond this many bytes rejects with `OutputTooLargeError` instead of being made. */
  maxOutputBytes?: number;
}

export class OutputTooLargeError extends Error {
  override readonly name = 'OutputTooLargeError';
}

/** One task, done at once on this thread. */
export type ComputeFunction = (input: Uint8Array, options: ComputeOptions) => Uint8Array;

/** What a port runs for the tasks that it has no means of its own for. */
export type ComputeFunctions = Readonly<Partial<Record<ComputeTask, ComputeFunction>>>;

/**
 * The jobs that a worker thread does, by name; all are in `src/worker/jobs.ts`. A module whose work is done there declares it here,
 * by merging, since the world knows nothing of those above it.
 */
export interface JobTable {
  codec(job: CodecJob): Uint8Array;
}

/** One task of a codec that the thread that asks has no means of its own for. */
export interface CodecJob {
  readonly task: ComputeTask;
  readonly input: Uint8Array;
  readonly options: ComputeOptions;
}

/** Functions by name, over what one thread can hand to another: plain data and bytes. */
export type Jobs = Readonly<Record<string, (input: never) => unknown>>;
