// A data directory as many lives of a node leave it: a seeded workload on the log manager, over all that happens to logs.

import type { LogSettings } from '../../src/config/log-settings.js';
import { NodeDisk, NodeRandom, silentLogger } from '../../src/env/node/index.js';
import type { Log } from '../../src/log/partition/log.js';
import { openLogManager, type NodeLogManager } from '../../src/log/manager/manager.js';
import { ManualClock, SETTINGS } from '../../src/log/test-support.js';
import { transactionLogKeySchema, transactionLogValueSchema } from '../../src/protocol/generated/index.js';
import { buildBatch, type BatchOptions, type RecordInput } from '../../src/protocol/records/batch-builder.js';
import { CompressionType } from '../../src/protocol/records/batch.js';
import { buildEndTransactionMarker } from '../../src/protocol/records/control-records.js';
import { Writer } from '../../src/protocol/wire/writer.js';
import type { SeededRandom } from '../support/random.js';

const CODECS = Object.values(CompressionType);
const COMPACTION = { compact: true, delete: false };
const CLEANER_BACKOFF_MS = 1000;
const NEVER_MS = Number.MAX_SAFE_INTEGER;
/** Beyond the 31 bits that an offset has in an index. */
const FAR = 2 ** 31 + 7;

/** What each topic is about. Segments are small, and most batches get index entries. */
const TOPICS: Readonly<Record<string, Partial<LogSettings>>> = {
  'rolled-by-size': { segmentBytes: 3000 },
  'rolled-by-time': { segmentMs: 5000 },
  'rolled-by-index': { segmentIndexBytes: 96, indexIntervalBytes: 1 },
  'far-apart': { segmentBytes: 5000 },
  'rolled-at-will': {},
  'sparse-index': { segmentBytes: 20_000, indexIntervalBytes: 4096 },
  stamped: { segmentBytes: 4000, timestampType: 'LogAppendTime' },
  transacted: { segmentBytes: 4000 },
  'deleted-by-time': { segmentBytes: 2000, retentionMs: 20_000 },
  'deleted-by-size': { segmentBytes: 2000, retentionBytes: 6000 },
  trimmed: { segmentBytes: 3000 },
  cut: { segmentBytes: 3000 },
  preallocated: { segmentBytes: 4000, preallocate: true },
  compacted: { segmentBytes: 2500, cleanupPolicy: COMPACTION },
  'compacted-transactions': { segmentBytes: 2500, cleanupPolicy: COMPACTION, deleteRetentionMs: 5000 },
  'compacted-and-deleted': { segmentBytes: 2500, cleanupPolicy: { compact: true, delete: true }, retentionMs: 60_000 },
  __transaction_state: { segmentBytes: 3000 },
};

/** Where offsets may be missing: compaction took them, or a leader had none. */
export const GAPPED = Object.keys(TOPICS).filter(name => name.startsWith('compacted') || name === 'far-apart');

interface Producer {
  readonly producerId: number;
  sequence: number;
  /** Whether it has written in a transaction that has not ended. */
  open: boolean;
}

export class SeededWorkload {
  /** How often each thing was done, to see that it was. */
  readonly done = new Map<string, number>();
  private readonly clock = new ManualClock();
  private readonly producers = new Map<string, Producer[]>();
  /** Where batches of the topic `cut` begin: leaders and followers differ by whole ones. */
  private boundaries: number[] = [];
  private manager!: NodeLogManager;
  private leaderEpoch = 0;

  constructor(private readonly directory: string, private readonly random: SeededRandom) {}

  /** Does so many things, then stops in order. */
  async run(steps: number): Promise<void> {
    await this.start();
    for (let step = 0; step < steps; step++) {
      await this.once();
      this.clock.advance(this.random.below(400));
    }
    for (const log of this.logs()) for (const producer of this.producersOf(log)) if (producer.open) this.end(log, producer);
    await this.stop();
  }

  private async once(): Promise<void> {
    const log = this.random.pick(this.logs());
    const { random } = this;
    if (random.chance(60)) return this.note('kill', () => this.kill());
    if (random.chance(60)) return this.note('restart', () => this.restart());
    if (random.chance(25)) return this.note('flush', () => log.flush());
    if (random.chance(25)) return this.note('compaction', () => this.compact());
    if (random.chance(12)) return this.note('retention', () => { for (const each of this.logs()) each.applyRetention(this.clock.nowMs()); });
    if (log.topic === 'trimmed' && random.chance(6)) return this.note('deleted records', () => void log.incrementLogStartOffset(this.offsetIn(log), 'test'));
    if (log.topic === 'cut' && random.chance(6)) return this.note('cut', () => this.cut(log));
    if (log.topic === 'rolled-at-will' && random.chance(6)) return this.note('roll', () => log.roll());
    if (log.topic === 'far-apart' && random.chance(20)) return this.note('jump', () => this.jump(log));
    return this.note('append', () => this.append(log));
  }

  private async note(what: string, act: () => void | Promise<void>): Promise<void> {
    this.done.set(what, (this.done.get(what) ?? 0) + 1);
    await act();
  }

  private async start(): Promise<void> {
    this.leaderEpoch += 1;
    this.manager = await openLogManager({
      env: { disk: new NodeDisk(), clock: this.clock, random: new NodeRandom(), logger: silentLogger },
      directories: [this.directory], clusterId: 'seeded', nodeId: 1, defaultSettings: SETTINGS,
      settingsOf: settingsOf,
      // What is periodic is done by the workload; the cleaner when time passes.
      retentionCheckMs: NEVER_MS, recoveryPointCheckpointMs: 10_000, logStartOffsetCheckpointMs: 2000, highWatermarkCheckpointMs: 2000,
      cleanerSettings: () => ({
        enabled: true, threads: 1, dedupeBufferBytes: 1 << 20, dedupeBufferLoadFactor: 0.9, ioBufferBytes: 4096, ioMaxBytesPerSecond: Number.MAX_VALUE,
        backoffMs: CLEANER_BACKOFF_MS,
      }),
    });
    await this.manager.load();
    for (const [index, topic] of Object.keys(TOPICS).entries()) {
      const log = this.manager.getOrCreate(topic, 0, Buffer.alloc(16, index + 1).toString('base64url'), settingsOf(topic));
      log.updateHighWatermark(log.logEndOffset);
    }
    // What a kill took of the last turn was never acknowledged: producers go on from what is there.
    for (const log of this.logs()) for (const producer of this.producersOf(log)) recall(log, producer);
  }

  /** The process ends between two turns; the system keeps what it was given. */
  private async kill(): Promise<void> {
    for (const log of this.logs()) log.write();
    this.manager.abandon();
    await this.start();
  }

  private async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** In order; a cleaning that is under way has to come to its end first. */
  private async stop(): Promise<void> {
    const closing = { isOver: false };
    const closed = this.manager.close({ brokerEpoch: this.leaderEpoch }).finally(() => { closing.isOver = true; });
    while (!closing.isOver) await this.letWork();
    await closed;
  }

  /** What asked to go on later in this moment does. */
  private async letWork(): Promise<void> {
    await new Promise(resolve => { setImmediate(resolve); });
    this.clock.advance(0);
  }

  private logs(): Log[] {
    // In an order that the seed alone decides: logs are opened side by side.
    return ([...this.manager.all()] as Log[]).sort((a, b) => (a.topic < b.topic ? -1 : 1));
  }

  private producersOf({ topic }: Log): Producer[] {
    let found = this.producers.get(topic);
    if (found === undefined) this.producers.set(topic, found = [1, 2, 3].map(index => ({ producerId: 1000 * this.producers.size + index, sequence: 0, open: false })));
    return found;
  }

  private append(log: Log): void {
    if (log.topic === '__transaction_state') return this.appendBatch(log, {}, [transactionState(this.random, this.clock.nowMs())]);
    const transactional = log.topic.includes('transact');
    const producer = this.random.pick(this.producersOf(log));
    if (producer.open && this.random.chance(3)) return this.end(log, producer);
    const records = someRecords(this.random, log, this.clock.nowMs());
    const compression = this.random.pick(CODECS);
    if (!transactional && this.random.chance(2)) return this.appendBatch(log, { compression }, records);
    this.appendBatch(log, { compression, producerId: producer.producerId, producerEpoch: 0, baseSequence: producer.sequence, isTransactional: transactional }, records);
    producer.sequence += records.length;
    producer.open = transactional;
  }

  private appendBatch(log: Log, options: BatchOptions, records: readonly RecordInput[]): void {
    const stamped = log.settings.timestampType === 'LogAppendTime' ? { logAppendTimeMs: this.clock.nowMs() } : {};
    const { baseOffset } = log.appendAsLeader(buildBatch({ ...options, ...stamped }, records), { origin: 'client', leaderEpoch: this.leaderEpoch });
    if (log.topic === 'cut') this.boundaries.push(baseOffset);
    log.updateHighWatermark(log.logEndOffset);
  }

  /** A marker of either outcome. */
  private end(log: Log, producer: Producer): void {
    const { producerId } = producer;
    const committed = this.random.chance(2);
    this.done.set(committed ? 'commit' : 'abort', (this.done.get(committed ? 'commit' : 'abort') ?? 0) + 1);
    const marker = buildEndTransactionMarker({ producerId, producerEpoch: 0, timestampMs: this.clock.nowMs() }, { committed, coordinatorEpoch: 3 });
    log.appendAsLeader(marker, { origin: 'coordinator', leaderEpoch: this.leaderEpoch });
    log.updateHighWatermark(log.logEndOffset);
    producer.open = false;
  }

  /** A follower finds that its leader has another end. */
  private async cut(log: Log): Promise<void> {
    const boundaries = this.boundaries.filter(offset => offset >= log.logStartOffset && offset <= log.logEndOffset);
    const offset = boundaries.length === 0 ? log.logEndOffset : this.random.pick(boundaries);
    await log.truncateTo(offset);
    this.boundaries = boundaries.filter(other => other <= offset);
    for (const producer of this.producersOf(log)) recall(log, producer);
  }

  /** A follower takes over a batch so far on that it cannot stand in the same segment. */
  private jump(log: Log): void {
    const records = someRecords(this.random, log, this.clock.nowMs());
    log.appendAsFollower(buildBatch({ baseOffset: log.logEndOffset + FAR, partitionLeaderEpoch: this.leaderEpoch }, records));
    log.updateHighWatermark(log.logEndOffset);
  }

  private async compact(): Promise<void> {
    this.clock.advance(CLEANER_BACKOFF_MS);
    while (this.logs().some(({ compaction }) => compaction.inProgress)) await this.letWork();
    const uncleanable = this.logs().filter(({ compaction }) => compaction.isUncleanable).map(({ topic }) => topic);
    if (uncleanable.length > 0) throw new Error(`the cleaner gave up on ${uncleanable.join(', ')}`);
  }

  private offsetIn({ logStartOffset, logEndOffset }: Log): number {
    return logStartOffset + this.random.below(logEndOffset - logStartOffset + 1);
  }
}

function settingsOf(topic: string): LogSettings {
  return { ...SETTINGS, indexIntervalBytes: 100, fileDeleteDelayMs: 500, minCleanableDirtyRatio: 0.01, timestampAfterMaxMs: NEVER_MS, ...TOPICS[topic] };
}

/** A producer goes on where the log says that it stands. */
function recall(log: Log, producer: Producer): void {
  const known = log.activeProducers().find(({ producerId }) => producerId === producer.producerId);
  producer.sequence = (known?.lastSequence ?? -1) + 1;
  producer.open = (known?.currentTxnStartOffset ?? -1) >= 0;
}

function someRecords(random: SeededRandom, log: Log, nowMs: number): RecordInput[] {
  const mustHaveKey = log.settings.cleanupPolicy.compact;
  return Array.from({ length: 1 + random.below(8) }, (_, index) => ({
    timestampMs: nowMs - random.below(3000),
    key: !mustHaveKey && random.chance(3) ? null : Buffer.from(`key ${random.below(20)}`),
    value: random.chance(5) ? null : random.chance(2) ? random.bytes(random.below(200)) : Buffer.from(`value ${index} `.repeat(random.below(30))),
    headers: random.chance(3) ? [{ key: 'h', value: random.bytes(3) }, { key: '', value: null }] : [],
  }));
}

/** What a transaction coordinator would write: a state of one transactional id, or its tombstone. */
function transactionState(random: SeededRandom, timestampMs: number): RecordInput {
  const version = random.below(2);
  const key = new Writer();
  key.int16(0);
  transactionLogKeySchema.encode(key, { transactionalId: `id-${random.below(5)}` }, 0);
  if (random.chance(6)) return { timestampMs, key: key.toBuffer(), value: null };
  const value = new Writer();
  value.int16(version);
  transactionLogValueSchema.encode(value, {
    producerId: 7, producerEpoch: 1, transactionTimeoutMs: 60_000, transactionStatus: random.below(6), transactionPartitions: [{ topic: 'transacted', partitionIds: [0] }],
    transactionLastUpdateTimestampMs: timestampMs, transactionStartTimestampMs: timestampMs,
  }, version);
  return { timestampMs, key: key.toBuffer(), value: value.toBuffer() };
}
