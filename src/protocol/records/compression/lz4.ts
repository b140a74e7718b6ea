import { MalformedError } from '../../../base/bytes.js';
import { tooLarge } from './gzip.js';
import { lz4Blocks, writeSequence } from './lz4-block.js';
import { encodeHigh } from './lz4-high.js';
import { xxhash32 } from './xxhash32.js';

/**
 * The lz4 frame, as message format v2 has it (right header checksum; Kafka's `Lz4BlockInputStream`). Like Kafka we refuse blocks
 * that depend on their predecessors, because its consumers could not read them, and we do not verify the checksum of the whole
 * content: the batch has one of its own.
 */

const MAGIC = 0x184d2204;
const VERSION_MASK = 0xc0;
const VERSION = 0x40;
const BLOCKS_INDEPENDENT = 0x20;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
/** Bit 1 is reserved; bit 0 would announce a dictionary. */
const UNKNOWN_FLAGS = 0x03;
const STORED = 0x8000_0000;
/** Size code 4 of the descriptor, Java's choice. */
const OUR_BLOCK_BYTES = 64 * 1024;
/** A byte of a length stands for at most 255 bytes of output. */
const MAX_EXPANSION = 255;

/** The level at which Kafka uses the fast encoder; at all others it uses the one that compresses better (`Lz4BlockOutputStream`). */
const FAST_LEVEL = 9;

export function lz4Compress(data: Uint8Array, level = FAST_LEVEL): Uint8Array {
  const header = Buffer.from([0, 0, 0, 0, VERSION | BLOCKS_INDEPENDENT, 4 << 4, 0]);
  header.writeUInt32LE(MAGIC, 0);
  header[6] = xxhash32(header, 4, 6) >>> 8;
  const parts: Uint8Array[] = [header];
  for (let at = 0; at < data.length; at += OUR_BLOCK_BYTES) {
    const plain = data.subarray(at, at + OUR_BLOCK_BYTES);
    const block = level === FAST_LEVEL ? lz4Blocks().compress(plain) : encodeHigh(plain, level, writeSequence);
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32LE(block === undefined ? (plain.length | STORED) >>> 0 : block.length, 0);
    parts.push(length, block ?? plain);
  }
  parts.push(Buffer.alloc(4));
  return Buffer.concat(parts);
}

export function lz4Decompress(data: Uint8Array, maxOutputBytes: number): Uint8Array {
  const frame = new FrameReader(data);
  const parts: Uint8Array[] = [];
  let total = 0;
  for (let part = frame.nextBlock(maxOutputBytes); part !== undefined; part = frame.nextBlock(maxOutputBytes - total)) {
    parts.push(part);
    total += part.length;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, total);
}

function corrupt(why: string): MalformedError {
  return new MalformedError(`lz4 data is corrupt: ${why}`);
}

class FrameReader {
  private readonly view: DataView;
  private at = 0;
  private readonly flags: number;
  private readonly maxBlockBytes: number;

  constructor(private readonly data: Uint8Array) {
    this.view = new DataView(data.buffer, data.byteOffset, data.length);
    if (data.length < 7) throw corrupt('it ends inside the frame header');
    if (this.view.getUint32(0, true) !== MAGIC) throw corrupt('it is not a frame');
    this.flags = data[4]!;
    if ((this.flags & VERSION_MASK) !== VERSION) throw corrupt(`frame version ${this.flags >> 6} is unknown`);
    if ((this.flags & BLOCKS_INDEPENDENT) === 0) throw corrupt('dependent blocks are not supported: set block independence');
    if ((this.flags & UNKNOWN_FLAGS) !== 0) throw corrupt('frame flags that are reserved, or ask for a dictionary, are set');
    const sizeCode = (data[5]! >> 4) & 7;
    if (sizeCode < 4 || (data[5]! & 0x8f) !== 0) throw corrupt(`block descriptor 0x${data[5]!.toString(16)} is unknown`);
    this.maxBlockBytes = 1 << (8 + 2 * sizeCode);
    this.at = (this.flags & CONTENT_SIZE) === 0 ? 6 : 14;
    if (this.at >= data.length) throw corrupt('it ends inside the frame header');
    if (data[this.at] !== ((xxhash32(data, 4, this.at) >>> 8) & 0xff)) throw corrupt('the frame header has a wrong checksum');
    this.at++;
  }

  /** The next block's plain bytes; undefined after the last. */
  nextBlock(maxOutputBytes: number): Uint8Array | undefined {
    const word = this.readWord();
    const size = word & ~STORED;
    if (size === 0) return this.finish();
    if (size > this.maxBlockBytes) throw corrupt(`a block of ${size} bytes is larger than the ${this.maxBlockBytes} of the frame`);
    const start = this.at;
    if (size > this.data.length - start) throw corrupt(`a block of ${size} bytes does not fit`);
    this.at += size;
    if ((this.flags & BLOCK_CHECKSUM) !== 0 && this.readWord() !== xxhash32(this.data, start, start + size)) throw corrupt('a block has a wrong checksum');
    return word === size ? this.decode(start, start + size, maxOutputBytes) : this.stored(start, start + size, maxOutputBytes);
  }

  private decode(start: number, end: number, maxOutputBytes: number): Uint8Array {
    const capacity = Math.min(this.maxBlockBytes, (end - start) * MAX_EXPANSION);
    const plain = lz4Blocks().decompress(this.data, start, end, capacity);
    if (plain.length > maxOutputBytes) throw tooLarge('lz4', maxOutputBytes);
    return plain;
  }

  private stored(start: number, end: number, maxOutputBytes: number): Uint8Array {
    if (end - start > maxOutputBytes) throw tooLarge('lz4', maxOutputBytes);
    return this.data.subarray(start, end);
  }

  /** What follows the frame is passed over, as Kafka does. */
  private finish(): undefined {
    if ((this.flags & CONTENT_CHECKSUM) !== 0) this.readWord();
  }

  private readWord(): number {
    if (this.data.length - this.at < 4) throw corrupt('it ends before the end mark');
    const word = this.view.getUint32(this.at, true);
    this.at += 4;
    return word;
  }
}
