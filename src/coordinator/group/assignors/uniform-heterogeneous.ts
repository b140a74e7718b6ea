import type { Uuid } from '../../../protocol/wire/types.js';
import type { GroupAssignment, GroupSpec, TopicDescriber } from './assignor.js';
import { LoadOrder } from './load-order.js';
import { NOBODY, Ownership, partitionCountOf } from './ownership.js';

/**
 * How often the topics are gone through at most. Members with the same subscriptions are level after one round; where subscriptions
 * overlap in chains a round about halves what is uneven.
 */
const MAX_ROUNDS = 16;

interface Topic {
  readonly topicId: Uuid;
  readonly partitionCount: number;
  /** Indexes of members, ascending. */
  readonly subscribers: number[];
}

/**
 * Members subscribe to different topics. They keep what they have, what nobody has goes topic by topic to the least loaded
 * subscribers, and then partitions move from the most to the least loaded subscribers of a topic, round after round, until no topic
 * can be made more even.
 *
 * Subscribers of a topic differ by one at the end when they subscribe to the same topics. With subscriptions that overlap
 * otherwise each topic is even for itself, but a chain of topics can still hide a difference of a few, as in Kafka.
 */
export function assignHeterogeneous(group: GroupSpec, describer: TopicDescriber): GroupAssignment {
  const topics = hardestFirst(subscribedTopics(group, describer));
  const ownership = new Ownership(group, topics.map(({ topicId }) => topicId), describer);
  ownership.keepAssigned();
  for (const [topic, { subscribers }] of topics.entries()) dealUnowned(ownership, topic, subscribers);
  balance(ownership, topics);
  return ownership.toAssignment();
}

/** @throws AssignorError when one of them does not exist. */
function subscribedTopics(group: GroupSpec, describer: TopicDescriber): Topic[] {
  const topics = new Map<Uuid, Topic>();
  let member = 0;
  for (const { subscribedTopicIds } of group.members.values()) {
    for (const topicId of subscribedTopicIds) {
      const topic = topics.get(topicId);
      if (topic === undefined) topics.set(topicId, { topicId, partitionCount: partitionCountOf(topicId, describer), subscribers: [member] });
      else topic.subscribers.push(member);
    }
    member++;
  }
  return [...topics.values()];
}

/** Most partitions for each subscriber first, then fewest subscribers: what comes later can still make up for what comes first. */
function hardestFirst(topics: Topic[]): Topic[] {
  const load = ({ partitionCount, subscribers }: Topic): number => partitionCount / subscribers.length;
  return topics.sort((one, other) =>
    load(other) - load(one) || one.subscribers.length - other.subscribers.length || (one.topicId < other.topicId ? -1 : 1));
}

function dealUnowned(ownership: Ownership, topic: number, subscribers: readonly number[]): void {
  const owners = ownership.owners[topic]!;
  let partition = owners.indexOf(NOBODY);
  if (partition < 0) return;
  const order = new LoadOrder(subscribers, ownership.sizes);
  for (; partition < owners.length; partition++) {
    if (owners[partition] === NOBODY) ownership.give(topic, partition, order.takeLightest());
  }
}

/** Evens out topic after topic, until as many in a row as there are needed nothing since one was changed. */
function balance(ownership: Ownership, topics: readonly Topic[]): void {
  const movable = topics.flatMap(({ subscribers }, topic) => subscribers.length > 1 ? [{ topic, subscribers }] : []);
  let settled = 0;
  for (let turn = 0; settled < movable.length && turn < MAX_ROUNDS * movable.length; turn++) {
    const { topic, subscribers } = movable[turn % movable.length]!;
    settled = balanceTopic(ownership, topic, subscribers) ? 1 : settled + 1;
  }
}

/** @returns whether a partition has moved */
function balanceTopic(ownership: Ownership, topic: number, subscribers: readonly number[]): boolean {
  if (isEven(ownership.sizes, subscribers)) return false;
  const partitionsOf = partitionsByOwner(ownership.owners[topic]!);
  const order = new LoadOrder(subscribers, ownership.sizes);
  let hasMoved = false;
  for (;;) {
    const partition = takeFromHeaviest(order, partitionsOf);
    if (partition === undefined) return hasMoved;
    const lightest = order.takeLightest();
    if (order.isLevel) return hasMoved;
    ownership.release(topic, partition);
    ownership.give(topic, partition, lightest);
    hasMoved = true;
  }
}

/** Whether no two of them differ by more than one. */
function isEven(sizes: Int32Array, members: readonly number[]): boolean {
  let least = sizes[members[0]!]!;
  let most = least;
  for (const member of members) {
    const size = sizes[member]!;
    if (size < least) least = size;
    else if (size > most) most = size;
  }
  return most - least <= 1;
}

function partitionsByOwner(owners: Int32Array): Map<number, number[]> {
  const partitionsOf = new Map<number, number[]>();
  for (let partition = 0; partition < owners.length; partition++) {
    const partitions = partitionsOf.get(owners[partition]!);
    if (partitions === undefined) partitionsOf.set(owners[partition]!, [partition]);
    else partitions.push(partition);
  }
  return partitionsOf;
}

/** The last partition that the most loaded member had of the topic at first; `undefined` when all have given theirs. */
function takeFromHeaviest(order: LoadOrder, partitionsOf: ReadonlyMap<number, number[]>): number | undefined {
  for (let member = order.takeHeaviest(); member !== undefined; member = order.takeHeaviest()) {
    const partition = partitionsOf.get(member)?.pop();
    if (partition !== undefined) return partition;
    order.dropHeaviest();
  }
  return undefined;
}
