import { versionOf, writeAssignment } from '../classic/consumer-protocol.js';
import { ClassicGroup } from '../classic/group.js';
import { ClassicMember } from '../classic/member.js';
import { prepareRebalance, renewSession } from '../classic/rebalance.js';
import type { ClusterTopics } from '../cluster-topics.js';
import type { ConsumerGroup } from '../consumer/group.js';
import type { ConsumerMember } from '../consumer/member.js';
import { consumerGroupTombstones } from '../consumer/records.js';
import { cancelTimers, resumeMember } from '../consumer/timers.js';
import { groupMetadataRecord } from '../records.js';
import type { Step } from '../step.js';
import { timerKey } from '../timers.js';
import { toAssignment } from './partitions.js';

/** Who goes, and who comes in the place of a static member, the only one to go then. */
export interface Departure {
  readonly leaving: readonly ConsumerMember[];
  readonly joining: ConsumerMember | null;
}

/**
 * Whether the group is to become classic because these go: they are the last of the consumer protocol, and others stay (Kafka's
 * `validateOnlineDowngradeWithFencedMembers` and `validateOnlineDowngradeWithReplacedMember`).
 */
export function isToBeClassic({ settings }: Step, group: ConsumerGroup, departure: Departure): boolean {
  const { leaving: [first], joining } = departure;
  if (joining !== null && first?.classic !== null) return false;
  const staying = stayingMembers(group, departure);
  const size = staying.length + (joining === null ? 0 : 1);
  return size > 0 && staying.every(({ classic }) => classic !== null) && settings.consumer.migration.downgrade && size <= settings.maxGroupSize;
}

function stayingMembers({ members }: ConsumerGroup, { leaving }: Departure): ConsumerMember[] {
  const gone = new Set(leaving.map(({ memberId }) => memberId));
  return [...members.values()].filter(({ memberId }) => !gone.has(memberId));
}

/**
 * The group lives on as a classic one, in which every member is to work on what it would have held in the end (Kafka's
 * `convertToClassicGroup`). `rebalances`: that is not what they are to have any more.
 */
export function downgrade(step: Step, group: ConsumerGroup, departure: Departure, rebalances: boolean): void {
  appendTombstones(step, group, departure);
  const classic = asClassicGroup(step, group, departure);
  step.append(groupMetadataRecord(classic));
  step.addClassicGroup(classic);
  for (const memberId of group.members.keys()) cancelTimers(step, group, memberId);
  for (const member of classic.members.values()) renewSession(step, classic, member);
  step.ifNotWritten(instead => {
    instead.cancelTimer(timerKey('join', group.groupId));
    for (const memberId of [...classic.members.keys(), ...group.members.keys()]) resumeMember(instead, group, memberId);
  });
  if (rebalances) prepareRebalance(step, classic);
}

/** Whoever comes in another's place has records already, so these go in that one's stead. */
function appendTombstones(step: Step, group: ConsumerGroup, { leaving: [replaced], joining }: Departure): void {
  const memberIds = [...group.members.keys()].map(memberId => joining !== null && memberId === replaced?.memberId ? joining.memberId : memberId);
  for (const tombstone of consumerGroupTombstones(group, memberIds)) step.append(tombstone);
}

function asClassicGroup({ cluster, at }: Step, group: ConsumerGroup, departure: Departure): ClassicGroup {
  const { leaving, joining } = departure;
  const members = [...stayingMembers(group, departure), ...joining === null ? [] : [joining]].map(asClassicMember);
  const classic = ClassicGroup.ofConsumers(group.groupId, group.groupEpoch, members, at.nowMs);
  for (const member of members) {
    const holder = member.memberId === joining?.memberId ? leaving[0]!.memberId : member.memberId;
    member.assignment = assignmentOf(classic, member, group, holder, cluster);
  }
  return classic;
}

function asClassicMember({ memberId, instanceId, clientId, clientHost, rebalanceTimeoutMs, classic }: ConsumerMember): ClassicMember {
  const { sessionTimeoutMs, supportedProtocols } = classic!;
  return new ClassicMember({ memberId, groupInstanceId: instanceId, clientId, clientHost }, { sessionTimeoutMs, rebalanceTimeoutMs, protocols: supportedProtocols });
}

function assignmentOf({ protocolName }: ClassicGroup, member: ClassicMember, group: ConsumerGroup, holder: string, cluster: ClusterTopics): Uint8Array {
  return writeAssignment(toAssignment(group.targetOf(holder), cluster), versionOf(member.metadata(protocolName)));
}
