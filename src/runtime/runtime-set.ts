import { TimingWheel, type WheelTimer } from '../base/timing-wheel.js';
import type { TransactionMarker } from '../protocol/records/control-records.js';
import type { Effects, Machine, Moment, ReplyTo } from './machine.js';
import type { ReplicatedLog } from './replicated-log.js';
import { Runtime, type RuntimeOptions } from './runtime.js';

export interface RuntimeSetOptions<M, Rec> extends Omit<RuntimeOptions<M, Rec>, 'log' | 'create' | 'wheel' | 'onFault'> {
  /** Whose partitions these are; the log calls each runtime by it. */
  readonly topic: string;
  /** The log of a partition that this node leads. */
  readonly open: (partition: number) => ReplicatedLog;
  readonly create: (partition: number) => M;
}

/** How often a machine that failed is made anew in one leadership, and how long that waits: twice as long each time. */
const MAX_RELOADS = 10;
const FIRST_RELOAD_MS = 1_000;
const LONGEST_RELOAD_MS = 60_000;
/** Who has served for this long since the last fault has all reloads to come again. */
const FORGIVEN_AFTER_MS = 600_000;

interface Led<M extends Machine<Rec>, Rec> {
  readonly runtime: Runtime<M, Rec>;
  epoch: number;
  /** Resolves when the machine serves or has failed. */
  settling: Promise<void>;
  /** The log was read once, to its end or to where that failed. */
  isSettled: boolean;
  reloads: number;
  faultedAtMs: number;
  reloadTimer: WheelTimer | undefined;
}

/** The runtimes of one kind of coordinator, one for each partition of its topic that this node leads. */
export class RuntimeSet<M extends Machine<Rec>, Rec> {
  private readonly runtimes = new Map<number, Led<M, Rec>>();
  private readonly wheel: TimingWheel;

  constructor(private readonly options: RuntimeSetOptions<M, Rec>) {
    this.wheel = new TimingWheel(options.clock);
  }

  /**
   * This node leads `partition` in `epoch`. Resolves when the machine serves or has failed, which is tried again for as long as
   * there is hope; news that is older than what is known counts nothing. As with Kafka's `CoordinatorRuntime`, a machine that
   * serves already is not loaded again.
   */
  async elected(partition: number, epoch: number): Promise<void> {
    const known = this.runtimes.get(partition);
    if (known !== undefined && known.epoch >= epoch) return;
    if (known?.runtime.leadsOn(epoch) === true) {
      known.epoch = epoch;
      return known.settling;
    }
    if (known !== undefined) this.drop(known);
    const { options, wheel } = this;
    const runtime = new Runtime<M, Rec>({
      ...options, wheel, name: this.nameOf(partition), log: options.open(partition), create: () => options.create(partition),
      onFault: () => this.reloadLater(partition, led),
    });
    const led: Led<M, Rec> = { runtime, epoch, settling: Promise.resolve(), isSettled: false, reloads: 0, faultedAtMs: -Infinity, reloadTimer: undefined };
    this.runtimes.set(partition, led);
    led.settling = runtime.elected(epoch).then(() => { led.isSettled = true; });
    return led.settling;
  }

  /** This node does not lead `partition` any more; with an epoch, unless it was elected after that one. */
  resigned(partition: number, epoch = Infinity): void {
    const known = this.runtimes.get(partition);
    if (known === undefined || known.epoch > epoch) return;
    this.runtimes.delete(partition);
    this.drop(known);
  }

  /** Whether this node leads `partition` and its log was read: what comes of a call does not wait for that any more. */
  isSettled(partition: number): boolean {
    return this.runtimes.get(partition)?.isSettled ?? false;
  }

  /** Whether that is so of every partition that this node leads. One that cannot be read fails its own callers, and no more. */
  get areSettled(): boolean {
    return this.partitions().every(partition => this.isSettled(partition));
  }

  /** The partitions that this node leads, loading and failed ones too, in order. */
  partitions(): number[] {
    return [...this.runtimes.keys()].sort((a, b) => a - b);
  }

  get(partition: number): Runtime<M, Rec> | undefined {
    return this.runtimes.get(partition)?.runtime;
  }

  /** Those that serve. */
  active(): Runtime<M, Rec>[] {
    return [...this.runtimes.values()].map(({ runtime }) => runtime).filter(({ status }) => status === 'active');
  }

  /** The epoch in which this node leads `partition` and its machine serves. */
  epochOf(partition: number): number | undefined {
    return this.get(partition)?.epoch;
  }

  /** As `Runtime.run`, on the machine of a partition. */
  run<Response>(partition: number, operation: (machine: M, at: Moment, to: ReplyTo<Response>) => Effects<Rec>): Promise<Response> {
    const runtime = this.get(partition);
    return runtime === undefined ? Promise.reject(this.options.errorFor('not-leader')) : runtime.run(operation);
  }

  /** As `Runtime.endTransaction`, in the log of a partition. */
  endTransaction(partition: number, marker: TransactionMarker): Promise<void> {
    const runtime = this.get(partition);
    return runtime === undefined ? Promise.reject(this.options.errorFor('not-leader')) : runtime.endTransaction(marker);
  }

  /** Runs `operation` on every machine that this node leads, in order of partition; the answers in that order. */
  runAll<Response>(operation: (machine: M, at: Moment, to: ReplyTo<Response>) => Effects<Rec>): Promise<Response[]> {
    return Promise.all(this.partitions().map(partition => this.run(partition, operation)));
  }

  close(): void {
    for (const led of this.runtimes.values()) this.drop(led);
    this.runtimes.clear();
    this.wheel.close();
  }

  private reloadLater(partition: number, led: Led<M, Rec>): void {
    const { clock, logger } = this.options;
    const nowMs = clock.monotonicMs();
    if (nowMs - led.faultedAtMs > FORGIVEN_AFTER_MS) led.reloads = 0;
    led.faultedAtMs = nowMs;
    if (led.reloads >= MAX_RELOADS) {
      logger.error(`${this.nameOf(partition)} has failed for good; it is tried again when this broker is elected anew`, { reloads: led.reloads });
      return;
    }
    const delayMs = Math.min(FIRST_RELOAD_MS * 2 ** led.reloads++, LONGEST_RELOAD_MS);
    logger.warn(`${this.nameOf(partition)} is loaded again in a while`, { delayMs });
    led.reloadTimer = this.wheel.add(delayMs, () => {
      led.reloadTimer = undefined;
      void led.runtime.elected(led.epoch);
    });
  }

  private drop({ runtime, reloadTimer }: Led<M, Rec>): void {
    if (reloadTimer !== undefined) this.wheel.cancel(reloadTimer);
    runtime.close();
  }

  private nameOf(partition: number): string {
    return `${this.options.name} of ${this.options.topic}-${partition}`;
  }
}
