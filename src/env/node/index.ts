import type { Env, Jobs, Logger } from '../index.js';
import { MemoryDisk } from '../memory/memory-disk.js';
import { NodeClock } from './clock.js';
import { NodeCompute } from './compute.js';
import { NodeDisk } from './disk.js';
import { LineLogger, silentLogger, type LogLevel } from './logger.js';
import { NodeNet } from './net.js';
import { NodeRandom } from './random.js';

export { LineLogger, silentLogger, type LogLevel } from './logger.js';
export { isLocked } from './lock.js';
export { NodeClock, NodeCompute, NodeDisk, NodeNet, NodeRandom };

export interface NodeEnvOptions {
  /** Least severe events that reach standard error; `info` unless given. */
  readonly logLevel?: LogLevel;
  /** Takes the events instead. */
  readonly logger?: Logger;
  /** Files live in memory and are gone with the process. */
  readonly memory?: boolean;
  /** What worker threads can do (`src/worker/jobs.ts`): codecs that node:zlib lacks, cleaning. With files in memory they run on this thread. */
  readonly jobs?: Jobs;
}

/** The real world. */
export function nodeEnv(options: NodeEnvOptions = {}): Env {
  const { logLevel = 'info', jobs, memory = false } = options;
  const logger = options.logger ?? (logLevel === 'silent' ? silentLogger : new LineLogger(logLevel));
  return {
    clock: new NodeClock(),
    random: new NodeRandom(),
    disk: memory ? new MemoryDisk() : new NodeDisk(),
    net: new NodeNet({ onAcceptError: error => logger.warn('connection not accepted', { error: error.message }) }),
    compute: new NodeCompute({ ...(jobs && { jobs }), logger, onThisThread: memory }),
    logger,
  };
}
