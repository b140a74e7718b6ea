import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Field, Message, Versions } from '../../src/codegen/spec.js';
import { includes } from '../../src/codegen/spec.js';

const call = promisify(execFile);

/** A field as Apache's JSON declares it. */
interface JsonField {
  readonly name: string;
  readonly type: string;
  readonly versions?: string;
  readonly nullableVersions?: string;
  readonly taggedVersions?: string;
  readonly flexibleVersions?: string;
  readonly tag?: number;
  readonly default?: string | number | boolean | null;
  readonly fields?: readonly JsonField[];
}

/** A message as Apache's JSON declares it. */
export interface Definition {
  readonly name: string;
  readonly type: string;
  readonly apiKey?: number;
  readonly validVersions: string;
  readonly flexibleVersions?: string;
  readonly latestVersionUnstable?: boolean;
  readonly listeners?: readonly string[];
  readonly fields: readonly JsonField[];
  readonly commonStructs?: readonly { readonly name: string; readonly fields: readonly JsonField[] }[];
}

/** The definitions in all Kafka jars of a folder, by the message's name. */
export async function readDefinitions(lib: string): Promise<Map<string, Definition>> {
  const folder = mkdtempSync(join(tmpdir(), 'ottla-definitions-'));
  try {
    // What instances of Kafka Streams tell one another is their own, and no broker's.
    const jars = readdirSync(lib).filter(name => name.startsWith('kafka') && !name.startsWith('kafka-streams'));
    for (const jar of jars) await call('jar', ['xf', resolve(lib, jar), 'common/message', 'common/metadata', 'message'], { cwd: folder });
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.json'));
    return new Map(files.map(file => parse(readFileSync(join(folder, file), 'utf8'))).map(definition => [definition.name, definition]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Apache's files are JSON with comments. */
function parse(text: string): Definition {
  return JSON.parse(text.replace(/^\s*\/\/.*$/gm, '').replace(/\s\/\/[^"\n]*$/gm, '')) as Definition;
}

/** `3`, `3-7`, `3+` or `none`. */
export function parseVersions(text: string | undefined): Versions | undefined {
  const match = /^(\d+)(\+)?(?:-(\d+))?$/.exec(text ?? 'none');
  if (match === null) return undefined;
  const min = Number(match[1]);
  return { min, max: match[2] === undefined ? Number(match[3] ?? min) : Infinity };
}

const has = (text: string | undefined, version: number): boolean => {
  const range = parseVersions(text);
  return range !== undefined && includes(range, version);
};

/** What a message of `version` holds according to Apache, one line a field, in the order of the wire. */
export function definedLayout(definition: Definition, version: number): string[] {
  const common = new Map(definition.commonStructs?.map(struct => [struct.name, struct.fields]));
  const lines: string[] = [];
  const walk = (fields: readonly JsonField[], path: string): void => {
    for (const field of fields) {
      if (!has(field.versions ?? field.taggedVersions, version)) continue;
      const isArray = field.type.startsWith('[]');
      const element = isArray ? field.type.slice(2) : field.type;
      const isStruct = /^[A-Z]/.test(element);
      const name = `${path}${field.name.charAt(0).toLowerCase()}${field.name.slice(1)}`;
      const type = isStruct ? 'struct' : field.flexibleVersions === 'none' ? 'plainString' : element;
      lines.push(layoutLine({
        name, type: isArray ? `[${type}]` : type, nullable: has(field.nullableVersions, version),
        tag: has(field.taggedVersions, version) ? field.tag : undefined,
        fallback: defined(field, type, isArray),
      }));
      if (isStruct) walk(field.fields ?? common.get(element) ?? [], `${name}.`);
    }
  };
  walk(definition.fields, '');
  return lines;
}

/** The default in force: a literal, or what Apache's generator takes where there is none. */
function defined(field: JsonField, type: string, isArray: boolean): string {
  if (isArray || type === 'struct') return field.default === 'null' ? 'null' : '';
  const text = String(field.default ?? '');
  // Words about an error may be missing; ours are null then where Apache's would be empty.
  const mayLackWords = field.name.endsWith('ErrorMessage') && field.default === undefined && has(field.nullableVersions, parseVersions(field.versions)?.min ?? 0);
  if (text === 'null' || mayLackWords) return 'null';
  if (/^u?int/.test(type)) return String(BigInt(text === '' ? 0 : text));
  if (type === 'bool') return text === '' ? 'false' : text.toLowerCase();
  return type === 'float64' ? String(Number(text)) : text;
}

/** The same for our specification. */
export function specifiedLayout(message: Message, version: number): string[] {
  const lines: string[] = [];
  const walk = (fields: readonly Field[], path: string): void => {
    for (const field of fields) {
      if (!includes(field.versions, version)) continue;
      const isArray = field.type.kind === 'array';
      const element = field.type.kind === 'array' ? field.type.element : field.type;
      const name = `${path}${field.name}`;
      const type = element.kind === 'struct' ? 'struct' : element.wire;
      lines.push(layoutLine({
        name, type: isArray ? `[${type}]` : type, nullable: field.nullable !== undefined && includes(field.nullable, version),
        tag: field.tag, fallback: specified(field, type, isArray),
      }));
      if (element.kind === 'struct') walk(message.structs.get(element.name)?.fields ?? [], `${name}.`);
    }
  };
  walk(message.root.fields, '');
  return lines;
}

function specified(field: Field, type: string, isArray: boolean): string {
  if (field.default === null) return 'null';
  if (isArray || type === 'struct') return '';
  if (field.default !== undefined) return String(field.default);
  if (/^u?int|^float/.test(type)) return '0';
  return type === 'bool' ? 'false' : '';
}

interface Layout {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly tag: number | undefined;
  readonly fallback: string;
}

const layoutLine = ({ name, type, nullable, tag, fallback }: Layout): string =>
  `${name}: ${type}${nullable ? '?' : ''}${fallback === '' ? '' : ` = ${fallback}`}${tag === undefined ? '' : ` tag ${tag}`}`;
