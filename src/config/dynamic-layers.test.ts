import { expect, test } from '@jest/globals';
import { takeLayers } from './dynamic-layers.js';
import { localSettings } from './local-start.js';

const texts = (values: Record<string, string>) => new Map(Object.entries(values));

test('layers that go together count, the broker\'s before the cluster\'s', () => {
  const faults: string[] = [];
  const layers = { clusterWide: texts({ 'log.retention.ms': '5', 'message.max.bytes': '6' }), perBroker: texts({ 'message.max.bytes': '7' }) };
  const settings = takeLayers(localSettings(), layers, fault => faults.push(fault));
  expect([settings.retentionMs(), settings.get('message.max.bytes'), faults]).toEqual([5, 7, []]);
  expect(takeLayers(settings, { clusterWide: texts({}), perBroker: texts({}) }, fault => faults.push(fault)).get('message.max.bytes')).toBe(1_048_588);
});

test('of those that do not, the rest still counts', () => {
  const faults: string[] = [];
  const layers = {
    clusterWide: texts({ 'log.cleaner.threads': '200', 'log.retention.ms': '-1', 'no.such': 'x' }),
    perBroker: texts({ listeners: 'PLAINTEXT://127.0.0.1:1,SAFE://127.0.0.1:2', 'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SAFE:SSL' }),
  };
  const settings = takeLayers(localSettings(), layers, fault => faults.push(fault));
  expect([settings.retentionMs(), settings.get('log.cleaner.threads'), settings.get('listeners')]).toEqual([-1, 1, ['PLAINTEXT://127.0.0.1:9092']]);
  expect(faults).toEqual([
    'log.cleaner.threads does not go together with the other settings: requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.',
    'listeners does not go together with the other settings: listeners: SAFE asks for SSL; this version of Ottla serves PLAINTEXT only',
  ]);
});

test('a listener may come before what explains it', () => {
  const perBroker = texts({ listeners: 'PLAINTEXT://127.0.0.1:1,MORE://127.0.0.1:2', 'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,MORE:PLAINTEXT' });
  const settings = takeLayers(localSettings(), { clusterWide: texts({ 'log.retention.ms': '0' }), perBroker }, () => undefined);
  expect(settings.get('listeners')).toHaveLength(2);
});

test('intervals between assignments stay within the bounds that the node was started with', () => {
  const faults: string[] = [];
  const settings = takeLayers(localSettings({ 'group.share.max.assignment.interval.ms': '2000' }), {
    clusterWide: texts({ 'group.consumer.assignment.interval.ms': '7', 'group.share.assignment.interval.ms': '5000' }), perBroker: texts({}),
  }, fault => faults.push(fault));
  expect([settings.get('group.consumer.assignment.interval.ms'), settings.get('group.share.assignment.interval.ms'), faults]).toEqual([
    7, 2000, ['group.share.assignment.interval.ms is 5000, beyond its bounds: 2000 holds'],
  ]);
});
