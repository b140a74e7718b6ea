import type { Remedy } from './remedies.js';

/**
 * error: data is lost, or not served as it should be. warning: it does not fit, and a start mends it. note: as it should be, and
 * worth knowing.
 */
export type Severity = 'error' | 'warning' | 'note';

export interface Finding {
  readonly severity: Severity;
  /** The file or directory at fault, below the directory that was asked about. */
  readonly path: string;
  readonly message: string;
  readonly remedy: Remedy;
}

/** What a look at one partition's directory gave. */
export interface PartitionReport {
  /** `topic-N`, as the directory is named. */
  readonly name: string;
  readonly path: string;
  readonly segments: number;
  readonly batches: number;
  readonly sizeBytes: number;
  /** The first offset, by the name of the first segment; 0 and 0 when there is nothing. */
  readonly startOffset: number;
  readonly endOffset: number;
  readonly topicId: string | undefined;
  readonly findings: readonly Finding[];
}

/** What the log directory says of a partition, and of its own end. */
export interface PartitionContext {
  /** The last broker stopped in order: nothing is checked at the start. */
  readonly isClean: boolean;
  /** A broker writes while this reads: what is new is not settled. */
  readonly isInUse: boolean;
  readonly recoveryPoint: number | undefined;
  readonly logStartOffset: number | undefined;
  readonly highWatermark: number | undefined;
  /** The cleaner has been here: offsets may be missing. */
  readonly wasCompacted: boolean;
}

/** An error's message without the `path: ` or `path:line: ` in front, for a finding that names the path itself. */
export function withoutPath(message: string, path: string): string {
  if (!message.startsWith(`${path}:`)) return message;
  return message.slice(path.length + 1).replace(/^(\d+):/, 'line $1:').trimStart();
}
