import type { Reader } from './reader.js';
import type { Writer } from './writer.js';
import { KafkaError } from '../errors.js';
import { ErrorCode } from '../generated/errors.js';

/** An int64 of the wire: a number while it is safe, a bigint beyond 2^53-1. */
export type Int64 = number | bigint;

/** Kafka's print form of a UUID: 22 characters of base64url. */
export type Uuid = string;

/** No topic, no directory: the UUID of sixteen zero bytes. */
export const ZERO_UUID: Uuid = 'AAAAAAAAAAAAAAAAAAAAAA';

/** What an encoder takes for a `records` field; large buffers are referenced, not copied. */
export type RecordsInput = Uint8Array | readonly Uint8Array[];

/** A tagged field that the reader's version of a message does not know; kept and written back. */
export interface UnknownTaggedField {
  readonly tag: number;
  readonly data: Uint8Array;
}

/**
 * The number behind an int64 where arithmetic is meant.
 * @throws KafkaError INVALID_REQUEST when the value is beyond 2^53-1.
 */
export function int64ToNumber(value: Int64): number {
  if (typeof value === 'number') return value;
  throw new KafkaError(ErrorCode.INVALID_REQUEST, `${value} is beyond the numbers that can be meant here`);
}

/** The listeners on which Apache serves a request. */
export type ListenerKind = 'broker' | 'controller';

/**
 * One request/response pair. `Request` is what the decoder gives, `Response` what the encoder takes;
 * `RequestInput` and `ResponseOutput` are the other side's view, for whoever sends requests.
 */
export interface Api<Request, Response, RequestInput = Request, ResponseOutput = Response> {
  readonly key: number;
  /** Kafka's name of the request, such as `Fetch`. */
  readonly name: string;
  /** The versions that the codec knows; which of them are served is the server's table. */
  readonly minVersion: number;
  readonly maxVersion: number;
  /** First version that Apache marks unstable; above `maxVersion` when there is none. */
  readonly unstableFrom: number;
  /** First version with compact types and tagged fields; `Infinity` when there is none. */
  readonly flexibleFrom: number;
  readonly listeners: readonly ListenerKind[];
  decodeRequest(reader: Reader, version: number): Request;
  encodeRequest(writer: Writer, message: RequestInput, version: number): void;
  decodeResponse(reader: Reader, version: number): ResponseOutput;
  encodeResponse(writer: Writer, message: Response, version: number): void;
  /**
   * The answer in which every place for an error carries `errorCode`, and every place for its words `errorMessage`:
   * the whole response's, and one for each topic, partition or group that the request named.
   */
  fail(request: Request, errorCode: number, errorMessage?: string | null): Response;
}

/** The folder of `protocol-specs/records` that a record comes from. */
export type RecordFamily = 'control' | 'embedded' | 'metadata' | 'offsets' | 'remote-log' | 'share' | 'storage' | 'transaction';

/** One record, key or value that is stored or embedded rather than asked for. */
export interface RecordSchema<Message, Input = Message> {
  /** Kafka's name, such as `OffsetCommitValue`. */
  readonly name: string;
  readonly family: RecordFamily;
  /**
   * What tells records of a family apart: the type of a metadata record, the version of a coordinator's key,
   * the type of a control record; -1 where the place alone says what it is.
   */
  readonly type: number;
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly flexibleFrom: number;
  decode(reader: Reader, version: number): Message;
  encode(writer: Writer, message: Input, version: number): void;
  /** The lowest version that carries every field of `message` that is not at its default. */
  lowestVersion(message: Input): number;
}

/** Any API, where its types do not matter. */
// Methods compare both ways, so each Api is assignable to this one.
export type AnyApi = Api<object, object>;
export type AnyRecordSchema = RecordSchema<object>;
