import type { PartitionLog } from '../log/index.js';
import type { FetchOptions, FetchPosition } from './fetch-types.js';
import type { Partition, Watcher } from './partition.js';
import { limitOf } from './read-pass.js';

/** One position of a fetch that waits: counts what could be read there, without reading it. */
export class ParkedPosition implements Watcher {
  private readonly leaderEpoch: number | undefined;
  private readonly log: PartitionLog;
  /** The log's count of bytes up to where `readableBytes` reaches. */
  private countedTo: number | undefined;

  constructor(
    private readonly partition: Partition,
    private readonly position: FetchPosition,
    private readonly options: FetchOptions,
    /** Up to where it was read last, and what that gave. */
    limitOffset: number,
    private readableBytes: number,
    /** How many bytes more there are; undefined when only reading tells, or there is an error to be told. */
    private readonly grown: (bytes: number | undefined) => void,
  ) {
    this.leaderEpoch = partition.leaderEpoch;
    this.log = partition.log;
    this.countedTo = this.count(limitOffset);
    partition.watch(this);
  }

  wake(): void {
    const { partition, log, options } = this;
    // Each log counts from a beginning of its own.
    const isSame = partition.log === log && partition.leaderEpoch === this.leaderEpoch;
    const count = isSame ? this.count(limitOf(log, options)) : undefined;
    if (count === undefined || this.countedTo === undefined) return this.grown(undefined);
    const bytes = Math.min(count - this.countedTo, this.position.maxBytes - this.readableBytes);
    this.countedTo = count;
    if (bytes <= 0) return;
    this.readableBytes += bytes;
    this.grown(bytes);
  }

  leave(): void {
    this.partition.unwatch(this);
  }

  private count(limitOffset: number): number | undefined {
    return this.log.bytesBefore(Math.max(limitOffset, Number(this.position.fetchOffset)));
  }
}
