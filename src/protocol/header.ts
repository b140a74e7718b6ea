import { decodeRequestHeader } from './generated/headers.js';
import type { Api } from './wire/types.js';
import type { Reader } from './wire/reader.js';
import type { Writer } from './wire/writer.js';

/** What every request begins with. */
export interface RequestHead {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

/** The part of an Api that decides about headers. */
type Flexibility = Pick<Api<object, object>, 'key' | 'flexibleFrom'>;

const API_VERSIONS_KEY = 18;

/** Request headers of flexible versions end with tagged fields (header version 2, KIP-482). */
export function requestHeaderVersion(api: Flexibility, version: number): 1 | 2 {
  return version >= api.flexibleFrom ? 2 : 1;
}

/** As for requests, except that ApiVersions answers with version 0 so that any client can read it (KIP-511). */
export function responseHeaderVersion(api: Flexibility, version: number): 0 | 1 {
  return version >= api.flexibleFrom && api.key !== API_VERSIONS_KEY ? 1 : 0;
}

/**
 * Reads a request's header; the reader stands at the body afterwards. Which form the header has depends on the API and
 * its version, so those are read first. An API that `apiOf` does not know gives undefined: nothing behind its key can be read.
 * @throws MalformedFrameError for a header that is cut short or broken.
 */
export function readRequestHead<A extends Flexibility>(reader: Reader, apiOf: (key: number) => A | undefined): (RequestHead & { readonly api: A }) | undefined {
  const api = apiOf(reader.peekInt16(0));
  if (api === undefined) return undefined;
  const header = decodeRequestHeader(reader, requestHeaderVersion(api, reader.peekInt16(2)));
  return {
    api, apiKey: header.requestApiKey, apiVersion: header.requestApiVersion,
    correlationId: header.correlationId, clientId: header.clientId,
  };
}

/** Writes a request's header, for whoever sends requests. */
export function writeRequestHead(writer: Writer, api: Flexibility, version: number, correlationId: number, clientId: string | null): void {
  writer.int16(api.key);
  writer.int16(version);
  writer.int32(correlationId);
  writer.nullableString(clientId);
  if (requestHeaderVersion(api, version) === 2) writer.unknownTags(undefined);
}

/** Writes a response's header: the correlation id, and an empty tagged section where there is one. */
export function writeResponseHead(writer: Writer, api: Flexibility, version: number, correlationId: number): void {
  writer.int32(correlationId);
  if (responseHeaderVersion(api, version) === 1) writer.unknownTags(undefined);
}

/** Reads a response's header and gives its correlation id. */
export function readResponseHead(reader: Reader, api: Flexibility, version: number): number {
  const correlationId = reader.int32();
  if (responseHeaderVersion(api, version) === 1) reader.unknownTags();
  return correlationId;
}
