export type { Cancel, Clock } from './clock.js';
export type { Random } from './random.js';
export { DiskError, type Disk, type DiskFile, type DiskLock, type DiskStat, type OpenOptions } from './disk.js';
export type { ByteSink, ByteStream, Net, NetListener } from './net.js';
export { OutputTooLargeError, type Compute, type ComputeFunction, type ComputeFunctions, type ComputeOptions, type ComputeTask, type Jobs, type JobTable } from './compute.js';
export type { LogFields, Logger, LogLevel } from './logger.js';
export { isLevelName, LogLevels, ROOT_LOGGER, type LogLevelName } from './log-levels.js';

import type { Clock } from './clock.js';
import type { Compute } from './compute.js';
import type { Disk } from './disk.js';
import type { Logger } from './logger.js';
import type { Net } from './net.js';
import type { Random } from './random.js';

/** The world that a broker lives in. */
export interface Env {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly net: Net;
  readonly compute: Compute;
  readonly logger: Logger;
}
