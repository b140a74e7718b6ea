import type { Clock, DiskError, Logger } from '../env/index.js';
import type { LogDir } from '../log/index.js';
import type { LogDirMoves, ReplicaManager } from '../replication/index.js';
import type { Lifecycle } from './lifecycle.js';

export interface DirectoryFailuresOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The directory that holds the metadata log. */
  readonly metadataDirectory: string;
  /** The broker cannot go on. */
  readonly stop: (error: Error) => void;
}

/**
 * What becomes of a broker when one of its log directories fails (KIP-112, KIP-858, `ReplicaManager.handleLogDirFailure`): it goes
 * on with the others, unless it was the last, or the one with the metadata log.
 */
export class DirectoryFailures {
  #parts: { readonly replicas: ReplicaManager; readonly moves: LogDirMoves; readonly lifecycle: Lifecycle } | undefined;

  constructor(private readonly options: DirectoryFailuresOptions) {}

  /** From now on there are replicas to take offline, and a registration from which the directory is to go. */
  attach(parts: { readonly replicas: ReplicaManager; readonly moves: LogDirMoves; readonly lifecycle: Lifecycle }): void {
    this.#parts = parts;
  }

  directoryFailed(directory: LogDir, error: DiskError, all: readonly LogDir[]): void {
    const { metadataDirectory, clock, logger, stop } = this.options;
    const isLast = all.every(({ error: reason }) => reason !== undefined);
    if (directory.path === metadataDirectory || isLast) {
      const why = directory.path === metadataDirectory ? 'it holds the metadata log' : 'no other log directory is left';
      stop(new Error(`log directory ${directory.path} failed: ${error.message}; the broker cannot go on without it: ${why}`));
      return;
    }
    // Whoever met the error is in the midst of its work; what that is part of may not be here any more once this is done.
    clock.endOfTurn(() => {
      const partitions = this.#parts?.replicas.directoryFailed(directory.path);
      logger.error('partitions of a log directory are offline, those in other directories are served: repair the disk and restart the broker to have them back', {
        path: directory.path, ...(partitions !== undefined && { partitions }),
      });
      this.#parts?.moves.directoryFailed();
      this.#parts?.lifecycle.directoryFailed(directory.id);
    });
  }
}
