import { covers, includes } from './spec.js';
import type { Default, Field, FieldType, Message, Scalar, Struct, StructRef, Versions, WireType } from './spec.js';

/** What each wire type is called in TypeScript and on Reader and Writer. */
interface Wire {
  /** What a decoder gives. */
  readonly output: string;
  /** What an encoder takes. */
  readonly input: string;
  /** The method of Reader and Writer; those with a length have compact and nullable forms of it. */
  readonly method: string;
  readonly readMethod?: string;
  readonly sized: boolean;
  readonly minBytes: number;
  /** The value of a field that is not there and has no default. */
  readonly zero: string;
}

const fixed = (output: string, method: string, minBytes: number, zero: string): Wire =>
  ({ output, input: output, method, sized: false, minBytes, zero });

const wires: Readonly<Record<WireType, Wire>> = {
  bool: fixed('boolean', 'bool', 1, 'false'),
  int8: fixed('number', 'int8', 1, '0'),
  int16: fixed('number', 'int16', 2, '0'),
  uint16: fixed('number', 'uint16', 2, '0'),
  int32: fixed('number', 'int32', 4, '0'),
  uint32: fixed('number', 'uint32', 4, '0'),
  int64: fixed('Int64', 'int64', 8, '0'),
  float64: fixed('number', 'float64', 8, '0'),
  uuid: fixed('Uuid', 'uuid', 16, 'ZERO_UUID'),
  string: { output: 'string', input: 'string', method: 'string', sized: true, minBytes: 2, zero: "''" },
  plainString: { output: 'string', input: 'string', method: 'string', sized: true, minBytes: 2, zero: "''" },
  bytes: { output: 'Buffer', input: 'Uint8Array', method: 'bytes', sized: true, minBytes: 4, zero: 'NO_BYTES' },
  records: { output: 'Buffer', input: 'RecordsInput', method: 'records', readMethod: 'bytes', sized: true, minBytes: 4, zero: 'NO_BYTES' },
};

export const wireOf = (scalar: Scalar): Wire => wires[scalar.wire];

/** Names that generated functions use themselves. */
const taken = new Set(['reader', 'writer', 'version', 'message', 'tag', 'end', 'item', 'left', 'place', 'unknownTaggedFields', 'default', 'new', 'delete', 'class']);

/** The variable that holds a field inside generated functions. */
export const local = (field: Field): string => (taken.has(field.name) ? `${field.name}_` : field.name);

/** The fields as an object literal's inside, from their variables. */
export const shorthand = (fields: readonly Field[]): string =>
  fields.map(field => (local(field) === field.name ? field.name : `${field.name}: ${local(field)}`)).join(', ');

/** `recordErrors` -> `RecordErrors`. */
export const capitalised = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
export const uncapitalised = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);

/** A nested struct's type: the message's name and its own, which Kafka sometimes begins with the message's already. */
export function typeName(message: Message, structName: string): string {
  return structName.startsWith(message.name) ? structName : message.name + structName;
}

export function elementOf(type: FieldType): Scalar | StructRef {
  return type.kind === 'array' ? type.element : type;
}

/** The method for a sized or plain value: `string`, `nullableString`, `compactString`, `compactNullableString`. */
export function method(base: string, compact: boolean, nullable: boolean): string {
  const name = nullable ? `nullable${capitalised(base)}` : base;
  return compact ? `compact${capitalised(name)}` : name;
}

export function scalarMethod(scalar: Scalar, compact: boolean, nullable: boolean, reading: boolean): string {
  const wire = wireOf(scalar);
  const base = (reading ? wire.readMethod : undefined) ?? wire.method;
  return wire.sized ? method(base, compact && scalar.wire !== 'plainString', nullable) : base;
}

/** What a decoder gives for the field. */
export function outputType(message: Message, field: Field): string {
  const element = elementOf(field.type);
  const name = element.kind === 'struct' ? typeName(message, element.name) : wireOf(element).output;
  return (field.type.kind === 'array' ? `${name}[]` : name) + orNull(field);
}

/** What an encoder takes for the field. */
export function inputType(message: Message, field: Field): string {
  const element = elementOf(field.type);
  const name = element.kind === 'struct' ? `${typeName(message, element.name)}Input` : wireOf(element).input;
  return (field.type.kind === 'array' ? `readonly ${name}[]` : name) + orNull(field);
}

/** A field may be null where the file says so, or where null stands for its absence. */
function orNull(field: Field): string {
  return field.nullable === undefined ? '' : ' | null';
}

/**
 * Whether a writer may leave the field out. Not where leaving it out and null are two things that are easily confused:
 * Kafka has tagged fields that are empty by default and null on purpose.
 */
export function isOptional(field: Field, struct: Struct): boolean {
  if (field.default !== undefined || !covers(field.versions, struct.versions)) return true;
  return field.tag !== undefined && field.nullable === undefined;
}

/** The TypeScript of an explicit default. */
export function literal(value: Default): string {
  if (typeof value === 'string') return JSON.stringify(value).replaceAll('"', "'");
  if (typeof value !== 'bigint') return String(value);
  const number = Number(value);
  return Number.isSafeInteger(number) ? String(number) : `${value}n`;
}

/** The value of a field that a version does not have, or that a tagged section leaves out. */
export function defaultValue(message: Message, field: Field): string {
  if (field.default !== undefined) return literal(field.default);
  if (field.type.kind === 'array') return '[]';
  if (field.type.kind === 'scalar') return wireOf(field.type).zero;
  return `default${typeName(message, field.type.name)}()`;
}

/** Whether the message's strings, bytes and arrays are compact in the version. */
export const isCompact = (message: Message, version: number): boolean => version >= message.flexibleFrom;
export const isNullable = (field: Field, version: number): boolean => field.nullable !== undefined && includes(field.nullable, version);

/** Code that asks whether `version` is in `range`, given that it is in `within`; empty where it always is. */
export function condition(range: Versions, within: Versions): string {
  const fromBelow = range.min > within.min;
  const toAbove = range.max < within.max;
  if (fromBelow && toAbove) return range.min === range.max ? `version === ${range.min}` : `version >= ${range.min} && version <= ${range.max}`;
  if (fromBelow) return `version >= ${range.min}`;
  return toAbove ? `version <= ${range.max}` : '';
}

/** A stretch of versions in which the same code serves. */
export interface Stretch {
  readonly range: Versions;
  readonly code: string;
}

/** Divides `range` where the code for a version differs from the code for the one before. */
export function stretches(range: Versions, codeFor: (version: number) => string): Stretch[] {
  const found: Stretch[] = [];
  let start = range.min;
  for (let version = range.min; version <= range.max; version++) {
    const code = codeFor(version);
    if (version < range.max && codeFor(version + 1) === code) continue;
    found.push({ range: { min: start, max: version }, code });
    start = version + 1;
  }
  return found;
}

/** One expression that picks by version. */
export function choose(parts: readonly Stretch[]): string {
  const [first, ...rest] = parts;
  if (first === undefined) return '';
  return rest.length === 0 ? first.code : `version <= ${first.range.max} ? ${first.code} : ${choose(rest)}`;
}

/** Statements that pick by version; a stretch without code does nothing. */
export function branch(parts: readonly Stretch[]): string[] {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only.code === '' ? [] : [only.code];
  const whole = { min: parts[0]?.range.min ?? 0, max: parts.at(-1)?.range.max ?? 0 };
  const lines: string[] = [];
  for (const part of parts) {
    if (part.code !== '') lines.push(`if (${condition(part.range, whole)}) ${part.code}`);
  }
  return lines;
}

export const indent = (lines: readonly string[], by = '  '): string[] => lines.map(line => (line === '' ? line : by + line));

/** The fewest bytes that the struct takes in any version that has it. */
export function minStructBytes(message: Message, struct: Struct): number {
  let least = Infinity;
  for (let version = struct.versions.min; version <= struct.versions.max; version++) {
    const compact = isCompact(message, version);
    let bytes = compact ? 1 : 0;
    for (const field of struct.fields) {
      if (field.tag === undefined && includes(field.versions, version)) bytes += minFieldBytes(message, field, compact, version);
    }
    least = Math.min(least, bytes);
  }
  if (least === 0) throw new Error(`${message.name}.${struct.name} takes no bytes: its arrays would have no bound`);
  return least;
}

function minFieldBytes(message: Message, field: Field, compact: boolean, version: number): number {
  if (field.type.kind === 'array') return compact ? 1 : 4;
  if (field.type.kind === 'struct') {
    const nullable = isNullable(field, version);
    const struct = message.structs.get(field.type.name);
    return nullable || struct === undefined ? 1 : minStructBytes(message, struct);
  }
  return minElementBytes(field.type, compact);
}

export function minElementBytes(scalar: Scalar, compact: boolean): number {
  const wire = wireOf(scalar);
  return wire.sized && compact && scalar.wire !== 'plainString' ? 1 : wire.minBytes;
}
