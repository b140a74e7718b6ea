import { describe, expect, test } from '@jest/globals';
import { Reader } from './reader.js';
import { Writer } from './writer.js';

const written = (write: (writer: Writer) => void): string => {
  const writer = new Writer();
  write(writer);
  return writer.toBuffer().toString('hex');
};

describe('a writer', () => {
  test('writes whole numbers of every width', () => {
    expect(written(w => { w.int8(-1); w.int16(-2); w.uint16(65534); w.int32(-3); w.uint32(4294967293); w.float64(1.5); w.bool(true); w.bool(false); }))
      .toBe('ff fffe fffe fffffffd fffffffd 3ff8000000000000 01 00'.replaceAll(' ', ''));
  });

  test.each([0, 1, -1, 4294967296, -4294967297, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)])('int64 %s comes back', value => {
    const writer = new Writer();
    writer.int64(value);
    writer.varlong(value);
    const reader = new Reader(writer.toBuffer());
    expect([reader.int64(), reader.varlong()]).toEqual([value, value]);
  });

  test('a small int64 may come as a bigint', () => {
    expect(written(w => { w.int64(5n); w.varlong(5n); })).toBe(written(w => { w.int64(5); w.varlong(5); }));
  });

  test('refuses numbers that would reach the wire as others', () => {
    for (const value of [2 ** 53, 1.5, Number.NaN, Infinity]) expect(() => new Writer().int64(value)).toThrow(RangeError);
  });

  test.each([0, 1, 127, 128, 16383, 16384, 2097152, 268435456, 4294967295])('uvarint %s comes back', value => {
    const writer = new Writer();
    writer.uvarint(value);
    expect(new Reader(writer.toBuffer()).uvarint()).toBe(value);
  });

  test.each([0, -1, 1, 63, 64, -65, 2147483647, -2147483648])('varint %s comes back', value => {
    const writer = new Writer();
    writer.varint(value);
    expect(new Reader(writer.toBuffer()).varint()).toBe(value);
  });

  test('writes strings by their bytes, whatever their characters', () => {
    for (const text of ['', 'plain', 'é', '漢字', '😀', 'x'.repeat(32), 'x'.repeat(33), `${'x'.repeat(31)}é`, 'y'.repeat(200_000)]) {
      const writer = new Writer();
      writer.compactString(text);
      if (text.length < 30_000) writer.string(text);
      const reader = new Reader(writer.toBuffer());
      expect(reader.compactString()).toBe(text);
      if (text.length < 30_000) expect(reader.string()).toBe(text);
      expect(reader.remaining).toBe(0);
    }
  });

  test('refuses a string that the old form cannot hold', () => {
    expect(() => new Writer().string('x'.repeat(32_768))).toThrow('a string of 32768 bytes');
  });

  test('writes null in every form', () => {
    expect(written(w => { w.nullableString(null); w.compactNullableString(null); w.nullableBytes(null); w.compactNullableBytes(null); w.nullableRecords(null); w.compactNullableRecords(null); }))
      .toBe('ffff 00 ffffffff 00 ffffffff 00'.replaceAll(' ', ''));
  });

  test('refuses what is no UUID', () => {
    expect(written(w => w.uuid('_____________________w'))).toBe('ff'.repeat(16));
    for (const text of ['', 'short', '!!!!!!!!!!!!!!!!!!!!!!']) expect(() => new Writer().uuid(text)).toThrow(RangeError);
  });

  test('refers to large records instead of copying them', () => {
    const [large, small] = [Buffer.alloc(5000, 1), Buffer.alloc(10, 2)];
    const writer = new Writer();
    writer.int8(7);
    writer.records([large, small, large]);
    writer.int8(8);
    expect(writer.byteLength).toBe(1 + 4 + 10_010 + 1);
    const { buffers, byteLength } = writer.finish();
    expect(byteLength).toBe(10_016);
    expect(buffers.filter(buffer => buffer === large)).toHaveLength(2);
    expect(Buffer.concat(buffers)).toEqual(Buffer.concat([Buffer.from([7, 0, 0, 0x27, 0x1a]), large, small, large, Buffer.from([8])]));
  });

  test('fills in the length of a frame when it is known', () => {
    const writer = new Writer();
    const place = writer.reserveInt32();
    writer.records(Buffer.alloc(3000));
    // Growing moves what was written; the place stays true.
    writer.raw(Buffer.alloc(100_000));
    writer.patchInt32(place, writer.byteLength - 4);
    const { buffers } = writer.finish();
    expect(Buffer.from(buffers[0] ?? []).readInt32BE()).toBe(4 + 3000 + 100_000);
  });

  test('hands messages over for good', () => {
    const writer = new Writer();
    writer.int32(1);
    const first = writer.toBuffer();
    writer.int32(2);
    writer.raw(Buffer.alloc(200_000, 9));
    writer.finish();
    expect(first.toString('hex')).toBe('00000001');
  });

  test('forgets a message that failed half-way', () => {
    const writer = new Writer();
    writer.records(Buffer.alloc(5000));
    writer.reset();
    writer.int8(1);
    expect(writer.toBuffer().toString('hex')).toBe('01');
    expect(new Writer().toBuffer()).toHaveLength(0);
  });

  test.each([0, 1, 127, 128, 16_383, 16_384, 100_000])('a tagged field of %s bytes says so', size => {
    const writer = new Writer();
    writer.uvarint(1);
    const place = writer.beginTag(3);
    writer.raw(Buffer.alloc(size, 5));
    writer.endTag(place);
    writer.int8(-1);
    const reader = new Reader(writer.toBuffer());
    expect(reader.unknownTags()).toEqual([{ tag: 3, data: Buffer.alloc(size, 5) }]);
    expect(reader.int8()).toBe(-1);
  });

  test('refuses unknown tags that a reader would take for others', () => {
    const data = Buffer.alloc(0);
    expect(() => new Writer().unknownTags([{ tag: 4, data }, { tag: 3, data }])).toThrow('tag 3 comes out of order');
    expect(() => new Writer().moreUnknownTags([{ tag: 1, data }], 2)).toThrow('has a meaning in this version');
  });
});
