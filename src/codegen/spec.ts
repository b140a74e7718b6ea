/** What a file of `protocol-specs/` says, as the parser gives it and the emitters take it. */

/** A closed range of versions; a range that stays open in the file ends with its message's. */
export interface Versions {
  readonly min: number;
  readonly max: number;
}

/** How a scalar travels. */
export type WireType =
  | 'bool' | 'int8' | 'int16' | 'uint16' | 'int32' | 'uint32' | 'int64' | 'float64'
  | 'uuid' | 'string' | 'plainString' | 'bytes' | 'records';

/** A scalar's type by what it means; `error` and `errorMessage` are filled in by `fail`, the rest speak to the reader. */
export interface Scalar {
  readonly kind: 'scalar';
  readonly meaning: string;
  readonly wire: WireType;
}

export interface StructRef {
  readonly kind: 'struct';
  readonly name: string;
}

export interface ArrayOf {
  readonly kind: 'array';
  readonly element: Scalar | StructRef;
}

export type FieldType = Scalar | StructRef | ArrayOf;

/** A default as it stands in the file. */
export type Default = null | boolean | bigint | string;

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly versions: Versions;
  /** The versions, all among `versions`, in which the field may be null. */
  readonly nullable: Versions | undefined;
  /** Explicit, or implied by the meaning; undefined when a writer has to give a value. */
  readonly default: Default | undefined;
  readonly tag: number | undefined;
  /** The request's fields from which a failing response takes its items or its value; `a.b` for arrays in an array. */
  readonly from: readonly string[];
  /** What a failing response says here, where that is neither the default nor nothing. */
  readonly failing: Default | undefined;
  readonly line: number;
}

export interface Struct {
  readonly name: string;
  /** The versions in which the struct can occur. */
  readonly versions: Versions;
  readonly fields: readonly Field[];
}

/** A request, a response, a header or a record. */
export interface Message {
  readonly name: string;
  readonly versions: Versions;
  /** First version with compact types and tagged fields; Infinity for none. */
  readonly flexibleFrom: number;
  readonly root: Struct;
  /** The nested structs by name, inner ones before those that hold them. */
  readonly structs: ReadonlyMap<string, Struct>;
}

export interface ApiSpec {
  readonly kind: 'api';
  readonly file: string;
  readonly prose: string;
  readonly name: string;
  readonly key: number;
  readonly unstableFrom: number;
  readonly listeners: readonly string[];
  readonly request: Message;
  readonly response: Message;
}

export interface RecordMessage extends Message {
  readonly type: number;
}

/** A file of records: one, or the key and the value that belong together. */
export interface RecordSpec {
  readonly kind: 'record' | 'header';
  readonly file: string;
  readonly prose: string;
  readonly family: string;
  readonly messages: readonly RecordMessage[];
}

export type Spec = ApiSpec | RecordSpec;

export interface ErrorSpec {
  readonly code: number;
  readonly name: string;
  readonly retriable: boolean;
  readonly message: string;
}

/** The meanings a field can have, and how each travels. What has no meaning of its own is named by its wire type. */
const meanings: Readonly<Record<string, WireType>> = {
  bool: 'bool', int8: 'int8', int16: 'int16', uint16: 'uint16', int32: 'int32', uint32: 'uint32', int64: 'int64',
  float64: 'float64', uuid: 'uuid', string: 'string', plainString: 'plainString', bytes: 'bytes', records: 'records',
  error: 'int16', errorMessage: 'string', throttleMs: 'int32',
  durationMs: 'int32', longDurationMs: 'int64', timestampMs: 'int64',
  offset: 'int64', partition: 'int32', leaderEpoch: 'int32',
  producerId: 'int64', producerEpoch: 'int16', brokerId: 'int32', brokerEpoch: 'int64',
  topicName: 'string', topicId: 'uuid', directoryId: 'uuid', groupId: 'string', transactionalId: 'string',
};

/** The default that a meaning implies, so that a writer need not say what is nearly always so. */
const impliedDefaults: Readonly<Record<string, Default>> = { error: 0n, throttleMs: 0n };

export function wireTypeOf(meaning: string): WireType | undefined {
  return Object.hasOwn(meanings, meaning) ? meanings[meaning] : undefined;
}

export function impliedDefault(meaning: string, nullableThroughout: boolean): Default | undefined {
  if (meaning === 'errorMessage') return nullableThroughout ? null : undefined;
  return Object.hasOwn(impliedDefaults, meaning) ? impliedDefaults[meaning] : undefined;
}

export const includes = (range: Versions, version: number): boolean => version >= range.min && version <= range.max;
export const covers = (outer: Versions, inner: Versions): boolean => outer.min <= inner.min && outer.max >= inner.max;

/** A mistake in a specification, named by its place. */
export class SpecError extends Error {
  constructor(file: string, line: number, message: string) {
    super(`${file}:${line}: ${message}`);
    this.name = 'SpecError';
  }
}
