import { afterEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import * as zlib from 'node:zlib';
import { MalformedError } from '../../../base/bytes.js';
import { OutputTooLargeError } from '../../../env/compute.js';
import { CompressionType } from '../batch.js';
import { forceBackend, isInstalled, type BackendName, type CodecName } from './backends.js';
import { compress, decompress, isCompressionType } from './index.js';
import { lz4Blocks } from './lz4-block.js';
import { xxhash32 } from './xxhash32.js';
import { zstdFrames } from './zstd-frame.js';

const MAX = 64 * 1024 * 1024;

/** Every way that this machine can serve each codec. */
const ways: [CodecName, BackendName][] = [
  ['gzip', 'node'], ['snappy', 'javascript'], ['lz4', 'javascript'], ['zstd', 'wasm'],
  ...(isInstalled('lz4-napi') ? [['lz4', 'native'] as [CodecName, BackendName]] : []),
  ...(isInstalled('zstd-napi/binding.js') ? [['zstd', 'native'] as [CodecName, BackendName]] : []),
  ...('zstdCompressSync' in zlib ? [['zstd', 'node'] as [CodecName, BackendName]] : []),
];

afterEach(() => {
  forceBackend('lz4');
  forceBackend('zstd');
});

const text = Buffer.from(JSON.stringify(Array.from({ length: 3000 }, (_, id) => ({ id, name: `customer ${id % 17}`, paid: id % 3 === 0 }))));
const noise = Buffer.from(Uint8Array.from({ length: 200_000 }, (_, index) => Math.imul(index, 2654435761) >>> 24));
const random = Buffer.from(fc.sample(fc.uint8Array({ minLength: 70_000, maxLength: 70_000, size: 'max' }), { numRuns: 1, seed: 1 })[0]!);
const samples = [Buffer.alloc(0), Buffer.from('a'), Buffer.from('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab'), Buffer.alloc(300_000), text, noise, random];

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** The bytes, or the kind of error. */
function outcome(type: number, data: Uint8Array, max: number): Uint8Array | 'malformed' | 'too large' {
  try {
    return decompress(type, data, max);
  } catch (error) {
    if (error instanceof MalformedError) return 'malformed';
    if (error instanceof OutputTooLargeError) return 'too large';
    throw error;
  }
}

describe.each(ways)('%s by %s', (codec, backend) => {
  const type = CompressionType[codec];

  test('gives back what it took, whoever of the codec reads it', () => {
    for (const sample of samples) {
      forceBackend(codec, backend);
      const packed = compress(type, sample);
      expect(equal(decompress(type, packed, MAX), sample)).toBe(true);
      for (const [, reader] of ways.filter(([other]) => other === codec)) {
        forceBackend(codec, reader);
        expect(equal(decompress(type, packed, MAX), sample)).toBe(true);
      }
    }
  });

  test('gives back small and structured inputs', () => {
    forceBackend(codec, backend);
    const inputs = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 1, max: 400 })), { maxLength: 30 })
        .map(runs => Buffer.concat(runs.map(([byte, length]) => Buffer.alloc(length, byte)))),
    );
    fc.assert(fc.property(inputs, input => equal(decompress(type, compress(type, input), MAX), input)), { numRuns: 200 });
  });

  test('stops at the bound, and exactly there', () => {
    forceBackend(codec, backend);
    for (const sample of [text, random, Buffer.alloc(300_000)]) {
      const packed = compress(type, sample);
      expect(equal(decompress(type, packed, sample.length), sample)).toBe(true);
      expect(outcome(type, packed, sample.length - 1)).toBe('too large');
      expect(outcome(type, packed, 0)).toBe('too large');
    }
  });

  test('a bomb is refused without being unpacked: what is wrong with its end is not seen', () => {
    forceBackend(codec, backend);
    // Ends with a repetition, so that no codec's last byte is one of the data's own.
    const bomb = Buffer.from(compress(type, Buffer.concat([Buffer.alloc(40 * 1024 * 1024), text, Buffer.alloc(200, 'a')])));
    bomb[bomb.length - 1] = bomb.at(-1) === 0 ? 0xff : 0;
    const refusal = (max: number): string => {
      const result = outcome(type, bomb, max);
      return typeof result === 'string' ? result : `${result.length} bytes`;
    };
    expect([refusal(MAX), refusal(1024 * 1024)]).toEqual(['malformed', 'too large']);
  });

  test('mutilated data is malformed, too large, or some bytes: never a crash, a hang, or more than allowed', () => {
    forceBackend(codec, backend);
    const packed = compress(type, text.subarray(0, 4000));
    const edits = fc.array(fc.tuple(fc.nat(packed.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 });
    fc.assert(fc.property(edits, fc.integer({ min: 0, max: packed.length }), (changes, length) => {
      const data = Buffer.from(packed);
      for (const [at, value] of changes) data[at] = value;
      const result = outcome(type, length % 2 === 0 ? data : data.subarray(0, length), 8000);
      if (typeof result !== 'string') expect(result.length).toBeLessThanOrEqual(8000);
    }), { numRuns: 1500 });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), data => {
      outcome(type, data, 8000);
    }), { numRuns: 500 });
  });

  test('data cut short is malformed', () => {
    forceBackend(codec, backend);
    const packed = compress(type, text);
    for (const length of [1, 5, 9, 20, packed.length >> 1, packed.length - 3]) expect(outcome(type, packed.subarray(0, length), MAX)).toBe('malformed');
  });
});

test('codec ids 5 to 7 name nothing', () => {
  expect([0, 1, 2, 3, 4, 5, 6, 7, -1].filter(isCompressionType)).toEqual([0, 1, 2, 3, 4]);
  for (const id of [5, 6, 7]) expect(() => decompress(id, text, MAX)).toThrow(`compression type ${id} is unknown`);
});

test('xxhash32 is the published one', () => {
  expect(xxhash32(Buffer.from(''), 0, 0)).toBe(0x02cc5d05);
  expect(xxhash32(Buffer.from('abc'), 0, 3)).toBe(0x32d153ff);
  expect(xxhash32(Buffer.from('Nobody inspects the spammish repetition'), 0, 39)).toBe(0xe2293b2f);
});

describe('snappy, both framings', () => {
  const decode = (...bytes: (number | string)[]) =>
    outcome(CompressionType.snappy, Buffer.concat(bytes.map(part => (typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part)))), 1000);

  test('a raw block is read: literals, and copies of each kind', () => {
    expect(decode(5, 4 << 2, 'hello')).toEqual(Buffer.from('hello'));
    expect(decode(9, 2 << 2, 'abc', ((6 - 4) << 2) | 1, 3)).toEqual(Buffer.from('abcabcabc'));
    expect(decode(9, 2 << 2, 'abc', ((6 - 1) << 2) | 2, 3, 0)).toEqual(Buffer.from('abcabcabc'));
    expect(decode(9, 2 << 2, 'abc', ((6 - 1) << 2) | 3, 3, 0, 0, 0)).toEqual(Buffer.from('abcabcabc'));
    expect(decode(61, 60 << 2, 60, 'x'.repeat(61))).toEqual(Buffer.from('x'.repeat(61)));
  });

  test('a literal of a hostile length does not run backwards for ever', () => {
    expect(decode(100, 63 << 2, 0xf9, 0xff, 0xff, 0xff, 'xxxxxxxxxxxxxxxx')).toBe('malformed');
  });

  test('copies from before the start, lengths that lie, and blocks that end early are malformed', () => {
    expect(decode(9, 2 << 2, 'abc', (2 << 2) | 1, 4)).toBe('malformed');
    expect(decode(9, 2 << 2, 'abc', (2 << 2) | 1, 0)).toBe('malformed');
    expect(decode(4, 4 << 2, 'hello')).toBe('malformed');
    expect(decode(6, 4 << 2, 'hello')).toBe('malformed');
    expect(decode(0xff, 0xff, 0xff, 0xff, 0xff, 0xff)).toBe('malformed');
    expect(decode(0xe7, 0x07, 0, 'x')).toBe('malformed');
  });

  test('streams of snappy-java may follow one another', () => {
    const once = compress(CompressionType.snappy, text);
    expect(equal(decompress(CompressionType.snappy, Buffer.concat([once, once]), MAX), Buffer.concat([text, text]))).toBe(true);
  });
});

describe('lz4 at other levels than the default', () => {
  const type = CompressionType.lz4;

  test.each([1, 5, 12, 17])('level %i is read by every decoder, and is no larger than the level before', level => {
    for (const sample of samples) {
      const packed = compress(type, sample, level);
      for (const [, reader] of ways.filter(([codec]) => codec === 'lz4')) {
        forceBackend('lz4', reader);
        expect(equal(decompress(type, packed, MAX), sample)).toBe(true);
      }
    }
    expect(compress(type, text, level).length).toBeLessThanOrEqual(compress(type, text, Math.max(1, level - 4)).length);
  });

  test('the highest makes less of a text than the default does', () => {
    expect(compress(type, text, 17).length).toBeLessThan(compress(type, text).length * 0.95);
    expect(compress(type, text, 9)).toEqual(compress(type, text));
  });

  test('gives back small and structured inputs', () => {
    const inputs = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 40 })), { maxLength: 60 })
      .map(runs => Buffer.concat(runs.map(([byte, length]) => Buffer.alloc(length, byte))));
    fc.assert(fc.property(inputs, fc.constantFrom(1, 8, 17), (input, level) => equal(decompress(type, compress(type, input, level), MAX), input)), { numRuns: 300 });
  });
});

describe('lz4 frames', () => {
  const type = CompressionType.lz4;
  const word = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value >>> 0);
    return bytes;
  };
  /** A frame with the given flags and block size code. */
  const frame = (flags: number, sizeCode: number, contentSize: number | undefined, ...rest: Buffer[]) => {
    const size = contentSize === undefined ? Buffer.alloc(0) : Buffer.concat([word(contentSize), word(0)]);
    const descriptor = Buffer.concat([Buffer.from([flags, sizeCode << 4]), size]);
    const check = Buffer.from([(xxhash32(descriptor, 0, descriptor.length) >>> 8) & 0xff]);
    return Buffer.concat([word(0x184d2204), descriptor, check, ...rest]);
  };
  const hello = Buffer.from('hello lz4');
  const stored = (data: Buffer) => Buffer.concat([word((data.length | 0x80000000) >>> 0), data]);
  const end = word(0);

  test('with content size, content checksum and block checksums', () => {
    expect(outcome(type, frame(0x68, 4, hello.length, stored(hello), end), 100)).toEqual(hello);
    expect(outcome(type, frame(0x64, 7, undefined, stored(hello), end, word(1234)), 100)).toEqual(hello);
    const check = word(xxhash32(hello, 0, hello.length));
    expect(outcome(type, frame(0x7c, 5, hello.length, stored(hello), check, stored(hello), check, end, word(0)), 100)).toEqual(Buffer.concat([hello, hello]));
    expect(outcome(type, frame(0x70, 5, undefined, stored(hello), word(1), end), 100)).toBe('malformed');
  });

  test('as other encoders write them: independent blocks of another size, with a content checksum', () => {
    const block = Buffer.from(compress(type, text).subarray(7, -4));
    expect(equal(decompress(type, frame(0x64, 6, undefined, block, end, word(0)), MAX), text)).toBe(true);
  });

  test('refused: dependent blocks, unknown version, reserved bits, a wrong header checksum, oversized blocks, no end mark', () => {
    const refused = [
      frame(0x40, 4, undefined, stored(hello), end), frame(0xa0, 4, undefined, stored(hello), end), frame(0x61, 4, undefined, stored(hello), end),
      frame(0x60, 3, undefined, stored(hello), end), frame(0x60, 4, undefined, stored(Buffer.alloc(70_000)), end), frame(0x60, 4, undefined, stored(hello)),
    ];
    for (const data of refused) expect(outcome(type, data, MAX)).toBe('malformed');
    const wrongCheck = frame(0x60, 4, undefined, stored(hello), end);
    wrongCheck[6]! ^= 1;
    expect(outcome(type, wrongCheck, MAX)).toBe('malformed');
  });

  test('a small block in a frame of large ones holds memory of its own size', () => {
    const chunk = Buffer.alloc(18_000, 'some text that hardly repeats');
    const block = Buffer.from(compress(type, chunk).subarray(7, -4));
    const plain = lz4Blocks().decompress(block, 4, block.length, 4 * 1024 * 1024);
    expect([equal(plain, chunk), plain.buffer.byteLength]).toEqual([true, chunk.length]);
    expect(outcome(type, frame(0x60, 7, undefined, ...Array.from({ length: 200 }, () => block), end), MAX)).toHaveLength(200 * chunk.length);
  });
});

describe('zstd frames', () => {
  /** A frame as a stream writes it: no content size, blocks of the given headers. */
  const streamed = (...blocks: Buffer[]) => Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]), ...blocks]);
  const runLength = (length: number, last: boolean) => {
    const header = (length << 3) | 2 | (last ? 1 : 0);
    return Buffer.from([header & 0xff, (header >> 8) & 0xff, header >> 16, 0x41]);
  };

  test.each(ways.filter(([codec]) => codec === 'zstd'))('%s by %s reads streamed, concatenated and skippable frames', (codec, backend) => {
    forceBackend(codec, backend);
    const frame = streamed(runLength(1000, false), runLength(24, true));
    const skippable = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    expect(zstdFrames(frame)).toEqual([{ start: 0, end: frame.length, atLeast: 0, atMost: 1024 }]);
    expect(outcome(CompressionType.zstd, frame, 1024)).toEqual(Buffer.alloc(1024, 'A'));
    expect(outcome(CompressionType.zstd, frame, 1023)).toBe('too large');
    const several = decompress(CompressionType.zstd, Buffer.concat([skippable, frame, compress(CompressionType.zstd, text)]), MAX);
    expect(equal(several, Buffer.concat([Buffer.alloc(1024, 'A'), text]))).toBe(true);
  });

  test.each(ways.filter(([codec]) => codec === 'zstd'))('%s by %s refuses a streamed bomb at the bound', (codec, backend) => {
    forceBackend(codec, backend);
    const bomb = streamed(...Array.from({ length: 5000 }, (_, index) => runLength(128 * 1024, index === 4999)));
    expect(zstdFrames(bomb)[0]!.atMost).toBe(5000 * 128 * 1024);
    expect(outcome(CompressionType.zstd, bomb, 1_000_000)).toBe('too large');
  });

  test('a declared size beyond the bound is refused before anything is allocated', () => {
    const lie = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x01, 0x00, 0x00]);
    expect(outcome(CompressionType.zstd, lie, MAX)).toBe('too large');
  });
});
