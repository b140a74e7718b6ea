import { expect, test } from '@jest/globals';
import { ClientMetricsStore } from './client-metrics.js';
import type { OtlpPoint } from './otlp.js';

const client = (clientInstanceId: string) =>
  ({ clientInstanceId, clientId: 'c', clientSoftwareName: 'java', clientSoftwareVersion: '4', clientAddress: '127.0.0.1' });

const point = (name: string, value: number, fields: Partial<OtlpPoint> = {}): OtlpPoint =>
  ({ name, value, unit: '', kind: 'gauge', isMonotonic: false, isDelta: false, attributes: {}, timestampMs: 1, ...fields });

const valuesOf = (store: ClientMetricsStore) =>
  Object.fromEntries(store.all().map(({ clientInstanceId, metrics }) => [clientInstanceId, metrics.map(({ name, value }) => [name, value])]));

test('the newest number of each series is kept, and what is new of a sum is added to it', () => {
  const store = new ClientMetricsStore();
  const delta = { kind: 'sum', isDelta: true } as const;
  store.take(client('a'), { labels: { rack: '1' }, points: [point('g', 1), point('s', 2, delta), point('t', 3, { kind: 'sum' })] });
  store.take(client('a'), { labels: { rack: '2' }, points: [point('g', 5), point('s', 2, delta), point('t', 9, { kind: 'sum' })] });
  expect(valuesOf(store)).toEqual({ a: [['g', 5], ['s', 4], ['t', 9]] });
  expect(store.all()[0]).toMatchObject({ clientInstanceId: 'a', clientId: 'c', labels: { rack: '2' } });
});

test('attributes tell series apart, in whatever order they come', () => {
  const store = new ClientMetricsStore();
  store.take(client('a'), { labels: {}, points: [point('g', 1, { attributes: { x: '1', y: '2' } }), point('g', 2, { attributes: { x: '2', y: '2' } })] });
  store.take(client('a'), { labels: {}, points: [point('g', 3, { attributes: { y: '2', x: '1' } })] });
  expect(valuesOf(store)).toEqual({ a: [['g', 3], ['g', 2]] });
});

test('a client has its share and no more; what it has goes on being told', () => {
  const store = new ClientMetricsStore({ perClientBytes: 1500, totalBytes: 100_000 });
  const names = Array.from({ length: 20 }, (_, index) => `metric-${index}`);
  store.take(client('a'), { labels: { ['x'.repeat(2000)]: '' }, points: names.map(name => point(name, 1)) });
  const kept = valuesOf(store)['a']!.length;
  expect(kept).toBeGreaterThan(1);
  expect(store.dropped).toBe(20 - kept);
  expect(store.all()[0]!.labels).toEqual({});
  store.take(client('a'), { labels: {}, points: [point('metric-0', 7)] });
  expect(valuesOf(store)['a']![0]).toEqual(['metric-0', 7]);
});

test('who has been silent for the longest is forgotten when all together have too much', () => {
  const store = new ClientMetricsStore({ perClientBytes: 1500, totalBytes: 3000 });
  const much = ['1', '2', '3', '4'].map(name => point(name, 1));
  for (const id of ['a', 'b', 'a', 'c']) store.take(client(id), { labels: {}, points: much });
  expect(Object.keys(valuesOf(store))).toEqual(['a', 'c']);
  store.forget('a');
  store.forget('nobody');
  store.take(client('d'), { labels: {}, points: much });
  expect(Object.keys(valuesOf(store))).toEqual(['c', 'd']);
});
