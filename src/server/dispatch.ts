import { channel } from 'node:diagnostics_channel';
import { readInt16 } from '../base/bytes.js';
import type { Clock, Logger } from '../env/index.js';
import { KafkaError, ownMessage } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { readRequestHead, writeResponseHead, type RequestHead } from '../protocol/header.js';
import { Reader } from '../protocol/wire/reader.js';
import { Writer, type Encoded } from '../protocol/wire/writer.js';
import { CloseConnection, type Later, type ServedApi, type Unanswered } from './api.js';
import { API_VERSIONS_KEY, unsupportedApiVersions } from './api-versions.js';
import type { ConnectionFacts, ListenerFacts, RequestContext } from './context.js';
import { LoopTime, type TimeQuota } from './quotas/loop-time.js';

/** The connection that a request came on, as dispatch sees it. One request is under way at a time. */
export interface Caller {
  readonly facts: ConnectionFacts;
  /** Sends an answer; `onSent` runs once the system has its bytes or never will. undefined: there is none. Either ends the request. */
  answer(encoded: Encoded | undefined, onSent?: () => void): void;
  /** The request under way may wait long: it is told when the client leaves, or the server stops. */
  pending(request: Unanswered): void;
  /** Nothing more is read for so long. */
  mute(forMs: number): void;
  /** Hangs up at once. */
  close(reason: string): void;
}

export interface DispatcherOptions {
  readonly apis: readonly ServedApi[];
  readonly logger: Logger;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** What a request may take of the loop. */
  readonly quotas: TimeQuota;
}

/** Tells whoever subscribes of each answer, `{ key, version }`: tests that count what was exercised. */
const ANSWERED = channel('ottla:answered');

const SLAB_BYTES = 64 * 1024;

type Role = ListenerFacts['role'];

/**
 * From a frame to its answer: header, the table's entry, version, decoding, handler; errors are caught once, mapped once,
 * encoded once. Single-threaded, so one reader and one writer serve all connections.
 */
export class Dispatcher {
  private readonly tables: Readonly<Record<Role, ReadonlyMap<number, ServedApi>>>;
  private readonly reader = new Reader();
  private readonly writer = new Writer();
  /** Copies of frames; what is written is never written over, and goes with the last request that refers to it. */
  private slab: Buffer = Buffer.alloc(0);
  private slabUsed = 0;

  constructor(private readonly options: DispatcherOptions) {
    this.tables = { broker: tableOf(options.apis, 'broker'), controller: tableOf(options.apis, 'controller') };
  }

  /**
   * Handles `frame[start, end)`. `lasting`: the bytes stay until the request ends. Returns whether they are of no use any
   * more, which for a borrowed frame is before the answer.
   */
  dispatch(caller: Caller, frame: Buffer, start: number, end: number, lasting: boolean): boolean {
    const served = end - start < 2 ? undefined : this.tables[caller.facts.listener.role].get(readInt16(frame, start));
    if (served === undefined) return hangUp(caller, 'unknown API key');
    const { reader } = this;
    const { quotas, clock } = this.options;
    const time = quotas.limitTime && !served.clusterAction ? new LoopTime(quotas, clock) : undefined;
    let request: unknown;
    let head: RequestHead;
    try {
      // From a copy, when the request is needed longer than its bytes are there.
      if (served.frame === 'owned' && !lasting) this.moveToCopy(frame, start, end);
      else reader.reset(frame, start, end);
      head = readRequestHead(reader, () => served.api)!;
      const { apiVersion } = head;
      if (apiVersion > served.maxVersion || apiVersion < served.advertisedMinVersion) return this.refuseVersion(caller, served, head);
      request = served.api.decodeRequest(reader, apiVersion);
    } catch (error) {
      return hangUp(caller, `request cannot be read: ${messageOf(error)}`);
    }
    const { apiKey, apiVersion, correlationId, clientId } = head;
    const context: RequestContext = { apiKey, apiVersion, correlationId, clientId, requestBytes: end - start, connection: caller.facts };
    this.handle(new Call(this, caller, served, request, context, time));
    time?.rest(context);
    return served.frame === 'borrowed';
  }

  /** Small frames share a slab, which the reader knows already: setting it on a new buffer costs more than the copy. */
  private moveToCopy(frame: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.slabUsed + length > this.slab.length) {
      this.slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, length));
      this.slabUsed = 0;
    }
    const at = this.slabUsed;
    frame.copy(this.slab, at, start, end);
    this.slabUsed += length;
    this.reader.reset(this.slab, at, this.slabUsed);
  }

  private handle(call: Call): void {
    const { served, request, context } = call;
    if (context.apiVersion < served.minVersion) return call.fail(new KafkaError(ErrorCode.UNSUPPORTED_VERSION));
    try {
      const later = served.handler(request, context, call.reply, call);
      later?.then(undefined, (error: unknown) => call.fail(error));
    } catch (error) {
      call.fail(error);
    }
  }

  private refuseVersion(caller: Caller, served: ServedApi, head: RequestHead): boolean {
    if (head.apiKey !== API_VERSIONS_KEY) return hangUp(caller, `${served.api.name} version ${head.apiVersion} is not served`);
    caller.answer(this.encode(served, 0, head.correlationId, unsupportedApiVersions(served)));
    return true;
  }

  /** Sends an answer, or the failure that encoding it makes. */
  send(call: Call, response: unknown, onSent: (() => void) | undefined): void {
    const { caller, served, context, time } = call;
    // A later answer has the loop again.
    const isLater = time !== undefined && time.goOn();
    const answer = throttled(call, response);
    try {
      caller.answer(this.encode(served, context.apiVersion, context.correlationId, answer), onSent);
    } catch (error) {
      onSent?.();
      this.logUnexpected(call, error);
      this.sendFailure(call, ErrorCode.UNKNOWN_SERVER_ERROR, null);
    }
    if (isLater) time.rest(context);
  }

  /** Maps what a handler threw. */
  sendError(call: Call, error: unknown): void {
    if (error instanceof CloseConnection) return endWithout(call.caller, error.message || 'asked for by the handler');
    if (error instanceof KafkaError) return this.sendFailure(call, error.errorCode, ownMessage(error));
    this.logUnexpected(call, error);
    this.sendFailure(call, ErrorCode.UNKNOWN_SERVER_ERROR, null);
  }

  private sendFailure(call: Call, errorCode: number, message: string | null): void {
    const { caller, served, request, context } = call;
    try {
      const response = throttled(call, served.api.fail(request, errorCode, message));
      caller.answer(this.encode(served, context.apiVersion, context.correlationId, response));
    } catch (error) {
      endWithout(caller, `no answer for ${served.api.name} could be made: ${messageOf(error)}`);
    }
  }

  private encode({ api }: ServedApi, version: number, correlationId: number, response: unknown): Encoded {
    const { writer } = this;
    writer.reset();
    const length = writer.reserveInt32();
    writeResponseHead(writer, api, version, correlationId);
    api.encodeResponse(writer, response, version);
    if (ANSWERED.hasSubscribers) ANSWERED.publish({ key: api.key, version });
    writer.patchInt32(length, writer.byteLength - 4);
    return writer.finish();
  }

  logUnexpected({ served, context }: Call, error: unknown): void {
    this.options.logger.error('request failed unexpectedly', {
      api: served.api.name, version: context.apiVersion, clientId: context.clientId, connection: context.connection.id, error,
    });
  }
}

/** The response with the time for which its client is held back, if it is; from now on it is. */
function throttled(call: Call, response: unknown): unknown {
  // As with nearly all.
  if (call.time === undefined && call.throttleMs === 0) return response;
  call.throttle(call.chargeTime());
  const { caller, throttleMs } = call;
  if (throttleMs === 0) return response;
  caller.mute(throttleMs);
  return { ...(response as object), throttleTimeMs: throttleMs };
}

/** One request on its way to its one answer. */
class Call implements Later {
  /** The longest that was asked for. */
  throttleMs = 0;
  private answered = false;

  constructor(
    private readonly dispatcher: Dispatcher,
    readonly caller: Caller,
    readonly served: ServedApi,
    readonly request: unknown,
    readonly context: RequestContext,
    /** Undefined where nobody wants to know. */
    readonly time: LoopTime | undefined,
  ) {}

  readonly reply = (response: unknown, onSent?: () => void): void => {
    if (this.answered) {
      onSent?.();
      this.dispatcher.logUnexpected(this, new Error('a request was answered twice'));
      return;
    }
    this.answered = true;
    if (response === null) this.endUnanswered(onSent);
    else this.dispatcher.send(this, response, onSent);
  };

  /** Produce with acks=0 is held back for its bytes, and takes no part in the request quota. */
  private endUnanswered(onSent: (() => void) | undefined): void {
    if (this.throttleMs > 0) this.caller.mute(this.throttleMs);
    this.caller.answer(undefined, onSent);
  }

  pending(request: Unanswered): void {
    if (!this.answered) this.caller.pending(request);
  }

  fail(error: unknown): void {
    if (this.answered) return this.dispatcher.logUnexpected(this, error);
    this.answered = true;
    this.dispatcher.sendError(this, error);
  }

  throttle(forMs: number): void {
    this.throttleMs = Math.max(this.throttleMs, forMs);
  }

  chargeTime(): number {
    return this.time?.charge(this.context) ?? 0;
  }
}

function tableOf(apis: readonly ServedApi[], role: Role): ReadonlyMap<number, ServedApi> {
  return new Map(apis.filter(({ roles }) => roles.includes(role)).map(served => [served.api.key, served]));
}

function hangUp(caller: Caller, reason: string): true {
  caller.close(reason);
  return true;
}

/** Hangs up on a request that has begun, which ends all the same: its frame is free. */
function endWithout(caller: Caller, reason: string): void {
  caller.close(reason);
  caller.answer(undefined);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
