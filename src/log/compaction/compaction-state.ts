/** What a log knows of its own compaction. The log changes it when it is cut or let go, the cleaner does the rest. */
export class CompactionState {
  /** All below it has been compacted, or began before compaction did; undefined: never. It is what the checkpoint says. */
  cleanedOffset: number | undefined;
  /** The last attempt met something that cannot be compacted: it is not tried again before a restart. */
  isUncleanable = false;
  private abortFlag: Int32Array | undefined;
  private resolveEnded: () => void = () => undefined;
  /** Resolves when the last cleaning that began has ended, however that was. */
  ended: Promise<void> = Promise.resolve();

  /** A cleaning is under way: nobody else may remove segments. */
  get inProgress(): boolean {
    return this.abortFlag !== undefined;
  }

  /** Begins a cleaning; the flag, which other threads can see, is no longer 0 once it has to stop. */
  begin(): Int32Array {
    this.ended = new Promise(resolve => { this.resolveEnded = resolve; });
    return (this.abortFlag = new Int32Array(new SharedArrayBuffer(4)));
  }

  end(): void {
    this.abortFlag = undefined;
    this.resolveEnded();
  }

  /** The log is closed, lies elsewhere from now on, or is not to be compacted any more. */
  abort(): void {
    if (this.abortFlag) Atomics.store(this.abortFlag, 0, 1);
  }

  /** The log was cut, and its last segment begins at `activeBaseOffset` (`maybeTruncateCheckpoint`). True when a checkpoint says more. */
  truncated(activeBaseOffset: number): boolean {
    if (this.cleanedOffset === undefined || this.cleanedOffset <= activeBaseOffset) return false;
    this.cleanedOffset = activeBaseOffset;
    return true;
  }
}
