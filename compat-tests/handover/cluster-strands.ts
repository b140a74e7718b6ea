// What is not records: topics that come and go, settings, groups and their offsets.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigResourceType } from '../../src/metadata/types.js';
import { apiVersionsApi } from '../../src/protocol/generated/api-versions.js';
import { deleteTopicsApi } from '../../src/protocol/generated/delete-topics.js';
import { describeGroupsApi } from '../../src/protocol/generated/describe-groups.js';
import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { heartbeatApi } from '../../src/protocol/generated/heartbeat.js';
import { joinGroupApi } from '../../src/protocol/generated/join-group.js';
import { metadataApi } from '../../src/protocol/generated/metadata.js';
import { offsetCommitApi } from '../../src/protocol/generated/offset-commit.js';
import { offsetFetchApi } from '../../src/protocol/generated/offset-fetch.js';
import { syncGroupApi } from '../../src/protocol/generated/sync-group.js';
import { ZERO_UUID } from '../../src/protocol/wire/types.js';
import { until } from '../support/until.js';
import { TIMEOUT_MS, type Client } from './client.js';
import { PartitionLedger } from './ledger.js';
import { someRecords, write } from './record-strands.js';
import type { Strand, Turn } from './strand.js';

/** Topics that are created, deleted, and created again under the same name. */
export class Topics implements Strand {
  readonly name = 'topics that come and go';
  private readonly alive = new Map<string, { id: string; ledger: PartitionLedger }>();
  private readonly gone = new Set<string>();

  async check(client: Client): Promise<void> {
    const { topics } = await until('metadata', () => client.raw.send(metadataApi, { topics: null }), answer => answer.topics.every(({ errorCode }) => errorCode === ErrorCode.NONE));
    const ids = new Map(topics.map(({ name, topicId }) => [name, topicId]));
    for (const [name, { id, ledger }] of this.alive) {
      if (ids.get(name) !== id) throw new Error(`topic ${name} has id ${ids.get(name)}, not ${id}`);
      await ledger.check(client);
    }
    for (const name of this.gone) if (ids.has(name)) throw new Error(`topic ${name} was deleted and is there`);
  }

  async write(client: Client, { number, random }: Turn): Promise<void> {
    const name = `born-${number}`;
    this.alive.set(name, { id: await client.createTopic(name), ledger: new PartitionLedger(name, 0) });
    await this.renew(client, number);
    for (const { ledger } of this.alive.values()) await write(client, ledger, {}, someRecords(random, 3, Date.now()));
    const old = `born-${number - 2}`;
    if (!this.alive.has(old)) return;
    await this.remove(client, old);
    this.alive.delete(old);
    this.gone.add(old);
  }

  /** The same name, another topic: what the former held must not come back. */
  private async renew(client: Client, number: number): Promise<void> {
    if (number > 0) await this.remove(client, 'renewed');
    this.alive.set('renewed', { id: await client.createTopic('renewed'), ledger: new PartitionLedger('renewed', 0) });
  }

  private async remove(client: Client, name: string): Promise<void> {
    await client.settled(`deleting ${name}`, async () => {
      const { responses } = await client.raw.send(deleteTopicsApi, { topics: [{ name, topicId: ZERO_UUID }], timeoutMs: TIMEOUT_MS });
      return responses[0]!;
    }, ({ errorCode }) => errorCode);
  }
}

/** The levels that the cluster has agreed on: no broker changes them by being started. Ottla tells clients of those that it serves. */
export class Features implements Strand {
  readonly name = 'finalized features';
  private known: string[] | undefined;

  async check(client: Client, { runs }: Turn): Promise<void> {
    const known = this.known ?? [];
    const found = await this.finalized(client);
    const isSame = found.every(feature => known.includes(feature)) && (runs === 'ottla' ? found.length > 0 : found.length === known.length);
    if (!isSame) throw new Error(`the cluster's features are ${found.join(', ')}, and were ${known.join(', ')}`);
  }

  async write(client: Client): Promise<void> {
    this.known ??= await this.finalized(client);
  }

  private async finalized(client: Client): Promise<string[]> {
    const { finalizedFeatures } = await client.raw.send(apiVersionsApi, { clientSoftwareName: 'hand-over', clientSoftwareVersion: '1' });
    return (finalizedFeatures ?? []).map(({ name, maxVersionLevel }) => `${name} ${maxVersionLevel}`);
  }
}

/** Settings of a topic, of all brokers and of the one, set and unset. */
export class Settings implements Strand {
  readonly name = 'settings';
  private expected: Record<string, string> = {};
  private clusterWide = '';
  private perBroker = '';

  async check(client: Client): Promise<void> {
    const found = await client.dynamicConfigs(ConfigResourceType.TOPIC, 'configured');
    const topic = Object.entries(found).filter(([name]) => name in this.expected || SETTINGS.includes(name));
    mustBe("the topic's settings", Object.fromEntries(topic), this.expected);
    const clusterWide = await client.dynamicConfigs(ConfigResourceType.BROKER, '');
    mustBe('the setting of all brokers', { [CLUSTER_WIDE]: clusterWide[CLUSTER_WIDE] ?? null }, { [CLUSTER_WIDE]: this.clusterWide });
    const own = await client.dynamicConfigs(ConfigResourceType.BROKER, '1');
    mustBe('the setting of broker 1', { [PER_BROKER]: own[PER_BROKER] ?? null }, { [PER_BROKER]: this.perBroker });
  }

  async write(client: Client, { number }: Turn): Promise<void> {
    if (number === 0) {
      await client.createTopic('configured', { 'cleanup.policy': 'compact,delete', 'retention.bytes': '123456789' });
      this.expected = { 'cleanup.policy': 'compact,delete', 'retention.bytes': '123456789' };
    }
    const changes = { 'max.message.bytes': String(1_000_000 + number), [SETTINGS[number % SETTINGS.length]!]: String(50_000 + number) };
    const unset = SETTINGS[(number + 1) % SETTINGS.length]!;
    await client.alterConfigs(ConfigResourceType.TOPIC, 'configured', { ...changes, [unset]: null });
    this.expected = { ...this.expected, ...changes };
    delete this.expected[unset];
    this.clusterWide = String(80_000_000 + number);
    await client.alterConfigs(ConfigResourceType.BROKER, '', { [CLUSTER_WIDE]: this.clusterWide });
    this.perBroker = String(700_000_000 + number);
    await client.alterConfigs(ConfigResourceType.BROKER, '1', { [PER_BROKER]: this.perBroker });
  }
}

const SETTINGS = ['segment.ms', 'flush.ms', 'min.compaction.lag.ms', 'file.delete.delay.ms'];

const CLUSTER_WIDE = 'log.cleaner.delete.retention.ms';
const PER_BROKER = 'log.retention.ms';

function mustBe(what: string, found: Record<string, string | null>, owed: Record<string, string | null>): void {
  const inOrder = (values: Record<string, string | null>): string => JSON.stringify(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));
  if (inOrder(found) !== inOrder(owed)) throw new Error(`${what}: ${inOrder(found)} where ${inOrder(owed)} was set`);
}

const SESSION_TIMEOUT_MS = 300_000;
const SUBSCRIPTION = Buffer.from('00030000000100066772616e74730000000000000000ffffffffffff', 'hex');

/** Offsets that an outsider commits, and a member that goes on in its generation after every hand-over. */
export class Groups implements Strand {
  readonly name = 'groups and their offsets';
  private readonly committed = new Map<string, { offset: number; metadata: string; leaderEpoch: number }>();
  private member: { memberId: string; generationId: number } | undefined;
  private groups = 0;

  async check(client: Client): Promise<void> {
    for (const [key, owed] of this.committed) {
      const [groupId = '', partition = ''] = key.split('/');
      const { offset, metadata, leaderEpoch } = await committedOffset(client, groupId, 'grants', Number(partition));
      if (offset !== owed.offset || metadata !== owed.metadata || leaderEpoch !== owed.leaderEpoch) {
        throw new Error(`group ${groupId} has committed ${offset} '${metadata}' in epoch ${leaderEpoch}, not ${JSON.stringify(owed)}`);
      }
    }
    if (this.member !== undefined) await this.checkMember(client, this.member);
  }

  async write(client: Client, { number, random, dataDir }: Turn): Promise<void> {
    const before = compactedOffsets(dataDir);
    if (number === 0) {
      await client.createTopic('grants', {}, 3);
      await client.findCoordinator('members', 0);
      // Compacted in every turn, by whoever runs: what stands for groups must outlive that.
      await client.alterConfigs(ConfigResourceType.TOPIC, '__consumer_offsets', { 'segment.ms': '100', 'min.cleanable.dirty.ratio': '0.01' });
      this.member = await joinGroup(client);
    }
    this.groups += 3;
    for (let group = 0; group < this.groups; group++) await this.commit(client, `outsider-${group}`, random.below(3), random.below(1000));
    await this.commit(client, 'members', random.below(3), random.below(1000), this.member);
    // The commits of this turn begin segments, and so leave those of the last to the cleaner.
    if (number > 0) await until('compaction of the offsets', async () => compactedOffsets(dataDir), now => now !== before);
  }

  private async checkMember(client: Client, { memberId, generationId }: { memberId: string; generationId: number }): Promise<void> {
    await client.settled('a heartbeat', () => client.raw.send(heartbeatApi, { groupId: 'members', generationId, memberId }), ({ errorCode }) => errorCode);
    const { groups } = await client.raw.send(describeGroupsApi, { groups: ['members'] });
    const { groupState, protocolData, members } = groups[0]!;
    const [member] = members;
    const isTheSame = groupState === 'Stable' && protocolData === 'range' && members.length === 1 && member!.memberId === memberId && member!.memberAssignment.equals(SUBSCRIPTION);
    if (!isTheSame) throw new Error(`the group is no longer what it was: ${JSON.stringify(groups[0])}`);
  }

  private async commit(client: Client, groupId: string, partitionIndex: number, offset: number, member?: { memberId: string; generationId: number }): Promise<void> {
    const metadata = `at ${offset}`;
    await client.settled(`a commit of ${groupId}`, async () => {
      const { topics } = await client.raw.send(offsetCommitApi, {
        groupId, ...(member !== undefined && { memberId: member.memberId, generationIdOrMemberEpoch: member.generationId }),
        topics: [{ name: 'grants', partitions: [{ partitionIndex, committedOffset: offset, committedLeaderEpoch: 0, committedMetadata: metadata }] }],
      }, 9);
      return topics[0]!.partitions[0]!;
    }, ({ errorCode }) => errorCode);
    this.committed.set(`${groupId}/${partitionIndex}`, { offset, metadata, leaderEpoch: 0 });
  }
}

/** How far the partitions of `__consumer_offsets` were compacted, as the checkpoint has it. */
function compactedOffsets(dataDir: string): string {
  const checkpoint = join(dataDir, 'cleaner-offset-checkpoint');
  return existsSync(checkpoint) ? readFileSync(checkpoint, 'utf8').split('\n').filter(line => line.startsWith('__consumer_offsets ')).sort().join('\n') : '';
}

export async function committedOffset(client: Client, groupId: string, name: string, partition: number): Promise<{ offset: number; metadata: string | null; leaderEpoch: number }> {
  const group = await client.settled(`the offsets of ${groupId}`, async () => {
    const { groups } = await client.raw.send(offsetFetchApi, { groups: [{ groupId, topics: [{ name, partitionIndexes: [partition] }] }], requireStable: false }, 9);
    return groups[0]!;
  }, ({ errorCode }) => errorCode);
  const { committedOffset: offset, metadata, committedLeaderEpoch: leaderEpoch } = group.topics[0]!.partitions[0]!;
  return { offset: Number(offset), metadata, leaderEpoch };
}

/** A group of one member, in its first generation. */
async function joinGroup(client: Client): Promise<{ memberId: string; generationId: number }> {
  const ask = (memberId: string) => client.raw.send(joinGroupApi, {
    groupId: 'members', sessionTimeoutMs: SESSION_TIMEOUT_MS, rebalanceTimeoutMs: SESSION_TIMEOUT_MS, memberId, protocolType: 'consumer', protocols: [{ name: 'range', metadata: SUBSCRIPTION }],
  });
  const { memberId } = await until('a member id', () => ask(''), ({ errorCode }) => errorCode === ErrorCode.MEMBER_ID_REQUIRED);
  const { generationId } = await client.settled('joining', () => ask(memberId), ({ errorCode }) => errorCode);
  await client.settled('the assignment', () => client.raw.send(syncGroupApi, {
    groupId: 'members', generationId, memberId, protocolType: 'consumer', protocolName: 'range', assignments: [{ memberId, assignment: SUBSCRIPTION }],
  }), ({ errorCode }) => errorCode);
  return { memberId, generationId };
}
