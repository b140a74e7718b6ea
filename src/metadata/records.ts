import { assert } from '../base/assert.js';
import { MalformedError } from '../base/bytes.js';
import * as generated from '../protocol/generated/index.js';
import { Reader } from '../protocol/wire/reader.js';
import type { RecordSchema } from '../protocol/wire/types.js';
import { Writer } from '../protocol/wire/writer.js';

/** The records of `__cluster_metadata`, by the name of Kafka's class without `Record`. */
const schemas = {
  RegisterBroker: generated.registerBrokerRecordSchema,
  UnregisterBroker: generated.unregisterBrokerRecordSchema,
  Topic: generated.topicRecordSchema,
  Partition: generated.partitionRecordSchema,
  Config: generated.configRecordSchema,
  PartitionChange: generated.partitionChangeRecordSchema,
  FenceBroker: generated.fenceBrokerRecordSchema,
  UnfenceBroker: generated.unfenceBrokerRecordSchema,
  RemoveTopic: generated.removeTopicRecordSchema,
  DelegationToken: generated.delegationTokenRecordSchema,
  UserScramCredential: generated.userScramCredentialRecordSchema,
  FeatureLevel: generated.featureLevelRecordSchema,
  ClientQuota: generated.clientQuotaRecordSchema,
  ProducerIds: generated.producerIdsRecordSchema,
  BrokerRegistrationChange: generated.brokerRegistrationChangeRecordSchema,
  AccessControlEntry: generated.accessControlEntryRecordSchema,
  RemoveAccessControlEntry: generated.removeAccessControlEntryRecordSchema,
  NoOp: generated.noOpRecordSchema,
  ZkMigrationState: generated.zkMigrationStateRecordSchema,
  RemoveUserScramCredential: generated.removeUserScramCredentialRecordSchema,
  BeginTransaction: generated.beginTransactionRecordSchema,
  EndTransaction: generated.endTransactionRecordSchema,
  AbortTransaction: generated.abortTransactionRecordSchema,
  RemoveDelegationToken: generated.removeDelegationTokenRecordSchema,
  RegisterController: generated.registerControllerRecordSchema,
  ClearElr: generated.clearElrRecordSchema,
} as const;

export type MetadataRecordType = keyof typeof schemas;
type InputOf<S> = S extends RecordSchema<infer _Output, infer Input> ? Input : never;
/** What a record of a type says; fields that have a default may be left out. */
export type MetadataMessage<T extends MetadataRecordType> = InputOf<(typeof schemas)[T]>;
export type MetadataRecord = { [T in MetadataRecordType]: { readonly type: T; readonly message: MetadataMessage<T> } }[MetadataRecordType];
type AnySchema = RecordSchema<object>;

const byNumber = new Map(Object.entries(schemas).map(([type, schema]) => [schema.type, type as MetadataRecordType]));

/**
 * The metadata.version from which on each version of a record may be written, where that is not the oldest one that is
 * supported: index 0 is version 0.
 */
const writtenFrom: Partial<Record<MetadataRecordType, readonly number[]>> = {
  RegisterBroker: [0, 0, 8, 17, 30],
  Partition: [0, 17, 23],
  PartitionChange: [0, 17, 23],
  BrokerRegistrationChange: [0, 0, 17, 30],
  UserScramCredential: [11],
  RemoveUserScramCredential: [11],
  BeginTransaction: [13],
  EndTransaction: [13],
  AbortTransaction: [13],
  DelegationToken: [14],
  RemoveDelegationToken: [14],
  RegisterController: [15],
  ClearElr: [23],
};

/** Version of the frame around a record: uvarint 1, uvarint type, uvarint version, message. */
const FRAME_VERSION = 1;

export function metadataRecord<T extends MetadataRecordType>(type: T, message: MetadataMessage<T>): MetadataRecord {
  return { type, message } as MetadataRecord;
}

/**
 * A record as the value of a log's record, at the lowest version that carries its fields. That a field is not set which
 * `metadataVersion` does not know yet is for the machine to see to.
 */
export function encodeMetadataRecord({ type, message }: MetadataRecord, metadataVersion: number): Buffer {
  const schema = schemas[type] as unknown as AnySchema;
  const version = schema.lowestVersion(message);
  assert((writtenFrom[type]?.[version] ?? 0) <= metadataVersion, `${type}Record version ${version} is beyond metadata.version ${metadataVersion}`);
  const writer = new Writer();
  writer.uvarint(FRAME_VERSION);
  writer.uvarint(schema.type);
  writer.uvarint(version);
  schema.encode(writer, message, version);
  return writer.toBuffer();
}

/**
 * Reads a record; what is bytes in it is a view. Throws `MalformedError` for a kind or version of record that is
 * not known: unlike a coordinator's, the metadata log is gated by metadata.version, and skipping would lose what it says.
 */
export function decodeMetadataRecord(bytes: Uint8Array): MetadataRecord {
  const reader = new Reader(bytes);
  const frame = reader.uvarint();
  if (frame !== FRAME_VERSION) throw new MalformedError(`metadata record has frame version ${frame}, not ${FRAME_VERSION}`);
  const number = reader.uvarint();
  const version = reader.uvarint();
  const type = byNumber.get(number);
  if (type === undefined) throw new MalformedError(`metadata record is of type ${number}, which this version does not know`);
  const schema = schemas[type] as unknown as AnySchema;
  if (version < schema.minVersion || version > schema.maxVersion) {
    throw new MalformedError(`${type}Record has version ${version}; up to ${schema.maxVersion} is known`);
  }
  return { type, message: schema.decode(reader, version) } as MetadataRecord;
}

/** What a runtime needs to drive a machine over the metadata log; `metadataVersion` tells the level at the moment. */
export function metadataCodec(metadataVersion: () => number): {
  encode(record: MetadataRecord): { key: null; value: Uint8Array };
  decode(key: Uint8Array | null, value: Uint8Array | null): MetadataRecord | undefined;
} {
  return {
    encode: record => ({ key: null, value: encodeMetadataRecord(record, metadataVersion()) }),
    decode: (_, value) => {
      if (value === null) throw new MalformedError('metadata record has no value');
      return decodeMetadataRecord(value);
    },
  };
}
