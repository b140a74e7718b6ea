/** Names are short; what is longer is seldom sent twice. */
const MOST_BYTES = 64;
const SLOTS = 256;

/**
 * Texts that were read lately, found by their bytes. The same few names of clients, topics and groups come with every request:
 * comparing their bytes costs a tenth of decoding them, and a string that was a key before need not be hashed again.
 */
export class RecentTexts {
  private readonly texts = Array.from({ length: SLOTS }, () => '');
  private readonly lengths = new Uint8Array(SLOTS);
  /** The bytes of each slot's text, side by side. */
  private readonly bytes = new Uint8Array(SLOTS * MOST_BYTES);

  /** `buffer[at, at + length)` as UTF-8. */
  read(buffer: Buffer, at: number, length: number): string {
    if (length === 0) return '';
    if (length > MOST_BYTES) return buffer.toString('utf8', at, at + length);
    const slot = (31 * length + 7 * buffer[at]! + 13 * buffer[at + length - 1]!) % SLOTS;
    return this.holds(slot, buffer, at, length) ? this.texts[slot]! : this.keep(slot, buffer, at, length);
  }

  private holds(slot: number, buffer: Buffer, at: number, length: number): boolean {
    if (this.lengths[slot] !== length) return false;
    const { bytes } = this;
    const start = slot * MOST_BYTES;
    for (let i = 0; i < length; i++) if (bytes[start + i] !== buffer[at + i]) return false;
    return true;
  }

  private keep(slot: number, buffer: Buffer, at: number, length: number): string {
    buffer.copy(this.bytes, slot * MOST_BYTES, at, at + length);
    this.lengths[slot] = length;
    return this.texts[slot] = buffer.toString('utf8', at, at + length);
  }
}
