import { ConfigError, type GroupConfig, type Settings } from '../config/index.js';
import type { Assignor } from '../coordinator/group/assignors/assignor.js';
import { GroupMachine } from '../coordinator/group/group-machine.js';
import { groupRecordCodec, type GroupRecord } from '../coordinator/group/records.js';
import { GroupService } from '../coordinator/group/service.js';
import { BUILT_IN_ASSIGNORS, type ConsumerGroupSettings, type GroupSettings, type MigrationPolicy } from '../coordinator/group/settings.js';
import type { Env } from '../env/index.js';
import type { MetadataImage } from '../metadata/types.js';
import type { Loading, ReplicaManager } from '../replication/index.js';
import type { RuntimeSet } from '../runtime/runtime-set.js';
import type { CompressionType } from '../protocol/records/batch.js';
import { OFFSETS_TOPIC } from '../protocol/internal-topics.js';
import { ImageTopics } from './cluster-topics.js';
import { coordinatorRuntimes, stablePartitionCount } from './coordinator-runtimes.js';

export interface GroupCoordinatorOptions {
  readonly env: Env;
  readonly replicas: ReplicaManager;
  readonly readBudget: Loading['budget'];
  readonly settings: () => Settings;
  /** What holds for a group now, its own settings before the node's. */
  readonly groupConfigOf: (groupId: string) => GroupConfig;
  readonly image: () => MetadataImage;
  /** A coordinator serves, or has failed: whoever waits for that may look. */
  readonly onSettled: () => void;
}

/** The group machines over the partitions of `__consumer_offsets` that this node leads. */
export class GroupCoordinator {
  readonly service: GroupService;
  readonly runtimes: RuntimeSet<GroupMachine, GroupRecord>;

  constructor({ env, replicas, readBudget, settings, groupConfigOf, image, onSettled }: GroupCoordinatorOptions) {
    const groupSettings = groupSettingsOf(settings, groupConfigOf);
    const cluster = new ImageTopics(image);
    const partitionCount = stablePartitionCount(image, OFFSETS_TOPIC, () => settings().get('offsets.topic.num.partitions'));
    this.runtimes = coordinatorRuntimes<GroupMachine, GroupRecord>({
      name: 'group coordinator', topic: OFFSETS_TOPIC, env, logger: env.logger.child('groups'), replicas, readBudget, codec: groupRecordCodec,
      loadBytes: settings().get('offsets.load.buffer.size'),
      create: () => new GroupMachine(groupSettings, () => cluster),
      // Validated to be a codec's number.
      compression: () => settings().get('offsets.topic.compression.codec') as CompressionType,
      commitTimeoutMs: settings().get('offsets.commit.timeout.ms'),
      onSettled: () => {
        partitionCount();
        onSettled();
      },
    });
    this.service = new GroupService({
      runtimes: this.runtimes,
      settings: groupSettings,
      partitionCount,
    });
  }

  close(): void {
    this.runtimes.close();
  }
}

/** Read at each use, so that dynamic settings take effect. */
function groupSettingsOf(settings: () => Settings, groupConfigOf: (groupId: string) => GroupConfig): GroupSettings {
  const consumer = consumerGroupSettingsOf(settings, groupConfigOf);
  return {
    get minSessionTimeoutMs() { return settings().get('group.min.session.timeout.ms'); },
    get maxSessionTimeoutMs() { return settings().get('group.max.session.timeout.ms'); },
    get maxGroupSize() { return settings().get('group.max.size'); },
    get initialRebalanceDelayMs() { return settings().get('group.initial.rebalance.delay.ms'); },
    get offsetMetadataMaxBytes() { return settings().get('offset.metadata.max.bytes'); },
    get offsetsRetentionMs() { return settings().get('offsets.retention.minutes') * 60_000; },
    get offsetsRetentionCheckIntervalMs() { return settings().get('offsets.retention.check.interval.ms'); },
    consumer,
  };
}

function consumerGroupSettingsOf(settings: () => Settings, groupConfigOf: (groupId: string) => GroupConfig): ConsumerGroupSettings {
  return {
    assignors: settings().get('group.consumer.assignors').map(assignorNamed),
    get maxSize() { return settings().get('group.consumer.max.size'); },
    get migration() { return migrationPolicyOf(settings().get('group.consumer.migration.policy')); },
    get regexRefreshIntervalMs() { return settings().get('group.consumer.regex.refresh.interval.ms'); },
    sessionTimeoutMs: groupId => groupConfigOf(groupId).consumerSessionTimeoutMs,
    heartbeatIntervalMs: groupId => groupConfigOf(groupId).consumerHeartbeatIntervalMs,
    assignmentIntervalMs: groupId => groupConfigOf(groupId).consumerAssignmentIntervalMs,
  };
}

function migrationPolicyOf(policy: string): MigrationPolicy {
  const name = policy.toLowerCase();
  return { upgrade: name === 'upgrade' || name === 'bidirectional', downgrade: name === 'downgrade' || name === 'bidirectional' };
}

/** By its name, or by the class that implements it in Apache Kafka. */
function assignorNamed(wanted: string): Assignor {
  const assignor = BUILT_IN_ASSIGNORS.find(({ name }) => wanted === name || wanted === classNameOf(name));
  if (assignor !== undefined) return assignor;
  const known = BUILT_IN_ASSIGNORS.flatMap(({ name }) => [name, classNameOf(name)]);
  throw new ConfigError(`group.consumer.assignors names ${wanted}, which is none of ${known.join(', ')}`);
}

function classNameOf(name: string): string {
  return `org.apache.kafka.coordinator.group.assignor.${name.charAt(0).toUpperCase()}${name.slice(1)}Assignor`;
}
