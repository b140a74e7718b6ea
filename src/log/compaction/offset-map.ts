import { hash } from 'node:crypto';
import { assert } from '../../base/assert.js';

/** 16 bytes of a key's hash, and the offset. */
export const MAP_ENTRY_BYTES = 24;
const WORDS_PER_ENTRY = MAP_ENTRY_BYTES / 4;
const DOUBLES_PER_ENTRY = MAP_ENTRY_BYTES / 8;
/** How far ahead of its entries a table is kept, so that a search ends soon. */
const ROOM = 1.5;

/** The most entries that a map of `memoryBytes` takes when it may be filled up to `loadFactor`. */
export function mapCapacity(memoryBytes: number, loadFactor: number): number {
  return Math.floor(Math.floor(memoryBytes / MAP_ENTRY_BYTES) * loadFactor);
}

/**
 * Memory for a map of at most `memoryBytes`, no larger than `keys` different keys can use. It can be shared with another
 * thread.
 */
export function mapMemory(memoryBytes: number, keys: number): SharedArrayBuffer {
  const slots = Math.min(Math.floor(memoryBytes / MAP_ENTRY_BYTES), Math.ceil(keys * ROOM) + 1);
  return new SharedArrayBuffer(slots * MAP_ENTRY_BYTES);
}

/**
 * The last offset of every key, by the key's hash, in one block of memory (`SkimpyOffsetMap`). Two keys of one hash would be
 * taken for the same: with 128 bits of SHA-1 nobody will see that.
 */
export class OffsetMap {
  private readonly words: Int32Array;
  private readonly offsets: Float64Array;
  private readonly slots: number;
  private entries: number;
  /** All records up to this offset have been put. */
  latestOffset: number;

  constructor(readonly memory: SharedArrayBuffer, state: { readonly entries: number; readonly latestOffset: number } = { entries: 0, latestOffset: -1 }) {
    this.words = new Int32Array(memory);
    this.offsets = new Float64Array(memory);
    this.slots = Math.floor(memory.byteLength / MAP_ENTRY_BYTES);
    this.entries = state.entries;
    this.latestOffset = state.latestOffset;
  }

  get size(): number {
    return this.entries;
  }

  put(key: Uint8Array, offset: number): void {
    const slot = this.find(hash('sha1', key, 'binary'));
    assert(slot >= 0, 'an offset map is never filled to the last slot');
    const at = slot * DOUBLES_PER_ENTRY + 2;
    if (this.offsets[at] === 0) {
      this.entries++;
      this.words.set(wanted, slot * WORDS_PER_ENTRY);
    }
    // 0 is what an empty slot holds.
    this.offsets[at] = offset + 1;
    this.latestOffset = offset;
  }

  /** -1 when the key is not here. */
  get(key: Uint8Array): number {
    const slot = this.find(hash('sha1', key, 'binary'));
    return slot < 0 ? -1 : this.offsets[slot * DOUBLES_PER_ENTRY + 2]! - 1;
  }

  /** The slot that has the hash, or the empty one where it belongs; -1 when neither is to be found. Leaves the hash in `wanted`. */
  private find(digest: string): number {
    for (let word = 0; word < 4; word++) {
      const at = 4 * word;
      wanted[word] = digest.charCodeAt(at) << 24 | digest.charCodeAt(at + 1) << 16 | digest.charCodeAt(at + 2) << 8 | digest.charCodeAt(at + 3);
    }
    let slot = (wanted[0]! >>> 0) % this.slots;
    for (let step = 0; step < this.slots; step++) {
      if (this.offsets[slot * DOUBLES_PER_ENTRY + 2] === 0 || this.holds(slot)) return slot;
      slot = slot + 1 === this.slots ? 0 : slot + 1;
    }
    return -1;
  }

  private holds(slot: number): boolean {
    const { words } = this;
    const at = slot * WORDS_PER_ENTRY;
    return words[at] === wanted[0] && words[at + 1] === wanted[1] && words[at + 2] === wanted[2] && words[at + 3] === wanted[3];
  }
}

/** The hash of the key at hand, as four numbers. */
const wanted = new Int32Array(4);
