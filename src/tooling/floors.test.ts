import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { checkHouse, longFiles, longLines } from './floors.js';

describe('our own tree', () => {
  test('keeps every rule', () => {
    expect(checkHouse(join(process.cwd(), 'src'))).toEqual([]);
    const beside = join(process.cwd(), 'compat-tests');
    expect([...longFiles(beside), ...longLines(beside)]).toEqual([]);
  });
});

describe('a planted breach is refused', () => {
  let root: string;
  beforeEach(() => { root = mkdtempSync(join(tmpdir(), 'ottla-floors-')); });
  afterEach(() => { rmSync(root, { recursive: true, force: true }); });

  function plant(files: Record<string, string>): string[] {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return checkHouse(root);
  }

  test('a sound tree has none', () => {
    expect(plant({ 'log/log.ts': "import { crc } from '../base/crc.js';\nexport const x = crc;", 'base/crc.ts': 'export const crc = 1;' })).toEqual([]);
  });

  test('an import that runs upward', () => {
    expect(plant({ 'log/log.ts': "import { s } from '../server/s.js';\nexport const x = s;", 'server/s.ts': 'export const s = 1;' }))
      .toEqual(['log/log.ts imports server/s.ts, which is not below it']);
  });

  test('an import within a floor that nobody allowed, even of a type alone', () => {
    expect(plant({ 'log/log.ts': "import type { S } from '../metadata/s.js';\nexport type T = S;", 'metadata/s.ts': 'export type S = 1;' }))
      .toEqual(['log/log.ts imports metadata/s.ts, which is not below it']);
  });

  test('a folder on no floor', () => {
    expect(plant({ 'attic/a.ts': 'export {};' })).toEqual(['attic/a.ts stands on no floor: add its folder to FLOORS']);
  });

  test('a circle, printed whole', () => {
    expect(plant({
      'log/a.ts': "import './b.js';", 'log/b.ts': "export * from './c.js';", 'log/c.ts': "import { a } from './a.js';\nexport const c = a;",
    })).toEqual(['imports go in a circle: log/a.ts -> log/b.ts -> log/c.ts -> log/a.ts']);
  });

  test('a circle of types alone does not exist at run time', () => {
    expect(plant({ 'log/a.ts': "import type { B } from './b.js';\nexport type A = B;", 'log/b.ts': "import type { A } from './a.js';\nexport type B = A;" })).toEqual([]);
  });

  test.each([
    ['async function', 'export async function f() {}', 'promises: async'],
    ['timers', 'export const f = () => setTimeout(() => 1, 2);', 'timers: setTimeout'],
    ['the clock', 'export const f = () => Date.now();', 'the clock: Date'],
    ['chance', 'export const f = () => Math.random();', 'chance: Math.random'],
    ['the world', 'export const f = () => process.env;', 'the world: process'],
  ])('%s in a pure file', (_name, text, what) => {
    expect(plant({ 'metadata/image.ts': text })).toEqual([`metadata/image.ts must be pure but uses ${what}`]);
  });

  test('I/O in a pure file', () => {
    expect(plant({ 'controller/topics.ts': "import { readFileSync } from 'node:fs';\nexport const f = readFileSync;" }))
      .toEqual(['controller/topics.ts must be pure but imports node:fs']);
  });

  test('a file too long to be one thing, while a test may be longer and what is generated is nobody\'s', () => {
    const lines = (count: number): string => 'export {};\n'.repeat(count);
    const short = { 'log/a.ts': lines(500), 'log/a.test.ts': lines(700), 'protocol/generated/a.ts': lines(701) };
    expect(plant({ ...short, 'log/b.ts': lines(501), 'log/b.test.ts': lines(701) }).sort())
      .toEqual(['log/b.test.ts has 701 lines, of 700: split it by what it hides', 'log/b.ts has 501 lines, of 500: split it by what it hides']);
  });

  test('a line too long to be read, while what is generated is nobody\'s', () => {
    const line = (characters: number): string => `//${'-'.repeat(characters - 2)}\n`;
    expect(plant({ 'log/a.ts': line(200), 'protocol/generated/a.ts': line(201), 'log/b.ts': `export {};\n${line(201)}` }))
      .toEqual(['log/b.ts:2 has 201 characters, of 200: break it up']);
  });

  test('words in comments and strings are no breach', () => {
    expect(plant({ 'metadata/image.ts': "// Date and setTimeout\n/* async */ export const m = 'Date is not valid';" })).toEqual([]);
  });
});
