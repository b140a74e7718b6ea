import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from './generate.js';

let folder: string;
let specs: string;
let target: string;

const write = (path: string, text: string): void => writeFileSync(join(specs, path), text);
const sample = (fields: string, head = 'api Sample key 1 versions 0-3 flexible 2+ on broker'): string => `${head}\nrequest\n${fields}\nresponse\n  errorCode: error\n`;
const generated = (name: string): string => readFileSync(join(target, name), 'utf8');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ottla-codegen-'));
  specs = join(folder, 'specs');
  target = join(folder, 'generated');
  mkdirSync(join(specs, 'records/offsets'), { recursive: true });
  write('errors.spec', '0 NONE: No error.\n3 GONE retriable: Not there.\n');
  write('sample.spec', sample('  name: string'));
  write('records/offsets/thing.spec', 'record ThingValue type 9 versions 0-1\n  epoch: int32 = -1 1+\n');
});

afterEach(() => rmSync(folder, { recursive: true }));

test('a module comes from each file, with an index and the errors', () => {
  generate(specs, target);
  expect(readdirSync(target).sort()).toEqual(['errors.ts', 'index.ts', 'sample.ts', 'thing-record.ts']);
  expect(generated('index.ts')).toContain('  [1, sampleApi],');
  expect(generated('index.ts')).toContain('  thingValueSchema,');
  expect(generated('errors.ts')).toContain("[3, { name: 'GONE', retriable: true, message: \"Not there.\" }]");
  expect(generated('thing-record.ts')).toContain("name: 'ThingValue', family: 'offsets', type: 9, minVersion: 0, maxVersion: 1, flexibleFrom: Infinity");
});

test('what did not change is not written again, what did is, and what lost its source goes', () => {
  generate(specs, target);
  const past = new Date(1_000_000_000_000);
  for (const name of readdirSync(target)) utimesSync(join(target, name), past, past);
  writeFileSync(join(target, 'stray.ts'), 'old');
  write('sample.spec', sample('  name: string 1+'));
  generate(specs, target);
  const written = readdirSync(target).filter(name => statSync(join(target, name)).mtimeMs !== past.getTime());
  expect(written).toEqual(['sample.ts']);
  expect(readdirSync(target)).not.toContain('stray.ts');
});

test('code asks for versions only where they differ', () => {
  write('sample.spec', sample('  always: int32\n  later: int32 1+\n  once: int32 2\n  text: string?3+'));
  generate(specs, target);
  const source = generated('sample.ts');
  expect(source).toContain('const always = reader.int32();');
  expect(source).toContain('const later = version <= 0 ? 0 : reader.int32();');
  expect(source).toContain('const once = version <= 1 ? 0 : version <= 2 ? reader.int32() : 0;');
  expect(source).toContain('const text = version <= 1 ? reader.string() : version <= 2 ? reader.compactString() : reader.compactNullableString();');
  expect(source).toContain('if (version === 2) writer.int32(message.once ?? 0);');
});

test('arrays are bounded by the fewest bytes that an element takes', () => {
  write('sample.spec', sample('  things: [Thing]\n    id: int64\n    name: string 1+'));
  generate(specs, target);
  // Version 0 has the id alone; from version 2 on there are a length and a tagged section too.
  expect(generated('sample.ts')).toContain('version <= 1 ? reader.arrayLength(8) : reader.compactArrayLength(8)');
});

test('an element that takes no bytes is refused: nothing would bound its array', () => {
  write('sample.spec', sample('  things: [Thing]\n    name: string 1+'));
  expect(() => generate(specs, target)).toThrow('SampleRequest.Thing takes no bytes');
});

test('two specifications of one name are refused', () => {
  write('zample.spec', sample('  name: string', 'api Sample key 2 versions 0 on broker'));
  expect(() => generate(specs, target)).toThrow(/zample\.spec: SampleRequest comes from .*sample\.spec already/);
});

test('an origin that the request does not have is refused', () => {
  write('sample.spec', `${sample('  topics: [T]\n    name: string')}  topics: [R] from things\n    name: string\n`);
  expect(() => generate(specs, target)).toThrow("sample.spec:7: 'from things' names nothing in the request at this place");
});
