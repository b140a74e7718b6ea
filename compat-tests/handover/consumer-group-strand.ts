// A group of the consumer protocol, whose members go on from one broker to the other in the midst of their epochs.

import { ConfigResourceType } from '../../src/metadata/types.js';
import { consumerGroupDescribeApi } from '../../src/protocol/generated/consumer-group-describe.js';
import {
  consumerGroupHeartbeatApi, type ConsumerGroupHeartbeatRequestInput, type ConsumerGroupHeartbeatResponse,
} from '../../src/protocol/generated/consumer-group-heartbeat.js';
import { offsetCommitApi } from '../../src/protocol/generated/offset-commit.js';
import { until } from '../support/until.js';
import { TIMEOUT_MS, type Client } from './client.js';
import { committedOffset } from './cluster-strands.js';
import type { Strand, Turn } from './strand.js';

const GROUP = 'consumers';
/** Of the last version that names topics. */
const COMMIT_VERSION = 9;
const TOPICS = { consumed: 4, 'consumed-too': 2 } as const;
const ALL_PARTITIONS = TOPICS.consumed + TOPICS['consumed-too'];

type Said = Partial<ConsumerGroupHeartbeatRequestInput>;

/** A member that gives back at once what it is not to have. */
class Member {
  memberEpoch = 0;
  owned: { topicId: string; partitions: number[] }[] = [];

  constructor(public memberId: string, private readonly joining: Said) {}

  async beat(client: Client, said: Said = {}): Promise<ConsumerGroupHeartbeatResponse> {
    const all = this.memberEpoch === 0 ? { rebalanceTimeoutMs: TIMEOUT_MS, ...this.joining } : {};
    const request = { groupId: GROUP, memberId: this.memberId, memberEpoch: this.memberEpoch, instanceId: this.joining.instanceId ?? null, ...all, ...said };
    const answer = await client.settled(`a heartbeat of ${this.memberId}`, () => client.raw.send(consumerGroupHeartbeatApi, request), ({ errorCode }) => errorCode);
    if (answer.memberEpoch >= 0) this.memberEpoch = answer.memberEpoch;
    if (answer.assignment !== null) this.owned = answer.assignment.topicPartitions;
    return answer;
  }

  get partitions(): number {
    return this.owned.reduce((count, { partitions }) => count + partitions.length, 0);
  }
}

/**
 * Members by name, by pattern and with an instance id come, go and change their ids. Whoever takes over knows them in their
 * epochs, and finds nothing to change: the topics have the same hash to both.
 */
export class ConsumerGroups implements Strand {
  readonly name = 'a group of the consumer protocol';
  private readonly members: Member[] = [];
  private described = '';
  private committed = -1;

  async check(client: Client): Promise<void> {
    if (this.members.length === 0) return;
    for (const member of this.members) {
      const { memberEpoch } = member;
      const answer = await member.beat(client);
      if (answer.memberEpoch !== memberEpoch || answer.assignment !== null) throw new Error(`${member.memberId} is told ${JSON.stringify(answer)} in epoch ${memberEpoch}`);
    }
    const found = await this.describe(client);
    if (found.text !== this.described) throw new Error(`the group is ${found.text}, and was ${this.described}`);
    const { offset } = await committedOffset(client, GROUP, 'consumed', 0);
    if (offset !== this.committed) throw new Error(`offset ${offset} is committed, and not ${this.committed}`);
  }

  async write(client: Client, { number }: Turn): Promise<void> {
    if (number === 0) await this.begin(client);
    else await this.restart(client, this.members[0]!, `static-${number}`);
    if (number % 2 === 0) this.members.push(new Member(`named-${number}`, { subscribedTopicNames: ['consumed'], topicPartitions: [], serverAssignor: 'range' }));
    else await this.members.pop()!.beat(client, { memberEpoch: -1 });
    await this.settle(client);
    await this.commit(client, this.members[0]!, 100 + number);
    this.described = (await this.describe(client)).text;
  }

  private async begin(client: Client): Promise<void> {
    for (const [topic, partitions] of Object.entries(TOPICS)) await client.createTopic(topic, {}, partitions);
    await client.findCoordinator(GROUP, 0);
    await client.alterConfigs(ConfigResourceType.GROUP, GROUP, { 'consumer.session.timeout.ms': '60000' });
    this.members.push(
      new Member('static-0', { instanceId: 'instance', rackId: 'rack', subscribedTopicNames: Object.keys(TOPICS), topicPartitions: [] }),
      new Member('pattern', { subscribedTopicRegex: 'consumed.*', topicPartitions: [] }),
    );
  }

  /** A static member goes, and comes back under another id to what it had. */
  private async restart(client: Client, member: Member, memberId: string): Promise<void> {
    const { memberEpoch, owned } = member;
    await member.beat(client, { memberEpoch: -2 });
    Object.assign(member, { memberId, memberEpoch: 0, owned: [] });
    const answer = await member.beat(client);
    if (answer.memberEpoch !== memberEpoch || member.partitions !== owned.flatMap(({ partitions }) => partitions).length) {
      throw new Error(`${memberId} is told ${JSON.stringify(answer)}, and had ${JSON.stringify(owned)} in epoch ${memberEpoch}`);
    }
  }

  /** Until every partition is some member's and nobody has a step to go. */
  private async settle(client: Client): Promise<void> {
    await until('a stable group', async () => {
      for (const member of this.members) await member.beat(client, { topicPartitions: member.owned });
      return this.describe(client);
    }, ({ isSettled }) => isSettled && this.members.reduce((count, { partitions }) => count + partitions, 0) === ALL_PARTITIONS);
  }

  private async commit(client: Client, { memberId, memberEpoch }: Member, committedOffset: number): Promise<void> {
    await client.settled('a commit', async () => (await client.raw.send(offsetCommitApi, {
      groupId: GROUP, memberId, generationIdOrMemberEpoch: memberEpoch,
      topics: [{ name: 'consumed', partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: '' }] }],
    }, COMMIT_VERSION)).topics[0]!.partitions[0]!, ({ errorCode }) => errorCode);
    this.committed = committedOffset;
  }

  private async describe(client: Client): Promise<{ isSettled: boolean; text: string }> {
    const group = await client.settled('a description', async () =>
      (await client.raw.send(consumerGroupDescribeApi, { groupIds: [GROUP], includeAuthorizedOperations: false })).groups[0]!, ({ errorCode }) => errorCode);
    const isSettled = group.groupState === 'Stable' && group.groupEpoch === group.assignmentEpoch;
    return { isSettled, text: JSON.stringify(ordered(group)) };
  }
}

/** Members, topics and partitions come in any order. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered).map(one => JSON.stringify(one)).sort();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([field]) => field !== 'unknownTaggedFields').map(([field, one]) => [field, ordered(one)]));
}
