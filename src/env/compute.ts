/**
 * Work too long for the event loop. The real form sends large inputs to other threads; the simulated one runs the same
 * functions at a moment that the seed chooses, so that moving work off the loop does not break determinism.
 * What each codec's bytes look like (framing, headers) is `protocol/records/compression`'s affair.
 */
export interface Compute {
  /** Runs a pure function of bytes. `sizeBytes` lets the port choose between here and a worker. */
  run(task: ComputeTask, input: Uint8Array, options: ComputeOptions): Promise<Uint8Array>;
}

export type ComputeTask = 'gzip' | 'gunzip' | 'zstdCompress' | 'zstdDecompress';

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
