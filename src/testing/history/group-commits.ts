/** Offsets that a group has though nobody committed them, and the outputs that belong to those that were. */
import { at, countBelow, offsetCommits, type Evidence, type Work } from './evidence.js';
import type { Findings } from './findings.js';
import { sendsOf, type CommittedOperation, type Key, type Origin, type TransactionOperation } from './history.js';

/** Consumes, transforms and produces in transactions that commit the offsets of `group`; sends carry `from`. */
export interface Pipeline {
  readonly group: string;
  /** What each input becomes; 1 unless given. */
  readonly outputsPerInput?: number;
}

/** What was told of a group, held against the transactions that can have brought it there. */
export function checkOffsetReads({ history, works, clockErrorMs }: Evidence, findings: Findings): void {
  const commits = offsetCommits(works);
  for (const operation of history) {
    if (operation.kind !== 'committed' || operation.outcome !== 'ok') continue;
    for (const [key, offset] of Object.entries(operation.offsets)) {
      const by = commits.get(operation.group)?.get(key)?.get(offset);
      // Who commits without a transaction is no concern of ours.
      if (by !== undefined) checkOffsetRead(operation, [key, offset], by.map(work => work.operation as TransactionOperation), clockErrorMs, findings);
    }
  }
}

function checkOffsetRead(operation: CommittedOperation, [key, offset]: Origin, by: readonly TransactionOperation[], clockErrorMs: number, findings: Findings): void {
  const what = `process ${operation.process} was told that ${operation.group} is at ${offset} in ${key}`;
  const prove = (why: string) => () => ({ key, operations: [...by, operation], values: [], detail: `${what}, ${why}` });
  if (by.every(({ outcome }) => outcome === 'fail')) {
    return findings.add('aborted-offsets', prove(`which only an aborted transaction of ${by[0]!.transactionalId} (process ${by[0]!.process}) was to commit`));
  }
  const { endMs } = operation;
  if (endMs === undefined) return;
  if (by.every(({ outcome, commitMs }) => outcome === 'fail' || (commitMs !== undefined && endMs + clockErrorMs < commitMs))) {
    findings.add('uncommitted-offsets', prove(`by ${endMs}, before the transaction of ${by[0]!.transactionalId} that commits it was asked to`));
  }
}

/** Each input of a pipeline below what its group has committed has been put out by one committed transaction. */
export function checkPipeline({ group, outputsPerInput = 1 }: Pipeline, { works, keys }: Evidence, findings: Findings): void {
  const outputs = new Map<Key, Map<number, Work[]>>();
  const committed = new Map<Key, { offset: number; work: Work }>();
  for (const work of works) {
    if (work?.operation.kind !== 'txn' || !work.isCommitted || work.operation.offsets?.[group] === undefined) continue;
    for (const { from } of sendsOf(work.operation)) if (from !== undefined) at(at(outputs, from[0], () => new Map<number, Work[]>()), from[1], () => []).push(work);
    for (const [key, offset] of Object.entries(work.operation.offsets[group])) {
      if (offset > (committed.get(key)?.offset ?? -1)) committed.set(key, { offset, work });
    }
  }
  for (const [key, its] of outputs) {
    for (const [offset, by] of its) if (by.length > outputsPerInput || by.some(work => work !== by[0])) tellTwice(group, key, offset, by, outputsPerInput, findings);
  }
  for (const [key, { offset: end, work }] of committed) {
    const inputs = keys.get(key)?.committedOffsets ?? [];
    for (const offset of inputs.slice(0, countBelow(inputs, end))) {
      const made = outputs.get(key)?.get(offset)?.length ?? 0;
      if (made < outputsPerInput) {
        findings.add('output-missing', () => ({
          operations: [work.operation], values: [],
          detail: `${group} has committed ${end} in ${key}, but input ${offset} has ${made} outputs in committed transactions, not ${outputsPerInput}`,
        }));
      }
    }
  }
}

function tellTwice(group: string, key: Key, offset: number, by: readonly Work[], outputsPerInput: number, findings: Findings): void {
  const who = [...new Set(by)].map(({ operation }) => operation);
  const values = who.flatMap(operation => [...sendsOf(operation)].filter(({ from }) => from?.[0] === key && from[1] === offset).map(({ value }) => value));
  findings.add('output-twice', () => ({
    operations: who, values,
    detail: `input ${offset} of ${key} was put out ${by.length} times for ${group} by ${who.length} committed transactions (processes ` +
      `${who.map(({ process }) => process).join(', ')}), not ${outputsPerInput} by one: ${values.slice(0, 8).join(', ')}`,
  }));
}
