import { emitDecoders } from './emit-decode.js';
import { asksForVersion, emitEncoders, emitLowestVersion } from './emit-encode.js';
import { emitFail, failName } from './emit-fail.js';
import { emitDefaults, emitTypes } from './emit-types.js';
import { uncapitalised } from './names.js';
import type { ApiSpec, ErrorSpec, Message, RecordMessage, RecordSpec, Spec } from './spec.js';

/** A module to write below `src/protocol/generated`. */
export interface Module {
  readonly path: string;
  readonly source: string;
}

const banner = (file: string): string => `// Generated from ${file}. Do not edit.\n`;

export function emitModule(spec: Spec): Module {
  const lines = spec.kind === 'api' ? apiLines(spec) : recordLines(spec);
  const body = lines.join('\n');
  return { path: modulePath(spec), source: `${banner(spec.file)}${imports(body)}\n${docComment(spec.prose)}${body}` };
}

/** The module is called as its specification; a record that is called as a request says that it is a record. */
function modulePath(spec: Spec): string {
  const name = (spec.file.split('/').at(-1) ?? spec.file).replace(/\.spec$/, '');
  return spec.kind === 'record' && !name.endsWith('-record') ? `${name}-record.ts` : `${name}.ts`;
}

const apiConst = (api: ApiSpec): string => `${uncapitalised(api.name)}Api`;
const schemaConst = (record: Message): string => `${uncapitalised(record.name)}Schema`;

function docComment(prose: string): string {
  if (prose === '') return '';
  return `/*\n${prose.split('\n').map(line => ` * ${line}`.trimEnd()).join('\n')}\n */\n\n`;
}

/** Imports what the body names, and nothing else. */
function imports(body: string): string {
  const named = (names: readonly string[]): string[] => names.filter(name => new RegExp(`\\b${name}\\b`).test(body));
  const line = (names: readonly string[], from: string, type: boolean): string[] =>
    names.length === 0 ? [] : [`import ${type ? 'type ' : ''}{ ${names.join(', ')} } from '../wire/${from}.js';`];
  const lines = [
    ...line(named(['Reader']), 'reader', true),
    ...line(named(['Writer']), 'writer', true),
    ...line(named(['refuseNull']), 'writer', false),
    ...line(named(['Api', 'Int64', 'RecordSchema', 'RecordsInput', 'UnknownTaggedField', 'Uuid']), 'types', true),
    ...line(named(['ZERO_UUID']), 'types', false),
  ];
  if (/\bNO_BYTES\b/.test(body)) lines.push('', 'const NO_BYTES = Buffer.alloc(0);');
  return `${lines.join('\n')}\n`;
}

function codec(message: Message): string[] {
  return [...emitTypes(message), ...emitDefaults(message), ...emitDecoders(message), ...emitEncoders(message)];
}

const number = (value: number): string => (value === Infinity ? 'Infinity' : String(value));

function apiLines(api: ApiSpec): string[] {
  const { request, response } = api;
  const { min, max } = request.versions;
  const listeners = api.listeners.map(listener => `'${listener}'`).join(', ');
  return [
    ...codec(request), ...codec(response), ...emitFail(api),
    `export const ${apiConst(api)}: Api<${request.name}, ${response.name}Input, ${request.name}Input, ${response.name}> = {`,
    `  key: ${api.key}, name: '${api.name}', minVersion: ${min}, maxVersion: ${max},`,
    `  unstableFrom: ${number(api.unstableFrom)}, flexibleFrom: ${number(request.flexibleFrom)}, listeners: [${listeners}],`,
    `  decodeRequest: decode${request.name}, encodeRequest: encode${request.name},`,
    `  decodeResponse: decode${response.name}, encodeResponse: encode${response.name},`,
    `  fail: ${failName(api)},`,
    '};', '',
  ];
}

function recordLines(spec: RecordSpec): string[] {
  if (spec.kind === 'header') return spec.messages.flatMap(codec);
  return spec.messages.flatMap(message => [...codec(message), ...emitLowestVersion(message), ...schemaLines(spec, message)]);
}

function schemaLines(spec: RecordSpec, message: RecordMessage): string[] {
  const { name, versions, flexibleFrom, type } = message;
  const lowest = asksForVersion(message, message.root) ? `lowest${name}` : `() => ${versions.min}`;
  return [
    `export const ${schemaConst(message)}: RecordSchema<${name}, ${name}Input> = {`,
    `  name: '${name}', family: '${spec.family}', type: ${type}, minVersion: ${versions.min}, maxVersion: ${versions.max}, flexibleFrom: ${number(flexibleFrom)},`,
    `  decode: decode${name}, encode: encode${name}, lowestVersion: ${lowest},`,
    '};', '',
  ];
}

/** `index.ts`: all modules, and all APIs and records as lists. */
export function emitIndex(specs: readonly Spec[]): Module {
  const apis = specs.filter(spec => spec.kind === 'api').sort((a, b) => a.key - b.key);
  const records = specs.flatMap(spec => (spec.kind === 'record' ? spec.messages.map(message => ({ spec, message })) : []));
  const from = (spec: Spec): string => `'./${modulePath(spec).replace(/\.ts$/, '.js')}'`;
  return {
    path: 'index.ts',
    source: [
      banner('protocol-specs'),
      "import type { AnyApi, AnyRecordSchema } from '../wire/types.js';",
      ...apis.map(api => `import { ${apiConst(api)} } from ${from(api)};`),
      ...records.map(({ spec, message }) => `import { ${schemaConst(message)} } from ${from(spec)};`),
      '',
      "export * from './errors.js';",
      ...specs.map(spec => `export * from ${from(spec)};`),
      '',
      '/** Every API by its key. */',
      'export const allApis: ReadonlyMap<number, AnyApi> = new Map<number, AnyApi>([',
      ...apis.map(api => `  [${api.key}, ${apiConst(api)}],`),
      ']);', '',
      '/** Every record, family by family. */',
      'export const allRecords: readonly AnyRecordSchema[] = [',
      ...records.map(({ message }) => `  ${schemaConst(message)},`),
      '];', '',
    ].join('\n'),
  };
}

/** `errors.ts`: the codes by name, and what each means. */
export function emitErrors(errors: readonly ErrorSpec[], file: string): Module {
  return {
    path: 'errors.ts',
    source: [
      banner(file),
      "/** Kafka's error codes by name. */",
      'export const ErrorCode = {',
      ...errors.flatMap(({ code, name, message }) => [`  /** ${message} */`, `  ${name}: ${code},`]),
      '} as const;', '',
      'export const errorTable: ReadonlyMap<number, { readonly name: string; readonly retriable: boolean; readonly message: string }> = new Map([',
      ...errors.map(({ code, name, retriable, message }) => `  [${code}, { name: '${name}', retriable: ${retriable}, message: ${JSON.stringify(message)} }],`),
      ']);', '',
    ].join('\n'),
  };
}

