import type { Env } from '../env/index.js';
import { coordinatorRuntimeError } from '../coordinator/errors.js';
import type { MetadataImage } from '../metadata/types.js';
import type { Uuid } from '../protocol/wire/types.js';
import { PartitionReplicatedLog, type Loading, type Partition, type ReplicaManager } from '../replication/index.js';
import type { Machine } from '../runtime/machine.js';
import { RuntimeSet, type RuntimeSetOptions } from '../runtime/runtime-set.js';

export interface CoordinatorRuntimesOptions<M, Rec>
  extends Pick<RuntimeSetOptions<M, Rec>, 'name' | 'topic' | 'codec' | 'create' | 'compression' | 'commitTimeoutMs' | 'logger'> {
  readonly env: Pick<Env, 'clock' | 'random'>;
  readonly replicas: ReplicaManager;
  readonly readBudget: Loading['budget'];
  /** Read at once while a partition is loaded. */
  readonly loadBytes: number;
  /** The machine of a partition serves, or has failed. */
  readonly onSettled: (partition: number) => void;
}

/** The machines of a coordinator over the partitions of its topic that this node leads, as leaderships come and go. */
export function coordinatorRuntimes<M extends Machine<Rec>, Rec>(options: CoordinatorRuntimesOptions<M, Rec>): RuntimeSet<M, Rec> {
  const { env: { clock, random }, replicas, topic, onSettled } = options;
  const loading: Loading = { clock, readBytes: options.loadBytes, budget: options.readBudget };
  const led = new Map<number, Partition>();
  const runtimes = new RuntimeSet<M, Rec>({
    ...options, clock, random, errorFor: coordinatorRuntimeError,
    open: index => new PartitionReplicatedLog(led.get(index)!, loading),
  });
  replicas.onLeadership((partition, epoch) => {
    if (partition.topic !== topic) return;
    const { index } = partition;
    if (epoch === undefined) {
      runtimes.resigned(index);
      return;
    }
    // A topic that was made anew is another log.
    if (led.get(index) !== partition) runtimes.resigned(index);
    led.set(index, partition);
    void runtimes.elected(index, epoch).then(() => onSettled(index));
  });
  return runtimes;
}

/**
 * How many partitions of a coordinator's topic keys are spread over: as many as it had when that was first asked, for as long as the
 * process lives. Were they more at once, ids and groups would be looked for where nobody knows of them (Kafka's coordinators look
 * at their start).
 */
export function stablePartitionCount(image: () => MetadataImage, topicName: string, unlessCreated: () => number): () => number {
  let known: { readonly id: Uuid; readonly count: number } | undefined;
  return () => {
    const topic = image().topicsByName.get(topicName);
    if (topic === undefined) return unlessCreated();
    if (known?.id !== topic.id) known = { id: topic.id, count: topic.partitions.length };
    return known.count;
  };
}
