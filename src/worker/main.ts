/** What a worker thread begins with: started by `src/env/node/job-thread.ts`, it does jobs until it is told to end. */
import { parentPort } from 'node:worker_threads';
import { serveJobs } from '../env/node/worker-thread.js';
import { jobs } from './jobs.js';

if (parentPort === null) throw new Error('this file is for worker threads');
serveJobs(parentPort, jobs);
