/** Producers that work on with a transactional id which another has taken since. */
import { at, countBelow, type Evidence, type Work } from './evidence.js';
import type { Findings } from './findings.js';
import type { InitOperation } from './history.js';

/** Who had taken the transactional id before this transaction asked to commit, so that it cannot have been committed by its producer. */
export type Fencing = (work: Work) => InitOperation | undefined;

/** Told by the clocks alone: without times nobody is known to be fenced. */
export function fencingOf({ history, works, clockErrorMs }: Evidence): Fencing {
  const rivals = new Map<string, Rivals>();
  const ownInit = new Map<Work, InitOperation>();
  const latest = new Map<string, InitOperation>();
  for (const [number, operation] of history.entries()) {
    if (operation.kind === 'txn') {
      const own = latest.get(`${operation.process} ${operation.transactionalId}`);
      if (own !== undefined) ownInit.set(works[number]!, own);
    } else if (operation.kind === 'init' && operation.outcome === 'ok') {
      latest.set(`${operation.process} ${operation.transactionalId}`, operation);
      at(rivals, operation.transactionalId, () => new Rivals()).add(operation);
    }
  }
  return work => {
    const { operation } = work;
    const own = ownInit.get(work);
    if (operation.kind !== 'txn' || operation.commitMs === undefined || own?.endMs === undefined) return undefined;
    return rivals.get(operation.transactionalId)!.between(own.endMs + clockErrorMs, operation.commitMs - clockErrorMs);
  };
}

/** The producers of one transactional id. */
class Rivals {
  private readonly timed: InitOperation[] = [];
  private starts: number[] | undefined;
  /** For each by start: of it and all later ones, the first to end. */
  private firstToEnd: InitOperation[] = [];

  add(init: InitOperation): void {
    if (init.startMs !== undefined && init.endMs !== undefined) this.timed.push(init);
  }

  /** One that began at `fromMs` or later and had ended before `toMs`. */
  between(fromMs: number, toMs: number): InitOperation | undefined {
    if (this.starts === undefined) this.sort();
    const first = this.firstToEnd[countBelow(this.starts!, fromMs)];
    return first !== undefined && first.endMs! < toMs ? first : undefined;
  }

  private sort(): void {
    this.timed.sort((a, b) => a.startMs! - b.startMs!);
    this.starts = this.timed.map(({ startMs }) => startMs!);
    this.firstToEnd = [...this.timed];
    for (let i = this.timed.length - 2; i >= 0; i--) {
      if (this.firstToEnd[i + 1]!.endMs! < this.firstToEnd[i]!.endMs!) this.firstToEnd[i] = this.firstToEnd[i + 1]!;
    }
  }
}

export function checkZombies(evidence: Evidence, findings: Findings): void {
  const fencing = fencingOf(evidence);
  for (const work of evidence.works) {
    if (work?.operation.kind !== 'txn' || work.operation.outcome !== 'ok') continue;
    const { operation } = work;
    const fencedBy = fencing(work);
    if (fencedBy === undefined) continue;
    findings.add('zombie-commit', () => ({
      operations: [fencedBy, operation], values: [],
      detail: `process ${operation.process} asked to commit a transaction of ${operation.transactionalId} at ${operation.commitMs} and was told that it is ` +
        `committed, though process ${fencedBy.process} had taken the id by ${fencedBy.endMs}`,
    }));
  }
}
