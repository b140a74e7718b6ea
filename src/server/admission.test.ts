import { beforeEach, describe, expect, test } from '@jest/globals';
import { TimingWheel } from '../base/timing-wheel.js';
import { silentLogger } from '../env/node/index.js';
import type { ByteStream } from '../env/index.js';
import { SimWorld } from '../env/sim/index.js';
import { Admission, type Arrival } from './admission.js';
import type { ListenerFacts } from './context.js';
import { NO_CONNECTION_LIMITS, type ConnectionLimits } from './quotas/connection-quotas.js';

const BROKER: ListenerFacts = { name: 'CLIENTS', protocol: 'PLAINTEXT', role: 'broker' };
const OWN: ListenerFacts = { name: 'BROKERS', protocol: 'PLAINTEXT', role: 'broker' };
const CONTROLLER: ListenerFacts = { name: 'CONTROLLER', protocol: 'PLAINTEXT', role: 'controller' };
const MANY = 0x7fff_ffff;
const at = (most: number, perSecond = MANY) => ({ broker: { most, perSecond }, listeners: new Map() });

let world: SimWorld;
let limits: ConnectionLimits;
let inside: Arrival[];
let gone: Arrival[];
let admission: Admission;

beforeEach(() => {
  world = new SimWorld(1);
  limits = NO_CONNECTION_LIMITS;
  inside = [];
  gone = [];
  const { clock } = world.node('broker');
  admission = new Admission({
    clock, wheel: new TimingWheel(clock, 1), logger: silentLogger, limits: () => limits, windows: { samples: 11, windowMs: 1000 },
    open: arrival => { inside.push(arrival); },
    cutOff: (count, mayBeCutOff) => { for (const arrival of inside.filter(({ listener }) => mayBeCutOff(listener)).slice(0, count)) leave(arrival); },
  });
});

function arrive(listener = BROKER, remoteAddress = '10.0.0.1'): Arrival {
  const stream = { remoteAddress, destroy: () => { gone.push(arrival); } } as Partial<ByteStream> as ByteStream;
  const arrival = { stream, listener, localHost: 'h' };
  admission.arrived(arrival);
  return arrival;
}

function leave(arrival: Arrival): void {
  inside = inside.filter(other => other !== arrival);
  admission.left(arrival.listener, arrival.stream.remoteAddress);
}

describe('connections', () => {
  test('wait while there is no room, and come in as others leave, in their order', () => {
    limits = { ...limits, ...at(2) };
    const [first, second, third, fourth] = [arrive(), arrive(), arrive(), arrive()];
    expect(inside).toEqual([first, second]);
    leave(first);
    expect(inside).toEqual([second, third]);
    limits = { ...limits, ...at(3) };
    admission.limitsChanged();
    expect(inside).toEqual([second, third, fourth]);
    expect(gone).toEqual([]);
  });

  test('are cut off when there may be fewer, but those of brokers', () => {
    limits = { ...limits, protectedListener: OWN.name };
    const [, , own] = [arrive(), arrive(), arrive(OWN)];
    limits = { ...limits, ...at(1), listeners: new Map([[OWN.name, { most: MANY, perSecond: MANY }]]) };
    admission.limitsChanged();
    expect(inside).toEqual([own]);
    const another = arrive(OWN);
    expect(inside).toEqual([own, another]);
  });

  test('of a controller are counted by themselves', () => {
    limits = { ...limits, ...at(1) };
    expect([arrive(), arrive(CONTROLLER)]).toEqual(inside);
  });

  test('come in no faster than they may', async () => {
    limits = { ...limits, ...at(MANY, 2) };
    for (let i = 0; i < 25; i++) arrive();
    expect(inside).toHaveLength(20);
    // Each more than twenty in ten seconds waits half a second longer, a second at most.
    await world.run(499);
    expect(inside).toHaveLength(20);
    await world.run(5000);
    expect(inside).toHaveLength(25);
  });

  test('from an address that comes too often are turned away a while later', async () => {
    limits = { ...limits, perSecondAndAddress: 1 };
    for (let i = 0; i < 10; i++) arrive();
    const eleventh = arrive();
    const other = arrive(BROKER, '10.0.0.2');
    expect([inside.length, inside.at(-1), gone.length]).toEqual([11, other, 0]);
    await world.run(990);
    expect(gone).toEqual([]);
    await world.run(20);
    expect(gone).toEqual([eleventh]);
  });

  test('from an address that has too many are turned away', () => {
    limits = { ...limits, perAddress: 1 };
    const [first, second] = [arrive(), arrive()];
    expect([inside, gone]).toEqual([[first], [second]]);
  });

  test('that wait or are to be turned away go when the server stops', () => {
    limits = { ...limits, ...at(1) };
    arrive();
    const waiting = arrive();
    admission.close();
    const late = arrive();
    expect(gone).toEqual([waiting, late]);
  });

  test('that wait at a listener go with it, and make room for others', () => {
    limits = { ...limits, ...at(1) };
    const first = arrive();
    const elsewhere = [arrive(OWN), arrive(OWN)];
    const waiting = arrive();
    admission.closeListener(OWN.name);
    expect(gone).toEqual(elsewhere);
    leave(first);
    expect(inside).toEqual([waiting]);
  });

  test('that nobody could hold are turned away', () => {
    limits = { ...limits, ...at(0) };
    for (let i = 0; i < 4097; i++) arrive();
    expect([inside.length, gone.length]).toEqual([0, 1]);
  });
});
