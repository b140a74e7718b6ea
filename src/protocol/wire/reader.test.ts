import { describe, expect, test } from '@jest/globals';
import { KafkaError } from '../errors.js';
import { MalformedFrameError, MAX_ARRAY_ELEMENTS, Reader } from './reader.js';
import { int64ToNumber, ZERO_UUID } from './types.js';

const reader = (...hex: string[]): Reader => new Reader(Buffer.from(hex.join('').replaceAll(' ', ''), 'hex'));

describe('a reader', () => {
  test('reads whole numbers of every width, signed and not', () => {
    const r = reader('ff', 'fffe', 'fffe', 'fffffffd', 'fffffffd', '3ff8000000000000');
    expect([r.int8(), r.int16(), r.uint16(), r.int32(), r.uint32(), r.float64()]).toEqual([-1, -2, 65534, -3, 4294967293, 1.5]);
    expect(r.remaining).toBe(0);
  });

  test('takes any byte but 0 for true', () => {
    const r = reader('00 01 02 ff');
    expect([r.bool(), r.bool(), r.bool(), r.bool()]).toEqual([false, true, true, true]);
  });

  test.each([
    ['0000000000000000', 0], ['ffffffffffffffff', -1], ['0000000100000000', 4294967296], ['fffffffeffffffff', -4294967297],
    ['001fffffffffffff', Number.MAX_SAFE_INTEGER], ['ffe0000000000001', Number.MIN_SAFE_INTEGER],
    ['0020000000000000', 2n ** 53n], ['ffe0000000000000', -(2n ** 53n)],
    ['7fffffffffffffff', 2n ** 63n - 1n], ['8000000000000000', -(2n ** 63n)],
  ])('int64 %s is a number while that is safe, and whole beyond', (hex, value) => {
    expect(reader(hex).int64()).toBe(value);
  });

  test.each([
    ['00', 0], ['7f', 127], ['8001', 128], ['ffffffff0f', 4294967295], ['8080808000', 0],
  ])('uvarint %s', (hex, value) => {
    expect(reader(hex).uvarint()).toBe(value);
  });

  test.each([['00', 0], ['01', -1], ['02', 1], ['feffffff0f', 2147483647], ['ffffffff0f', -2147483648]])('varint %s', (hex, value) => {
    expect(reader(hex).varint()).toBe(value);
  });

  test.each([
    ['00', 0], ['01', -1], ['8080808010', 2147483648], ['feffffffffffffffff01', 2n ** 63n - 1n], ['ffffffffffffffffff01', -(2n ** 63n)],
  ])('varlong %s', (hex, value) => {
    expect(reader(hex).varlong()).toBe(value);
  });

  test('refuses varints of more than 5 and varlongs of more than 10 bytes', () => {
    expect(() => reader('808080808000').uvarint()).toThrow(new MalformedFrameError('varint is longer than 5 bytes'));
    expect(() => reader('8080808080808080808000').varlong()).toThrow(new MalformedFrameError('varlong is longer than 10 bytes'));
  });

  test('reads strings and bytes in both forms, null where that may be', () => {
    expect(reader('0002', 'c3a9').string()).toBe('é');
    expect(reader('ffff').nullableString()).toBeNull();
    expect(reader('03', 'c3a9').compactString()).toBe('é');
    expect(reader('00').compactNullableString()).toBeNull();
    expect(reader('00000002', '0102').bytes()).toEqual(Buffer.from([1, 2]));
    expect(reader('ffffffff').nullableBytes()).toBeNull();
    expect(reader('03', '0102').compactBytes()).toEqual(Buffer.from([1, 2]));
    expect(reader('00').compactNullableBytes()).toBeNull();
  });

  test('refuses null where it may not be', () => {
    expect(() => reader('ffff').string()).toThrow('null where a string must be');
    expect(() => reader('00').compactString()).toThrow('null where a string must be');
    expect(() => reader('ffffffff').bytes()).toThrow('null where a bytes must be');
    expect(() => reader('ffffffff').arrayLength(1)).toThrow('null where a array must be');
    expect(() => reader('00').compactArrayLength(1)).toThrow('null where a array must be');
  });

  test('refuses lengths below -1 and beyond the frame', () => {
    expect(() => reader('fffe').nullableString()).toThrow(new MalformedFrameError('length -2'));
    expect(() => reader('0003', '6161').string()).toThrow(new MalformedFrameError('3 bytes wanted, 2 left'));
    expect(() => reader('7fffffff', '00').bytes()).toThrow(MalformedFrameError);
    expect(() => reader('ffffffff0f').compactBytes()).toThrow(MalformedFrameError);
    expect(() => reader('00').int16()).toThrow(MalformedFrameError);
  });

  test('refuses counts that the rest of the frame cannot hold, before anything is made for them', () => {
    expect(reader('00000002', '0000000000000000').arrayLength(4)).toBe(2);
    expect(() => reader('00000003', '0000000000000000').arrayLength(4)).toThrow(new MalformedFrameError('array of 3 elements in 8 bytes'));
    expect(reader('ffffffff').nullableArrayLength(4)).toBeNull();
    expect(reader('00').compactNullableArrayLength(4)).toBeNull();
  });

  test('refuses a million and one elements even where they would fit', () => {
    const frame = Buffer.alloc(MAX_ARRAY_ELEMENTS + 100);
    frame.writeInt32BE(MAX_ARRAY_ELEMENTS);
    expect(new Reader(frame).arrayLength(1)).toBe(MAX_ARRAY_ELEMENTS);
    frame.writeInt32BE(MAX_ARRAY_ELEMENTS + 1);
    expect(() => new Reader(frame).arrayLength(1)).toThrow(MalformedFrameError);
  });

  test('keeps tagged fields that it does not know', () => {
    expect(reader('00').unknownTags()).toBeUndefined();
    expect(reader('02', '05 01 aa', '80 01 00').unknownTags()).toEqual([{ tag: 5, data: Buffer.from([0xaa]) }, { tag: 128, data: Buffer.alloc(0) }]);
  });

  test('refuses too many tagged fields, and fields beyond the frame', () => {
    expect(() => reader('02', '0500').unknownTags()).toThrow(new MalformedFrameError('2 tagged fields in 2 bytes'));
    expect(() => reader('01', '0502aa').unknownTags()).toThrow(new MalformedFrameError('tagged field of 2 bytes in 1 bytes'));
    const frame = Buffer.concat([Buffer.from('914e', 'hex'), Buffer.alloc(30_000)]);
    expect(() => new Reader(frame).tagCount()).toThrow('10001 tagged fields');
  });

  test('refuses a known tagged field of another size than it announces', () => {
    const r = reader('02 01 02');
    const end = r.tagEnd();
    r.int8();
    expect(() => r.endTag(7, end)).toThrow('tagged field 7 is not of the size it announces');
  });

  test('reads a part of a buffer, and another after a reset', () => {
    const staging = Buffer.from('aaaa 0001 0002 bbbb'.replaceAll(' ', ''), 'hex');
    const r = new Reader(staging, 2, 4);
    expect(r.int16()).toBe(1);
    expect(() => r.int8()).toThrow(MalformedFrameError);
    expect(r.reset(staging, 4, 6).int16()).toBe(2);
    expect(r.offset).toBe(6);
    expect(r.reset(new Uint8Array([1, 2, 3]).subarray(1)).int16()).toBe(0x0203);
    const piece = staging.subarray(2, 6);
    expect([r.reset(piece, 1).offset, r.remaining, r.int8(), r.offset]).toEqual([1, 3, piece[1], 2]);
  });

  test('gives bytes as views on the frame', () => {
    const frame = Buffer.from('00000002 0102'.replaceAll(' ', ''), 'hex');
    const bytes = new Reader(frame).bytes();
    frame[4] = 9;
    expect([...bytes]).toEqual([9, 2]);
  });

  test('looks ahead without moving', () => {
    const r = reader('0001 0002');
    expect([r.peekInt16(2), r.peekInt16(0), r.remaining]).toEqual([2, 1, 4]);
    expect(() => r.peekInt16(3)).toThrow(MalformedFrameError);
  });

  test('prints UUIDs as Kafka does', () => {
    expect(reader('00'.repeat(16)).uuid()).toBe(ZERO_UUID);
    expect(reader('ff'.repeat(16)).uuid()).toBe('_____________________w');
    for (const last of ['01', '02', '02']) expect(reader(`${'00'.repeat(15)}${last}`).uuid()).toBe(`${'A'.repeat(20)}${last === '01' ? 'AQ' : 'Ag'}`);
  });
});

test('an int64 that is no number has no place in arithmetic', () => {
  expect(int64ToNumber(5)).toBe(5);
  expect(() => int64ToNumber(2n ** 60n)).toThrow(KafkaError);
});
