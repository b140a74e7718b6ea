import { describe, expect, test } from '@jest/globals';
import { array, assert, constantFrom, property, string } from 'fast-check';
import { parseProperties } from './properties.js';

const read = (text: string) => parseProperties(text).map(({ key, value }) => [key, value]);

describe('properties files', () => {
  test.each([
    ['a=b', [['a', 'b']]],
    ['  a : b \n', [['a', 'b ']]],
    ['a b c', [['a', 'b c']]],
    ['a=', [['a', '']]],
    ['a', [['a', '']]],
    ['=x', [['', 'x']]],
    ['a == b', [['a', '= b']]],
    ['# no\n! no\n\n \t\na=1\r\nb=2\rc=3', [['a', '1'], ['b', '2'], ['c', '3']]],
    ['a=1,\\\n   2,\\\r\n\t3\nb=4', [['a', '1,2,3'], ['b', '4']]],
    ['a=1\\\\\nb=2', [['a', '1\\'], ['b', '2']]],
    ['a=\\\n# kept', [['a', '# kept']]],
    ['\\\n# a comment all the same\na=1', [['a', '1']]],
    ['a=1\\\n\nb=2', [['a', '1'], ['b', '2']]],
    ['a=1\\', [['a', '1']]],
    ['a=1\n\\', [['a', '1'], ['', '']]],
    ['a\\ b\\=c\\:=d', [['a b=c:', 'd']]],
    ['a=\\u0041\\t\\n\\r\\f\\z\\"', [['a', 'A\t\n\r\fz"']]],
    ['a=1 # no comment', [['a', '1 # no comment']]],
  ])('%j', (text, entries) => {
    expect(read(text)).toEqual(entries);
  });

  test('tell the line of each entry', () => {
    expect(parseProperties('# x\na=1\\\n2\n\nb=3').map(({ line }) => line)).toEqual([2, 5]);
  });

  test('name the line of an escape that cannot be read', () => {
    expect(() => parseProperties('a=1\nb=\\u12')).toThrow(expect.objectContaining({ line: 2 }));
  });

  test('read back whatever is written with escapes', () => {
    const escape = (text: string) => text.replace(/[^a-zA-Z0-9]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
    assert(property(array(string({ unit: 'binary', minLength: 1 }), { minLength: 2, maxLength: 2 }), ([key = '', value = '']) => {
      expect(read(`${escape(key)}=${escape(value)}`)).toEqual([[key, value]]);
    }));
  });

  test('never fail on anything without a broken \\u, and keep comments out', () => {
    const piece = constantFrom('a', '\\', '\\\\', '\n', '\r\n', '\r', ' ', '\t', '=', ':', '#', '!', 'x=y');
    assert(property(array(piece, { maxLength: 40 }), pieces => {
      const text = pieces.join('');
      for (const { line } of parseProperties(text)) {
        expect(text.split(/\r\n|\r|\n/)[line - 1]).not.toMatch(/^[ \t]*[#!]/);
      }
    }), { numRuns: 2000 });
  });
});
