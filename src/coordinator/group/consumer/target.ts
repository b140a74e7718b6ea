import { javaMapOrder } from '../../../base/java-hash.js';
import type { Uuid } from '../../../protocol/wire/types.js';
import type { AssignedPartitions, Assignor, MemberSpec, TopicDescriber } from '../assignors/assignor.js';
import type { ClusterTopics } from '../cluster-topics.js';
import type { ConsumerGroupSettings } from '../settings.js';
import type { Step } from '../step.js';
import { NO_ASSIGNED } from './group.js';
import type { ConsumerGroup } from './group.js';
import type { ConsumerMember } from './member.js';
import { samePartitions } from './partition-epochs.js';
import { targetEpochRecord, targetRecord } from './records.js';
import { subscribedTopicIds } from './subscribed-topics.js';

/** What one member is to hold in the end, and the epoch that it was computed for. */
export interface MemberTarget {
  readonly epoch: number;
  readonly partitions: AssignedPartitions;
}

/** A group of which a member is about to change. */
export interface ChangingGroup {
  readonly group: ConsumerGroup;
  /** As it was; a new member's is empty. */
  readonly former: ConsumerMember;
  readonly member: ConsumerMember;
  /** As they will be. */
  readonly groupEpoch: number;
  readonly isHomogeneous: boolean;
}

/**
 * Computes a new target when the group's epoch asks for one and the last is old enough, and records what of it is new (Kafka's
 * `TargetAssignmentBuilder`). Else the last target stands: a later heartbeat gets the new one.
 * @throws AssignorError, which nobody can do anything about: it becomes UNKNOWN_SERVER_ERROR, and stands in the log.
 */
export function updateTarget(step: Step, change: ChangingGroup): MemberTarget {
  const { group, groupEpoch, member } = change;
  if (group.assignmentEpoch >= groupEpoch || !mayCompute(step, group)) return lastTarget(group, member);
  const specs = memberSpecs(change, step.cluster);
  const assignment = assignorFor(step.settings.consumer, change).assign({ members: specs, isHomogeneous: change.isHomogeneous }, describerOf(step.cluster));
  for (const memberId of specs.keys()) {
    const [before, after] = [group.target.get(memberId), assignment.get(memberId) ?? NO_ASSIGNED];
    if (before === undefined || !samePartitions(before, after)) step.append(targetRecord(group.groupId, memberId, after));
  }
  step.append(targetEpochRecord(group.groupId, groupEpoch, step.at.nowMs));
  return { epoch: groupEpoch, partitions: assignment.get(member.memberId) ?? NO_ASSIGNED };
}

function mayCompute({ at, settings }: Step, { groupId, assignmentTimestampMs }: ConsumerGroup): boolean {
  const intervalMs = settings.consumer.assignmentIntervalMs(groupId);
  return assignmentTimestampMs === 0 || intervalMs === 0 || at.nowMs >= assignmentTimestampMs + intervalMs;
}

/** A static member that comes back has the target of the one that it was. */
export function lastTarget(group: ConsumerGroup, { memberId, instanceId }: ConsumerMember): MemberTarget {
  const holder = instanceId === null ? memberId : group.staticMembers.get(instanceId);
  return { epoch: group.assignmentEpoch, partitions: group.targetOf(holder) };
}

function memberSpecs({ group, member, isHomogeneous }: ChangingGroup, cluster: ClusterTopics): Map<string, MemberSpec> {
  const replaced = member.instanceId === null ? undefined : group.staticMembers.get(member.instanceId);
  const shared = isHomogeneous ? subscribedTopicIds(member, group, cluster) : undefined;
  const specOf = (of: ConsumerMember, holder: string): MemberSpec => ({
    rackId: of.rackId, instanceId: of.instanceId, assigned: group.targetOf(holder),
    subscribedTopicIds: shared ?? subscribedTopicIds(of, group, cluster),
  });
  const specs = new Map<string, MemberSpec>();
  for (const [memberId, known] of group.members) if (memberId !== replaced) specs.set(memberId, specOf(known, memberId));
  specs.set(member.memberId, specOf(member, replaced ?? member.memberId));
  // Where assignors are free to choose, the members' order decides; Kafka has them in a hash map.
  return new Map(javaMapOrder([...specs.keys()]).map(memberId => [memberId, specs.get(memberId)!]));
}

function assignorFor({ assignors }: ConsumerGroupSettings, { group, former, member }: ChangingGroup): Assignor {
  const preferred = group.preferredAssignor(former, member);
  // A member may have asked for one that is not offered any more.
  return assignors.find(({ name }) => name === preferred) ?? assignors[0]!;
}

const NO_RACKS: ReadonlySet<string> = new Set();

function describerOf(cluster: ClusterTopics): TopicDescriber {
  return {
    partitionCount: (topicId: Uuid) => cluster.withId(topicId)?.partitionCount ?? -1,
    racksOf: (topicId: Uuid, partition: number) => {
      const racks = cluster.withId(topicId)?.racksOf(partition) ?? [];
      return racks.length === 0 ? NO_RACKS : new Set(racks);
    },
  };
}
