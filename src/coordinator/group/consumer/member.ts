import type { ConsumerGroupCurrentMemberAssignmentValueInput, ConsumerGroupMemberMetadataValueInput } from '../../../protocol/generated/index.js';
import type { MemberProtocol } from '../types.js';
import { fromRecord, NO_PARTITIONS, samePartitionEpochs, toRecord } from './partition-epochs.js';
import type { PartitionEpochs } from './partition-epochs.js';

/** Epochs that say that a member goes, for good or (static members) to come back. */
export const LEAVE_EPOCH = -1;
export const LEAVE_STATIC_EPOCH = -2;

export function isLeaving(memberEpoch: number): boolean {
  return memberEpoch === LEAVE_EPOCH || memberEpoch === LEAVE_STATIC_EPOCH;
}

/**
 * How far a member has come towards its target. stable: it holds it. unrevoked: it has yet to give partitions back.
 * unreleased: it waits for others to do so. unknown: a newer version wrote a state that this one does not know.
 */
export type MemberState = 'stable' | 'unrevoked' | 'unreleased' | 'unknown';

const STATE_NUMBERS: Readonly<Record<MemberState, number>> = { stable: 0, unrevoked: 1, unreleased: 2, unknown: 127 };

/** What is kept of a member that speaks the classic protocol. */
export interface ClassicTerms {
  readonly sessionTimeoutMs: number;
  /** Most wanted first. */
  readonly supportedProtocols: readonly MemberProtocol[];
}

/** What a member says of itself: a `ConsumerGroupMemberMetadataValue`. */
interface Subscription {
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly rebalanceTimeoutMs: number;
  readonly clientId: string;
  readonly clientHost: string;
  readonly subscribedTopicNames: ReadonlySet<string>;
  /** Empty: none. */
  readonly subscribedTopicRegex: string;
  /** Null: whichever the coordinator prefers. */
  readonly serverAssignor: string | null;
  /** Set for a member that speaks the classic protocol. */
  readonly classic: ClassicTerms | null;
}

/** What a member holds: a `ConsumerGroupCurrentMemberAssignmentValue`. */
interface Holding {
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly state: MemberState;
  readonly assigned: PartitionEpochs;
  readonly pendingRevocation: PartitionEpochs;
}

/** A member of a consumer group; immutable. After Kafka's `ConsumerGroupMember`. */
export interface ConsumerMember extends Subscription, Holding {
  readonly memberId: string;
}

export function newMember(memberId: string): ConsumerMember {
  return {
    memberId, instanceId: null, rackId: null, rebalanceTimeoutMs: -1, clientId: '', clientHost: '', subscribedTopicNames: new Set(),
    subscribedTopicRegex: '', serverAssignor: null, classic: null,
    memberEpoch: 0, previousMemberEpoch: -1, state: 'stable', assigned: NO_PARTITIONS, pendingRevocation: NO_PARTITIONS,
  };
}

/** The member in a new epoch; which one it comes from is remembered, for an answer that tells of the new one may be lost. */
export function inEpoch(member: ConsumerMember, memberEpoch: number, holding: Partial<Holding>): ConsumerMember {
  return { ...member, memberEpoch, previousMemberEpoch: member.memberEpoch, ...holding };
}

export function isReconciledTo({ state, memberEpoch }: ConsumerMember, targetEpoch: number): boolean {
  return state === 'stable' && memberEpoch === targetEpoch;
}

export function sameNames(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && [...one].every(name => other.has(name));
}

export function sameSubscription(one: Subscription, other: Subscription): boolean {
  return one.instanceId === other.instanceId && one.rackId === other.rackId && one.rebalanceTimeoutMs === other.rebalanceTimeoutMs &&
    one.clientId === other.clientId && one.clientHost === other.clientHost && one.subscribedTopicRegex === other.subscribedTopicRegex &&
    one.serverAssignor === other.serverAssignor && sameClassicTerms(one.classic, other.classic) &&
    sameNames(one.subscribedTopicNames, other.subscribedTopicNames);
}

function sameClassicTerms(one: ClassicTerms | null, other: ClassicTerms | null): boolean {
  if (one === null || other === null) return one === other;
  const [own, others] = [one.supportedProtocols, other.supportedProtocols];
  return one.sessionTimeoutMs === other.sessionTimeoutMs && own.length === others.length && own.every(({ name, metadata }, index) =>
    name === others[index]!.name && Buffer.compare(metadata, others[index]!.metadata) === 0);
}

export function sameHolding(one: Holding, other: Holding): boolean {
  return one.memberEpoch === other.memberEpoch && one.previousMemberEpoch === other.previousMemberEpoch && one.state === other.state &&
    samePartitionEpochs(one.assigned, other.assigned) && samePartitionEpochs(one.pendingRevocation, other.pendingRevocation);
}

// As records tell it

export type SubscriptionRecord = ConsumerGroupMemberMetadataValueInput;
export type HoldingRecord = ConsumerGroupCurrentMemberAssignmentValueInput;

export function subscriptionToRecord(member: Subscription): SubscriptionRecord {
  const { instanceId, rackId, clientId, clientHost, subscribedTopicNames, subscribedTopicRegex, rebalanceTimeoutMs, serverAssignor, classic } = member;
  return {
    instanceId, rackId, clientId, clientHost, subscribedTopicRegex, rebalanceTimeoutMs, serverAssignor,
    subscribedTopicNames: [...subscribedTopicNames].sort(), classicMemberMetadata: classic,
  };
}

export function subscriptionFromRecord(record: SubscriptionRecord): Subscription {
  const { instanceId, rackId, clientId, clientHost, subscribedTopicNames, subscribedTopicRegex, rebalanceTimeoutMs = -1, serverAssignor } = record;
  return {
    instanceId, rackId, clientId, clientHost, rebalanceTimeoutMs, serverAssignor,
    subscribedTopicNames: new Set(subscribedTopicNames), subscribedTopicRegex: subscribedTopicRegex ?? '', classic: record.classicMemberMetadata,
  };
}

export function holdingToRecord({ memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation }: Holding): HoldingRecord {
  return {
    memberEpoch, previousMemberEpoch, state: STATE_NUMBERS[state], assignedPartitions: toRecord(assigned), partitionsPendingRevocation: toRecord(pendingRevocation),
  };
}

export function holdingFromRecord({ memberEpoch, previousMemberEpoch, state, assignedPartitions, partitionsPendingRevocation }: HoldingRecord): Holding {
  return {
    memberEpoch, previousMemberEpoch, state: stateOf(state),
    assigned: fromRecord(assignedPartitions, memberEpoch), pendingRevocation: fromRecord(partitionsPendingRevocation, memberEpoch),
  };
}

function stateOf(stored: number): MemberState {
  for (const [state, number] of Object.entries(STATE_NUMBERS)) if (number === stored) return state as MemberState;
  return 'unknown';
}
