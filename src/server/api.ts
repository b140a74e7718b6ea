import type { Api } from '../protocol/wire/types.js';
import type { RequestContext } from './context.js';

/** The half of an API that a server uses. */
export type ServerApi<Request, Response> = Pick<
  Api<Request, Response, never, never>,
  'key' | 'name' | 'minVersion' | 'maxVersion' | 'unstableFrom' | 'flexibleFrom' | 'decodeRequest' | 'encodeResponse' | 'fail'
>;

/** A request that may wait long for its answer. Both may be called at any time, after the answer too. */
export interface Unanswered {
  /** Nobody waits any more: lets go of everything, `reply` need not be called. */
  abandon(): void;
  /** The server stops: answers with what there is. Absent where there is no answer before its time. */
  hurry?(): void;
}

/** Takes the answer, once. `onSent` runs when the system has taken its bytes, or never will: memory lent to the answer is free again. */
export type Reply<Response> = (response: Response | null, onSent?: () => void) => void;

/** For handlers that answer from callbacks, long after they returned. */
export interface Later {
  /** What went wrong since, treated as if the handler had thrown it. */
  fail(error: unknown): void;
  /** Whom to tell when the client has left before its answer, or the server stops. */
  pending(request: Unanswered): void;
  /**
   * The client has used more than its quota: the answer says for how long it is held back, the longest of all that are asked for,
   * and nothing more of it is read for as long (KIP-219).
   */
  throttle(forMs: number): void;
  /** Counts the loop's time that the request has taken now instead of with its answer, for who must know; gives the throttle time. */
  chargeTime(): number;
}

/**
 * Answers one request. `reply` is called once, now or later, with the response; null means that the client expects none
 * (Produce with acks=0). A `KafkaError` that is thrown, or that the returned promise rejects with, becomes the API's failure
 * answer. The bytes in `request` live until `reply`, unless the entry borrows its frame.
 */
export type Handler<Request, Response> = (
  request: Request,
  context: RequestContext,
  reply: Reply<Response>,
  later: Later,
) => void | Promise<void>;

/** Thrown by a handler that has no other answer than to hang up. */
export class CloseConnection extends Error {
  override readonly name = 'CloseConnection';
}

/** One served API: the sole source of dispatch and of ApiVersions. */
export interface ServedApi {
  readonly api: ServerApi<unknown, unknown>;
  readonly minVersion: number;
  readonly maxVersion: number;
  /** What ApiVersions tells; versions from here to `minVersion` are answered UNSUPPORTED_VERSION in a body that they can read. */
  readonly advertisedMinVersion: number;
  /** Whether ApiVersions leaves it out: who asks all the same is answered. */
  readonly isHidden: boolean;
  readonly roles: readonly ('broker' | 'controller')[];
  readonly handler: Handler<unknown, unknown>;
  /**
   * borrowed: bytes of the request are only valid until the handler returns (Produce, Fetch: no copy on the hot path).
   * owned: they are valid until the reply.
   */
  readonly frame: 'borrowed' | 'owned';
  /** What brokers ask of one another takes no part in the request quota (KIP-124). */
  readonly clusterAction: boolean;
}

export interface ServeOptions {
  minVersion?: number;
  maxVersion?: number;
  advertisedMinVersion?: number;
  isHidden?: boolean;
  roles?: readonly ('broker' | 'controller')[];
  frame?: 'borrowed' | 'owned';
  clusterAction?: boolean;
}

/** An entry of the table; the versions default to all that the specification has and Apache calls stable. */
export function serve<Request, Response>(
  api: ServerApi<Request, Response>,
  handler: Handler<Request, Response>,
  options: ServeOptions = {},
): ServedApi {
  const minVersion = options.minVersion ?? api.minVersion;
  return {
    api,
    minVersion,
    advertisedMinVersion: options.advertisedMinVersion ?? minVersion,
    maxVersion: options.maxVersion ?? Math.min(api.maxVersion, api.unstableFrom - 1),
    isHidden: options.isHidden ?? false,
    roles: options.roles ?? ['broker'],
    handler: handler as Handler<unknown, unknown>,
    frame: options.frame ?? 'owned',
    clusterAction: options.clusterAction ?? false,
  };
}

/** A handler from a function that returns its answer, now or as a promise. */
export function answering<Request, Response>(
  answer: (request: Request, context: RequestContext, later: Later) => Response | Promise<Response>,
): Handler<Request, Response> {
  return (request, context, reply, later) => {
    const result = answer(request, context, later);
    if (result instanceof Promise) return result.then(response => reply(response));
    reply(result);
    return undefined;
  };
}
