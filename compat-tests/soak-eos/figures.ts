import type { Operation } from '../../src/testing/history/history.js';
import type { Verdict } from './judge.js';

export interface Figures {
  /** Of the broker, by SIGKILL. */
  readonly kills: number;
  /** Whatever else happened, and how often. */
  readonly others: ReadonlyMap<string, number>;
  /** Of the pipelines' members; Kafka Streams' own are not counted here, but their markers are. */
  readonly transactions: { readonly committed: number; readonly aborted: number; readonly unknown: number };
  readonly markers: { readonly commit: number; readonly abort: number };
  readonly records: number;
}

export function figuresOf(operations: readonly Operation[], counts: ReadonlyMap<string, number>, kills: number, { records, commitMarkers, abortMarkers }: Verdict): Figures {
  const ended = (outcome: Operation['outcome']): number => operations.filter(operation => operation.kind === 'txn' && operation.outcome === outcome).length;
  return {
    kills, records, others: new Map([...counts].filter(([name]) => name !== 'kill -9')),
    transactions: { committed: ended('ok'), aborted: ended('fail'), unknown: ended('info') },
    markers: { commit: commitMarkers, abort: abortMarkers },
  };
}
