// The account itself can find each fault.

import { expect, test } from '@jest/globals';
import { buildBatch } from '../../src/protocol/records/batch-builder.js';
import { StreamReader } from './stream.js';

function batch(baseOffset: number, numbers: readonly number[]): Buffer {
  return buildBatch({ baseOffset }, numbers.map(number => {
    const value = Buffer.alloc(8);
    value.writeInt32BE(number);
    return { timestampMs: 1, key: null, value };
  }));
}

const idempotent = { topic: 't', partition: 0, acks: -1, idempotent: true };
const plain = { ...idempotent, idempotent: false };

test('a stream that is whole is read to its end', () => {
  const reader = new StreamReader(idempotent);
  expect(reader.take(Buffer.concat([batch(0, [0, 1]), batch(2, [2, 3])]))).toBe(true);
  expect([reader.seen, reader.offset]).toEqual([4, 4]);
  expect(reader.take(Buffer.alloc(0))).toBe(false);
});

test('a lost record is seen', () => {
  expect(() => new StreamReader(plain).take(Buffer.concat([batch(0, [0, 1]), batch(2, [3])]))).toThrow('record 3 follows record 1');
});

test('a hole in the offsets is seen', () => {
  expect(() => new StreamReader(plain).take(Buffer.concat([batch(0, [0, 1]), batch(3, [2])]))).toThrow('follows offset 1');
});

test('records that changed places are seen', () => {
  expect(() => new StreamReader(plain).take(batch(0, [1, 0]))).toThrow('record 1 follows record -1');
});

test('a second writing is a fault with sequence numbers only', () => {
  const twice = Buffer.concat([batch(0, [0, 1]), batch(2, [0, 1]), batch(4, [2])]);
  expect(() => new StreamReader(idempotent).take(twice)).toThrow('was written before');
  const reader = new StreamReader(plain);
  reader.take(twice);
  expect(reader.seen).toBe(3);
});
