import { expect, test } from '@jest/globals';
import { groupConfigOf } from './group-config.js';
import { localSettings } from './local-start.js';

const texts = (values: Record<string, string>) => new Map(Object.entries(values));

test('a group without settings of its own follows the node, dynamic changes included', () => {
  const settings = localSettings({ 'group.consumer.heartbeat.interval.ms': '6000' })
    .with({ clusterWide: texts({ 'group.consumer.assignment.interval.ms': '7' }), perBroker: new Map() });
  expect(groupConfigOf(settings, new Map())).toEqual({
    consumerSessionTimeoutMs: 45_000, consumerHeartbeatIntervalMs: 6000, consumerAssignmentIntervalMs: 7,
  });
});

test('its own settings go before, within the bounds of today', () => {
  const own = texts({ 'consumer.session.timeout.ms': '50000', 'consumer.heartbeat.interval.ms': '1', 'consumer.assignment.interval.ms': '60000' });
  expect(groupConfigOf(localSettings(), own)).toMatchObject({
    consumerSessionTimeoutMs: 50_000, consumerHeartbeatIntervalMs: 5000, consumerAssignmentIntervalMs: 15_000,
  });
});

test('what cannot be read is as if it were not there', () => {
  const faults: string[] = [];
  const own = texts({ 'consumer.session.timeout.ms': 'long', 'share.isolation.level': 'none', 'no.such': '1' });
  expect(groupConfigOf(localSettings(), own, fault => faults.push(fault))).toEqual(groupConfigOf(localSettings(), new Map()));
  expect(faults).toEqual([
    'Invalid value long for configuration consumer.session.timeout.ms: Not a number of type INT',
    'Invalid value none for configuration share.isolation.level: String must be one of: read_committed, read_uncommitted',
  ]);
});
