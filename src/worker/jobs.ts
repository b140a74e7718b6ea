import type { JobTable } from '../env/index.js';
import { NodeClock } from '../env/node/clock.js';
import { codecJob } from '../env/node/compute.js';
import { NodeDisk } from '../env/node/disk.js';
import { runCleanJob, type CleanJob, type CleanResult } from '../log/compaction/clean-job.js';
import { codecFunctions } from '../protocol/records/compression/index.js';

/** Does a round of the log cleaner's work on the real disk (`LogManagerOptions.runClean`). */
function clean(job: CleanJob): Promise<CleanResult> {
  return runCleanJob({ disk: new NodeDisk(), clock: new NodeClock() }, job);
}

/** What can be done on a worker thread, by name. Where no thread can be had, the same table serves on the thread that asks. */
export const jobs = { ...codecJob(codecFunctions), clean } satisfies JobTable;
