import { MalformedError } from '../../base/bytes.js';
import type { Disk } from '../../env/index.js';
import { KafkaError } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import * as batch from '../../protocol/records/batch.js';
import { SNAPSHOT_SUFFIX, DELETED_SUFFIX, offsetOfFile, segmentFile } from '../paths.js';
import { BATCHES_KEPT, ProducerAppend, type AppendRules, type BatchMetadata, type CompletedTransaction, type ProducerEntry } from './producer-append.js';
import { parseProducerSnapshot, formatProducerSnapshot } from './producer-snapshot.js';
import { Verification, type TransactionalWriter, type VerificationGuard } from './verification.js';
import type { AbortedTransaction } from '../segment/txn-index.js';
import type { ActiveProducer } from '../types.js';

/** Rules for what was checked before: a leader's batches on a follower, a log's own at recovery. */
export const REPLAY: AppendRules = { origin: 'replication', transactionVersion: 0 };

/** A question is under way for a moment, and anybody can ask: what is kept of those that no append follows is bounded. */
const MOST_VERIFICATIONS = 1_000;

/** Where aborted transactions are noted: the index of the segment that holds the marker. */
export interface AbortedSink {
  append(aborted: AbortedTransaction): void;
}

const NO_SINK: AbortedSink = { append: () => undefined };

interface Transaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Offset of the marker, -1 while the transaction is open. */
  lastOffset: number;
}

/**
 * What the idempotent and transactional producers of a log have written last (`ProducerStateManager`, KIP-98): enough to know a
 * batch that came twice, a gap, and which offsets are not decided yet. It can always be rebuilt from the records; snapshots at
 * the segments' base offsets make that short.
 */
export class ProducerState {
  private readonly producers = new Map<number, ProducerEntry>();
  /** Open transactions by first offset; insertion order is ascending. */
  private readonly ongoing = new Map<number, Transaction>();
  /** Ended ones whose marker is at or beyond the high watermark: to readers of committed records they are still open. */
  private readonly unreplicated = new Map<number, Transaction>();
  /** By producer id; gone with the append that they were made for, and with the marker that makes them void. */
  private readonly verifications = new Map<number, Verification>();
  /** Offsets of the snapshot files, ascending. */
  private snapshots: number[] = [];
  private readonly unsyncedSnapshots = new Set<number>();
  private mapEnd = 0;
  private lastSnapshot = 0;

  constructor(
    private readonly disk: Disk,
    private directory: string,
    private readonly expirationMs: () => number,
  ) {}

  /** What the state stands for: all records below this offset. */
  get mapEndOffset(): number {
    return this.mapEnd;
  }

  get isEmpty(): boolean {
    return this.producers.size === 0 && this.unreplicated.size === 0;
  }

  get latestSnapshotOffset(): number | undefined {
    return this.snapshots.at(-1);
  }

  get entries(): ReadonlyMap<number, ProducerEntry> {
    return this.producers;
  }

  /** The first offset whose fate is not decided, or decided by a marker that is not committed; undefined when all are. */
  get firstUnstableOffset(): number | undefined {
    let first: number | undefined;
    for (const offset of this.ongoing.keys()) {
      first = offset;
      break;
    }
    for (const offset of this.unreplicated.keys()) if (first === undefined || offset < first) first = offset;
    return first;
  }

  /**
   * The offsets of a batch of the same producer, epoch and sequences among the last five; undefined when it is new.
   */
  findDuplicate(bytes: Uint8Array, at: number): { firstOffset: number; lastOffset: number; timestampMs: number } | undefined {
    const entry = this.producers.get(batch.producerId(bytes, at));
    if (!entry || entry.epoch !== batch.producerEpoch(bytes, at)) return undefined;
    const lastSequence = batch.lastSequence(bytes, at);
    if (lastSequence === batch.NO_SEQUENCE) return undefined;
    const delta = batch.lastOffsetDelta(bytes, at);
    const found = entry.batches.find(known => known.lastSequence === lastSequence && known.offsetDelta === delta);
    return found && { firstOffset: found.lastOffset - found.offsetDelta, lastOffset: found.lastOffset, timestampMs: found.timestampMs };
  }

  /**
   * What an append of the producer must show once the coordinator has been asked; undefined when a transaction of it is open here
   * already. @throws KafkaError INVALID_PRODUCER_EPOCH.
   */
  startVerification(writer: TransactionalWriter, nowMs: number): VerificationGuard | undefined {
    const { producerId, producerEpoch } = writer;
    this.checkNotStale(producerId, producerEpoch);
    if (this.hasOngoing(producerId, producerEpoch)) return undefined;
    const known = this.verifications.get(producerId);
    known?.join(writer);
    const verification = known ?? new Verification(writer, nowMs);
    // To the end of the line: who asks again is alive.
    this.verifications.delete(producerId);
    this.verifications.set(producerId, verification);
    if (this.verifications.size > MOST_VERIFICATIONS) this.forgetOldestVerification();
    return verification;
  }

  /** Of so many, most belong to nobody: the oldest is the one that was asked for in vain. */
  private forgetOldestVerification(): void {
    for (const producerId of this.verifications.keys()) {
      this.verifications.delete(producerId);
      return;
    }
  }

  verificationOf(producerId: number): Verification | undefined {
    return this.verifications.get(producerId);
  }

  /** Whether a transactional batch belongs to what is open here, or to what was verified: a marker in between makes that void. */
  checkVerified(bytes: Uint8Array, at: number, { guard, verifies }: AppendRules): void {
    const producerId = batch.producerId(bytes, at);
    const epoch = batch.producerEpoch(bytes, at);
    if (this.hasOngoing(producerId, epoch)) return;
    this.checkNotStale(producerId, epoch);
    if (batch.isControl(bytes, at) || verifies?.() !== true) return;
    if (guard === undefined || guard !== this.verifications.get(producerId)) {
      throw new KafkaError(ErrorCode.INVALID_TXN_STATE, 'Record was not part of an ongoing transaction');
    }
  }

  /** What was asked is used up, or void. */
  endVerification(bytes: Uint8Array, at: number): void {
    const producerId = batch.producerId(bytes, at);
    const isKept = batch.isControl(bytes, at) && this.verifications.get(producerId)?.outlasts({ producerEpoch: batch.producerEpoch(bytes, at) }) === true;
    if (!isKept) this.verifications.delete(producerId);
  }

  private hasOngoing(producerId: number, epoch: number): boolean {
    const entry = this.producers.get(producerId);
    return entry !== undefined && entry.currentTxnFirstOffset >= 0 && entry.epoch === epoch;
  }

  private checkNotStale(producerId: number, epoch: number): void {
    const known = this.producers.get(producerId)?.epoch ?? batch.NO_PRODUCER_EPOCH;
    if (epoch < known) {
      throw new KafkaError(ErrorCode.INVALID_PRODUCER_EPOCH, `Epoch of producer ${producerId} is ${epoch}, which is smaller than the last seen epoch ${known}`);
    }
  }

  /** Begins an append: batches are checked one by one, and nothing changes until `commit`. */
  begin(rules: AppendRules): ProducerUpdate {
    return new ProducerUpdate(this, rules);
  }

  /** Makes an append's changes, once its bytes are in the log; aborted transactions go into the segment's index. */
  commit(update: ProducerUpdate, endOffset: number, aborted: AbortedSink): void {
    for (const append of update.appends.values()) {
      this.producers.set(append.producerId, append.result());
      for (const firstOffset of append.started) {
        this.ongoing.set(firstOffset, { producerId: append.producerId, firstOffset, lastOffset: -1 });
      }
    }
    for (const completed of update.completed) this.complete(completed, aborted);
    this.mapEnd = endOffset;
  }

  /** Takes up a batch that is in the log already. */
  replay(bytes: Uint8Array, at: number, aborted: AbortedSink = NO_SINK): void {
    if (batch.hasProducerId(bytes, at)) {
      const update = this.begin(REPLAY);
      update.add(bytes, at);
      this.commit(update, batch.nextOffset(bytes, at), aborted);
    }
    this.mapEnd = batch.nextOffset(bytes, at);
  }

  private complete(completed: CompletedTransaction, aborted: AbortedSink): void {
    const { producerId, firstOffset, lastOffset } = completed;
    const transaction = this.ongoing.get(firstOffset);
    if (!transaction) return;
    if (completed.aborted) {
      aborted.append({ producerId, firstOffset, lastOffset, lastStableOffset: this.stableOffsetAfter(completed) });
    }
    this.ongoing.delete(firstOffset);
    transaction.lastOffset = lastOffset;
    this.unreplicated.set(firstOffset, transaction);
  }

  /** The last stable offset once a transaction has ended: the next open one's start, or the offset after its marker. */
  private stableOffsetAfter({ producerId, lastOffset }: CompletedTransaction): number {
    for (const other of this.ongoing.values()) if (other.producerId !== producerId) return other.firstOffset;
    return lastOffset + 1;
  }

  /** Takes note of batches, oldest first, that a producer wrote before those that are known of it. */
  recall(producerId: number, earlier: readonly BatchMetadata[]): void {
    const entry = this.producers.get(producerId);
    if (entry) this.producers.set(producerId, { ...entry, batches: [...earlier, ...entry.batches].slice(-BATCHES_KEPT) });
  }

  updateMapEndOffset(offset: number): void {
    this.mapEnd = offset;
  }

  onHighWatermark(highWatermark: number): void {
    if (this.unreplicated.size > 0) this.forgetReplicated(highWatermark);
  }

  onLogStartOffset(logStartOffset: number): void {
    this.forgetReplicated(logStartOffset);
    this.mapEnd = Math.max(this.mapEnd, logStartOffset);
    this.lastSnapshot = this.latestSnapshotOffset ?? logStartOffset;
  }

  private forgetReplicated(offset: number): void {
    for (const [firstOffset, { lastOffset }] of this.unreplicated) if (lastOffset < offset) this.unreplicated.delete(firstOffset);
  }

  /** Forgets producers that have written nothing for `producer.id.expiration.ms`, and what was verified and never appended. */
  removeExpired(nowMs: number): void {
    const expirationMs = this.expirationMs();
    for (const [producerId, { startedMs }] of this.verifications) if (nowMs - startedMs >= expirationMs) this.verifications.delete(producerId);
    for (const [producerId, entry] of this.producers) if (this.isExpired(entry, nowMs)) this.producers.delete(producerId);
  }

  private isExpired(entry: ProducerEntry, nowMs: number): boolean {
    return entry.currentTxnFirstOffset < 0 && nowMs - entry.lastTimestampMs >= this.expirationMs();
  }

  /** Takes note of the snapshot files that are there; those of no segment go, but for one at the end of the log. */
  adoptSnapshots(names: readonly string[], segmentBaseOffsets: readonly number[]): void {
    const offsets = names.filter(name => name.endsWith(SNAPSHOT_SUFFIX)).map(offsetOfFile).filter(offset => offset !== undefined);
    const bases = new Set(segmentBaseOffsets);
    const lastBase = segmentBaseOffsets.at(-1) ?? -1;
    const stray = offsets.filter(offset => !bases.has(offset));
    const kept = stray.length > 0 && Math.max(...stray) > lastBase ? Math.max(...stray) : undefined;
    this.snapshots = offsets.filter(offset => bases.has(offset) || offset === kept).sort((a, b) => a - b);
    for (const offset of stray) if (offset !== kept) this.disk.removeNow(this.snapshotFile(offset));
  }

  /**
   * Goes back to the newest snapshot that lies in (`logStartOffset`, `logEndOffset`]; those outside are removed. What comes
   * after it is the caller's to replay. Nothing happens when the state is at the end already.
   */
  truncateAndReload(logStartOffset: number, logEndOffset: number, nowMs: number): void {
    for (const offset of this.snapshots.filter(snapshot => snapshot > logEndOffset || snapshot <= logStartOffset)) this.removeSnapshot(offset);
    if (logEndOffset === this.mapEnd) {
      this.onLogStartOffset(logStartOffset);
      return;
    }
    this.clear();
    this.loadSnapshot(logStartOffset, nowMs);
  }

  private loadSnapshot(logStartOffset: number, nowMs: number): void {
    for (let offset = this.latestSnapshotOffset; offset !== undefined; offset = this.latestSnapshotOffset) {
      try {
        const entries = parseProducerSnapshot(this.disk.readFile(this.snapshotFile(offset)));
        for (const entry of entries.sort((a, b) => a.currentTxnFirstOffset - b.currentTxnFirstOffset)) {
          if (!this.isExpired(entry, nowMs)) this.restore(entry);
        }
        this.lastSnapshot = offset;
        this.mapEnd = offset;
        return;
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error;
        this.removeSnapshot(offset);
      }
    }
    this.lastSnapshot = logStartOffset;
    this.mapEnd = logStartOffset;
  }

  private restore(entry: ProducerEntry): void {
    const { producerId, currentTxnFirstOffset: firstOffset } = entry;
    this.producers.set(producerId, entry);
    if (firstOffset >= 0) this.ongoing.set(firstOffset, { producerId, firstOffset, lastOffset: -1 });
  }

  private clear(): void {
    this.producers.clear();
    this.ongoing.clear();
    this.unreplicated.clear();
  }

  /** Forgets everything, snapshots too. */
  truncateFullyAndStartAt(offset: number): void {
    this.clear();
    for (const snapshot of this.snapshots) this.removeSnapshot(snapshot);
    this.lastSnapshot = 0;
    this.mapEnd = offset;
  }

  /** Writes a snapshot of the state, when it has moved on since the last one. It is durable after `syncSnapshots`. */
  takeSnapshot(): void {
    if (this.mapEnd <= this.lastSnapshot) return;
    const offset = this.mapEnd;
    const path = this.snapshotFile(offset);
    const bytes = formatProducerSnapshot(this.producers.values());
    const file = this.disk.open(path, { create: true });
    try {
      file.writeNow([bytes], 0);
      if (file.sizeBytes() > bytes.length) file.truncateNow(bytes.length);
    } finally {
      file.close();
    }
    if (this.latestSnapshotOffset !== offset) this.snapshots.push(offset);
    this.unsyncedSnapshots.add(offset);
    this.lastSnapshot = offset;
  }

  async syncSnapshots(): Promise<void> {
    for (const offset of this.unsyncedSnapshots) {
      this.unsyncedSnapshots.delete(offset);
      if (!this.snapshots.includes(offset)) continue;
      const file = this.disk.open(this.snapshotFile(offset));
      try {
        await file.sync();
      } finally {
        file.close();
      }
    }
  }

  /** Renames the snapshot of a segment that goes; the path to remove later, undefined when it has none. */
  setAsideSnapshot(offset: number): string | undefined {
    if (!this.snapshots.includes(offset)) return undefined;
    this.snapshots = this.snapshots.filter(snapshot => snapshot !== offset);
    const path = this.snapshotFile(offset);
    this.disk.rename(path, path + DELETED_SUFFIX);
    return path + DELETED_SUFFIX;
  }

  movedTo(directory: string): void {
    this.directory = directory;
  }

  private removeSnapshot(offset: number): void {
    this.snapshots = this.snapshots.filter(snapshot => snapshot !== offset);
    this.disk.removeNow(this.snapshotFile(offset));
  }

  private snapshotFile(offset: number): string {
    return segmentFile(this.directory, offset, SNAPSHOT_SUFFIX);
  }
}

/** A producer as DescribeProducers shows it. */
export function activeProducer(entry: ProducerEntry): ActiveProducer {
  return {
    producerId: entry.producerId,
    producerEpoch: entry.epoch,
    lastSequence: entry.batches.at(-1)?.lastSequence ?? batch.NO_SEQUENCE,
    lastTimestampMs: entry.lastTimestampMs,
    coordinatorEpoch: entry.coordinatorEpoch,
    currentTxnStartOffset: entry.currentTxnFirstOffset,
  };
}

/** The producers that one append touches, as they will be. */
export class ProducerUpdate {
  readonly appends = new Map<number, ProducerAppend>();
  readonly completed: CompletedTransaction[] = [];

  constructor(
    private readonly state: ProducerState,
    private readonly rules: AppendRules,
  ) {}

  /** Checks a batch that has a producer id, with the offsets it will have; throws the `KafkaError` that its sender gets. */
  add(bytes: Uint8Array, at: number): void {
    const producerId = batch.producerId(bytes, at);
    let append = this.appends.get(producerId);
    if (!append) {
      append = new ProducerAppend(producerId, this.state.entries.get(producerId), this.rules, this.state.verificationOf(producerId));
      this.appends.set(producerId, append);
    }
    const transactional = batch.isTransactional(bytes, at);
    if (transactional && this.rules.origin !== 'replication') this.state.checkVerified(bytes, at, this.rules);
    const completed = append.add(bytes, at);
    if (completed) this.completed.push(completed);
    if (transactional) this.state.endVerification(bytes, at);
  }
}
