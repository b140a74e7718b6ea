import type { ComputeFunctions, Env, Logger } from '../index.js';
import { MemoryDisk } from '../memory/memory-disk.js';
import { NodeClock } from './clock.js';
import { NodeCompute } from './compute.js';
import { NodeDisk } from './disk.js';
import { LineLogger, silentLogger, type LogLevel } from './logger.js';
import { NodeNet } from './net.js';
import { NodeRandom } from './random.js';

export { LineLogger, silentLogger, type LogLevel } from './logger.js';
export { NodeClock, NodeCompute, NodeDisk, NodeNet, NodeRandom };

export interface NodeEnvOptions {
  /** Least severe events that reach standard error; `info` unless given. */
  readonly logLevel?: LogLevel;
  /** Takes the events instead. */
  readonly logger?: Logger;
  /** Files live in memory and are gone with the process. */
  readonly memory?: boolean;
  /** For the tasks that this Node's own libraries lack, such as zstd before 22.15. */
  readonly computeFunctions?: ComputeFunctions;
}

/** The real world. */
export function nodeEnv(options: NodeEnvOptions = {}): Env {
  const { logLevel = 'info', computeFunctions, memory = false } = options;
  const logger = options.logger ?? (logLevel === 'silent' ? silentLogger : new LineLogger(logLevel));
  return {
    clock: new NodeClock(),
    random: new NodeRandom(),
    disk: memory ? new MemoryDisk() : new NodeDisk(),
    net: new NodeNet({ onAcceptError: error => logger.warn('connection not accepted', { error: error.message }) }),
    compute: new NodeCompute(computeFunctions),
    logger,
  };
}
