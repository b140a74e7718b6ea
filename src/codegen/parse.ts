import { covers, impliedDefault, SpecError, wireTypeOf } from './spec.js';
import type {
  ApiSpec, Default, Field, FieldType, Message, RecordMessage, RecordSpec, Scalar, Spec, Struct, StructRef, Versions, WireType,
} from './spec.js';

/** One line that says something. `depth` counts steps of two spaces. */
interface Line {
  readonly number: number;
  readonly depth: number;
  readonly text: string;
}

interface Head {
  readonly versions: Versions;
  readonly flexibleFrom: number;
}

const integerTypes: ReadonlySet<WireType> = new Set(['int8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'float64']);
const textTypes: ReadonlySet<WireType> = new Set(['string', 'plainString', 'uuid']);

/**
 * Reads one specification. `family` is the folder of a record's file.
 * @throws SpecError with file and line for what cannot be meant.
 */
export function parseSpec(source: string, file: string, family = ''): Spec {
  return new SpecParser(source, file, family).spec();
}

class SpecParser {
  private readonly lines: Line[] = [];
  private readonly prose: string;
  private at = 0;
  /** The structs of the message that is being read. */
  private structs = new Map<string, Struct>();

  constructor(source: string, private readonly file: string, private readonly family: string) {
    const prose: string[] = [];
    for (const [index, raw] of source.split('\n').entries()) {
      const text = raw.trim();
      const number = index + 1;
      if (text === '') continue;
      if (text.startsWith('#')) {
        if (this.lines.length === 0) prose.push(text.replace(/^#\s?/, ''));
        continue;
      }
      const indent = raw.length - raw.trimStart().length;
      if (indent % 2 !== 0 || raw.includes('\t')) throw new SpecError(file, number, 'indent by steps of two spaces');
      this.lines.push({ number, depth: indent / 2, text });
    }
    this.prose = prose.join('\n');
  }

  spec(): Spec {
    const head = this.peek();
    if (head === undefined) throw new SpecError(this.file, 1, 'the file says nothing');
    const keyword = head.text.split(' ')[0];
    if (keyword === 'api') return this.api();
    if (keyword === 'record' || keyword === 'header') return this.records(keyword);
    throw this.error(head, `expected 'api', 'record' or 'header', not '${keyword}'`);
  }

  private api(): ApiSpec {
    const line = this.next('api');
    const words = new Words(line.text, this.file, line.number);
    words.expect('api');
    const name = words.take('a name');
    words.expect('key');
    const key = words.integer();
    const head = this.head(words, line);
    const unstableFrom = words.optional('unstable') ? this.openRange(words, head.versions, line).min : Infinity;
    words.expect('on');
    const listeners = words.rest();
    if (listeners.length === 0) throw this.error(line, 'which listeners?');
    for (const listener of listeners) {
      if (listener !== 'broker' && listener !== 'controller') throw this.error(line, `'${listener}' is no listener`);
    }
    const request = this.section('request', `${name}Request`, head);
    const response = this.section('response', `${name}Response`, head);
    this.expectEnd();
    return { kind: 'api', file: this.file, prose: this.prose, name, key, unstableFrom, listeners, request, response };
  }

  private section(keyword: 'request' | 'response', name: string, head: Head): Message {
    const line = this.next(keyword);
    if (line.depth !== 0 || line.text !== keyword) throw this.error(line, `expected '${keyword}'`);
    return this.message(name, head);
  }

  private records(kind: 'record' | 'header'): RecordSpec {
    const messages: RecordMessage[] = [];
    for (let line = this.peek(); line !== undefined; line = this.peek()) {
      this.at++;
      const words = new Words(line.text, this.file, line.number);
      if (line.depth !== 0) throw this.error(line, 'indented without a field above it');
      words.expect(kind);
      const name = words.take('a name');
      const type = words.optional('type') ? words.integer() : -1;
      const head = this.head(words, line);
      words.end();
      messages.push({ ...this.message(name, head), type });
    }
    return { kind, file: this.file, prose: this.prose, family: this.family, messages };
  }

  private head(words: Words, line: Line): Head {
    words.expect('versions');
    const versions = parseVersions(words.take('versions'));
    if (versions === undefined || versions.max === Infinity) throw this.error(line, "'versions' takes N or N-M");
    const flexibleFrom = words.optional('flexible') ? this.openRange(words, versions, line).min : Infinity;
    return { versions, flexibleFrom };
  }

  /** `N+`, with N among the versions. */
  private openRange(words: Words, within: Versions, line: Line): Versions {
    const range = parseVersions(words.take('versions'));
    if (range === undefined || range.max !== Infinity || range.min > within.max) throw this.error(line, 'expected N+ within the versions');
    return range;
  }

  /** The fields that follow, and the structs that several of them share. */
  private message(name: string, head: Head): Message {
    this.structs = new Map();
    const fields = this.fields(1, head);
    for (let line = this.peek(); line !== undefined && line.depth === 0 && line.text.startsWith('struct '); line = this.peek()) {
      this.at++;
      this.define(line, line.text.slice('struct '.length).trim(), this.fields(1, head), head.versions);
    }
    const root: Struct = { name: '', versions: head.versions, fields };
    this.checkStructs(root);
    return { name, ...head, root, structs: innermostFirst(this.structs) };
  }

  private define(line: Line, name: string, fields: Field[], versions: Versions): void {
    if (!/^[A-Z]\w*$/.test(name)) throw this.error(line, `'${name}' is no name for a struct`);
    if (this.structs.has(name)) throw this.error(line, `struct ${name} is defined twice`);
    this.structs.set(name, { name, versions, fields });
  }

  /** Every struct that is named is defined, and no tag or name is given twice. */
  private checkStructs(root: Struct): void {
    for (const struct of [root, ...this.structs.values()]) {
      const names = new Set<string>();
      const tags = new Set<number>();
      for (const field of struct.fields) {
        const element = field.type.kind === 'array' ? field.type.element : field.type;
        if (element.kind === 'struct' && !this.structs.has(element.name)) throw this.error(field.line, `no struct ${element.name} in this message`);
        if (names.has(field.name)) throw this.error(field.line, `field ${field.name} is there twice`);
        names.add(field.name);
        if (field.tag === undefined) continue;
        if (tags.has(field.tag)) throw this.error(field.line, `tag ${field.tag} is given twice`);
        tags.add(field.tag);
      }
    }
  }

  private fields(depth: number, head: Head): Field[] {
    const fields: Field[] = [];
    for (let line = this.peek(); line !== undefined && line.depth >= depth; line = this.peek()) {
      if (line.depth > depth) throw this.error(line, 'indented deeper than the line above allows');
      this.at++;
      fields.push(this.field(line, head));
    }
    return fields;
  }

  /** `name: type? = default tag N from origin failing value  versions`, and below it, deeper, the fields of its struct. */
  private field(line: Line, head: Head): Field {
    const words = new Words(line.text, this.file, line.number);
    const name = /^([a-z]\w*):$/.exec(words.take('a field'))?.[1];
    if (name === undefined) throw this.error(line, "expected 'name: type'");
    const { type, nullableText } = this.type(words.take('a type'), line);
    const literal = words.optional('=') ? words.take('a default') : undefined;
    const tag = words.optional('tag') ? words.integer() : undefined;
    const from = words.optional('from') ? words.list() : [];
    const failing = words.optional('failing') ? words.take('a value') : undefined;
    const versions = this.range(words.maybe(), head.versions, line);
    words.end();
    const nullable = nullableText === undefined ? undefined : this.range(nullableText || undefined, versions, line);
    if (tag !== undefined && versions.min < head.flexibleFrom) throw this.error(line, `tag ${tag} in versions without tagged fields`);
    this.structBelow(line, type, { ...head, versions });
    const fallback = this.fieldDefault(literal, type, nullable, versions, line);
    const failingValue = failing === undefined ? undefined : this.literal(failing, type, nullable, line);
    return { name, type, versions, nullable, default: fallback, tag, from, failing: failingValue, line: line.number };
  }

  private structBelow(line: Line, type: FieldType, head: Head): void {
    if ((this.peek()?.depth ?? 0) <= line.depth) return;
    const element = type.kind === 'array' ? type.element : type;
    if (element.kind !== 'struct') throw this.error(line, 'only a struct has fields below it');
    const fields = this.fields(line.depth + 1, head);
    this.define(line, element.name, fields, head.versions);
  }

  /** `int32`, `[FetchTopic]`, and behind it `?` or, for some versions only, `?2-7`. */
  private type(text: string, line: Line): { type: FieldType; nullableText: string | undefined } {
    const match = /^(\[)?(\w+)(\])?(?:\?([\d+-]*))?$/.exec(text);
    const name = match?.[2];
    if (match === null || name === undefined || (match[1] === undefined) !== (match[3] === undefined)) throw this.error(line, `'${text}' is no type`);
    const element = this.elementType(name, line);
    return { type: match[1] === undefined ? element : { kind: 'array', element }, nullableText: text.includes('?') ? match[4] ?? '' : undefined };
  }

  private elementType(name: string, line: Line): Scalar | StructRef {
    if (/^[A-Z]/.test(name)) return { kind: 'struct', name };
    const wire = wireTypeOf(name);
    if (wire === undefined) throw this.error(line, `no type is called '${name}'`);
    return { kind: 'scalar', meaning: name, wire };
  }

  private range(text: string | undefined, within: Versions, line: Line): Versions {
    if (text === undefined) return within;
    const range = parseVersions(text);
    if (range === undefined) throw this.error(line, `'${text}' are no versions`);
    const clipped = { min: range.min, max: Math.min(range.max, within.max) };
    if (!covers(within, clipped) || clipped.min > clipped.max) throw this.error(line, `versions ${text} are not within ${within.min}-${within.max}`);
    return clipped;
  }

  private fieldDefault(literal: string | undefined, type: FieldType, nullable: Versions | undefined, versions: Versions, line: Line): Default | undefined {
    if (literal !== undefined) return this.literal(literal, type, nullable, line);
    if (type.kind !== 'scalar') return undefined;
    return impliedDefault(type.meaning, nullable !== undefined && covers(nullable, versions));
  }

  private literal(text: string, type: FieldType, nullable: Versions | undefined, line: Line): Default {
    if (text === 'null') {
      if (nullable === undefined) throw this.error(line, 'null is the default of a field that is never null');
      return null;
    }
    if (type.kind === 'scalar') {
      if (type.wire === 'bool' && (text === 'true' || text === 'false')) return text === 'true';
      if (integerTypes.has(type.wire) && /^-?\d+$/.test(text)) return BigInt(text);
      if (textTypes.has(type.wire) && /^'[^']*'$/.test(text)) return text.slice(1, -1);
    }
    throw this.error(line, `'${text}' is no default for this type`);
  }

  private peek(): Line | undefined {
    return this.lines[this.at];
  }

  private next(what: string): Line {
    const line = this.lines[this.at++];
    if (line === undefined) throw new SpecError(this.file, this.lines.at(-1)?.number ?? 1, `the file ends where '${what}' is expected`);
    return line;
  }

  private expectEnd(): void {
    const line = this.peek();
    if (line !== undefined) throw this.error(line, `'${line.text}' does not belong here`);
  }

  private error(place: Line | number, message: string): SpecError {
    return new SpecError(this.file, typeof place === 'number' ? place : place.number, message);
  }
}

/** The words of one line, taken from left to right. */
class Words {
  private readonly words: string[];

  constructor(text: string, private readonly file: string, private readonly line: number) {
    this.words = text.split(/\s+/);
  }

  take(what: string): string {
    const word = this.words.shift();
    if (word === undefined) throw new SpecError(this.file, this.line, `${what} is missing`);
    return word;
  }

  maybe(): string | undefined {
    return this.words.shift();
  }

  expect(word: string): void {
    const found = this.take(`'${word}'`);
    if (found !== word) throw new SpecError(this.file, this.line, `expected '${word}', not '${found}'`);
  }

  optional(word: string): boolean {
    if (this.words[0] !== word) return false;
    this.words.shift();
    return true;
  }

  integer(): number {
    const word = this.take('a number');
    if (!/^-?\d+$/.test(word)) throw new SpecError(this.file, this.line, `'${word}' is no number`);
    return Number(word);
  }

  /** `a, b`: names with commas between. */
  list(): string[] {
    const names = [];
    for (let more = true; more;) {
      const word = this.take('a name');
      more = word.endsWith(',');
      names.push(more ? word.slice(0, -1) : word);
    }
    return names;
  }

  rest(): string[] {
    return this.words.splice(0);
  }

  end(): void {
    if (this.words.length > 0) throw new SpecError(this.file, this.line, `'${this.words.join(' ')}' does not belong here`);
  }
}

/** `3`, `3-7` or `3+`. */
function parseVersions(text: string): Versions | undefined {
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text);
  if (match === null) return undefined;
  const min = Number(match[1]);
  if (match[2] !== undefined) return { min, max: Infinity };
  const max = match[3] === undefined ? min : Number(match[3]);
  return max < min ? undefined : { min, max };
}

/** Structs in an order in which each comes after those it holds. */
function innermostFirst(structs: ReadonlyMap<string, Struct>): ReadonlyMap<string, Struct> {
  const ordered = new Map<string, Struct>();
  const visit = (struct: Struct): void => {
    if (ordered.has(struct.name)) return;
    for (const { type } of struct.fields) {
      const element = type.kind === 'array' ? type.element : type;
      const inner = element.kind === 'struct' ? structs.get(element.name) : undefined;
      if (inner !== undefined && inner !== struct) visit(inner);
    }
    ordered.set(struct.name, struct);
  };
  for (const struct of structs.values()) visit(struct);
  return ordered;
}
