/** Answers that wait to leave. Small ones lie one behind the other in memory and leave as one piece, which is made but once. */
export class OutBuffers {
  private pieces: Uint8Array[] = [];
  /** Bytes right behind the last piece that belong to it. */
  private behind = 0;

  add(bytes: Uint8Array): void {
    const last = this.pieces.at(-1);
    if (last?.buffer === bytes.buffer && last.byteOffset + last.length + this.behind === bytes.byteOffset) {
      this.behind += bytes.length;
      return;
    }
    this.join();
    this.pieces.push(bytes);
  }

  /** All pieces, which are the caller's from now on. */
  take(): Uint8Array[] {
    this.join();
    const { pieces } = this;
    this.pieces = [];
    return pieces;
  }

  private join(): void {
    const last = this.pieces.at(-1);
    if (last === undefined || this.behind === 0) return;
    this.pieces[this.pieces.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + this.behind);
    this.behind = 0;
  }
}
