import type { Assignor } from './assignors/assignor.js';
import { rangeAssignor } from './assignors/range.js';
import { uniformAssignor } from './assignors/uniform.js';

/** What the group coordinator is told about its policies; read at each use, so an owner may change it under way. */
export interface GroupSettings {
  /** `group.min.session.timeout.ms` and `group.max.session.timeout.ms`: what a member may ask for. */
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  /** `group.max.size`: members of one group. */
  readonly maxGroupSize: number;
  /** `group.initial.rebalance.delay.ms`: how long an empty group waits for more members before its first generation. */
  readonly initialRebalanceDelayMs: number;
  /** `offset.metadata.max.bytes`: the longest text that may stand beside a committed offset. */
  readonly offsetMetadataMaxBytes: number;
  /** `offsets.retention.minutes`, in milliseconds. */
  readonly offsetsRetentionMs: number;
  /** `offsets.retention.check.interval.ms`: how often expired offsets are looked for. */
  readonly offsetsRetentionCheckIntervalMs: number;
  readonly consumer: ConsumerGroupSettings;
}

/** What concerns groups of the consumer protocol alone. Some settings a group may have for itself. */
export interface ConsumerGroupSettings {
  /** `group.consumer.max.size`: members of one group. */
  readonly maxSize: number;
  /** `group.consumer.assignors`: the first serves members that do not mind. */
  readonly assignors: readonly Assignor[];
  /** `group.consumer.migration.policy`: which ways a group may change its protocol while its members run. */
  readonly migration: MigrationPolicy;
  /** `group.consumer.regex.refresh.interval.ms`: how often regular expressions are resolved though no topics came. */
  readonly regexRefreshIntervalMs: number;
  /** `consumer.session.timeout.ms`: how long a member may be silent. */
  sessionTimeoutMs(groupId: string): number;
  /** `consumer.heartbeat.interval.ms`: how often members are told to be heard of. */
  heartbeatIntervalMs(groupId: string): number;
  /** `consumer.assignment.interval.ms`: least time between two targets. */
  assignmentIntervalMs(groupId: string): number;
}

/** Kafka's `ConsumerGroupMigrationPolicy`. With neither, members of the classic protocol may not join a consumer group. */
export interface MigrationPolicy {
  /** A classic group becomes one of the consumer protocol when a member of that comes. */
  readonly upgrade: boolean;
  /** A consumer group becomes classic when its last member of the consumer protocol goes. */
  readonly downgrade: boolean;
}

/** The assignors that there are; the default order of `group.consumer.assignors`. */
export const BUILT_IN_ASSIGNORS: readonly Assignor[] = [uniformAssignor, rangeAssignor];

/** Apache Kafka 4.3.1's defaults. */
export const DEFAULT_GROUP_SETTINGS: GroupSettings = {
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  maxGroupSize: 0x7fff_ffff,
  initialRebalanceDelayMs: 3_000,
  offsetMetadataMaxBytes: 4_096,
  offsetsRetentionMs: 7 * 24 * 60 * 60_000,
  offsetsRetentionCheckIntervalMs: 600_000,
  consumer: {
    maxSize: 0x7fff_ffff,
    assignors: BUILT_IN_ASSIGNORS,
    migration: { upgrade: true, downgrade: true },
    regexRefreshIntervalMs: 600_000,
    sessionTimeoutMs: () => 45_000,
    heartbeatIntervalMs: () => 5_000,
    assignmentIntervalMs: () => 1_000,
  },
};

/**
 * How long a new member may be parked in its first join. It has no member id yet, so it cannot send heartbeats, and its
 * connection is muted, so its end goes unseen (Kafka's `classicGroupNewMemberJoinTimeoutMs`, a constant there too).
 */
export const NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60_000;
