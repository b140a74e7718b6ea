import type { Clock, Disk, DiskError, Logger, Random } from '../env/index.js';
import type { FilePool } from './segment/file-pool.js';
import type { IndexBudget } from './segment/index-file.js';
import type { ReadBudget } from './reads/read-budget.js';
import type { ReadBuffers } from './reads/read-buffers.js';
import type { TailCache } from './reads/tail-cache.js';
import type { TurnWrites } from './turn-writes.js';

/** What the logs of a node share: the world, and the bounds on descriptors and memory. */
export interface LogHost {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly files: FilePool;
  readonly indexBudget: IndexBudget;
  readonly tailCache: TailCache;
  readonly turnWrites: TurnWrites;
  readonly readBudget: ReadBudget;
  readonly readBuffers: ReadBuffers;
  /** What a read takes beyond what is asked for when only a position before the wanted batch is known. */
  readonly readAheadBytes: number;
  /** `producer.id.expiration.ms`, which may change while logs are open. */
  readonly producerExpirationMs: () => number;
  /** A write or sync failed: nothing in the log's directory can be trusted to be written any more. */
  readonly diskFailed: (logDirectory: string, error: DiskError) => void;
  /** A log was truncated below what is durable: a checkpoint that says more must not outlast this call. */
  readonly recoveryPointMovedBack: (logDirectory: string) => void;
  /** The same of a log that begins anew below its start. */
  readonly logStartOffsetMovedBack: (logDirectory: string) => void;
  /** The same of the offset up to which a log was compacted. */
  readonly cleanedOffsetMovedBack: (logDirectory: string) => void;
}
