import { TimingWheel } from '../../../base/timing-wheel.js';
import { loadSettings, type Settings } from '../../../config/index.js';
import type { TransactionCoordinatorApi } from '../../../coordinator/transaction/types.js';
import { MemoryDisk } from '../../../env/memory/memory-disk.js';
import { NodeCompute } from '../../../env/node/compute.js';
import { NodeRandom, silentLogger } from '../../../env/node/index.js';
import { createLog, createLogHost } from '../../../log/index.js';
import { ManualClock, SETTINGS } from '../../../log/test-support.js';
import { EMPTY_IMAGE } from '../../../metadata/image.js';
import type { MetadataImage, PartitionImage, TopicImage } from '../../../metadata/types.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import { Partition } from '../../../replication/index.js';
import type { OperationCode, ResourceCode } from '../../context.js';
import { VerificationCounts } from '../../transactions/verification-counts.js';

const SOLE: PartitionImage = {
  replicas: [1], directories: [], isr: [1], eligibleLeaderReplicas: [], lastKnownElr: [], addingReplicas: [], removingReplicas: [],
  leader: 1, leaderEpoch: 0, partitionEpoch: 0, leaderRecoveryState: 0,
};

/** What a coordinator is asked of partitions, in the order in which it was asked. */
export interface Asked {
  readonly question: 'add' | 'verify';
  readonly producerEpoch: number;
  readonly partitions: readonly string[];
}

export function settingsWith(changed: Readonly<Record<string, string>>): Settings {
  const flags = Object.entries(changed).map(([name, text]) => ({ name, text, flag: '--set' }));
  return loadSettings({ dataDirectory: '/data', flags }).settings;
}

/** Partitions that this broker leads, in memory, and a transaction coordinator that says what the test wants. */
export class LedPartitions {
  readonly clock = new ManualClock();
  readonly wheel = new TimingWheel(this.clock);
  settings = settingsWith({});
  allowed: (operation: OperationCode, resource: ResourceCode, name: string) => boolean = () => true;
  readonly asked: Asked[] = [];
  readonly verifications = new VerificationCounts();
  /** The coordinator's answers, one after the other; the last one stays. */
  errorCodes: number[] = [ErrorCode.NONE];
  /** Runs when the coordinator is asked, before it answers. */
  meanwhile: () => void = () => undefined;
  private readonly partitions = new Map<string, Partition[]>();
  private readonly topics = new Map<string, TopicImage>();
  private readonly host = createLogHost({
    env: { disk: new MemoryDisk(() => this.clock.nowMs()), clock: this.clock, random: new NodeRandom(), logger: silentLogger },
    verifiesTransactions: () => this.settings.get('transaction.partition.verification.enable'),
  });

  addTopic(name: string, id: string, partitionCount = 1): void {
    const partitions = Array.from({ length: partitionCount }, (_, index) => {
      const log = createLog({ host: this.host, directory: `/data/${name}-${index}`, topic: name, partition: index, topicId: id, settings: SETTINGS });
      const partition = new Partition(id, name, index, log, SOLE, 1);
      partition.changeTo(SOLE);
      return partition;
    });
    this.partitions.set(id, partitions);
    this.topics.set(name, { name, id, partitions: partitions.map(() => SOLE) });
  }

  partition(name: string, index = 0): Partition {
    return this.partitions.get(this.topics.get(name)!.id)![index]!;
  }

  /** What handlers reach of a broker. */
  get services() {
    return {
      clock: this.clock, wheel: this.wheel,
      compute: new NodeCompute({ logger: silentLogger, onThisThread: true }),
      quotas: { limitProduce: false, produced: () => 0 },
      settings: () => this.settings,
      image: () => this.image(),
      transactions: this.transactions,
      verifications: this.verifications,
      authorizer: { allows: (_: unknown, operation: OperationCode, resource: ResourceCode, name: string) => this.allowed(operation, resource, name) },
      replicas: {
        findLeader: (topicId: string, index: number): Partition | number => {
          const partition = this.partitions.get(topicId)?.[index];
          if (partition === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
          return partition.leaderEpoch === undefined ? ErrorCode.NOT_LEADER_OR_FOLLOWER : partition;
        },
      },
    };
  }

  private readonly transactions: Pick<TransactionCoordinatorApi, 'addPartitions' | 'verifyPartitions'> = {
    addPartitions: async ({ producerEpoch, partitions }) => this.answer({ question: 'add', producerEpoch, partitions: namesOf(partitions) }),
    verifyPartitions: async ({ producerEpoch, partitions }) => {
      const errorCode = this.answer({ question: 'verify', producerEpoch, partitions: namesOf(partitions) });
      return partitions.map(partition => ({ ...partition, errorCode }));
    },
  };

  private answer(asked: Asked): number {
    this.asked.push(asked);
    this.meanwhile();
    return this.errorCodes.length > 1 ? this.errorCodes.shift()! : this.errorCodes[0]!;
  }

  private image(): MetadataImage {
    return { ...EMPTY_IMAGE, topicsByName: this.topics, topicsById: new Map([...this.topics.values()].map(topic => [topic.id, topic])) };
  }
}

function namesOf(partitions: readonly { topic: string; index: number }[]): string[] {
  return partitions.map(({ topic, index }) => `${topic}-${index}`);
}
