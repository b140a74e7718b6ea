// What only Apache Kafka does as yet. It writes these in its turns; Ottla has to serve what it can of them, and to leave the
// rest as it is, so that Apache finds it again.

import { ConfigResourceType } from '../../src/metadata/types.js';
import { alterClientQuotasApi } from '../../src/protocol/generated/alter-client-quotas.js';
import { alterUserScramCredentialsApi } from '../../src/protocol/generated/alter-user-scram-credentials.js';
import { createAclsApi } from '../../src/protocol/generated/create-acls.js';
import { deleteGroupsApi } from '../../src/protocol/generated/delete-groups.js';
import { describeAclsApi } from '../../src/protocol/generated/describe-acls.js';
import { describeClientQuotasApi } from '../../src/protocol/generated/describe-client-quotas.js';
import { describeUserScramCredentialsApi } from '../../src/protocol/generated/describe-user-scram-credentials.js';
import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { joinGroupApi } from '../../src/protocol/generated/join-group.js';
import { listGroupsApi } from '../../src/protocol/generated/list-groups.js';
import { shareGroupDescribeApi } from '../../src/protocol/generated/share-group-describe.js';
import { shareGroupHeartbeatApi } from '../../src/protocol/generated/share-group-heartbeat.js';
import { streamsGroupDescribeApi } from '../../src/protocol/generated/streams-group-describe.js';
import { streamsGroupHeartbeatApi } from '../../src/protocol/generated/streams-group-heartbeat.js';
import { until } from '../support/until.js';
import { same, TIMEOUT_MS, type Client } from './client.js';
import type { Strand, Turn } from './strand.js';

const codeOf = ({ errorCode }: { readonly errorCode: number }): number => errorCode;

/** ACLs, SCRAM credentials, quotas, settings of client metrics and of groups: kept in the metadata whoever runs the node. */
export class ClusterMetadata implements Strand {
  readonly name = 'metadata of what Ottla does not do';
  private known: string | undefined;

  async check(client: Client, { runs }: Turn): Promise<void> {
    if (runs === 'apache' && this.known !== undefined) same('the metadata', await this.describe(client), this.known);
  }

  async write(client: Client, { runs, number }: Turn): Promise<void> {
    if (runs !== 'apache') return;
    await client.settled('ACLs', async () => (await client.raw.send(createAclsApi, {
      creations: [{
        resourceType: 2, resourceName: `guarded-${number}`, resourcePatternType: 4, principal: 'User:alice', host: '*', operation: 3, permissionType: 3,
      }],
    })).results[0]!, codeOf);
    await client.settled('credentials', async () => (await client.raw.send(alterUserScramCredentialsApi, {
      deletions: [],
      upsertions: [{
        name: `user-${number}`, mechanism: 1, iterations: 4096 + number, salt: Buffer.from('salt'), saltedPassword: Buffer.from('password'),
      }],
    })).results[0]!, codeOf);
    await client.settled('quotas', async () => (await client.raw.send(alterClientQuotasApi, {
      entries: [{
        entity: [{ entityType: 'user', entityName: `user-${number}` }, { entityType: 'client-id', entityName: null }],
        ops: [{ key: 'producer_byte_rate', value: 1e9 + number, remove: false }],
      }],
      validateOnly: false,
    })).entries[0]!, codeOf);
    await client.alterConfigs(ConfigResourceType.CLIENT_METRICS, `metrics-${number}`, { metrics: 'org.apache.kafka.producer.', 'interval.ms': '60000' });
    await client.alterConfigs(ConfigResourceType.GROUP, `group-${number}`, { 'consumer.session.timeout.ms': String(50_000 + number) });
    // Brokers act on metadata a moment after it is committed.
    const before = this.known;
    const isHere = (text: string): boolean => text.includes(`guarded-${number}`) && text.includes(`user-${number}`) && text !== before;
    this.known = await until('the metadata', () => this.describe(client), isHere);
  }

  private async describe(client: Client): Promise<string> {
    const acls = await client.raw.send(describeAclsApi, {
      resourceTypeFilter: 1, resourceNameFilter: null, patternTypeFilter: 1, principalFilter: null, hostFilter: null, operation: 1, permissionType: 1,
    });
    const scram = await client.raw.send(describeUserScramCredentialsApi, { users: null });
    const quotas = await client.raw.send(describeClientQuotasApi, { components: [], strict: false });
    const settings = [];
    for (let number = 0; number < 10; number++) {
      settings.push(await client.dynamicConfigs(ConfigResourceType.CLIENT_METRICS, `metrics-${number}`));
      settings.push(await client.dynamicConfigs(ConfigResourceType.GROUP, `group-${number}`));
    }
    const inOrder = (list: readonly unknown[] | null): string[] => (list ?? []).map(entry => JSON.stringify(entry)).sort();
    return [...inOrder(acls.resources), ...inOrder(scram.results), ...inOrder(quotas.entries), ...settings.map(entry => JSON.stringify(entry))].join('\n');
  }
}

const MEMBER_ID = 'AAAAAAAAAAAAAAAAAAAAaQ';

/** Groups of the newer protocols (KIP-932, 1071): what they are must be left alone. */
export class NewerGroups implements Strand {
  readonly name = 'groups of newer protocols';
  private isThere = false;
  private described: string | undefined;

  async check(client: Client, { runs }: Turn): Promise<void> {
    if (!this.isThere) return;
    if (runs === 'apache') {
      same('the groups', await this.describe(client), this.described);
      return;
    }
    await this.leftAlone(client);
  }

  async write(client: Client, { runs }: Turn): Promise<void> {
    if (runs !== 'apache') return;
    if (!this.isThere) await this.begin(client);
    this.isThere = true;
    this.described = await this.describe(client);
  }

  /** Each kind of group gets a member, who is given the partition. */
  private async begin(client: Client): Promise<void> {
    await client.createTopic('newer');
    await client.findCoordinator('newer-sharers', 0);
    await client.settled('a share group', () => client.raw.send(shareGroupHeartbeatApi, {
      groupId: 'newer-sharers', memberId: MEMBER_ID, memberEpoch: 0, subscribedTopicNames: ['newer'],
    }), codeOf);
    await client.settled('a streams group', () => client.raw.send(streamsGroupHeartbeatApi, {
      groupId: 'newer-streams', memberId: MEMBER_ID, memberEpoch: 0, endpointInformationEpoch: -1, rebalanceTimeoutMs: TIMEOUT_MS,
      processId: 'process', clientTags: [], activeTasks: [], standbyTasks: [], warmupTasks: [],
      topology: {
        epoch: 1,
        subtopologies: [{
          subtopologyId: '0', sourceTopics: ['newer'], sourceTopicRegex: [], stateChangelogTopics: [], repartitionSinkTopics: [],
          repartitionSourceTopics: [], copartitionGroups: [],
        }],
      },
    }), codeOf);
  }

  private async describe(client: Client): Promise<string> {
    const asked = (groupId: string) => ({ groupIds: [groupId], includeAuthorizedOperations: false });
    const { raw } = client;
    const groups = [
      await client.settled('a share group', async () => (await raw.send(shareGroupDescribeApi, asked('newer-sharers'))).groups[0]!, codeOf),
      await client.settled('a streams group', async () => (await raw.send(streamsGroupDescribeApi, asked('newer-streams'))).groups[0]!, codeOf),
    ];
    return JSON.stringify(groups.map(({ groupId, groupState, members }) =>
      [groupId, groupState, members.map(({ memberId, memberEpoch }) => [memberId, memberEpoch])]));
  }

  /** Ottla lists them for what they are, and lets nobody make something else of them. */
  private async leftAlone(client: Client): Promise<void> {
    const { groups } = await client.raw.send(listGroupsApi, {});
    const types = groups.filter(({ groupId }) => groupId.startsWith('newer-')).map(({ groupId, groupType }) => `${groupId} ${groupType}`).sort();
    same('the types of the groups', types, ['newer-sharers share', 'newer-streams streams']);
    for (const groupId of ['newer-sharers', 'newer-streams']) {
      const joined = await client.raw.send(joinGroupApi, {
        groupId, sessionTimeoutMs: TIMEOUT_MS, rebalanceTimeoutMs: TIMEOUT_MS, memberId: '',
        protocolType: 'consumer', protocols: [{ name: 'range', metadata: Buffer.alloc(4) }],
      });
      same(`joining ${groupId}`, joined.errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
      const { results } = await client.raw.send(deleteGroupsApi, { groupsNames: [groupId] });
      same(`deleting ${groupId}`, results[0]!.errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    }
  }
}
