import { structType } from './emit-types.js';
import { elementOf, isOptional, literal, wireOf } from './names.js';
import { covers, SpecError } from './spec.js';
import type { ApiSpec, Field, Message, Scalar, Struct } from './spec.js';

/** Where a part of a failing response takes its values from: an object of the request, or an element of a scalar array. */
interface Origin {
  readonly code: string;
  readonly source: Struct | Scalar;
}

/** In a `from`, the element itself of an array of scalars. */
const ELEMENT = 'element';

export const failName = (api: ApiSpec): string => `fail${api.name}`;

/** The function that answers a request with an error in every place for one. */
export function emitFail(api: ApiSpec): string[] {
  const { request, response } = api;
  const emitter = new FailEmitter(api);
  const body = emitter.object(response.root, [{ code: 'request', source: request.root }], '  ');
  const used = (name: string, otherwise: string): string => (new RegExp(`\\b${name}\\b`).test(body) ? name : otherwise);
  emitter.checkUsed();
  return [
    `function ${failName(api)}(${used('request', '_request')}: ${request.name}, ${used('errorCode', '_errorCode')}: number, `
      + `${used('errorMessage', '_errorMessage')}: string | null = null): ${structType(response, response.root)}Input {`,
    `  return ${body};`,
    '}', '',
  ];
}

class FailEmitter {
  private readonly request: Message;
  private readonly response: Message;
  private depth = 0;
  /** Fields whose `from` found nothing yet; a struct may be reached from several origins. */
  private readonly unresolved = new Map<Field, boolean>();

  constructor(private readonly api: ApiSpec) {
    this.request = api.request;
    this.response = api.response;
  }

  checkUsed(): void {
    for (const [field, found] of this.unresolved) {
      if (!found) throw new SpecError(this.api.file, field.line, `'from ${field.from.join(', ')}' names nothing in the request at this place`);
    }
  }

  object(struct: Struct, origins: readonly Origin[], indentation: string): string {
    const properties = struct.fields.flatMap(field => {
      const value = this.value(field, struct, origins, `${indentation}  `);
      if (value === undefined) return [];
      return [value === field.name ? value : `${field.name}: ${value}`];
    });
    if (properties.length === 0) return '{}';
    return `{\n${properties.map(property => `${indentation}  ${property},\n`).join('')}${indentation}}`;
  }

  /** The code of a field's value; undefined where the field can be left out. */
  private value(field: Field, struct: Struct, origins: readonly Origin[], indentation: string): string | undefined {
    const { type } = field;
    if (type.kind === 'scalar' && type.meaning === 'error') return 'errorCode';
    if (type.kind === 'scalar' && type.meaning === 'errorMessage') return field.nullable === undefined ? "errorMessage ?? ''" : 'errorMessage';
    if (field.failing !== undefined) return literal(field.failing);
    if (type.kind === 'array') return this.array(field, struct, origins, indentation);
    const copied = type.kind === 'scalar' && (field.from.length > 0 || field.default === undefined) ? this.copy(field, type, origins) : undefined;
    if (copied !== undefined) return copied;
    if (isOptional(field, struct)) return undefined;
    const nullable = field.nullable !== undefined && covers(field.nullable, field.versions);
    if (nullable && !(type.kind === 'scalar' && type.wire === 'records')) return 'null';
    if (type.kind === 'scalar') return wireOf(type).zero;
    const inner = this.response.structs.get(type.name);
    return inner === undefined ? undefined : this.object(inner, [], indentation);
  }

  /** A value of the same meaning from the request: what `from` names, or a field of the same name. */
  private copy(field: Field, type: Scalar, origins: readonly Origin[]): string | undefined {
    for (const { code, source } of origins) {
      for (const name of [...field.from, field.name]) {
        const found = 'kind' in source ? (name === ELEMENT ? source : undefined) : source.fields.find(candidate => candidate.name === name);
        if (found === undefined) continue;
        const scalar = 'type' in found ? found.type : found;
        if (scalar.kind !== 'scalar' || scalar.wire !== type.wire) continue;
        this.note(field, true);
        const value = 'type' in found ? `${code}.${name}` : code;
        const nulls = 'type' in found ? found.nullable : undefined;
        // A null that not every version of the response can say, where the request can, becomes nothing in particular.
        const refused = nulls !== undefined && (field.nullable === undefined || !covers(field.nullable, nulls));
        return refused ? `${value} ?? ${wireOf(type).zero}` : value;
      }
    }
    this.note(field, false);
    return undefined;
  }

  /** One item for each item of the request's arrays that `from` names, one array after another. */
  private array(field: Field, struct: Struct, origins: readonly Origin[], indentation: string): string | undefined {
    const element = elementOf(field.type);
    const inner = element.kind === 'struct' ? this.response.structs.get(element.name) : undefined;
    const mapped = inner === undefined ? [] : origins.flatMap(origin => field.from.flatMap(path => {
      const items = this.items(origin, path.split('.'));
      return items === undefined ? [] : [`${items.code}.map(${this.item(inner, items.source, indentation)})`];
    }));
    this.note(field, mapped.length > 0);
    if (mapped.length > 1) return `[${mapped.map(items => `...${items}`).join(', ')}]`;
    return mapped[0] ?? (isOptional(field, struct) ? undefined : '[]');
  }

  /** The array at `path` below an origin, and what its elements are; arrays on the way are joined. */
  private items({ code, source }: Origin, [name, ...rest]: readonly string[]): Origin | undefined {
    if ('kind' in source) return undefined;
    const type = source.fields.find(field => field.name === name)?.type;
    if (type?.kind !== 'array') return undefined;
    const nullable = source.fields.some(field => field.name === name && field.nullable !== undefined);
    const array = nullable ? `(${code}.${name} ?? [])` : `${code}.${name}`;
    const element = type.element.kind === 'scalar' ? type.element : this.request.structs.get(type.element.name);
    if (element === undefined) return undefined;
    if (rest.length === 0) return { code: array, source: element };
    const deeper = this.items({ code: 'outer', source: element }, rest);
    return deeper && { code: `${array}.flatMap(outer => ${deeper.code})`, source: deeper.source };
  }

  private item(inner: Struct, source: Struct | Scalar, indentation: string): string {
    const code = `item${++this.depth}`;
    const body = this.object(inner, [{ code, source }], indentation);
    this.depth--;
    return `${new RegExp(`\\b${code}\\b`).test(body) ? code : '()'} => (${body})`;
  }

  private note(field: Field, found: boolean): void {
    if (field.from.length > 0) this.unresolved.set(field, found || this.unresolved.get(field) === true);
  }
}
