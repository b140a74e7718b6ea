import { expect, test } from '@jest/globals';
import { BLOCK_BYTES, BlockMemory } from './block-memory.js';

test('gives buffers of whole blocks, no two of which share a byte, and uses again what it got back', () => {
  const memory = new BlockMemory(16 * BLOCK_BYTES);
  const taken = Array.from({ length: 200 }, () => memory.take());
  expect(memory.isAligned).toBe(true);
  for (const buffer of taken) expect([buffer.length, buffer.byteOffset % BLOCK_BYTES]).toEqual([16 * BLOCK_BYTES, 0]);
  taken.forEach((buffer, index) => buffer.fill(index));
  taken.forEach((buffer, index) => expect(buffer.every(byte => byte === index)).toBe(true));
  memory.give(taken[7]!);
  expect(memory.take()).toBe(taken[7]);
});
