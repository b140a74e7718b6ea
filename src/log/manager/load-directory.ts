import type { LogSettings } from '../../config/log-settings.js';
import type { Env } from '../../env/index.js';
import { METADATA_TOPIC } from '../../protocol/internal-topics.js';
import { ZERO_UUID } from '../../protocol/wire/types.js';
import type { LogHome, LogHost } from '../host.js';
import type { Log } from '../partition/log.js';
import { openLog, openLogLazily, openRefused } from '../partition/open-log.js';
import { readTopicId } from '../partition/partition-metadata.js';
import { parsePartitionDirectory, partitionDirectory, type PartitionDirectoryName } from '../paths.js';
import { OldFormatLogError } from '../segment/old-format.js';
import type { Checkpoints } from './directory.js';

/** What a log directory is found to hold at the start, and the logs that come of it. */

/** A partition's directory as it was found. */
export interface FoundDirectory extends PartitionDirectoryName {
  readonly path: string;
}

/** While logs are recovered, how often it is told how far that has come. */
const PROGRESS_MS = 5000;

/** The partitions to open, copies in the making among them, and what waits for deletion. What was set aside stays. */
export function findPartitions({ disk, logger }: Pick<Env, 'disk' | 'logger'>, directory: string): { found: FoundDirectory[]; deleted: string[] } {
  const found: FoundDirectory[] = [];
  const deleted: string[] = [];
  for (const entry of disk.list(directory)) {
    const name = parsePartitionDirectory(entry);
    if (!name || name.topic === METADATA_TOPIC) continue;
    const path = `${directory}/${entry}`;
    if (!disk.stat(path)?.isDirectory) continue;
    if (name.suffix === undefined || name.suffix === '-future') found.push({ ...name, path });
    else if (name.suffix === '-delete') deleted.push(path);
    else logger.warn('partition directory was set aside and is left alone', { path });
  }
  return { found, deleted };
}

/** What is known of topics while logs are loaded. */
export interface KnownSettings {
  readonly defaultSettings: LogSettings;
  readonly settingsOf?: (topic: string) => LogSettings | undefined;
}

/**
 * Opens a log, at once or, where it was closed in order, when it is first used. One whose messages are of an old format is there
 * too, and every use of it fails.
 */
export async function openFound(
  host: LogHost, { defaultSettings, settingsOf }: KnownSettings, { topic, partition, suffix, path }: FoundDirectory,
  { home, checkpoints, clean }: { readonly home: LogHome; readonly checkpoints: Checkpoints; readonly clean: boolean },
): Promise<Log> {
  const key = partitionDirectory(topic, partition);
  const recoveryPoint = checkpoints.recoveryPoints.get(key);
  const options = {
    host, home, directory: path, topic, partition, clean,
    topicId: readTopicId(host.disk, path) ?? ZERO_UUID,
    settings: settingsOf?.(topic) ?? defaultSettings,
    logStartOffset: checkpoints.logStartOffsets.get(key),
  };
  const mayWait = clean && recoveryPoint !== undefined && suffix === undefined;
  const highWatermark = checkpoints.highWatermarks.get(key) ?? 0;
  const log = mayWait ? openLogLazily({ ...options, recoveryPoint }) : await openLog({ ...options, recoveryPoint }).catch((error: unknown) => {
    if (error instanceof OldFormatLogError) return openRefused({ ...options, recoveryPoint, highWatermark }, error);
    throw error;
  });
  log.updateHighWatermark(highWatermark);
  // A copy has none before it takes its log's place.
  if (suffix === undefined) log.compaction.cleanedOffset = checkpoints.cleanedOffsets.get(key);
  return log;
}

/** Tells at its begin, its end and now and then how far a recovery has come; to be called for each log that is done. */
export function recoveryProgress({ logger, clock }: Pick<Env, 'logger' | 'clock'>, directory: string, logs: number): () => void {
  logger.info('recovering logs, the last stop was not clean', { directory, logs });
  const startMs = clock.monotonicMs();
  let toldMs = startMs;
  let done = 0;
  return () => {
    done++;
    const nowMs = clock.monotonicMs();
    if (done < logs && nowMs - toldMs < PROGRESS_MS) return;
    toldMs = nowMs;
    logger.info(done < logs ? 'recovering logs' : 'logs recovered', { directory, done, logs, elapsedMs: Math.round(nowMs - startMs) });
  };
}
