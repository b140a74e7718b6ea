import { expect, test } from '@jest/globals';
import { scramKeys } from '../base/scram.js';
import { localSettings } from '../config/index.js';
import { ImageBuilder } from '../metadata/image-builder.js';
import { EMPTY_IMAGE } from '../metadata/image.js';
import { decodeMetadataRecord, encodeMetadataRecord, metadataRecord, type MetadataRecord } from '../metadata/records.js';
import type { MetadataImage } from '../metadata/types.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { alterUserScramCredentials } from './scram.js';

const SHA_256 = 1;
const SHA_512 = 2;
const LATEST = 30;

/** The image after records, each through its bytes. */
function imageOf(records: readonly MetadataRecord[], metadataVersion = LATEST): MetadataImage {
  const builder = new ImageBuilder(EMPTY_IMAGE);
  const all = [metadataRecord('FeatureLevel', { name: 'metadata.version', featureLevel: metadataVersion }), ...records];
  for (const [offset, record] of all.entries()) builder.replay(decodeMetadataRecord(encodeMetadataRecord(record, LATEST)), offset, 1);
  return builder.image;
}

interface Change {
  readonly delete?: readonly (readonly [name: string, mechanism: number])[];
  readonly set?: readonly (readonly [name: string, mechanism?: number, iterations?: number, saltedPassword?: string])[];
}

function alter(image: MetadataImage, change: Change) {
  const { records, response } = alterUserScramCredentials({ image, settings: localSettings(), at: { nowMs: 0, monotonicMs: 0, nextOffset: 0, newId: () => '' } }, {
    deletions: (change.delete ?? []).map(([name, mechanism]) => ({ name, mechanism })),
    upsertions: (change.set ?? []).map(([name, mechanism = SHA_256, iterations = 4096, saltedPassword = 'salted']) =>
      ({ name, mechanism, iterations, salt: Buffer.from('salt'), saltedPassword: Buffer.from(saltedPassword) })),
  });
  return { records, codes: Object.fromEntries((response.results ?? []).map(({ user, errorCode }) => [user, errorCode])), results: response.results };
}

const credentialsOf = (image: MetadataImage) => [...image.scramCredentials.values()].map(({ name, mechanism, iterations }) => ({ name, mechanism, iterations }));

test('a credential is kept as keys of its mechanism, and replaced by a newer one', () => {
  const first = alter(imageOf([]), { set: [['alice', SHA_512, 8192]] });
  expect(first.results).toEqual([{ user: 'alice', errorCode: ErrorCode.NONE, errorMessage: null }]);
  const [kept] = imageOf(first.records).scramCredentials.values();
  const { storedKey, serverKey } = scramKeys('sha512', Buffer.from('salted'));
  expect(kept).toEqual({
    name: 'alice', mechanism: SHA_512, iterations: 8192,
    salt: Uint8Array.from(Buffer.from('salt')), storedKey: Uint8Array.from(storedKey), serverKey: Uint8Array.from(serverKey),
  });
  const second = alter(imageOf(first.records), { set: [['alice', SHA_512, 4096]] });
  expect(credentialsOf(imageOf([...first.records, ...second.records]))).toEqual([{ name: 'alice', mechanism: SHA_512, iterations: 4096 }]);
});

test('a user has a credential for each mechanism, deleted one by one', () => {
  const { records } = alter(imageOf([]), { set: [['alice', SHA_256]] });
  const both = [...records, ...alter(imageOf(records), { set: [['alice', SHA_512]] }).records];
  expect(credentialsOf(imageOf(both)).map(({ mechanism }) => mechanism)).toEqual([SHA_256, SHA_512]);
  const deleted = alter(imageOf(both), { delete: [['alice', SHA_256]] });
  expect(deleted.codes).toEqual({ alice: ErrorCode.NONE });
  const left = imageOf([...both, ...deleted.records]);
  expect(credentialsOf(left).map(({ mechanism }) => mechanism)).toEqual([SHA_512]);
  expect(alter(left, { delete: [['alice', SHA_256]] }).codes).toEqual({ alice: ErrorCode.RESOURCE_NOT_FOUND });
});

test('what cannot be a credential is refused, user by user, and the others go through', () => {
  const { codes, records } = alter(imageOf([]), {
    delete: [['gone', SHA_256], ['unknown-mechanism', 3]],
    set: [['', SHA_256], ['no-mechanism', 0], ['few', SHA_256, 4095], ['many', SHA_512, 16_385], ['empty', SHA_256, 4096, ''], ['least', SHA_512, 4096], ['most', SHA_256, 16_384]],
  });
  expect(codes).toEqual({
    gone: ErrorCode.RESOURCE_NOT_FOUND, 'unknown-mechanism': ErrorCode.UNSUPPORTED_SASL_MECHANISM,
    '': ErrorCode.UNACCEPTABLE_CREDENTIAL, 'no-mechanism': ErrorCode.UNSUPPORTED_SASL_MECHANISM,
    few: ErrorCode.UNACCEPTABLE_CREDENTIAL, many: ErrorCode.UNACCEPTABLE_CREDENTIAL, empty: ErrorCode.UNACCEPTABLE_CREDENTIAL,
    least: ErrorCode.NONE, most: ErrorCode.NONE,
  });
  expect(credentialsOf(imageOf(records)).map(({ name }) => name)).toEqual(['least', 'most']);
});

test('a user named twice in a request is left as he was, and told once', () => {
  const { records } = alter(imageOf([]), { set: [['a'], ['b'], ['c']] });
  const twice = alter(imageOf(records), {
    delete: [['a', SHA_256], ['a', SHA_512], ['b', SHA_256], ['x', SHA_256]],
    set: [['b', SHA_512], ['c', SHA_256], ['c', SHA_512], ['x', SHA_256]],
  });
  // Who failed already keeps his failure.
  expect(twice.codes).toEqual({
    a: ErrorCode.DUPLICATE_RESOURCE, b: ErrorCode.DUPLICATE_RESOURCE, c: ErrorCode.DUPLICATE_RESOURCE, x: ErrorCode.RESOURCE_NOT_FOUND,
  });
  expect(twice.results).toHaveLength(4);
  expect(twice.records).toEqual([]);
});

test('before its metadata.version nothing can be altered', () => {
  const { codes, records } = alter(imageOf([], 10), { delete: [['a', SHA_256]], set: [['b']] });
  expect(codes).toEqual({ a: ErrorCode.UNSUPPORTED_VERSION, b: ErrorCode.UNSUPPORTED_VERSION });
  expect(records).toEqual([]);
});
