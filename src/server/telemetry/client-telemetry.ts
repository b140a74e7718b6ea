import { crc32c } from '../../base/crc32c.js';
import type { TimingWheel, WheelTimer } from '../../base/timing-wheel.js';
import { randomUuid, uuidToBytes } from '../../base/uuid.js';
import type { Clock, Compute, Logger, Random } from '../../env/index.js';
import type { MetadataImage } from '../../metadata/types.js';
import { KafkaError } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import type { GetTelemetrySubscriptionsResponseInput } from '../../protocol/generated/get-telemetry-subscriptions.js';
import type { PushTelemetryRequest } from '../../protocol/generated/push-telemetry.js';
import { CompressionType } from '../../protocol/records/batch.js';
import { COMPUTE_TASKS, isCompressionType } from '../../protocol/records/compression/index.js';
import { ZERO_UUID, type Uuid } from '../../protocol/wire/types.js';
import type { RequestContext } from '../context.js';
import { ClientMetricsStore, type ClientMetrics } from './client-metrics.js';
import { Subscriptions, type ClientAttributes, type Wanted } from './subscriptions.js';

export interface ClientTelemetryOptions {
  readonly clock: Clock;
  readonly wheel: TimingWheel;
  readonly random: Random;
  readonly compute: Pick<Compute, 'run'>;
  readonly logger: Logger;
  readonly image: () => MetadataImage;
  /** `telemetry.max.bytes`: of what is pushed, compressed and not. */
  readonly maxBytes: number;
  /** Whether what is pushed is read and kept; else it is thrown away, as by an Apache broker without a plug-in for it. */
  readonly collects: boolean;
}

/** What became of clients' pushes since the start, and the newest numbers of those that run. */
export interface ClientTelemetryMetrics {
  /** Clients that have asked for their subscription, or pushed, of late. */
  readonly instances: number;
  readonly pushes: number;
  /** Requests that came before their time. */
  readonly throttled: number;
  /** Pushes for a subscription that has changed since, which is how clients learn of it. */
  readonly unknownSubscriptions: number;
  /** Pushes that could not be read. */
  readonly unreadable: number;
  /** Numbers that there was no room for. */
  readonly dropped: number;
  readonly clients: readonly ClientMetrics[];
}

interface Instance {
  readonly wanted: Wanted;
  readonly subscriptionId: number;
  /** Of the subscriptions that `wanted` was made from. */
  readonly version: number;
  /** It ends with the connection that it was first seen on. */
  readonly connectionId: string;
  lastGetMs: number;
  lastPushMs: number;
  isTerminating: boolean;
  lastError: number;
  expiry: WheelTimer | undefined;
}

const MAX_INSTANCES = 16_384;
const MIN_EXPIRY_MS = 60_000;
/** A client that has been silent for so many of its intervals is gone. */
const EXPIRY_INTERVALS = 3;
/** The first that a client has is the one that it uses. */
const ACCEPTED_COMPRESSION = [CompressionType.zstd, CompressionType.lz4, CompressionType.gzip, CompressionType.snappy];
/** Ids that mean no client. */
const RESERVED_IDS: readonly Uuid[] = [ZERO_UUID, 'AAAAAAAAAAAAAAAAAAAAAQ'];
/** After these a client has to ask at once what is wanted of it now. */
const FORGIVEN: readonly number[] = [ErrorCode.UNKNOWN_SUBSCRIPTION_ID, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE];

const NOTHING_WANTED: GetTelemetrySubscriptionsResponseInput = {
  clientInstanceId: ZERO_UUID, subscriptionId: 0, acceptedCompressionTypes: [], pushIntervalMs: 0, telemetryMaxBytes: 0, deltaTemporality: false,
  requestedMetrics: [],
};

/** The metrics of clients (KIP-714): which each is to push how often, and what it has pushed. After Kafka's `ClientMetricsManager`. */
export class ClientTelemetry {
  /** Who was heard of last stands last. */
  private readonly instances = new Map<Uuid, Instance>();
  private readonly byConnection = new Map<string, Uuid>();
  private readonly subscriptions: Subscriptions;
  private readonly store = new ClientMetricsStore();
  private readonly counts = { pushes: 0, throttled: 0, unknownSubscriptions: 0, unreadable: 0 };

  constructor(private readonly options: ClientTelemetryOptions) {
    this.subscriptions = new Subscriptions(options.image, options.logger);
  }

  get collects(): boolean {
    return this.options.collects;
  }

  metrics(): ClientTelemetryMetrics {
    return { instances: this.instances.size, ...this.counts, dropped: this.store.dropped, clients: this.store.all() };
  }

  /** What a client is to push; one without an id gets one. Who asks before his time gets THROTTLING_QUOTA_EXCEEDED and nothing else. */
  subscriptionOf(askedId: Uuid, context: RequestContext): GetTelemetrySubscriptionsResponseInput {
    const clientInstanceId = askedId === ZERO_UUID ? this.newId() : askedId;
    const instance = this.instanceOf(clientInstanceId, context);
    const nowMs = this.options.clock.monotonicMs();
    const { wanted: { metrics, pushIntervalMs }, subscriptionId } = instance;
    if (nowMs - Math.max(instance.lastGetMs, instance.lastPushMs) >= pushIntervalMs) instance.lastGetMs = nowMs;
    else if (!FORGIVEN.includes(instance.lastError)) return { ...NOTHING_WANTED, errorCode: this.throttled().errorCode };
    instance.lastError = ErrorCode.NONE;
    return {
      clientInstanceId, subscriptionId, pushIntervalMs, requestedMetrics: [...metrics], acceptedCompressionTypes: ACCEPTED_COMPRESSION,
      telemetryMaxBytes: this.options.maxBytes, deltaTemporality: true,
    };
  }

  /** Takes what a client pushes; rejects with a `KafkaError` that says why it is not taken. */
  async push(request: PushTelemetryRequest, context: RequestContext): Promise<void> {
    if (RESERVED_IDS.includes(request.clientInstanceId)) throw new KafkaError(ErrorCode.INVALID_REQUEST, 'the client instance id is none');
    const instance = this.instanceOf(request.clientInstanceId, context);
    try {
      this.refuse(instance, request);
      if (request.metrics.length > 0) await this.collect(request, context);
      instance.lastError = ErrorCode.NONE;
    } catch (error) {
      if (error instanceof KafkaError) instance.lastError = error.errorCode;
      throw error;
    }
  }

  /** The client that first came on this connection is gone. */
  disconnected(connectionId: string): void {
    const id = this.byConnection.get(connectionId);
    this.byConnection.delete(connectionId);
    if (id !== undefined && this.instances.get(id)?.connectionId === connectionId) this.remove(id);
  }

  private refuse(instance: Instance, request: PushTelemetryRequest): void {
    const wasTerminating = instance.isTerminating;
    instance.isTerminating = request.terminating;
    if (wasTerminating) throw new KafkaError(ErrorCode.INVALID_REQUEST, 'the client has said that it ends');
    const nowMs = this.options.clock.monotonicMs();
    // The first push after a question comes when it likes: clients spread theirs over half to one and a half intervals.
    const isDue = instance.lastGetMs > instance.lastPushMs || nowMs - instance.lastPushMs >= instance.wanted.pushIntervalMs;
    if (isDue) instance.lastPushMs = nowMs;
    else if (!request.terminating) throw this.throttled();
    if (request.subscriptionId !== instance.subscriptionId) {
      this.counts.unknownSubscriptions++;
      throw new KafkaError(ErrorCode.UNKNOWN_SUBSCRIPTION_ID);
    }
    if (!isCompressionType(request.compressionType)) throw new KafkaError(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);
    if (request.metrics.length > this.options.maxBytes) throw new KafkaError(ErrorCode.TELEMETRY_TOO_LARGE);
  }

  private async collect({ clientInstanceId, compressionType, metrics }: PushTelemetryRequest, { clientId, connection }: RequestContext): Promise<void> {
    const { compute, maxBytes, collects } = this.options;
    this.counts.pushes++;
    try {
      const bytes = compressionType === CompressionType.none
        ? metrics
        // A copy: the frame is not ours to give away.
        : await compute.run(COMPUTE_TASKS[compressionType as Exclude<CompressionType, 0>].decompress, Uint8Array.from(metrics), { maxOutputBytes: maxBytes });
      if (!collects) return;
      // What most brokers never need is loaded when it is.
      const { readOtlp } = await import('./otlp.js');
      const { clientAddress, clientSoftwareName, clientSoftwareVersion } = connection;
      const read = readOtlp(bytes);
      // Meanwhile it may have gone.
      if (this.instances.has(clientInstanceId)) this.store.take({ clientInstanceId, clientId, clientAddress, clientSoftwareName, clientSoftwareVersion }, read);
    } catch (error) {
      this.counts.unreadable++;
      this.options.logger.debug('pushed metrics cannot be read', { client: clientInstanceId, error });
      throw new KafkaError(ErrorCode.INVALID_RECORD);
    }
  }

  private throttled(): KafkaError {
    this.counts.throttled++;
    return new KafkaError(ErrorCode.THROTTLING_QUOTA_EXCEEDED);
  }

  private newId(): Uuid {
    for (;;) {
      const id = randomUuid(this.options.random);
      if (!this.instances.has(id)) return id;
    }
  }

  /** A client's state, made anew when it is not known or what is wanted of clients has changed. It lives on for a while. */
  private instanceOf(id: Uuid, context: RequestContext): Instance {
    const known = this.instances.get(id);
    this.cancelExpiry(known);
    const instance = known !== undefined && known.version === this.subscriptions.version ? known : this.begin(id, context);
    instance.expiry = this.options.wheel.add(Math.max(MIN_EXPIRY_MS, EXPIRY_INTERVALS * instance.wanted.pushIntervalMs), () => this.remove(id));
    this.instances.delete(id);
    this.instances.set(id, instance);
    for (const [oldest] of this.instances) {
      if (this.instances.size <= MAX_INSTANCES) break;
      this.remove(oldest);
    }
    return instance;
  }

  private begin(id: Uuid, context: RequestContext): Instance {
    const { connection } = context;
    const { version } = this.subscriptions;
    const wanted = this.subscriptions.for(attributesOf(id, context));
    this.byConnection.set(connection.id, id);
    return {
      wanted, version, subscriptionId: subscriptionIdOf(wanted, id), connectionId: connection.id,
      lastGetMs: -Infinity, lastPushMs: -Infinity, isTerminating: false, lastError: ErrorCode.NONE, expiry: undefined,
    };
  }

  private remove(id: Uuid): void {
    const instance = this.instances.get(id);
    if (instance === undefined) return;
    this.cancelExpiry(instance);
    this.instances.delete(id);
    this.store.forget(id);
    if (this.byConnection.get(instance.connectionId) === id) this.byConnection.delete(instance.connectionId);
  }

  private cancelExpiry(instance: Instance | undefined): void {
    if (instance?.expiry !== undefined) this.options.wheel.cancel(instance.expiry);
  }
}

/** What Kafka calls the software of a client that has not named it. */
const UNNAMED = 'unknown';

function attributesOf(id: Uuid, { clientId, connection }: RequestContext): ClientAttributes {
  return {
    client_instance_id: id, client_id: clientId,
    client_software_name: connection.clientSoftwareName || UNNAMED, client_software_version: connection.clientSoftwareVersion || UNNAMED,
    client_source_address: connection.clientAddress,
    // `host:port-host:port-n`
    client_source_port: /:(\d+)-\d+$/.exec(connection.id)?.[1] ?? null,
  };
}

/** A checksum of what is wanted, mixed with Java's hash of the client's id. */
function subscriptionIdOf({ metrics, pushIntervalMs }: Wanted, id: Uuid): number {
  const words = Buffer.from(uuidToBytes(id));
  const hash = words.readInt32BE(0) ^ words.readInt32BE(4) ^ words.readInt32BE(8) ^ words.readInt32BE(12);
  return crc32c(Buffer.from(`[${metrics.join(', ')}]${pushIntervalMs}`)) ^ hash;
}
