import { beforeEach, describe, expect, test } from '@jest/globals';
import { ConnectionQuotas, NO_CONNECTION_LIMITS, type ConnectionLimits } from './connection-quotas.js';

const WINDOWS = { samples: 11, windowMs: 1000 };
const MANY = 0x7fff_ffff;

let limits: ConnectionLimits;
let quotas: ConnectionQuotas;
beforeEach(() => {
  limits = NO_CONNECTION_LIMITS;
  quotas = new ConnectionQuotas(() => limits, WINDOWS);
});

describe('how many connections there may be', () => {
  test('is bounded for the broker and for a listener, but not by the broker\'s bound where the brokers connect', () => {
    limits = { ...limits, broker: { most: 3, perSecond: MANY }, listeners: new Map([['A', { most: 2, perSecond: MANY }], ['OWN', { most: 3, perSecond: MANY }]]), protectedListener: 'OWN' };
    quotas.enter('A', '1');
    quotas.enter('A', '2');
    expect([quotas.hasRoom('A'), quotas.hasRoom('B'), quotas.hasRoom('OWN')]).toEqual([false, true, true]);
    quotas.enter('B', '3');
    expect([quotas.hasRoom('B'), quotas.hasRoom('OWN')]).toEqual([false, true]);
    expect(quotas.surplus).toBe(0);
    quotas.enter('OWN', '4');
    expect(quotas.surplus).toBe(1);
    quotas.left('A', '1');
    expect([quotas.hasRoom('A'), quotas.surplus]).toEqual([false, 0]);
  });

  test('is bounded for an address, and otherwise for some', () => {
    limits = { ...limits, perAddress: 1, ofAddresses: new Map([['2', 2], ['3', 0]]) };
    expect([quotas.enter('A', '1'), quotas.enter('A', '1')]).toEqual([true, false]);
    expect([quotas.enter('A', '2'), quotas.enter('A', '2'), quotas.enter('A', '2')]).toEqual([true, true, false]);
    expect(quotas.enter('A', '3')).toBe(false);
    quotas.left('A', '1');
    expect(quotas.enter('A', '1')).toBe(true);
  });
});

describe('how fast they may come', () => {
  test('makes a listener wait for its own bound or the broker\'s, at most one window', () => {
    limits = { ...limits, broker: { most: MANY, perSecond: 2 }, listeners: new Map([['A', { most: MANY, perSecond: 1 }], ['B', { most: MANY, perSecond: 100 }]]) };
    for (let i = 0; i < 10; i++) expect(quotas.arrived('A', 0)).toBe(0);
    expect(quotas.arrived('A', 0)).toBe(1000);
    for (let i = 0; i < 9; i++) expect(quotas.arrived('B', 0)).toBe(0);
    // The twenty-first in ten seconds, of twenty.
    expect(quotas.arrived('B', 0)).toBe(500);
  });

  test('refuses an address that comes too often, and forgets that it came', () => {
    limits = { ...limits, perSecondAndAddress: 5, perSecondOfAddresses: new Map([['2', 1]]) };
    for (let i = 0; i < 10; i++) expect(quotas.refusedForMs('A', '2', 0)).toBe(0);
    expect(quotas.refusedForMs('A', '2', 0)).toBe(1000);
    expect(quotas.refusedForMs('A', '2', 0)).toBe(1000);
    expect(quotas.refusedForMs('A', '1', 0)).toBe(0);
    expect(quotas.refusedForMs('A', '2', 11_000)).toBe(0);
  });
});
