import { TimingWheel } from '../base/timing-wheel.js';
import type { Effects, Machine, Moment, ReplyTo } from './machine.js';
import type { ReplicatedLog } from './replicated-log.js';
import { Runtime, type RuntimeOptions } from './runtime.js';

export interface RuntimeSetOptions<M, Rec> extends Omit<RuntimeOptions<M, Rec>, 'log' | 'create' | 'wheel'> {
  /** The log of a partition that this node leads. */
  readonly open: (partition: number) => ReplicatedLog;
  readonly create: (partition: number) => M;
}

/** The runtimes of one kind of coordinator, one for each partition of its topic that this node leads. */
export class RuntimeSet<M extends Machine<Rec>, Rec> {
  private readonly runtimes = new Map<number, { readonly runtime: Runtime<M, Rec>; epoch: number }>();
  private readonly wheel: TimingWheel;

  constructor(private readonly options: RuntimeSetOptions<M, Rec>) {
    this.wheel = new TimingWheel(options.clock);
  }

  /** This node leads `partition` in `epoch`. Resolves when the machine serves; news that is older than what is known counts nothing. */
  async elected(partition: number, epoch: number): Promise<void> {
    const known = this.runtimes.get(partition);
    if (known !== undefined && known.epoch >= epoch) return;
    known?.runtime.close();
    const { options, wheel } = this;
    const runtime = new Runtime<M, Rec>({
      ...options, wheel, name: `${options.name} ${partition}`, log: options.open(partition), create: () => options.create(partition),
    });
    this.runtimes.set(partition, { runtime, epoch });
    await runtime.elected(epoch);
  }

  /** This node does not lead `partition` any more; with an epoch, unless it was elected after that one. */
  resigned(partition: number, epoch = Infinity): void {
    const known = this.runtimes.get(partition);
    if (known === undefined || known.epoch > epoch) return;
    this.runtimes.delete(partition);
    known.runtime.close();
  }

  /** The partitions that this node leads, loading ones too, in order. */
  partitions(): number[] {
    return [...this.runtimes.keys()].sort((a, b) => a - b);
  }

  get(partition: number): Runtime<M, Rec> | undefined {
    return this.runtimes.get(partition)?.runtime;
  }

  /** As `Runtime.run`, on the machine of a partition. */
  run<Response>(partition: number, operation: (machine: M, at: Moment, to: ReplyTo<Response>) => Effects<Rec>): Promise<Response> {
    const runtime = this.get(partition);
    return runtime === undefined ? Promise.reject(this.options.errorFor('not-leader')) : runtime.run(operation);
  }

  /** Runs `operation` on every machine that this node leads, in order of partition; the answers in that order. */
  runAll<Response>(operation: (machine: M, at: Moment, to: ReplyTo<Response>) => Effects<Rec>): Promise<Response[]> {
    return Promise.all(this.partitions().map(partition => this.run(partition, operation)));
  }

  close(): void {
    for (const { runtime } of this.runtimes.values()) runtime.close();
    this.runtimes.clear();
    this.wheel.close();
  }
}
