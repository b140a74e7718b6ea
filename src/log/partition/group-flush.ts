/**
 * At most one flush at a time: those who ask while one runs share the next, which covers what all of them wrote.
 */
export class GroupFlush {
  private running: Promise<void> | undefined;
  private next: Promise<void> | undefined;

  constructor(private readonly work: () => Promise<void>) {}

  /** Resolves once a flush that began after this call is done; rejects as it does. */
  request(): Promise<void> {
    if (!this.running) return this.start();
    this.next ??= this.afterRunning();
    return this.next;
  }

  private async afterRunning(): Promise<void> {
    // How the running one ends is told to those who asked for it.
    await this.running!.catch(() => undefined);
    this.next = undefined;
    // Another may have begun meanwhile; it began after all who wait here asked.
    await (this.running ?? this.start());
  }

  private start(): Promise<void> {
    const running = this.work().finally(() => {
      if (this.running === running) this.running = undefined;
    });
    this.running = running;
    return running;
  }

  /** Resolves when nothing runs or waits any more. */
  async idle(): Promise<void> {
    while (this.running) await (this.next ?? this.running).catch(() => undefined);
  }
}
