import type { LogSettings } from '../config/log-settings.js';
import type { AppendContext, AppendResult, PartitionLog } from '../log/index.js';
import { NO_LEADER } from '../metadata/image.js';
import type { PartitionImage } from '../metadata/types.js';
import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { Uuid } from '../protocol/wire/types.js';
import { hasEnoughInSync, highWatermark, lead, type LeaderState } from './partition-state.js';

/** Told when more of the partition can be read or acknowledged, or when it can no longer be read here at all. */
export interface Watcher {
  wake(): void;
}

/** One replica that this node holds: its log, and, while it leads, what it knows of the others. */
export class Partition {
  #leader: LeaderState | undefined;
  #image: PartitionImage;
  #isOffline = false;
  #log: PartitionLog;
  readonly #watchers = new Set<Watcher>();

  constructor(
    readonly topicId: Uuid,
    readonly topic: string,
    readonly index: number,
    log: PartitionLog,
    image: PartitionImage,
    readonly localId: number,
  ) {
    this.#log = log;
    this.#image = image;
    this.#listenTo(log);
  }

  get log(): PartitionLog {
    return this.#log;
  }

  /** The partition has moved to another directory (KIP-113): a copy that holds the same is its log from now on. */
  replaceLog(log: PartitionLog): void {
    this.#log = log;
    this.#listenTo(log);
    // What they know of the old one need not hold of this.
    if (!this.#advance()) this.wakeWatchers();
  }

  /** Epoch in which this node leads; undefined while it does not. */
  get leaderEpoch(): number | undefined {
    return this.#leader?.leaderEpoch;
  }

  get image(): PartitionImage {
    return this.#image;
  }

  /** Takes the role that the metadata gives this node. Returns true when a leadership began or ended. */
  changeTo(image: PartitionImage): boolean {
    this.#image = image;
    const before = this.#leader;
    if (image.leader !== this.localId) {
      this.#leader = undefined;
      this.wakeWatchers();
      return before !== undefined;
    }
    this.#leader = lead(this.localId, image, before);
    const began = before?.leaderEpoch !== image.leaderEpoch;
    if (began) this.log.assignEpochStart(image.leaderEpoch, this.log.logEndOffset);
    this.#advance();
    return began;
  }

  /** Ends the leadership, if there is one, whatever the metadata says. Returns true when there was one. */
  resign(): boolean {
    return this.changeTo({ ...this.#image, leader: NO_LEADER });
  }

  /** The directory of its log failed: it is not served here any more. Returns true when a leadership ended. */
  markOffline(): boolean {
    this.#isOffline = true;
    return this.resign();
  }

  /** What a client hears while this node does not lead: KAFKA_STORAGE_ERROR or NOT_LEADER_OR_FOLLOWER. */
  get refusal(): number {
    return this.#isOffline ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.NOT_LEADER_OR_FOLLOWER;
  }

  /** The topic's settings as they are now; fewer replicas that must be in sync may let the high watermark move. */
  updateSettings(settings: LogSettings): void {
    this.log.updateSettings(settings);
    this.#advance();
  }

  /**
   * Appends as the leader and moves the high watermark as far as it may go.
   * Throws NOT_LEADER_OR_FOLLOWER (also when the caller believes in another `inEpoch`), NOT_ENOUGH_REPLICAS (acks=all only),
   * and what the log refuses.
   */
  append(batches: Uint8Array, context: Omit<AppendContext, 'leaderEpoch'>, requiredAcks: number, inEpoch?: number): AppendResult {
    const leader = this.requireLeader();
    if (inEpoch !== undefined && inEpoch !== leader.leaderEpoch) {
      throw new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER, `epoch ${inEpoch} of ${this.topic}-${this.index} has passed`);
    }
    if (requiredAcks === -1 && !hasEnoughInSync(leader, this.log.settings.minInsyncReplicas)) {
      throw new KafkaError(ErrorCode.NOT_ENOUGH_REPLICAS, `${this.topic}-${this.index} has ${leader.isr.length} replicas in sync`);
    }
    const { origin, transactionVersion, guard } = context;
    // Field by field: a spread costs as much as all the rest here.
    const result = this.log.appendAsLeader(batches, { origin, leaderEpoch: leader.leaderEpoch, transactionVersion, guard });
    if (!result.duplicate) this.#advance();
    return result;
  }

  requireLeader(): LeaderState {
    if (this.#leader === undefined) {
      throw new KafkaError(this.refusal, `this broker does not lead ${this.topic}-${this.index}`);
    }
    return this.#leader;
  }

  /** Compares the epoch that a client believes in with ours (KIP-320); -1 asks for no check. */
  checkLeaderEpoch(clientEpoch: number): number {
    const epoch = this.#leader?.leaderEpoch;
    if (epoch === undefined) return this.refusal;
    if (clientEpoch === -1 || clientEpoch === epoch) return ErrorCode.NONE;
    return clientEpoch < epoch ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH;
  }

  watch(watcher: Watcher): void {
    this.#watchers.add(watcher);
  }

  unwatch(watcher: Watcher): void {
    this.#watchers.delete(watcher);
  }

  wakeWatchers(): void {
    for (const watcher of this.#watchers) watcher.wake();
  }

  #listenTo(log: PartitionLog): void {
    // Where other replicas hold the high watermark back, a produce that does not wait for them can go on nevertheless.
    log.onSafeEndMoved = () => { if (!this.#advance()) this.wakeWatchers(); };
  }

  /** Moves the high watermark as far as it may go. Returns true when it has, and those who watch were told. */
  #advance(): boolean {
    if (this.#leader === undefined) return false;
    const { log } = this;
    const next = highWatermark(this.#leader, log.highWatermark, log.safeEndOffset, log.settings.minInsyncReplicas);
    if (next <= log.highWatermark) return false;
    log.updateHighWatermark(next);
    this.wakeWatchers();
    return true;
  }
}
