import { createHash } from 'node:crypto';

/** How many lines stay readable; the digest covers all. */
const KEPT_LINES = 20_000;

/** Everything that happened in a world, a line each. Two runs are the same when their digests are. */
export class Trace {
  private readonly hash = createHash('sha256');
  private kept: string[] = [];
  private lines = 0;

  constructor(private readonly nowMs: () => number) {}

  /** How many events there were. */
  get count(): number {
    return this.lines;
  }

  record(node: string, kind: string, detail: string): void {
    const line = `${this.nowMs().toFixed(3)} ${node} ${kind} ${detail}\n`;
    this.hash.update(line);
    this.lines++;
    this.kept.push(line);
    if (this.kept.length >= 2 * KEPT_LINES) this.kept = this.kept.slice(KEPT_LINES);
  }

  /** SHA-256 over all lines so far. */
  digest(): string {
    return this.hash.copy().digest('hex');
  }

  /** The last lines, for people. */
  tail(count = KEPT_LINES): string {
    return this.kept.slice(-count).join('');
  }
}
