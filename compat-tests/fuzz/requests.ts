// Requests that nobody would send, made from what the specifications say of them.

import { stringHashCode } from '../../src/base/java-hash.js';
import type { ApiSpec } from '../../src/codegen/spec.js';
import { allApis, unregisterBrokerApi } from '../../src/protocol/generated/index.js';
import { readResponseHead, writeRequestHead } from '../../src/protocol/header.js';
import { Reader } from '../../src/protocol/wire/reader.js';
import { Writer } from '../../src/protocol/wire/writer.js';
import { mutate } from '../codec/fuzz.js';
import { readSpecs } from '../codec/messages.js';
import { edges, makeMessage, type StructValue, type Style, type Vocabulary } from '../codec/values.js';
import type { VersionRanges } from '../differential/player.js';
import { SeededRandom } from '../support/random.js';
import { futile, harmless, sensible, type Known } from './vocabulary.js';

/** One frame, without its length, and how it came about. */
export interface FuzzRequest {
  /** Such as `Fetch v12 most`. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** Longer frames are met by fewer mutations: what they change should be the structure. */
const MUTATED_BYTES = 400;
const CLIENT_ID = 'fuzz';
/** Of these styles every number is an extreme one, none of which does much. */
const EXTREME: readonly Style[] = ['least', 'most', 'empty'];

export const apiOf = (key: number) => allApis.get(key);

interface Pair {
  readonly spec: ApiSpec;
  readonly version: number;
}

/** Makes requests of every API and version in `ranges`, the same ones from the same seed. */
export class RequestMaker {
  private readonly random: SeededRandom;
  private readonly pairs: readonly Pair[];
  private readonly writer = new Writer();
  private corpus: FuzzRequest[] | undefined;
  private correlationId = 0;

  constructor(private readonly ranges: VersionRanges, private readonly seed: number, private readonly known: Known) {
    this.random = new SeededRandom(seed);
    this.pairs = readSpecs().flatMap(spec => {
      const range = spec.kind === 'api' ? ranges.get(spec.key) : undefined;
      if (spec.kind !== 'api' || range === undefined) return [];
      return Array.from({ length: range.max - range.min + 1 }, (_, index) => ({ spec, version: range.min + index }));
    });
  }

  /** Of every API and version one request of every extreme; or only of the oldest and the newest version of each. */
  edges(versions: 'all' | 'ends' = 'all'): FuzzRequest[] {
    const isEnd = ({ spec, version }: Pair): boolean => version === this.ranges.get(spec.key)!.min || version === this.ranges.get(spec.key)!.max;
    return this.pairs.filter(pair => versions === 'all' || isEnd(pair)).flatMap(({ spec, version }) => edges.map(style => this.request(spec, version, style)));
  }

  /** Of every API and version one request that may well make sense; another one in each round. */
  sound(round = 0): FuzzRequest[] {
    return this.pairs.map(({ spec, version }) => this.request(spec, version, 'random', round));
  }

  /** Of the newest version of every API one very long list, and one in a list. */
  *huge(): Generator<FuzzRequest, void> {
    for (const { spec, version } of this.pairs.filter(({ spec: { key }, version: one }) => one === this.ranges.get(key)!.max)) {
      for (const style of ['wide', 'deep'] as const) yield this.request(spec, version, style);
    }
  }

  /** A sound or extreme request with a few things wrong. */
  mutated(): FuzzRequest {
    this.corpus ??= [...this.edges(), ...this.sound(1), ...this.sound(2)].map(({ name, bytes }) => ({ name, bytes: bytes.subarray(0, MUTATED_BYTES) }));
    for (;;) {
      const { name, bytes } = this.random.pick(this.corpus);
      const mutant = mutate(bytes, this.corpus, this.random);
      // Of all ids it might find that of the broker itself, which would lead nothing from then on.
      if (mutant.length < 2 || mutant.readInt16BE(0) !== unregisterBrokerApi.key) return { name: `${name}, mutated`, bytes: mutant };
    }
  }

  private vocabularyOf(style: Style, api: string, random: SeededRandom): Vocabulary | undefined {
    if (EXTREME.includes(style)) return undefined;
    if (style === 'wide' || style === 'deep') return futile(api, random);
    return style === 'random' ? sensible(api, this.known, random) : harmless(api, random);
  }

  /** Each has a chance of its own: another API changes none of the others' requests. */
  private request(spec: ApiSpec, version: number, style: Style, round = 0): FuzzRequest {
    const api = apiOf(spec.key)!;
    const name = `${spec.name} v${version} ${style}`;
    const random = new SeededRandom(this.seed ^ stringHashCode(`${name} ${round}`));
    const vocabulary = this.vocabularyOf(style, spec.name, random);
    const body = makeMessage(spec.request, version, style, random, vocabulary) as never;
    const writer = this.writer.reset();
    writeRequestHead(writer, api, version, this.correlationId++, CLIENT_ID);
    api.encodeRequest(writer, body, version);
    return { name, bytes: Buffer.from(writer.toBuffer()) };
  }
}

/** An answer as the client would read it; throws for what is none to that request. */
export function readAnswer(request: Buffer, answer: Buffer): { readonly api: string; readonly version: number; readonly body: StructValue } {
  const api = apiOf(request.readInt16BE(0));
  if (api === undefined) throw new Error('an API that does not exist is answered');
  const asked = request.readInt16BE(2);
  try {
    return { api: api.name, version: asked, body: decode(api, asked, request, answer) };
  } catch (error) {
    // Whatever the version is: everybody can read version 0 (KIP-511).
    if (api.name === 'ApiVersions') return { api: api.name, version: 0, body: decode(api, 0, request, answer) };
    throw error;
  }
}

function decode(api: NonNullable<ReturnType<typeof apiOf>>, version: number, request: Buffer, answer: Buffer): StructValue {
  const reader = new Reader(Buffer.from(answer));
  const correlationId = readResponseHead(reader, api, version);
  if (correlationId !== request.readInt32BE(4)) throw new Error(`the answer is to ${correlationId}, not to ${request.readInt32BE(4)}`);
  const body = api.decodeResponse(reader, version) as unknown as StructValue;
  if (reader.remaining > 0) throw new Error(`${reader.remaining} bytes are left of the answer`);
  return body;
}

/** Every error code of an answer with the way to it, in order: what two brokers have to agree on. */
export function codesOf(body: unknown, path = ''): string[] {
  if (typeof body !== 'object' || body === null || body instanceof Uint8Array) return [];
  return Object.entries(body).flatMap(([field, value]) => {
    const at = Array.isArray(body) ? path : `${path}.${field}`;
    return /errorCode$/i.test(field) && typeof value === 'number' ? [`${at} ${value}`] : codesOf(value, at);
  }).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
