// Values that make requests reach further than chance would, and those that chance must not find.

import { buildBatch } from '../../src/protocol/records/batch-builder.js';
import type { Value, Vocabulary } from '../codec/values.js';
import type { SeededRandom } from '../support/random.js';

/** What is there on the broker. */
export interface Known {
  readonly topics: readonly { readonly name: string; readonly id: string }[];
}

/** Of what waits as long as it is asked to. */
const SHORT_MS = 40;
/** Of what does its work at once, unless it has less time than that takes. */
const ENOUGH_MS = 10_000;
const WAITING: readonly string[] = ['Produce', 'Fetch', 'JoinGroup', 'SyncGroup', 'Heartbeat', 'ConsumerGroupHeartbeat'];
/** Ids of brokers that are not there: one that is must not be unregistered or fenced by chance. */
const NO_BROKER = 77;

/** Bounds what would keep the broker busy rather than try it: waits, and numbers of partitions. */
export function harmless(api: string, random: SeededRandom): Vocabulary {
  return (name, { meaning }) => {
    if (meaning === 'durationMs' || meaning === 'longDurationMs') return WAITING.includes(api) ? random.below(SHORT_MS) : ENOUGH_MS;
    if (name === 'numPartitions' || (api === 'CreatePartitions' && name === 'count')) return random.below(4) - 1;
    // What these are hides what else is wrong.
    if (name === 'isolationLevel') return random.below(2);
    if (name === 'replicaId') return -1;
    if (api === 'UnregisterBroker' && meaning === 'brokerId') return NO_BROKER;
    return undefined;
  };
}

/** Nothing that exists, and nothing that could be made: of requests so large that what they did would take long. */
export function futile(api: string, random: SeededRandom): Vocabulary {
  const bounded = harmless(api, random);
  return (name, type) => (name === 'numPartitions' ? 0 : bounded(name, type));
}

/** What mostly exists, or at least might. */
export function sensible(api: string, { topics }: Known, random: SeededRandom): Vocabulary {
  const bounded = harmless(api, random);
  const batch = (): Buffer => buildBatch({}, [{ timestampMs: 1_700_000_000_000, key: null, value: Buffer.from('fuzz') }]);
  const byName: Readonly<Record<string, () => Value>> = {
    replicationFactor: () => random.pick([1, -1]),
    acks: () => random.pick([1, -1]),
    resourceType: () => random.pick([2, 4, 8, 16, 32]),
    resourceName: () => random.pick([topics[0]!.name, '1', '', 'fuzz']),
    sessionId: () => 0,
    sessionEpoch: () => random.pick([-1, 0]),
    memberId: () => '',
    minBytes: () => 1,
    maxBytes: () => random.below(100_000),
    partitionMaxBytes: () => random.below(100_000),
    timestamp: () => random.pick([-1, -2, -3, -4, -5, 0, 1_700_000_000_000]),
    baseTimestamp: () => 0,
    transactionalId: () => null,
  };
  const byMeaning: Readonly<Record<string, () => Value>> = {
    // Topics that others are asked about stay.
    topicName: () => (api === 'DeleteTopics' ? 'gone' : random.pick(topics).name),
    topicId: () => (api === 'DeleteTopics' ? random.bytes(16).toString('base64url') : random.pick(topics).id),
    partition: () => random.below(3),
    brokerId: () => 1,
    leaderEpoch: () => random.pick([-1, 0, 1]),
    offset: () => random.pick([0, 1, -1, -2, 100]),
    producerId: () => random.pick([-1, 1]),
    producerEpoch: () => random.pick([-1, 0]),
    groupId: () => random.pick(['fuzz', 'fuzz-2']),
    records: batch,
    int8: () => random.pick([0, 1, 2, 3]),
  };
  return (name, type) => {
    const must = bounded(name, type);
    if (must !== undefined) return must;
    if (random.chance(6)) return undefined;
    return (byName[name] ?? byMeaning[type.meaning])?.();
  };
}
