/** Large enough that a page costs little beside its bytes, small enough that growing copies little. */
const PAGE_BYTES = 64 * 1024;
const SMALLEST_PAGE_BYTES = 256;

/** The content of a file in memory: it grows without copying what is there, and holes take no room. */
export class PagedBytes {
  /** A page may be missing (a hole) or shorter than a whole one: what is not there reads as zeros. */
  private pages: (Buffer | undefined)[] = [];
  private size = 0;
  /** A copy has the same pages. */
  private isShared = false;

  get length(): number {
    return this.size;
  }

  /** Copies up to `limit` bytes of `buffers` to `position`; returns how many. */
  write(buffers: readonly Uint8Array[], position: number, limit = Infinity): number {
    let at = position;
    for (const buffer of buffers) {
      const left = position + limit - at;
      if (left <= 0) break;
      this.put(left < buffer.length ? buffer.subarray(0, left) : buffer, at);
      at += Math.min(left, buffer.length);
    }
    if (at > position) this.size = Math.max(this.size, at);
    return at - position;
  }

  /** Copies up to `length` bytes from `position` into `target`; returns how many there were. */
  read(target: Uint8Array, targetStart: number, length: number, position: number): number {
    const total = Math.max(0, Math.min(length, this.size - position));
    for (let done = 0; done < total;) {
      const within = (position + done) % PAGE_BYTES;
      const count = Math.min(total - done, PAGE_BYTES - within);
      const page = this.pages[Math.floor((position + done) / PAGE_BYTES)];
      const start = targetStart + done;
      const there = Math.max(0, Math.min(count, (page?.length ?? 0) - within));
      if (page !== undefined && there > 0) target.set(page.subarray(within, within + there), start);
      if (there < count) target.fill(0, start + there, start + count);
      done += count;
    }
    return total;
  }

  /** A copy of the bytes from `start` to `end`, or to the end of the file. */
  slice(start = 0, end = this.size): Buffer {
    const target = Buffer.allocUnsafe(Math.max(0, Math.min(end, this.size) - start));
    this.read(target, 0, target.length, start);
    return target;
  }

  resize(length: number): void {
    if (length < this.size) {
      this.makeOwn();
      const last = Math.floor(length / PAGE_BYTES);
      this.pages.length = Math.min(this.pages.length, last + 1);
      // What comes back by a later extension are zeros.
      this.pages[last]?.fill(0, Math.min(length % PAGE_BYTES, this.pages[last].length));
    }
    this.size = length;
  }

  /** The same bytes, of which either may change without the other. */
  copy(): PagedBytes {
    const copy = new PagedBytes();
    copy.pages = this.pages;
    copy.size = this.size;
    copy.isShared = this.isShared = true;
    return copy;
  }

  /** Called before any change. */
  private makeOwn(): void {
    if (!this.isShared) return;
    this.pages = this.pages.map(page => page && Buffer.from(page));
    this.isShared = false;
  }

  private put(bytes: Uint8Array, position: number): void {
    this.makeOwn();
    for (let done = 0; done < bytes.length;) {
      const within = (position + done) % PAGE_BYTES;
      const count = Math.min(bytes.length - done, PAGE_BYTES - within);
      this.page(Math.floor((position + done) / PAGE_BYTES), within + count).set(bytes.subarray(done, done + count), within);
      done += count;
    }
  }

  private page(index: number, neededBytes: number): Buffer {
    const page = this.pages[index];
    if (page !== undefined && page.length >= neededBytes) return page;
    let length = Math.max(SMALLEST_PAGE_BYTES, page?.length ?? 0);
    while (length < neededBytes) length *= 2;
    const grown = Buffer.allocUnsafe(length).fill(0);
    if (page !== undefined) grown.set(page);
    this.pages[index] = grown;
    return grown;
  }
}
