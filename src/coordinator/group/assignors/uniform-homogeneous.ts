import type { GroupAssignment, GroupSpec, TopicDescriber } from './assignor.js';
import { Ownership } from './ownership.js';
import type { Place } from './ownership.js';

/**
 * All members subscribe to the same topics, so only numbers matter: each member is due the average, some one more, and keeps what
 * it has up to that. No two members differ by more than one, and no more partitions move than that asks for.
 *
 * @param group - with at least one member
 */
export function assignHomogeneous(group: GroupSpec, topics: TopicDescriber): GroupAssignment {
  const [first] = group.members.values();
  const ownership = new Ownership(group, [...first!.subscribedTopicIds], topics);
  ownership.keepAssigned();
  const places = ownership.unowned();
  const quotas = quotasOf(ownership);
  for (let member = 0; member < quotas.length; member++) {
    if (ownership.sizes[member]! > quotas[member]!) places.push(...ownership.trim(member, quotas[member]!));
  }
  deal(ownership, places, quotas);
  return ownership.toAssignment();
}

/** By member. One more than the average goes first to those who have it already, in order, and then to the last of the others. */
function quotasOf({ sizes, partitionCount }: Ownership): Int32Array {
  const least = Math.floor(partitionCount / sizes.length);
  let extras = partitionCount % sizes.length;
  const quotas = sizes.map(size => {
    if (size <= least || extras === 0) return least;
    extras--;
    return least + 1;
  });
  for (let member = quotas.length - 1; extras > 0; member--) {
    if (quotas[member] !== least) continue;
    quotas[member]!++;
    extras--;
  }
  return quotas;
}

/** Gives them to whoever lacks something, one member after the other, so that partitions of a topic stay together. */
function deal(ownership: Ownership, places: readonly Place[], quotas: Int32Array): void {
  let member = 0;
  for (const { topic, partition } of places) {
    while (ownership.sizes[member]! >= quotas[member]!) member++;
    ownership.give(topic, partition, member);
  }
}
