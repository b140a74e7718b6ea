import { expect, test } from '@jest/globals';
import { OutBuffers } from './out-buffers.js';

test('what lies one behind the other leaves as one piece, all else as it came', () => {
  const memory = Buffer.from('one two three');
  const out = new OutBuffers();
  const piece = (from: number, to: number): Buffer => memory.subarray(from, to);
  for (const bytes of [piece(0, 4), piece(4, 6), piece(6, 8), Buffer.from('other '), piece(8, 10), piece(11, 13), piece(10, 11)]) out.add(bytes);
  expect(out.take().map(String)).toEqual(['one two ', 'other ', 'th', 'ee', 'r']);
  expect(out.take()).toEqual([]);
  out.add(piece(8, 13));
  expect(out.take().map(String)).toEqual(['three']);
});
