import type { Clock, DiskError, Logger } from '../../env/index.js';
import type { DiskMetrics } from '../metrics.js';
import { parentOf } from '../paths.js';

/** Through the page cache, or past it: whole blocks that the disk takes from the process's memory by itself. */
export type WriteWay = 'cached' | 'direct';

export interface WriteWaysOptions {
  /** `auto`: whichever is quicker at the moment; `always`, for tests: direct wherever a write is large enough for it. */
  readonly direct: 'auto' | 'always' | 'never';
  /** Smaller writes go through the page cache. */
  readonly leastDirectBytes: number;
  /** Whether the disk passes for one that stalls (for tests) or for one that never does, whatever it takes. */
  readonly stalls?: boolean;
}

export const DEFAULT_WRITE_WAYS: WriteWaysOptions = { direct: 'auto', leastDirectBytes: 64 << 10 };
export const NEVER_DIRECT: WriteWaysOptions = { ...DEFAULT_WRITE_WAYS, direct: 'never' };

/** A write that takes so long holds up everybody else; off the loop, one that takes no longer than this says that it is over. */
const STALL_MS = 30;
const STALL_OVER_MS = 10;

/** For a log whose owner counts on each write being done when its turn ends. */
export const WITHIN_THE_TURN: WriteWaysOptions = { ...NEVER_DIRECT, stalls: false };

/** Writes of like size are compared with one another; each class is twice the one before, the last has no bound. */
const SIZE_CLASSES = 5;
/** How much a new figure counts in the mean; that of a trial, of which there are few, counts more. */
const WEIGHT = 0.25;
const TRIAL_WEIGHT = 0.5;
/** Trying the way that was slower may cost this part of the time. */
const TRIAL_SHARE = 0.005;
const SHORTEST_TRIAL_PAUSE_MS = 100;
const LONGEST_TRIAL_PAUSE_MS = 10_000;

/** What is known of writes of one size. */
class SizeClass {
  /** Milliseconds a byte; undefined: never tried. */
  readonly cost: Record<WriteWay, number | undefined> = { cached: undefined, direct: undefined };
  nextTrialMs = 0;

  get quicker(): WriteWay {
    const { cached, direct } = this.cost;
    return cached !== undefined && direct !== undefined && direct < cached ? 'direct' : 'cached';
  }
}

/**
 * Which way large writes take, on one disk. Neither is the quicker one everywhere: the page cache costs a copy, and a multiple of
 * that where its pages must first be found (memory that a virtual machine's host has taken back, dirty pages at their limit); a
 * direct write waits for the disk itself. So both are timed, and the slower one is tried again from time to time.
 */
export class WriteWays {
  private readonly classes = Array.from({ length: SIZE_CLASSES }, () => new SizeClass());
  readonly counts = { directWrites: 0, writesBehind: 0, stalls: 0 };
  /** Of all logs there: what was appended and is not written when its turn ends. */
  waitingBytes = 0;
  private isRefused = false;
  private stalls = false;

  constructor(
    private readonly clock: Pick<Clock, 'monotonicMs'>,
    private readonly options: WriteWaysOptions = DEFAULT_WRITE_WAYS,
    private readonly logger?: Logger,
  ) {}

  /** The disk makes writers wait for long: whoever need not hold up the loop had better not. */
  get isStalled(): boolean {
    return this.options.stalls ?? this.stalls;
  }

  /** A direct write failed: no more are tried. */
  refuseDirect({ code, path }: DiskError): void {
    this.isRefused = true;
    this.logger?.info('large appends go through the page cache from now on: a write past it failed', { path, code });
  }

  choose(sizeBytes: number): WriteWay {
    const { direct, leastDirectBytes } = this.options;
    if (this.isRefused || direct === 'never' || sizeBytes < leastDirectBytes) return 'cached';
    if (direct === 'always') return 'direct';
    const { quicker, nextTrialMs } = this.classOf(sizeBytes);
    const isTrial = this.clock.monotonicMs() >= nextTrialMs;
    return isTrial === (quicker === 'cached') ? 'direct' : 'cached';
  }

  /** Runs a write that was chosen, and remembers what it took. */
  timed(way: WriteWay, sizeBytes: number, write: () => void): void {
    const startMs = this.clock.monotonicMs();
    write();
    const nowMs = this.clock.monotonicMs();
    const tookMs = nowMs - startMs;
    if (way === 'direct') this.counts.directWrites++;
    if (tookMs > STALL_MS) this.stalled(tookMs);
    if (!this.isRefused && sizeBytes >= this.options.leastDirectBytes) this.remember(way, sizeBytes, { nowMs, tookMs });
  }

  /** Awaits a write off the loop, and learns from it whether the disk still stalls. */
  async timedBehind(write: Promise<unknown>): Promise<void> {
    const startMs = this.clock.monotonicMs();
    await write;
    this.counts.writesBehind++;
    this.stalls = this.clock.monotonicMs() - startMs > STALL_OVER_MS;
  }

  private stalled(tookMs: number): void {
    if (this.stalls) return;
    this.stalls = true;
    this.counts.stalls++;
    this.logger?.debug('the disk made a write wait: logs are written off the loop until it is quick again', { tookMs });
  }

  private remember(way: WriteWay, sizeBytes: number, { nowMs, tookMs }: { nowMs: number; tookMs: number }): void {
    const found = this.classOf(sizeBytes);
    const wasTrial = way !== found.quicker;
    const cost = tookMs / sizeBytes;
    const before = found.cost[way];
    found.cost[way] = before === undefined ? cost : before + (wasTrial ? TRIAL_WEIGHT : WEIGHT) * (cost - before);
    if (wasTrial) found.nextTrialMs = nowMs + Math.min(LONGEST_TRIAL_PAUSE_MS, Math.max(SHORTEST_TRIAL_PAUSE_MS, tookMs / TRIAL_SHARE));
  }

  private classOf(sizeBytes: number): SizeClass {
    const ratio = sizeBytes / this.options.leastDirectBytes;
    return this.classes[Math.min(SIZE_CLASSES - 1, Math.max(0, Math.floor(Math.log2(ratio))))]!;
  }
}

/** The ways of a node's log directories, each of which may be a disk of its own. */
export class DiskWays {
  private readonly known = new Map<string, WriteWays>();

  constructor(private readonly clock: Pick<Clock, 'monotonicMs'>, private readonly logger: Logger, private readonly options?: WriteWaysOptions) {}

  /** Of the disk that a partition's directory lies on. */
  of(partitionDirectory: string): WriteWays {
    const parent = parentOf(partitionDirectory);
    const ways = this.known.get(parent) ?? new WriteWays(this.clock, this.options, this.logger);
    this.known.set(parent, ways);
    return ways;
  }

  get metrics(): DiskMetrics {
    const sum = (figure: (ways: WriteWays) => number): number => [...this.known.values()].reduce((total, ways) => total + figure(ways), 0);
    return {
      directWrites: sum(({ counts }) => counts.directWrites),
      writesBehind: sum(({ counts }) => counts.writesBehind),
      stalls: sum(({ counts }) => counts.stalls),
      stalledDirectories: sum(({ isStalled }) => Number(isStalled)),
      waitingBytes: sum(({ waitingBytes }) => waitingBytes),
    };
  }
}
