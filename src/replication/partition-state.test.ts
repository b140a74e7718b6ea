import { describe, expect, test } from '@jest/globals';
import { followerFetched, hasEnoughInSync, highWatermark, lead } from './partition-state.js';

const three = { leaderEpoch: 4, partitionEpoch: 0, replicas: [1, 2, 3], isr: [1, 2, 3] };

describe('the high watermark', () => {
  test('of a sole replica is its log end', () => {
    const state = lead(1, { leaderEpoch: 0, partitionEpoch: 0, replicas: [1], isr: [1] });
    expect(highWatermark(state, 0, 7, 1)).toBe(7);
  });

  test('of a sole replica moves even when min.insync.replicas asks for more', () => {
    const state = lead(1, { leaderEpoch: 0, partitionEpoch: 0, replicas: [1], isr: [1] });
    expect(highWatermark(state, 0, 7, 2)).toBe(7);
  });

  test('waits until every in-sync follower has been heard of in this epoch', () => {
    let state = lead(1, three);
    expect(highWatermark(state, 3, 10, 1)).toBe(3);
    state = followerFetched(followerFetched(state, 2, 9), 3, 6);
    expect(highWatermark(state, 3, 10, 1)).toBe(6);
  });

  test('never moves back', () => {
    const state = followerFetched(followerFetched(lead(1, three), 2, 2), 3, 2);
    expect(highWatermark(state, 5, 10, 1)).toBe(5);
  });

  test('stands still while too few replicas are in sync', () => {
    const state = lead(1, { ...three, isr: [1] });
    expect(highWatermark(state, 3, 10, 2)).toBe(3);
    expect(hasEnoughInSync(state, 2)).toBe(false);
  });

  test('forgets followers when the leader epoch changes, keeps them when only the ISR does', () => {
    const state = followerFetched(followerFetched(lead(1, three), 2, 9), 3, 9);
    expect(highWatermark(lead(1, { ...three, leaderEpoch: 5 }, state), 0, 10, 1)).toBe(0);
    expect(highWatermark(lead(1, { ...three, partitionEpoch: 1, isr: [1, 2] }, state), 0, 10, 1)).toBe(9);
  });

  test('takes no word from a broker that is no replica', () => {
    expect(followerFetched(lead(1, three), 9, 100).followerEndOffsets.size).toBe(0);
  });
});
