import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { FrameBuffers, ReadGate } from './frame-buffers.js';
import { FrameReader } from './frame-reader.js';

const MAX_FRAME_BYTES = 1_000_000;

function framed(...contents: Uint8Array[]): Buffer {
  return Buffer.concat(contents.flatMap(content => {
    const prefix = Buffer.alloc(4);
    prefix.writeInt32BE(content.length);
    return [prefix, content];
  }));
}

/** A frame of that length whose bytes tell frames and positions apart. */
function content(length: number, salt: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let index = 0; index < length; index++) bytes[index] = index * 7 + salt * 13 + (index >> 8);
  return bytes;
}

/** Takes frames; `answers` says for each whether the next may follow at once. */
class Taker {
  readonly frames: Buffer[] = [];
  refusedLength: number | undefined;
  readonly releases: (() => void)[] = [];

  constructor(private readonly answers: (index: number) => boolean = () => true) {}

  frame(bytes: Buffer, start: number, end: number, release: (() => void) | undefined): boolean {
    this.frames.push(Buffer.from(bytes.subarray(start, end)));
    if (release !== undefined) this.releases.push(release);
    return this.answers(this.frames.length - 1);
  }

  refused(length: number): void {
    this.refusedLength = length;
  }
}

/** Delivers a stream as a socket does: into the reader's buffers, at most so many bytes at a time, and not while it is full. */
function deliver(reader: FrameReader, bytes: Uint8Array, sizes: readonly number[]): void {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    while (reader.isFull) reader.resume();
    const target = reader.nextBuffer();
    const size = Math.min(sizes[turn % sizes.length]!, target.length, bytes.length - at);
    target.set(bytes.subarray(at, at + size));
    reader.filled(size);
    at += size;
  }
  while (reader.isFull) reader.resume();
}

test('any cutting of the stream, and any stopping between frames, gives the same frames', () => {
  const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 300_000 })), { minLength: 1, maxLength: 6 });
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1000, max: 300_000 })), { minLength: 1, maxLength: 5 })
    .filter(list => Math.max(...list) >= 1000);
  fc.assert(fc.property(lengths, sizes, fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }), (frameLengths, chunks, stops) => {
    const contents = frameLengths.map(content);
    const buffers = new FrameBuffers(Infinity);
    const taker = new Taker(index => stops[index % stops.length]!);
    const reader = new FrameReader(buffers, taker, () => MAX_FRAME_BYTES);
    deliver(reader, framed(...contents), chunks);
    expect(taker.frames.length).toBe(contents.length);
    contents.forEach((expected, index) => expect(taker.frames[index]!.equals(expected)).toBe(true));
    expect(reader.isMidFrame).toBe(false);
    for (const release of taker.releases) release();
    expect(buffers.usedBytes).toBe(0);
  }), { numRuns: 100 });
});

test('every single place to cut two frames gives the two', () => {
  const contents = [content(9, 1), content(70_000, 2)];
  const bytes = framed(...contents);
  for (let cut = 1; cut < 40; cut++) {
    const taker = new Taker();
    deliver(new FrameReader(new FrameBuffers(Infinity), taker, () => MAX_FRAME_BYTES), bytes, [cut, bytes.length]);
    expect(taker.frames.map(frame => frame.length)).toEqual([9, 70_000]);
    expect(taker.frames[1]!.equals(contents[1]!)).toBe(true);
  }
});

test('complete frames are handed over in place, in the staging buffer', () => {
  const buffers = new FrameBuffers(Infinity);
  const places: Buffer[] = [];
  const reader = new FrameReader(buffers, {
    frame(bytes, _start, _end, release) {
      places.push(bytes);
      expect(release).toBeUndefined();
      return true;
    },
    refused: () => undefined,
  }, () => MAX_FRAME_BYTES);
  deliver(reader, framed(content(100, 1), content(200, 2)), [1000]);
  expect(places).toEqual([buffers.staging, buffers.staging]);
  expect(places[0]).toBe(buffers.staging);
});

test('a large frame is read into its own buffer, without passing through the staging one', () => {
  const buffers = new FrameBuffers(Infinity);
  const reader = new FrameReader(buffers, new Taker(), () => MAX_FRAME_BYTES);
  const bytes = framed(content(900_000, 3));
  buffers.staging.set(bytes.subarray(0, 100));
  reader.filled(100);
  expect(reader.nextBuffer()).not.toBe(buffers.staging);
});

test.each([0, -1, -2147483648, MAX_FRAME_BYTES + 1, 0x7fffffff])('a frame of length %i is refused before anything is made for it', length => {
  const buffers = new FrameBuffers(Infinity);
  for (const chunk of [1, 3, 100]) {
    const taker = new Taker();
    const reader = new FrameReader(buffers, taker, () => MAX_FRAME_BYTES);
    const prefix = Buffer.alloc(8);
    prefix.writeInt32BE(length);
    deliver(reader, Buffer.concat([framed(content(5, 1)), prefix]), [chunk]);
    expect(taker.refusedLength).toBe(length);
    expect(taker.frames).toHaveLength(1);
    for (const release of taker.releases) release();
    expect(reader.isMidFrame).toBe(false);
    expect(buffers.usedBytes).toBe(0);
  }
});

test('memory grows with what has arrived, not with what was announced', () => {
  const buffers = new FrameBuffers(Infinity);
  const reader = new FrameReader(buffers, new Taker(), () => 100_000_000);
  const prefix = Buffer.alloc(4);
  prefix.writeInt32BE(100_000_000);
  deliver(reader, prefix, [4]);
  expect(buffers.usedBytes).toBe(65_536);
  let arrived = 0;
  for (let round = 0; round < 40; round++) {
    const target = reader.nextBuffer();
    reader.filled(Math.min(target.length, 100_000));
    arrived += Math.min(target.length, 100_000);
    expect(buffers.usedBytes).toBeLessThanOrEqual(Math.max(65_536, 4 * arrived));
  }
  expect(arrived).toBeGreaterThan(3_000_000);
  reader.close();
  expect(buffers.usedBytes).toBe(0);
});

test('buffers are used again, and dropped when too many lie around', () => {
  const buffers = new FrameBuffers(Infinity);
  const first = buffers.acquire(100_000);
  expect(first.length).toBe(131_072);
  buffers.release(first);
  expect(buffers.acquire(70_000)).toBe(first);
  const many = Array.from({ length: 10 }, () => buffers.acquire(8_000_000));
  for (const buffer of many) buffers.release(buffer);
  const again = Array.from({ length: 10 }, () => buffers.acquire(8_000_000));
  expect(again.filter(buffer => many.includes(buffer))).toHaveLength(4);
});

test('when memory is short one reads on, the others in their turn', () => {
  const buffers = new FrameBuffers(100_000);
  const gate = new ReadGate(buffers);
  const woken: string[] = [];
  const [a, b, c] = ['a', 'b', 'c'].map(name => ({ readOn: () => { woken.push(name); } })) as [{ readOn(): void }, { readOn(): void }, { readOn(): void }];
  expect([gate.mayRead(a), gate.mayRead(b)]).toEqual([true, true]);
  const buffer = buffers.acquire(200_000);
  expect([gate.mayRead(b), gate.mayRead(a), gate.mayRead(c), gate.mayRead(b)]).toEqual([true, false, false, true]);
  gate.leave(b);
  expect(woken).toEqual(['a']);
  expect(gate.mayRead(c)).toBe(false);
  buffers.release(buffer);
  gate.leave(a);
  expect(woken).toEqual(['a', 'c']);
});
