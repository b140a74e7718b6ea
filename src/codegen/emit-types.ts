import { capitalised, defaultValue, inputType, isOptional, outputType, typeName } from './names.js';
import type { Field, Message, Struct } from './spec.js';
import { covers } from './spec.js';

/** The root and the nested structs, inner ones first. */
export function allStructs(message: Message): Struct[] {
  return [...message.structs.values(), message.root];
}

export function structType(message: Message, struct: Struct): string {
  return struct === message.root ? message.name : typeName(message, struct.name);
}

/** Whether any version of the struct has tagged fields. */
export const isFlexible = (message: Message, struct: Struct): boolean => message.flexibleFrom <= struct.versions.max;

/** The types of a message: what its decoder gives, and what its encoder takes. */
export function emitTypes(message: Message): string[] {
  return allStructs(message).flatMap(struct => [...outputInterface(message, struct), ...inputInterface(message, struct)]);
}

const unknownTags = '  unknownTaggedFields?: UnknownTaggedField[];';

function outputInterface(message: Message, struct: Struct): string[] {
  const doc = struct === message.root ? [`/** ${message.name}, versions ${message.versions.min}-${message.versions.max}. */`] : [];
  return [
    ...doc,
    `export interface ${structType(message, struct)} {`,
    ...struct.fields.flatMap(field => [...versionNote(field, struct), `  ${field.name}: ${outputType(message, field)};`]),
    ...(isFlexible(message, struct) ? [unknownTags] : []),
    '}', '',
  ];
}

function inputInterface(message: Message, struct: Struct): string[] {
  return [
    `export interface ${structType(message, struct)}Input {`,
    ...struct.fields.map(field => `  readonly ${field.name}${isOptional(field, struct) ? '?' : ''}: ${inputType(message, field)};`),
    ...(isFlexible(message, struct) ? [unknownTags.replace(': Unk', ': readonly Unk').replace('  u', '  readonly u')] : []),
    '}', '',
  ];
}

/** Which versions have the field, where not all do; and what it means, where its type does not say. */
function versionNote(field: Field, struct: Struct): string[] {
  const element = field.type.kind === 'array' ? field.type.element : field.type;
  const notes: string[] = [];
  if (element.kind === 'scalar' && element.meaning !== element.wire) notes.push(capitalised(element.meaning));
  if (!covers(field.versions, struct.versions)) {
    const { min, max } = field.versions;
    notes.push(max === struct.versions.max ? `versions ${min}+` : min === max ? `version ${min}` : `versions ${min}-${max}`);
  }
  return notes.length === 0 ? [] : [`  /** ${notes.join('; ')}. */`];
}

/** Functions that give a struct at its defaults, for the fields that a version or a writer leaves out. */
export function emitDefaults(message: Message): string[] {
  const needed = new Set<string>();
  const need = (struct: Struct): void => {
    for (const { type } of struct.fields) {
      if (type.kind !== 'struct' || needed.has(type.name)) continue;
      needed.add(type.name);
      const inner = message.structs.get(type.name);
      if (inner !== undefined) need(inner);
    }
  };
  for (const struct of allStructs(message)) {
    for (const field of struct.fields) {
      if (field.type.kind === 'struct' && field.default === undefined && (field.tag !== undefined || isOptional(field, struct))) {
        needed.add(field.type.name);
        const inner = message.structs.get(field.type.name);
        if (inner !== undefined) need(inner);
      }
    }
  }
  return [...needed].flatMap(name => {
    const struct = message.structs.get(name);
    if (struct === undefined) return [];
    const type = typeName(message, name);
    const fields = struct.fields.map(field => `${field.name}: ${defaultValue(message, field)}`);
    return [`function default${type}(): ${type} {`, `  return { ${fields.join(', ')} };`, '}', ''];
  });
}
