import { assert } from '../../../base/assert.js';
import { KafkaError, errorName } from '../../../protocol/errors.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import { consumerProtocolSubscriptionSchema } from '../../../protocol/generated/index.js';
import { ZERO_UUID } from '../../../protocol/wire/types.js';
import { Writer } from '../../../protocol/wire/writer.js';
import type { Effects, Moment, RecordPosition, ReplyTo } from '../../../runtime/machine.js';
import { joinError, syncError } from '../classic/answers.js';
import { ClassicGroup } from '../classic/group.js';
import { GroupMachine } from '../group-machine.js';
import { groupRecordCodec } from '../records.js';
import type { GroupRecord } from '../records.js';
import { DEFAULT_GROUP_SETTINGS } from '../settings.js';
import type { GroupSettings } from '../settings.js';
import { TestCluster } from './test-cluster.js';
import type { CommitRequest, CommitResult, HeartbeatResult, JoinRequest, JoinResult, LeaveResult, SyncRequest, SyncResult, TransactionalCommitRequest } from '../types.js';

/** One call: its answer, once there is one. */
export class Call<Response> {
  private answers: Response[] = [];

  constructor(readonly to: ReplyTo<Response>) {}

  deliver(response: unknown): void {
    assert(this.answers.length === 0, `call ${this.to.id} is answered twice`);
    this.answers.push(response as Response);
  }

  get isAnswered(): boolean {
    return this.answers.length > 0;
  }

  get answer(): Response {
    assert(this.isAnswered, `call ${this.to.id} is not answered`);
    return this.answers[0]!;
  }
}

const MEMBER_ID_BYTES = 16;

/** A record as bytes, or the marker that ends a transaction. */
export interface LogEntry {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** The record belongs to this producer's open transaction. */
  readonly producerId?: number;
  readonly marker?: { readonly producerId: number; readonly committed: boolean };
}

/**
 * Runs a group machine by hand: time stands still until `advance`, everything written is committed at once and goes through
 * the codec into a twin that only replays. After every step the twin must hold the same durable state as the machine.
 */
export class GroupDriver {
  machine: GroupMachine;
  nowMs = 1_000_000;
  /** What was written, as bytes. */
  readonly log: LogEntry[] = [];
  readonly written: GroupRecord[] = [];
  readonly timers = new Map<string, number>();
  /** The next write fails with this. */
  refuseWith: number = ErrorCode.NONE;
  readonly calls: Call<unknown>[] = [];
  private twin: GroupMachine;
  private nextMemberId = 1;
  readonly settings: GroupSettings;

  /** The cluster's topics, to be changed at will. */
  readonly cluster = new TestCluster();

  /** The most deletions that one step wrote. */
  largestBatchOfTombstones = 0;

  constructor(settings: Partial<GroupSettings> = {}, private readonly options = { hasTwin: true }) {
    this.settings = { ...DEFAULT_GROUP_SETTINGS, initialRebalanceDelayMs: 0, ...settings };
    this.machine = new GroupMachine(this.settings, () => this.cluster);
    this.twin = new GroupMachine(this.settings, () => this.cluster);
    this.apply(this.machine.activated(this.moment()));
  }

  /** `failed` makes an answer of an error that the machine throws, as the service does; without it the error is the caller's. */
  run<Response>(
    operation: (machine: GroupMachine, to: ReplyTo<Response>, at: Moment) => Effects<GroupRecord>, failed?: (errorCode: number) => Response,
  ): Call<Response> {
    const call = new Call<Response>({ id: this.calls.length });
    this.calls.push(call as Call<unknown>);
    try {
      this.apply(operation(this.machine, call.to, this.moment()));
    } catch (error) {
      if (failed === undefined || !(error instanceof KafkaError)) throw error;
      call.deliver(failed(error.errorCode));
    }
    return call;
  }

  /** Lets time pass; timers run in order. */
  advance(ms: number): void {
    const end = this.nowMs + ms;
    for (;;) {
      const due = [...this.timers].filter(([, at]) => at <= end).sort((a, b) => a[1] - b[1])[0];
      if (due === undefined) break;
      this.timers.delete(due[0]);
      this.nowMs = due[1];
      this.apply(this.machine.timerFired(due[0], this.moment()));
    }
    this.nowMs = end;
  }

  /** Another coordinator takes over: it has the log, and nothing else. */
  failOver(settings: Partial<GroupSettings> = {}): void {
    Object.assign(this.settings, settings);
    this.machine = this.replayed();
    this.timers.clear();
    this.apply(this.machine.activated(this.moment()));
  }

  group(groupId = 'g'): ClassicGroup {
    const group = this.machine.groups.get(groupId);
    assert(group !== undefined, `no group ${groupId}`);
    return group;
  }

  // The requests, with what a test leaves out

  join(request: Partial<JoinRequest> & { topics?: string[] } = {}): Call<JoinResult> {
    const { topics = ['t'], ...given } = request;
    const full: JoinRequest = {
      groupId: 'g', memberId: '', groupInstanceId: null, clientId: 'client', clientHost: '/127.0.0.1', sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000, protocolType: 'consumer', protocols: [{ name: 'range', metadata: subscription(topics) }],
      needsKnownMemberId: false, maySkipAssignment: false, ...given,
    };
    return this.run((machine, to, at) => machine.joinGroup(full, to, at), errorCode => joinError(errorCode, ''));
  }

  sync(member: Pick<JoinResult, 'generationId' | 'memberId'>, assignments: SyncRequest['assignments'] = [], request: Partial<SyncRequest> = {}): Call<SyncResult> {
    const { generationId, memberId } = member;
    const full: SyncRequest = {
      groupId: 'g', generationId, memberId, groupInstanceId: null, protocolType: null, protocolName: null, assignments, ...request,
    };
    return this.run((machine, to, at) => machine.syncGroup(full, to, at), syncError);
  }

  heartbeat(member: Pick<JoinResult, 'generationId' | 'memberId'>, groupInstanceId: string | null = null): string {
    const { generationId, memberId } = member;
    return name(this.run<HeartbeatResult>((machine, to, at) =>
      machine.heartbeat({ groupId: 'g', generationId, memberId, groupInstanceId }, to, at), errorCode => ({ errorCode })).answer);
  }

  leave(...members: { memberId: string; groupInstanceId?: string | null }[]): LeaveResult {
    const request = { groupId: 'g', members: members.map(member => ({ groupInstanceId: null, ...member })) };
    return this.run<LeaveResult>((machine, to, at) => machine.leaveGroup(request, to, at)).answer;
  }

  commit(request: Partial<CommitRequest> & { offset?: number; topic?: string; partition?: number; metadata?: string } = {}): string {
    const { offset = 7, topic = 't', partition = 0, metadata = '', ...given } = request;
    const partitions = [{
      partitionIndex: partition, committedOffset: offset, committedLeaderEpoch: 3, committedMetadata: metadata, commitTimestamp: -1,
    }];
    const full: CommitRequest = {
      groupId: 'g', generationId: -1, memberId: '', groupInstanceId: null, retentionTimeMs: -1, knowsGroupIdNotFound: true,
      topics: [{ topicId: ZERO_UUID, name: topic, partitions }], ...given,
    };
    const { topics } = this.run<CommitResult>((machine, to, at) => machine.commitOffsets(full, to, at)).answer;
    return name(topics[0]!.partitions[0]!);
  }

  /** Commits an offset as part of this producer's open transaction. */
  commitInTransaction(producerId: number, offset: number, request: Partial<TransactionalCommitRequest> & { topic?: string; partition?: number; metadata?: string } = {}): string {
    const { topic = 't', partition = 0, metadata = '', ...given } = request;
    const partitions = [{
      partitionIndex: partition, committedOffset: offset, committedLeaderEpoch: 3, committedMetadata: metadata, commitTimestamp: -1,
    }];
    const full: TransactionalCommitRequest = {
      groupId: 'g', generationId: -1, memberId: '', groupInstanceId: null, producerId, producerEpoch: 0,
      topics: [{ topicId: this.cluster.named(topic)?.id ?? ZERO_UUID, name: topic, partitions }], ...given,
    };
    const { topics } = this.run<CommitResult>((machine, to, at) => machine.commitOffsetsInTransaction(full, undefined, to, at)).answer;
    return name(topics[0]!.partitions[0]!);
  }

  endTransaction(producerId: number, committed: boolean): void {
    const marker = { producerId, committed };
    for (const machine of [this.machine, this.twin]) this.replayEntry(machine, { key: null, value: null, marker }, this.log.length);
    this.log.push({ key: null, value: null, marker });
    if (this.options.hasTwin) this.compareWithTwin();
  }

  /** What is committed for a partition; undefined when nothing is. */
  committed(topic = 't', partition = 0, groupId = 'g'): unknown {
    return this.machine.offsets.committed.get(groupId, topic, partition)?.offset;
  }

  /** A group with these many members, stable; the first leads. */
  stableGroup(size: number, request: Partial<JoinRequest> & { topics?: string[] } = {}): JoinResult[] {
    let joins: Call<JoinResult>[] = [];
    for (let index = 0; index < size; index++) {
      const joining = this.join(request);
      joins = [...joins.map(call => this.join({ ...request, memberId: call.answer.memberId })), joining];
    }
    const members = joins.map(call => call.answer);
    const leader = members.find(({ memberId, leader }) => memberId === leader)!;
    const assignments = members.map(({ memberId }) => ({ memberId, assignment: Buffer.from(`for ${memberId}`) }));
    for (const member of members) if (member !== leader) this.sync(member);
    this.sync(leader, assignments);
    return members;
  }

  // The runtime's part

  private moment(): Moment {
    return { nowMs: this.nowMs, monotonicMs: this.nowMs, nextOffset: this.log.length, newId: () => this.newId() };
  }

  private newId(): string {
    const bytes = Buffer.alloc(MEMBER_ID_BYTES);
    bytes.writeUInt32BE(this.nextMemberId++, MEMBER_ID_BYTES - 4);
    return bytes.toString('base64url');
  }

  private apply(effects: Effects<GroupRecord>): void {
    const { records, replies, timers, transaction, otherwise } = effects;
    if (records.length > 0 && this.refuseWith !== ErrorCode.NONE) {
      const error = new KafkaError(this.refuseWith);
      this.refuseWith = ErrorCode.NONE;
      assert(otherwise !== undefined, 'a write failed and nothing was said of what to do');
      return this.apply(otherwise(error, this.moment()));
    }
    for (const record of records) this.write(record, transaction?.producerId);
    for (const { key, delayMs } of timers) {
      if (delayMs === null) this.timers.delete(key);
      else this.timers.set(key, this.nowMs + delayMs);
    }
    for (const { to, response } of replies) this.calls[to.id]!.deliver(response);
    const tombstones = records.filter(({ value }) => value === null).length;
    this.largestBatchOfTombstones = Math.max(this.largestBatchOfTombstones, tombstones);
    if (records.length > 0 && this.options.hasTwin) this.compareWithTwin();
  }

  private compareWithTwin(): void {
    const [own, other] = [durableState(this.machine), durableState(this.twin)];
    assert(own === other, `the twin that only replays differs:\n${own}\n${other}`);
  }

  private write(record: GroupRecord, producerId = -1): void {
    const entry = { ...groupRecordCodec.encode(record), producerId };
    this.machine.replay(record, this.positionOf(entry, this.log.length));
    this.replayEntry(this.twin, entry, this.log.length);
    this.log.push(entry);
    this.written.push(record);
  }

  private replayed(): GroupMachine {
    const machine = new GroupMachine(this.settings, () => this.cluster);
    for (const [offset, entry] of this.log.entries()) this.replayEntry(machine, entry, offset);
    return machine;
  }

  private replayEntry(machine: GroupMachine, entry: LogEntry, offset: number): void {
    if (entry.marker !== undefined) machine.replayMarker(entry.marker);
    else machine.replay(groupRecordCodec.decode(entry.key, entry.value)!, this.positionOf(entry, offset));
  }

  private positionOf({ producerId = -1 }: LogEntry, offset: number): RecordPosition {
    return { offset, leaderEpoch: 1, timestampMs: this.nowMs, producerId, producerEpoch: -1 };
  }
}

/** The name of an answer's error code. */
export function name({ errorCode }: { errorCode: number }): string {
  return errorName(errorCode);
}

/** What a consumer sends when it joins. */
export function subscription(topics: string[], userData: Uint8Array | null = null): Uint8Array {
  const writer = new Writer();
  writer.int16(0);
  consumerProtocolSubscriptionSchema.encode(writer, { topics, userData }, 0);
  return Uint8Array.from(writer.toBuffer());
}

/** All that another replica must hold too. */
export function durableState(machine: GroupMachine): string {
  const sorted = (entries: Iterable<readonly unknown[]>): string[] => [...entries].map(entry => JSON.stringify(shape(entry))).sort();
  return JSON.stringify({
    groups: sorted(machine.recorded),
    consumerGroups: sorted([...machine.consumerGroups].map(([groupId, group]) =>
      [groupId, Object.entries(group).filter(([field]) => field !== 'refresh' && field !== 'awaitedJoins')])),
    offsets: sorted(machine.offsets.committed.all()),
    all: sorted(machine.offsets.all()),
  });
}

/** In one order of keys, and bytes of one kind. */
function shapeOf(value: object): unknown {
  return Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([key, field]) => [key, shape(field)]);
}

function shape(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return value.map(shape);
  if (value instanceof Map || value instanceof Set) return [...value].map(shape).map(part => JSON.stringify(part)).sort();
  return typeof value === 'object' && value !== null ? shapeOf(value) : value;
}
