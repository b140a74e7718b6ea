import { assert } from '../../../base/assert.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import type { ReplyTo } from '../../../runtime/machine.js';
import type { GroupMetadata } from '../records.js';
import type { JoinResult, MemberProtocol } from '../types.js';
import { ClassicMember } from './member.js';
import type { MemberTerms } from './member.js';
import { chooseProtocol } from './protocol-vote.js';
import { CONSUMER_PROTOCOL_TYPE, subscribedTopics } from './subscription.js';

/** Dead is what a group that does not exist is called; no group object is in it. */
export type ClassicState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable';

const PREVIOUS_STATES: Readonly<Record<ClassicState, readonly ClassicState[]>> = {
  Empty: ['PreparingRebalance'],
  PreparingRebalance: ['Stable', 'CompletingRebalance', 'Empty'],
  CompletingRebalance: ['PreparingRebalance'],
  Stable: ['CompletingRebalance'],
};

/** What is left of the time in which an empty group waits for more first members. */
export interface InitialDelay {
  /** The running part. */
  readonly delayMs: number;
  /** What may still be added when members keep coming. */
  readonly remainingMs: number;
}

/**
 * A group of the classic protocol as its coordinator lives it, after Kafka's `ClassicGroup`: all of it soft, built from the
 * last `GroupMetadataValue` when a coordinator takes over. Methods keep the group's own books (members, static ids, counts of
 * protocols and of parked joins); the transitions in the files beside decide.
 */
export class ClassicGroup {
  readonly kind = 'classic';
  state: ClassicState = 'Empty';
  previousState: ClassicState | null = null;
  stateTimestampMs: number;
  generationId = 0;
  /** Null: nobody has joined since the group is known; it only holds offsets. */
  protocolType: string | null = null;
  protocolName: string | null = null;
  leaderId: string | null = null;
  readonly members = new Map<string, ClassicMember>();
  /** Dynamic members that were given an id and have yet to join with it. */
  readonly pendingJoins = new Set<string>();
  /** Members of this generation whose sync is still to come. */
  readonly pendingSyncs = new Set<string>();
  /** Set while the first generation of an empty group is held back. */
  initialDelay: InitialDelay | null = null;
  newMemberAdded = false;
  /** Null when it cannot be told. */
  subscribedTopics: ReadonlySet<string> | null = null;
  private readonly staticMembers = new Map<string, string>();
  private readonly supporters = new Map<string, number>();
  private parkedJoins = 0;

  constructor(readonly groupId: string, nowMs: number) {
    this.stateTimestampMs = nowMs;
  }

  /** The group as its last record tells it. */
  static fromRecord(groupId: string, record: GroupMetadata): ClassicGroup {
    const group = new ClassicGroup(groupId, Number(record.currentStateTimestamp));
    for (const stored of record.members) {
      const { memberId, groupInstanceId, clientId, clientHost, sessionTimeout, rebalanceTimeout } = stored;
      const member = new ClassicMember({ memberId, groupInstanceId, clientId, clientHost }, {
        sessionTimeoutMs: sessionTimeout,
        rebalanceTimeoutMs: rebalanceTimeout === -1 ? sessionTimeout : rebalanceTimeout,
        protocols: [{ name: record.protocol ?? '', metadata: stored.subscription }],
      });
      member.assignment = stored.assignment;
      group.add(member, record.protocolType);
    }
    group.state = group.members.size === 0 ? 'Empty' : 'Stable';
    group.generationId = record.generation;
    group.protocolType = record.protocolType === '' ? null : record.protocolType;
    group.protocolName = record.protocol;
    group.leaderId = record.leader;
    group.refreshSubscribedTopics();
    return group;
  }

  /** A group of consumers that was of another protocol: in the middle of nothing, with all that its members hold. */
  static ofConsumers(groupId: string, generationId: number, members: readonly ClassicMember[], nowMs: number): ClassicGroup {
    const group = new ClassicGroup(groupId, nowMs);
    for (const member of members) group.add(member, CONSUMER_PROTOCOL_TYPE);
    group.state = 'Stable';
    group.generationId = generationId;
    group.protocolName = group.selectProtocol();
    group.refreshSubscribedTopics();
    return group;
  }

  isIn(...states: ClassicState[]): boolean {
    return states.includes(this.state);
  }

  canRebalance(): boolean {
    return PREVIOUS_STATES.PreparingRebalance.includes(this.state);
  }

  transitionTo(state: ClassicState, nowMs: number): void {
    assert(PREVIOUS_STATES[state].includes(this.state), `group ${this.groupId} cannot go from ${this.state} to ${state}`);
    this.previousState = this.state;
    this.state = state;
    this.stateTimestampMs = nowMs;
  }

  // Members

  isLeader(memberId: string): boolean {
    return this.leaderId === memberId;
  }

  staticMemberId(groupInstanceId: string): string | undefined {
    return this.staticMembers.get(groupInstanceId);
  }

  /** Takes in a new member; the first one gives the group its protocol type, and leads. */
  add(member: ClassicMember, protocolType: string): void {
    const { memberId, identity: { groupInstanceId } } = member;
    if (groupInstanceId !== null) this.staticMembers.set(groupInstanceId, memberId);
    if (this.members.size === 0) this.protocolType = protocolType;
    this.leaderId ??= memberId;
    this.members.set(memberId, member);
    this.countSupport(member, 1);
    this.pendingJoins.delete(memberId);
  }

  /** Forgets a member, pending or joined; leadership passes to the one that has been here longest. */
  remove(memberId: string): void {
    const member = this.members.get(memberId);
    if (member !== undefined) {
      this.members.delete(memberId);
      this.countSupport(member, -1);
      this.takeJoin(member);
      const { groupInstanceId } = member.identity;
      if (groupInstanceId !== null) this.staticMembers.delete(groupInstanceId);
    }
    if (this.isLeader(memberId)) this.leaderId = this.firstMemberId();
    this.pendingJoins.delete(memberId);
    this.pendingSyncs.delete(memberId);
  }

  /** A static member came back: its new id takes the place of the old one, with all that the old one had. */
  replaceStatic(old: ClassicMember, memberId: string): ClassicMember {
    const { groupInstanceId } = old.identity;
    assert(groupInstanceId !== null, `${old.memberId} is not a static member`);
    const member = new ClassicMember({ ...old.identity, memberId }, old.terms);
    member.assignment = old.assignment;
    this.members.delete(old.memberId);
    this.members.set(memberId, member);
    this.staticMembers.set(groupInstanceId, memberId);
    if (this.pendingSyncs.delete(old.memberId)) this.pendingSyncs.add(memberId);
    if (this.isLeader(old.memberId)) this.leaderId = memberId;
    return member;
  }

  setTerms(member: ClassicMember, terms: MemberTerms): void {
    this.countSupport(member, -1);
    member.terms = terms;
    this.countSupport(member, 1);
  }

  /** The longest that any member allows for a rebalance. */
  rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const { terms } of this.members.values()) longest = Math.max(longest, terms.rebalanceTimeoutMs);
    return longest;
  }

  /**
   * The error that a caller gets who claims to be this member: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID when another took over
   * its instance id, or NONE.
   */
  memberError(memberId: string, groupInstanceId: string | null): number {
    if (groupInstanceId !== null) {
      const current = this.staticMembers.get(groupInstanceId);
      if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
      if (current !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
    }
    return this.members.has(memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID;
  }

  // Parked joins

  get parkedJoinCount(): number {
    return this.parkedJoins;
  }

  /** Lets the member wait for the end of the rebalance; returns whom this displaces (the same member, asking again). */
  parkJoin(member: ClassicMember, to: ReplyTo<JoinResult>): ReplyTo<JoinResult> | null {
    const displaced = this.takeJoin(member);
    member.awaitingJoin = to;
    this.parkedJoins++;
    return displaced;
  }

  /** Ends the member's wait; returns whom to answer, if it waited. */
  takeJoin(member: ClassicMember): ReplyTo<JoinResult> | null {
    const to = member.awaitingJoin;
    if (to !== null) this.parkedJoins--;
    member.awaitingJoin = null;
    return to;
  }

  hasAllMembersJoined(): boolean {
    return this.parkedJoins === this.members.size && this.pendingJoins.size === 0;
  }

  /** Whether the leader rejoined, or else another who did could be made leader. */
  electJoinedLeader(): boolean {
    if (this.leaderId === null) return false;
    if (this.members.get(this.leaderId)?.awaitingJoin) return true;
    for (const member of this.members.values()) {
      if (member.awaitingJoin === null) continue;
      this.leaderId = member.memberId;
      return true;
    }
    return false;
  }

  // Protocols

  /** Whether somebody of this type, offering these protocols, could share the group with all who are in it. */
  supports(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (this.state === 'Empty') return protocolType !== '' && protocols.length > 0;
    if (this.protocolType !== protocolType) return false;
    return protocols.some(({ name }) => (this.supporters.get(name) ?? 0) === this.members.size);
  }

  /** The protocol that a next generation of the present members would use. */
  selectProtocol(): string {
    const all = this.members.size;
    const candidates = new Set([...this.supporters].filter(([, count]) => count === all).map(([name]) => name));
    return chooseProtocol([...this.members.values()].map(member => member.vote(candidates)));
  }

  /** Begins the next generation with those who are here: CompletingRebalance, or Empty when nobody is. */
  nextGeneration(nowMs: number): void {
    const isEmpty = this.members.size === 0;
    this.generationId++;
    this.protocolName = isEmpty ? null : this.selectProtocol();
    this.refreshSubscribedTopics();
    this.transitionTo(isEmpty ? 'Empty' : 'CompletingRebalance', nowMs);
    this.pendingSyncs.clear();
  }

  get usesConsumerProtocol(): boolean {
    return this.protocolType === CONSUMER_PROTOCOL_TYPE;
  }

  /** A group of consumers whose topics are not known is taken to subscribe to everything. */
  isSubscribedTo(topic: string): boolean {
    return this.subscribedTopics?.has(topic) ?? this.usesConsumerProtocol;
  }

  private refreshSubscribedTopics(): void {
    this.subscribedTopics = this.usesConsumerProtocol ? this.topicsOfMembers() : null;
  }

  private topicsOfMembers(): ReadonlySet<string> | null {
    if (this.members.size === 0) return new Set();
    if (this.protocolName === null) return null;
    return subscribedTopics([...this.members.values()].map(member => member.metadata(this.protocolName)));
  }

  private countSupport({ terms }: ClassicMember, by: 1 | -1): void {
    for (const { name } of terms.protocols) {
      const count = (this.supporters.get(name) ?? 0) + by;
      if (count === 0) this.supporters.delete(name);
      else this.supporters.set(name, count);
    }
  }

  private firstMemberId(): string | null {
    for (const memberId of this.members.keys()) return memberId;
    return null;
  }
}
