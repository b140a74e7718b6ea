/** How the logs of a node are; what Kafka has a name for is called by it. */
export interface LogMetrics {
  /** Partitions whose logs are here, and those of them that nobody has used since the start. */
  readonly logs: number;
  readonly sleepingLogs: number;
  /** Copies in the making, in another directory. */
  readonly futureLogs: number;
  readonly OfflineLogDirectoryCount: number;
  readonly writes: DiskMetrics;
  readonly cleaner: CleanerMetrics;
}

/** How appends reach the disks; counts are since the start. */
export interface DiskMetrics {
  /** Large appends that went past the page cache. */
  readonly directWrites: number;
  /** Writes off the loop, while a disk stalled; how often one began to, and how many do now. */
  readonly writesBehind: number;
  readonly stalls: number;
  readonly stalledDirectories: number;
  /** What was appended and waits for them. */
  readonly waitingBytes: number;
}

/** What the cleaner has done lately; the names are Kafka's, of `kafka.log:type=LogCleaner` and `LogCleanerManager`. */
export interface CleanerMetrics {
  /** Seconds that the last cleaning took, the longest of all threads. */
  readonly 'max-clean-time-secs': number;
  /** Bytes written for 100 that were read, in the last cleanings. */
  readonly 'cleaner-recopy-percent': number;
  readonly 'max-buffer-utilization-percent': number;
  /** How much longer than it should a record has waited for compaction, at worst. */
  readonly 'max-compaction-delay-secs': number;
  readonly 'max-dirty-percent': number;
  readonly 'uncleanable-partitions-count': number;
  readonly 'uncleanable-bytes': number;
  readonly 'time-since-last-run-ms': number;
}
