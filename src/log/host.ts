import type { Clock, Disk, DiskError, Logger, Random } from '../env/index.js';
import { ZERO_UUID, type Uuid } from '../protocol/wire/types.js';
import type { CheckpointFile } from './paths.js';
import type { FilePool } from './segment/file-pool.js';
import type { IndexBudget } from './segment/index-file.js';
import type { ReadAhead } from './reads/read-ahead.js';
import type { DiskWays } from './segment/write-ways.js';
import type { ReadBudget } from './reads/read-budget.js';
import type { ReadBuffers } from './reads/read-buffers.js';
import type { TailCache } from './reads/tail-cache.js';
import type { TurnWrites } from './turn-writes.js';
import type { LogDir } from './types.js';

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
  readonly writeWays: DiskWays;
  readonly readBudget: ReadBudget;
  readonly readBuffers: ReadBuffers;
  readonly readAhead: ReadAhead;
  /** What a read takes beyond what is asked for when only a position before the wanted batch is known. */
  readonly indexGapBytes: number;
  /** `producer.id.expiration.ms`, which may change while logs are open. */
  readonly producerExpirationMs: () => number;
  /** `transaction.partition.verification.enable`, which may change too: transactions begin only with what was verified. */
  readonly verifiesTransactions: () => boolean;
}

/** The log directory that a log lies in from its begin to its end, as the log sees it; it asks nothing else who is to hear of it. */
export interface LogHome extends LogDir {
  /** A write or sync failed: nothing in the directory can be trusted to be written any more. */
  fail(error: DiskError): void;
  /** The log was cut, and a file says more of it than is true: it must not outlast this call. */
  checkpoint(file: CheckpointFile): void;
}

/** Where a log lies that is opened by itself: nobody keeps checkpoints of it. */
export function loneHome(logger: Logger, path: string, id: Uuid = ZERO_UUID): LogHome {
  return {
    path, id, error: undefined,
    fail: error => logger.error('disk failed', { path, code: error.code, error: error.message }),
    checkpoint: () => undefined,
  };
}
