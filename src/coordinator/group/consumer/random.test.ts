import { test } from '@jest/globals';
import { assert } from '../../../base/assert.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import type { Uuid } from '../../../protocol/wire/types.js';
import { ConsumerDriver } from '../testing/consumer-driver.js';
import type { ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResult } from '../types.js';

/**
 * Consumers that keep to the protocol join, stay, give back (at once or slowly), miss answers, die, leave and come back, while
 * topics come, grow and go, writes fail and coordinators change, in an order that a seed chooses. Never do two of them hold
 * the same partition; and when all is calm each partition is held once.
 */

const SEEDS = 60;
const STEPS = 200;
const CLIENTS = 6;
const SESSION_MS = 45_000;
/** Of the time that a member has to give back, what it takes at the most. */
const SLOWEST_REVOCATION_MS = 20_000;
const REBALANCE_MS = 60_000;
const SUBSCRIPTIONS: readonly Pick<ConsumerGroupHeartbeatRequest, 'subscribedTopicNames' | 'subscribedTopicRegex'>[] = [
  { subscribedTopicNames: ['t'], subscribedTopicRegex: null },
  { subscribedTopicNames: ['t', 'u'], subscribedTopicRegex: '' },
  { subscribedTopicNames: ['u', 'nowhere'], subscribedTopicRegex: '' },
  { subscribedTopicNames: [], subscribedTopicRegex: '[tv].*' },
];

/** A small generator of numbers below `bound` (mulberry32). */
function generator(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return bound => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

const key = (topicId: Uuid, partition: number): string => `${topicId} ${partition}`;

/** A consumer as KIP-848 wants it: what it is not to have any more it holds until it has given it back. */
class Client {
  memberId = '';
  memberEpoch = 0;
  /** Partitions, as `key` writes them, that it reads. */
  owned = new Set<string>();
  /** What it was last told to have. */
  target = new Set<string>();
  subscription = SUBSCRIPTIONS[0]!;
  saysAll = true;
  heardAtMs = 0;
  revokingSinceMs: number | null = null;

  constructor(readonly instanceId: string | null, readonly serverAssignor: string | null) {}

  get isIn(): boolean {
    return this.memberEpoch > 0;
  }

  request(): Omit<ConsumerGroupHeartbeatRequest, 'groupId' | 'clientId' | 'clientHost' | 'rackId'> {
    const { memberId, memberEpoch, instanceId, serverAssignor, subscription } = this;
    const topicPartitions = partitionsOf(this.owned);
    const said = this.saysAll ? { rebalanceTimeoutMs: REBALANCE_MS, serverAssignor, ...subscription } : {
      rebalanceTimeoutMs: -1, serverAssignor: null, subscribedTopicNames: null, subscribedTopicRegex: null,
    };
    return { memberId, memberEpoch, instanceId, topicPartitions, ...said };
  }

  /** What it is to give back is given back: at once when that is due, else perhaps. */
  revoke(nowMs: number, isQuick: boolean): void {
    if (this.revokingSinceMs === null || (!isQuick && nowMs - this.revokingSinceMs < SLOWEST_REVOCATION_MS)) return;
    this.owned = new Set(this.target);
    this.revokingSinceMs = null;
  }

  hear({ memberEpoch, assignment }: ConsumerGroupHeartbeatResult, nowMs: number): void {
    assert(memberEpoch >= this.memberEpoch, `${this.memberId} goes back from epoch ${this.memberEpoch} to ${memberEpoch}`);
    this.memberEpoch = memberEpoch;
    this.saysAll = false;
    if (assignment === null) return;
    this.target = new Set(assignment.topicPartitions.flatMap(({ topicId, partitions }) => partitions.map(partition => key(topicId, partition))));
    const isRevoking = [...this.owned].some(partition => !this.target.has(partition));
    this.revokingSinceMs = isRevoking ? this.revokingSinceMs ?? nowMs : null;
    for (const partition of this.target) this.owned.add(partition);
  }

  /** It knows that it is out, or it is dead. */
  abandon(): void {
    this.memberEpoch = 0;
    this.owned.clear();
    this.target.clear();
    this.saysAll = true;
    this.revokingSinceMs = null;
  }
}

function partitionsOf(owned: ReadonlySet<string>): { topicId: Uuid; partitions: number[] }[] {
  const topics = new Map<Uuid, number[]>();
  for (const partition of owned) {
    const [topicId = '', index] = partition.split(' ');
    topics.set(topicId, [...topics.get(topicId) ?? [], Number(index)]);
  }
  return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }));
}

class Run {
  private readonly driver: ConsumerDriver;
  private readonly clients: Client[] = [];
  private readonly partitions = new Map<string, number>();
  private ids = 0;
  private groupEpoch = 0;

  constructor(private readonly random: (bound: number) => number) {
    const intervalMs = random(2) * 1_000;
    this.driver = new ConsumerDriver({ consumer: { assignmentIntervalMs: () => intervalMs } });
    for (const topic of ['t', 'u']) this.setTopic(topic, 1 + random(5));
    for (let index = 0; index < CLIENTS; index++) {
      this.clients.push(new Client(index % 3 === 0 ? `instance-${index}` : null, [null, 'range', 'uniform'][random(3)]!));
    }
  }

  step(): void {
    const client = this.clients[this.random(CLIENTS)]!;
    const choice = this.random(40);
    this.driver.refuseWith = this.random(20) === 0 ? ErrorCode.COORDINATOR_NOT_AVAILABLE : ErrorCode.NONE;
    if (choice < 20) this.beat(client, this.random(15) === 0);
    else if (choice === 20) this.leave(client);
    else if (choice === 21) client.abandon();
    else if (choice === 22) this.resubscribe(client);
    else if (choice === 23) this.changeTopics();
    else if (choice === 24) this.driver.failOver();
    else if (choice === 25 && client.instanceId !== null) this.restart(client);
    else this.advance(this.random(4) * this.random(3_000));
    this.driver.refuseWith = ErrorCode.NONE;
    this.check();
  }

  /** All go on without faults until nothing changes any more. */
  settle(): void {
    for (let round = 0; round < 40; round++) {
      this.advance(2_000);
      for (const client of this.clients) {
        this.beat(client, false);
        client.revoke(this.driver.nowMs, true);
        this.check();
      }
    }
    this.advance(SESSION_MS / 2);
    for (const client of this.clients) this.beat(client, false);
    this.checkShared();
  }

  private beat(client: Client, isLost: boolean): void {
    if (client.memberEpoch === 0 && (client.memberId === '' || client.instanceId !== null)) client.memberId = `member-${++this.ids}`;
    client.revoke(this.driver.nowMs, this.random(2) === 0);
    const answer = this.driver.beat(client.request());
    switch (answer.errorCode) {
      case ErrorCode.NONE:
        client.heardAtMs = this.driver.nowMs;
        if (isLost) client.saysAll = true;
        else client.hear(answer, this.driver.nowMs);
        break;
      case ErrorCode.UNKNOWN_MEMBER_ID: case ErrorCode.FENCED_MEMBER_EPOCH: case ErrorCode.GROUP_ID_NOT_FOUND: case ErrorCode.FENCED_INSTANCE_ID:
        client.abandon();
        break;
      case ErrorCode.COORDINATOR_NOT_AVAILABLE:
        client.saysAll = true;
        break;
      default:
        assert(answer.errorCode === ErrorCode.UNRELEASED_INSTANCE_ID, `unexpected error ${answer.errorCode}`);
    }
  }

  private leave(client: Client): void {
    if (client.isIn) this.driver.beat({ ...client.request(), memberEpoch: -1 });
    client.abandon();
  }

  /** A static member goes to come back. */
  private restart(client: Client): void {
    if (client.isIn) this.driver.beat({ ...client.request(), memberEpoch: -2 });
    client.abandon();
  }

  private resubscribe(client: Client): void {
    client.subscription = SUBSCRIPTIONS[this.random(SUBSCRIPTIONS.length)]!;
    client.saysAll = true;
  }

  private changeTopics(): void {
    const topic = ['t', 'u', 'v', 't2'][this.random(4)]!;
    if (this.random(5) === 0) {
      this.partitions.delete(topic);
      this.driver.cluster.remove(topic);
      this.driver.run<null>((machine, to, at) => machine.topicsChanged({ names: [topic], hasNew: false }, to, at));
    } else {
      this.setTopic(topic, (this.partitions.get(topic) ?? 0) + 1 + this.random(2));
    }
  }

  private setTopic(topic: string, partitions: number): void {
    this.partitions.set(topic, partitions);
    this.driver.changeTopic(topic, partitions);
  }

  /** Whoever has been silent for a session's length knows that it is out; slow ones give back in time. */
  private advance(ms: number): void {
    const endMs = this.driver.nowMs + ms;
    for (const client of this.clients) {
      if (client.isIn && endMs - client.heardAtMs >= SESSION_MS) client.abandon();
    }
    this.driver.advance(ms);
  }

  private check(): void {
    const owners = new Map<string, string>();
    for (const { memberId, owned } of this.clients) {
      for (const partition of owned) {
        assert(!owners.has(partition), `${partition} is held by ${owners.get(partition)} and ${memberId}`);
        owners.set(partition, memberId);
      }
    }
    const group = this.driver.machine.consumerGroups.get('g');
    if (group === undefined) return;
    assert(group.groupEpoch >= this.groupEpoch, `the group goes back from epoch ${this.groupEpoch} to ${group.groupEpoch}`);
    assert(group.assignmentEpoch <= group.groupEpoch, 'the target is newer than the group');
    this.groupEpoch = group.groupEpoch;
  }

  /** Each partition of each topic that somebody subscribes to is held by one of these. */
  private checkShared(): void {
    const { state } = this.driver.consumerGroup();
    assert(state === 'Stable', `the group is left ${state}`);
    const expected = new Set<string>();
    for (const [topic, partitions] of this.partitions) {
      if (!this.clients.some(client => subscribes(client, topic))) continue;
      for (let partition = 0; partition < partitions; partition++) expected.add(`${topic} ${partition}`);
    }
    const held = this.clients.flatMap(client => [...client.owned].map(partition => {
      const [topicId = '', index] = partition.split(' ');
      const topic = this.driver.cluster.withId(topicId)?.name;
      assert(topic !== undefined && subscribes(client, topic), `${client.memberId} holds ${topic ?? topicId}`);
      return `${topic} ${index}`;
    }));
    assert(held.length === expected.size && held.every(partition => expected.has(partition)), `held ${held.join(', ')} of ${[...expected].join(', ')}`);
  }
}

function subscribes({ subscription: { subscribedTopicNames, subscribedTopicRegex } }: Client, topic: string): boolean {
  const isMatched = subscribedTopicRegex !== null && subscribedTopicRegex !== '' && new RegExp(`^(?:${subscribedTopicRegex})$`).test(topic);
  return isMatched || (subscribedTopicNames ?? []).includes(topic);
}

test(`consumer groups share partitions rightly under ${SEEDS} random histories`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      const run = new Run(generator(seed));
      for (let step = 0; step < STEPS; step++) run.step();
      run.settle();
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    }
  }
});
