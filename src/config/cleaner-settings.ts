import type { Settings } from './settings.js';

/** `log.cleaner.*`, for the compaction of logs. Memory and rate are for all threads together. */
export interface CleanerSettings {
  readonly enabled: boolean;
  /** Logs that are compacted at once. */
  readonly threads: number;
  readonly dedupeBufferBytes: number;
  /** 0 to 1. */
  readonly dedupeBufferLoadFactor: number;
  readonly ioBufferBytes: number;
  readonly ioMaxBytesPerSecond: number;
  readonly backoffMs: number;
}

export function cleanerSettingsOf(settings: Settings): CleanerSettings {
  return {
    enabled: settings.get('log.cleaner.enable'),
    threads: settings.get('log.cleaner.threads'),
    dedupeBufferBytes: settings.get('log.cleaner.dedupe.buffer.size'),
    dedupeBufferLoadFactor: settings.get('log.cleaner.io.buffer.load.factor'),
    ioBufferBytes: settings.get('log.cleaner.io.buffer.size'),
    ioMaxBytesPerSecond: settings.get('log.cleaner.io.max.bytes.per.second'),
    backoffMs: settings.get('log.cleaner.backoff.ms'),
  };
}

/** Kafka's own, for where no settings were read. */
export const DEFAULT_CLEANER_SETTINGS: CleanerSettings = {
  enabled: true, threads: 1, dedupeBufferBytes: 128 << 20, dedupeBufferLoadFactor: 0.9, ioBufferBytes: 512 << 10, ioMaxBytesPerSecond: Number.MAX_VALUE, backoffMs: 15_000,
};
