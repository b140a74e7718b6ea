import { describe, expect, test } from '@jest/globals';
import { localSettings } from './local-start.js';
import { resolveLogSettings } from './log-settings.js';

describe('the settings of a log', () => {
  test('are Kafka\'s defaults when nobody said anything', () => {
    expect(resolveLogSettings(new Map(), localSettings())).toEqual({
      segmentBytes: 1073741824, segmentMs: 604800000, segmentJitterMs: 0, segmentIndexBytes: 10485760,
      flushMessages: Number(9223372036854775807n), flushMs: Number(9223372036854775807n),
      retentionBytes: -1, retentionMs: 604800000, maxMessageBytes: 1048588, indexIntervalBytes: 4096,
      fileDeleteDelayMs: 60000, deleteRetentionMs: 86400000, minCompactionLagMs: 0, maxCompactionLagMs: Number(9223372036854775807n),
      minCleanableDirtyRatio: 0.5, cleanupPolicy: { delete: true, compact: false }, preallocate: false, minInsyncReplicas: 1,
      uncleanLeaderElection: false, compressionType: 'producer', gzipLevel: -1, lz4Level: 9, zstdLevel: 3,
      timestampType: 'CreateTime', timestampBeforeMaxMs: Number(9223372036854775807n), timestampAfterMaxMs: 3600000,
    });
  });

  test('come from the topic before the node', () => {
    const settings = localSettings({ 'log.segment.bytes': '2097152', 'message.max.bytes': '1000' });
    const log = resolveLogSettings(new Map([['segment.bytes', '1048576'], ['cleanup.policy', 'compact,delete']]), settings);
    expect(log).toMatchObject({ segmentBytes: 1048576, maxMessageBytes: 1000, cleanupPolicy: { delete: true, compact: true } });
  });

  test('take times in minutes and hours where milliseconds are not given', () => {
    const of = (own: Record<string, string>) => resolveLogSettings(new Map(), localSettings(own));
    expect(of({ 'log.retention.hours': '2' }).retentionMs).toBe(7200000);
    expect(of({ 'log.retention.hours': '2', 'log.retention.minutes': '3' }).retentionMs).toBe(180000);
    expect(of({ 'log.retention.hours': '2', 'log.retention.minutes': '3', 'log.retention.ms': '4' }).retentionMs).toBe(4);
    expect(of({ 'log.retention.hours': '-5' }).retentionMs).toBe(-1);
    expect(of({ 'log.roll.hours': '1', 'log.roll.jitter.hours': '3' })).toMatchObject({ segmentMs: 3600000, segmentJitterMs: 10800000 });
    expect(of({ 'log.flush.scheduler.interval.ms': '9' }).flushMs).toBe(9);
  });

  test('let tests use segments below the public bound', () => {
    expect(resolveLogSettings(new Map([['internal.segment.bytes', '100']]), localSettings()).segmentBytes).toBe(100);
  });

  test('ignore a stored value that cannot be read, and say so', () => {
    const faults: string[] = [];
    const log = resolveLogSettings(new Map([['segment.bytes', 'many'], ['retention.ms', '5']]), localSettings(), fault => faults.push(fault));
    expect(log).toMatchObject({ segmentBytes: 1073741824, retentionMs: 5 });
    expect(faults).toEqual(['Invalid value many for configuration segment.bytes: Not a number of type INT']);
  });

  test('are one object for all topics without values of their own', () => {
    const settings = localSettings();
    expect(resolveLogSettings(new Map(), settings)).toBe(resolveLogSettings(new Map(), settings));
  });
});
