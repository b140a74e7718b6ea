/** A directed graph over numbered nodes; an edge knows what kinds of dependency it stands for. */
export class DependencyGraph {
  private readonly edges: Map<number, Set<string>>[] = [];

  add(from: number, to: number, kind: string): void {
    if (from === to) return;
    const targets = (this.edges[from] ??= new Map());
    const kinds = targets.get(to);
    if (kinds === undefined) targets.set(to, new Set([kind]));
    else kinds.add(kind);
    this.edges[to] ??= new Map();
  }

  /**
   * For each knot of nodes that reach one another by edges of `kinds`: a short cycle in it, which begins with an edge of kind
   * `through` if that is given. Knots without such an edge give none.
   */
  cycles(kinds: readonly string[], through?: string): number[][] {
    return this.knots(kinds).flatMap(knot => {
      const cycle = this.cycleIn(new Set(knot), kinds, through);
      return cycle === undefined ? [] : [cycle];
    });
  }

  private *next(node: number, kinds: readonly string[]): Generator<number> {
    for (const [to, its] of this.edges[node] ?? []) if (kinds.some(kind => its.has(kind))) yield to;
  }

  /** Strongly connected components of more than one node (Tarjan, without recursion: histories are long). */
  private knots(kinds: readonly string[]): number[][] {
    const order: number[] = [];
    const low: number[] = [];
    const onStack = new Set<number>();
    const stack: number[] = [];
    const found: number[][] = [];
    let counter = 0;
    for (let root = 0; root < this.edges.length; root++) {
      if (this.edges[root] === undefined || order[root] !== undefined) continue;
      const path: { node: number; next: Generator<number> }[] = [];
      const enter = (node: number): void => {
        order[node] = low[node] = counter++;
        stack.push(node);
        onStack.add(node);
        path.push({ node, next: this.next(node, kinds) });
      };
      enter(root);
      while (path.length > 0) {
        const { node, next } = path.at(-1)!;
        const step = next.next();
        if (!step.done) {
          if (order[step.value] === undefined) enter(step.value);
          else if (onStack.has(step.value)) low[node] = Math.min(low[node]!, order[step.value]!);
          continue;
        }
        path.pop();
        const parent = path.at(-1);
        if (parent !== undefined) low[parent.node] = Math.min(low[parent.node]!, low[node]!);
        if (low[node] !== order[node]) continue;
        const knot = stack.splice(stack.lastIndexOf(node));
        for (const member of knot) onStack.delete(member);
        if (knot.length > 1) found.push(knot);
      }
    }
    return found;
  }

  private cycleIn(knot: ReadonlySet<number>, kinds: readonly string[], through: string | undefined): number[] | undefined {
    for (const from of knot) {
      for (const to of this.next(from, through === undefined ? kinds : [through])) {
        if (!knot.has(to)) continue;
        const back = this.shortestPath(to, from, knot, kinds);
        if (back !== undefined) return [from, ...back.slice(0, -1)];
      }
    }
    return undefined;
  }

  private shortestPath(from: number, to: number, within: ReadonlySet<number>, kinds: readonly string[]): number[] | undefined {
    const cameFrom = new Map<number, number>([[from, from]]);
    const queue = [from];
    for (const node of queue) {
      if (node === to) return pathTo(to, from, cameFrom);
      for (const next of this.next(node, kinds)) {
        if (!within.has(next) || cameFrom.has(next)) continue;
        cameFrom.set(next, node);
        queue.push(next);
      }
    }
    return undefined;
  }
}

function pathTo(to: number, from: number, cameFrom: ReadonlyMap<number, number>): number[] {
  const path = [to];
  for (let node = to; node !== from;) path.unshift(node = cameFrom.get(node)!);
  return path;
}
