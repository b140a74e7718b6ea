import { beforeEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { localSettings } from '../config/index.js';
import { bootstrapFromLevels } from '../metadata/bootstrap.js';
import { defaultFeatures } from '../metadata/features.js';
import { metadataRecord, metadataCodec } from '../metadata/records.js';
import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { MemoryLog } from '../runtime/memory-log.js';
import { Cluster, CLUSTER, codeOf, content, uuid } from './testing/cluster.js';

/** Of a fresh cluster, without the two that are special. */
const plainFeatures = (): Map<string, number> => new Map([...defaultFeatures()].filter(([name]) => name !== 'metadata.version' && name !== 'kraft.version').sort(([a], [b]) => (a < b ? -1 : 1)));
const levelRecords = (): string[] => Array.from(plainFeatures(), ([name, level]) => `FeatureLevel name="${name}" featureLevel=${level}`);

let one: Cluster;
let three: Cluster;

beforeEach(async () => {
  one = await Cluster.serving([1]);
  three = await Cluster.serving([1, 2, 3]);
});

describe('activation', () => {
  test('of an empty log writes the bootstrap records in a transaction', async () => {
    const cluster = new Cluster();
    expect(await cluster.written(() => cluster.runtime.elected(0))).toEqual([
      'BeginTransaction name="Bootstrap records"',
      'FeatureLevel name="metadata.version" featureLevel=30',
      ...levelRecords(),
      'Config resourceType=4 name="min.insync.replicas" value="1"',
      'EndTransaction',
    ]);
    expect(Object.fromEntries(cluster.image.features.finalized)).toEqual(Object.fromEntries(defaultFeatures()));
  });

  test('before transactions existed writes them plainly', async () => {
    const cluster = new Cluster(undefined, bootstrapFromLevels(defaultFeatures(8)));
    expect(await cluster.written(() => cluster.runtime.elected(0))).toEqual(['FeatureLevel name="metadata.version" featureLevel=8']);
  });

  test('of a log that has everything writes nothing', async () => {
    const next = new Cluster(undefined, undefined, one.log);
    expect(await next.written(() => next.runtime.elected(0))).toEqual([]);
    expect(content(next.image)).toEqual(content(one.image));
  });

  test('takes back a transaction that was left open, and begins anew when that was the first', async () => {
    const log = new MemoryLog();
    const codec = metadataCodec(() => 30);
    const left = [metadataRecord('BeginTransaction', { name: 'x' }), metadataRecord('FeatureLevel', { name: 'metadata.version', featureLevel: 30 })];
    log.append(buildBatch({}, left.map(record => ({ timestampMs: 1, ...codec.encode(record) }))), { leaderEpoch: 0 });
    const cluster = new Cluster(undefined, undefined, log);
    const lines = await cluster.written(() => cluster.runtime.elected(0));
    expect(lines.slice(0, 2)).toEqual(['AbortTransaction reason="Controller failover"', 'BeginTransaction name="Bootstrap records"']);
    expect(cluster.image.features.metadataVersion).toBe(30);
  });

  test('finalizes what newer software serves, where every broker does, unless it was declined', async () => {
    const old = await Cluster.serving([], undefined, bootstrapFromLevels(new Map([['metadata.version', 30]])));
    const next = new Cluster(undefined, undefined, old.log);
    const [safety, ...finalized] = await next.written(() => next.runtime.elected(0));
    expect([safety, finalized.sort()]).toEqual(['Config resourceType=4 name="min.insync.replicas" value="1"', levelRecords()]);
    const levels = new Map([['metadata.version', 30], ...Array.from(plainFeatures().keys(), name => [name, 0] as const)]);
    const declined = await Cluster.serving([], undefined, bootstrapFromLevels(levels));
    const after = new Cluster(undefined, undefined, declined.log);
    expect(await after.written(() => after.runtime.elected(0))).toEqual([]);
  });

  test('keeps an idle log going, if it is told to', async () => {
    const cluster = await Cluster.serving([], localSettings({ 'metadata.max.idle.interval.ms': '500' }));
    expect(await cluster.written(async () => { for (let i = 0; i < 3; i++) cluster.clock.advance(500); })).toEqual(['NoOp', 'NoOp', 'NoOp']);
    expect(await one.written(async () => one.clock.advance(60_000))).toEqual([]);
  });
});

describe('brokers', () => {
  test('register fenced, with the offset of their record as epoch, and serve once they have caught up with it', async () => {
    const cluster = await Cluster.serving([]);
    expect(await cluster.written(() => cluster.register(1))).toEqual(['RegisterBroker brokerId=1 fenced=true']);
    const epoch = cluster.epochs.get(1)!;
    expect([epoch, cluster.image.brokers.get(1)?.epoch]).toEqual([cluster.log.endOffset - 1, epoch]);
    expect(await cluster.heartbeat(1, { offset: epoch - 1 })).toEqual({ isCaughtUp: false, isFenced: true, shouldShutDown: false });
    expect(await cluster.heartbeat(1, { wantFence: true })).toEqual({ isCaughtUp: true, isFenced: true, shouldShutDown: false });
    expect(await cluster.written(() => cluster.heartbeat(1))).toEqual(['BrokerRegistrationChange brokerId=1 fenced=-1']);
    expect(cluster.image.brokers.get(1)?.fenced).toBe(false);
  });

  test('a new incarnation in the controller\'s own process takes the place of the old one at once; elsewhere it waits', async () => {
    await one.create('t');
    const before = one.partition('t')!;
    await one.register(1);
    await one.heartbeat(1);
    expect(one.partition('t')).toMatchObject({ leader: 1, isr: [1], leaderEpoch: before.leaderEpoch + 1, leaderRecoveryState: 0 });
    expect(await codeOf(three.register(2))).toBe(ErrorCode.DUPLICATE_BROKER_REGISTRATION);
    three.clock.advance(9001);
    expect(await codeOf(three.register(2))).toBeUndefined();
    expect(await codeOf(one.register(1, { logDirs: [uuid(77)] }))).toBe(ErrorCode.DUPLICATE_BROKER_REGISTRATION);
  });

  test('the same incarnation keeps its epoch and its state', async () => {
    const epoch = await three.register(2, { incarnation: 2, rack: 'r' });
    expect([epoch, three.image.brokers.get(2)]).toMatchObject([three.epochs.get(2), { fenced: false, rack: 'r', epoch }]);
  });

  test('registrations that cannot be are refused', async () => {
    const refused = async (fields: Parameters<Cluster['register']>[1]) => codeOf(one.register(9, fields));
    expect(await refused({ logDirs: [] })).toBe(ErrorCode.INVALID_REGISTRATION);
    expect(await refused({ logDirs: [uuid(9), uuid(9)] })).toBe(ErrorCode.INVALID_REGISTRATION);
    expect(await refused({ logDirs: [uuid(1)] })).toBe(ErrorCode.INVALID_REGISTRATION);
    expect(await refused({ logDirs: ['AAAAAAAAAAAAAAAAAAAAAg'] })).toBe(ErrorCode.INVALID_REGISTRATION);
    const request = { brokerId: 9, clusterId: CLUSTER, incarnationId: uuid(9), rack: null, listeners: [], logDirs: [uuid(9)] };
    const feature = (name: string, min: number, max: number) => ({ name, minSupportedVersion: min, maxSupportedVersion: max });
    expect(await codeOf(one.api.registerBroker({ ...request, features: [] }))).toBe(ErrorCode.INVALID_REGISTRATION);
    expect(await codeOf(one.api.registerBroker({ ...request, features: [feature('metadata.version', 7, 25)] }))).toBe(ErrorCode.UNSUPPORTED_VERSION);
    expect(await codeOf(one.api.registerBroker({ ...request, features: [feature('metadata.version', 7, 30)] }))).toBe(ErrorCode.UNSUPPORTED_VERSION);
    expect(await codeOf(one.api.registerBroker({ ...request, clusterId: 'x', features: [] }))).toBe(ErrorCode.INCONSISTENT_CLUSTER_ID);
    expect(one.image.brokers.has(9)).toBe(false);
  });

  test('heartbeats of other epochs, or of nobody, are refused', async () => {
    one.epochs.set(1, 1).set(5, 5);
    expect([await codeOf(one.heartbeat(1)), await codeOf(one.heartbeat(5))]).toEqual([ErrorCode.STALE_BROKER_EPOCH, ErrorCode.STALE_BROKER_EPOCH]);
  });

  test('one that is not heard of is fenced after its session, and others lead', async () => {
    await three.create('t', { assignments: [[2, 3, 1]] });
    three.clock.advance(5000);
    await three.heartbeat(3);
    expect(await three.written(async () => three.clock.advance(4001))).toEqual([
      'PartitionChange t-0 isr=[3,1] leader=3', 'BrokerRegistrationChange brokerId=2 fenced=1',
    ]);
    expect(await three.written(async () => three.clock.advance(60_000))).toEqual([
      'PartitionChange t-0 isr=[1] leader=1', 'BrokerRegistrationChange brokerId=3 fenced=1',
    ]);
  });

  test('one that goes in order hands its leaderships on first, and may stop when the others know', async () => {
    await three.create('t', { assignments: [[2, 3], [1, 2]] });
    expect(await three.written(() => three.heartbeat(2, { wantShutDown: true }))).toEqual([
      'BrokerRegistrationChange brokerId=2 inControlledShutdown=1', 'PartitionChange t-0 isr=[3] leader=3', 'PartitionChange t-1 isr=[1]',
    ]);
    const known = three.log.endOffset - 1;
    expect(await three.heartbeat(2, { wantShutDown: true })).toMatchObject({ shouldShutDown: false, isFenced: false });
    await three.heartbeat(1, { offset: known });
    await three.heartbeat(3, { offset: known });
    expect(await three.written(async () => expect(await three.heartbeat(2, { wantShutDown: true })).toMatchObject({ shouldShutDown: true, isFenced: true })))
      .toEqual(['BrokerRegistrationChange brokerId=2 fenced=1']);
  });

  test('the only one of a cluster stops and comes back without a word about each partition, but for a new leader epoch', async () => {
    await one.create('t', { partitions: 2 });
    expect(await one.written(() => one.heartbeat(1, { wantShutDown: true }))).toEqual(['BrokerRegistrationChange brokerId=1 fenced=1']);
    expect(await one.written(() => one.register(1, { previousBrokerEpoch: one.epochs.get(1)! }))).toEqual(['RegisterBroker brokerId=1 fenced=true']);
    expect(await one.written(() => one.heartbeat(1))).toEqual([
      'BrokerRegistrationChange brokerId=1 fenced=-1', 'PartitionChange t-0 leader=1', 'PartitionChange t-1 leader=1',
    ]);
    expect(one.partition('t', 1)).toMatchObject({ leader: 1, isr: [1], leaderEpoch: 1 });
  });

  test('a directory that went offline, and one to be spared', async () => {
    const cluster = await Cluster.serving([]);
    await cluster.register(1, { logDirs: [uuid(1), uuid(2)] });
    await cluster.heartbeat(1);
    expect(await cluster.written(() => cluster.heartbeat(1, { offlineLogDirs: [uuid(2)], cordonedLogDirs: [uuid(1)] }))).toHaveLength(2);
    expect(cluster.image.brokers.get(1)).toMatchObject({ logDirs: [uuid(1)], cordonedLogDirs: [uuid(1)] });
    expect(await cluster.written(() => cluster.heartbeat(1, { cordonedLogDirs: [uuid(1)] }))).toEqual([]);
  });

  test('unregistering takes a broker out of everything', async () => {
    await three.create('t', { assignments: [[2, 3]] });
    expect(await three.written(() => three.api.unregisterBroker({ brokerId: 2 }))).toEqual(['PartitionChange t-0 isr=[3] leader=3', 'UnregisterBroker brokerId=2']);
    expect(await codeOf(three.api.unregisterBroker({ brokerId: 2 }))).toBe(ErrorCode.BROKER_ID_NOT_REGISTERED);
  });
});

describe('topics', () => {
  test('are written with their settings between topic and partitions', async () => {
    expect(await one.written(() => one.create('t', { partitions: 2, configs: { 'retention.ms': '5' } }))).toEqual([
      'Topic t name="t"', 'Config resourceType=2 resourceName="t" name="retention.ms" value="5"',
      'Partition t-0 replicas=[1] isr=[1] leader=1', 'Partition t-1 replicas=[1] isr=[1] leader=1',
    ]);
    expect(one.partition('t')).toMatchObject({ directories: [uuid(1)], leaderEpoch: 0, partitionEpoch: 0 });
  });

  test('only validated, leave no trace', async () => {
    expect(await one.written(async () => expect(await one.create('t', { validateOnly: true })).toMatchObject({ errorCode: 0, numPartitions: 1 }))).toEqual([]);
  });

  test('get the node\'s defaults for -1', async () => {
    const cluster = await Cluster.serving([1], localSettings({ 'num.partitions': '4' }));
    expect(await cluster.create('t', { partitions: -1, replicas: -1 })).toMatchObject({ numPartitions: 4, replicationFactor: 1 });
  });

  test('that cannot be are refused, each by itself', async () => {
    await one.create('taken.name');
    const refused = async (name: string, fields: Parameters<Cluster['create']>[1], errorCode: number) =>
      expect([name, await one.create(name, fields)]).toEqual([name, expect.objectContaining({ errorCode })]);
    await refused('taken.name', {}, ErrorCode.TOPIC_ALREADY_EXISTS);
    await refused('taken_name', {}, ErrorCode.INVALID_TOPIC_EXCEPTION);
    for (const name of ['', '.', '..', 'ä', 'a b', 'x'.repeat(250)]) await refused(name, {}, ErrorCode.INVALID_TOPIC_EXCEPTION);
    await refused('t', { replicas: 2 }, ErrorCode.INVALID_REPLICATION_FACTOR);
    await refused('t', { replicas: 0 }, ErrorCode.INVALID_REPLICATION_FACTOR);
    await refused('t', { partitions: 0 }, ErrorCode.INVALID_PARTITIONS);
    await refused('t', { assignments: [[7]] }, ErrorCode.INVALID_REPLICA_ASSIGNMENT);
    await refused('t', { assignments: [[1, 1]] }, ErrorCode.INVALID_REPLICA_ASSIGNMENT);
    await refused('t', { assignments: [[]] }, ErrorCode.INVALID_REPLICA_ASSIGNMENT);
    await refused('t', { configs: { 'retention.ms': 'x' } }, ErrorCode.INVALID_CONFIG);
    await refused('t', { configs: { nonsense: '1' } }, ErrorCode.INVALID_CONFIG);
    await refused('t', { configs: { 'retention.ms': null } }, ErrorCode.INVALID_CONFIG);
    await one.heartbeat(1, { wantFence: true });
    await refused('t', {}, ErrorCode.INVALID_REPLICATION_FACTOR);
    expect(one.image.topicsByName.size).toBe(1);
  });

  test('spread leaders and replicas evenly', async () => {
    await three.create('t', { partitions: 30, replicas: 2 });
    const partitions = three.image.topicsByName.get('t')!.partitions;
    for (const broker of [1, 2, 3]) {
      expect(partitions.filter(({ leader }) => leader === broker)).toHaveLength(10);
      expect(partitions.filter(({ replicas }) => replicas.includes(broker))).toHaveLength(20);
    }
  });

  test('lie in as many racks as they can, and on serving brokers before fenced ones', async () => {
    const cluster = await Cluster.serving([]);
    for (let broker = 1; broker <= 7; broker++) {
      await cluster.register(broker, { rack: broker === 7 ? null : `rack-${broker % 3}` });
      if (broker !== 6) await cluster.heartbeat(broker);
    }
    await cluster.create('t', { partitions: 200, replicas: 4 });
    for (const { replicas, leader } of cluster.image.topicsByName.get('t')!.partitions) {
      expect(new Set(replicas).size).toBe(4);
      expect(new Set(replicas.map(id => cluster.image.brokers.get(id)!.rack)).size).toBe(4);
      expect(leader).toBe(replicas[0]);
      expect(leader).not.toBe(6);
    }
    expect((await cluster.create('all', { replicas: 7 })).errorCode).toBe(0);
    expect(await cluster.create('more', { replicas: 8 })).toMatchObject({ errorCode: ErrorCode.INVALID_REPLICATION_FACTOR, errorMessage: expect.stringMatching(
      /^Unable to replicate the partition 8 time\(s\): .* only 7 broker\(s\)/) });
  });

  test('grow, and never shrink', async () => {
    await one.create('t');
    const grow = async (count: number, assignments: { brokerIds: number[] }[] | null = null) =>
      (await one.api.createPartitions({ topics: [{ name: 't', count, assignments }], timeoutMs: 1, validateOnly: false })).results?.[0]?.errorCode;
    expect(await one.written(async () => expect(await grow(3)).toBe(0))).toEqual(['Partition t-1 replicas=[1] isr=[1] leader=1', 'Partition t-2 replicas=[1] isr=[1] leader=1']);
    expect([await grow(3), await grow(2), await grow(5, [{ brokerIds: [1] }]), await grow(4, [{ brokerIds: [1] }])])
      .toEqual([ErrorCode.INVALID_PARTITIONS, ErrorCode.INVALID_PARTITIONS, ErrorCode.INVALID_REPLICA_ASSIGNMENT, 0]);
  });

  test('are removed by name or id, with their settings', async () => {
    const { topicId } = await one.create('a', { configs: { 'retention.ms': '5' } });
    await one.create('b');
    const { responses } = await one.api.deleteTopics({
      timeoutMs: 1,
      topics: [{ name: null, topicId: topicId! }, { name: 'b', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }, { name: 'c', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }],
    });
    expect(responses?.map(({ name, errorCode }) => [name, errorCode])).toEqual([['a', 0], ['b', 0], ['c', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]]);
    expect([one.image.topicsByName.size, one.image.configs.size]).toEqual([0, 1]);
  });

  test('in excess are refused as a whole', async () => {
    expect(await codeOf(one.create('t', { partitions: 10_001 }))).toBe(ErrorCode.POLICY_VIOLATION);
  });
});

describe('settings', () => {
  const alter = async (cluster: Cluster, resourceType: number, resourceName: string, configs: [string, number, string | null][], validateOnly = false) =>
    (await cluster.api.incrementalAlterConfigs({
      validateOnly, resources: [{ resourceType, resourceName, configs: configs.map(([name, configOperation, value]) => ({ name, configOperation, value })) }],
    })).responses?.[0];

  test('are set, added to, taken from and removed', async () => {
    await one.create('t');
    expect(await one.written(() => alter(one, 2, 't', [['retention.ms', 0, '5'], ['cleanup.policy', 2, 'compact']]))).toEqual([
      'Config resourceType=2 resourceName="t" name="retention.ms" value="5"', 'Config resourceType=2 resourceName="t" name="cleanup.policy" value="delete,compact"',
    ]);
    await alter(one, 2, 't', [['retention.ms', 1, null], ['cleanup.policy', 3, 'delete']]);
    expect(one.image.configs.get('2:t')).toEqual(new Map([['cleanup.policy', 'compact']]));
  });

  test('of the least in-sync replicas make eligible ones be found anew', async () => {
    await one.create('t');
    expect(await one.written(() => alter(one, 2, 't', [['min.insync.replicas', 0, '2']]))).toEqual([
      'Config resourceType=2 resourceName="t" name="min.insync.replicas" value="2"', 'ClearElr topicName="t"',
    ]);
  });

  test('of a new topic too, and of all brokers every time they are written', async () => {
    expect((await one.written(() => one.create('t', { configs: { 'min.insync.replicas': '2' } })))[2]).toBe('ClearElr topicName="t"');
    expect(await one.written(() => one.api.incrementalAlterConfigs({ validateOnly: false, resources: [['2', 't'], ['4', '']].map(([type, resourceName]) => ({
      resourceType: Number(type), resourceName: resourceName!, configs: [{ name: 'min.insync.replicas', configOperation: 0, value: '1' }],
    })) }))).toEqual([
      'Config resourceType=2 resourceName="t" name="min.insync.replicas" value="1"', 'Config resourceType=4 name="min.insync.replicas" value="1"',
      'ClearElr topicName="t"', 'ClearElr',
    ]);
  });

  test('of one broker cannot have a minimum of its own, nor can the cluster be without', async () => {
    const refused = async (name: string, operation: number) => (await alter(one, 4, name, [['min.insync.replicas', operation, operation === 0 ? '1' : null]]))?.errorMessage;
    expect(await refused('1', 0)).toBe('Broker-level min.insync.replicas cannot be altered while ELR is enabled.');
    expect(await refused('1', 1)).toBe('Broker-level min.insync.replicas cannot be altered while ELR is enabled.');
    expect(await refused('', 1)).toBe('Cluster-level min.insync.replicas cannot be removed while ELR is enabled.');
    const { responses } = await one.api.alterConfigs({ validateOnly: false, resources: [{ resourceType: 4, resourceName: '', configs: [{ name: 'log.retention.ms', value: '1' }] }] });
    expect(responses).toMatchObject([{ errorCode: ErrorCode.INVALID_CONFIG }]);
  });

  test('that replace all take away the rest', async () => {
    await one.create('t', { configs: { 'retention.ms': '5', 'segment.bytes': '2000000' } });
    await one.api.alterConfigs({ validateOnly: false, resources: [{ resourceType: 2, resourceName: 't', configs: [{ name: 'retention.ms', value: '6' }] }] });
    expect(one.image.configs.get('2:t')).toEqual(new Map([['retention.ms', '6']]));
  });

  test('only validated, or wrong, change nothing', async () => {
    await one.create('t');
    expect(await one.written(async () => {
      expect(await alter(one, 2, 't', [['retention.ms', 0, '5']], true)).toMatchObject({ errorCode: 0 });
      expect(await alter(one, 2, 't', [['retention.ms', 0, 'x']])).toMatchObject({ errorCode: ErrorCode.INVALID_CONFIG });
      expect(await alter(one, 2, 'none', [['retention.ms', 0, '5']])).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
      expect(await alter(one, 2, 't', [['compression.type', 0, 'x'.repeat(32_768)]])).toMatchObject({
        errorCode: ErrorCode.INVALID_CONFIG, errorMessage: 'The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.',
      });
      expect(await alter(one, 99, 't', [])).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST });
      expect(await alter(one, 4, 'x', [['log.retention.ms', 0, '5']])).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST });
    })).toEqual([]);
  });

  test('for all brokers count for the controller\'s own decisions at once', async () => {
    expect(await alter(one, 4, '', [['min.insync.replicas', 1, null]])).toMatchObject({ errorCode: ErrorCode.INVALID_CONFIG });
    expect(await alter(one, 4, '1', [['min.insync.replicas', 0, '2']])).toMatchObject({ errorCode: ErrorCode.INVALID_CONFIG });
    expect(await alter(one, 4, '', [['log.retention.ms', 0, '7000']])).toMatchObject({ errorCode: 0 });
    const { configs } = await one.create('after');
    expect(configs?.find(({ name }) => name === 'retention.ms')).toMatchObject({ value: '7000', configSource: 3 });
  });
});

describe('partitions', () => {
  const alterIsr = async (isr: number[], fields: { leader?: number; leaderEpoch?: number; partitionEpoch?: number; brokerEpoch?: number; recovery?: number } = {}) => {
    const { leader = 1, leaderEpoch = 0, partitionEpoch = three.partition('t')!.partitionEpoch, recovery = 0 } = fields;
    const { topics } = await three.api.alterPartition({
      brokerId: leader, brokerEpoch: three.epochs.get(leader)!, topics: [{
        topicId: three.image.topicsByName.get('t')!.id, partitions: [{
          partitionIndex: 0, leaderEpoch, partitionEpoch, leaderRecoveryState: recovery,
          newIsrWithEpochs: isr.map(brokerId => ({ brokerId, brokerEpoch: fields.brokerEpoch ?? three.epochs.get(brokerId) ?? -1 })),
        }],
      }],
    });
    return topics[0]!.partitions[0]!;
  };

  beforeEach(async () => {
    await three.create('t', { assignments: [[1, 2, 3]], configs: { 'min.insync.replicas': '2' } });
  });

  test('shrink and grow their ISR as the leader says', async () => {
    expect(await alterIsr([1])).toMatchObject({ errorCode: 0, isr: [1], partitionEpoch: 1, leaderEpoch: 0 });
    expect(three.partition('t')).toMatchObject({ isr: [1], eligibleLeaderReplicas: [2, 3] });
    expect(await alterIsr([1, 3])).toMatchObject({ errorCode: 0, isr: [1, 3] });
    expect(three.partition('t')).toMatchObject({ isr: [1, 3], eligibleLeaderReplicas: [], leader: 1, leaderEpoch: 0 });
  });

  test('refuse what is old, wrong or of others, in Kafka\'s order', async () => {
    const code = async (...args: Parameters<typeof alterIsr>) => (await alterIsr(...args)).errorCode;
    expect(await code([1], { leaderEpoch: 5 })).toBe(ErrorCode.NOT_CONTROLLER);
    expect(await code([1], { partitionEpoch: 5 })).toBe(ErrorCode.NOT_CONTROLLER);
    await alterIsr([1, 2]);
    expect(await code([1], { partitionEpoch: 0 })).toBe(ErrorCode.INVALID_UPDATE_VERSION);
    expect(await code([1], { leaderEpoch: -1 })).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    expect(await code([2], { leader: 2 })).toBe(ErrorCode.INVALID_REQUEST);
    for (const isr of [[], [2], [1, 1], [1, 9]]) expect(await code(isr)).toBe(ErrorCode.INVALID_REQUEST);
    expect(await code([1], { recovery: 1 })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await code([1, 3], { brokerEpoch: 99 })).toBe(ErrorCode.INELIGIBLE_REPLICA);
    await three.heartbeat(3, { wantFence: true });
    expect(await code([1, 3])).toBe(ErrorCode.INELIGIBLE_REPLICA);
  });

  test('without their ISR are led by an eligible replica, and by the last leader when there is none', async () => {
    await alterIsr([1]);
    await three.heartbeat(1, { wantFence: true });
    expect(three.partition('t')).toMatchObject({ leader: 2, isr: [2], eligibleLeaderReplicas: [1, 3], leaderRecoveryState: 0 });
    await three.heartbeat(2, { wantFence: true });
    await three.heartbeat(3, { wantFence: true });
    expect(three.partition('t')).toMatchObject({ leader: -1, isr: [], eligibleLeaderReplicas: [1, 2, 3], lastKnownElr: [3] });
    expect(await three.written(() => three.heartbeat(2))).toEqual([
      'BrokerRegistrationChange brokerId=2 fenced=-1', 'PartitionChange t-0 isr=[2] leader=2 eligibleLeaderReplicas=[1,3] lastKnownElr=[]',
    ]);
  });

  test('without a leader get any replica, some time after their settings allow it', async () => {
    await three.create('other', { assignments: [[1, 2]] });
    const { id: topicId } = three.image.topicsByName.get('other')!;
    await three.api.alterPartition({ brokerId: 1, brokerEpoch: three.epochs.get(1)!, topics: [{ topicId, partitions: [{
      partitionIndex: 0, leaderEpoch: 0, partitionEpoch: 0, newIsrWithEpochs: [{ brokerId: 1, brokerEpoch: -1 }],
    }] }] });
    await three.heartbeat(1, { wantFence: true });
    expect(three.partition('other')).toMatchObject({ leader: -1, eligibleLeaderReplicas: [1] });
    const elected = async () => (await three.written(async () => {
      for (let passedMs = 0; passedMs < 300_000; passedMs += 5000) {
        three.clock.advance(5000);
        await three.heartbeat(2);
      }
    })).filter(line => line.startsWith('PartitionChange other'));
    expect(await elected()).toEqual([]);
    const allow = [{ name: 'unclean.leader.election.enable', configOperation: 0, value: 'true' }];
    await three.api.incrementalAlterConfigs({ validateOnly: false, resources: [{ resourceType: 4, resourceName: '', configs: allow }] });
    expect(await elected()).toEqual(['PartitionChange other-0 isr=[2] leader=2 leaderRecoveryState=1 eligibleLeaderReplicas=[] lastKnownElr=[]']);
  });

  test('count a broker that stopped out of order as one that lost records', async () => {
    await alterIsr([1]);
    three.clock.advance(5000);
    await three.heartbeat(2);
    three.clock.advance(4001);
    expect(three.partition('t')?.eligibleLeaderReplicas).toEqual([2, 3]);
    await three.register(3);
    expect(three.partition('t')?.eligibleLeaderReplicas).toEqual([2]);
  });

  test('go back to their preferred leader on request', async () => {
    await three.heartbeat(1, { wantFence: true });
    await three.heartbeat(1);
    const elect = async (topicPartitions: { topic: string; partitions: number[] }[] | null) =>
      (await three.api.electLeaders({ electionType: 0, topicPartitions, timeoutMs: 1 })).replicaElectionResults;
    const ask = [{ topic: 't', partitions: [0, 7] }];
    expect(await elect(ask)).toEqual([{ topic: 't', partitionResult: [
      expect.objectContaining({ errorCode: ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE }), expect.objectContaining({ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }),
    ] }]);
    await alterIsr([1, 2, 3], { leader: 2, leaderEpoch: 1 });
    expect((await elect(ask))[0]?.partitionResult[0]).toMatchObject({ errorCode: 0 });
    expect(three.partition('t')).toMatchObject({ leader: 1, leaderEpoch: 2 });
    expect((await elect(ask))[0]?.partitionResult[0]).toMatchObject({ errorCode: ErrorCode.ELECTION_NOT_NEEDED });
    expect(await elect(null)).toEqual([{ topic: 't', partitionResult: [] }]);
  });

  test('learn in which directory a replica lies', async () => {
    const cluster = await Cluster.serving([]);
    await cluster.register(1, { logDirs: [uuid(1), uuid(2)] });
    await cluster.heartbeat(1);
    const { topicId = '' } = await cluster.create('d');
    expect(cluster.partition('d')?.directories).toEqual(['AAAAAAAAAAAAAAAAAAAAAQ']);
    const { directories } = await cluster.api.assignReplicasToDirs({
      brokerId: 1, brokerEpoch: cluster.epochs.get(1)!, directories: [{ id: uuid(2), topics: [{ topicId, partitions: [{ partitionIndex: 0 }, { partitionIndex: 4 }] }] }],
    });
    expect(directories?.[0]?.topics?.[0]?.partitions?.map(({ errorCode }) => errorCode)).toEqual([0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
    expect(cluster.partition('d')?.directories).toEqual([uuid(2)]);
  });

  test('have no leader while their only directory is offline, over registrations too, until they are told to lie elsewhere', async () => {
    const cluster = await Cluster.serving([]);
    const twoDirs = { logDirs: [uuid(1), uuid(2)] };
    await cluster.register(1, twoDirs);
    await cluster.heartbeat(1);
    const { topicId = '' } = await cluster.create('d', { partitions: 2 });
    const assign = (id: string, partitionIndex: number) => cluster.api.assignReplicasToDirs({
      brokerId: 1, brokerEpoch: cluster.epochs.get(1)!, directories: [{ id, topics: [{ topicId, partitions: [{ partitionIndex }] }] }],
    });
    await assign(uuid(1), 0);
    await assign(uuid(2), 1);
    const leaders = () => [0, 1].map(index => cluster.partition('d', index)?.leader);
    expect(leaders()).toEqual([1, 1]);
    await cluster.register(1, { logDirs: [uuid(2)] });
    await cluster.heartbeat(1);
    expect(leaders()).toEqual([-1, 1]);
    await assign(uuid(2), 0);
    expect(leaders()).toEqual([1, 1]);
    await assign(uuid(9), 0);
    expect(leaders()).toEqual([-1, 1]);
    await cluster.register(1, twoDirs);
    await cluster.heartbeat(1);
    await assign(uuid(1), 0);
    expect(leaders()).toEqual([1, 1]);

    await cluster.heartbeat(1, { offlineLogDirs: [uuid(2)] });
    expect([leaders(), cluster.partition('d', 1)?.directories]).toEqual([[1, -1], [uuid(2)]]);
    expect(await cluster.written(() => cluster.heartbeat(1, { offlineLogDirs: [uuid(2)] }))).toEqual([]);
  });
});

describe('features', () => {
  const update = (feature: string, maxVersionLevel: number, upgradeType = 1, validateOnly = false) =>
    three.api.updateFeatures({ timeoutMs: 1, featureUpdates: [{ feature, maxVersionLevel, upgradeType }], validateOnly });

  test('go down only when asked to go down, and only where nothing is lost', async () => {
    const elr = 'eligible.leader.replicas.version';
    expect((await update(elr, 0)).errorCode).toBe(ErrorCode.INVALID_UPDATE_VERSION);
    expect(await three.written(async () => expect((await update(elr, 0, 2, true)).errorCode).toBe(0))).toEqual([]);
    expect((await update(elr, 0, 2)).errorCode).toBe(0);
    expect([three.image.features.finalized.has(elr), three.image.features.declined.has(elr)]).toEqual([false, true]);
    expect((await update('metadata.version', 29, 2)).errorCode).toBe(ErrorCode.INVALID_UPDATE_VERSION);
  });

  test('that are unknown, not served, or beyond a broker are refused', async () => {
    for (const [name, level] of [['nonsense', 1], ['share.version', 1], ['metadata.version', 31], ['metadata.version', 6]] as const) {
      expect([name, (await update(name, level)).errorCode]).toEqual([name, ErrorCode.INVALID_UPDATE_VERSION]);
    }
  });
});

describe('producer ids', () => {
  test('come in blocks that never meet', async () => {
    const block = (broker: number) => three.api.allocateProducerIds({ brokerId: broker, brokerEpoch: three.epochs.get(broker)! });
    expect([await block(1), await block(2), await block(1)].map(({ producerIdStart, producerIdLen }) => [producerIdStart, producerIdLen]))
      .toEqual([[0, 1000], [1000, 1000], [2000, 1000]]);
    expect(await codeOf(three.api.allocateProducerIds({ brokerId: 1, brokerEpoch: 0 }))).toBe(ErrorCode.STALE_BROKER_EPOCH);
  });
});

test('controllers register', async () => {
  await one.api.registerController({ controllerId: 1, incarnationId: uuid(1), zkMigrationReady: false, listeners: [{ name: 'C', host: 'h', port: 1, securityProtocol: 0 }], features: [] });
  expect(one.image.controllers.get(1)).toMatchObject({ endpoints: [{ listener: 'C', host: 'h', port: 1 }] });
});

describe('whatever happens', () => {
  const step = fc.record({
    act: fc.constantFrom('create', 'delete', 'grow', 'fence', 'unfence', 'restart', 'stop', 'config', 'isr', 'elect', 'silence', 'failover'),
    broker: fc.constantFrom(1, 2, 3), topic: fc.constantFrom('a', 'b', 'c'), number: fc.nat(20),
  });

  test('replaying the log gives the controller\'s own image, and its partitions hold together', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
      let cluster = await Cluster.serving([1, 2, 3]);
      const quietly = (promise: Promise<unknown>) => promise.catch((error: unknown) => { if (!(error instanceof KafkaError)) throw error; });
      for (const { act, broker, topic, number } of steps) {
        if (act === 'create') await cluster.create(topic, { partitions: 1 + (number % 3), replicas: 1 + (number % 3), configs: { 'min.insync.replicas': String(1 + (number % 2)) } });
        else if (act === 'delete') await cluster.api.deleteTopics({ timeoutMs: 1, topics: [{ name: topic, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }] });
        else if (act === 'grow') await cluster.api.createPartitions({ timeoutMs: 1, validateOnly: false, topics: [{ name: topic, count: number, assignments: null }] });
        else if (act === 'fence') await quietly(cluster.heartbeat(broker, { wantFence: true }));
        else if (act === 'unfence') await quietly(cluster.heartbeat(broker));
        else if (act === 'restart') await quietly(cluster.register(broker, { previousBrokerEpoch: number % 2 === 0 ? cluster.epochs.get(broker)! : -1 }));
        else if (act === 'stop') await quietly(cluster.heartbeat(broker, { wantShutDown: true }));
        else if (act === 'config') {
          const configs = [{ name: 'retention.ms', configOperation: 0, value: String(number) }];
          await cluster.api.incrementalAlterConfigs({ validateOnly: false, resources: [{ resourceType: 2, resourceName: topic, configs }] });
        }
        else if (act === 'elect') await cluster.api.electLeaders({ electionType: number % 2, topicPartitions: null, timeoutMs: 1 });
        else if (act === 'silence') cluster.clock.advance(number * 1000);
        else if (act === 'isr') {
          const partition = cluster.partition(topic);
          if (partition === undefined || partition.leader < 0) continue;
          const isr = partition.replicas.filter(id => id === partition.leader || (number >> id) % 2 === 0);
          await quietly(cluster.api.alterPartition({
            brokerId: partition.leader, brokerEpoch: cluster.epochs.get(partition.leader)!, topics: [{ topicId: cluster.image.topicsByName.get(topic)!.id, partitions: [{
              partitionIndex: 0, leaderEpoch: partition.leaderEpoch, partitionEpoch: partition.partitionEpoch, newIsrWithEpochs: isr.map(brokerId => ({ brokerId })),
            }] }],
          }));
        } else {
          const next = new Cluster(undefined, undefined, cluster.log);
          await next.runtime.elected(0);
          for (const [id, epoch] of cluster.epochs) next.epochs.set(id, epoch);
          expect(content(next.image)).toEqual(content(cluster.image));
          cluster.runtime.close();
          cluster = next;
        }
        for (const { partitions } of cluster.image.topicsById.values()) {
          for (const { leader, isr, replicas, eligibleLeaderReplicas, directories } of partitions) {
            expect(leader === -1 || isr.includes(leader)).toBe(true);
            expect([...isr, ...eligibleLeaderReplicas].every(id => replicas.includes(id))).toBe(true);
            expect(isr.some(id => eligibleLeaderReplicas.includes(id))).toBe(false);
            expect(directories).toHaveLength(replicas.length);
          }
        }
      }
      expect(cluster.faults).toEqual([]);
      const replayed = new Cluster(undefined, undefined, cluster.log);
      await replayed.runtime.elected(0);
      expect(content(replayed.image)).toEqual(content(cluster.image));
    }), { numRuns: 60 });
  });
});
