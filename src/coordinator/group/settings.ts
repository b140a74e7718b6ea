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
}

/** Apache Kafka 4.3.1's defaults. */
export const DEFAULT_GROUP_SETTINGS: GroupSettings = {
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  maxGroupSize: 0x7fff_ffff,
  initialRebalanceDelayMs: 3_000,
  offsetMetadataMaxBytes: 4_096,
  offsetsRetentionMs: 7 * 24 * 60 * 60_000,
  offsetsRetentionCheckIntervalMs: 600_000,
};

/**
 * How long a new member may be parked in its first join. It has no member id yet, so it cannot send heartbeats, and its
 * connection is muted, so its end goes unseen (Kafka's `classicGroupNewMemberJoinTimeoutMs`, a constant there too).
 */
export const NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60_000;
