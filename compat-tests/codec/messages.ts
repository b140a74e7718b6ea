import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseSpec } from '../../src/codegen/parse.js';
import type { Message, Spec } from '../../src/codegen/spec.js';
import {
  allApis, allRecords, decodeRequestHeader, decodeResponseHeader, encodeRequestHeader, encodeResponseHeader,
} from '../../src/protocol/generated/index.js';
import type { Reader } from '../../src/protocol/wire/reader.js';
import type { Writer } from '../../src/protocol/wire/writer.js';

const SPECS = 'protocol-specs';

export interface Codec {
  decode(reader: Reader, version: number): object;
  encode(writer: Writer, message: object, version: number): void;
}

/** A message as its specification has it, with the code that was generated from it. */
export interface TestedMessage {
  readonly message: Message;
  readonly codec: Codec;
}

/** Every specification but the errors'. */
export function readSpecs(): Spec[] {
  return readdirSync(SPECS, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.spec') && name !== 'errors.spec')
    .sort()
    .map(name => join(SPECS, name))
    .map(file => parseSpec(readFileSync(file, 'utf8'), file, basename(dirname(file))));
}

/** Every request, response, header and record, with its codec. */
export function allMessages(): TestedMessage[] {
  const codecs = generatedCodecs();
  const messages = readSpecs().flatMap((spec): readonly Message[] => (spec.kind === 'api' ? [spec.request, spec.response] : spec.messages));
  return messages.map(message => {
    const codec = codecs.get(message.name);
    if (codec === undefined) throw new Error(`no codec was generated for ${message.name}`);
    return { message, codec };
  });
}

function generatedCodecs(): Map<string, Codec> {
  const codecs = new Map<string, Codec>([
    // Methods compare both ways, so the typed functions may stand for untyped ones.
    ['RequestHeader', { decode: decodeRequestHeader, encode: encodeRequestHeader }],
    ['ResponseHeader', { decode: decodeResponseHeader, encode: encodeResponseHeader }],
  ]);
  for (const api of allApis.values()) {
    codecs.set(`${api.name}Request`, { decode: (reader, version) => api.decodeRequest(reader, version), encode: (...all) => api.encodeRequest(...all) });
    codecs.set(`${api.name}Response`, { decode: (reader, version) => api.decodeResponse(reader, version), encode: (...all) => api.encodeResponse(...all) });
  }
  for (const record of allRecords) codecs.set(record.name, record);
  return codecs;
}
