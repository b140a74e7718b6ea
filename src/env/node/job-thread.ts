import type { Worker } from 'node:worker_threads';
import type { Jobs } from '../compute.js';
import type { Logger } from '../logger.js';
import { builtin } from './builtin.js';
import { fromSent, type FromWorker, type JobRequest, type ToWorker } from './job-messages.js';
import { runJob } from './worker-thread.js';

export interface JobThreadOptions {
  /** The worker's file; undefined where this code was bundled without it. */
  readonly entry: URL | undefined;
  /** The table that the worker has, for when there can be no worker. */
  readonly jobs: Jobs;
  readonly logger: Logger;
  /** A thread that had nothing to do for so long ends. */
  readonly idleMs?: number;
}

const IDLE_MS = 10_000;

interface Waiting {
  readonly request: JobRequest;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One thread for jobs. It is started by the first, ends when there were none for a while, and never keeps the process alive. A
 * thread that dies fails the jobs it had, and the next job starts another. Where none can be started at all, jobs run on this
 * thread from then on, which the log tells once.
 */
export class JobThread {
  private worker: RunningWorker | undefined;
  private unavailable = false;
  private nextId = 0;

  constructor(private readonly options: JobThreadOptions) {}

  /** Whether a thread is there now. */
  get isRunning(): boolean {
    return this.worker !== undefined;
  }

  /** `given` is memory in `input` that the thread takes over: it must not be used any more. */
  run(job: string, input: unknown, given: readonly ArrayBuffer[] = []): Promise<unknown> {
    const request = { id: this.nextId++, job, input };
    if (this.unavailable) return this.runHere(request);
    return new Promise((resolve, reject) => {
      const waiting = { request, resolve, reject };
      try {
        (this.worker ??= this.start()).add(waiting, given);
      } catch (error) {
        this.giveUp(error, [waiting]);
      }
    });
  }

  /** Ends the thread. Jobs that it still has fail. */
  async release(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    await worker?.end();
  }

  private start(): RunningWorker {
    const { entry, idleMs = IDLE_MS } = this.options;
    if (entry === undefined || !builtin('node:fs').existsSync(entry)) throw new Error(`there is no worker file${entry === undefined ? '' : ` ${entry.pathname}`}`);
    const worker = new RunningWorker(entry, idleMs, {
      idle: () => void this.release(),
      failed: (error, waiting, wasReady) => this.failed(worker, error, waiting, wasReady),
    });
    return worker;
  }

  private failed(worker: RunningWorker, error: Error, waiting: readonly Waiting[], wasReady: boolean): void {
    if (this.worker === worker) this.worker = undefined;
    if (!wasReady) return this.giveUp(error, waiting);
    this.options.logger.error('a worker thread died', { error: error.message, jobs: waiting.length });
    for (const { reject } of waiting) reject(new Error(`the worker thread died: ${error.message}`));
  }

  /** Nothing was handed over yet: the jobs that wait can still run here. */
  private giveUp(error: unknown, waiting: readonly Waiting[]): void {
    if (!this.unavailable) {
      const reason = error instanceof Error ? error.message : String(error);
      this.options.logger.warn('worker threads cannot be had, so compression and cleaning hold up the event loop', { error: reason });
    }
    this.unavailable = true;
    for (const { request, resolve } of waiting) resolve(this.runHere(request));
  }

  private async runHere({ job, input }: JobRequest): Promise<unknown> {
    return runJob(this.options.jobs, job, input);
  }
}

interface WorkerEvents {
  idle(): void;
  failed(error: Error, waiting: readonly Waiting[], wasReady: boolean): void;
}

/** A thread from its start to its end. */
class RunningWorker {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  /** Jobs that came before the thread was ready; undefined once it is. */
  private early: (() => void)[] | undefined = [];
  private idleTimer: NodeJS.Timeout | undefined;
  private ending = false;
  private readonly ended: Promise<void>;

  constructor(entry: URL, private readonly idleMs: number, private readonly events: WorkerEvents) {
    const { Worker: WorkerThread } = builtin('node:worker_threads');
    // Flags of the process, such as a loader or a snippet to evaluate, are not meant for it.
    this.worker = new WorkerThread(entry, { execArgv: [], name: 'ottla-worker' });
    this.worker.on('message', (message: FromWorker) => this.received(message));
    let failure = new Error('it ended by itself');
    this.worker.on('error', (error: Error) => { failure = error; });
    this.worker.on('messageerror', (error: Error) => {
      failure = error;
      void this.worker.terminate();
    });
    this.ended = new Promise(resolve => {
      this.worker.once('exit', () => {
        clearTimeout(this.idleTimer);
        const wasReady = this.early === undefined;
        const left = [...this.waiting.values()];
        if (this.ending) for (const { reject } of left) reject(new Error('the worker thread was ended before the job was done'));
        else this.events.failed(failure, left, wasReady);
        resolve();
      });
    });
    // After the listeners: a listener for messages makes the thread count again.
    this.worker.unref();
  }

  add(waiting: Waiting, given: readonly ArrayBuffer[]): void {
    const { id } = waiting.request;
    clearTimeout(this.idleTimer);
    this.waiting.set(id, waiting);
    const send = (): void => {
      try {
        this.worker.postMessage(waiting.request satisfies ToWorker, given);
      } catch (error) {
        this.settle(id, () => waiting.reject(error as Error));
      }
    };
    if (this.early) this.early.push(send);
    else send();
  }

  /** No job is added after this. An idle thread goes in order, as addons like it best. */
  end(): Promise<void> {
    clearTimeout(this.idleTimer);
    this.ending = true;
    // Who waits for its end must not find the process ended first.
    this.worker.ref();
    if (this.waiting.size === 0) this.worker.postMessage('end' satisfies ToWorker, []);
    else void this.worker.terminate();
    return this.ended;
  }

  private received(message: FromWorker): void {
    if (message === 'ready') {
      const early = this.early ?? [];
      this.early = undefined;
      for (const send of early) send();
      return;
    }
    const waiting = this.waiting.get(message.id);
    if (waiting) this.settle(message.id, () => ('error' in message ? waiting.reject(fromSent(message.error)) : waiting.resolve(message.result)));
  }

  private settle(id: number, tell: () => void): void {
    this.waiting.delete(id);
    if (this.waiting.size === 0 && !this.ending) this.idleTimer = setTimeout(() => this.events.idle(), this.idleMs).unref();
    tell();
  }
}
