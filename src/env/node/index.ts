import type { ComputeFunctions, Env } from '../index.js';
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
  /** For the tasks that this Node's own libraries lack, such as zstd before 22.15. */
  readonly computeFunctions?: ComputeFunctions;
}

/** The real world. */
export function nodeEnv({ logLevel = 'info', computeFunctions }: NodeEnvOptions = {}): Env {
  const logger = logLevel === 'silent' ? silentLogger : new LineLogger(logLevel);
  return {
    clock: new NodeClock(),
    random: new NodeRandom(),
    disk: new NodeDisk(),
    net: new NodeNet({ onAcceptError: error => logger.warn('connection not accepted', { error: error.message }) }),
    compute: new NodeCompute(computeFunctions),
    logger,
  };
}
