import { describe, expect, test } from '@jest/globals';
import { parseErrors } from './parse-errors.js';
import { parseSpec } from './parse.js';
import type { ApiSpec, Field, RecordSpec } from './spec.js';

const api = (request: string, head = 'api Sample key 7 versions 0-5 flexible 3+ on broker'): ApiSpec => {
  const spec = parseSpec(`${head}\nrequest\n${request}\nresponse\n  errorCode: error\n`, 'sample.spec');
  if (spec.kind !== 'api') throw new Error('not an api');
  return spec;
};

const field = (line: string): Field => {
  const [first] = api(`  ${line}`).request.root.fields;
  if (first === undefined) throw new Error('no field');
  return first;
};

describe('a specification', () => {
  test('gives the head of an API, and its prose', () => {
    const { prose, name, key, unstableFrom, listeners, request, response } = parseSpec(
      '# One line.\n# Another.\napi Sample key 7 versions 1-5 flexible 3+ unstable 5+ on broker controller\n\nrequest\n\nresponse\n', 'sample.spec') as ApiSpec;
    expect({ prose, name, key, unstableFrom, listeners }).toEqual({ prose: 'One line.\nAnother.', name: 'Sample', key: 7, unstableFrom: 5, listeners: ['broker', 'controller'] });
    expect(request).toMatchObject({ name: 'SampleRequest', versions: { min: 1, max: 5 }, flexibleFrom: 3 });
    expect(response.name).toBe('SampleResponse');
  });

  test('gives the records of a file in order, with types and the family of the folder', () => {
    const spec = parseSpec('record SampleKey type 3 versions 0\n  group: string\n\nrecord SampleValue type 3 versions 0-2 flexible 1+\n  epoch: int32\n', 'sample.spec', 'offsets') as RecordSpec;
    expect(spec.family).toBe('offsets');
    expect(spec.messages.map(({ name, type, flexibleFrom }) => ({ name, type, flexibleFrom })))
      .toEqual([{ name: 'SampleKey', type: 3, flexibleFrom: Infinity }, { name: 'SampleValue', type: 3, flexibleFrom: 1 }]);
  });

  test('reads versions from the end of a line; open ones end with the message', () => {
    expect(field('a: int32').versions).toEqual({ min: 0, max: 5 });
    expect(field('a: int32 2+').versions).toEqual({ min: 2, max: 5 });
    expect(field('a: int32        1-3').versions).toEqual({ min: 1, max: 3 });
    expect(field('a: int32 = 4 5').versions).toEqual({ min: 5, max: 5 });
  });

  test('reads where a field may be null', () => {
    expect(field('a: string').nullable).toBeUndefined();
    expect(field('a: string? 1+').nullable).toEqual({ min: 1, max: 5 });
    expect(field('a: string?2+').nullable).toEqual({ min: 2, max: 5 });
    expect(field('a: [int32]?1-2').nullable).toEqual({ min: 1, max: 2 });
  });

  test('reads defaults by type, and takes implied ones from the meaning', () => {
    expect(field('a: int64 = 9223372036854775807').default).toBe(9223372036854775807n);
    expect(field('a: bool = true').default).toBe(true);
    expect(field("a: string = 'x'").default).toBe('x');
    expect(field('a: string? = null').default).toBeNull();
    expect(field('a: error').default).toBe(0n);
    expect(field('a: throttleMs').default).toBe(0n);
    expect(field('a: errorMessage?').default).toBeNull();
    expect(field('a: errorMessage').default).toBeUndefined();
    expect(field('a: int32').default).toBeUndefined();
  });

  test('reads tags, origins and failing values', () => {
    expect(field('a: int32 = -1 tag 4 3+').tag).toBe(4);
    expect(field('a: [int32] from b, c.d').from).toEqual(['b', 'c.d']);
    expect(field('a: offset failing -1').failing).toBe(-1n);
  });

  test('takes the wire type from the meaning', () => {
    expect(field('a: topicId').type).toEqual({ kind: 'scalar', meaning: 'topicId', wire: 'uuid' });
    expect(field('a: [brokerId]').type).toEqual({ kind: 'array', element: { kind: 'scalar', meaning: 'brokerId', wire: 'int32' } });
  });

  test('nests structs by indentation, shares those that are named, and puts inner ones first', () => {
    const { request } = api('  topics: [Topic] 1-4\n    name: string 2+\n    parts: [Part]\n  part: Part\n\nstruct Part\n  index: int32');
    expect([...request.structs.keys()]).toEqual(['Part', 'Topic']);
    expect(request.structs.get('Topic')?.fields[0]?.versions).toEqual({ min: 2, max: 4 });
    expect(request.structs.get('Part')?.versions).toEqual({ min: 0, max: 5 });
  });
});

describe('a mistake is named by file and line', () => {
  const cases: readonly (readonly [request: string, message: string])[] = [
    ['  a int32', "sample.spec:3: expected 'name: type'"],
    ['  a: int33', "sample.spec:3: no type is called 'int33'"],
    ['  a: [int32', "sample.spec:3: '[int32' is no type"],
    ['  a: Thing', 'sample.spec:3: no struct Thing in this message'],
    ['  a: int32 6+', 'sample.spec:3: versions 6+ are not within 0-5'],
    ['  a: int32 3-1', "sample.spec:3: '3-1' are no versions"],
    ['  a: int32 1+ more', "sample.spec:3: 'more' does not belong here"],
    ['  a: int32 = x', "sample.spec:3: 'x' is no default for this type"],
    ['  a: string = null', 'sample.spec:3: null is the default of a field that is never null'],
    ['  a: int32 tag 0 1+', 'sample.spec:3: tag 0 in versions without tagged fields'],
    ['  a: int32 tag 0 3+\n  b: int32 tag 0 3+', 'sample.spec:4: tag 0 is given twice'],
    ['  a: int32\n  a: int32', 'sample.spec:4: field a is there twice'],
    ['  a: int32\n    b: int32', 'sample.spec:3: only a struct has fields below it'],
    ['  a: [T]\n      b: int32', 'sample.spec:4: indented deeper than the line above allows'],
    ['   a: int32', 'sample.spec:3: indent by steps of two spaces'],
    ['  a: [T]\n    x: int8\n  b: [T]\n    x: int8', 'sample.spec:5: struct T is defined twice'],
  ];
  test.each(cases)('%j', (request, message) => {
    expect(() => api(request)).toThrow(message);
  });

  test('in the first line too', () => {
    expect(() => api('', 'api Sample key x versions 0 on broker')).toThrow("sample.spec:1: 'x' is no number");
    expect(() => api('', 'api Sample key 1 versions 0+ on broker')).toThrow("sample.spec:1: 'versions' takes N or N-M");
    expect(() => api('', 'api Sample key 1 versions 0 flexible 1+ on broker')).toThrow('sample.spec:1: expected N+ within the versions');
    expect(() => api('', 'api Sample key 1 versions 0 on moon')).toThrow("sample.spec:1: 'moon' is no listener");
    expect(() => parseSpec('', 'empty.spec')).toThrow('empty.spec:1: the file says nothing');
    expect(() => parseSpec('api A key 1 versions 0 on broker\n', 'half.spec')).toThrow("half.spec:1: the file ends where 'request' is expected");
  });
});

describe('the table of errors', () => {
  test('gives codes, names, whether to retry, and words', () => {
    expect(parseErrors('# words\n-1 UNKNOWN: Bad luck.\n5 LATER retriable: Try again: soon.\n', 'errors.spec')).toEqual([
      { code: -1, name: 'UNKNOWN', retriable: false, message: 'Bad luck.' },
      { code: 5, name: 'LATER', retriable: true, message: 'Try again: soon.' },
    ]);
  });

  test('refuses lines that say something else, codes out of order and names that come twice', () => {
    expect(() => parseErrors('5 lower: no', 'errors.spec')).toThrow('errors.spec:1: expected');
    expect(() => parseErrors('5 A: x\n5 B: y', 'errors.spec')).toThrow('errors.spec:2: code 5 comes after 5');
    expect(() => parseErrors('5 A: x\n6 A: y', 'errors.spec')).toThrow('errors.spec:2: A is there twice');
  });
});
