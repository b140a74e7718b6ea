import { expect, test } from '@jest/globals';
import { ErrorCode } from '../protocol/generated/errors.js';
import { Cluster } from './testing/cluster.js';

const MANY = 60_000;
const named = (name: string, numPartitions = 0) => ({ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] });

/** Work that grew with the square of the request would outlast the test by far. */
test('a request that names sixty thousand topics is answered', async () => {
  const { api } = await Cluster.serving([1]);
  const topics = Array.from({ length: MANY }, (_, i) => named(`many.${i >> 1}_${i & 1}`));
  const made = await api.createTopics({ timeoutMs: 1000, validateOnly: true, topics });
  expect(new Set(made.topics.map(({ errorCode }) => errorCode))).toEqual(new Set([ErrorCode.INVALID_PARTITIONS]));
  const twice = await api.createTopics({ timeoutMs: 1000, validateOnly: true, topics: [...topics, ...topics] });
  expect(twice.topics).toHaveLength(MANY);
  expect(twice.topics[0]).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST });
  const grow = topics.map(({ name }) => ({ name, count: 2, assignments: null }));
  const grown = await api.createPartitions({ timeoutMs: 1000, validateOnly: true, topics: [...grow, ...grow] });
  expect(grown.results).toHaveLength(MANY);
});

test('so many partitions are added by a request, whatever the topics', async () => {
  const cluster = await Cluster.serving([1]);
  for (const name of ['a', 'b', 'c']) await cluster.create(name);
  const { results } = await cluster.api.createPartitions({
    timeoutMs: 1000, validateOnly: true, topics: ['a', 'b', 'c'].map(name => ({ name, count: 4_001, assignments: null })),
  });
  expect(results.map(({ errorCode }) => errorCode)).toEqual([0, 0, ErrorCode.POLICY_VIOLATION]);
});
