import type { MessagePort } from 'node:worker_threads';
import type { Jobs } from '../compute.js';
import { owned, toSent, type FromWorker, type JobRequest, type ToWorker } from './job-messages.js';

/** The worker's side of a `JobThread`: does what `port` brings, until it is told that no more comes. */
export function serveJobs(port: MessagePort, jobs: Jobs): void {
  port.on('message', (message: ToWorker) => {
    if (message === 'end') port.close();
    else void serve(port, jobs, message);
  });
  port.postMessage('ready' satisfies FromWorker);
}

async function serve(port: MessagePort, jobs: Jobs, { id, job, input }: JobRequest): Promise<void> {
  try {
    const result = await runJob(jobs, job, input);
    if (!(result instanceof Uint8Array)) return port.postMessage({ id, result } satisfies FromWorker);
    const bytes = owned(result);
    port.postMessage({ id, result: bytes } satisfies FromWorker, [bytes.buffer]);
  } catch (error) {
    port.postMessage({ id, error: toSent(error) } satisfies FromWorker);
  }
}

/** The job's result, or a promise of it; throws when no job has that name. */
export function runJob(jobs: Jobs, name: string, input: unknown): unknown {
  const job = Object.hasOwn(jobs, name) ? jobs[name] as ((input: unknown) => unknown) : undefined;
  if (job === undefined) throw new Error(`there is no job '${name}'; known are ${Object.keys(jobs).join(', ')}`);
  return job(input);
}
