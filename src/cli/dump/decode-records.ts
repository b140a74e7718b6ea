import { STATE_NAMES } from '../../coordinator/transaction/transaction.js';
import { allRecords } from '../../protocol/generated/index.js';
import { ControlRecordType, controlRecordType, parseEndTransactionMarker } from '../../protocol/records/control-records.js';
import { METADATA_TOPIC, OFFSETS_TOPIC, SHARE_STATE_TOPIC, TRANSACTIONS_TOPIC } from '../../protocol/internal-topics.js';
import { Reader } from '../../protocol/wire/reader.js';

/** Says in fields what a record of an internal topic, or a control record, holds. */

export const DECODERS = ['offsets', 'transactions', 'metadata', 'share', 'none'] as const;
export type Decoder = (typeof DECODERS)[number];

/** By the name of the directory that a file lies in. */
export function decoderFor(topic: string | undefined): Decoder {
  switch (topic) {
    case OFFSETS_TOPIC: return 'offsets';
    case TRANSACTIONS_TOPIC: return 'transactions';
    case SHARE_STATE_TOPIC: return 'share';
    case METADATA_TOPIC: return 'metadata';
    default: return 'none';
  }
}

export interface Decoded {
  /** Kafka's name of the record, or of its key where there is no value. */
  readonly type: string;
  readonly version: number;
  readonly key?: unknown;
  /** null: the key is deleted. */
  readonly value?: unknown;
}

interface RawRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

type Family = (typeof allRecords)[number]['family'];

/** undefined where there is no decoder; throws, saying why, what cannot be decoded. */
export function decodeRecord(decoder: Decoder, record: RawRecord): Decoded | undefined {
  switch (decoder) {
    case 'offsets': return decodeKeyed('offsets', record);
    case 'transactions': return withStateInWords(decodeKeyed('transaction', record));
    case 'share': return decodeKeyed('share', record);
    case 'metadata': return decodeMetadata(record);
    default: return undefined;
  }
}

/** The int16 before the key says what the record is, that before the value is its version. */
function decodeKeyed(family: Family, { key, value }: RawRecord): Decoded {
  if (key === null) throw new Error('it has no key');
  const keyReader = new Reader(key);
  const type = keyReader.int16();
  const schemas = allRecords.filter(schema => schema.family === family && schema.type === type);
  const keySchema = schemas.find(({ name }) => name.endsWith('Key'));
  const valueSchema = schemas.find(({ name }) => name.endsWith('Value'));
  if (!keySchema || !valueSchema) throw new Error(`its type ${type} is not known`);
  const decodedKey = plain(keySchema.decode(keyReader, 0));
  const name = keySchema.name.replace(/Key$/, '');
  if (value === null) return { type: name, version: type, key: decodedKey, value: null };
  const valueReader = new Reader(value);
  const version = valueReader.int16();
  if (version < valueSchema.minVersion || version > valueSchema.maxVersion) throw new Error(`version ${version} of ${valueSchema.name} is not known`);
  return { type: name, version, key: decodedKey, value: plain(valueSchema.decode(valueReader, version)) };
}

/** What is no state that is known stays a number. */
function withStateInWords(decoded: Decoded): Decoded {
  const { value } = decoded as { value?: { transactionStatus?: number } | null };
  if (value?.transactionStatus === undefined) return decoded;
  return { ...decoded, value: { ...value, transactionStatus: STATE_NAMES[value.transactionStatus] ?? value.transactionStatus } };
}

/** The frame's version, the record's type and its version come first (`MetadataRecordSerde`). */
function decodeMetadata({ value }: RawRecord): Decoded {
  if (value === null) throw new Error('it has no value');
  const reader = new Reader(value);
  const frame = reader.uvarint();
  if (frame !== 1) throw new Error(`its frame has version ${frame}, known is 1`);
  const type = reader.uvarint();
  const version = reader.uvarint();
  const schema = allRecords.find(candidate => candidate.family === 'metadata' && candidate.type === type);
  if (!schema) throw new Error(`its type ${type} is not known`);
  if (version < schema.minVersion || version > schema.maxVersion) throw new Error(`version ${version} of ${schema.name} is not known`);
  return { type: schema.name.replace(/Record$/, ''), version, value: plain(schema.decode(reader, version)) };
}

const CONTROL_NAMES = new Map<number, string>(Object.entries(ControlRecordType).map(([name, type]) => [type, name]));
const CONTROL_SCHEMAS: ReadonlyMap<number, string> = new Map([
  [ControlRecordType.leaderChange, 'LeaderChangeMessage'], [ControlRecordType.snapshotHeader, 'SnapshotHeaderRecord'],
  [ControlRecordType.snapshotFooter, 'SnapshotFooterRecord'], [ControlRecordType.kraftVersion, 'KRaftVersionRecord'], [ControlRecordType.kraftVoters, 'VotersRecord'],
]);

export function decodeControl({ key, value }: RawRecord): Decoded {
  const type = controlRecordType(key);
  const name = CONTROL_NAMES.get(type) ?? `type ${type}`;
  const marker = parseEndTransactionMarker(key, value);
  if (marker) return { type: name, version: 0, value: { coordinatorEpoch: marker.coordinatorEpoch } };
  const schema = allRecords.find(candidate => candidate.name === CONTROL_SCHEMAS.get(type));
  if (!schema || value === null) return { type: name, version: 0 };
  const reader = new Reader(value);
  // These carry their version as their first field.
  const version = Buffer.from(value).readInt16BE(0);
  return { type: name, version, value: plain(schema.decode(reader, Math.min(Math.max(version, schema.minVersion), schema.maxVersion))) };
}

/** Without what nobody asked for, and with bytes as text or base64. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return textOrBytes(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, inner]) => [String(key), plain(inner)]));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== 'unknownTaggedFields').map(([key, inner]) => [key, plain(inner)]));
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
/** Control characters but for tabs and ends of lines. */
const UNPRINTABLE = /[^\P{Cc}\t\n\r]/u;

/** Text where the bytes are such, else their base64 in an object. */
export function textOrBytes(bytes: Uint8Array): string | { readonly base64: string } {
  try {
    const text = utf8.decode(bytes);
    if (!UNPRINTABLE.test(text)) return text;
  } catch {
    // Not text.
  }
  return { base64: Buffer.from(bytes).toString('base64') };
}
