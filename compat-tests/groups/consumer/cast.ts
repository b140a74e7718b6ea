// The members of one group of the consumer protocol on one broker, and members of the classic protocol beside them.

import {
  consumerGroupDescribeApi, consumerGroupHeartbeatApi, deleteGroupsApi, describeGroupsApi,
  type ConsumerGroupHeartbeatRequestInput, type ConsumerGroupHeartbeatResponse,
} from '../../../src/protocol/generated/index.js';
import { Cast } from '../classic/cast.js';
import type { Actor } from '../../lockstep/lockstep.js';
import type { Side } from '../../lockstep/side.js';

/** Longer than any test. */
const LONG_MS = 120_000;
const ADMIN = 'admin';
const NONE = 0;
const LEAVES = -1;
const LEAVES_TO_RETURN = -2;
const DESCRIBE_VERSION = 1;
/** Errors that tell a member that it is out. */
const OUT = [25, 81, 82, 110, 111];

export interface ConsumerWish {
  /** Of ConsumerGroupHeartbeat. */
  readonly version: number;
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly topics: readonly string[];
  readonly assignor: string | null;
}

type Partitions = readonly { readonly topicId: string; readonly partitions: readonly number[] }[];

/** out: no member. in: is told what to work on. away: static, and said that it comes back. */
export type ConsumerPhase = 'out' | 'in' | 'away';

export interface Consumer {
  readonly name: string;
  wish: ConsumerWish;
  phase: ConsumerPhase;
  epoch: number;
  /** What it works on, as it last told. */
  owned: Partitions;
  /** What it was last told to work on. */
  assigned: Partitions;
}

export interface Said {
  readonly epoch?: number;
  readonly memberId?: string;
  readonly instanceId?: string | null;
  readonly owned?: Partitions;
  readonly wish?: ConsumerWish;
}

export interface GroupFacts {
  readonly groupState: string;
  /** Members of the group while it is a classic one. */
  readonly classicSize: number;
  /** Somebody has no instance, and an id that the broker made. */
  readonly hasMadeId: boolean;
}

/** A group that members of both protocols may be in. Members of the consumer protocol choose their own ids: their names. */
export class ConsumerCast implements Actor {
  readonly consumers = new Map<string, Consumer>();
  readonly classic: Cast;

  constructor(readonly side: Side) {
    this.classic = new Cast(side);
  }

  consumer(name: string): Consumer {
    const consumer = this.consumers.get(name);
    if (consumer === undefined) throw new Error(`nobody is called ${name}`);
    return consumer;
  }

  /** Asks to be in, with all that it wants. */
  async join(name: string, wish: ConsumerWish): Promise<void> {
    const consumer: Consumer = this.consumers.get(name) ?? { name, wish, phase: 'out', epoch: 0, owned: [], assigned: [] };
    this.consumers.set(name, consumer);
    Object.assign(consumer, { wish, owned: [], assigned: [] });
    await this.say(consumer, { memberEpoch: 0, topicPartitions: [], ...told(wish) });
  }

  /** Is heard of, and says what it is given to say. */
  async beat(name: string, said: Said = {}): Promise<void> {
    const consumer = this.consumer(name);
    if (said.wish !== undefined) consumer.wish = said.wish;
    await this.say(consumer, {
      memberEpoch: said.epoch ?? consumer.epoch, ...(said.memberId !== undefined && { memberId: said.memberId }),
      ...(said.instanceId !== undefined && { instanceId: said.instanceId }), ...(said.owned !== undefined && { topicPartitions: said.owned }),
      ...(said.wish !== undefined && { subscribedTopicNames: said.wish.topics, serverAssignor: said.wish.assignor }),
    });
  }

  /** Works on what it was told to, and says so. */
  async acknowledge(name: string): Promise<void> {
    const consumer = this.consumer(name);
    consumer.owned = consumer.assigned;
    await this.say(consumer, { memberEpoch: consumer.epoch, topicPartitions: consumer.owned });
  }

  async leave(name: string, isComingBack: boolean): Promise<void> {
    const consumer = this.consumer(name);
    const answer = await this.say(consumer, { memberEpoch: isComingBack ? LEAVES_TO_RETURN : LEAVES });
    if (answer?.errorCode === NONE) consumer.phase = isComingBack ? 'away' : 'out';
  }

  async describe(): Promise<void> {
    await this.side.ask(ADMIN, consumerGroupDescribeApi, { groupIds: [this.side.groupId], includeAuthorizedOperations: true }, 0);
  }

  async remove(): Promise<void> {
    await this.side.ask(ADMIN, deleteGroupsApi, { groupsNames: [this.side.groupId] }, 2);
  }

  async look() {
    const { groupId } = this.side;
    const { groups: consumers } = await this.side.quietly(ADMIN, consumerGroupDescribeApi, { groupIds: [groupId], includeAuthorizedOperations: false }, DESCRIBE_VERSION);
    const { groups: classics } = await this.side.quietly(ADMIN, describeGroupsApi, { groups: [groupId] }, 6);
    return { seen: { consumers, classics }, isOwing: this.classic.isOwing(classics[0]!.groupState) };
  }

  /** What anyone can see of the group, whichever protocol it is of. */
  async state(): Promise<GroupFacts> {
    const { seen: { consumers: [consumer], classics: [classic] } } = await this.look();
    const members = consumer!.errorCode === NONE
      ? consumer!.members.map(({ memberId, instanceId }) => ({ memberId, instanceId }))
      : classic!.members.map(({ memberId, groupInstanceId }) => ({ memberId, instanceId: groupInstanceId }));
    return {
      groupState: consumer!.errorCode === NONE ? consumer!.groupState : classic!.groupState,
      classicSize: classic!.members.length,
      hasMadeId: members.some(({ memberId, instanceId }) => instanceId === null && !this.consumers.has(memberId)),
    };
  }

  private async say(consumer: Consumer, said: Omit<Partial<ConsumerGroupHeartbeatRequestInput>, 'memberEpoch'> & { memberEpoch: number }): Promise<ConsumerGroupHeartbeatResponse | undefined> {
    const { name, wish } = consumer;
    const answer = await this.side.ask(name, consumerGroupHeartbeatApi, {
      groupId: this.side.groupId, memberId: name, instanceId: wish.instanceId, ...said,
    }, wish.version);
    const isOwn = said.memberId === undefined && said.instanceId === undefined;
    if (answer !== undefined && isOwn) this.heard(consumer, answer);
    return answer;
  }

  private heard(consumer: Consumer, { errorCode, memberEpoch, assignment }: ConsumerGroupHeartbeatResponse): void {
    if (errorCode === NONE && memberEpoch >= 0) {
      consumer.phase = 'in';
      consumer.epoch = memberEpoch;
      if (assignment !== null) consumer.assigned = assignment.topicPartitions.map(({ topicId, partitions }) => ({ topicId, partitions }));
    } else if (OUT.includes(errorCode)) {
      Object.assign(consumer, { phase: 'out', owned: [], assigned: [] });
    }
  }
}

function told({ rackId, topics, assignor }: ConsumerWish) {
  return { rackId, rebalanceTimeoutMs: LONG_MS, subscribedTopicNames: [...topics], serverAssignor: assignor };
}
