import { expect, test } from '@jest/globals';
import type { ApiSpec, Field, Struct } from '../../src/codegen/spec.js';
import { includes } from '../../src/codegen/spec.js';
import { allApis } from '../../src/protocol/generated/index.js';
import { Reader } from '../../src/protocol/wire/reader.js';
import { Writer } from '../../src/protocol/wire/writer.js';
import { SeededRandom } from '../support/random.js';
import { readSpecs } from './messages.js';
import { makeMessage } from './values.js';

const CODE = 42;
const SEED = 20261121;

interface Found {
  /** Codes in the places for errors. */
  readonly codes: number[];
  /** Whether the version has such a place outside of arrays. */
  readonly places: number;
}

/** The error codes in a decoded response, and how many there would be without any array. */
function errorCodes(api: ApiSpec, struct: Struct, value: object, version: number): Found {
  const codes: number[] = [];
  let places = 0;
  const visit = (field: Field, held: unknown, inArray: boolean): void => {
    const { type } = field;
    const element = type.kind === 'array' ? type.element : type;
    if (element.kind === 'scalar') {
      if (element.meaning !== 'error') return;
      codes.push(held as number);
      if (!inArray) places++;
      return;
    }
    const inner = api.response.structs.get(element.name);
    for (const item of type.kind === 'array' ? ((held ?? []) as object[]) : [held as object | null]) {
      if (item !== null && inner !== undefined) walk(inner, item, inArray || type.kind === 'array');
    }
  };
  const walk = (within: Struct, item: object, inArray: boolean): void => {
    for (const field of within.fields) {
      if (includes(field.versions, version)) visit(field, (item as Record<string, unknown>)[field.name], inArray);
    }
  };
  walk(struct, value, false);
  return { codes, places };
}

const apis = readSpecs().filter((spec): spec is ApiSpec => spec.kind === 'api').sort((a, b) => a.key - b.key);

test.each(apis.map(api => [api.name, api] as const))('%s fails in every version, with the code in every place for one', (_, spec) => {
  const api = allApis.get(spec.key);
  if (api === undefined) throw new Error(`no API ${spec.key}`);
  const writer = new Writer();
  const random = new SeededRandom(SEED + spec.key);
  for (let version = api.minVersion; version <= api.maxVersion; version++) {
    for (let n = 0; n < 10; n++) {
      api.encodeRequest(writer, makeMessage(spec.request, version, n === 0 ? 'empty' : 'random', random), version);
      const request = api.decodeRequest(new Reader(writer.toBuffer()), version);
      api.encodeResponse(writer, api.fail(request, CODE, 'why'), version);
      const response = api.decodeResponse(new Reader(writer.toBuffer()), version);
      const { codes, places } = errorCodes(spec, spec.response.root, response, version);
      expect(codes.every(code => code === CODE)).toBe(true);
      expect(codes.length).toBeGreaterThanOrEqual(places);
    }
  }
});

/** Responses that can only fail by what they say of the things in the request: they must name these. */
test('a response without an error of its own fails for every thing that the request names', () => {
  const silent: string[] = [];
  const writer = new Writer();
  for (const spec of apis) {
    const api = allApis.get(spec.key);
    if (api === undefined) throw new Error(`no API ${spec.key}`);
    const version = api.maxVersion;
    api.encodeRequest(writer, makeMessage(spec.request, version, 'most', new SeededRandom(SEED)), version);
    const request = api.decodeRequest(new Reader(writer.toBuffer()), version);
    api.encodeResponse(writer, api.fail(request, CODE), version);
    const response = api.decodeResponse(new Reader(writer.toBuffer()), version);
    if (errorCodes(spec, spec.response.root, response, version).codes.length === 0) silent.push(spec.name);
  }
  expect(silent).toEqual([]);
});
