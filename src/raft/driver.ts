import { DiskError } from '../env/index.js';
import { DiskWays, openLog, WITHIN_THE_TURN, type LogHome, type LogHost, type PartitionLog } from '../log/index.js';
import { QUORUM_STATE_FILE } from '../log/paths.js';
import { recordsOfImage } from '../metadata/image-records.js';
import { applyQuorumRecord, readSnapshot, snapshotBatches, type Voter } from '../metadata/snapshot.js';
import type { MetadataImage } from '../metadata/types.js';
import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { METADATA_TOPIC } from '../protocol/internal-topics.js';
import { batchesIn, recordsIn } from '../protocol/records/batch-iterator.js';
import * as batch from '../protocol/records/batch.js';
import { buildControlBatch } from '../protocol/records/control-records.js';
import type { LogChunk, ReplicatedLog, RuntimeAppend } from '../runtime/replicated-log.js';
import { formatElectionState, NO_ELECTION, parseElectionState } from './election-state.js';
import { METADATA_PARTITION, METADATA_TOPIC_ID, metadataPartitionDirectory, type MetadataLogSettings } from './metadata-log.js';
import type { QuorumDescription } from './quorum-requests.js';
import { isAbsent, SnapshotStore } from './snapshot-store.js';
import { step, type RaftInput, type RaftState, type Ready } from './step.js';

export interface RaftOptions {
  readonly host: LogHost;
  /** The log directory that holds the metadata log. */
  readonly logDirectory: LogHome;
  readonly nodeId: number;
  readonly settings: MetadataLogSettings;
  /** Where this controller is reached, as the voters record names it. */
  readonly endpoints: readonly { readonly name: string; readonly host: string; readonly port: number }[];
  /** `controller.quorum.voters`: who votes while kraft.version is 0. */
  readonly staticVoters: readonly Voter[];
  /** The disk failed under the log: this node leads no more. */
  readonly onFault: (error: unknown) => void;
}

/** Metadata as it is committed; `more` follows without a wait. */
export interface CommittedChunk extends LogChunk {
  readonly more: boolean;
  /** Exclusive end of what has been given with this chunk. */
  readonly endOffset: number;
}

const READ_BYTES = 1 << 20;

/**
 * Raft's hands: keeps the metadata log, its snapshots and `quorum-state`, and does what the steps want. To a runtime it is the
 * log under the controller; to a broker, the stream of committed metadata.
 */
export class RaftDriver implements ReplicatedLog {
  private readonly commitListeners = new Set<() => void>();
  private readonly leadershipListeners = new Set<(epoch: number | null) => void>();
  private readonly followers = new Set<() => void>();
  private bytesSinceSnapshot = 0;
  private lastSnapshotMs: number;
  private snapshotInProgress: Promise<void> | undefined;
  private closing = false;

  private constructor(
    private readonly options: RaftOptions,
    private readonly log: PartitionLog,
    private readonly snapshots: SnapshotStore,
    private state: RaftState,
  ) {
    this.lastSnapshotMs = options.host.clock.nowMs();
  }

  get maxBatchBytes(): number {
    return this.options.settings.maxBatchBytes;
  }

  /** Opens, or makes, the metadata log of a formatted directory, and learns of the quorum. Nothing is elected yet. */
  static async open(options: RaftOptions): Promise<RaftDriver> {
    const { settings, nodeId, logDirectory: home } = options;
    // What is appended counts towards the high watermark at once.
    const host = { ...options.host, writeWays: new DiskWays(options.host.clock, options.host.logger, WITHIN_THE_TURN) };
    const directory = metadataPartitionDirectory(home.path);
    const log = await openLog({
      host, home, directory, topic: METADATA_TOPIC, partition: METADATA_PARTITION, topicId: METADATA_TOPIC_ID, settings: settings.log, contiguous: true,
    });
    const snapshots = new SnapshotStore(host.disk, directory);
    snapshots.load();
    await startAtSnapshot(log, snapshots);
    const driver = new RaftDriver(options, log, snapshots, {
      nodeId, directoryId: home.id,
      election: readElection(options, directory),
      role: { kind: 'unattached' },
      quorum: { kraftVersion: 0, voters: options.staticVoters },
      votersInLog: false,
      localVoter: {
        voterId: nodeId, voterDirectoryId: home.id, endpoints: options.endpoints,
        kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 },
      },
      endOffset: log.logEndOffset,
      lastEpoch: log.latestEpoch ?? snapshots.latest?.epoch ?? 0,
      highWatermark: log.logStartOffset,
    });
    await driver.learnQuorum();
    return driver;
  }

  get endOffset(): number {
    return this.log.logEndOffset;
  }

  get committedEnd(): number {
    return this.state.highWatermark;
  }

  describe(): QuorumDescription {
    const { nodeId, role, election: { leaderEpoch }, highWatermark, quorum } = this.state;
    return { nodeId, isLeader: role.kind === 'leader', leaderEpoch, highWatermark, endOffset: this.endOffset, quorum, listener: this.options.endpoints[0]?.name ?? '' };
  }

  /** Takes part in the quorum. Throws `UnservedQuorumError` when it is not one that this node can lead alone. */
  start(): void {
    this.process({ kind: 'start' });
  }

  /** Raises the quorum to a kraft.version, when it leads; committed when it returns. */
  raiseKraftVersion(kraftVersion: number): void {
    this.process({ kind: 'raise', kraftVersion });
  }

  append(bytes: Uint8Array, { leaderEpoch }: RuntimeAppend): { baseOffset: number; lastOffset: number } {
    const { role, election } = this.state;
    if (role.kind !== 'leader' || leaderEpoch !== election.leaderEpoch) throw new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    const result = this.write(bytes, leaderEpoch);
    this.process({ kind: 'appended', endOffset: this.log.logEndOffset });
    return result;
  }

  async readAll(visit: (chunk: LogChunk) => boolean): Promise<void> {
    const end = this.endOffset;
    const snapshot = this.snapshotChunk();
    if (snapshot !== undefined && !visit(snapshot.chunk)) return;
    for (let offset = snapshot?.nextOffset ?? this.log.logStartOffset; offset < end;) {
      const batches = await this.readBatches(offset, end);
      if (!visit({ batches })) return;
      offset = endOf(batches);
    }
  }

  onCommitted(listener: () => void): () => void {
    this.commitListeners.add(listener);
    return () => this.commitListeners.delete(listener);
  }

  /** Tells of this node's leadership: its epoch once all before it is committed, null when it is lost. */
  onLeadership(listener: (epoch: number | null) => void): () => void {
    this.leadershipListeners.add(listener);
    return () => this.leadershipListeners.delete(listener);
  }

  /**
   * Gives all that is committed to `visit`, from the latest snapshot on, and then whatever is committed later, at the end of the
   * turn in which it was. Returns what stops it.
   */
  follow(visit: (chunk: CommittedChunk) => void): () => void {
    const snapshot = this.snapshotChunk();
    let position = snapshot?.nextOffset ?? this.log.logStartOffset;
    let awake = false;
    let stopped = false;
    if (snapshot !== undefined) visit({ ...snapshot.chunk, more: position < this.committedEnd, endOffset: position });
    const pump = async (): Promise<void> => {
      for (;;) {
        if (stopped || this.closing || position >= this.committedEnd) return;
        const batches = await this.readBatches(position, this.committedEnd);
        if (stopped) return;
        position = endOf(batches);
        visit({ batches, more: position < this.committedEnd, endOffset: position });
      }
    };
    const wake = (): void => {
      if (awake) return;
      awake = true;
      this.options.host.clock.endOfTurn(() => {
        pump().then(() => {
          awake = false;
          if (!stopped && position < this.committedEnd) wake();
        }, (error: unknown) => {
          if (!stopped && !this.closing) this.options.onFault(error);
        });
      });
    };
    this.followers.add(wake);
    wake();
    return () => {
      stopped = true;
      this.followers.delete(wake);
    };
  }

  /**
   * The cluster as of a committed offset, between transactions, and once it has a metadata.version: it is written down as a snapshot when the log since the last one
   * has grown enough, or old enough, and what that makes superfluous is deleted.
   */
  offerSnapshot(image: MetadataImage, lastContainedLogTimestampMs: number): void {
    const { settings, host } = this.options;
    const age = host.clock.nowMs() - this.lastSnapshotMs;
    const due = this.bytesSinceSnapshot >= settings.snapshotAfterBytes || (settings.snapshotAfterMs > 0 && age >= settings.snapshotAfterMs);
    if (!due || this.snapshotInProgress !== undefined || this.closing || image.features.metadataVersion === 0) return;
    this.bytesSinceSnapshot = 0;
    this.lastSnapshotMs = host.clock.nowMs();
    this.snapshotInProgress = this.writeSnapshot(image, lastContainedLogTimestampMs)
      .catch((error: unknown) => host.logger.error('metadata snapshot failed', { error }))
      .finally(() => { this.snapshotInProgress = undefined; });
  }

  /** Stops leading, brings everything to the disk, lets go of the files. */
  async close(): Promise<void> {
    if (this.closing) return;
    this.closing = true;
    this.process({ kind: 'resign' });
    await this.snapshotInProgress;
    await this.log.close();
  }

  private process(input: RaftInput): void {
    const { state, ready } = step(this.state, input);
    this.state = state;
    this.perform(ready);
  }

  /** In this order: what is saved is durable before anything is written, what is written is there before anyone hears of it. */
  private perform({ save, append, highWatermark, leadership }: Ready): void {
    if (save !== undefined) {
      const { quorum: { kraftVersion, voters } } = this.state;
      const text = formatElectionState(save, kraftVersion, voters.map(({ voterId }) => voterId));
      this.options.host.disk.writeFileAtomically(`${this.log.directory}/${QUORUM_STATE_FILE}`, text);
      this.process({ kind: 'saved' });
    }
    if (append !== undefined) {
      this.write(buildControlBatch({}, this.options.host.clock.nowMs(), append.records), append.epoch);
      this.process({ kind: 'appended', endOffset: this.log.logEndOffset });
    }
    if (highWatermark !== undefined) {
      this.log.updateHighWatermark(highWatermark);
      for (const listener of this.commitListeners) listener();
      for (const wake of this.followers) wake();
    }
    if (leadership !== undefined) for (const listener of this.leadershipListeners) listener(leadership);
  }

  /**
   * One write to the log. As in Kafka the leader counts its own records as soon as they are written, and brings them to the disk
   * right after (`KafkaRaftClient.flushLeaderLog`); writes that come meanwhile share the next flush.
   */
  private write(bytes: Uint8Array, leaderEpoch: number): { baseOffset: number; lastOffset: number } {
    try {
      const result = this.log.appendAsLeader(bytes, { origin: 'raft', leaderEpoch });
      this.log.write();
      this.bytesSinceSnapshot += bytes.length;
      this.log.flush().catch((error: unknown) => this.failed(error));
      return result;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.failed(error);
      throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, error.message);
    }
  }

  private failed(error: unknown): void {
    if (this.closing) return;
    this.process({ kind: 'resign' });
    this.options.onFault(error);
  }

  private async learnQuorum(): Promise<void> {
    let quorum = this.state.quorum;
    let votersInLog = false;
    const { latest } = this.snapshots;
    if (latest !== undefined) {
      const inSnapshot = readSnapshot(this.snapshots.read(latest)).quorum;
      if (inSnapshot.kraftVersion > 0) quorum = inSnapshot;
      // A snapshot that came of the log stands for the log.
      votersInLog = latest.offset > 0 && inSnapshot.kraftVersion > 0;
    }
    for (let offset = latest?.offset ?? this.log.logStartOffset; offset < this.endOffset;) {
      const batches = await this.readBatches(offset, this.endOffset);
      this.bytesSinceSnapshot += batches.length;
      for (const at of batchesIn(batches)) {
        if (!batch.isControl(batches, at)) continue;
        for (const { key, value } of recordsIn(batches, at)) {
          const next = applyQuorumRecord(quorum, key, value);
          votersInLog ||= next.voters !== quorum.voters;
          quorum = next;
        }
      }
      offset = endOf(batches);
    }
    this.state = { ...this.state, quorum, votersInLog };
  }

  private snapshotChunk(): { chunk: LogChunk; nextOffset: number } | undefined {
    const { latest } = this.snapshots;
    if (latest === undefined) return undefined;
    const chunk = { batches: this.snapshots.read(latest), snapshot: { offset: latest.offset - 1, epoch: latest.epoch } };
    return { chunk, nextOffset: latest.offset };
  }

  /** Whole batches from `offset` on, in memory of their own. */
  private async readBatches(offset: number, limitOffset: number): Promise<Buffer> {
    const read = await this.log.read(offset, { maxBytes: READ_BYTES, minOneBatch: true, limitOffset });
    try {
      if (read.sizeBytes === 0) throw new Error(`the metadata log has nothing at offset ${offset}, below its end ${limitOffset}`);
      return Buffer.concat(read.buffers);
    } finally {
      read.release();
    }
  }

  private async writeSnapshot(image: MetadataImage, lastContainedLogTimestampMs: number): Promise<void> {
    const { host } = this.options;
    const id = { offset: image.offset + 1, epoch: image.epoch };
    if (id.offset <= (this.snapshots.latest?.offset ?? 0)) return;
    await this.log.flush();
    await this.snapshots.write(id, snapshotBatches({
      epoch: id.epoch, lastContainedLogTimestampMs, nowMs: host.clock.nowMs(), quorum: this.state.quorum,
      records: recordsOfImage(image), metadataVersion: image.features.metadataVersion,
    }), host.clock);
    host.logger.info('metadata snapshot written', { offset: id.offset, epoch: id.epoch, bytes: this.snapshots.sizeOf(id) });
    await this.clean();
  }

  /** Deletes snapshots that a newer one stands for, oldest first, while size or age is beyond its bound, and the log below. */
  private async clean(): Promise<void> {
    const { settings: { retentionBytes, retentionMs }, host } = this.options;
    for (;;) {
      const [oldest, next] = this.snapshots.all;
      if (oldest === undefined || next === undefined) return;
      const sizeBytes = this.log.sizeBytes + this.snapshots.all.reduce((sum, id) => sum + this.snapshots.sizeOf(id), 0);
      const ageMs = host.clock.nowMs() - readSnapshot(this.snapshots.read(oldest)).lastContainedLogTimestampMs;
      const tooLarge = retentionBytes >= 0 && sizeBytes > retentionBytes;
      const tooOld = retentionMs >= 0 && ageMs > retentionMs;
      if (!tooLarge && !tooOld) return;
      this.log.incrementLogStartOffset(next.offset, 'snapshot generated');
      this.log.applyRetention(host.clock.nowMs());
      await this.snapshots.remove(oldest);
    }
  }
}

/** A snapshot beyond the log stands for everything: a follower that had just taken it over stopped before it cut its log. */
async function startAtSnapshot(log: PartitionLog, snapshots: SnapshotStore): Promise<void> {
  const { latest } = snapshots;
  if (latest === undefined) return;
  const lastEpoch = log.latestEpoch ?? 0;
  if (log.logEndOffset === 0 ? latest.offset > 0 : latest.epoch > lastEpoch || latest.offset > log.logEndOffset) {
    await log.truncateFullyAndStartAt(latest.offset);
  }
}

function readElection({ host }: RaftOptions, directory: string): RaftState['election'] {
  try {
    return parseElectionState(host.disk.readFile(`${directory}/${QUORUM_STATE_FILE}`).toString('utf8'));
  } catch (error) {
    if (isAbsent(error)) return NO_ELECTION;
    throw error;
  }
}

function endOf(batches: Uint8Array): number {
  let end = 0;
  for (const at of batchesIn(batches)) end = batch.nextOffset(batches, at);
  return end;
}
