/** Set by the build: where the bundle of `src/worker` lies, from the bundle that asks. */
declare const OTTLA_WORKER_ENTRY: string | undefined;

/** The worker's file; undefined where somebody bundled this code without it. */
export function workerEntry(): URL | undefined {
  return typeof OTTLA_WORKER_ENTRY === 'undefined' ? undefined : new URL(OTTLA_WORKER_ENTRY, import.meta.url);
}
