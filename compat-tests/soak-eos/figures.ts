import type { Operation } from '../../src/testing/history/history.js';
import type { Disturbances } from './disturbances.js';
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
  readonly pipelines: readonly string[];
  /** Those that committed nothing after the first kill, in one of their topics. */
  readonly silent: readonly string[];
}

export function figuresOf(
  operations: readonly Operation[], disturbed: Pick<Disturbances, 'counts' | 'kills' | 'silent'>, { records, commitMarkers, abortMarkers }: Verdict,
  pipelines: readonly string[],
): Figures {
  const ended = (outcome: Operation['outcome']): number => operations.filter(operation => operation.kind === 'txn' && operation.outcome === outcome).length;
  return {
    kills: disturbed.kills, silent: disturbed.silent, pipelines, records, others: new Map([...disturbed.counts].filter(([name]) => name !== 'kill -9')),
    transactions: { committed: ended('ok'), aborted: ended('fail'), unknown: ended('info') },
    markers: { commit: commitMarkers, abort: abortMarkers },
  };
}

/** Why a run without a fault says nothing all the same. */
export function whatIsMissing({ pipelines, kills, transactions, silent }: Pick<Figures, 'pipelines' | 'kills' | 'transactions' | 'silent'>): string[] {
  if (pipelines.length === 0) return ['there was no pipeline'];
  return [
    ...(kills === 0 ? ['the broker was not killed'] : []),
    ...(transactions.committed === 0 ? ['no transaction was committed'] : []),
    ...silent.map(name => `${name}: nothing was committed after the first kill`),
  ];
}
