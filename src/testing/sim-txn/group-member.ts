import { ErrorCode } from '../../protocol/generated/errors.js';
import { heartbeatApi, joinGroupApi, offsetFetchApi, syncGroupApi } from '../../protocol/generated/index.js';
import { holds } from './invariants.js';
import type { Link } from './link.js';
import { nameOf, type Place } from './producing.js';

const SESSION_MS = 2500;
const REBALANCE_MS = 2000;
const JOIN_TIMEOUT_MS = 9000;
const PROTOCOL = 'by turns';
const CONSUMER = 'consumer';

/** This member is none any more, or not in this generation. */
const JOIN_ANEW: ReadonlySet<number> = new Set([ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.ILLEGAL_GENERATION, ErrorCode.FENCED_INSTANCE_ID]);

export interface Membership {
  readonly memberId: string;
  /** Or the epoch of the member. */
  readonly generationId: number;
  readonly places: readonly Place[];
}

export interface Member {
  /** Forgets what it is, as a process that dies. */
  die(): void;
  /** The membership as it stands, after joining where that is needed; whether the positions are to be fetched anew. */
  joined(): Promise<{ membership: Membership; isNew: boolean }>;
  /** Where the group stands, once no transaction is open that would move it (KIP-447). */
  committed(places: readonly Place[]): Promise<Map<string, number>>;
}

/** A member of a group of the classic protocol, which the plan lets act, late at times: then the group has gone on without it. */
export class ClassicMember implements Member {
  private memberId = '';
  private membership: Membership | undefined;

  constructor(private readonly link: Link, readonly groupId: string, private readonly all: readonly Place[]) {}

  die(): void {
    this.memberId = '';
    this.membership = undefined;
  }

  async joined(): Promise<{ membership: Membership; isNew: boolean }> {
    if (this.membership !== undefined && await this.isCurrent(this.membership)) return { membership: this.membership, isNew: false };
    for (;;) {
      const membership = await this.join();
      if (membership !== undefined) return { membership: (this.membership = membership), isNew: true };
    }
  }

  committed(places: readonly Place[]): Promise<Map<string, number>> {
    return committedOffsets(this.link, this.groupId, places);
  }

  private async isCurrent({ memberId, generationId }: Membership): Promise<boolean> {
    const { errorCode } = await this.link.ask(heartbeatApi, { groupId: this.groupId, generationId, memberId }, 4, answer => answer.errorCode);
    if (errorCode === ErrorCode.NONE) return true;
    if (JOIN_ANEW.has(errorCode)) this.memberId = '';
    else holds(errorCode === ErrorCode.REBALANCE_IN_PROGRESS, 'answers', () => `${this.link.name} sent a heartbeat: error ${errorCode}`);
    this.membership = undefined;
    return false;
  }

  private async join(): Promise<Membership | undefined> {
    const { link, groupId } = this;
    const joined = await link.ask(joinGroupApi, {
      groupId, sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: REBALANCE_MS, memberId: this.memberId, protocolType: CONSUMER, protocols: [{ name: PROTOCOL, metadata: subscription() }],
    }, 6, answer => answer.errorCode, { timeoutMs: JOIN_TIMEOUT_MS });
    if (!this.goesOn(joined.errorCode, 'JoinGroup', joined.memberId)) return undefined;
    const { generationId, memberId, leader, members } = joined;
    const assignments = memberId === leader ? members.map((member, turn) => ({ memberId: member.memberId, assignment: assignmentOf(turn, members.length, this.all) })) : [];
    const { errorCode, assignment } = await link.ask(
      syncGroupApi, { groupId, generationId, memberId, protocolType: CONSUMER, protocolName: PROTOCOL, assignments }, 5, answer => answer.errorCode, { timeoutMs: JOIN_TIMEOUT_MS },
    );
    if (!this.goesOn(errorCode, 'SyncGroup', memberId)) return undefined;
    const names = Buffer.from(assignment).toString().split(' ');
    return { memberId, generationId, places: this.all.filter(place => names.includes(nameOf(place))) };
  }

  private goesOn(code: number, api: string, memberId: string): boolean {
    this.memberId = memberId;
    if (code === ErrorCode.NONE) return true;
    if (JOIN_ANEW.has(code)) this.memberId = '';
    else holds(code === ErrorCode.MEMBER_ID_REQUIRED || code === ErrorCode.REBALANCE_IN_PROGRESS, 'answers', () => `${this.link.name} asked ${api}: error ${code}`);
    return false;
  }
}

export async function committedOffsets(link: Link, groupId: string, places: readonly Place[]): Promise<Map<string, number>> {
  if (places.length === 0) return new Map();
  const { groups: [group] } = await link.ask(offsetFetchApi, {
    groups: [{ groupId, topics: places.map(({ topic, index }) => ({ name: topic, partitionIndexes: [index] })) }], requireStable: true,
  }, 8, answer => answer.groups[0]!.errorCode || Math.max(0, ...answer.groups[0]!.topics.map(({ partitions }) => partitions[0]!.errorCode)));
  holds(group!.errorCode === ErrorCode.NONE, 'answers', () => `${link.name} asked OffsetFetch: error ${group!.errorCode}`);
  return new Map(group!.topics.map(({ name, partitions: [partition] }) => {
    holds(partition!.errorCode === ErrorCode.NONE, 'answers', () => `${link.name} asked OffsetFetch of ${name}: error ${partition!.errorCode}`);
    return [`${name}-${partition!.partitionIndex}`, Math.max(0, Number(partition!.committedOffset))];
  }));
}

/** `ConsumerProtocolSubscription` version 0 of no topic: the members share out what they know of. */
const subscription = (): Buffer => Buffer.from([0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);

/** Names, which only these members read. */
function assignmentOf(turn: number, members: number, all: readonly Place[]): Buffer {
  return Buffer.from(all.filter((_, index) => index % members === turn).map(nameOf).join(' '));
}
