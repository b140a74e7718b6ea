import { describe, expect, test } from '@jest/globals';
import { ConfigSource, describeBrokerConfig, describeClientMetricsConfig, describeClusterConfig, describeGroupConfig, describeTopicConfig } from './describe.js';
import { localSettings } from './local-start.js';

const all = { includeSynonyms: true };
const texts = (values: Record<string, string>) => new Map(Object.entries(values));
const only = (name: string) => ({ ...all, names: [name] });

describe('describing a topic', () => {
  test('gives every setting that is not internal, int64 exact', () => {
    const entries = describeTopicConfig(localSettings(), new Map());
    expect(entries).toHaveLength(33);
    expect(entries.find(({ name }) => name === 'flush.messages')).toEqual({
      name: 'flush.messages', value: '9223372036854775807', readOnly: false, configSource: ConfigSource.DEFAULT, isSensitive: false,
      synonyms: [], configType: 5, documentation: null,
    });
  });

  test('lists own value, then the node\'s through all layers', () => {
    const settings = localSettings({ 'log.segment.bytes': '1048577' })
      .with({ clusterWide: texts({ 'log.segment.bytes': '1048578' }), perBroker: texts({ 'log.segment.bytes': '1048579' }) });
    expect(describeTopicConfig(settings, texts({ 'segment.bytes': ' 1048580' }), only('segment.bytes'))).toEqual([expect.objectContaining({
      value: '1048580', configSource: ConfigSource.TOPIC, configType: 3, synonyms: [
        { name: 'segment.bytes', value: '1048580', source: ConfigSource.TOPIC },
        { name: 'log.segment.bytes', value: '1048579', source: ConfigSource.DYNAMIC_BROKER },
        { name: 'log.segment.bytes', value: '1048578', source: ConfigSource.DYNAMIC_DEFAULT_BROKER },
        { name: 'log.segment.bytes', value: '1048577', source: ConfigSource.STATIC_BROKER },
        { name: 'log.segment.bytes', value: '1073741824', source: ConfigSource.DEFAULT },
      ],
    })]);
  });

  test('gives times in milliseconds, and Kafka\'s odd source when they were given in hours', () => {
    const [entry] = describeTopicConfig(localSettings({ 'log.retention.hours': '1' }), new Map(), only('retention.ms'));
    expect(entry).toMatchObject({ value: '3600000', configSource: ConfigSource.DEFAULT, synonyms: [] });
    const [given] = describeTopicConfig(localSettings({ 'log.retention.ms': '7', 'log.retention.minutes': '1' }), new Map(), only('retention.ms'));
    expect(given).toMatchObject({ value: '7', configSource: ConfigSource.STATIC_BROKER, synonyms: [
      { name: 'log.retention.ms', value: '7', source: ConfigSource.STATIC_BROKER },
      { name: 'log.retention.minutes', value: '1', source: ConfigSource.STATIC_BROKER },
      { name: 'log.retention.hours', value: '168', source: ConfigSource.DEFAULT },
    ] });
    const [exact] = describeTopicConfig(localSettings(), new Map(), only('flush.ms'));
    expect(exact?.value).toBe('9223372036854775807');
  });

  test('shows an internal setting only when the topic has it', () => {
    const [entry] = describeTopicConfig(localSettings(), texts({ 'internal.segment.bytes': '100' }), {});
    expect(entry).toMatchObject({ name: 'internal.segment.bytes', value: '100', configSource: ConfigSource.TOPIC });
  });
});

describe('describing a broker', () => {
  test('hides secrets and names that nobody knows, in value and synonyms', () => {
    const settings = localSettings({ 'ssl.key.password': 'hunter2', 'my.secret': 'hunter2' });
    const entries = describeBrokerConfig(settings, all);
    expect(JSON.stringify(entries)).not.toContain('hunter2');
    expect(entries[0]).toMatchObject({ name: 'my.secret', value: null, isSensitive: true, configType: 0, configSource: ConfigSource.STATIC_BROKER });
    expect(entries.find(({ name }) => name === 'ssl.key.password')).toMatchObject({ value: null, isSensitive: true, configType: 9 });
  });

  test('says what may be changed while it runs', () => {
    const readOnly = (name: string) => describeBrokerConfig(localSettings({ 'listener.name.a.ssl.protocol': 'x' }), only(name))[0]?.readOnly;
    expect([readOnly('node.id'), readOnly('log.segment.bytes'), readOnly('listeners'), readOnly('listener.name.a.ssl.protocol')]).toEqual([true, false, false, true]);
  });

  test('drops a listener\'s value when the setting itself is asked, and falls back the other way round', () => {
    const settings = localSettings({ 'listener.name.a.max.connections': '3', 'max.connections': '5' });
    expect(describeBrokerConfig(settings, only('listener.name.a.max.connections'))[0]).toMatchObject({ value: '3', configType: 3, synonyms: [
      { name: 'listener.name.a.max.connections', value: '3', source: ConfigSource.STATIC_BROKER },
      { name: 'max.connections', value: '5', source: ConfigSource.STATIC_BROKER },
      { name: 'max.connections', value: '2147483647', source: ConfigSource.DEFAULT },
    ] });
  });

  test('gives documentation when asked', () => {
    const [entry] = describeBrokerConfig(localSettings(), { names: ['num.partitions'], includeDocumentation: true });
    expect(entry?.documentation).toContain('Partitions of a topic');
  });

  test('without a name it is what was set for all brokers', () => {
    const settings = localSettings({ 'message.max.bytes': '5' }).with({ clusterWide: texts({ 'message.max.bytes': '6' }), perBroker: texts({ 'message.max.bytes': '7' }) });
    expect(describeClusterConfig(settings, all)).toEqual([expect.objectContaining({
      name: 'message.max.bytes', value: '6', configSource: ConfigSource.DYNAMIC_DEFAULT_BROKER,
      synonyms: [{ name: 'message.max.bytes', value: '6', source: ConfigSource.DYNAMIC_DEFAULT_BROKER }],
    })]);
  });
});

describe('describing groups and subscriptions', () => {
  test('a group takes the node\'s values', () => {
    const settings = localSettings({ 'group.consumer.heartbeat.interval.ms': '6000' });
    const [entry] = describeGroupConfig(settings, texts({ 'consumer.heartbeat.interval.ms': '7000' }), only('consumer.heartbeat.interval.ms'));
    expect(entry?.synonyms).toEqual([
      { name: 'consumer.heartbeat.interval.ms', value: '7000', source: ConfigSource.GROUP },
      { name: 'group.consumer.heartbeat.interval.ms', value: '6000', source: ConfigSource.STATIC_BROKER },
      { name: 'group.consumer.heartbeat.interval.ms', value: '5000', source: ConfigSource.DEFAULT },
    ]);
    expect(describeGroupConfig(settings, new Map(), only('share.isolation.level'))[0]).toMatchObject({
      value: 'read_uncommitted', synonyms: [{ name: 'share.isolation.level', value: 'read_uncommitted', source: ConfigSource.DEFAULT }],
    });
    expect(describeGroupConfig(settings, new Map())).toHaveLength(17);
  });

  test('a subscription has three settings', () => {
    const entries = describeClientMetricsConfig(texts({ 'interval.ms': '1000' }), all);
    expect(new Map(entries.map(({ name, value, configSource }) => [name, [value, configSource]]))).toEqual(new Map([
      ['metrics', ['', ConfigSource.DEFAULT]], ['interval.ms', ['1000', ConfigSource.CLIENT_METRICS]], ['match', ['', ConfigSource.DEFAULT]],
    ]));
  });
});
