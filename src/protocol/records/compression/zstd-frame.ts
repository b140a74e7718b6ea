import { MalformedError } from '../../../base/bytes.js';

/**
 * Finds the frames of zstd data and how much each will make, from frame and block headers alone (RFC 8878), so that a bomb is
 * refused and a target allocated before decompressing. Streams, as Java writes them, declare no size; then each block counts
 * with the most that one can make.
 */
export interface ZstdFrame {
  readonly start: number;
  readonly end: number;
  /** The size that the frame declares; 0 when it declares none. */
  readonly atLeast: number;
  /** What the frame cannot exceed when it is valid. */
  readonly atMost: number;
}

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const SKIPPABLE_MASK = 0xfffffff0;
const LARGEST_BLOCK = 128 * 1024;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
const RAW = 0;
const RUN_LENGTH = 1;
const COMPRESSED = 2;

function corrupt(why: string): MalformedError {
  return new MalformedError(`zstd data is corrupt: ${why}`);
}

/** The frames in order, without skippable ones. */
export function zstdFrames(data: Uint8Array): ZstdFrame[] {
  const reader = new Reader(data);
  const frames: ZstdFrame[] = [];
  while (!reader.done) {
    const start = reader.position;
    const magic = reader.littleEndian(4);
    if (((magic & SKIPPABLE_MASK) >>> 0) === SKIPPABLE_MAGIC) reader.skip(reader.littleEndian(4));
    else if (magic === MAGIC) frames.push(readFrame(reader, start));
    else throw corrupt('it is not a frame');
  }
  return frames;
}

function readFrame(reader: Reader, start: number): ZstdFrame {
  const descriptor = reader.littleEndian(1);
  const singleSegment = (descriptor & 0x20) !== 0;
  const hasChecksum = (descriptor & 0x04) !== 0;
  const sizeCode = descriptor >> 6;
  const windowBytes = singleSegment ? Infinity : windowSize(reader.littleEndian(1));
  reader.skip(DICTIONARY_ID_BYTES[descriptor & 3]!);
  const sizeBytes = sizeCode === 0 ? (singleSegment ? 1 : 0) : 1 << sizeCode;
  const contentSize = sizeBytes === 0 ? undefined : reader.littleEndian(sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  const blockBound = readBlocks(reader, Math.min(LARGEST_BLOCK, windowBytes));
  if (hasChecksum) reader.skip(4);
  return { start, end: reader.position, atLeast: contentSize ?? 0, atMost: contentSize ?? blockBound };
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** Passes the blocks of a frame; returns the most that they make. */
function readBlocks(reader: Reader, largestBlock: number): number {
  let bound = 0;
  for (;;) {
    const header = reader.littleEndian(3);
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (type > COMPRESSED) throw corrupt('a block has a reserved type');
    bound += type === RAW || type === RUN_LENGTH ? size : largestBlock;
    reader.skip(type === RUN_LENGTH ? 1 : size);
    if ((header & 1) !== 0) return bound;
  }
}

class Reader {
  private at = 0;

  constructor(private readonly data: Uint8Array) {}

  get position(): number {
    return this.at;
  }

  get done(): boolean {
    return this.at >= this.data.length;
  }

  littleEndian(bytes: number): number {
    const start = this.at;
    this.skip(bytes);
    let value = 0;
    for (let index = bytes - 1; index >= 0; index--) value = value * 256 + this.data[start + index]!;
    return value;
  }

  skip(bytes: number): void {
    if (bytes > this.data.length - this.at) throw corrupt('it ends too early');
    this.at += bytes;
  }
}
