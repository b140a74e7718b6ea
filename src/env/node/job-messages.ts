import { MalformedError } from '../../base/bytes.js';
import { OutputTooLargeError } from '../compute.js';
import { DiskError } from '../disk.js';

/** What this thread and a worker say to one another. */

export interface JobRequest {
  readonly id: number;
  readonly job: string;
  readonly input: unknown;
}

/** To the worker: a job, or that no more will come. */
export type ToWorker = JobRequest | 'end';

/** From the worker: that it can be given jobs, or how one went. */
export type FromWorker = 'ready' | { readonly id: number; readonly result: unknown } | { readonly id: number; readonly error: SentError };

/** An error as data: classes do not survive the way between threads. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: string | undefined;
  readonly path: string | undefined;
}

export function toSent(error: unknown): SentError {
  const { name = 'Error', message = String(error), stack, code, path } = (error ?? {}) as Partial<SentError>;
  return { name, message, stack, code, path };
}

/** The error again, of its own class where somebody asks for that. */
export function fromSent({ name, message, stack, code, path }: SentError): Error {
  if (name === 'OutputTooLargeError') return new OutputTooLargeError(message);
  if (name === 'MalformedError') return new MalformedError(message);
  if (name === 'DiskError') return new DiskError(code ?? 'EIO', path ?? '', message);
  return Object.assign(new Error(message), { name, stack, ...(code === undefined ? {} : { code }) });
}

/** The bytes in memory of their own, which can be handed over whole; copied only when others share it. */
export function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength ? new Uint8Array(buffer) : new Uint8Array(bytes);
}
