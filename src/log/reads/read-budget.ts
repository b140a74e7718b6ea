/**
 * Bounds the memory of what was read for clients and has not been sent yet, over all of them. The less is left, the less an
 * answer may take, so that clients who read slowly, or not at all, leave something to those who do; where nothing is left, who
 * wants to read waits in line. Held are buffers of cold reads, and of the tail cache only what it let go of while an answer
 * still had it: what the cache has is counted there.
 */
export class ReadBudget {
  /** Gives back at once what is held on a chance. */
  whenShort: () => void = () => undefined;
  private held = 0;
  private readonly line = new Set<() => void>();
  private serving = false;

  /** `plentyBytes`: what many answers may share. Answers of the least size go on up to `EXHAUSTED_FACTOR` times that. */
  constructor(private readonly plentyBytes = DEFAULT_PLENTY_BYTES) {}

  get heldBytes(): number {
    return this.held;
  }

  get isExhausted(): boolean {
    return this.held >= EXHAUSTED_FACTOR * this.plentyBytes;
  }

  /** Whether so much more leaves others all that they would have, so that it may be taken on the chance that it is of use. */
  isAmple(bytes: number): boolean {
    return this.held + bytes <= AMPLE_PART * this.plentyBytes;
  }

  /** How much of `askedBytes` one more answer may take. */
  share(askedBytes: number): number {
    return Math.min(askedBytes, Math.max(LEAST_SHARE_BYTES, Math.floor((this.plentyBytes - this.held) / SHARES)));
  }

  hold(bytes: number): void {
    this.held += bytes;
    if (this.held > SHORT_PART * this.plentyBytes) this.whenShort();
  }

  free(bytes: number): void {
    this.held -= bytes;
    if (this.line.size > 0 && !this.serving) this.serveLine();
  }

  /** Calls `task` once there is room again, in the order of asking; the result withdraws it. */
  whenRoom(task: () => void): () => void {
    this.line.add(task);
    return () => { this.line.delete(task); };
  }

  private serveLine(): void {
    this.serving = true;
    try {
      for (const task of this.line) {
        if (this.isExhausted) break;
        this.line.delete(task);
        task();
      }
    } finally {
      this.serving = false;
    }
  }
}

const DEFAULT_PLENTY_BYTES = 64 << 20;
const EXHAUSTED_FACTOR = 4;
/** Up to here more may be held on a chance; the distance keeps it from being taken and given back by turns. */
const AMPLE_PART = 1 / 2;
const SHORT_PART = 3 / 4;
/** An answer gets this part of what is left. */
const SHARES = 8;
const LEAST_SHARE_BYTES = 64 << 10;
