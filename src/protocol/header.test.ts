import { describe, expect, test } from '@jest/globals';
import { allApis, apiVersionsApi, fetchApi, saslHandshakeApi } from './generated/index.js';
import { readRequestHead, readResponseHead, requestHeaderVersion, responseHeaderVersion, writeRequestHead, writeResponseHead } from './header.js';
import { MalformedFrameError, Reader } from './wire/reader.js';
import { Writer } from './wire/writer.js';

const apiOf = (key: number) => allApis.get(key);

describe('the header of a request', () => {
  test.each([[fetchApi, 4, 1], [fetchApi, 12, 2], [apiVersionsApi, 3, 2], [saslHandshakeApi, 1, 1]] as const)('follows from the API and its version', (api, version, header) => {
    expect(requestHeaderVersion(api, version)).toBe(header);
    const writer = new Writer();
    writeRequestHead(writer, api, version, 77, 'me');
    writer.int8(5);
    const reader = new Reader(writer.toBuffer());
    expect(readRequestHead(reader, apiOf)).toMatchObject({ apiKey: api.key, apiVersion: version, correlationId: 77, clientId: 'me' });
    expect(reader.int8()).toBe(5);
  });

  test('of a version beyond those known is read as the newest form: ApiVersions has to answer it', () => {
    const writer = new Writer();
    writeRequestHead(writer, apiVersionsApi, 99, 1, null);
    expect(readRequestHead(new Reader(writer.toBuffer()), apiOf)).toMatchObject({ apiVersion: 99, clientId: null });
  });

  test('of an unknown API is nothing', () => {
    expect(readRequestHead(new Reader(Buffer.from('03e70000000000000000', 'hex')), apiOf)).toBeUndefined();
  });

  test('that is cut short is refused', () => {
    expect(() => readRequestHead(new Reader(Buffer.from('00', 'hex')), apiOf)).toThrow(MalformedFrameError);
    expect(() => readRequestHead(new Reader(Buffer.from('0001000400000001ff', 'hex')), apiOf)).toThrow(MalformedFrameError);
  });

  test('passes over tagged fields', () => {
    const writer = new Writer();
    writer.int16(1);
    writer.int16(12);
    writer.int32(1);
    writer.nullableString(null);
    writer.unknownTags([{ tag: 3, data: Buffer.from('x') }]);
    const reader = new Reader(writer.toBuffer());
    expect(readRequestHead(reader, apiOf)?.correlationId).toBe(1);
    expect(reader.remaining).toBe(0);
  });
});

describe('the header of a response', () => {
  test.each([[fetchApi, 11, 0], [fetchApi, 12, 1], [apiVersionsApi, 4, 0]] as const)('is flexible as its version is, except for ApiVersions', (api, version, header) => {
    expect(responseHeaderVersion(api, version)).toBe(header);
    const writer = new Writer();
    writeResponseHead(writer, api, version, 8);
    expect(writer.byteLength).toBe(4 + header);
    expect(readResponseHead(new Reader(writer.toBuffer()), api, version)).toBe(8);
  });
});
