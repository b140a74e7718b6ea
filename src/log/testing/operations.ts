import type { LogSettings } from '../../config/log-settings.js';
import type { CompressionType } from '../../protocol/records/batch.js';

/**
 * What can be done to logs, as plain data. What an operation names is relative to how things stand when it comes to it (`part`
 * is a share between 0 and 1), so that it has a meaning whichever others were left out before it.
 */
export type Operation =
  | { readonly do: 'append'; readonly log: number; readonly sizes: readonly number[]; readonly producer?: number; readonly transactional?: true;
      readonly codec?: CompressionType; readonly skewMs?: number; readonly newEpoch?: true; readonly uncommitted?: true;
      /** As many batches in one turn. */
      readonly times?: number }
  /** The same batch once more. */
  | { readonly do: 'resend'; readonly log: number }
  /** Ends a producer's transaction; `bump` as transaction.version 2 does. */
  | { readonly do: 'end'; readonly log: number; readonly producer: number; readonly commit: boolean; readonly bump?: true }
  /** Batches that come with their offsets, as a follower gets them. */
  | { readonly do: 'follow'; readonly log: number; readonly sizes: readonly number[]; readonly gap?: number; readonly newEpoch?: true }
  | { readonly do: 'flush'; readonly log: number }
  | { readonly do: 'roll'; readonly log: number }
  /** Cuts that many batches off. */
  | { readonly do: 'truncate'; readonly log: number; readonly batches: number }
  | { readonly do: 'startOver'; readonly log: number; readonly ahead: number }
  | { readonly do: 'deleteRecords'; readonly log: number; readonly part: number }
  | { readonly do: 'retain'; readonly log: number }
  /** Of a log whose policy is to compact. */
  | { readonly do: 'clean'; readonly log: number }
  | { readonly do: 'settings'; readonly log: number; readonly change: Partial<LogSettings> }
  | { readonly do: 'deleteTopic' | 'setAside'; readonly log: number }
  /** To the directory of that number, as far as `bytes` of it are copied at a time. */
  | { readonly do: 'move'; readonly log: number; readonly to: number; readonly bytes: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'restart'; readonly how: 'clean' | 'kill' | 'power' }
  /** The process dies, the power fails, or the disk says no, within or before the disk operation that comes after that many others. */
  | { readonly do: 'fault'; readonly after: number; readonly how: 'kill' | 'crash' | 'EIO' | 'ENOSPC'; readonly part: number };

/** An operation a line, as a failure shows it and as `make sim-log` takes it back. */
export function formatOperations(operations: readonly Operation[]): string {
  return operations.map(operation => JSON.stringify(operation)).join('\n');
}
