import type { Jobs } from '../env/index.js';
import { codecJob } from '../env/node/compute.js';
import { codecFunctions } from '../protocol/records/compression/index.js';

/** What can be done on a worker thread, by name. Where no thread can be had, the same table serves on the thread that asks. */
export const jobs: Jobs = { ...codecJob(codecFunctions) };
