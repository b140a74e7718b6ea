import { assert } from '../../../base/assert.js';
import { errorName } from '../../../protocol/errors.js';
import { consumerProtocolSubscriptionSchema } from '../../../protocol/generated/index.js';
import { Writer } from '../../../protocol/wire/writer.js';
import { readAssignment, readSubscription, writeAssignment } from '../classic/consumer-protocol.js';
import type { ConsumerGroupHeartbeatResult, JoinResult, SyncResult } from '../types.js';
import type { ConsumerDriver } from './consumer-driver.js';
import type { Call } from './group-driver.js';

/** Partitions as `topic-3`. */
export type Owned = ReadonlySet<string>;

export interface ClientTerms {
  readonly name: string;
  readonly instanceId: string | null;
  readonly topics: readonly string[];
}

const VERSION = 3;

/** What a classic consumer says when it joins; one that rebalances eagerly owns nothing then. */
export function subscriptionOf(topics: readonly string[], ownedPartitions: readonly { topic: string; partitions: number[] }[] = []): Uint8Array {
  const writer = new Writer();
  writer.int16(VERSION);
  consumerProtocolSubscriptionSchema.encode(writer, { topics: [...topics], userData: null, ownedPartitions, generationId: -1, rackId: null }, VERSION);
  return Uint8Array.from(writer.toBuffer());
}

/** What an assignment gives. */
export function ownedFrom(assignment: Uint8Array): Owned {
  const owned = assignment.length === 0 ? [] : readAssignment(assignment).assignedPartitions;
  return new Set(owned.flatMap(({ topic, partitions }) => partitions.map(partition => `${topic}-${partition}`)));
}

/** A consumer of either protocol, as its client library behaves: one `poll`, one thing done. */
export interface GroupClient {
  readonly terms: ClientTerms;
  readonly protocol: 'classic' | 'consumer';
  readonly memberId: string;
  /** Its generation or its epoch. */
  readonly epoch: number;
  readonly owned: Owned;
  /** Whether it has no hope any more, such as when another took its instance id. */
  readonly hasGivenUp: boolean;
  poll(): void;
  leave(): void;
  /** Who waits for an answer has to ask the next coordinator. */
  coordinatorLost(): void;
}

/** A consumer of the classic protocol that gives back all that it owns before it joins again. When it leads it deals partitions out in turn. */
export class ClassicClient implements GroupClient {
  readonly protocol = 'classic';
  memberId = '';
  epoch = -1;
  owned: Owned = new Set();
  hasGivenUp = false;
  private joining: Call<JoinResult> | null = null;
  private syncing: Call<SyncResult> | null = null;
  private isStable = false;

  constructor(private readonly driver: ConsumerDriver, readonly terms: ClientTerms) {}

  poll(): void {
    if (this.hasGivenUp) return;
    const { joining, syncing } = this;
    if (joining?.isAnswered) {
      this.joining = null;
      this.hasJoined(joining.answer);
    } else if (syncing?.isAnswered) {
      this.syncing = null;
      this.hasSynced(syncing.answer);
    } else if (joining === null && syncing === null) {
      if (this.isStable) this.beat();
      else this.join();
    }
  }

  coordinatorLost(): void {
    this.joining = null;
    this.syncing = null;
  }

  leave(): void {
    const { memberId, terms: { instanceId } } = this;
    if (memberId !== '') this.driver.leave({ memberId, groupInstanceId: instanceId });
    this.reset('');
    this.hasGivenUp = true;
  }

  private join(): void {
    const { instanceId, topics } = this.terms;
    this.owned = new Set();
    const protocols = [{ name: 'range', metadata: subscriptionOf(topics) }];
    this.joining = this.driver.join({ memberId: this.memberId, groupInstanceId: instanceId, protocols, needsKnownMemberId: instanceId === null });
  }

  private hasJoined(result: JoinResult): void {
    if (this.failed(result.errorCode, result.memberId)) return;
    this.memberId = result.memberId;
    this.epoch = result.generationId;
    const assignments = result.leader === this.memberId ? this.assign(result.members) : [];
    const { protocolType, protocolName } = result;
    this.syncing = this.driver.sync({ memberId: this.memberId, generationId: this.epoch }, assignments, { groupInstanceId: this.terms.instanceId, protocolType, protocolName });
  }

  private hasSynced({ errorCode, assignment }: SyncResult): void {
    if (this.failed(errorCode)) return;
    this.owned = ownedFrom(assignment);
    this.isStable = true;
  }

  private beat(): void {
    const error = this.driver.heartbeat({ memberId: this.memberId, generationId: this.epoch }, this.terms.instanceId);
    if (error === 'REBALANCE_IN_PROGRESS') this.isStable = false;
    else this.failedBy(error);
  }

  private failed(errorCode: number, memberId = this.memberId): boolean {
    return this.failedBy(errorName(errorCode), memberId);
  }

  private failedBy(error: string, memberId = this.memberId): boolean {
    switch (error) {
      case 'NONE': return false;
      case 'MEMBER_ID_REQUIRED': this.reset(memberId); break;
      case 'UNKNOWN_MEMBER_ID': this.reset(''); break;
      case 'ILLEGAL_GENERATION': this.reset(this.memberId); break;
      case 'REBALANCE_IN_PROGRESS': case 'COORDINATOR_NOT_AVAILABLE': case 'GROUP_MAX_SIZE_REACHED': this.isStable = false; break;
      case 'FENCED_INSTANCE_ID': case 'INCONSISTENT_GROUP_PROTOCOL': this.reset(''); this.hasGivenUp = true; break;
      default: assert(false, `${this.terms.name} did not expect ${error}`);
    }
    return true;
  }

  private reset(memberId: string): void {
    this.memberId = memberId;
    this.epoch = -1;
    this.owned = new Set();
    this.isStable = false;
  }

  private assign(members: JoinResult['members']): { memberId: string; assignment: Uint8Array }[] {
    const parts = new Map(members.map(({ memberId }): [string, Map<string, number[]>] => [memberId, new Map()]));
    const topicsOf = new Map(members.map(({ memberId, metadata }) => [memberId, readSubscription(metadata).topics]));
    for (const topic of new Set([...topicsOf.values()].flat())) {
      const subscribers = members.filter(({ memberId }) => topicsOf.get(memberId)!.includes(topic));
      for (let partition = 0; partition < (this.driver.cluster.named(topic)?.partitionCount ?? 0); partition++) {
        const part = parts.get(subscribers[partition % subscribers.length]!.memberId)!;
        part.set(topic, [...part.get(topic) ?? [], partition]);
      }
    }
    return [...parts].map(([memberId, part]) => {
      const assignedPartitions = [...part].map(([topic, partitions]) => ({ topic, partitions }));
      return { memberId, assignment: writeAssignment({ assignedPartitions, userData: null }, VERSION) };
    });
  }
}

/** A consumer of the consumer protocol. It gives back at once what it is not to have, and says so with its next heartbeat. */
export class ConsumerClient implements GroupClient {
  readonly protocol = 'consumer';
  epoch = 0;
  owned: Owned = new Set();
  hasGivenUp = false;
  readonly memberId: string;
  private isToSayAll = true;

  constructor(private readonly driver: ConsumerDriver, readonly terms: ClientTerms) {
    this.memberId = `id-of-${terms.name}`;
  }

  poll(): void {
    if (this.hasGivenUp) return;
    const { instanceId, topics } = this.terms;
    const full = { rebalanceTimeoutMs: 30_000, subscribedTopicNames: topics };
    const topicPartitions = this.partitions();
    const { memberId, epoch: memberEpoch } = this;
    this.hear(this.driver.beat({ memberId, memberEpoch, instanceId, topicPartitions, ...this.isToSayAll ? full : {} }));
  }

  leave(): void {
    const { memberId, terms: { instanceId } } = this;
    this.driver.beat({ memberId, memberEpoch: instanceId === null ? -1 : -2, instanceId });
    this.owned = new Set();
    this.hasGivenUp = true;
  }

  coordinatorLost(): void {
    this.isToSayAll = true;
  }

  private hear({ errorCode, memberEpoch, assignment }: ConsumerGroupHeartbeatResult): void {
    const error = errorName(errorCode);
    this.isToSayAll = error !== 'NONE';
    if (error === 'NONE') {
      this.epoch = memberEpoch;
      if (assignment !== null) this.owned = new Set(assignment.topicPartitions.flatMap(({ topicId, partitions }) => this.named(topicId, partitions)));
    } else if (error === 'FENCED_MEMBER_EPOCH' || error === 'UNKNOWN_MEMBER_ID' || error === 'GROUP_ID_NOT_FOUND') {
      this.epoch = 0;
      this.owned = new Set();
    } else if (error === 'FENCED_INSTANCE_ID') {
      this.hasGivenUp = true;
      this.owned = new Set();
    } else {
      assert(error === 'COORDINATOR_NOT_AVAILABLE' || error === 'UNRELEASED_INSTANCE_ID', `${this.terms.name} did not expect ${error}`);
    }
  }

  private named(topicId: string, partitions: readonly number[]): string[] {
    return partitions.map(partition => `${this.driver.cluster.withId(topicId)!.name}-${partition}`);
  }

  private partitions(): { topicId: string; partitions: number[] }[] {
    const byTopic = new Map<string, number[]>();
    for (const owned of this.owned) {
      const [, topic = '', partition] = /^(.*)-(\d+)$/.exec(owned) ?? [];
      byTopic.set(topic, [...byTopic.get(topic) ?? [], Number(partition)]);
    }
    return [...byTopic].map(([topic, partitions]) => ({ topicId: this.driver.cluster.named(topic)!.id, partitions }));
  }
}
