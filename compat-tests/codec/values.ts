import type { Field, Message, Scalar, Struct, StructRef, WireType } from '../../src/codegen/spec.js';
import { includes } from '../../src/codegen/spec.js';
import type { Int64, UnknownTaggedField } from '../../src/protocol/wire/types.js';
import { ZERO_UUID } from '../../src/protocol/wire/types.js';
import type { SeededRandom } from '../support/random.js';

/** A message as the codec has it, without types: what a specification says is made of these. */
export type Value = null | boolean | Int64 | string | Uint8Array | readonly Value[] | StructValue;
export interface StructValue {
  readonly [field: string]: Value | readonly UnknownTaggedField[];
}

/** What a made-up message is to be like. */
export type Style = 'random' | 'least' | 'most' | 'null' | 'empty' | 'many' | 'unknown tags' | 'wide' | 'deep';

/** The styles that are tried once each, beside the random ones. */
export const edges: readonly Style[] = ['least', 'most', 'null', 'empty', 'many', 'unknown tags'];

const MANY = 150;
/** Of a message that is one long list, or one list in one list: what grows with its square shows. */
const VERY_MANY = 100_000;
/** Beyond every tag that Kafka has given a meaning, so that they stay unknown. */
const FIRST_UNKNOWN_TAG = 50;

const bounds: Readonly<Partial<Record<WireType, readonly [Int64, Int64]>>> = {
  int8: [-128, 127], int16: [-32768, 32767], uint16: [0, 65535], int32: [-2147483648, 2147483647], uint32: [0, 4294967295],
  int64: [-(2n ** 63n), 2n ** 63n - 1n], float64: [-Number.MAX_VALUE, Number.MAX_VALUE],
};
const words = ['a', 'topic-1', 'group.x', 'naïve', '漢字', '😀 two units', 'line\nbreak\t"quote" \\', 'x'.repeat(40), 'y'.repeat(127), 'z'.repeat(128)];

/** What somebody knows better than chance: a value for a scalar of a field, or undefined. */
export type Vocabulary = (name: string, type: Scalar) => Value | undefined;

/** A message of `style` with the fields that `version` has. */
export function makeMessage(message: Message, version: number, style: Style, random: SeededRandom, vocabulary: Vocabulary = () => undefined): StructValue {
  return new Maker(message, version, style, random, vocabulary).struct(message.root, 0);
}

class Maker {
  constructor(
    private readonly message: Message, private readonly version: number, private readonly style: Style, private readonly random: SeededRandom,
    private readonly vocabulary: Vocabulary,
  ) {}

  struct(struct: Struct, depth: number): StructValue {
    const value: Record<string, Value | readonly UnknownTaggedField[]> = {};
    for (const field of struct.fields) {
      if (includes(field.versions, this.version)) value[field.name] = this.field(field, depth);
    }
    if (this.style === 'unknown tags' && this.version >= this.message.flexibleFrom) value['unknownTaggedFields'] = this.unknownTags();
    return value;
  }

  private field(field: Field, depth: number): Value {
    const mayBeNull = field.nullable !== undefined && includes(field.nullable, this.version);
    if (mayBeNull && (this.style === 'null' || (this.style !== 'many' && this.random.chance(4)))) return null;
    if (field.type.kind !== 'array') return this.element(field.name, field.type, depth);
    const { element } = field.type;
    return Array.from({ length: this.arrayLength(depth) }, () => this.element(field.name, element, depth + 1));
  }

  private arrayLength(depth: number): number {
    switch (this.style) {
      case 'empty': return 0;
      case 'least': return 1;
      case 'most': return 2;
      case 'many': return depth === 0 ? MANY : 2;
      case 'wide': return depth === 0 ? VERY_MANY : 1;
      case 'deep': return depth === 1 ? VERY_MANY : 1;
      default: return this.random.below(depth < 2 ? 4 : 3);
    }
  }

  private element(name: string, type: Scalar | StructRef, depth: number): Value {
    if (type.kind === 'scalar') return this.vocabulary(name, type) ?? this.scalar(type.wire);
    const struct = this.message.structs.get(type.name);
    if (struct === undefined) throw new Error(`no struct ${type.name}`);
    return this.struct(struct, depth);
  }

  private scalar(wire: WireType): Value {
    const range = bounds[wire];
    if (range !== undefined) return this.number(wire, range);
    switch (wire) {
      case 'bool': return this.style === 'most' || (this.style !== 'empty' && this.style !== 'least' && this.random.chance(2));
      case 'uuid': return this.style === 'empty' || this.random.chance(8) ? ZERO_UUID : this.random.bytes(16).toString('base64url');
      case 'bytes': case 'records': return this.random.bytes(this.size(3000));
      default: return this.text();
    }
  }

  private number(wire: WireType, [least, most]: readonly [Int64, Int64]): Int64 {
    if (this.style === 'least') return least;
    if (this.style === 'most') return most;
    if (this.style === 'empty') return 0;
    if (this.random.chance(8)) return this.random.pick([least, most, 0, 1]);
    if (wire === 'float64') return (this.random.bits() - 2 ** 31) / 1024;
    // A width of its own for each value, so that small ones come as often as large ones.
    const width = 1 + this.random.below(wire === 'int64' ? 64 : 32);
    const raw = BigInt.asIntN(width, (BigInt(this.random.bits()) << 32n) | BigInt(this.random.bits()));
    const wide = raw < BigInt(least) || raw > BigInt(most) ? BigInt(least) + (BigInt.asUintN(32, raw) % (BigInt(most) - BigInt(least) + 1n)) : raw;
    const number = Number(wide);
    return Number.isSafeInteger(number) ? number : wide;
  }

  private text(): string {
    if (this.style === 'empty' || this.style === 'least') return '';
    if (this.style === 'most') return 'm'.repeat(20_000);
    return this.random.chance(10) ? '' : this.random.pick(words) + (this.random.chance(2) ? String(this.random.bits()) : '');
  }

  private size(most: number): number {
    if (this.style === 'empty' || this.style === 'least') return 0;
    if (this.style === 'most') return most;
    return this.random.below(this.random.pick([1, 20, 200]));
  }

  private unknownTags(): UnknownTaggedField[] {
    const fields: UnknownTaggedField[] = [];
    let tag = FIRST_UNKNOWN_TAG;
    for (let left = this.random.below(4); left > 0; left--) {
      fields.push({ tag, data: this.random.bytes(this.random.pick([0, 1, 127, 128, 300])) });
      tag += 1 + this.random.below(this.random.pick([2, 1000, 500_000_000]));
    }
    return fields;
  }
}

/** The message in the JSON that Apache's converters read: int64 bare and whole, bytes as base64. */
export function toJson(message: Message, value: StructValue, version: number): string {
  return structJson(message, message.root, value, version);
}

function structJson(message: Message, struct: Struct, value: StructValue, version: number): string {
  const properties = struct.fields.flatMap(field => {
    if (!includes(field.versions, version)) return [];
    return [`${JSON.stringify(field.name)}:${fieldJson(message, field, value[field.name] as Value, version)}`];
  });
  return `{${properties.join(',')}}`;
}

function fieldJson(message: Message, field: Field, value: Value, version: number): string {
  if (value === null) return 'null';
  if (field.type.kind !== 'array') return elementJson(message, field.type, value, version);
  const { element } = field.type;
  return `[${(value as readonly Value[]).map(item => elementJson(message, element, item, version)).join(',')}]`;
}

function elementJson(message: Message, type: Scalar | StructRef, value: Value, version: number): string {
  if (type.kind === 'struct') {
    const struct = message.structs.get(type.name);
    if (struct === undefined) throw new Error(`no struct ${type.name}`);
    return structJson(message, struct, value as StructValue, version);
  }
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'));
  // Jackson tells floating-point numbers by their point.
  if (type.wire === 'float64' && Number.isInteger(value)) return (value as number).toExponential().replace(/^(-?\d+)e/, '$1.0e');
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value);
}

/** Where `actual` differs from what was encoded, for all that was; undefined when it does not. */
export function difference(expected: unknown, actual: unknown, path = ''): string | undefined {
  if (expected instanceof Uint8Array) {
    return actual instanceof Uint8Array && Buffer.compare(expected, actual) === 0 ? undefined : `${path}: bytes differ`;
  }
  if (typeof expected !== 'object' || expected === null) return Object.is(expected, actual) ? undefined : `${path}: ${String(expected)} came back as ${String(actual)}`;
  if (typeof actual !== 'object' || actual === null) return `${path}: ${String(actual)}`;
  if (Array.isArray(expected) && (!Array.isArray(actual) || actual.length !== expected.length)) return `${path}: the lengths differ`;
  for (const [key, value] of Object.entries(expected)) {
    // No unknown tags come back as no list.
    if (key === 'unknownTaggedFields' && (value as unknown[]).length === 0) continue;
    const found = difference(value, (actual as Record<string, unknown>)[key], `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
