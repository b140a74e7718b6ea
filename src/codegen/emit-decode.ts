import { allStructs, isFlexible, structType } from './emit-types.js';
import {
  choose, condition, defaultValue, elementOf, indent, isCompact, isNullable, local, method, minElementBytes, minStructBytes, outputType,
  scalarMethod, shorthand, stretches, typeName,
} from './names.js';
import type { Field, Message, Scalar, Struct, StructRef, Versions } from './spec.js';
import { includes } from './spec.js';

/** Decoders of a message: one exported for the whole, one for each nested struct. */
export function emitDecoders(message: Message): string[] {
  return allStructs(message).flatMap(struct => {
    const type = structType(message, struct);
    const head = struct === message.root ? 'export function' : 'function';
    return [`${head} decode${type}(reader: Reader, version: number): ${type} {`, ...indent(body(message, struct)), '}', ''];
  });
}

function body(message: Message, struct: Struct): string[] {
  const tagged = struct.fields.filter(field => field.tag !== undefined);
  const lines = struct.fields.flatMap(field =>
    field.tag === undefined ? readField(message, struct, field) : [`let ${local(field)}: ${outputType(message, field)} = ${defaultValue(message, field)};`]);
  const names = shorthand(struct.fields);
  if (!isFlexible(message, struct)) return [...lines, `return { ${names} };`];
  return [
    ...lines,
    ...tagSection(message, struct, tagged),
    `const message: ${structType(message, struct)} = { ${names} };`,
    'if (unknownTaggedFields !== undefined) message.unknownTaggedFields = unknownTaggedFields;',
    'return message;',
  ];
}

function readField(message: Message, struct: Struct, field: Field): string[] {
  if (field.type.kind === 'array') return readArray(message, field, struct.versions, true);
  const type = field.type;
  const code = stretches(struct.versions, version =>
    includes(field.versions, version) ? readValue(message, type, isCompact(message, version), isNullable(field, version), 'present') : defaultValue(message, field));
  return [`const ${local(field)} = ${choose(code)};`];
}

type Presence = 'present' | 'taggedPresent';

function readValue(message: Message, type: Scalar | StructRef, compact: boolean, nullable: boolean, presence: Presence): string {
  if (type.kind === 'scalar') return `reader.${scalarMethod(type, compact, nullable, true)}()`;
  const decode = `decode${typeName(message, type.name)}(reader, version)`;
  return nullable ? `(reader.${presence}() ? ${decode} : null)` : decode;
}

/** Declares or assigns an array: a count by version, then one element after another. */
function readArray(message: Message, field: Field, within: Versions, declare: boolean): string[] {
  const element = elementOf(field.type);
  const name = local(field);
  const absent = field.default === null ? 'null' : '0';
  const count = choose(stretches(within, version => {
    if (!includes(field.versions, version)) return absent;
    const compact = isCompact(message, version);
    const bytes = element.kind === 'struct' ? structBytes(message, element) : minElementBytes(element, compact);
    return `reader.${method('arrayLength', compact, isNullable(field, version))}(${bytes})`;
  }));
  const range = { min: Math.max(within.min, field.versions.min), max: Math.min(within.max, field.versions.max) };
  const push = `${name}.push(${choose(stretches(range, version => readValue(message, element, isCompact(message, version), false, 'present')))});`;
  const typed = `${name}: ${outputType(message, field)}`;
  if (field.nullable === undefined) {
    return [`${declare ? `const ${typed}` : name} = [];`, `for (let left = ${count}; left > 0; left--) ${push}`];
  }
  return [
    `${declare ? `let ${typed}` : name} = null;`,
    `const ${name}Count = ${count};`,
    `if (${name}Count !== null) {`,
    `  ${name} = [];`,
    `  for (let left = ${name}Count; left > 0; left--) ${push}`,
    '}',
  ];
}

function structBytes(message: Message, ref: StructRef): number {
  const struct = message.structs.get(ref.name);
  return struct === undefined ? 1 : minStructBytes(message, struct);
}

/** Reads the tagged section: known tags by their decoders, the others kept as bytes. */
function tagSection(message: Message, struct: Struct, tagged: readonly Field[]): string[] {
  const flexible = { min: Math.max(message.flexibleFrom, struct.versions.min), max: struct.versions.max };
  const guard = condition(flexible, struct.versions);
  if (tagged.length === 0) {
    return [`const unknownTaggedFields = ${guard === '' ? '' : `version < ${flexible.min} ? undefined : `}reader.unknownTags();`];
  }
  const cases = tagged.flatMap(field => {
    const known = condition(field.versions, flexible);
    return [
      `${known === '' ? '' : `${known} && `}tag === ${field.tag}`,
      ...indent([...readTagged(message, field), `reader.endTag(tag, end);`]),
    ];
  });
  const loop = [
    'for (let left = reader.tagCount(); left > 0; left--) {',
    '  const tag = reader.uvarint();',
    '  const end = reader.tagEnd();',
    ...indent(asIfChain(cases)),
    '}',
  ];
  return ['let unknownTaggedFields: UnknownTaggedField[] | undefined;', ...(guard === '' ? loop : [`if (${guard}) {`, ...indent(loop), '}'])];
}

/** Turns conditions, each followed by its indented lines, into one chain that ends with the unknown. */
function asIfChain(cases: readonly string[]): string[] {
  const lines: string[] = [];
  for (const line of cases) {
    if (line.startsWith(' ')) lines.push(line);
    else lines.push(`${lines.length === 0 ? '' : '} else '}if (${line}) {`);
  }
  return [...lines, '} else {', '  unknownTaggedFields = reader.unknownTag(unknownTaggedFields, tag, end);', '}'];
}

function readTagged(message: Message, field: Field): string[] {
  if (field.type.kind === 'array') return readArray(message, field, field.versions, false);
  const type = field.type;
  const value = choose(stretches(field.versions, version => readValue(message, type, isCompact(message, version), isNullable(field, version), 'taggedPresent')));
  return [`${local(field)} = ${value};`];
}
