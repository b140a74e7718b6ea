/** An int64 of the wire: a number while it is safe, a bigint beyond 2^53-1. */
export type Int64 = number | bigint;

/** Kafka's print form of a UUID: 22 characters of base64url. */
export type Uuid = string;

export const ZERO_UUID: Uuid = 'AAAAAAAAAAAAAAAAAAAAAA';

/** One request/response pair as the generator describes it. */
export interface Api<Request, Response> {
  readonly key: number;
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
  /** First version with compact types and tagged fields; above `maxVersion` when there is none. */
  readonly flexibleFrom: number;
  /** The answer in which every place for an error carries `errorCode`. */
  fail(request: Request, errorCode: number): Response;
}
