import { KafkaError } from '../../src/protocol/errors.js';
import { MalformedFrameError, Reader } from '../../src/protocol/wire/reader.js';
import { Writer } from '../../src/protocol/wire/writer.js';
import { SeededRandom } from '../support/random.js';
import { allMessages } from './messages.js';
import type { TestedMessage } from './messages.js';
import { makeMessage } from './values.js';

interface Frame extends TestedMessage {
  readonly version: number;
  readonly bytes: Buffer;
}

export interface FuzzReport {
  readonly frames: number;
  /** Mutated frames that still say something; the others were refused. */
  readonly decoded: number;
  /** What went wrong, each with the seed's frame that shows it. */
  readonly faults: readonly string[];
}

const STYLES = ['random', 'random', 'unknown tags'] as const;
const MAX_FRAME_BYTES = 400;
const MAX_FAULTS = 10;
/** What counts and lengths like to be when someone means harm. */
const nastyBytes = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff];
const nastyInt32s = [-1, -2, 0, 1, 0x7fff, 0xffff, 0x10000, 1_000_000, 1_000_001, 0x7fffffff, -0x80000000];

/**
 * Decodes `count` mutated frames of every message. A decoder may refuse a frame by MalformedFrameError or KafkaError, and
 * by nothing else; what it accepts holds no more elements and bytes than the frame has bytes.
 */
export function fuzz(count: number, seed: number): FuzzReport {
  const random = new SeededRandom(seed);
  const corpus = makeCorpus(random);
  const reader = new Reader();
  const faults: string[] = [];
  let decoded = 0;
  // Millions of refusals are not to be traced.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  for (let n = 0; n < count && faults.length < MAX_FAULTS; n++) {
    const { message, codec, version, bytes } = random.pick(corpus);
    const mutated = mutate(bytes, corpus, random);
    try {
      const held = weigh(codec.decode(reader.reset(mutated), version));
      decoded++;
      if (held > mutated.length) faults.push(`${message.name} v${version} holds ${held} from ${mutated.length} bytes: ${mutated.toString('hex')}`);
    } catch (error) {
      if (error instanceof MalformedFrameError || error instanceof KafkaError) continue;
      faults.push(`${message.name} v${version}: ${String(error)}: ${mutated.toString('hex')}`);
    }
  }
  Error.stackTraceLimit = stackTraceLimit;
  return { frames: count, decoded, faults };
}

/** Sound frames to start from: small, so that mutations meet the structure and not the padding. */
function makeCorpus(random: SeededRandom): Frame[] {
  const writer = new Writer();
  return allMessages().flatMap(tested => {
    const { versions } = tested.message;
    const frames: Frame[] = [];
    for (let version = versions.min; version <= versions.max; version++) {
      for (const style of STYLES) {
        tested.codec.encode(writer, makeMessage(tested.message, version, style, random), version);
        frames.push({ ...tested, version, bytes: writer.toBuffer().subarray(0, MAX_FRAME_BYTES) });
      }
    }
    return frames;
  });
}

/** A copy of `bytes` with one to four things wrong, some of them out of other frames. */
export function mutate(bytes: Buffer, corpus: readonly { readonly bytes: Buffer }[], random: SeededRandom): Buffer {
  let mutated: Buffer = Buffer.from(bytes);
  for (let left = 1 + random.below(4); left > 0; left--) mutated = mutateOnce(mutated, corpus, random);
  return mutated;
}

function mutateOnce(bytes: Buffer, corpus: readonly { readonly bytes: Buffer }[], random: SeededRandom): Buffer {
  const at = random.below(bytes.length);
  const length = random.below(Math.min(16, bytes.length - at) + 1);
  if (bytes.length === 0) return random.bytes(random.below(8));
  switch (random.below(8)) {
    case 0: bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8)); return bytes;
    case 1: bytes[at] = random.pick(nastyBytes); return bytes;
    case 2: bytes[at] = random.bits(); return bytes;
    case 3: if (at + 4 <= bytes.length) bytes.writeInt32BE(random.pick(nastyInt32s), at); return bytes;
    case 4: return bytes.subarray(0, at);
    case 5: return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 6: return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
    default: return Buffer.concat([bytes.subarray(0, at), random.pick(corpus).bytes.subarray(at)]);
  }
}

/** How much of its frame a decoded value must have taken at least: its elements, tagged fields and bytes. */
function weigh(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (value instanceof Uint8Array) return value.length;
  let weight = Array.isArray(value) ? value.length : 0;
  for (const part of Object.values(value)) weight += weigh(part);
  return weight;
}
