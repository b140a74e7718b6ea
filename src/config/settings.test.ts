import { describe, expect, test } from '@jest/globals';
import { inspect } from 'node:util';
import { localSettings } from './local-start.js';
import { Settings } from './settings.js';
import { ConfigError } from './value.js';

const dynamic = (clusterWide: Record<string, string>, perBroker: Record<string, string> = {}) => ({
  clusterWide: new Map(Object.entries(clusterWide)),
  perBroker: new Map(Object.entries(perBroker)),
});

describe('reading settings', () => {
  test('gives each type as code uses it', () => {
    const settings = localSettings({
      'num.partitions': ' 3 ', 'log.cleaner.min.cleanable.ratio': '.25', 'auto.create.topics.enable': 'FALSE',
      'sasl.enabled.mechanisms': 'PLAIN , SCRAM-SHA-256,PLAIN', 'broker.rack': 'a', 'ssl.key.password': 'hunter2',
    });
    const partitions: number = settings.get('num.partitions');
    const mechanisms: readonly string[] = settings.get('sasl.enabled.mechanisms');
    const rack: string | undefined = settings.get('broker.rack');
    expect(partitions).toBe(3);
    expect(mechanisms).toEqual(['PLAIN', 'SCRAM-SHA-256']);
    expect(rack).toBe('a');
    expect(settings.get('auto.create.topics.enable')).toBe(false);
    expect(settings.get('log.cleaner.min.cleanable.ratio')).toBe(0.25);
    expect(settings.get('ssl.key.password')?.reveal()).toBe('hunter2');
    expect(settings.get('log.roll.ms')).toBeUndefined();
  });

  test('prints int64 exactly and doubles as Java does', () => {
    const settings = localSettings({ 'log.flush.interval.messages': '+9223372036854775806' });
    expect(settings.text('log.flush.interval.messages')).toBe('9223372036854775806');
    expect(settings.text('log.message.timestamp.before.max.ms')).toBe('9223372036854775807');
    expect(settings.text('log.cleaner.io.max.bytes.per.second')).toBe('1.7976931348623157E308');
    expect(settings.text('log.cleaner.min.cleanable.ratio')).toBe('0.5');
    expect(settings.text('log.roll.ms')).toBeNull();
  });

  test('never prints a password', () => {
    const password = localSettings({ 'ssl.key.password': 'hunter2' }).get('ssl.key.password');
    expect([String(password), JSON.stringify({ password }), inspect(password)].join()).not.toContain('hunter2');
  });

  test('names every wrong and missing value with its place', () => {
    const given = new Map([
      ['num.partitions', { text: 'four', place: 'server.properties:7' }],
      ['log.segment.bytes', { text: '10', place: 'environment variable KAFKA_LOG_SEGMENT_BYTES' }],
      ['node.id', { text: '1', place: '--set' }], ['controller.listener.names', { text: 'C', place: '--set' }],
    ]);
    expect(() => Settings.from(given)).toThrow(new ConfigError([
      'Invalid value four for configuration num.partitions: Not a number of type INT (server.properties:7)',
      'Invalid value 10 for configuration log.segment.bytes: Value must be at least 1048576 (environment variable KAFKA_LOG_SEGMENT_BYTES)',
      'Missing required configuration "process.roles" which has no default value.',
    ].join('\n')));
  });

  test('lets broker.id and node.id stand for each other', () => {
    expect(localSettings({ 'node.id': '7' }).get('broker.id')).toBe(7);
  });

  test('reads a listener\'s own form of a setting first', () => {
    const settings = localSettings({ 'max.connections': '5', 'listener.name.outside.max.connections': '2' });
    expect(settings.forListener('OUTSIDE').get('max.connections')).toBe(2);
    expect(settings.forListener('INSIDE').get('max.connections')).toBe(5);
    expect(() => localSettings({ 'listener.name.outside.max.connections': 'few' })).toThrow('listener.name.outside.max.connections');
  });

  test('keeps names that it does not know apart', () => {
    const settings = localSettings({ 'my.plugin.url': 'x', 'listener.name.a.ssl.protocol': 'TLSv1.3', 'listener.name.a.nothing': '1' });
    expect(settings.unknownNames()).toEqual(['my.plugin.url', 'listener.name.a.nothing']);
    expect(settings.text('my.plugin.url')).toBe('x');
  });
});

describe('settings changed while running', () => {
  test('put the broker before the cluster before the start, and leave the old ones alone', () => {
    const before = localSettings({ 'log.segment.bytes': '1048577', 'message.max.bytes': '10', 'num.network.threads': '9' });
    const after = before.with(dynamic({ 'log.segment.bytes': '1048578', 'message.max.bytes': '11' }, { 'message.max.bytes': '12' }));
    expect([after.get('log.segment.bytes'), after.get('message.max.bytes'), after.get('num.network.threads')]).toEqual([1048578, 12, 9]);
    expect(before.get('message.max.bytes')).toBe(10);
    expect(after.with(dynamic({})).get('message.max.bytes')).toBe(10);
  });

  test('a changed time in milliseconds goes before hours given at start', () => {
    const after = localSettings({ 'log.retention.hours': '1' }).with(dynamic({ 'log.retention.ms': '5' }));
    expect(after.retentionMs()).toBe(5);
    expect(after.isGiven('log.retention.hours')).toBe(false);
  });

  test('what cannot be read or is not dynamic is left out and told', () => {
    const faults: string[] = [];
    const after = localSettings().with(dynamic({ 'message.max.bytes': 'x', 'node.id': '4', 'log.preallocate': 'true' }), fault => faults.push(fault));
    expect(faults).toEqual([
      'Invalid value x for configuration message.max.bytes: Not a number of type INT', 'Cannot update node.id dynamically',
    ]);
    expect([after.get('node.id'), after.get('log.preallocate')]).toEqual([1, true]);
    expect([...after.dynamic.clusterWide.keys()]).toEqual(['log.preallocate']);
  });
});
