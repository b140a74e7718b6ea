import { allStructs, isFlexible, structType } from './emit-types.js';
import { branch, choose, condition, defaultValue, elementOf, indent, isCompact, isNullable, isOptional, local, scalarMethod, stretches, typeName } from './names.js';
import type { Field, Message, Scalar, Struct, StructRef, Versions } from './spec.js';
import { covers, includes } from './spec.js';

/** Encoders of a message, and the tests for defaults that they need. */
export function emitEncoders(message: Message): string[] {
  const encoders = allStructs(message).flatMap(struct => {
    const type = structType(message, struct);
    const head = struct === message.root ? 'export function' : 'function';
    const lines = struct.fields.flatMap(field => (field.tag === undefined ? writeField(message, struct, field) : []));
    return [
      `${head} encode${type}(writer: Writer, message: ${type}Input, version: number): void {`,
      ...indent([...lines, ...tagSection(message, struct)]), '}', '',
    ];
  });
  return [...emitIsDefault(message), ...encoders];
}

/** The value to encode: the message's, or else the default. */
function valueOf(message: Message, struct: Struct, field: Field): string {
  if (!isOptional(field, struct)) return `message.${field.name}`;
  // A null that was given is not a field left out.
  if (field.nullable === undefined || field.default === null) return `message.${field.name} ?? ${defaultValue(message, field)}`;
  return `message.${field.name} === undefined ? ${defaultValue(message, field)} : message.${field.name}`;
}

function writeField(message: Message, struct: Struct, field: Field): string[] {
  const range = { min: Math.max(field.versions.min, struct.versions.min), max: Math.min(field.versions.max, struct.versions.max) };
  const guard = condition(range, struct.versions);
  const lines = writeValue(message, field, range, valueOf(message, struct, field));
  if (guard === '') return lines;
  return lines.length === 1 && !lines[0]?.startsWith('if') ? [`if (${guard}) ${lines[0]}`] : [`if (${guard}) {`, ...indent(lines), '}'];
}

/** Statements that write the field in the versions of `range`. */
function writeValue(message: Message, field: Field, range: Versions, value: string): string[] {
  if (field.type.kind === 'array') return writeArray(message, field, range, value);
  const type = field.type;
  if (type.kind === 'struct') return writeStruct(message, field, range, value, type);
  const refused = `?? refuseNull('${message.name}.${field.name}', version)`;
  const statements = stretches(range, version => {
    const nullable = isNullable(field, version);
    const argument = nullable || field.nullable === undefined ? value : `${parenthesised(value)} ${refused}`;
    return `writer.${scalarMethod(type, isCompact(message, version), nullable, false)}(${argument});`;
  });
  return branch(statements);
}

const parenthesised = (value: string): string => (/[ ?]/.test(value) ? `(${value})` : value);

function writeStruct(message: Message, field: Field, range: Versions, value: string, type: StructRef): string[] {
  const encode = `encode${typeName(message, type.name)}(writer, `;
  if (field.nullable === undefined) return [`${encode}${value}, version);`];
  const name = local(field);
  return [
    `const ${name} = ${value};`,
    ...branch(stretches(range, version =>
      isNullable(field, version)
        ? `{ writer.int8(${name} === null ? ${field.tag === undefined ? -1 : 0} : 1); if (${name} !== null) ${encode}${name}, version); }`
        : `${encode}${name} ?? refuseNull('${message.name}.${name}', version), version);`)),
  ];
}

function writeArray(message: Message, field: Field, range: Versions, value: string): string[] {
  const element = elementOf(field.type);
  const name = local(field);
  const lengths = branch(stretches(range, version => {
    const call = isCompact(message, version) ? 'writer.compactArrayLength' : 'writer.arrayLength';
    if (field.nullable === undefined) return `${call}(${name}.length);`;
    return isNullable(field, version) ? `${call}(${name}?.length ?? -1);` : `${call}(${name}?.length ?? refuseNull('${message.name}.${name}', version));`;
  }));
  const writes = branch(stretches(range, version => writeElement(message, element, isCompact(message, version))));
  const loop = writes.length === 1 ? [`for (const item of ${name}) ${writes[0]}`] : [`for (const item of ${name}) {`, ...indent(writes), '}'];
  if (field.nullable !== undefined) loop[0] = `if (${name} !== null) ${loop[0]}`;
  return [`const ${name} = ${value};`, ...lengths, ...loop];
}

function writeElement(message: Message, element: Scalar | StructRef, compact: boolean): string {
  if (element.kind === 'struct') return `encode${typeName(message, element.name)}(writer, item, version);`;
  return `writer.${scalarMethod(element, compact, false, false)}(item);`;
}

/** The tagged section: the fields that are not at their defaults, in the order of their tags, then the unknown ones. */
function tagSection(message: Message, struct: Struct): string[] {
  if (!isFlexible(message, struct)) return [];
  const tagged = struct.fields.filter(field => field.tag !== undefined).sort((a, b) => (a.tag ?? 0) - (b.tag ?? 0));
  const flexible = { min: Math.max(message.flexibleFrom, struct.versions.min), max: struct.versions.max };
  const guard = condition(flexible, struct.versions);
  if (tagged.length === 0) return [`${guard === '' ? '' : `if (${guard}) `}writer.unknownTags(message.unknownTaggedFields);`];
  const lines = [
    ...tagged.map(field => `const ${local(field)} = ${valueOf(message, struct, field)};`),
    ...tagged.map(field => `const has${field.tag} = ${[condition(field.versions, flexible), notDefault(message, field, local(field))].filter(Boolean).join(' && ')};`),
    `writer.uvarint(${tagged.map(field => `(has${field.tag} ? 1 : 0)`).join(' + ')} + (message.unknownTaggedFields?.length ?? 0));`,
    ...tagged.flatMap(field => writeTagged(message, field)),
    `writer.moreUnknownTags(message.unknownTaggedFields, ${firstFreeTag(tagged, flexible)});`,
  ];
  return guard === '' ? lines : [`if (${guard}) {`, ...indent(lines), '}'];
}

/** The first tag that is free in each version: unknown tags begin there. */
function firstFreeTag(tagged: readonly Field[], flexible: Versions): string {
  const known = (version: number): number[] => tagged.flatMap(({ tag, versions }) => (tag !== undefined && includes(versions, version) ? [tag] : []));
  return choose(stretches(flexible, version => String(Math.max(-1, ...known(version)) + 1)));
}

function writeTagged(message: Message, field: Field): string[] {
  const name = local(field);
  // The value already has its variable here.
  const content = writeValue(message, field, field.versions, name).filter(line => line !== `const ${name} = ${name};`);
  return [`if (has${field.tag}) {`, `  const place = writer.beginTag(${field.tag});`, ...indent(content), '  writer.endTag(place);', '}'];
}

/** Code that is true when `value` is not what a reader would assume on its absence. */
function notDefault(message: Message, field: Field, value: string): string {
  const type = field.type;
  if (field.default === null) return `${value} !== null`;
  const empty = type.kind === 'array' || (type.kind === 'scalar' && (type.wire === 'bytes' || type.wire === 'records'));
  if (empty) return field.nullable === undefined ? `${value}.length !== 0` : `${value}?.length !== 0`;
  if (type.kind === 'struct') {
    const test = `!isDefault${typeName(message, type.name)}(${value})`;
    return field.nullable === undefined ? test : `(${value} === null || ${test})`;
  }
  // A small int64 may come as a bigint too, so those compare loosely.
  return `${value} ${type.kind === 'scalar' && type.wire === 'int64' ? '!=' : '!=='} ${defaultValue(message, field)}`;
}

/** For each struct that is a tagged field: whether all of it is at its defaults. */
function emitIsDefault(message: Message): string[] {
  const needed = new Set<string>();
  const need = (struct: Struct, all: boolean): void => {
    for (const field of struct.fields) {
      if (field.type.kind !== 'struct' || field.default === null || (!all && field.tag === undefined)) continue;
      needed.add(field.type.name);
      const inner = message.structs.get(field.type.name);
      if (inner !== undefined) need(inner, true);
    }
  };
  for (const struct of allStructs(message)) need(struct, false);
  return [...needed].flatMap(name => {
    const struct = message.structs.get(name);
    if (struct === undefined) return [];
    const type = typeName(message, name);
    const tests = struct.fields.map(field => `(${notDefault(message, field, isOptional(field, struct) ? `(${valueOf(message, struct, field)})` : `message.${field.name}`)})`);
    return [
      `function isDefault${type}(message: ${type}Input): boolean {`,
      `  return !(${[...tests, '(message.unknownTaggedFields?.length ?? 0) !== 0'].join(' || ')});`,
      '}', '',
    ];
  });
}

/** For records: the lowest version that carries all that is not at its default. */
export function emitLowestVersion(message: Message): string[] {
  const asked = allStructs(message).filter(struct => asksForVersion(message, struct));
  return asked.flatMap(struct => {
    const type = structType(message, struct);
    return [
      `function lowest${type}(message: ${type}Input): number {`,
      `  let lowest = ${message.versions.min};`,
      ...indent(struct.fields.flatMap(field => lowestLines(message, struct, field))),
      ...(isFlexible(message, struct) && message.flexibleFrom > message.versions.min
        ? [`  if ((message.unknownTaggedFields?.length ?? 0) > 0) lowest = Math.max(lowest, ${message.flexibleFrom});`] : []),
      '  return lowest;',
      '}', '',
    ];
  });
}

/** Whether anything below the struct asks for a version above the lowest. */
export function asksForVersion(message: Message, struct: Struct): boolean {
  if (isFlexible(message, struct) && message.flexibleFrom > message.versions.min) return true;
  return struct.fields.some(field => {
    const element = elementOf(field.type);
    const inner = element.kind === 'struct' ? message.structs.get(element.name) : undefined;
    return field.versions.min > message.versions.min || nullableLater(field) || (inner !== undefined && asksForVersion(message, inner));
  });
}

const nullableLater = (field: Field): boolean => field.nullable !== undefined && !covers(field.nullable, field.versions);

function lowestLines(message: Message, struct: Struct, field: Field): string[] {
  const value = isOptional(field, struct) ? `(${valueOf(message, struct, field)})` : `message.${field.name}`;
  const raise = (to: number, when: string): string => `if (${when}) lowest = Math.max(lowest, ${to});`;
  const lines: string[] = [];
  if (field.versions.min > message.versions.min) lines.push(raise(field.versions.min, notDefault(message, field, value)));
  if (field.nullable !== undefined && nullableLater(field)) lines.push(raise(field.nullable.min, `${value} === null`));
  const element = elementOf(field.type);
  const inner = element.kind === 'struct' ? message.structs.get(element.name) : undefined;
  if (inner === undefined || !asksForVersion(message, inner)) return lines;
  const call = `lowest${typeName(message, inner.name)}`;
  if (field.type.kind === 'array') lines.push(`for (const item of ${value}${field.nullable === undefined ? '' : ' ?? []'}) lowest = Math.max(lowest, ${call}(item));`);
  else if (field.nullable === undefined) lines.push(`lowest = Math.max(lowest, ${call}(${value}));`);
  else lines.push(`if (${value} != null) lowest = Math.max(lowest, ${call}(${value}));`);
  return lines;
}
