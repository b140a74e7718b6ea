import { assert } from '../../../base/assert.js';
import { errorName, KafkaError } from '../../../protocol/errors.js';
import type { Uuid } from '../../../protocol/wire/types.js';
import type { Assignor, AssignedPartitions } from '../assignors/assignor.js';
import type { ConsumerGroup } from '../consumer/group.js';
import { DEFAULT_GROUP_SETTINGS } from '../settings.js';
import type { ConsumerGroupSettings, GroupSettings } from '../settings.js';
import type { ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResult, DescribedConsumerGroup } from '../types.js';
import { GroupDriver } from './group-driver.js';

type Heartbeat = Partial<ConsumerGroupHeartbeatRequest> & { readonly memberId: string };


/** Gives each member what the test says, and the rest nothing: partitions by member id and topic id. */
export class ScriptedAssignor implements Assignor {
  readonly name = 'scripted';
  next: Readonly<Record<string, Readonly<Record<Uuid, readonly number[]>>>> = {};

  assign(): ReadonlyMap<string, AssignedPartitions> {
    return new Map(Object.entries(this.next).map(([memberId, topics]) =>
      [memberId, new Map(Object.entries(topics).map(([topicId, partitions]) => [topicId, new Set(partitions)]))]));
  }
}

/** A group machine in whose cluster groups of the consumer protocol live; a target may be computed at any time. */
export class ConsumerDriver extends GroupDriver {
  readonly consumer: ConsumerGroupSettings;

  constructor({ consumer = {}, ...settings }: Partial<Omit<GroupSettings, 'consumer'>> & { consumer?: Partial<ConsumerGroupSettings> } = {}) {
    const ofConsumers = { ...DEFAULT_GROUP_SETTINGS.consumer, assignmentIntervalMs: () => 0, ...consumer };
    super({ ...settings, consumer: ofConsumers });
    this.consumer = ofConsumers;
  }

  /** A heartbeat that says only what is given; the answer, or the error that it failed with. */
  beat(request: Heartbeat): ConsumerGroupHeartbeatResult {
    const full: ConsumerGroupHeartbeatRequest = {
      groupId: 'g', memberEpoch: 0, instanceId: null, rackId: null, rebalanceTimeoutMs: -1, subscribedTopicNames: null, subscribedTopicRegex: null,
      serverAssignor: null, topicPartitions: null, clientId: 'client', clientHost: '/127.0.0.1', ...request,
    };
    try {
      return this.run<ConsumerGroupHeartbeatResult>((machine, to, at) => machine.consumerGroupHeartbeat(full, to, at)).answer;
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      return { errorCode: error.errorCode, errorMessage: error.message, memberId: null, memberEpoch: 0, heartbeatIntervalMs: 0, assignment: null };
    }
  }

  /** The first heartbeat of a member. */
  enter(memberId: string, request: Partial<ConsumerGroupHeartbeatRequest> = {}): ConsumerGroupHeartbeatResult {
    return this.beat({ memberId, rebalanceTimeoutMs: 30_000, subscribedTopicNames: ['t'], topicPartitions: [], ...request });
  }

  error(request: Heartbeat): string {
    return errorName(this.beat(request).errorCode);
  }

  consumerGroup(groupId = 'g'): ConsumerGroup {
    const group = this.machine.consumerGroups.get(groupId);
    assert(group !== undefined, `no consumer group ${groupId}`);
    return group;
  }

  describeConsumers(groupId = 'g'): DescribedConsumerGroup {
    return this.run<DescribedConsumerGroup[]>((machine, to, at) => machine.describeConsumerGroups([groupId], to, at)).answer[0]!;
  }

  /** What an answer gives, by the names of topics: `t:0,1`; null when it says nothing. */
  told({ assignment }: ConsumerGroupHeartbeatResult): string | null {
    if (assignment === null) return null;
    return assignment.topicPartitions.map(({ topicId, partitions }) => `${this.cluster.withId(topicId)?.name}:${partitions.join(',')}`).sort().join(' ');
  }

  /** The cluster's topics changed, and the coordinator was told. */
  changeTopic(name: string, partitionCount: number): void {
    const hasNew = this.cluster.named(name) === undefined;
    this.cluster.set(name, partitionCount);
    this.run<null>((machine, to, at) => machine.topicsChanged({ names: [name], hasNew }, to, at));
  }
}
