import { describe, expect, test } from '@jest/globals';
import { localSettings } from './local-start.js';
import { changeBrokerList, changeList, groupValue, isSecret, validateBrokerConfig, validateClientMetricsConfig, validateGroupConfig, validateTopicConfig } from './resources.js';
import { ConfigError } from './value.js';

const texts = (values: Record<string, string>) => new Map(Object.entries(values));
const fault = (check: () => void): string => {
  try {
    check();
  } catch (error) {
    return error instanceof ConfigError ? `${error.kind}: ${error.message}` : `not a ConfigError: ${String(error)}`;
  }
  return 'accepted';
};

/** What a running broker does not let itself be made, as Kafka's exceptions print. */
const unfit = (why: string): string => `request: Invalid value org.apache.kafka.common.config.ConfigException: ${why} for configuration Invalid dynamic configuration`;

describe('changed settings are refused as Kafka refuses them', () => {
  test.each<[Record<string, string>, string]>([
    [{ 'retention.ms': '1000', 'cleanup.policy': 'compact' }, 'accepted'],
    [{ 'segment.size': '1' }, 'config: Unknown topic config name: segment.size'],
    [{ 'segment.bytes': '1' }, 'config: Invalid value 1 for configuration segment.bytes: Value must be at least 1048576'],
    [{ 'min.compaction.lag.ms': '200', 'max.compaction.lag.ms': '100' },
      'config: conflict topic config setting min.compaction.lag.ms (200) > max.compaction.lag.ms (100)'],
    [{ 'min.compaction.lag.ms': '9223372036854775807' }, 'accepted'],
    [{ 'remote.storage.enable': 'true' }, 'config: Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.'],
  ])('topic %j: %s', (own, outcome) => {
    expect(fault(() => validateTopicConfig(localSettings(), texts(own)))).toBe(outcome);
  });

  test('a topic\'s lag is held against the node\'s when it has only one of both', () => {
    const settings = localSettings({ 'log.cleaner.max.compaction.lag.ms': '100' });
    expect(fault(() => validateTopicConfig(settings, texts({ 'min.compaction.lag.ms': '101' })))).toContain('(101) > max.compaction.lag.ms (100)');
  });

  test.each<[Record<string, string>, string]>([
    [{ 'consumer.session.timeout.ms': '50000' }, 'accepted'],
    [{ 'consumer.session.timeouts': '1' }, 'config: Unknown group config name: consumer.session.timeouts'],
    [{ 'consumer.session.timeout.ms': '1000' }, 'config: consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms'],
    [{ 'consumer.heartbeat.interval.ms': '20000' }, 'config: consumer.heartbeat.interval.ms must be less than or equal to group.consumer.max.heartbeat.interval.ms'],
    [{ 'streams.num.standby.replicas': '3' }, 'config: streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas'],
    [{ 'share.auto.offset.reset': 'by_duration:PT1H' }, 'accepted'],
    [{ 'share.auto.offset.reset': 'by_duration:P' }, 'config: Invalid value by_duration:P for configuration share.auto.offset.reset: ' +
      "Invalid value `by_duration:P` for configuration share.auto.offset.reset. The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."],
  ])('group %j: %s', (own, outcome) => {
    expect(fault(() => validateGroupConfig(localSettings(), texts(own)))).toBe(outcome);
  });

  test.each<[Record<string, string>, string]>([
    [{ 'interval.ms': '100', metrics: 'org.apache.', match: 'client_id=a.*, client_source_port=90[0-9]+' }, 'accepted'],
    [{ interval: '1' }, 'request: Unknown client metrics configuration: interval'],
    [{ 'interval.ms': '99' }, 'request: Invalid value 99 for interval.ms, interval must be between 100 and 3600000 (1 hour)'],
    [{ match: 'client_id' }, 'config: Illegal client matching pattern: client_id'],
    [{ match: 'client_id=(' }, 'config: Illegal client matching pattern: client_id=('],
    [{ match: 'client_id=(?i)app.*,client_software_version=\\p{Digit}+' }, 'accepted'],
    [{ match: 'client_id=(?=a)b' }, 'config: Illegal client matching pattern: client_id=(?=a)b'],
    [{ match: 'host=a' }, 'config: Illegal client matching pattern: host=a'],
  ])('subscription %j: %s', (own, outcome) => {
    expect(fault(() => validateClientMetricsConfig(texts(own)))).toBe(outcome);
  });

  test.each<[boolean, Record<string, string>, string]>([
    [false, { 'message.max.bytes': '5' }, 'accepted'],
    [false, { 'leader.replication.throttled.rate': '5' }, 'accepted'],
    [false, { 'node.id': '5' }, 'request: Cannot update these configs dynamically: [node.id]'],
    [true, { 'ssl.keystore.type': 'PEM' }, 'request: These security configs can be dynamically updated only per-listener using the listener prefix: [ssl.keystore.type]'],
    [false, { 'message.max.bytes': '-5' }, 'request: Invalid value -5 for configuration message.max.bytes: Value must be at least 0'],
    [false, { listeners: 'PLAINTEXT://:1' }, 'request: Cannot update these configs at default cluster level, broker id must be specified: [listeners]'],
    [false, { 'listener.name.a.ssl.protocol': 'x' }, 'request: Cannot update these configs at default cluster level, broker id must be specified: [listener.name.a.ssl.protocol]'],
    [false, { 'listener.name.a.max.connections': '1' }, 'accepted'],
    [true, { listeners: 'PLAINTEXT://:1' }, 'accepted'],
    [true, { 'max.connections.per.ip': '0' }, 'request: requirement failed: max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.'],
    [true, { 'not.known': '0' }, 'accepted'],
    [false, { 'log.retention.ms': '0' }, 'request: requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1'],
    [false, { 'log.cleaner.dedupe.buffer.size': '1048576' }, 'request: requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.'],
    [false, { 'log.cleaner.threads': '0' }, 'request: / by zero'],
    [false, { 'group.consumer.assignment.interval.ms': '15001' }, 'request: group.consumer.assignment.interval.ms must be less than or equal to group.consumer.max.assignment.interval.ms'],
    // A Kafka broker lets it pass; a topic that inherits both is compacted as the lower one wants.
    [false, { 'log.cleaner.min.compaction.lag.ms': '9', 'log.cleaner.max.compaction.lag.ms': '8' }, 'accepted'],
    [true, { 'num.io.threads': '16' }, 'accepted'],
    [true, { 'num.io.threads': '4' }, 'accepted'],
    [true, { 'num.io.threads': '17' }, unfit('Dynamic thread count update validation failed for num.io.threads=17, value should not be greater than double the current value 8')],
    [true, { 'num.io.threads': '3' }, unfit('Dynamic thread count update validation failed for num.io.threads=3, value should be at least half the current value 8')],
    [true, { 'listener.name.plaintext.num.network.threads': '7' },
      unfit('Dynamic thread count update validation failed for num.network.threads=7, value should not be greater than double the current value 3')],
    [false, { 'log.cleaner.threads': '3' }, unfit('Log cleaner threads cannot be increased to more than double the current value 1')],
    [false, { 'max.connections': '0' }, unfit('Invalid max.connections 0')],
    [false, { 'log.local.retention.bytes': '5', 'log.retention.bytes': '4' },
      unfit('Invalid value 5 for configuration log.local.retention.bytes: Value must not be more than log.retention.bytes property value: 4')],
    [false, { 'log.local.retention.ms': '-1' },
      unfit('Invalid value -1 for configuration log.local.retention.ms: Value must not be -1 as log.retention.ms value is set as 604800000.')],
    [false, { 'metric.reporters': 'org.apache.kafka.common.metrics.JmxReporter' }, 'accepted'],
    [true, { listeners: 'PLAINTEXT://127.0.0.1:1,EXTRA://127.0.0.1:2', 'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,EXTRA:PLAINTEXT,CONTROLLER:PLAINTEXT' }, 'accepted'],
  ])('broker (its own layer: %j) %j: %s', (perBroker, own, outcome) => {
    expect(fault(() => validateBrokerConfig(localSettings(), texts(own), perBroker))).toBe(outcome);
  });
});

describe('what a node was started with is not held against a change of something else', () => {
  const reporter = 'io.example.Reporter';
  const refused = unfit('Validation of dynamic config update of Set(metric.reporters) failed with class class kafka.server.DynamicMetricsReporters');
  const tooMuch = unfit('Invalid value 2000 for configuration log.local.retention.bytes: Value must not be more than log.retention.bytes property value: 1000');
  test.each<[Record<string, string>, Record<string, string>, string]>([
    [{ 'metric.reporters': reporter }, { 'max.connections.per.ip': '100' }, 'accepted'],
    [{ 'metric.reporters': reporter }, { 'metric.reporters': `${reporter},io.example.Other` }, refused],
    [{}, { 'metric.reporters': reporter }, refused],
    [{ 'log.retention.bytes': '1000', 'log.local.retention.bytes': '2000' }, { 'max.connections.per.ip': '100' }, 'accepted'],
    // Kafka checks all of a log's settings when any of them changes.
    [{ 'log.retention.bytes': '1000', 'log.local.retention.bytes': '2000' }, { 'log.segment.bytes': '2000000' }, tooMuch],
  ])('started with %j, changed to %j: %s', (given, own, outcome) => {
    expect(fault(() => validateBrokerConfig(localSettings(given), texts(own), true))).toBe(outcome);
  });
});

describe('lists change by parts', () => {
  test('from the default while there is no value', () => {
    expect(changeList('topic', 'cleanup.policy', 'APPEND', undefined, 'compact,delete')).toBe('delete,compact');
    expect(changeList('topic', 'cleanup.policy', 'SUBTRACT', 'compact,delete', 'delete,nothing')).toBe('compact');
    expect(changeList('topic', 'cleanup.policy', 'SUBTRACT', undefined, 'delete')).toBe('');
  });

  test('for a broker\'s own, as it foresees them', () => {
    expect(changeBrokerList('log.cleanup.policy', 'append', undefined, 'compact')).toBe('delete,compact');
    expect(changeBrokerList('log.cleanup.policy', 'subtract', 'compact,delete,compact', 'compact')).toBe('delete,compact');
    expect(() => changeBrokerList('no.such', 'append', undefined, 'x')).toThrow('Unknown config name: no.such');
    expect(() => changeBrokerList('log.retention.ms', 'subtract', undefined, 'x')).toThrow('Config value subtract is not allowed for config key: log.retention.ms');
  });

  test('and only lists', () => {
    expect(() => changeList('topic', 'retention.ms', 'APPEND', '1', '2')).toThrow("Can't APPEND to key retention.ms because its type is not LIST.");
    expect(() => changeList('group', 'nothing', 'SUBTRACT', '1', '2')).toThrow("Can't SUBTRACT to key nothing");
  });
});

test('unknown names count as secrets', () => {
  expect([isSecret('topic', 'retention.ms'), isSecret('topic', 'x'), isSecret('broker', 'ssl.key.password')]).toEqual([false, true, true]);
});

test('a group\'s stored value is brought within the bounds of today', () => {
  const own = texts({ 'consumer.session.timeout.ms': '90000', 'consumer.assignment.interval.ms': '7' });
  expect(groupValue(localSettings(), own, 'consumer.session.timeout.ms')).toBe(60000);
  expect(groupValue(localSettings(), own, 'consumer.assignment.interval.ms')).toBe(7);
  expect(groupValue(localSettings(), new Map(), 'consumer.heartbeat.interval.ms')).toBe(5000);
});
