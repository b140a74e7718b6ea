/** What was committed and nobody can read: whole writes, or a part of a transaction. */
import { isSeen, offsetCommits, type Evidence, type KeyLog, type Version, type Work } from './evidence.js';
import type { Findings } from './findings.js';
import type { Key, Operation } from './history.js';

interface Missing {
  readonly version: Version;
  /** Somebody read a value that stands after it; otherwise it is missing because all have read to the end. */
  readonly passedBy: Version | undefined;
}

export function checkLosses(evidence: Evidence, findings: Findings, readToEnd: boolean): void {
  const bounds = new Map(Array.from(evidence.keys, ([key, log]) => [key, lastSeen(log)]));
  const committedFor = offsetsSeen(evidence);
  for (const work of evidence.works) {
    if (work === undefined || !work.isCommitted) continue;
    const missing = missingOf(work, evidence, bounds, readToEnd);
    if (missing.length > 0) tell(work, missing, evidence, findings, committedFor);
  }
}

/** Of a key, the seen value whose first place is the last of all. */
function lastSeen(log: KeyLog): Version | undefined {
  let last: Version | undefined;
  for (const version of log.versions.values()) {
    if (isSeen(version, log) && (last === undefined || version.offsets[0]! > last.offsets[0]!)) last = version;
  }
  return last;
}

function missingOf(work: Work, { keys }: Evidence, bounds: ReadonlyMap<Key, Version | undefined>, readToEnd: boolean): Missing[] {
  const missing: Missing[] = [];
  for (const version of work.sent) {
    if (isSeen(version, keys.get(version.key)!)) continue;
    const [last, bound] = [version.offsets.at(-1), bounds.get(version.key)];
    if (last !== undefined && bound !== undefined && last <= bound.offsets[0]!) missing.push({ version, passedBy: bound });
    // What a plain send of unknown fate did beside the batch that was seen, nobody knows; a transaction is whole.
    else if (readToEnd && (work.operation.outcome === 'ok' || work.operation.kind === 'txn')) missing.push({ version, passedBy: undefined });
  }
  return missing;
}

function tell(work: Work, missing: readonly Missing[], { keys }: Evidence, findings: Findings, committedFor: ReadonlyMap<Work, Operation>): void {
  const { operation } = work;
  const seen = operation.kind === 'txn' ? work.sent.filter(version => isSeen(version, keys.get(version.key)!)) : [];
  if (seen.length > 0) return tellHalf(work, missing, seen, findings);
  const seenOffsets = committedFor.get(work);
  if (seenOffsets !== undefined) {
    const { key, value } = missing[0]!.version;
    return findings.add('offsets-without-output', () => ({
      key, operations: [operation, seenOffsets, missing[0]!.passedBy?.readCommittedBy?.operation], values: [value, ...valuesOf(missing[0]!.passedBy)],
      detail: `process ${operation.process} committed offsets that its group has, and nobody ever read any of its ${missing.length} values, such as ${value} of ${key}`,
    }));
  }
  for (const { version, passedBy } of missing) {
    const { key, value, send } = version;
    const where = `${value}, written by process ${operation.process} to ${key}@${send?.offset ?? 'an unknown offset'}`;
    findings.add(passedBy === undefined ? 'unseen' : 'lost-write', () => ({
      key, operations: [operation, readerOf(passedBy)], values: [value, ...valuesOf(passedBy)],
      detail: passedBy === undefined ? `${where}, was acknowledged and nobody ever read it` : `${where}, was never read though ${passedBy.value} at ${passedBy.offsets[0]} was`,
    }));
  }
}

function tellHalf({ operation }: Work, missing: readonly Missing[], seen: readonly Version[], findings: Findings): void {
  const [lost, found] = [missing[0]!.version, seen[0]!];
  findings.add('half-transaction', () => ({
    operations: [operation, readerOf(found), readerOf(missing[0]!.passedBy)], values: [lost.value, found.value, ...valuesOf(missing[0]!.passedBy)],
    detail: `of the transaction of process ${operation.process}, ${seen.length} values were read, such as ${found.value} at ` +
      `${found.key}@${found.offsets[0]}, but ${missing.length} never, such as ${lost.value} of ${lost.key}`,
  }));
}

const readerOf = (version: Version | undefined): Operation | undefined => (version?.readCommittedBy ?? version?.readUncommittedBy)?.operation;
const valuesOf = (version: Version | undefined): Version['value'][] => (version === undefined ? [] : [version.value]);

/** Transactions whose offsets a group has had, by exactly these. */
function offsetsSeen({ history, works }: Evidence): Map<Work, Operation> {
  const seen = new Map<Work, Operation>();
  const commits = offsetCommits(works);
  for (const operation of history) {
    if (operation.kind !== 'committed' || operation.outcome !== 'ok') continue;
    for (const [key, offset] of Object.entries(operation.offsets)) {
      for (const work of commits.get(operation.group)?.get(key)?.get(offset) ?? []) seen.set(work, operation);
    }
  }
  return seen;
}
