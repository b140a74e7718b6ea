import { ErrorCode } from '../../protocol/generated/errors.js';
import { consumerGroupHeartbeatApi, metadataApi } from '../../protocol/generated/index.js';
import { committedOffsets, type Member, type Membership } from './group-member.js';
import { holds } from './invariants.js';
import type { Link } from './link.js';
import { nameOf, type Place } from './producing.js';

/** This member has to join anew: the group has gone on without it. */
const FENCED: ReadonlySet<number> = new Set([ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_MEMBER_EPOCH]);
const REBALANCE_MS = 2000;

/** A member of a group of the consumer protocol (KIP-848): the broker assigns, and every change comes by a heartbeat. */
export class ConsumerMember implements Member {
  private memberId = '';
  private memberEpoch = 0;
  private owned: readonly Place[] = [];
  private topicId: string | undefined;
  private lives = 0;

  /** All places are of one topic. */
  constructor(private readonly link: Link, private readonly groupId: string, private readonly all: readonly Place[]) {}

  die(): void {
    this.memberId = '';
    this.leave();
  }

  /** Heartbeats until what it has is what it is to have. */
  async joined(): Promise<{ membership: Membership; isNew: boolean }> {
    let isNew = this.memberId === '';
    if (isNew) this.memberId = `${this.link.name}-${++this.lives}`;
    for (;;) {
      const answer = await this.heartbeat();
      if (FENCED.has(answer.errorCode)) {
        this.leave();
        isNew = true;
        continue;
      }
      holds(answer.errorCode === ErrorCode.NONE, 'answers', () => `${this.link.name} sent a heartbeat: error ${answer.errorCode}`);
      this.memberEpoch = answer.memberEpoch;
      if (answer.assignment === null) break;
      isNew = this.take(answer.assignment.topicPartitions.flatMap(({ partitions }) => partitions)) || isNew;
    }
    return { membership: { memberId: this.memberId, generationId: this.memberEpoch, places: this.owned }, isNew };
  }

  committed(places: readonly Place[]): Promise<Map<string, number>> {
    return committedOffsets(this.link, this.groupId, places);
  }

  private leave(): void {
    this.memberEpoch = 0;
    this.owned = [];
  }

  /** Whether it has others than before. */
  private take(partitions: readonly number[]): boolean {
    const before = this.owned.map(nameOf).join();
    this.owned = this.all.filter(({ index }) => partitions.includes(index));
    return this.owned.map(nameOf).join() !== before;
  }

  private async heartbeat() {
    const { link, groupId, memberId, memberEpoch, owned } = this;
    this.topicId ??= await this.findTopicId();
    const topicPartitions = owned.length === 0 ? [] : [{ topicId: this.topicId, partitions: owned.map(({ index }) => index) }];
    const subscription = memberEpoch === 0 ? { subscribedTopicNames: [this.all[0]!.topic], rebalanceTimeoutMs: REBALANCE_MS } : {};
    return link.ask(consumerGroupHeartbeatApi, { groupId, memberId, memberEpoch, topicPartitions, ...subscription }, 1, answer => answer.errorCode);
  }

  private async findTopicId(): Promise<string> {
    const { topics } = await this.link.ask(metadataApi, { topics: [{ name: this.all[0]!.topic }] }, 12, answer => answer.topics[0]!.errorCode);
    return topics[0]!.topicId;
  }
}
