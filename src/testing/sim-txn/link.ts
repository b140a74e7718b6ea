import type { SimWorld } from '../../env/sim/index.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { RawClient, type ClientApi } from '../raw-client.js';
import type { DisturbedNet } from './disturbed-net.js';
import { InvariantError } from './invariants.js';

/** The request was sent, or may have been, and no answer came: nobody knows whether it was served. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

/** Stands between the clients and the broker: plants the faults that the invariants must find. */
export interface Tap {
  /** May answer itself instead of the broker, or send another request. */
  request?<Request, Response>(api: ClientApi<Request, Response>, request: Request, version: number, link: Link): { answer: Response } | { request: Request } | undefined;
  response?<Request, Response>(api: ClientApi<Request, Response>, request: Request, response: Response, link: Link): Response;
}

export interface LinkOptions {
  readonly name: string;
  readonly world: SimWorld;
  readonly net: DisturbedNet;
  readonly host: string;
  readonly port: number;
  /** Whether the broker serves, so that time counts. */
  readonly isServing: () => boolean;
  readonly tap: Tap;
}

const REQUEST_TIMEOUT_MS = 4000;
const RETRY_MS = 25;
const LONGEST_RETRY_MS = 400;
/** Time in which the broker serves; every timeout of a scenario is far below. */
const MOST_SERVING_MS = 60_000;

/** Errors after which every client asks again. */
const RETRIABLE: ReadonlySet<number> = new Set([
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.NOT_COORDINATOR, ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.UNSTABLE_OFFSET_COMMIT, ErrorCode.LEADER_NOT_AVAILABLE,
]);

/** One client's way to the broker: one connection at a time, made anew when it breaks, and one request at a time on it. */
export class Link {
  readonly name: string;
  readonly world: SimWorld;
  private client: RawClient | undefined;

  constructor(readonly options: LinkOptions) {
    ({ name: this.name, world: this.world } = options);
  }

  pause(ms: number): Promise<void> {
    return new Promise(resolve => { this.world.schedule(ms, () => resolve()); });
  }

  /** Sends once; `NoAnswerError` when the connection breaks, or no answer comes in time. */
  async send<Request, Response>(api: ClientApi<Request, Response>, request: Request, version: number, timeoutMs = REQUEST_TIMEOUT_MS): Promise<Response> {
    const { tap } = this.options;
    const tapped = tap.request?.(api, request, version, this);
    if (tapped !== undefined && 'answer' in tapped) return tapped.answer;
    const client = await this.connected();
    const cancel = this.world.schedule(timeoutMs, () => client.close());
    try {
      const response = await client.send(api, tapped?.request ?? request, version);
      return tap.response?.(api, request, response, this) ?? response;
    } catch (error) {
      if (this.client === client) this.client = undefined;
      throw new NoAnswerError(`${this.name}: ${api.name} was not answered`, { cause: error });
    } finally {
      cancel();
    }
  }

  /**
   * Sends until the answer is final, as every client does: again after an error that passes, and after no answer at all.
   * `codeOf` says what an answer's error is; `onAgain` is told of every one that was not final, and of every one that did not come.
   */
  async ask<Request, Response>(
    api: ClientApi<Request, Response>, request: Request, version: number, codeOf: (response: Response) => number,
    { timeoutMs, onNoAnswer, onAgain }: { timeoutMs?: number; onNoAnswer?: () => void; onAgain?: () => void } = {},
  ): Promise<Response> {
    let servingMs = 0;
    let last = 'no answer';
    for (let retryMs = RETRY_MS; ; retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)) {
      const beganMs = this.world.nowMs;
      const wasServing = this.options.isServing();
      try {
        const response = await this.send(api, request, version, timeoutMs);
        const code = codeOf(response);
        if (!RETRIABLE.has(code)) return response;
        last = `error ${code}`;
      } catch (error) {
        if (!(error instanceof NoAnswerError)) throw error;
        onNoAnswer?.();
        last = 'no answer';
      }
      onAgain?.();
      await this.pause(retryMs);
      if (wasServing && this.options.isServing()) servingMs += this.world.nowMs - beganMs;
      if (servingMs > MOST_SERVING_MS) throw new InvariantError('progress', `${this.name} asked ${api.name} for a minute: ${last}`);
    }
  }

  close(): void {
    this.client?.close();
    this.client = undefined;
  }

  private async connected(): Promise<RawClient> {
    while (this.client === undefined) {
      try {
        this.client = await RawClient.connect(this.options.net, this.options.port, { host: this.options.host, clientId: this.name });
      } catch {
        await this.pause(RETRY_MS);
      }
    }
    return this.client;
  }
}
