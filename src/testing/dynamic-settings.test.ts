// Every setting that may change while a broker runs is changed through the API: it is in force, DescribeConfigs tells of it
// with its source, a restart keeps it, and taking it back restores what was before.

import { beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigSource } from '../config/index.js';
import { baseOfListenerSetting, brokerNames, brokerSetting } from '../config/table/index.js';
import { needsListener } from '../config/dynamic.js';
import { SimWorld } from '../env/sim/index.js';
import {
  alterConfigsApi, consumerGroupHeartbeatApi, describeConfigsApi, findCoordinatorApi, incrementalAlterConfigsApi, metadataApi,
} from '../protocol/generated/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { RawClient } from './raw-client.js';
import { TwoDirectories } from './two-directories.js';

const BROKER = 4;
const ALL = '';
const ONE = '1';
const MIN_ISR = 'min.insync.replicas';

/** What a broker with its defaults may be given, for all and then for itself, where the next number or another word will not do. */
const OWN_VALUES: Readonly<Record<string, readonly [string, string]>> = {
  'listeners': ['', 'PLAINTEXT://broker:9092,OUTSIDE://broker:9094'],
  'listener.security.protocol.map': ['', 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,OUTSIDE:PLAINTEXT'],
  'cordoned.log.dirs': ['', '/two'],
  'log.cleanup.policy': ['compact', 'compact,delete'],
  'compression.type': ['gzip', 'zstd'],
  'compression.gzip.level': ['7', '8'],
  'log.message.timestamp.type': ['LogAppendTime', 'CreateTime'],
  'log.cleaner.min.cleanable.ratio': ['0.25', '0.75'],
  'log.local.retention.ms': ['5', '6'],
  'log.retention.bytes': ['1000', '2000'],
  'log.local.retention.bytes': ['-2', '500'],
  'log.roll.ms': ['7000', '8000'], 'log.roll.jitter.ms': ['1', '2'], 'log.retention.ms': ['70000', '80000'], 'log.flush.interval.ms': ['9', '10'],
  'max.connections.per.ip.overrides': ['localhost:5', 'localhost:6'],
  'metric.reporters': ['', 'org.apache.kafka.common.metrics.JmxReporter'],
  'ssl.client.auth': ['', 'required'],
  'ssl.engine.factory.class': ['', 'org.apache.kafka.common.security.ssl.DefaultSslEngineFactory'],
  'principal.builder.class': ['', 'org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder'],
};

function valuesOf(name: string): readonly [forAll: string, forOne: string] {
  const own = OWN_VALUES[name];
  if (own !== undefined) return own;
  const { type, defaultText } = brokerSetting(name)!;
  switch (type) {
    case 'boolean':
      return defaultText === 'true' ? ['false', 'true'] : ['true', 'false'];
    case 'int':
    case 'short':
    case 'long': {
      const text = BigInt(defaultText ?? '1');
      // Bounds from above are the types' own; a pool of threads may at most double, and stays within that when it goes back.
      return text > 2_000_000_000n ? [String(text - 1n), String(text - 2n)] : [String(text + 1n), String(text === 1n ? 1n : text + 2n)];
    }
    case 'double':
      return ['0.3', '0.4'];
    case 'list':
      return ['a', 'a,b'];
    default:
      return ['something', 'something else'];
  }
}

/** Under which name it is changed: secrets and stores of TLS for a listener only. */
const asAltered = (name: string): string => (needsListener(name) ? `listener.name.plaintext.${name}` : name);
const dynamic = [...brokerNames()].filter(name => brokerSetting(name)!.update !== 'read-only');
const forAll = dynamic.filter(name => brokerSetting(name)!.update === 'cluster-wide');
/** Of these the cluster's value counts, and each broker goes by it. */
const forOne = dynamic.filter(name => name !== MIN_ISR).toSorted((a, b) => explains(b) - explains(a));
/** A listener has to be explained before it can be had. */
function explains(name: string): number {
  return Number(name === 'listener.security.protocol.map');
}

const world = new SimWorld(1);
/** Only what is not advertised may be closed again. */
const cluster = new TwoDirectories(world, { 'advertised.listeners': 'PLAINTEXT://broker:9092' });

async function alter(resourceName: string, name: string, value: string | null): Promise<string> {
  const { responses } = await cluster.ask(incrementalAlterConfigsApi, {
    resources: [{ resourceType: BROKER, resourceName, configs: [{ name, configOperation: value === null ? 1 : 0, value }] }], validateOnly: false,
  });
  const { errorCode, errorMessage } = responses[0]!;
  return errorCode === 0 ? 'done' : `${name}: ${errorCode} ${errorMessage}`;
}

async function described(name: string): Promise<{ value: string | null; source: number; readOnly: boolean }> {
  const { results } = await cluster.ask(describeConfigsApi, { resources: [{ resourceType: BROKER, resourceName: ONE, configurationKeys: [name] }] });
  const [entry] = results[0]!.configs;
  // Quotas that are no settings of a start are told of once they are set.
  return entry === undefined ? { value: brokerSetting(name)!.defaultText!, source: ConfigSource.DEFAULT, readOnly: false }
    : { value: entry.value, source: entry.configSource, readOnly: entry.readOnly };
}

/** What holds, as the broker and as DescribeConfigs have it. */
async function inForce(name: string): Promise<{ inForce: string | null; told: string | null; source: number }> {
  const altered = asAltered(name);
  const { value, source } = await described(altered);
  return { inForce: cluster.broker!.settings.text(altered), told: value, source };
}

function expected(name: string, value: string | null, source: number): { inForce: string | null; told: string | null; source: number } {
  return { inForce: value, told: brokerSetting(name)!.type === 'password' ? null : value, source };
}

async function restart(): Promise<void> {
  cluster.kill();
  await cluster.start();
}

beforeAll(async () => {
  await cluster.start();
});

describe('every dynamic setting', () => {
  const atStart = new Map<string, Awaited<ReturnType<typeof inForce>>>();

  test('of the table is known to be such, and read-only ones are refused', async () => {
    expect(dynamic.length).toBeGreaterThan(100);
    for (const name of brokerNames()) {
      const { update } = brokerSetting(name)!;
      if (brokerSetting(name)!.internal && update === 'read-only') continue;
      // Our own are no settings of Kafka's, and DescribeConfigs keeps silent about them.
      if (!name.startsWith('ottla.')) expect([name, (await described(name)).readOnly]).toEqual([name, update === 'read-only']);
      const value = brokerSetting(name)!.defaultText ?? 'x';
      if (update === 'read-only') expect(await alter(ONE, name, value)).toBe(`${name}: ${ErrorCode.INVALID_REQUEST} Cannot update these configs dynamically: [${name}]`);
    }
  });

  test('that all brokers may have together is in force for them, and a restart keeps it', async () => {
    for (const name of dynamic) if (!needsListener(name)) atStart.set(name, await inForce(name));
    for (const name of forAll) expect(await alter(ALL, name, valuesOf(name)[0])).toBe('done');
    for (const restarted of [false, true]) {
      if (restarted) await restart();
      for (const name of forAll) expect({ name, ...await inForce(name) }).toEqual({ name, ...expected(name, valuesOf(name)[0], ConfigSource.DYNAMIC_DEFAULT_BROKER) });
    }
  });

  test('that one broker may have goes before, and a restart keeps it', async () => {
    for (const name of forOne) {
      expect(await alter(ONE, asAltered(name), valuesOf(name)[1])).toBe('done');
    }
    for (const restarted of [false, true]) {
      if (restarted) await restart();
      for (const name of forOne) expect({ name, ...await inForce(name) }).toEqual({ name, ...expected(name, valuesOf(name)[1], ConfigSource.DYNAMIC_BROKER) });
    }
  });

  test('taken back is what it was', async () => {
    for (const name of forOne.toReversed()) expect([name, await alter(ONE, asAltered(name), null)]).toEqual([name, 'done']);
    for (const name of forAll) if (name !== MIN_ISR) expect({ name, ...await inForce(name) }).toEqual({ name, ...expected(name, valuesOf(name)[0], ConfigSource.DYNAMIC_DEFAULT_BROKER) });
    for (const name of forAll) if (name !== MIN_ISR) expect(await alter(ALL, name, null)).toBe('done');
    for (const [name, before] of atStart) if (name !== MIN_ISR) expect({ name, ...await inForce(name) }).toEqual({ name, ...before });
  });

  test('counts for one broker only, where it is no affair of the cluster', async () => {
    for (const name of dynamic.filter(other => !forAll.includes(other) && !needsListener(other))) {
      expect(await alter(ALL, name, valuesOf(name)[1])).toBe(`${name}: ${ErrorCode.INVALID_REQUEST} Cannot update these configs at default cluster level, broker id must be specified: [${name}]`);
    }
    const listeners = dynamic.filter(needsListener);
    expect(listeners.map(name => baseOfListenerSetting(asAltered(name)))).toEqual(listeners);
  });

  test('that AlterConfigs leaves out goes back to what holds without it', async () => {
    const configs = [{ name: 'log.retention.ms', value: '5000' }, { name: 'message.max.bytes', value: '6000' }];
    const replace = async (some: typeof configs) =>
      (await cluster.ask(alterConfigsApi, { resources: [{ resourceType: BROKER, resourceName: ONE, configs: some }], validateOnly: false })).responses[0]!.errorCode;
    expect(await replace(configs)).toBe(0);
    expect(await replace(configs.slice(0, 1))).toBe(0);
    expect([await inForce('log.retention.ms'), await inForce('message.max.bytes')]).toMatchObject([{ inForce: '5000' }, { inForce: '1048588', source: ConfigSource.DEFAULT }]);
    expect(await replace([])).toBe(0);
  });
});

test('a listener that is named opens at once, and closes with its connections when it is named no more', async () => {
  const map = 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,OUTSIDE:PLAINTEXT';
  expect(await alter(ONE, 'listener.security.protocol.map', map)).toBe('done');
  expect(await alter(ONE, 'listeners', 'PLAINTEXT://broker:9092,OUTSIDE://broker:9094')).toBe('done');
  await cluster.pass(10);
  const outside = await connect(world, 9094);
  expect(await brokersToldTo(world, outside)).toEqual([]);
  expect(await alter(ONE, 'listeners', 'OUTSIDE://broker:9094')).toMatch(/^listeners: 42 /);
  expect(await alter(ONE, 'listeners', null)).toBe('done');
  await world.runUntil(outside.closedByPeer());
  await expect(connect(world, 9094)).rejects.toThrow();
});

test('after a restart the cluster is told of such a listener, and it stays', async () => {
  const other = new SimWorld(2);
  const broker = await new TwoDirectories(other).start();
  const set = async (name: string, value: string) => (await broker.ask(incrementalAlterConfigsApi, {
    resources: [{ resourceType: BROKER, resourceName: ONE, configs: [{ name, configOperation: 0, value }] }], validateOnly: false,
  })).responses[0]!.errorMessage;
  expect(await set('listener.security.protocol.map', 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,OUTSIDE:PLAINTEXT')).toBeNull();
  expect(await set('listeners', 'PLAINTEXT://broker:9092,OUTSIDE://broker:9094')).toBeNull();
  broker.kill();
  await broker.start();
  expect(await brokersToldTo(other, await connect(other, 9094))).toEqual(['broker:9094']);
  expect(await set('listeners', 'PLAINTEXT://broker:9092'))
    .toContain("Advertised listeners 'Set(ListenerName(PLAINTEXT), ListenerName(OUTSIDE))' must be a subset of listeners 'Set(ListenerName(PLAINTEXT))'");
});

test('a group goes by its own settings at once, and after a restart', async () => {
  const GROUP = 32;
  const set = async (value: string | null) => (await cluster.ask(incrementalAlterConfigsApi, {
    resources: [{ resourceType: GROUP, resourceName: 'g', configs: [{ name: 'consumer.heartbeat.interval.ms', configOperation: value === null ? 1 : 0, value }] }], validateOnly: false,
  })).responses[0]!.errorMessage;
  await cluster.create('t');
  await cluster.ask(findCoordinatorApi, { keyType: 0, coordinatorKeys: ['g'] });
  let members = 0;
  const told = async (groupId = 'g') => {
    members++;
    const { errorCode, heartbeatIntervalMs } = await cluster.ask(consumerGroupHeartbeatApi, {
      groupId, memberId: `member-${members}`, memberEpoch: 0, rebalanceTimeoutMs: 60_000, subscribedTopicNames: ['t'], topicPartitions: [],
    });
    return errorCode === 0 ? heartbeatIntervalMs : errorCode;
  };
  expect(await told()).toBe(5000);
  expect(await set('20000')).toBe('consumer.heartbeat.interval.ms must be less than or equal to group.consumer.max.heartbeat.interval.ms');
  expect(await set('6000')).toBeNull();
  expect([await told(), await told('another')]).toEqual([6000, 5000]);
  await restart();
  expect(await told()).toBe(6000);
  expect(await set(null)).toBeNull();
  expect(await told()).toBe(5000);
});

test('loggers tell more or less at once, until the next start', async () => {
  const LOGGER = 8;
  const levels = async () => {
    const { results } = await cluster.ask(describeConfigsApi, { resources: [{ resourceType: LOGGER, resourceName: ONE, configurationKeys: null }] });
    expect(results[0]!.configs.every(({ readOnly, configSource }) => !readOnly && configSource === ConfigSource.DYNAMIC_BROKER_LOGGER)).toBe(true);
    return Object.fromEntries(results[0]!.configs.map(({ name, value }) => [name, value]));
  };
  const change = async (changes: Record<string, string | null>, validateOnly = false) => (await cluster.ask(incrementalAlterConfigsApi, {
    resources: [{ resourceType: LOGGER, resourceName: ONE, configs: Object.entries(changes).map(([name, value]) => ({ name, configOperation: value === null ? 1 : 0, value })) }], validateOnly,
  })).responses[0]!.errorMessage;
  /** A change of a logger is told of by the root, as a warning. */
  const isToldOf = async (level: string): Promise<boolean> => {
    expect(await change({ moves: level })).toBeNull();
    return world.trace.tail().includes(`the level of a logger was changed logger=moves level=${level}`);
  };
  expect(await levels()).toMatchObject({ root: 'DEBUG', log: 'DEBUG', 'log.cleaner': 'DEBUG', server: 'DEBUG' });
  expect(await change({ log: 'ERROR', root: 'LOUD' })).toMatch(/^Cannot set the log level of root to LOUD/);
  expect(await change({ log: 'ERROR' }, true)).toBeNull();
  expect(await levels()).toMatchObject({ log: 'DEBUG' });
  expect(await isToldOf('INFO')).toBe(true);
  expect(await change({ log: 'ERROR', root: 'FATAL' })).toBeNull();
  expect(await levels()).toMatchObject({ root: 'FATAL', log: 'ERROR', 'log.cleaner': 'ERROR', server: 'FATAL' });
  expect(await isToldOf('TRACE')).toBe(false);
  expect(await change({ log: null })).toBeNull();
  expect(await levels()).toMatchObject({ log: 'FATAL' });
  expect(await change({ nobody: 'INFO' })).toBe('Logger nobody does not exist!');
  await restart();
  expect(await levels()).toMatchObject({ root: 'DEBUG', log: 'DEBUG' });
});

const connect = (inWorld: SimWorld, port: number): Promise<RawClient> => inWorld.runUntil(RawClient.connect(inWorld.node('client').net, port, { host: 'broker' }));

async function brokersToldTo(inWorld: SimWorld, client: RawClient): Promise<string[]> {
  return (await inWorld.runUntil(client.send(metadataApi, { topics: [] }))).brokers.map(({ host, port }) => `${host}:${port}`);
}
