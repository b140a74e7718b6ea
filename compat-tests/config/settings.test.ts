import { beforeAll, expect, test } from '@jest/globals';
import { array, constantFrom, dictionary, integer, oneof, record, sample, string, tuple, type Arbitrary } from 'fast-check';
import { spawn } from 'node:child_process';
import { text as readAll } from 'node:stream/consumers';
import {
  describeBrokerConfig, describeClientMetricsConfig, describeClusterConfig, describeGroupConfig, describeTopicConfig, Settings,
  validateBrokerConfig, validateClientMetricsConfig, validateGroupConfig, validateTopicConfig,
} from '../../src/config/index.js';
import { parseProperties, PropertiesError } from '../../src/config/properties.js';
import type { SettingTable } from '../../src/config/setting.js';
import { brokerQuotaSettings, brokerSettings, clientMetricsSettings, groupSettings, topicSettings } from '../../src/config/table/index.js';
import { ConfigError, parseValue } from '../../src/config/value.js';
import { compile, JAVA_FLAGS, jars } from '../support/java.js';
import { describeWithJava } from '../support/java-tests.js';
import { report } from '../support/toolchains.js';

const SOURCE = 'compat-tests/java/src/main/java/ottla/config/ConfigOracle.java';
const CLASSES = 'build/compat/config';

let classPath = '';

/** Asks `ConfigOracle` all questions in one run. */
async function ask(questions: readonly object[]): Promise<unknown[]> {
  const flags = [...JAVA_FLAGS, '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', `${CLASSES}:${classPath}`];
  const oracle = spawn('java', [...flags, 'ottla.config.ConfigOracle'], { stdio: ['pipe', 'pipe', 'inherit'] });
  oracle.stdin.on('error', () => undefined);
  oracle.stdin.end(questions.map(question => `${JSON.stringify(question)}\n`).join(''));
  const answers = (await readAll(oracle.stdout)).split('\n').slice(0, -1).map(line => JSON.parse(line) as unknown);
  expect(answers).toHaveLength(questions.length);
  return answers;
}

const TABLES: Readonly<Record<string, SettingTable>> = {
  broker: brokerSettings, quota: brokerQuotaSettings, topic: topicSettings, group: groupSettings, 'client-metrics': clientMetricsSettings,
};

const SEED = 20_260_713;

const messageOf = (check: () => void): { accepted: true } | { error: string } => {
  try {
    check();
    return { accepted: true };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { error: error.message };
  }
};

/** Values that a setting of that type may and may not take. */
const anyText: Arbitrary<string> = oneof(
  integer().map(String), integer({ min: -5, max: 20 }).map(String), constantFrom(
    '', ' ', 'true', 'FALSE', 'yes', '1.5', '-0', '1e3', '0.25', '1e400', 'NaN', '9223372036854775807', '9223372036854775808', '2147483648', '32768', '+7', '007',
    'compact', 'delete', 'compact,delete', 'delete,delete', 'a,,b', ' a , b ', 'gzip', 'zstd', 'CreateTime', 'classic', 'classic,consumer', 'broker', 'upgrade',
    '1@localhost:9093', '1@[::1]:9093', 'x@localhost:1', '1@localhost', 'localhost:9092', 'localhost', ':9092', '0:1,2:3', '*', '0:1,*',
    'earliest', 'by_duration:PT1H', 'by_duration:P1D', 'by_duration:-PT1H', 'by_duration:', 'read_committed', 'required', 'SSL',
  ), string({ maxLength: 8 }).map(text => text.replace(/[^\x20-\x7e]/g, '?')));

await describeWithJava("settings against Apache's own classes", () => {
  beforeAll(async () => {
    classPath = await jars('compat-tests/java');
    await compile(SOURCE, classPath, CLASSES);
  }, 300_000);

  test('the table is the one of Apache: names in order, types, defaults, rules, importance, who may change them', async () => {
    const kinds = Object.keys(TABLES);
    const answers = await ask(kinds.map(kind => ({ ask: 'table', kind })));
    let names = 0;
    for (const [index, kind] of kinds.entries()) {
      const ours = Object.entries(TABLES[kind]!).map(([name, setting]) => ({
        name, type: setting.type, required: setting.defaultText === undefined, default: setting.defaultText ?? null, valid: setting.check?.text ?? '',
        importance: setting.importance, update: setting.update, internal: setting.internal,
      }));
      expect(ours).toEqual(answers[index]);
      names += ours.length;
    }
    report('settings', `settings equal to Apache's: ${names} of ${names}`);
  });

  test('values are read, printed and refused in the same words', async () => {
    const questions = Object.entries(TABLES).flatMap(([kind, table]) => Object.keys(table).flatMap((name, index) =>
      sample(anyText, { numRuns: 12, seed: SEED + index }).map(text => ({ ask: 'value', kind, name, text }))));
    const answers = await ask(questions);
    const differing = questions.flatMap((question, index) => {
      const setting = TABLES[question.kind]![question.name]!;
      // Kafka loads the class that such a setting names; here it stays a name.
      if (setting.type === 'class') return [];
      let ours: object;
      try {
        ours = { text: parseValue(question.name, setting, question.text).text };
      } catch (error) {
        ours = { error: (error as Error).message };
      }
      return JSON.stringify(ours) === JSON.stringify(answers[index]) ? [] : [{ question, ours, apache: answers[index] }];
    });
    expect(differing).toEqual([]);
  });

  test('properties files mean the same', async () => {
    const piece = constantFrom('a', 'b', 'key', '\\', '\\\\', '\\\n', '\n', '\r\n', '\r', ' ', '\t', '\f', '=', ':', '#', '!', '\\u0041', '\\u00e9', '\\t', '\\n', '\\:', 'x=y\n', 'é');
    const texts = sample(array(piece, { maxLength: 30 }).map(pieces => pieces.join('')), { numRuns: 5000, seed: SEED });
    const answers = await ask(texts.map(text => ({ ask: 'properties', text })));
    for (const [index, text] of texts.entries()) {
      let ours: object;
      try {
        ours = { entries: Object.fromEntries(parseProperties(text).map(({ key, value }) => [key, value])) };
      } catch (error) {
        if (!(error instanceof PropertiesError)) throw error;
        ours = { error: 'Malformed \\uxxxx encoding.' };
      }
      expect({ text: JSON.stringify(text), ...ours }).toEqual({ text: JSON.stringify(text), ...(answers[index] as object) });
    }
  });

  test('changes are refused in the same words', async () => {
    const change = (table: SettingTable, value: Arbitrary<string>) => dictionary(constantFrom(...Object.keys(table), 'no.such'), value, { maxKeys: 2 });
    const small = oneof(integer({ min: -1, max: 70 }).map(n => String(n * 1000)), constantFrom('compact', '1', '3', 'latest', 'true', 'client_id=a.*', 'client_id', 'x=y', 'a'));
    const dynamic = { ...topicSettings, ...brokerQuotaSettings, ...Object.fromEntries(Object.entries(brokerSettings).filter(([, { update, type }]) => update !== 'read-only' && type !== 'class')) };
    const names = constantFrom(...Object.keys(dynamic), 'node.id', 'no.such', 'listener.name.a.ssl.protocol', 'listener.name.a.max.connections', 'listener.name.a.b.sasl.jaas.config');
    const questions = [
      ...sample(tuple(constantFrom('topic'), change(topicSettings, small)), { numRuns: 400, seed: SEED }),
      ...sample(tuple(constantFrom('group'), change(groupSettings, small)), { numRuns: 600, seed: SEED }),
      ...sample(tuple(constantFrom('client-metrics'), change(clientMetricsSettings, small)), { numRuns: 300, seed: SEED }),
      ...sample(tuple(constantFrom('broker'), dictionary(names, small, { minKeys: 1, maxKeys: 1 })), { numRuns: 600, seed: SEED }),
    ].map(([kind, own], index) => ({ ask: 'validate', kind, own, perBroker: index % 2 === 0, node: NODE }));
    const answers = await ask(questions);
    const settings = settingsOf(NODE);
    const differing = questions.flatMap(({ kind, own, perBroker }, index) => {
      const values = new Map(Object.entries(own));
      const ours = messageOf(() => {
        if (kind === 'topic') validateTopicConfig(settings, values);
        else if (kind === 'group') validateGroupConfig(settings, values);
        else if (kind === 'client-metrics') validateClientMetricsConfig(values);
        else validateBrokerConfig(settings, values, perBroker);
      });
      return JSON.stringify(ours) === JSON.stringify(answers[index]) || (kind === 'broker' && ofTheRunning(ours)) ? [] : [{ kind, own, perBroker, ours, apache: answers[index] }];
    });
    expect(differing).toEqual([]);
  });

  test('DescribeConfigs answers are equal, entry by entry and in the same order', async () => {
    const valid = { 'message.max.bytes': '7', 'log.retention.ms': '60000', 'log.segment.bytes': ' 2097152', 'log.cleanup.policy': 'compact , delete',
      'log.flush.interval.messages': '9223372036854775806', 'min.insync.replicas': '+2', 'log.cleaner.min.cleanable.ratio': '.75', 'log.roll.ms': '7000' };
    const atStart = { ...valid, 'log.retention.hours': '3', 'log.retention.minutes': '7', 'log.roll.hours': '5', 'log.roll.jitter.hours': '1',
      'log.flush.scheduler.interval.ms': '900', 'ssl.key.password': 'secret', 'plugin.name': 'x', 'another.plugin': 'y', 'listener.name.plaintext.max.connections': '5',
      'group.consumer.heartbeat.interval.ms': '6000', 'broker.rack': ' r ' };
    const some = (values: Readonly<Record<string, string>>) => array(constantFrom(...Object.entries(values)), { maxLength: 5 }).map(entries => Object.fromEntries(entries) as Record<string, string>);
    const own: Readonly<Record<string, Record<string, string>>> = {
      topic: { 'segment.bytes': ' 1048577', 'cleanup.policy': 'delete', 'flush.ms': '4', 'internal.segment.bytes': '99', 'retention.ms': '-1', 'min.cleanable.dirty.ratio': '1' },
      group: { 'consumer.heartbeat.interval.ms': '7000', 'share.isolation.level': 'read_committed', 'streams.num.standby.replicas': '1' },
      'client-metrics': { 'interval.ms': '1000', metrics: 'a,b' }, broker: { unused: '1' }, cluster: { unused: '1' },
    };
    const questions = Object.keys(own).flatMap(kind => sample(
      record({ own: some(own[kind]!), node: some(atStart), clusterWide: some(valid), perBroker: some(valid) }), { numRuns: 40, seed: SEED },
    ).map(layers => ({ ask: 'describe', kind, ...layers, node: { ...NODE, ...layers.node } })));
    const answers = await ask(questions);
    for (const [index, { kind, own: values, node, clusterWide, perBroker }] of questions.entries()) {
      const settings = settingsOf(node).with({ clusterWide: new Map(Object.entries(clusterWide)), perBroker: new Map(Object.entries(perBroker)) });
      const ours = describeAs(kind, settings, new Map(Object.entries(values)));
      const theirs = answers[index] as typeof ours;
      const context = { kind, values, node, clusterWide, perBroker };
      // Kafka keeps the cluster's layer in a Scala map of no order that could be relied on.
      if (kind === 'cluster') expect({ context, entries: byName(ours) }).toEqual({ context, entries: byName(theirs) });
      else expect({ context, entries: ours }).toEqual({ context, entries: theirs });
    }
  });
});

const settingsOf = (given: Readonly<Record<string, string>>): Settings =>
  Settings.from(new Map(Object.entries(given).map(([name, text]) => [name, { text, place: 'test' }])));

/** A node that Apache starts. */
const NODE = {
  'process.roles': 'broker,controller', 'node.id': '1', 'broker.id': '1', 'listeners': 'PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093',
  'controller.listener.names': 'CONTROLLER', 'controller.quorum.bootstrap.servers': 'localhost:9093', 'log.dirs': '/tmp/x', 'auto.create.topics.enable': 'true',
  'group.initial.rebalance.delay.ms': '0', 'offsets.topic.replication.factor': '1', 'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1', 'share.coordinator.state.topic.replication.factor': '1', 'share.coordinator.state.topic.min.isr': '1',
};

function describeAs(kind: string, settings: Settings, own: ReadonlyMap<string, string>) {
  const options = { includeSynonyms: true };
  const entries = kind === 'topic' ? describeTopicConfig(settings, own, options)
    : kind === 'group' ? describeGroupConfig(settings, own, options)
      : kind === 'client-metrics' ? describeClientMetricsConfig(own, options)
        : kind === 'broker' ? describeBrokerConfig(settings, options) : describeClusterConfig(settings, options);
  // The words are our own.
  return entries.map(entry => ({ ...entry, documentation: undefined }));
}

const byName = <T extends { name: string }>(entries: readonly T[]): T[] => entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));

/** What only a running broker refuses, for the sake of its threads; and what we say in words of our own, where listeners or addresses cannot be read. */
const ofTheRunning = (outcome: object): boolean => 'error' in outcome && /for configuration Invalid dynamic configuration$|^listener|is not host:count$/.test(String(outcome.error));
