import { beforeEach, describe, expect, test } from '@jest/globals';
import { clientQuotaKey } from '../../metadata/delta.js';
import type { ClientQuotaImage } from '../../metadata/types.js';
import { errorMessage } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { ANONYMOUS, type RequestContext } from '../context.js';
import { Limits } from './limits.js';
import { ClientQuotas } from './quotas.js';
import { Rate } from './rate.js';
import { Shares } from './shares.js';

type Entity = Readonly<Record<string, string | null>>;

const WINDOWS = { samples: 11, windowMs: 1000 };

function quota(entity: Entity, values: Readonly<Record<string, number>>): ClientQuotaImage {
  return { entity: Object.entries(entity).map(([type, name]) => ({ type, name })), values: new Map(Object.entries(values)) };
}

const image = (...quotas: ClientQuotaImage[]) => ({ clientQuotas: new Map(quotas.map(one => [clientQuotaKey(one.entity), one])) });

const bytes = (entity: Entity, bound: number): ClientQuotaImage => quota(entity, { producer_byte_rate: bound });

function client(clientId: string | null, user = 'ANONYMOUS'): RequestContext {
  return {
    apiKey: 0, apiVersion: 0, correlationId: 0, clientId, requestBytes: 0,
    connection: {
      id: '', listener: { name: 'L', protocol: 'PLAINTEXT', role: 'broker' }, clientAddress: '10.0.0.1',
      principal: { ...ANONYMOUS, name: user }, clientSoftwareName: '', clientSoftwareVersion: '',
    },
  };
}

describe('which quota counts', () => {
  const ALL: readonly [Entity, number][] = [
    [{ user: 'u', 'client-id': 'c' }, 1], [{ user: 'u', 'client-id': null }, 2], [{ user: 'u' }, 3], [{ user: null, 'client-id': 'c' }, 4],
    [{ user: null, 'client-id': null }, 5], [{ user: null }, 6], [{ 'client-id': 'c' }, 7], [{ 'client-id': null }, 8],
  ];
  const boundOf = (limits: Limits, user: string, clientId: string): number => limits.boundOf(limits.shareOf(user, clientId));

  test('is the most specific one, level by level', () => {
    for (let from = 0; from < ALL.length; from++) {
      const limits = Limits.of(ALL.slice(from).map(([entity, bound]) => bytes(entity, bound)), 'producer_byte_rate');
      expect(boundOf(limits, 'u', 'c')).toBe(from + 1);
    }
  });

  test('is not one that belongs to others, to an address, or to another use', () => {
    const limits = Limits.of([
      bytes({ user: 'v' }, 1), bytes({ user: 'u', 'client-id': 'd' }, 2), quota({ ip: null }, { producer_byte_rate: 3 }),
      quota({ user: 'u' }, { consumer_byte_rate: 4 }),
    ], 'producer_byte_rate');
    expect(boundOf(limits, 'u', 'c')).toBe(2 ** 63);
    expect(Limits.of([quota({ user: 'u' }, { consumer_byte_rate: 4 })], 'producer_byte_rate').isEmpty).toBe(true);
  });

  test('is shared by all clients of a user where it is the user\'s', () => {
    const limits = Limits.of([bytes({ user: 'u' }, 1), bytes({ 'client-id': 'c' }, 7)], 'producer_byte_rate');
    expect(limits.shareOf('u', 'a')).toEqual(limits.shareOf('u', 'b'));
    expect(limits.shareOf('w', 'c')).toEqual({ user: '', clientId: 'c' });
    expect(limits.shareOf('x', 'c')).toEqual(limits.shareOf('w', 'c'));
  });

  test('tells names apart that print alike', () => {
    const limits = Limits.of([bytes({ user: 'a', 'client-id': 'b1:c' }, 1), bytes({ user: 'ab', 'client-id': '1:c' }, 2), bytes({ user: '*' }, 3), bytes({ user: null }, 4)], 'producer_byte_rate');
    expect([boundOf(limits, 'a', 'b1:c'), boundOf(limits, 'ab', '1:c'), boundOf(limits, '*', 'x'), boundOf(limits, 'y', 'x')]).toEqual([1, 2, 3, 4]);
  });
});

describe('what clients have used', () => {
  let nowMs = 0;
  let quotas: ClientQuotas;
  beforeEach(() => {
    nowMs = 0;
    quotas = new ClientQuotas({ windows: WINDOWS, mutationWindows: WINDOWS, nowMs: () => nowMs + 0.4 });
  });

  test('is not counted while nothing is bounded', () => {
    expect([quotas.limitProduce, quotas.limitFetch, quotas.limitTime]).toEqual([false, false, false]);
    expect(quotas.produced(client('c'), 1e12)).toBe(0);
    expect(quotas.fetchRoom(client('c'))).toBe(Infinity);
    quotas.onImage(image(bytes({ 'client-id': 'c' }, 1000)));
    expect([quotas.limitProduce, quotas.limitFetch, quotas.limitTime]).toEqual([true, false, false]);
    expect(quotas.produced(client('c'), 10_000)).toBe(0);
    quotas.onImage(image());
    expect(quotas.limitProduce).toBe(false);
  });

  test('is counted for each client by itself', () => {
    quotas.onImage(image(bytes({ 'client-id': null }, 1000)));
    expect(quotas.produced(client('c'), 15_000)).toBe(5000);
    expect(quotas.produced(client('d'), 10_000)).toBe(0);
    // Kafka bounds nobody without a client id by client ids.
    expect(quotas.produced(client(null), 1e9)).toBe(0);
  });

  test('stays when the bound changes', () => {
    quotas.onImage(image(bytes({ 'client-id': 'c' }, 1000)));
    quotas.produced(client('c'), 10_000);
    quotas.onImage(image(bytes({ 'client-id': 'c' }, 500)));
    expect(quotas.produced(client('c'), 0)).toBe(10_000);
  });

  test('keeps to the bound over time, whoever is held back as long as he is told', () => {
    quotas.onImage(image(bytes({ 'client-id': 'c' }, 1000)));
    let sent = 0;
    while (nowMs < 300_000) {
      sent += 700;
      nowMs += 1 + quotas.produced(client('c'), 700);
    }
    expect(sent / (nowMs / 1000)).toBeGreaterThan(950);
    expect(sent / (nowMs / 1000)).toBeLessThan(1100);
  });

  test('of a fetch is taken back when nothing was given', () => {
    quotas.onImage(image(quota({ user: 'u' }, { consumer_byte_rate: 1000 })));
    const asking = client('c', 'u');
    expect(quotas.fetchRoom(asking)).toBe(10_000);
    expect(quotas.fetched(asking, 11_000)).toBe(1000);
    quotas.unfetched(asking, 11_000);
    expect(quotas.fetched(asking, 10_000)).toBe(0);
  });

  test('of the loop\'s time holds back for one window at most, and counts what comes after the answer', () => {
    quotas.onImage(image(quota({ 'client-id': 'c' }, { request_percentage: 1 })));
    // A hundred milliseconds in ten seconds are one percent.
    expect(quotas.spent(client('c'), 100)).toBe(0);
    quotas.spentAfterwards(client('c'), 1);
    expect(quotas.spent(client('c'), 0)).toBe(100);
    expect(quotas.spent(client('c'), 1000)).toBe(1000);
  });

  test('of partitions is refused once it is used up, from strict clients', () => {
    quotas.onImage(image(quota({ 'client-id': 'c' }, { controller_mutation_rate: 1 })));
    const first = quotas.mutations(client('c'), true);
    first.charge(15);
    expect(first.throttleMs()).toBe(0);
    const second = quotas.mutations(client('c'), true);
    expect(() => second.charge(1)).toThrow(errorMessage(ErrorCode.THROTTLING_QUOTA_EXCEEDED));
    expect(second.throttleMs()).toBe(4000);
    nowMs += 1500;
    expect(second.throttleMs()).toBe(2500);
    const older = quotas.mutations(client('c'), false);
    older.charge(10);
    expect(older.throttleMs()).toBe(12_500);
    expect(quotas.mutations(client('d'), true).throttleMs()).toBe(0);
    nowMs += 12_500;
    quotas.mutations(client('c'), true).charge(1);
  });
});

describe('accounts', () => {
  const limits = Limits.of([bytes({ 'client-id': null }, 10)], 'producer_byte_rate');
  const shares = (): Shares<Rate> => new Shares({ meter: () => new Rate(WINDOWS), isForgotten: (rate, _, nowMs) => rate.isForgotten(nowMs) }, limits);

  test('go after an hour without use', () => {
    const kept = shares();
    for (let i = 0; i < 10; i++) kept.of('', `c${i}`, 0);
    kept.of('', 'c0', 3_600_000);
    kept.of('', 'new', 3_600_001);
    expect(kept.count).toBe(2);
  });

  test('go as soon as they say nothing where there are many', () => {
    const kept = shares();
    for (let i = 0; i < 10_000; i++) kept.of('', `c${i}`, 0).meter.record(1, 0);
    kept.of('', 'c0', 11_000).meter.record(1, 11_000);
    kept.of('', 'new', 11_001);
    expect(kept.count).toBe(2);
  });
});
