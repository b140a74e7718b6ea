import { createRequire } from 'node:module';

/**
 * Readers of our bytes that share no code with us: binary-parser for headers, batches and records, buffer-layout for batch
 * headers and index entries. What both read is what a stranger would.
 */

const load = createRequire(import.meta.url);

/** The part of binary-parser in use; its own declarations cannot be reached through its package.json. */
interface Parser {
  endianess(order: 'big'): Parser;
  int8(name: string): Parser;
  uint8(name: string): Parser;
  int16(name: string): Parser;
  int32(name: string): Parser;
  uint32(name: string): Parser;
  int64(name: string): Parser;
  string(name: string, options: object): Parser;
  array(name: string, options: object): Parser;
  nest(name: string, options: { type: Parser }): Parser;
  parse(bytes: Buffer): unknown;
}

const { Parser } = load('binary-parser') as { Parser: new () => Parser };

export interface ParsedRequestHeader {
  apiKey: number;
  apiVersion: number;
  correlationId: number;
  clientId: string | null;
  tagCount: number;
}

export interface ParsedBatchHeader {
  baseOffset: bigint;
  length: number;
  partitionLeaderEpoch: number;
  magic: number;
  crc: number;
  attributes: number;
  lastOffsetDelta: number;
  baseTimestamp: bigint;
  maxTimestamp: bigint;
  producerId: bigint;
  producerEpoch: number;
  baseSequence: number;
  count: number;
}

export interface ParsedRecord {
  attributes: number;
  timestampDelta: number;
  offsetDelta: number;
  key: number[] | null;
  value: number[] | null;
  headers: { key: string; value: number[] | null }[];
}

const requestHeaderV1 = new Parser().endianess('big')
  .int16('apiKey').int16('apiVersion').int32('correlationId').int16('clientIdLength')
  .string('clientId', { length(this: { clientIdLength: number }) { return Math.max(0, this.clientIdLength); }, encoding: 'utf8' });
const requestHeaderV2 = new Parser().endianess('big').nest('head', { type: requestHeaderV1 }).uint8('tagCount');

/** Request header, version 1 or 2 (2 ends with tagged fields, of which none are expected). */
export function parseRequestHeader(bytes: Uint8Array, version: 1 | 2): ParsedRequestHeader {
  interface Head { apiKey: number; apiVersion: number; correlationId: number; clientIdLength: number; clientId: string }
  const buffer = Buffer.from(bytes);
  const parsed = version === 1
    ? { head: requestHeaderV1.parse(buffer) as Head, tagCount: 0 }
    : requestHeaderV2.parse(buffer) as { head: Head; tagCount: number };
  const { clientIdLength, clientId, ...head } = parsed.head;
  return { ...head, clientId: clientIdLength < 0 ? null : clientId, tagCount: parsed.tagCount };
}

const batchHeader = new Parser().endianess('big')
  .int64('baseOffset').int32('length').int32('partitionLeaderEpoch').int8('magic').uint32('crc').int16('attributes')
  .int32('lastOffsetDelta').int64('baseTimestamp').int64('maxTimestamp').int64('producerId').int16('producerEpoch')
  .int32('baseSequence').int32('count');

export const BATCH_HEADER_BYTES = 61;

export function parseBatchHeader(bytes: Uint8Array): ParsedBatchHeader {
  return batchHeader.parse(Buffer.from(bytes)) as ParsedBatchHeader;
}

/** A zigzag number from the seven-bit groups that binary-parser has read. */
function zigzag(groups: readonly number[]): number {
  const raw = groups.reduce((sum, group, index) => sum + BigInt(group & 0x7f) * 2n ** BigInt(7 * index), 0n);
  return Number((raw / 2n) * (raw % 2n === 0n ? 1n : -1n) - (raw % 2n));
}

const varint = () => ({ type: 'uint8' as const, readUntil: (group: number) => group < 0x80, formatter: (groups: number[]) => zigzag(groups) });

const header = new Parser()
  .array('keyLength', varint())
  .string('key', { length(this: { keyLength: number }) { return this.keyLength; }, encoding: 'utf8' })
  .array('valueLength', varint())
  .array('value', { type: 'uint8', length(this: { valueLength: number }) { return Math.max(0, this.valueLength); } });

const record = new Parser()
  .array('length', varint())
  .uint8('attributes')
  .array('timestampDelta', varint())
  .array('offsetDelta', varint())
  .array('keyLength', varint())
  .array('key', { type: 'uint8', length(this: { keyLength: number }) { return Math.max(0, this.keyLength); } })
  .array('valueLength', varint())
  .array('value', { type: 'uint8', length(this: { valueLength: number }) { return Math.max(0, this.valueLength); } })
  .array('headerCount', varint())
  .array('headers', { type: header, length(this: { headerCount: number }) { return this.headerCount; } });

const records = new Parser().array('records', { type: record, readUntil: 'eof' });

/** The records of a batch without compression, from the bytes behind its header. */
export function parseRecords(bytes: Uint8Array): ParsedRecord[] {
  interface Raw extends Omit<ParsedRecord, 'headers'> { keyLength: number; valueLength: number; headerCount: number; headers: RawHeader[] }
  interface RawHeader { keyLength: number; key: string; valueLength: number; value: number[] }
  if (bytes.length === 0) return [];
  return (records.parse(Buffer.from(bytes)) as { records: Raw[] }).records.map(({ attributes, timestampDelta, offsetDelta, ...raw }) => ({
    attributes, timestampDelta, offsetDelta,
    key: raw.keyLength < 0 ? null : raw.key,
    value: raw.valueLength < 0 ? null : raw.value,
    headers: raw.headers.map(one => ({ key: one.key, value: one.valueLength < 0 ? null : one.value })),
  }));
}

interface Layout<T> {
  readonly span: number;
  decode(bytes: Buffer, offset?: number): T;
}

interface BufferLayout {
  struct<T>(fields: readonly unknown[]): Layout<T>;
  u8(name: string): unknown;
  s8(name: string): unknown;
  s16be(name: string): unknown;
  s32be(name: string): unknown;
  u32be(name: string): unknown;
  ns64be(name: string): unknown;
}

const layout = load('buffer-layout') as BufferLayout;

/** Fields of a batch's header, int64 as numbers. */
export type LaidOutBatchHeader = { [Name in keyof ParsedBatchHeader]: number };

const batchLayout = layout.struct<LaidOutBatchHeader>([
  layout.ns64be('baseOffset'), layout.s32be('length'), layout.s32be('partitionLeaderEpoch'), layout.s8('magic'), layout.u32be('crc'),
  layout.s16be('attributes'), layout.s32be('lastOffsetDelta'), layout.ns64be('baseTimestamp'), layout.ns64be('maxTimestamp'),
  layout.ns64be('producerId'), layout.s16be('producerEpoch'), layout.s32be('baseSequence'), layout.s32be('count'),
]);

export function layOutBatchHeader(bytes: Uint8Array, at = 0): LaidOutBatchHeader {
  return batchLayout.decode(Buffer.from(bytes), at);
}

export interface OffsetIndexEntry {
  relativeOffset: number;
  position: number;
}

export interface TimeIndexEntry {
  timestamp: number;
  relativeOffset: number;
}

const offsetIndexEntry = layout.struct<OffsetIndexEntry>([layout.s32be('relativeOffset'), layout.s32be('position')]);
const timeIndexEntry = layout.struct<TimeIndexEntry>([layout.ns64be('timestamp'), layout.s32be('relativeOffset')]);

function entries<T>(bytes: Uint8Array, entry: Layout<T>, what: string): T[] {
  if (bytes.length % entry.span !== 0) throw new Error(`${what} of ${bytes.length} bytes is not made of entries of ${entry.span}`);
  const buffer = Buffer.from(bytes);
  return Array.from({ length: bytes.length / entry.span }, (_, index) => entry.decode(buffer, index * entry.span));
}

/** Entries of a trimmed `.index` file: relative offset, position. */
export function parseOffsetIndex(bytes: Uint8Array): OffsetIndexEntry[] {
  return entries(bytes, offsetIndexEntry, 'offset index');
}

/** Entries of a trimmed `.timeindex` file: timestamp, relative offset. */
export function parseTimeIndex(bytes: Uint8Array): TimeIndexEntry[] {
  return entries(bytes, timeIndexEntry, 'time index');
}
