import { expect, test } from '@jest/globals';
import { loadTimeMetrics, transactionalIdMetrics } from './metrics.js';
import { completed, prepared, unused, withPartitions, type Transaction } from './transaction.js';
import type { TopicPartition } from './types.js';

const open = (id: string, startMs: number, ...partitions: TopicPartition[]): Transaction => withPartitions(unused(id, 1, 60_000, 0), partitions, 2, startMs);
const ended = (of: Transaction, committed: boolean): Transaction =>
  prepared(of, { committed, clientVersion: 2, nextProducerId: -1, fences: false }, 50);
const A = { topic: 'a', index: 0 };
const B = { topic: 'b', index: 1 };

test('transactional ids are counted by state, with the markers that their partitions lack and the age of what is open', () => {
  const transactions = [
    unused('unused', 1, 60_000, 0), open('young', 900, A), open('old', 300, A, B), ended(open('commits', 10, A, B), true),
    ended(open('aborts', 10, A), false), completed(ended(open('done', 10, A), true), 60), completed(ended(open('gone', 10, A), false), 60),
  ];
  expect(transactionalIdMetrics(transactions, 1000)).toEqual({
    transactionalIds: { Empty: 1, Ongoing: 2, PrepareCommit: 1, PrepareAbort: 1, CompleteCommit: 1, CompleteAbort: 1 },
    oldestOpenMs: 700, waitingMarkers: 3,
  });
});

test('where nothing is coordinated all is nought', () => {
  expect(transactionalIdMetrics([], 1000)).toMatchObject({ transactionalIds: { Ongoing: 0 }, oldestOpenMs: 0, waitingMarkers: 0 });
  expect(loadTimeMetrics([])).toEqual({ 'partition-load-time-max': 0, 'partition-load-time-avg': 0 });
});

test('loading is told of by the longest and by the mean', () => {
  expect(loadTimeMetrics([2, 10, 3])).toEqual({ 'partition-load-time-max': 10, 'partition-load-time-avg': 5 });
});
