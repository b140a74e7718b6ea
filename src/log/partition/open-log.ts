import type { LogSettings } from '../../config/log-settings.js';
import type { Clock, Disk, Logger, Random } from '../../env/index.js';
import type { Uuid } from '../../protocol/wire/types.js';
import { FilePool } from '../segment/file-pool.js';
import { loneHome, type LogHome, type LogHost } from '../host.js';
import { IndexBudget } from '../segment/index-file.js';
import { LeaderEpochs } from './leader-epochs.js';
import { Log } from './log.js';
import type { LoadedLog, LogIdentity } from './loaded-log.js';
import { LEADER_EPOCH_FILE, parentOf } from '../paths.js';
import { ProducerState } from '../producers/producer-state.js';
import { ReadAhead } from '../reads/read-ahead.js';
import { ReadBudget } from '../reads/read-budget.js';
import { ReadBuffers } from '../reads/read-buffers.js';
import { loadLog } from './recovery.js';
import { GapMark } from '../segment/gap-mark.js';
import type { OldFormatLogError } from '../segment/old-format.js';
import { segmentOptions } from '../segment/segment-files.js';
import { Segment } from '../segment/segment.js';
import { SegmentList } from '../segment/segment-list.js';
import { DiskWays, type WriteWaysOptions } from '../segment/write-ways.js';
import { TailCache } from '../reads/tail-cache.js';
import { TurnWrites } from '../turn-writes.js';

export interface LogHostOptions {
  readonly env: { readonly disk: Disk; readonly clock: Clock; readonly random: Random; readonly logger: Logger };
  /** Memory for the newest records of all logs. */
  readonly tailCacheBytes?: number;
  /** The largest piece of it: a power of two, at least a block (`BLOCK_BYTES`). */
  readonly tailChunkBytes?: number;
  /** When large appends pass the page cache by. */
  readonly writeWays?: WriteWaysOptions;
  /** Memory that answers may share as long as clients take them; see `ReadBudget`. */
  readonly readBudgetBytes?: number;
  /** Readers who ask for less at a time are not read ahead for; see `ReadAhead`. */
  readonly readAheadFromBytes?: number;
  /** Memory for indexes that could be read again. */
  readonly indexCacheBytes?: number;
  readonly maxOpenFiles?: number;
  /** `producer.id.expiration.ms` as it is now; a day by default. */
  readonly producerExpirationMs?: () => number;
  /** `transaction.partition.verification.enable` as it is now; not, where there are no coordinators. */
  readonly verifiesTransactions?: () => boolean;
}

const DEFAULT_TAIL_CACHE_BYTES = 64 << 20;
const DEFAULT_INDEX_CACHE_BYTES = 16 << 20;
const DEFAULT_MAX_OPEN_FILES = 1000;
const DEFAULT_PRODUCER_EXPIRATION_MS = 24 * 60 * 60 * 1000;
/** An index interval of 4 KiB and a batch of ordinary size. */
const INDEX_GAP_BYTES = 32 << 10;

/** What logs share; one for each node. */
export function createLogHost(options: LogHostOptions): LogHost {
  const { disk, clock, random, logger } = options.env;
  const readBudget = new ReadBudget(options.readBudgetBytes);
  return {
    disk, clock, random, logger,
    files: new FilePool(disk, options.maxOpenFiles ?? DEFAULT_MAX_OPEN_FILES),
    indexBudget: new IndexBudget(options.indexCacheBytes ?? DEFAULT_INDEX_CACHE_BYTES),
    tailCache: new TailCache(options.tailCacheBytes ?? DEFAULT_TAIL_CACHE_BYTES, readBudget, options.tailChunkBytes),
    writeWays: new DiskWays(clock, logger, options.writeWays),
    turnWrites: new TurnWrites(clock),
    readBudget,
    readBuffers: new ReadBuffers(readBudget),
    readAhead: new ReadAhead(clock, readBudget, options.readAheadFromBytes),
    indexGapBytes: INDEX_GAP_BYTES,
    verifiesTransactions: options.verifiesTransactions ?? (() => false),
    producerExpirationMs: options.producerExpirationMs ?? (() => DEFAULT_PRODUCER_EXPIRATION_MS),
  };
}

export interface OpenLogOptions {
  readonly host: LogHost;
  /** The log directory that it lies in; without one, nobody hears of what befalls it. */
  readonly home?: LogHome;
  /** The partition's own directory; made when it is absent. */
  readonly directory: string;
  readonly topic: string;
  readonly partition: number;
  readonly topicId: Uuid;
  readonly settings: LogSettings;
  /** The last owner closed it in order; by default every record is checked. */
  readonly clean?: boolean;
  readonly recoveryPoint?: number;
  readonly logStartOffset?: number;
  /**
   * No offsets are missing between its records, whoever wrote them, since nobody ever compacts it: after a power loss, a gap
   * between two segments is then known for a loss, and the log ends there. Of others the directory tells, by its `GapMark`.
   */
  readonly contiguous?: boolean;
}

/** Opens a log, or makes one, and brings it to order first (formats: "Recovery at start"). */
export async function openLog(options: OpenLogOptions): Promise<Log> {
  const { host, directory, settings } = options;
  if (!host.disk.stat(directory)) {
    const log = createLog(options);
    log.makeDirectory();
    return log;
  }
  return new Log(host, identityOf(options), settings, await load(options, directory));
}

/**
 * A log that was closed in order with all on the disk up to `recoveryPoint`: its directory, which is there, is read when the log
 * is first used.
 */
export function openLogLazily(options: OpenLogOptions & { readonly recoveryPoint: number }): Log {
  const { recoveryPoint: logEndOffset, logStartOffset } = options;
  return new Log(options.host, identityOf(options), options.settings, {
    logEndOffset, logStartOffset,
    load: directory => load({ ...options, clean: true }, directory),
  });
}

/** A log that nobody can use, for a reason that its directory gave: nothing in it is touched, and checkpoints go on saying what they said. */
export function openRefused(options: OpenLogOptions & { readonly highWatermark: number }, reason: OldFormatLogError): Log {
  const { recoveryPoint = 0, highWatermark, logStartOffset } = options;
  const log = new Log(options.host, identityOf(options), options.settings, {
    // There is at least a record.
    logEndOffset: Math.max(1, recoveryPoint, highWatermark), recoveryPoint, logStartOffset,
    load: () => { throw reason; },
  });
  log.refuse(reason);
  return log;
}

function identityOf(options: OpenLogOptions): LogIdentity {
  const { host, directory, home = loneHome(host.logger, parentOf(directory)) } = options;
  return { ...options, home };
}

function load(options: OpenLogOptions, directory: string): LoadedLog | Promise<LoadedLog> {
  const { host, settings, clean = false, recoveryPoint = 0, logStartOffset = 0, contiguous = false } = options;
  return loadLog(host, { directory, settings, clean, recoveryPoint, logStartOffset, contiguous });
}

/**
 * Makes a log of a directory that does not exist yet. Nothing is on the disk before it is identified or the first record comes:
 * a partition that is gone with the process is made anew from the metadata.
 */
export function createLog(options: OpenLogOptions): Log {
  const { host, directory, settings } = options;
  const segments = new SegmentList();
  segments.add(Segment.create(host, segmentOptions(host, directory, 0, settings)));
  return new Log(host, identityOf(options), settings, {
    segments,
    epochs: new LeaderEpochs(host.disk, `${directory}/${LEADER_EPOCH_FILE}`),
    producers: new ProducerState(host.disk, directory, host.producerExpirationMs),
    logStartOffset: 0, logEndOffset: 0, recoveryPoint: 0, isUnsynced: false, gaps: new GapMark(host.disk, 0, undefined, false), hasTopicId: false, isNew: true,
  });
}
