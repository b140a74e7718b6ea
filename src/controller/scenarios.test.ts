import { beforeEach, describe, expect, test } from '@jest/globals';
import { localSettings } from '../config/index.js';
import { bootstrapFromLevels, defaultBootstrap } from '../metadata/bootstrap.js';
import { ImageBuilder } from '../metadata/image-builder.js';
import { EMPTY_IMAGE } from '../metadata/image.js';
import { decodeMetadataRecord, encodeMetadataRecord, type MetadataRecord } from '../metadata/records.js';
import { configKey, ConfigResourceType } from '../metadata/types.js';
import { defaultFeatures, SUPPORTED_FEATURES } from '../metadata/features.js';
import { KafkaError } from '../protocol/errors.js';
import type { BrokerHeartbeatResponseInput } from '../protocol/generated/broker-heartbeat.js';
import type { BrokerRegistrationResponseInput } from '../protocol/generated/broker-registration.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { ZERO_UUID } from '../protocol/wire/types.js';
import type { Effects, Moment, ReplyTo } from '../runtime/machine.js';
import { alterConfigs, incrementalAlterConfigs } from './configs.js';
import type { Decided, Decision } from './context.js';
import { Controller } from './controller.js';
import { updateFeatures } from './features.js';
import { allocateProducerIds } from './registrations.js';
import { content } from './testing/cluster.js';
import { createPartitions, createTopics, deleteTopics } from './topics.js';

/** A uuid that says what it is of. */
const uuid = (text: string): string => Buffer.concat([Buffer.from(text), Buffer.alloc(16)]).subarray(0, 16).toString('base64url');

const CLUSTER = uuid('cluster');
const DIRECTORY = uuid('directory 1');

/** The runtime's part, with a twin that only replays what was written, bytes and all. */
class Driver {
  controller: Controller;
  readonly log: MetadataRecord[] = [];
  readonly timers = new Map<string, number>();
  #ids = 0;

  constructor(settings: Record<string, string> = {}, bootstrap = defaultBootstrap()) {
    this.controller = new Controller({ nodeId: 1, clusterId: CLUSTER, settings: localSettings(settings), bootstrap, kraftVersion: 1 });
    this.apply(this.controller.activated());
  }

  moment(): Moment {
    return { nowMs: 0, monotonicMs: 0, nextOffset: this.log.length, newId: () => uuid(`id ${this.#ids++}`) };
  }

  apply({ records, timers, replies }: Effects<MetadataRecord>): unknown {
    for (const record of records) this.#write(record);
    for (const { key, delayMs } of timers) if (delayMs === null) this.timers.delete(key); else this.timers.set(key, delayMs);
    return replies[0]?.response;
  }

  #write(record: MetadataRecord): void {
    const bytes = encodeMetadataRecord(record, this.controller.image.features.metadataVersion || 30);
    this.log.push(decodeMetadataRecord(bytes));
    this.controller.replay(record, { offset: this.log.length - 1, leaderEpoch: 1, timestampMs: 0, producerId: -1, producerEpoch: -1 });
  }

  run<Response>(operation: (controller: Controller, at: Moment, to: ReplyTo<Response>) => Effects<MetadataRecord>): Response {
    return this.apply(operation(this.controller, this.moment(), { id: 1 })) as Response;
  }

  decide<Request, Response>(decision: (decision: Decision, request: Request) => Decided<Response>, request: Request): Response {
    return this.run<Response>((controller, at, to) => controller.decide(decision, request, at, to));
  }

  /** Registers a broker and has it serve; its epoch. */
  addBroker(brokerId: number, incarnationId = uuid(`start ${brokerId}`), logDirs = [uuid(`directory ${brokerId}`)]): number {
    const { brokerEpoch } = this.run<BrokerRegistrationResponseInput>((controller, at, to) => controller.registerBroker({
      brokerId, clusterId: CLUSTER, incarnationId, rack: null, logDirs, previousBrokerEpoch: -1,
      listeners: [{ name: 'PLAINTEXT', host: 'localhost', port: 9092, securityProtocol: 0 }],
      features: [...SUPPORTED_FEATURES].map(([name, { min, max }]) => ({ name, minSupportedVersion: min, maxSupportedVersion: max })),
    }, at, to));
    this.beat(brokerId, Number(brokerEpoch));
    return Number(brokerEpoch);
  }

  beat(brokerId: number, brokerEpoch: number, wishes: { wantFence?: boolean; wantShutDown?: boolean } = {}) {
    return this.run<BrokerHeartbeatResponseInput>((controller, at, to) => controller.heartbeat({
      brokerId, brokerEpoch, currentMetadataOffset: this.log.length, wantFence: false, wantShutDown: false, ...wishes,
    }, at, to));
  }

  topic(name: string, shape: { partitions?: number; replicas?: number; configs?: Record<string, string> } = {}) {
    const configs = Object.entries(shape.configs ?? {}).map(([key, value]) => ({ name: key, value }));
    const response = this.decide(createTopics, {
      topics: [{ name, numPartitions: shape.partitions ?? 1, replicationFactor: shape.replicas ?? 1, assignments: [], configs }],
    });
    return response.topics[0]!;
  }

  /** What another replica makes of the log, compared record by record with what the machine believes. */
  expectTwinEqual(): void {
    const twin = new ImageBuilder(EMPTY_IMAGE);
    twin.setKraftVersion(1);
    this.log.forEach((record, offset) => twin.replay(record, offset, 1));
    expect(content(twin.image)).toEqual(content(this.controller.image));
  }
}

let driver: Driver;
beforeEach(() => {
  driver = new Driver();
  driver.addBroker(1);
});

describe('a fresh cluster', () => {
  test('begins with its bootstrap records in one transaction, and the minimum of in-sync replicas', () => {
    const levels = [...defaultFeatures().keys()].filter(name => name !== 'kraft.version').map(() => 'FeatureLevel');
    expect(driver.log.map(({ type }) => type).slice(0, levels.length + 3)).toEqual(['BeginTransaction', ...levels, 'Config', 'EndTransaction']);
    expect(driver.controller.image.features.metadataVersion).toBe(30);
    expect(driver.controller.image.configs.get(configKey(ConfigResourceType.BROKER, ''))).toEqual(new Map([['min.insync.replicas', '1']]));
  });

  test('at an old level gets no record that level does not know', () => {
    const old = new Driver({}, bootstrapFromLevels(new Map([['metadata.version', 17]])));
    old.addBroker(1);
    expect(old.topic('t')).toMatchObject({ errorCode: 0 });
    expect(old.controller.image.topicsByName.get('t')?.partitions[0]?.directories).toEqual([DIRECTORY]);
  });
});

describe('topics', () => {
  test('are made, described, and led by who is active', () => {
    expect(driver.topic('t', { partitions: 3, configs: { 'retention.ms': '5' } })).toMatchObject({ errorCode: 0, numPartitions: 3, replicationFactor: 1 });
    const topic = driver.controller.image.topicsByName.get('t')!;
    expect(topic.partitions.map(({ leader, isr, leaderEpoch, directories }) => ({ leader, isr, leaderEpoch, directories })))
      .toEqual(Array.from({ length: 3 }, () => ({ leader: 1, isr: [1], leaderEpoch: 0, directories: [DIRECTORY] })));
    expect(driver.controller.image.configs.get(configKey(ConfigResourceType.TOPIC, 't'))).toEqual(new Map([['retention.ms', '5']]));
    driver.expectTwinEqual();
  });

  test.each([
    ['an empty name', { name: '' }, ErrorCode.INVALID_TOPIC_EXCEPTION],
    ['a name with a slash', { name: 'a/b' }, ErrorCode.INVALID_TOPIC_EXCEPTION],
    ['250 characters', { name: 'x'.repeat(250) }, ErrorCode.INVALID_TOPIC_EXCEPTION],
    ['no partitions', { numPartitions: 0 }, ErrorCode.INVALID_PARTITIONS],
    ['no replicas', { replicationFactor: 0 }, ErrorCode.INVALID_REPLICATION_FACTOR],
    ['more replicas than brokers', { replicationFactor: 2 }, ErrorCode.INVALID_REPLICATION_FACTOR],
    ['an unknown setting', { configs: [{ name: 'no.such', value: '1' }] }, ErrorCode.INVALID_CONFIG],
    ['a wrong value', { configs: [{ name: 'retention.ms', value: 'soon' }] }, ErrorCode.INVALID_CONFIG],
    ['a null value', { configs: [{ name: 'retention.ms', value: null }] }, ErrorCode.INVALID_CONFIG],
    ['replicas on an unknown broker', { numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [7] }] }, ErrorCode.INVALID_REPLICA_ASSIGNMENT],
    ['an assignment with a gap', { numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 1, brokerIds: [1] }] }, ErrorCode.INVALID_REPLICA_ASSIGNMENT],
    ['an assignment and a number', { assignments: [{ partitionIndex: 0, brokerIds: [1] }] }, ErrorCode.INVALID_REQUEST],
  ])('%s is refused', (_name, fields, errorCode) => {
    const before = driver.log.length;
    const topic = { name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...fields };
    expect(driver.decide(createTopics, { topics: [topic] }).topics).toMatchObject([{ errorCode }]);
    expect(driver.log.length).toBe(before);
  });

  test('exist once, and do not collide in dots and underscores', () => {
    driver.topic('a.b');
    expect(driver.topic('a.b').errorCode).toBe(ErrorCode.TOPIC_ALREADY_EXISTS);
    expect(driver.topic('a_b').errorCode).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION);
  });

  test('named twice in a request are refused, the others made', () => {
    const topic = (name: string) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] });
    const { topics } = driver.decide(createTopics, { topics: [topic('a'), topic('b'), topic('a')] });
    expect(topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([['a', ErrorCode.INVALID_REQUEST], ['b', 0]]);
  });

  test('are only looked at with validateOnly', () => {
    const topic = { name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
    expect(driver.decide(createTopics, { topics: [topic], validateOnly: true }).topics).toMatchObject([{ errorCode: 0 }]);
    expect(driver.controller.image.topicsByName.size).toBe(0);
  });

  test('take the numbers of the node where the request leaves them open', () => {
    driver = new Driver({ 'num.partitions': '4' });
    driver.addBroker(1);
    expect(driver.topic('t', { partitions: -1, replicas: -1 })).toMatchObject({ numPartitions: 4, replicationFactor: 1 });
  });

  test('grow, but do not shrink', () => {
    driver.topic('t', { partitions: 2 });
    const grow = (count: number) => driver.decide(createPartitions, { topics: [{ name: 't', count, assignments: null }], timeoutMs: 1, validateOnly: false }).results[0]!.errorCode;
    expect(grow(2)).toBe(ErrorCode.INVALID_PARTITIONS);
    expect(grow(1)).toBe(ErrorCode.INVALID_PARTITIONS);
    expect(grow(5)).toBe(0);
    expect(driver.controller.image.topicsByName.get('t')?.partitions.length).toBe(5);
    driver.expectTwinEqual();
  });

  test('are deleted by name or by id, with their settings', () => {
    driver.topic('a', { configs: { 'retention.ms': '5' } });
    const { topicId = '' } = driver.topic('b');
    const { responses } = driver.decide(deleteTopics, { topics: [{ name: 'a', topicId: ZERO_UUID }, { name: null, topicId }, { name: 'c', topicId: ZERO_UUID }], timeoutMs: 1 });
    expect(responses.map(({ errorCode }) => errorCode)).toEqual([0, 0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
    expect(driver.controller.image.topicsByName.size).toBe(0);
    expect(driver.controller.image.configs.has(configKey(ConfigResourceType.TOPIC, 'a'))).toBe(false);
    driver.expectTwinEqual();
  });
});

describe('settings', () => {
  const alter = (type: number, resourceName: string, configs: [name: string, operation: number, value: string | null][]) =>
    driver.decide(incrementalAlterConfigs, {
      validateOnly: false, resources: [{ resourceType: type, resourceName, configs: configs.map(([name, configOperation, value]) => ({ name, configOperation, value })) }],
    }).responses[0]!;

  test('of a topic are set, appended to, taken from, and deleted', () => {
    driver.topic('t');
    const { TOPIC } = ConfigResourceType;
    expect(alter(TOPIC, 't', [['cleanup.policy', 0, 'compact'], ['retention.ms', 0, '9']])).toMatchObject({ errorCode: 0 });
    expect(alter(TOPIC, 't', [['cleanup.policy', 2, 'delete']])).toMatchObject({ errorCode: 0 });
    expect(driver.controller.image.configs.get(configKey(TOPIC, 't'))?.get('cleanup.policy')).toBe('compact,delete');
    expect(alter(TOPIC, 't', [['cleanup.policy', 3, 'compact'], ['retention.ms', 1, null]])).toMatchObject({ errorCode: 0 });
    expect(driver.controller.image.configs.get(configKey(TOPIC, 't'))).toEqual(new Map([['cleanup.policy', 'delete']]));
    driver.expectTwinEqual();
  });

  test('that are wrong are refused with a reason', () => {
    driver.topic('t');
    expect(alter(ConfigResourceType.TOPIC, 't', [['retention.ms', 0, 'soon']])).toMatchObject({ errorCode: ErrorCode.INVALID_CONFIG });
    expect(alter(ConfigResourceType.TOPIC, 'nope', [['retention.ms', 0, '1']])).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
    expect(alter(ConfigResourceType.BROKER, 'one', [])).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST });
    expect(alter(3, 'x', [])).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST });
  });

  test('the cluster\'s minimum of in-sync replicas stays, and no broker has its own (KIP-966)', () => {
    const { BROKER } = ConfigResourceType;
    expect(alter(BROKER, '', [['min.insync.replicas', 1, null]])).toMatchObject({ errorCode: ErrorCode.INVALID_CONFIG });
    expect(alter(BROKER, '1', [['min.insync.replicas', 0, '2']])).toMatchObject({ errorCode: ErrorCode.INVALID_CONFIG });
    expect(alter(BROKER, '', [['min.insync.replicas', 0, '2']])).toMatchObject({ errorCode: 0 });
  });

  test('are replaced whole by the old call', () => {
    driver.topic('t', { configs: { 'retention.ms': '5' } });
    driver.decide(alterConfigs, { validateOnly: false, resources: [{ resourceType: 2, resourceName: 't', configs: [{ name: 'segment.ms', value: '7000' }] }] });
    expect(driver.controller.image.configs.get(configKey(2, 't'))).toEqual(new Map([['segment.ms', '7000']]));
  });

  test('of all brokers bear on what is decided next', () => {
    expect(alter(ConfigResourceType.BROKER, '', [['log.retention.ms', 0, '77777']])).toMatchObject({ errorCode: 0 });
    expect(driver.topic('t').configs?.find(({ name }) => name === 'retention.ms')?.value).toBe('77777');
  });
});

describe('brokers', () => {
  test('are fenced when they are not heard of, and their leaderships end', () => {
    driver.topic('t');
    driver.apply(driver.controller.timerFired('session-1', driver.moment()));
    expect(driver.controller.image.brokers.get(1)?.fenced).toBe(true);
    expect(driver.controller.image.topicsByName.get('t')?.partitions[0]).toMatchObject({ leader: -1, leaderEpoch: 1 });
    driver.beat(1, driver.controller.image.brokers.get(1)!.epoch);
    expect(driver.controller.image.topicsByName.get('t')?.partitions[0]).toMatchObject({ leader: 1, leaderEpoch: 2 });
    driver.expectTwinEqual();
  });

  test('that come back at once with the same directories supersede themselves, in a new leader epoch', () => {
    driver.topic('t');
    const before = driver.controller.image.brokers.get(1)!.epoch;
    const after = driver.addBroker(1, uuid('start 1 again'));
    expect(after).toBeGreaterThan(before);
    expect(driver.controller.image.brokers.get(1)).toMatchObject({ fenced: false, epoch: after });
    expect(driver.controller.image.topicsByName.get('t')?.partitions[0]).toMatchObject({ leader: 1, leaderEpoch: 1 });
    expect(() => driver.beat(1, before)).toThrow(KafkaError);
  });

  test('that are alive elsewhere are not superseded', () => {
    driver.addBroker(2);
    expect(() => driver.addBroker(2, uuid('start 2 again'))).toThrow(/alive/);
    expect(() => driver.addBroker(1, uuid('start 1 again'), [uuid('another')])).toThrow(/alive/);
  });

  test('going away hand on what others can lead, and then go', () => {
    const epoch = driver.addBroker(2);
    driver.topic('t', { replicas: 2, partitions: 4 });
    expect(driver.beat(2, epoch, { wantShutDown: true })).toMatchObject({ shouldShutDown: false });
    expect(driver.controller.image.topicsByName.get('t')?.partitions.map(({ leader, isr }) => [leader, isr])).toEqual(Array.from({ length: 4 }, () => [1, [1]]));
    // The others must have heard of it first.
    driver.beat(1, driver.controller.image.brokers.get(1)!.epoch);
    expect(driver.beat(2, epoch, { wantShutDown: true })).toMatchObject({ shouldShutDown: true });
    driver.expectTwinEqual();
  });

  test('alone in the cluster may go at once', () => {
    driver.topic('t');
    expect(driver.beat(1, driver.controller.image.brokers.get(1)!.epoch, { wantShutDown: true })).toMatchObject({ shouldShutDown: true });
  });

  test('of another cluster, or too old for its features, are refused', () => {
    const register = (fields: object) => () => driver.run<BrokerRegistrationResponseInput>((controller, at, to) => controller.registerBroker({
      brokerId: 5, clusterId: CLUSTER, incarnationId: uuid('x'), rack: null, logDirs: [uuid('y')], listeners: [], features: [], ...fields }, at, to));
    expect(register({ clusterId: uuid('other') })).toThrow(/cluster id/i);
    const old = { minSupportedVersion: 0, maxSupportedVersion: 20 };
    const features = [{ name: 'kraft.version', ...old }, { name: 'metadata.version', ...old }, { name: 'eligible.leader.replicas.version', ...old }];
    expect(register({ features })).toThrow(/metadata.version stands at the finalized version 30/);
    expect(register({ features: [] })).toThrow(/metadata.version/);
  });
});

describe('features', () => {
  const ELR = 'eligible.leader.replicas.version';
  const update = (feature: string, maxVersionLevel: number, upgradeType = 1, validateOnly = false) =>
    driver.decide(updateFeatures, { featureUpdates: [{ feature, maxVersionLevel, upgradeType }], validateOnly });

  test('go up and safely down, each named in the answer', () => {
    expect(update(ELR, 0, 2)).toEqual({ errorCode: 0, errorMessage: null, results: [{ feature: ELR, errorCode: 0, errorMessage: 'NONE' }] });
    expect(driver.controller.image.features.finalized.has(ELR)).toBe(false);
    expect(driver.controller.image.features.declined.has(ELR)).toBe(true);
    expect(update(ELR, 1)).toMatchObject({ errorCode: 0 });
    expect(driver.controller.image.features.finalized.get(ELR)).toBe(1);
    driver.expectTwinEqual();
  });

  test('are only looked at with validateOnly', () => {
    const before = driver.log.length;
    expect(update(ELR, 0, 2, true)).toMatchObject({ errorCode: 0 });
    expect(driver.log.length).toBe(before);
  });

  test('all change, or none', () => {
    const before = driver.log.length;
    const featureUpdates = [{ feature: ELR, maxVersionLevel: 0, upgradeType: 2 }, { feature: 'no.such', maxVersionLevel: 1 }];
    expect(driver.decide(updateFeatures, { featureUpdates })).toMatchObject({ errorCode: ErrorCode.INVALID_UPDATE_VERSION, results: [] });
    expect(driver.log.length).toBe(before);
  });

  test('with eligible leader replicas the cluster gets its minimum of in-sync replicas again, and no broker keeps its own', () => {
    driver = new Driver({}, bootstrapFromLevels(new Map([['metadata.version', 30], [ELR, 0]])));
    driver.addBroker(1);
    driver.decide(incrementalAlterConfigs, { validateOnly: false, resources: [{ resourceType: 4, resourceName: '1', configs: [{ name: 'min.insync.replicas', configOperation: 0, value: '2' }] }] });
    expect(update(ELR, 1)).toMatchObject({ errorCode: 0 });
    const { configs } = driver.controller.image;
    expect(configs.get(configKey(ConfigResourceType.BROKER, ''))?.get('min.insync.replicas')).toBe('1');
    expect(configs.get(configKey(ConfigResourceType.BROKER, '1'))?.has('min.insync.replicas') ?? false).toBe(false);
  });

  test('need their metadata.version, unless that is raised with them', () => {
    driver = new Driver({}, bootstrapFromLevels(new Map([['metadata.version', 17]])));
    driver.addBroker(1);
    expect(update(ELR, 1).errorMessage).toMatch(/depends on metadata.version level 23/);
    const featureUpdates = [{ feature: ELR, maxVersionLevel: 1 }, { feature: 'metadata.version', maxVersionLevel: 23 }];
    expect(driver.decide(updateFeatures, { featureUpdates })).toMatchObject({ errorCode: 0 });
    expect(driver.log.slice(-2).map(({ message }) => (message as { name: string }).name)).toEqual(['metadata.version', ELR]);
    expect(update('metadata.version', 24)).toMatchObject({ errorCode: 0 });
    expect(update('metadata.version', 23, 2)).toMatchObject({ errorCode: 0 });
    expect(update('metadata.version', 22, 3).errorMessage).toMatch(/Unsafe metadata downgrade is not supported/);
  });

  test.each([
    ['unknown', 'no.such', 1, 1, /Local controller 1 does not support this feature/],
    ['unknown, at 0', 'no.such', 0, 2, /Feature no.such not found/],
    ['beyond what is supported', 'metadata.version', 99, 1, /only supports versions 7-30/],
    ['below 0', ELR, -1, 2, /cannot be less than 0/],
    ['down without saying so', 'metadata.version', 29, 1, /without setting the upgrade type/],
    ['up, called down', ELR, 2, 9, /does not support the given upgrade type/],
    ['down where it loses something', 'metadata.version', 7, 2, /might delete metadata information/],
    ['the quorum\'s own, down', 'kraft.version', 0, 2, /Can't downgrade the version/],
  ])('%s: refused', (_name, feature, level, upgradeType, why) => {
    const { errorCode, errorMessage } = update(feature, level, upgradeType);
    expect([errorCode, errorMessage]).toEqual([ErrorCode.INVALID_UPDATE_VERSION, expect.stringMatching(why)]);
  });

  test('that another broker does not know are not for the cluster', () => {
    driver.decide(updateFeatures, { featureUpdates: [{ feature: ELR, maxVersionLevel: 0, upgradeType: 2 }] });
    const others = [...SUPPORTED_FEATURES].filter(([name]) => name !== ELR).map(([name, { min, max }]) => ({ name, minSupportedVersion: min, maxSupportedVersion: max }));
    driver.run<BrokerRegistrationResponseInput>((controller, at, to) => controller.registerBroker({
      brokerId: 5, clusterId: CLUSTER, incarnationId: uuid('x'), rack: null, logDirs: [uuid('y')], listeners: [], features: others,
    }, at, to));
    expect(update(ELR, 1).errorMessage).toMatch(/Broker 5 does not support this feature/);
  });
});

test('producer ids come in blocks that never overlap', () => {
  const epoch = driver.controller.image.brokers.get(1)!.epoch;
  const allocate = () => driver.decide(allocateProducerIds, { brokerId: 1, brokerEpoch: epoch });
  expect([allocate(), allocate()]).toEqual([{ producerIdStart: 0, producerIdLen: 1000 }, { producerIdStart: 1000, producerIdLen: 1000 }]);
  expect(() => driver.decide(allocateProducerIds, { brokerId: 1, brokerEpoch: epoch + 1 })).toThrow(/epoch/);
});
