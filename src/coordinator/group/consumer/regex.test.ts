import { describe, expect, test } from '@jest/globals';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import { groupRecordCodec, type GroupRecord } from '../records.js';
import { ConsumerDriver } from '../testing/consumer-driver.js';
import { timerKey } from '../timers.js';
import type { ConsumerGroupHeartbeatRequest } from '../types.js';

const REFRESH_MS = 600_000;

function driverWith(...topics: string[]): ConsumerDriver {
  const driver = new ConsumerDriver({ consumer: { sessionTimeoutMs: () => 10 * REFRESH_MS } });
  for (const topic of topics) driver.cluster.set(topic, 1);
  return driver;
}

const pattern = (subscribedTopicRegex: string): Partial<ConsumerGroupHeartbeatRequest> => ({ subscribedTopicNames: null, subscribedTopicRegex });
const topicsOf = (driver: ConsumerDriver, regex: string): string[] => [...driver.consumerGroup().resolvedRegexes.get(regex)!.topics].sort();

describe('a regular expression', () => {
  test('gives its topics with the heartbeat after the one that brought it', () => {
    const driver = driverWith('a-1', 'a-2', 'b');
    const first = driver.enter('m', pattern('a-.*'));
    expect([driver.told(first), first.memberEpoch]).toEqual(['', 1]);
    driver.advance(1);
    expect(topicsOf(driver, 'a-.*')).toEqual(['a-1', 'a-2']);
    const next = driver.beat({ memberId: 'm', memberEpoch: 1 });
    expect([driver.told(next), next.memberEpoch]).toEqual(['a-1:0 a-2:0', 2]);
  });

  test('that is none is refused, and nobody has joined', () => {
    const driver = driverWith('a');
    expect(driver.enter('m', pattern('('))).toMatchObject({ errorCode: ErrorCode.INVALID_REGULAR_EXPRESSION });
    expect(driver.machine.consumerGroups.size).toBe(0);
  });

  test('that the group knows gives its topics at once', () => {
    const driver = driverWith('a-1', 'a-2');
    driver.enter('m', pattern('a-.*'));
    driver.advance(1);
    driver.beat({ memberId: 'm', memberEpoch: 1 });
    expect(driver.enter('n', pattern('a-.*')).memberEpoch).toBe(3);
  });

  test('goes with the last member that has it, and so do its topics', () => {
    const driver = driverWith('a-1', 'b');
    driver.enter('m', pattern('a-.*'));
    driver.enter('n', { subscribedTopicNames: ['b'] });
    driver.advance(1);
    expect([...driver.consumerGroup().subscriptions.topics.keys()].sort()).toEqual(['a-1', 'b']);
    driver.beat({ memberId: 'm', memberEpoch: -1 });
    expect(driver.consumerGroup().resolvedRegexes.size).toBe(0);
    expect([...driver.consumerGroup().subscriptions.topics.keys()]).toEqual(['b']);
  });

  test('can be given up for names', () => {
    const driver = driverWith('a-1', 'b');
    driver.enter('m', pattern('a-.*'));
    driver.advance(1);
    const { memberEpoch } = driver.beat({ memberId: 'm', memberEpoch: 1 });
    const changed = driver.beat({ memberId: 'm', memberEpoch, subscribedTopicRegex: '', subscribedTopicNames: ['b'], topicPartitions: [] });
    expect([driver.told(changed), driver.consumerGroup().resolvedRegexes.size]).toEqual(['b:0', 0]);
  });

  test('beside names gives both', () => {
    const driver = driverWith('a-1', 'b');
    driver.enter('m', { subscribedTopicNames: ['b'], subscribedTopicRegex: 'a-.*' });
    driver.advance(1);
    expect(driver.told(driver.beat({ memberId: 'm', memberEpoch: 2 }))).toBe('a-1:0 b:0');
  });
});

describe('resolving', () => {
  function resolved(): ConsumerDriver {
    const driver = driverWith('a-1');
    driver.enter('m', pattern('a-.*'));
    driver.advance(1);
    driver.beat({ memberId: 'm', memberEpoch: 1 });
    return driver;
  }
  const beatAndWait = (driver: ConsumerDriver, memberEpoch: number): string | null => {
    driver.beat({ memberId: 'm', memberEpoch });
    driver.advance(1);
    return driver.told(driver.beat({ memberId: 'm', memberEpoch }));
  };

  test('is done again when topics came, though not more often than every ten seconds', () => {
    const driver = resolved();
    driver.changeTopic('a-2', 1);
    expect(beatAndWait(driver, 2)).toBeNull();
    driver.advance(10_000);
    expect(beatAndWait(driver, 2)).toBe('a-1:0 a-2:0');
  });

  test('is not done for topics that only changed or went', () => {
    const driver = resolved();
    driver.advance(20_000);
    driver.cluster.remove('a-1');
    const before = driver.written.length;
    beatAndWait(driver, 2);
    expect(driver.written.slice(before).filter(({ kind }) => kind === 'consumer regex')).toEqual([]);
  });

  test('is done now and then in any case, and writes what came of it', () => {
    const driver = resolved();
    driver.advance(REFRESH_MS);
    const before = driver.written.length;
    beatAndWait(driver, 2);
    expect(driver.written.slice(before).map(({ kind }) => kind)).toEqual(['consumer regex']);
  });

  test('is done by another coordinator, which cannot know what it missed', () => {
    const driver = resolved();
    driver.cluster.set('a-2', 1);
    driver.failOver();
    driver.advance(20_000);
    expect(beatAndWait(driver, 2)).toBe('a-1:0 a-2:0');
  });

  test('goes on for an expression taken over that no member may newly subscribe with', () => {
    const large = `a-.*|.*${'c'.repeat(11_000)}`;
    const driver = driverWith('a-1', 'a-2');
    expect(driver.enter('m', pattern(large))).toMatchObject({ errorCode: ErrorCode.INVALID_REGULAR_EXPRESSION });
    for (const record of resolved().written) driver.log.push(groupRecordCodec.encode(withRegex(record, large)));
    driver.failOver();
    driver.advance(20_000);
    const { records } = driver.machine.timerFired(timerKey('regex', 'g'), { nowMs: driver.nowMs, monotonicMs: 0, nextOffset: 0, newId: () => '' });
    expect(records[0]).toMatchObject({ kind: 'consumer regex', regularExpression: large, value: { topics: ['a-1', 'a-2'] } });
  });
});

function withRegex(record: GroupRecord, regex: string): GroupRecord {
  if (record.kind === 'consumer regex') return { ...record, regularExpression: regex };
  if (record.kind !== 'consumer member' || record.value === null) return record;
  return { ...record, value: { ...record.value, subscribedTopicRegex: regex } };
}
