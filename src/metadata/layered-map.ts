const REMOVED = Symbol('removed');
type Slot<V> = V | typeof REMOVED;

/** Below this many changes a layer is never merged: it costs nothing. */
const SMALL_LAYER = 16;

/**
 * An immutable map for images: a large base that is shared from version to version, under a small layer of what has changed
 * since. A change copies the layer only, and now and then, when the layer has grown to about the square root of the base,
 * everything: one change to a map of n entries costs about √n instead of n.
 */
export class LayeredMap<K, V> implements ReadonlyMap<K, V> {
  private constructor(
    private readonly base: ReadonlyMap<K, V>,
    private readonly layer: ReadonlyMap<K, Slot<V>>,
    readonly size: number,
  ) {}

  static empty<K, V>(): LayeredMap<K, V> {
    return new LayeredMap<K, V>(new Map(), new Map(), 0);
  }

  /** A map with these changes; undefined takes a key out. */
  with(changes: Iterable<readonly [K, V | undefined]>): LayeredMap<K, V> {
    const layer = new Map(this.layer);
    let { size } = this;
    for (const [key, value] of changes) {
      size += (value === undefined ? 0 : 1) - (present(layer, this.base, key) ? 1 : 0);
      if (value !== undefined) layer.set(key, value);
      else if (this.base.has(key)) layer.set(key, REMOVED);
      else layer.delete(key);
    }
    const next = new LayeredMap<K, V>(this.base, layer, size);
    return layer.size <= SMALL_LAYER + 2 * Math.sqrt(this.base.size) ? next : new LayeredMap<K, V>(new Map(next), new Map(), size);
  }

  get(key: K): V | undefined {
    const slot = this.layer.get(key);
    if (slot !== undefined) return slot === REMOVED ? undefined : slot;
    return this.base.get(key);
  }

  has(key: K): boolean {
    return present(this.layer, this.base, key);
  }

  /** Of the base first, in its order, then what is new. */
  *entries(): MapIterator<[K, V]> {
    for (const [key, value] of this.base) {
      const slot = this.layer.get(key);
      if (slot === undefined) yield [key, value];
      else if (slot !== REMOVED) yield [key, slot];
    }
    for (const [key, slot] of this.layer) {
      if (slot !== REMOVED && !this.base.has(key)) yield [key, slot];
    }
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  *keys(): MapIterator<K> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  forEach(visit: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.entries()) visit(value, key, this);
  }
}

function present<K, V>(layer: ReadonlyMap<K, Slot<V>>, base: ReadonlyMap<K, V>, key: K): boolean {
  const slot = layer.get(key);
  return slot === undefined ? base.has(key) : slot !== REMOVED;
}

/** The map with these changes, layered from then on. */
export function changed<K, V>(map: ReadonlyMap<K, V>, changes: ReadonlyMap<K, V | undefined>): ReadonlyMap<K, V> {
  if (changes.size === 0) return map;
  return (map instanceof LayeredMap ? (map as LayeredMap<K, V>) : LayeredMap.empty<K, V>().with(map)).with(changes);
}
