import { describe, expect, test } from '@jest/globals';
import { localSettings } from '../config/index.js';
import { MetadataDelta } from '../metadata/delta.js';
import { EMPTY_IMAGE } from '../metadata/image.js';
import { recordsOfImage } from '../metadata/image-records.js';
import { decodeMetadataRecord, encodeMetadataRecord, type MetadataRecord } from '../metadata/records.js';
import type { MetadataImage } from '../metadata/types.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { alterClientQuotas } from './client-quotas.js';

const { NONE, INVALID_REQUEST } = ErrorCode;
const at = { nowMs: 0, monotonicMs: 0, nextOffset: 0, newId: () => '' };

type Entity = readonly (readonly [type: string, name: string | null])[];
type Ops = Readonly<Record<string, number | null>>;

const alteration = (entity: Entity, ops: Ops) => ({
  entity: entity.map(([entityType, entityName]) => ({ entityType, entityName })),
  ops: Object.entries(ops).map(([key, value]) => ({ key, value: value ?? 0, remove: value === null })),
});

function alter(image: MetadataImage, entries: readonly ReturnType<typeof alteration>[], more: { validateOnly?: boolean; unknownHosts?: string[] } = {}) {
  const request = { entries, validateOnly: more.validateOnly ?? false, unknownHosts: new Set(more.unknownHosts) };
  const { records, response } = alterClientQuotas({ image, settings: localSettings(), at }, request);
  return { records, codes: response.entries.map(({ errorCode }) => errorCode), response, image: replay(image, records) };
}

function replay(image: MetadataImage, records: readonly MetadataRecord[]): MetadataImage {
  const delta = new MetadataDelta(image);
  for (const record of records) delta.replay(decodeMetadataRecord(encodeMetadataRecord(record, 30)));
  return delta.apply(image.offset + records.length, 1);
}

const told = (image: MetadataImage) => [...image.clientQuotas.values()].map(({ entity, values }) =>
  [entity.map(({ type, name }) => `${type}=${name}`).sort().join(' '), Object.fromEntries(values)]);

const ALICE: Entity = [['user', 'alice']];

describe('quotas', () => {
  test('are set, changed and removed, and written only where something changes', () => {
    const set = alter(EMPTY_IMAGE, [alteration(ALICE, { producer_byte_rate: 100, request_percentage: 12.5 }), alteration([['user', null], ['client-id', 'app']], { consumer_byte_rate: 5 })]);
    expect(set.codes).toEqual([NONE, NONE]);
    expect(told(set.image)).toEqual([['user=alice', { producer_byte_rate: 100, request_percentage: 12.5 }], ['client-id=app user=null', { consumer_byte_rate: 5 }]]);
    const again = alter(set.image, [alteration(ALICE, { producer_byte_rate: 100, request_percentage: 13, consumer_byte_rate: null })]);
    expect(again.records.map(({ message }) => message)).toMatchObject([{ key: 'request_percentage', value: 13, remove: false }]);
    const gone = alter(again.image, [alteration(ALICE, { producer_byte_rate: null, request_percentage: null })]);
    expect(told(gone.image)).toEqual([['client-id=app user=null', { consumer_byte_rate: 5 }]]);
  });

  test('are of one entity, whatever the order of its parts', () => {
    const { image } = alter(EMPTY_IMAGE, [alteration([['user', 'a'], ['client-id', 'b']], { producer_byte_rate: 1 })]);
    const swapped = alter(image, [alteration([['client-id', 'b'], ['user', 'a']], { producer_byte_rate: null })]);
    expect(swapped.image.clientQuotas.size).toBe(0);
  });

  test('survive in the records of a snapshot', () => {
    const { image } = alter(EMPTY_IMAGE, [alteration(ALICE, { producer_byte_rate: 100 }), alteration([['ip', null]], { connection_creation_rate: 3 })]);
    expect(told(replay(EMPTY_IMAGE, [...recordsOfImage(image)]))).toEqual(told(image));
  });

  test('are only judged when that is asked', () => {
    const { records, codes } = alter(EMPTY_IMAGE, [alteration(ALICE, { producer_byte_rate: 100 }), alteration(ALICE, { producer_byte_rate: 1 })], { validateOnly: true });
    expect(records).toEqual([]);
    expect(codes).toEqual([INVALID_REQUEST]);
  });

  test('of an entity that is named again stay as its first place says, with one answer', () => {
    const { codes, image } = alter(EMPTY_IMAGE, [alteration(ALICE, { producer_byte_rate: 1 }), alteration(ALICE, { producer_byte_rate: 2 })]);
    expect(codes).toEqual([INVALID_REQUEST]);
    expect(told(image)).toEqual([['user=alice', { producer_byte_rate: 1 }]]);
  });

  test('are refused for an entity as a whole', () => {
    const { codes, records } = alter(EMPTY_IMAGE, [alteration(ALICE, { producer_byte_rate: 1, no_such: 1 })]);
    expect({ codes, records }).toEqual({ codes: [INVALID_REQUEST], records: [] });
  });

  test.each<[string, Entity, Ops]>([
    ['no part', [], { producer_byte_rate: 1 }],
    ['a type that nobody knows', [['group', 'g']], { producer_byte_rate: 1 }],
    ['an empty name', [['user', '']], { producer_byte_rate: 1 }],
    ['an address with a user', [['ip', '10.0.0.1'], ['user', 'a']], { connection_creation_rate: 1 }],
    ['an unknown host', [['ip', 'nowhere']], { connection_creation_rate: 1 }],
    ['a key of another kind of entity', ALICE, { connection_creation_rate: 1 }],
    ['a value of 0', ALICE, { request_percentage: 0 }],
    ['a fraction of a byte', ALICE, { producer_byte_rate: 1.01 }],
    ['more than an int', [['ip', null]], { connection_creation_rate: 2 ** 31 }],
    ['more than a long', ALICE, { producer_byte_rate: 2 ** 64 }],
  ])('are refused with %s', (_, entity, ops) => {
    expect(alter(EMPTY_IMAGE, [alteration(entity, ops)], { unknownHosts: ['nowhere'] }).codes).toEqual([INVALID_REQUEST]);
  });
});
