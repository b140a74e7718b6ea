import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { LogSettings } from '../config/log-settings.js';
import type { Clock, Disk } from '../env/index.js';
import { NodeClock, NodeDisk, NodeRandom, silentLogger } from '../env/node/index.js';
import { BatchBuilder, type BatchOptions } from '../protocol/records/batch-builder.js';
import { recordsIn, batchesIn } from '../protocol/records/batch-iterator.js';
import { createLogHost, openLog, type LogHostOptions, type OpenLogOptions } from './partition/open-log.js';
import type { Log } from './partition/log.js';
import type { AppendContext, LogRead, PartitionLog } from './types.js';

/** What tests of logs need: a place on the disk, batches, and a way to say what a log holds. */

export const SETTINGS: LogSettings = {
  segmentBytes: 1 << 30,
  segmentMs: 7 * 24 * 3600 * 1000,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 << 20,
  flushMessages: Number.MAX_SAFE_INTEGER,
  flushMs: Number.MAX_SAFE_INTEGER,
  retentionBytes: -1,
  retentionMs: -1,
  maxMessageBytes: 1048588,
  indexIntervalBytes: 4096,
  fileDeleteDelayMs: 60_000,
  deleteRetentionMs: 86_400_000,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  minCleanableDirtyRatio: 0.5,
  cleanupPolicy: { delete: true, compact: false },
  preallocate: false,
  minInsyncReplicas: 1,
  uncleanLeaderElection: false,
  compressionType: 'producer',
  gzipLevel: -1,
  lz4Level: 9,
  zstdLevel: 3,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: 3_600_000,
};

export const TOPIC_ID = 'c0ffeeAAAAAAAAAAAAAAAA';
export const CLIENT: AppendContext = { origin: 'client', leaderEpoch: 0 };

export function temporaryDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'ottla-log-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A clock that stands still until it is told; its timers run when it has come to their time. */
export class ManualClock implements Clock {
  private readonly timers = new Set<{ atMs: number; task: () => void }>();

  constructor(private ms = 1_700_000_000_000) {}

  nowMs(): number {
    return this.ms;
  }

  monotonicMs(): number {
    return this.ms;
  }

  after(delayMs: number, task: () => void): () => void {
    const timer = { atMs: this.ms + delayMs, task };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Timers that have yet to run. */
  get pendingTimers(): number {
    return this.timers.size;
  }

  endOfTurn(task: () => void): void {
    queueMicrotask(task);
  }

  advance(byMs: number): void {
    this.ms += byMs;
    for (const timer of [...this.timers].sort((a, b) => a.atMs - b.atMs)) {
      if (timer.atMs > this.ms || !this.timers.delete(timer)) continue;
      timer.task();
    }
  }
}

export function testHost(options: Partial<LogHostOptions> & { disk?: Disk; clock?: Clock } = {}): ReturnType<typeof createLogHost> {
  const env = { disk: options.disk ?? new NodeDisk(), clock: options.clock ?? new NodeClock(), random: new NodeRandom(), logger: silentLogger };
  return createLogHost({ env, ...options });
}

export function openTestLog(directory: string, options: Partial<Omit<OpenLogOptions, 'settings'>> & { settings?: Partial<LogSettings> } = {}): Promise<Log> {
  return openLog({
    host: testHost(), directory, topic: 'events', partition: 0, topicId: TOPIC_ID, ...options, settings: { ...SETTINGS, ...options.settings },
  });
}

/** A batch with a record for each value; a value may bring its own time. */
export function batchOf(values: readonly string[], options: BatchOptions & { timestampMs?: number } = {}): Buffer {
  const { timestampMs = 1_700_000_000_000, ...batchOptions } = options;
  const builder = new BatchBuilder(batchOptions);
  for (const value of values) builder.append({ timestampMs, key: null, value: Buffer.from(value) });
  return builder.build();
}

/** A message as it was written before Kafka 0.11, without a key. */
export function oldMessage(format: 0 | 1, offset: number, value: string): Buffer {
  const time = format === 1 ? 8 : 0;
  const bytes = Buffer.alloc(12 + 14 + time + value.length);
  bytes.writeBigInt64BE(BigInt(offset), 0);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes[16] = format;
  if (format === 1) bytes.writeBigInt64BE(1_400_000_000_000n, 18);
  bytes.writeInt32BE(-1, 18 + time);
  bytes.writeInt32BE(value.length, 22 + time);
  bytes.write(value, 26 + time);
  bytes.writeUInt32BE(crc32(bytes.subarray(16)), 12);
  return bytes;
}

export interface PlainRecord {
  readonly offset: number;
  readonly value: string;
}

export function plainRecords(bytes: Uint8Array): PlainRecord[] {
  return [...batchesIn(bytes)].flatMap(at => [...recordsIn(bytes, at)].map(({ offset, value }) => ({ offset, value: Buffer.from(value ?? []).toString() })));
}

/** What a read gave, copied out and given back. */
export async function recordsRead(read: LogRead | Promise<LogRead>): Promise<PlainRecord[]> {
  const { buffers, release } = await read;
  const records = plainRecords(Buffer.concat(buffers));
  release();
  return records;
}

/** All records from an offset on, by as many reads as it takes. */
export async function readAll(log: Log, from = log.logStartOffset, maxBytes = 1 << 20): Promise<PlainRecord[]> {
  const all: PlainRecord[] = [];
  for (let offset = from; offset < log.logEndOffset;) {
    const records = await recordsRead(log.read(offset, { maxBytes, minOneBatch: true, limitOffset: log.logEndOffset }));
    if (records.length === 0) break;
    all.push(...records.filter(record => record.offset >= offset));
    offset = records.at(-1)!.offset + 1;
  }
  return all;
}

/** Resolves once all that the log holds now is as safe as its settings ask; rejects when its disk fails before. */
export function whenSafe(log: PartitionLog): Promise<void> {
  const { logEndOffset } = log;
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (log.safeEndOffset >= logEndOffset) resolve();
      else if (log.failure !== undefined) reject(log.failure);
    };
    log.onSafeEndMoved = look;
    look();
  });
}

/** Less than jest gives a test: what did not hold is named. */
const PATIENCE_MS = 20_000;

/** Waits for what the disk does off the loop, or a broker beside it. Rejects, with the condition, when that takes too long. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (!await condition()) {
    if (performance.now() > deadlineMs) throw new Error(`did not hold within ${PATIENCE_MS} ms: ${String(condition)}`);
    await new Promise(resolve => { setTimeout(resolve, 2); });
  }
}
