import { KafkaError } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { replyWith } from '../../runtime/machine.js';
import type { Effects, Moment, OpenTransaction, Reply, ReplyTo, TimerChange } from '../../runtime/machine.js';
import type { ClassicGroup } from './classic/group.js';
import type { ClusterTopics } from './cluster-topics.js';
import type { GroupRecord } from './records.js';
import type { GroupSettings } from './settings.js';

/** Mends soft state when the records of a step could not be written. */
export type Mend = (step: Step, errorCode: number) => void;

/**
 * One handler's run: the moment, the rules and the cluster that it runs under, and the effects that its transitions gather. Soft state is
 * changed on the spot; where that would be wrong without the step's records, a transition says how to mend it.
 */
export class Step {
  private readonly records: GroupRecord[] = [];
  private readonly replies: Reply[] = [];
  private readonly timers: TimerChange[] = [];
  private readonly mends: Mend[] = [];
  private isDivisible = false;
  private transaction: OpenTransaction | undefined;

  constructor(
    readonly at: Moment,
    readonly settings: GroupSettings,
    readonly cluster: ClusterTopics,
    /** Of the cluster when topics last came. */
    readonly newTopicsVersion: number,
    /** The machine's, for groups that change their protocol. */
    private readonly classicGroups: Map<string, ClassicGroup>,
  ) {}

  append(record: GroupRecord): void {
    this.records.push(record);
  }

  /** Each record is true by itself, so that they are written in as many batches as it takes. */
  divide(): void {
    this.isDivisible = true;
  }

  /** The step's records belong to this transaction. */
  inTransaction(transaction: OpenTransaction): void {
    this.transaction = transaction;
  }

  /** Answers with what holds whether or not the step's records can be written. */
  answer<Response>(to: ReplyTo<Response>, response: Response): void {
    this.replies.push(replyWith(to, response));
  }

  /** Answers with what depends on the step's records: without them it is `failed`. */
  answerOnceWritten<Response>(to: ReplyTo<Response>, response: Response, failed: (errorCode: number) => Response): void {
    this.answer(to, response);
    this.failUnwritten(to, failed);
  }

  /** If this step answers `to`, that depends on the step's records. */
  failUnwritten<Response>(to: ReplyTo<Response>, failed: (errorCode: number) => Response): void {
    this.ifNotWritten((_, errorCode) => {
      const index = this.replies.findIndex(reply => reply.to.id === to.id);
      if (index >= 0) this.replies[index] = replyWith(to, failed(errorCode));
    });
  }

  ifNotWritten(mend: Mend): void {
    this.mends.push(mend);
  }

  /** A group of another protocol is to live on as this one, whose records the step appends. */
  addClassicGroup(group: ClassicGroup): void {
    this.classicGroups.set(group.groupId, group);
    this.ifNotWritten(() => { this.classicGroups.delete(group.groupId); });
  }

  setTimer(key: string, delayMs: number): void {
    this.timers.push({ key, delayMs });
  }

  cancelTimer(key: string): void {
    this.timers.push({ key, delayMs: null });
  }

  effects(): Effects<GroupRecord> {
    const { records, replies, timers } = this;
    if (records.length === 0) return { records, replies, timers };
    return {
      records, replies, timers, divisible: this.isDivisible, ...(this.transaction && { transaction: this.transaction }),
      otherwise: (error, at) => this.withoutRecords(error, at),
    };
  }

  /** The timers and the answers stand, the answers that depended on the records are errors, and the rest is mended. */
  private withoutRecords(error: unknown, at: Moment): Effects<GroupRecord> {
    const errorCode = error instanceof KafkaError ? error.errorCode : ErrorCode.UNKNOWN_SERVER_ERROR;
    const instead = new Step(at, this.settings, this.cluster, this.newTopicsVersion, this.classicGroups);
    for (const mend of this.mends) mend(instead, errorCode);
    const effects = instead.effects();
    return { ...effects, replies: [...this.replies, ...effects.replies], timers: [...this.timers, ...effects.timers] };
  }
}
