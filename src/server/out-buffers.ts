import { withElement } from '../base/lists.js';

const NONE: Uint8Array[] = [];

/** Answers that wait to leave. Small ones lie one behind the other in memory and leave as one piece, which is made but once. */
export class OutBuffers {
  private pieces: Uint8Array[] | undefined;
  /** Bytes right behind the last piece that belong to it. */
  private behind = 0;

  add(bytes: Uint8Array): void {
    const last = this.pieces?.at(-1);
    if (last?.buffer === bytes.buffer && last.byteOffset + last.length + this.behind === bytes.byteOffset) {
      this.behind += bytes.length;
      return;
    }
    this.join();
    this.pieces = withElement(this.pieces, bytes);
  }

  /** All pieces, which are the caller's from now on. */
  take(): readonly Uint8Array[] {
    this.join();
    const { pieces } = this;
    this.pieces = undefined;
    return pieces ?? NONE;
  }

  private join(): void {
    const { pieces } = this;
    const last = pieces?.at(-1);
    if (last === undefined || this.behind === 0) return;
    pieces![pieces!.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + this.behind);
    this.behind = 0;
  }
}
