/** How one operation comes before another: its write stands right before the other's, or was read by it. Bits, so that a pass can take several. */
export const WRITE_WRITE = 1;
export const WRITE_READ = 2;

/** A directed graph over `nodes` numbered nodes, made for millions of edges. */
export class DependencyGraph {
  private readonly from: number[] = [];
  private readonly to: number[] = [];
  private readonly kind: number[] = [];

  constructor(private readonly nodes: number) {}

  add(from: number, to: number, kind: number): void {
    if (from === to) return;
    this.from.push(from);
    this.to.push(to);
    this.kind.push(kind);
  }

  /**
   * For each knot of nodes that reach one another by edges of `kinds` (bits): a short cycle in it, which begins with an edge of
   * kind `through` if that is given. Knots without such an edge give none.
   */
  cycles(kinds: number, through = kinds): number[][] {
    const edges = this.edgesOf(kinds);
    return knotsOf(edges).flatMap(knot => {
      const cycle = cycleIn(knot, edges, through);
      return cycle === undefined ? [] : [cycle];
    });
  }

  private edgesOf(kinds: number): Edges {
    const starts = new Int32Array(this.nodes + 1);
    for (let i = 0; i < this.from.length; i++) if ((this.kind[i]! & kinds) !== 0) starts[this.from[i]! + 1]!++;
    for (let node = 0; node < this.nodes; node++) starts[node + 1]! += starts[node]!;
    const [targets, its] = [new Int32Array(starts[this.nodes]!), new Uint8Array(starts[this.nodes]!)];
    const next = starts.slice();
    for (let i = 0; i < this.from.length; i++) {
      if ((this.kind[i]! & kinds) === 0) continue;
      const place = next[this.from[i]!]!++;
      targets[place] = this.to[i]!;
      its[place] = this.kind[i]!;
    }
    return { starts, targets, kinds: its };
  }
}

/** The edges of node n are those from `starts[n]` to before `starts[n + 1]`. */
interface Edges {
  readonly starts: Int32Array;
  readonly targets: Int32Array;
  readonly kinds: Uint8Array;
}

/** Strongly connected components of more than one node (Tarjan, without recursion: histories are long). */
function knotsOf({ starts, targets }: Edges): number[][] {
  const nodes = starts.length - 1;
  const next = starts.slice(0, nodes);
  const [order, low, isOnStack] = [new Int32Array(nodes).fill(-1), new Int32Array(nodes), new Uint8Array(nodes)];
  const [path, stack, found]: [number[], number[], number[][]] = [[], [], []];
  let counter = 0;
  const enter = (node: number): void => {
    order[node] = low[node] = counter++;
    isOnStack[node] = 1;
    stack.push(node);
    path.push(node);
  };
  const leave = (node: number): void => {
    path.pop();
    const parent = path.at(-1);
    if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[node]!);
    if (low[node] !== order[node]) return;
    const knot: number[] = [];
    do {
      knot.push(stack.pop()!);
      isOnStack[knot.at(-1)!] = 0;
    } while (knot.at(-1) !== node);
    if (knot.length > 1) found.push(knot);
  };
  for (let root = 0; root < nodes; root++) {
    if (order[root] !== -1) continue;
    enter(root);
    while (path.length > 0) {
      const node = path.at(-1)!;
      if (next[node] === starts[node + 1]) {
        leave(node);
        continue;
      }
      const to = targets[next[node]!++]!;
      if (order[to] === -1) enter(to);
      else if (isOnStack[to] === 1) low[node] = Math.min(low[node]!, order[to]!);
    }
  }
  return found;
}

function cycleIn(knot: readonly number[], edges: Edges, through: number): number[] | undefined {
  const within = new Set(knot);
  for (const from of knot) {
    for (let place = edges.starts[from]!; place < edges.starts[from + 1]!; place++) {
      const to = edges.targets[place]!;
      if ((edges.kinds[place]! & through) === 0 || !within.has(to)) continue;
      const back = shortestPath(to, from, within, edges);
      if (back !== undefined) return [from, ...back.slice(0, -1)];
    }
  }
  return undefined;
}

function shortestPath(from: number, to: number, within: ReadonlySet<number>, { starts, targets }: Edges): number[] | undefined {
  const cameFrom = new Map<number, number>([[from, from]]);
  const queue = [from];
  for (const node of queue) {
    if (node === to) return pathTo(to, from, cameFrom);
    for (let place = starts[node]!; place < starts[node + 1]!; place++) {
      const next = targets[place]!;
      if (!within.has(next) || cameFrom.has(next)) continue;
      cameFrom.set(next, node);
      queue.push(next);
    }
  }
  return undefined;
}

function pathTo(to: number, from: number, cameFrom: ReadonlyMap<number, number>): number[] {
  const path = [to];
  for (let node = to; node !== from;) path.push(node = cameFrom.get(node)!);
  return path.reverse();
}
