import { expect, test } from '@jest/globals';
import type { MetadataImage } from '../metadata/types.js';
import { stablePartitionCount } from './coordinator-runtimes.js';

test('keys stay in their partitions when a topic gets more of them, but not when it is another topic', () => {
  const topics = new Map<string, { id: string; partitions: unknown[] }>();
  const count = stablePartitionCount(() => ({ topicsByName: topics } as unknown as MetadataImage), 't', () => 50);
  expect(count()).toBe(50);
  topics.set('t', { id: 'one', partitions: Array.from({ length: 5 }) });
  expect(count()).toBe(5);
  topics.set('t', { id: 'one', partitions: Array.from({ length: 7 }) });
  expect(count()).toBe(5);
  topics.set('t', { id: 'another', partitions: Array.from({ length: 7 }) });
  expect(count()).toBe(7);
});
