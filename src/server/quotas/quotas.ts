import type { ChargePartitions } from '../../controller/index.js';
import { QuotaKey, type ClientQuotaImage, type MetadataImage } from '../../metadata/types.js';
import { KafkaError } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import type { RequestContext } from '../context.js';
import { Limits, UNBOUNDED } from './limits.js';
import { Rate, type Windows } from './rate.js';
import { Shares } from './shares.js';
import { TokenBucket } from './token-bucket.js';

/**
 * What clients may use of this broker, and what they have used (KIP-13, KIP-124, KIP-219, KIP-599): of the bytes that they produce
 * and fetch, of the loop's time, and of changes to partitions. Throttle times are milliseconds for which the client is held back:
 * 0 when it keeps to its quotas.
 */
export interface Quotas {
  /** Whether anybody's bytes, or the time of anybody's requests, are bounded: nothing is counted else, for counting has its price. */
  readonly limitProduce: boolean;
  readonly limitFetch: boolean;
  readonly limitTime: boolean;
  /** Counts a Produce of so many bytes; the throttle time. */
  produced(context: RequestContext, bytes: number): number;
  /** Counts an answer with so many bytes to a consumer; the throttle time. */
  fetched(context: RequestContext, bytes: number): number;
  /** Takes back what `fetched` counted: who is held back is given nothing. */
  unfetched(context: RequestContext, bytes: number): void;
  /** Most bytes of an answer that a client may be given without being held back for certain. */
  fetchRoom(context: RequestContext): number;
  /** Counts what a request took of the loop; the throttle time. */
  spent(context: RequestContext, loopMs: number): number;
  /** Counts it for the client's next request. */
  spentAfterwards(context: RequestContext, loopMs: number): void;
  /** For one request that changes topics; strict: it is refused what is beyond the quota. */
  mutations(context: RequestContext, strict: boolean): MutationQuota;
}

/** Partitions that one request creates or deletes. */
export interface MutationQuota {
  /** Counts partitions, or throws THROTTLING_QUOTA_EXCEEDED when the client has used up its quota before them. */
  readonly charge: ChargePartitions;
  /** What is left of the throttle time. */
  throttleMs(): number;
}

export interface ClientQuotasOptions {
  /** `quota.window.num`, `quota.window.size.seconds`. */
  readonly windows: Windows;
  /** `controller.quota.window.num`, `controller.quota.window.size.seconds`. */
  readonly mutationWindows: Windows;
  /** Milliseconds, never going back. */
  readonly nowMs: () => number;
}

const FREE: MutationQuota = { charge: () => undefined, throttleMs: () => 0 };
/** Of the one thread there is: 100 is all of it. */
const PERCENT_PER_NANOSECOND = 100 / 1e9;
const percent = (loopMs: number): number => Math.round(loopMs * 1e6) * PERCENT_PER_NANOSECOND;

export class ClientQuotas implements Quotas {
  limitProduce = false;
  limitFetch = false;
  limitTime = false;
  #quotas: ReadonlyMap<string, ClientQuotaImage> | undefined;
  readonly #produce: Shares<Rate>;
  readonly #fetch: Shares<Rate>;
  readonly #time: Shares<Rate>;
  readonly #mutations: Shares<TokenBucket>;

  constructor(private readonly options: ClientQuotasOptions) {
    const { windows, mutationWindows } = options;
    const none = Limits.of([], '');
    const rates = { meter: () => new Rate(windows), isForgotten: (rate: Rate, _: number, nowMs: number) => rate.isForgotten(nowMs) };
    this.#produce = new Shares(rates, none);
    this.#fetch = new Shares(rates, none);
    this.#time = new Shares(rates, none);
    this.#mutations = new Shares({
      meter: () => new TokenBucket(mutationWindows), isForgotten: (bucket, bound, nowMs) => bucket.isFull(bound, nowMs),
    }, none);
  }

  /** Takes the quotas of a new image. */
  onImage({ clientQuotas }: Pick<MetadataImage, 'clientQuotas'>): void {
    if (clientQuotas === this.#quotas) return;
    this.#quotas = clientQuotas;
    const limits = (key: string): Limits => Limits.of(clientQuotas.values(), key);
    this.#produce.limits = limits(QuotaKey.PRODUCER_BYTE_RATE);
    this.#fetch.limits = limits(QuotaKey.CONSUMER_BYTE_RATE);
    this.#time.limits = limits(QuotaKey.REQUEST_PERCENTAGE);
    this.#mutations.limits = limits(QuotaKey.CONTROLLER_MUTATION_RATE);
    this.limitProduce = !this.#produce.limits.isEmpty;
    this.limitFetch = !this.#fetch.limits.isEmpty;
    this.limitTime = !this.#time.limits.isEmpty;
  }

  produced(context: RequestContext, bytes: number): number {
    return this.limitProduce ? this.#record(this.#produce, context, bytes) : 0;
  }

  fetched(context: RequestContext, bytes: number): number {
    return this.limitFetch ? this.#record(this.#fetch, context, bytes) : 0;
  }

  unfetched(context: RequestContext, bytes: number): void {
    if (this.limitFetch) this.#recordOnly(this.#fetch, context, -bytes);
  }

  fetchRoom(context: RequestContext): number {
    if (!this.limitFetch) return Infinity;
    const { windows: { samples, windowMs } } = this.options;
    const { bound } = this.#account(this.#fetch, context);
    // A single window has no room, but for whom nothing bounds.
    return bound === UNBOUNDED ? Infinity : Math.floor(bound * (samples - 1) * (windowMs / 1000));
  }

  spent(context: RequestContext, loopMs: number): number {
    if (!this.limitTime) return 0;
    return Math.min(this.#record(this.#time, context, percent(loopMs)), this.options.windows.windowMs);
  }

  spentAfterwards(context: RequestContext, loopMs: number): void {
    if (this.limitTime) this.#recordOnly(this.#time, context, percent(loopMs));
  }

  mutations(context: RequestContext, strict: boolean): MutationQuota {
    if (this.#mutations.limits.isEmpty) return FREE;
    let heldBackMs = 0;
    let sinceMs = 0;
    const hold = (bucket: TokenBucket, bound: number, nowMs: number): void => {
      const throttleMs = bucket.throttleMs(bound, nowMs);
      if (throttleMs === 0) return;
      heldBackMs = throttleMs;
      sinceMs = nowMs;
    };
    return {
      charge: partitions => {
        const nowMs = this.#nowMs();
        const { meter, bound } = this.#account(this.#mutations, context, nowMs);
        if (strict && meter.tokens(bound, nowMs) < 0) {
          hold(meter, bound, nowMs);
          throw new KafkaError(ErrorCode.THROTTLING_QUOTA_EXCEEDED);
        }
        meter.take(partitions, bound, nowMs);
        if (!strict) hold(meter, bound, nowMs);
      },
      throttleMs: () => Math.max(0, heldBackMs - (this.#nowMs() - sinceMs)),
    };
  }

  #record(shares: Shares<Rate>, context: RequestContext, value: number): number {
    const nowMs = this.#nowMs();
    const { meter, bound } = this.#account(shares, context, nowMs);
    meter.record(value, nowMs);
    return meter.throttleMs(bound, nowMs);
  }

  #recordOnly(shares: Shares<Rate>, context: RequestContext, value: number): void {
    const nowMs = this.#nowMs();
    this.#account(shares, context, nowMs).meter.record(value, nowMs);
  }

  /** A client without an id is as one whose id is empty. */
  #account<Meter>(shares: Shares<Meter>, { connection, clientId }: RequestContext, nowMs = this.#nowMs()) {
    return shares.of(connection.principal.name, clientId ?? '', nowMs);
  }

  /** Whole ones, as Kafka's. */
  #nowMs(): number {
    return Math.floor(this.options.nowMs());
  }
}
