import type { ControllerApi } from '../controller/index.js';
import type { Cancel, Clock, Logger } from '../env/index.js';
import { SUPPORTED_FEATURES } from '../metadata/features.js';
import { KafkaError } from '../protocol/errors.js';
import type { BrokerRegistrationRequestInput } from '../protocol/generated/broker-registration.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { int64ToNumber, type Uuid } from '../protocol/wire/types.js';

export interface LifecycleOptions {
  readonly controller: Pick<ControllerApi, 'registerBroker' | 'heartbeat'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly brokerId: number;
  readonly clusterId: string;
  /** Fresh for each start of the process. */
  readonly incarnationId: Uuid;
  readonly listeners: BrokerRegistrationRequestInput['listeners'];
  readonly logDirs: readonly Uuid[];
  readonly rack: string | null;
  /** Epoch of the incarnation that stopped in order, -1 when it did not. */
  readonly previousBrokerEpoch: number;
  readonly heartbeatIntervalMs: number;
  /** Directories that are to get no new partitions; null while the cluster's metadata.version does not know of such. */
  readonly cordonedDirectories: () => readonly Uuid[] | null;
  /** `log.dir.failure.timeout.ms`: for longer than this the controller must not believe in a directory that has failed. */
  readonly directoryFailureTimeoutMs: number;
  /** The controller could not be told of a failed directory in time. */
  readonly onFault: (error: Error) => void;
  /** Metadata offset up to which this broker has acted. */
  readonly appliedOffset: () => number;
}

/** A broker's life as its controller knows it (KIP-631): registered, fenced, serving, going away. */
export class Lifecycle {
  #epoch = -1;
  #wantFence = true;
  #fenced = true;
  #cancelNext: Cancel = () => {};
  #stopped = false;
  /** Directories that failed since the registration, as every heartbeat tells, and the time limits of those that nobody was told of. */
  readonly #offlineDirectories = new Set<Uuid>();
  readonly #untold = new Map<Uuid, Cancel>();

  #toldCordoned = '';

  constructor(private readonly options: LifecycleOptions) {}

  /** Offset of the registration's record; -1 before there is one. */
  get epoch(): number {
    return this.#epoch;
  }

  async register(): Promise<void> {
    const { controller, brokerId, clusterId, incarnationId, listeners, logDirs, rack, previousBrokerEpoch } = this.options;
    const features = [...SUPPORTED_FEATURES].map(([name, { min, max }]) => ({ name, minSupportedVersion: min, maxSupportedVersion: max }));
    const { brokerEpoch = -1, errorCode = ErrorCode.NONE } = await controller.registerBroker({
      brokerId, clusterId, incarnationId, listeners, features, rack, logDirs, previousBrokerEpoch,
    });
    if (errorCode !== ErrorCode.NONE) throw new KafkaError(errorCode);
    this.#epoch = int64ToNumber(brokerEpoch);
  }

  /** Asks to serve, and resolves when the controller agrees; from then on a heartbeat goes out at every interval. */
  async unfence(): Promise<void> {
    this.#wantFence = false;
    await this.#beat(false);
    if (this.#fenced) throw new KafkaError(ErrorCode.BROKER_NOT_AVAILABLE, 'the controller keeps this broker fenced');
    this.#scheduleNext();
  }

  /** A log directory can no longer be used: the controller hears of it at once (KIP-858), or this broker must stop. */
  directoryFailed(id: Uuid): void {
    const { clock, logger, directoryFailureTimeoutMs, onFault } = this.options;
    this.#offlineDirectories.add(id);
    if (this.#epoch < 0 || this.#stopped) return;
    this.#untold.set(id, clock.after(directoryFailureTimeoutMs, () => onFault(new Error(`the controller could not be told that log directory ${id} is offline`))));
    this.#beat(false).catch((error: unknown) => logger.warn('heartbeat failed', { error }));
  }

  /** The broker's settings may have changed: the controller hears at once which directories are cordoned. */
  settingsChanged(): void {
    if (this.#epoch < 0 || this.#stopped || this.#toldCordoned === String(this.options.cordonedDirectories())) return;
    this.#beat(false).catch((error: unknown) => this.options.logger.warn('heartbeat failed', { error }));
  }

  /** Asks to go; resolves when the controller has handed on what this broker led. */
  async shutDown(): Promise<void> {
    this.#stopped = true;
    this.#cancelNext();
    for (const id of this.#untold.keys()) this.#told(id);
    if (this.#epoch < 0) return;
    while (!(await this.#mayGo())) await new Promise<void>(resolve => { this.options.clock.after(this.options.heartbeatIntervalMs, resolve); });
  }

  /** Whoever was unregistered has nothing left to hand on. */
  async #mayGo(): Promise<boolean> {
    try {
      return await this.#beat(true);
    } catch (error) {
      if (error instanceof KafkaError && error.errorCode === ErrorCode.STALE_BROKER_EPOCH) return true;
      throw error;
    }
  }

  async #beat(wantShutDown: boolean): Promise<boolean> {
    const { controller, brokerId, appliedOffset } = this.options;
    const offlineLogDirs = [...this.#offlineDirectories];
    const cordonedLogDirs = this.options.cordonedDirectories();
    this.#toldCordoned = String(cordonedLogDirs);
    const { isFenced = true, shouldShutDown } = await controller.heartbeat({
      brokerId, brokerEpoch: this.#epoch, currentMetadataOffset: appliedOffset(), wantFence: this.#wantFence, wantShutDown, offlineLogDirs, cordonedLogDirs,
    });
    for (const id of offlineLogDirs) this.#told(id);
    this.#fenced = isFenced;
    return shouldShutDown;
  }

  #told(directory: Uuid): void {
    this.#untold.get(directory)?.();
    this.#untold.delete(directory);
  }

  #scheduleNext(): void {
    if (this.#stopped) return;
    this.#cancelNext = this.options.clock.after(this.options.heartbeatIntervalMs, () => {
      this.#beat(false)
        .catch((error: unknown) => this.options.logger.warn('heartbeat failed', { error }))
        .finally(() => this.#scheduleNext());
    });
  }
}
