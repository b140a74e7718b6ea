import { describe, expect, test } from '@jest/globals';
import { groupHash, topicHash } from './topic-hash.js';

const topic = (name: string, id: string, partitionCount: number, racks: readonly string[][] = []) =>
  ({ name, id, partitionCount, racksOf: (partition: number) => racks[partition] ?? [] });
const ID = 'P3dlWdGlTdqVT9K5r2KDHA';
const orders = topic('orders', ID, 3);
const spread = topic('b\u00fccher', 'vGFxmT7PSPuH8WvLiSfYWg', 2, [['rack-b', 'rack-a'], ['rack-a']]);
const many = topic('many', ID, 100);
/** As Kafka's `Utils.computeTopicHash` has them. */
const HASHES = [[orders, 8316454980905760707n], [spread, -4806242747093572361n], [many, -5833871593122718070n]] as const;

describe('hashes are those of Apache Kafka', () => {
  test.each(HASHES)('the hash of topic %#', (of, hash) => {
    expect(BigInt.asIntN(64, topicHash(of))).toBe(hash);
  });

  test('of a group, whatever the order of its topics', () => {
    const hashed = (of: typeof orders) => ({ name: of.name, hash: topicHash(of) });
    expect(groupHash([])).toBe(0);
    expect(groupHash([hashed(orders)])).toBe(-3016862083112665289n);
    expect(groupHash([many, spread, orders].map(hashed))).toBe(-679456763028207604n);
    expect(groupHash([orders, many, spread].map(hashed))).toBe(-679456763028207604n);
  });
});
