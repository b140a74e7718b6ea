/** Committed operations that depend on one another in a circle, so that no order of them explains what was seen. */
import { DependencyGraph, WRITE_READ, WRITE_WRITE } from './cycles.js';
import type { Evidence, Work } from './evidence.js';
import type { AnomalyKind, Findings } from './findings.js';

export function checkCircles(evidence: Evidence, findings: Findings): void {
  const graph = dependencies(evidence);
  const tell = (kind: AnomalyKind, cycles: number[][]): void => {
    for (const cycle of cycles) {
      const operations = [...cycle, cycle[0]!].map(number => evidence.history[number]!);
      findings.add(kind, () => ({ operations, detail: `each before the next: ${[...cycle, cycle[0]!].map((number, i) => `operation ${number} of process ${operations[i]!.process}`).join(' -> ')}` }));
    }
  };
  tell('G0', graph.cycles(WRITE_WRITE));
  tell('G1c', graph.cycles(WRITE_WRITE | WRITE_READ, WRITE_READ));
  tell('G1c-reads', graph.cycles(WRITE_READ));
}

/** A value before the next of its key (ww), a value before who read it (wr): who only reads, depends, and nobody on him. */
function dependencies({ history, keys }: Evidence): DependencyGraph {
  const graph = new DependencyGraph(history.length);
  for (const { order } of keys.values()) {
    let previous: Work | undefined;
    let previousOffset = -1;
    for (const { offset, version: { writer, passedOnBy } } of order) {
      // Of two values at an offset the first must do: the contradiction is reported by itself.
      if (writer === undefined || !writer.isCommitted || offset === previousOffset) continue;
      if (previous !== undefined) graph.add(previous.number, writer.number, WRITE_WRITE);
      [previous, previousOffset] = [writer, offset];
      for (const reader of passedOnBy ?? []) if (reader.isCommitted) graph.add(writer.number, reader.number, WRITE_READ);
    }
  }
  return graph;
}
