// The members of one classic group on one broker: what they know, and what they do.

import {
  consumerProtocolAssignmentSchema, consumerProtocolSubscriptionSchema, deleteGroupsApi, describeGroupsApi, heartbeatApi, joinGroupApi, leaveGroupApi, listGroupsApi,
  offsetCommitApi, offsetDeleteApi, offsetFetchApi, syncGroupApi,
  type JoinGroupResponse, type LeaveGroupRequestInput, type OffsetCommitRequestInput, type OffsetFetchRequestInput,
} from '../../../src/protocol/generated/index.js';
import { Writer } from '../../../src/protocol/wire/writer.js';
import type { Actor } from '../../lockstep/lockstep.js';
import type { Side } from '../../lockstep/side.js';

/** Longer than any test: nobody is thrown out by the clock who is not meant to be. */
const LONG_MS = 120_000;
const NEWEST_DESCRIBE = 6;
const NEWEST_LIST = 5;
/** Who looks and administers, and is no member. */
const ADMIN = 'admin';

const { NONE, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS, MEMBER_ID_REQUIRED, FENCED_INSTANCE_ID, GROUP_MAX_SIZE_REACHED } = {
  NONE: 0, UNKNOWN_MEMBER_ID: 25, REBALANCE_IN_PROGRESS: 27, MEMBER_ID_REQUIRED: 79, FENCED_INSTANCE_ID: 82, GROUP_MAX_SIZE_REACHED: 81,
};

/**
 * out: no member. named: was given an id, and has not joined with it. joined: in a generation, without an assignment.
 * settled: has its assignment. ghost: its process is gone, and the group does not know.
 */
export type Phase = 'out' | 'named' | 'joined' | 'settled' | 'ghost';

export interface Wish {
  /** Of JoinGroup; the other requests follow it. */
  readonly version: number;
  readonly instanceId: string | null;
  readonly protocolType: string;
  readonly protocols: readonly { readonly name: string; readonly topics: readonly string[] }[];
  readonly sessionTimeoutMs?: number;
  readonly rebalanceTimeoutMs?: number;
}

/** One member as it knows itself. */
export interface Member {
  readonly name: string;
  wish: Wish;
  phase: Phase;
  memberId: string;
  generationId: number;
  protocolType: string | null;
  protocolName: string | null;
  /** Members of the generation, for its leader. */
  led: readonly string[];
}

export interface Claims {
  readonly generationId?: number;
  readonly memberId?: string;
  readonly instanceId?: string | null;
}

interface Generation {
  readonly generationId: number;
  readonly leaderId: string;
  /** Who was told that they are in it, by id: whoever left and came back has another. */
  readonly told: Set<string>;
  /** Who led the one before; empty for nobody. */
  readonly formerLeaderId: string;
}

const NO_GENERATION = (): Generation => ({ generationId: -1, leaderId: '', told: new Set(), formerLeaderId: '' });

/** One classic group on one broker. */
export class Cast implements Actor {
  readonly members = new Map<string, Member>();
  private newest = NO_GENERATION();
  private readonly ids = new Map<string, string>();

  constructor(readonly side: Side) {}

  /** Who leads the newest generation, by name. */
  get leader(): string | undefined {
    return this.ids.get(this.newest.leaderId);
  }

  /** Whether the leader of the newest generation is the broker's free choice: the one before is not in it. It may be one who crashed. */
  get choseLeader(): boolean {
    const { told, formerLeaderId } = this.newest;
    return this.leader !== undefined && !told.has(formerLeaderId);
  }

  /** The members of the newest generation are gone. */
  forgetLeader(): void {
    this.newest = NO_GENERATION();
  }

  // Membership

  /** Asks to join, again or for the first time, with the id that the member has; `from` is the connection, if not the member's own. */
  async join(name: string, wish: Wish, from = name): Promise<void> {
    const member = this.enter(name, wish);
    const { side: { groupId } } = this;
    await this.side.park(from, joinGroupApi, {
      groupId, memberId: member.memberId, groupInstanceId: wish.instanceId, protocolType: wish.protocolType,
      sessionTimeoutMs: wish.sessionTimeoutMs ?? LONG_MS, rebalanceTimeoutMs: wish.rebalanceTimeoutMs ?? LONG_MS, reason: 'a test',
      protocols: wish.protocols.map(({ name: protocol, topics }) => ({ name: protocol, metadata: subscription(topics) })),
    }, wish.version, answer => this.hasJoined(member, answer));
  }

  /** Asks for the assignment; the leader brings everybody's. */
  async sync(name: string, claims: Claims & { protocolName?: string } = {}): Promise<void> {
    const member = this.member(name);
    const { generationId, memberId, protocolType, protocolName, led, wish } = member;
    await this.side.park(name, syncGroupApi, {
      groupId: this.side.groupId, generationId: claims.generationId ?? generationId, memberId: claims.memberId ?? memberId,
      groupInstanceId: claims.instanceId ?? wish.instanceId, protocolType, protocolName: claims.protocolName ?? protocolName,
      assignments: this.shared(led),
    }, Math.min(wish.version, 5), ({ errorCode }) => {
      if (errorCode === NONE) member.phase = 'settled';
      else if (claims.memberId === undefined && claims.instanceId === undefined) this.refused(member, errorCode);
    });
  }

  /** What the leader assigns: the first topic's partitions in turn, by the members' names. */
  private shared(led: readonly string[]): { memberId: string; assignment: Uint8Array }[] {
    const [topic = ''] = this.side.topics.keys();
    const byName = led.map(memberId => ({ memberId, name: this.ids.get(memberId) ?? 'somebody' })).sort((a, b) => a.name < b.name ? -1 : 1);
    return byName.map(({ memberId }, index) => ({ memberId, assignment: assignment(topic, index) }));
  }

  async beat(name: string, claims: Claims = {}): Promise<void> {
    const member = this.member(name);
    const answer = await this.side.ask(name, heartbeatApi, {
      groupId: this.side.groupId, generationId: claims.generationId ?? member.generationId, memberId: claims.memberId ?? member.memberId,
      groupInstanceId: claims.instanceId === undefined ? member.wish.instanceId : claims.instanceId,
    }, Math.min(member.wish.version, 4));
    if (claims.memberId === undefined && claims.instanceId === undefined) this.refused(member, answer?.errorCode ?? NONE);
  }

  /** Members leave together; whoever `by` is names them. */
  async leave(names: readonly string[], version: number, how: 'by id' | 'by instance' | 'by both' = 'by both', by = ADMIN): Promise<void> {
    const leaving = names.map(name => this.members.get(name));
    const members: NonNullable<LeaveGroupRequestInput['members']>[number][] = leaving.map(member => ({
      memberId: how === 'by instance' && member?.wish.instanceId ? '' : member?.memberId ?? 'a stranger',
      groupInstanceId: how === 'by id' ? null : member?.wish.instanceId ?? null,
      reason: 'a test',
    }));
    const answer = await this.side.ask(by, leaveGroupApi, { groupId: this.side.groupId, memberId: members[0]?.memberId ?? '', members }, version);
    for (const [index, member] of leaving.entries()) {
      const errorCode = version >= 3 ? answer?.members[index]?.errorCode : answer?.errorCode;
      if (member !== undefined && errorCode === NONE) this.gone(member);
    }
  }

  /** Everybody who may be in goes, and with them whoever leads. */
  async allLeave(): Promise<void> {
    await this.leave([...this.members.values()].filter(({ phase }) => phase !== 'out').map(({ name }) => name), 5);
    this.forgetLeader();
  }

  /** The member's process dies: its connections are cut, and nobody tells the group. */
  crash(name: string): void {
    this.side.hangUp(name);
    const member = this.member(name);
    if (member.phase !== 'out') member.phase = 'ghost';
  }

  // Offsets

  async commit(by: string | null, request: Omit<OffsetCommitRequestInput, 'groupId'>, version: number): Promise<void> {
    await this.side.ask(by ?? ADMIN, offsetCommitApi, { groupId: this.side.groupId, ...request }, version);
  }

  async fetch(topics: readonly { name: string; partitionIndexes: readonly number[] }[] | null, requireStable: boolean, version: number): Promise<void> {
    const named = topics?.map(topic => ({ ...topic, topicId: this.topicId(topic.name) })) ?? null;
    const request: OffsetFetchRequestInput = version >= 8
      ? { groups: [{ groupId: this.side.groupId, topics: named }], requireStable }
      : { groupId: this.side.groupId, topics: named, requireStable };
    await this.side.ask(ADMIN, offsetFetchApi, request, version);
  }

  async deleteOffsets(names: readonly string[], partitions: readonly number[]): Promise<void> {
    const topics = names.map(name => ({ name, partitions: partitions.map(partitionIndex => ({ partitionIndex })) }));
    await this.side.ask(ADMIN, offsetDeleteApi, { groupId: this.side.groupId, topics }, 0);
  }

  topicId(name: string): string {
    return this.side.topics.get(name) ?? 'zzzzzzzzzzzzzzzzzzzzzw';
  }

  // Groups

  async look(): Promise<{ seen: unknown; isOwing: boolean }> {
    const { groups } = await this.side.quietly(ADMIN, describeGroupsApi, { groups: [this.side.groupId] }, NEWEST_DESCRIBE);
    return { seen: groups, isOwing: this.isOwing(groups[0]!.groupState) };
  }

  /** Whether somebody waits whom a group in that state has to answer. */
  isOwing(groupState: string): boolean {
    const awaited = new Set(this.side.whoWaits().values());
    return (groupState !== 'PreparingRebalance' && awaited.has(joinGroupApi.name)) || (groupState !== 'CompletingRebalance' && awaited.has(syncGroupApi.name));
  }

  async describe(version: number): Promise<void> {
    await this.side.ask(ADMIN, describeGroupsApi, { groups: [this.side.groupId, 'no such group'], includeAuthorizedOperations: version >= 3 }, version);
  }

  /** What a list shows of this group: others are played meanwhile. */
  async list(statesFilter: readonly string[], typesFilter: readonly string[]): Promise<void> {
    const { groups, ...rest } = await this.side.quietly(ADMIN, listGroupsApi, { statesFilter, typesFilter }, NEWEST_LIST);
    this.side.keep(`listed by states ${statesFilter.join()} and types ${typesFilter.join()}`, { ...rest, groups: groups.filter(({ groupId }) => groupId === this.side.groupId) });
  }

  async remove(): Promise<void> {
    const answer = await this.side.ask(ADMIN, deleteGroupsApi, { groupsNames: [this.side.groupId] }, 2);
    if (answer?.results[0]?.errorCode === NONE) for (const member of this.members.values()) this.gone(member);
  }

  /** The group's state, unkept. */
  async state(): Promise<{ groupState: string; size: number }> {
    const { groups } = await this.side.quietly(ADMIN, describeGroupsApi, { groups: [this.side.groupId] }, NEWEST_DESCRIBE);
    return { groupState: groups[0]!.groupState, size: groups[0]!.members.length };
  }

  // What members know

  member(name: string): Member {
    const member = this.members.get(name);
    if (member === undefined) throw new Error(`nobody is called ${name}`);
    return member;
  }

  private enter(name: string, wish: Wish): Member {
    let member = this.members.get(name);
    if (member === undefined) {
      member = { name, wish, phase: 'out', memberId: '', generationId: -1, protocolType: null, protocolName: null, led: [] };
      this.members.set(name, member);
    }
    member.wish = wish;
    return member;
  }

  private hasJoined(member: Member, answer: JoinGroupResponse): void {
    if (answer.memberId !== '' && !this.ids.has(answer.memberId)) this.named(member, answer.memberId);
    if (answer.errorCode === NONE) {
      const { generationId, memberId, protocolType, protocolName, members } = answer;
      Object.assign(member, { generationId, memberId, protocolType: protocolType ?? member.wish.protocolType, protocolName, phase: 'joined' });
      member.led = members.map(({ memberId: id }) => id);
      this.noteGeneration(answer);
    } else if (answer.errorCode === MEMBER_ID_REQUIRED) {
      Object.assign(member, { memberId: answer.memberId, phase: 'named' });
    } else {
      this.refused(member, answer.errorCode);
    }
  }

  private noteGeneration({ generationId, leader, memberId }: JoinGroupResponse): void {
    // The group of a consumer protocol has no leader, and keeps its epoch as its generation when it becomes classic.
    if (generationId !== this.newest.generationId || this.newest.leaderId === '') this.newest = { generationId, leaderId: leader, told: new Set(), formerLeaderId: this.newest.leaderId };
    this.newest.told.add(memberId);
  }

  private named(member: Member, memberId: string): void {
    const earlier = [...this.ids.values()].filter(name => name === member.name).length;
    this.ids.set(memberId, member.name);
    this.side.alias(memberId, earlier === 0 ? member.name : `${member.name}, id ${earlier + 1}`);
  }

  private refused(member: Member, errorCode: number): void {
    if (errorCode === UNKNOWN_MEMBER_ID || errorCode === FENCED_INSTANCE_ID || errorCode === GROUP_MAX_SIZE_REACHED) this.gone(member);
    else if (errorCode === REBALANCE_IN_PROGRESS && member.phase === 'settled') member.phase = 'joined';
  }

  private gone(member: Member): void {
    Object.assign(member, { phase: 'out', memberId: '', generationId: -1, led: [] });
  }
}

function assignment(topic: string, partition: number): Uint8Array {
  const writer = new Writer();
  writer.int16(0);
  consumerProtocolAssignmentSchema.encode(writer, { assignedPartitions: [{ topic, partitions: [partition] }], userData: null }, 0);
  return Uint8Array.from(writer.toBuffer());
}

/** What a consumer sends with each protocol. */
function subscription(topics: readonly string[]): Uint8Array {
  const writer = new Writer();
  writer.int16(0);
  consumerProtocolSubscriptionSchema.encode(writer, { topics: [...topics], userData: null }, 0);
  return Uint8Array.from(writer.toBuffer());
}
