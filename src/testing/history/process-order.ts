/** Whether each process went through a partition in order and left nothing out, and where its sends came to stand. */
import { countBelow, isReadCommitted, pollsCount, versionsAt, type Evidence, type KeyLog, type Work } from './evidence.js';
import type { AnomalyKind, Findings } from './findings.js';
import { isWork, type EndsOperation, type Isolation, type Key, type Operation } from './history.js';

type Step = 'skip' | 'nonmonotonic';

/** Where a process stands in a partition. */
interface Position {
  /** Of the last record that it polled, or before the first that it wants. */
  readonly offset: number;
  readonly operation: Operation;
}

/** What a process reads. */
interface Reader {
  readonly positions: Map<Key, Position>;
  /** The group sends it here and there, so that it may jump. */
  isSubscribed: boolean;
}

export function checkProcessOrder(evidence: Evidence, findings: Findings): void {
  const readers = new Map<number, Reader>();
  const senders = new Map<number, Map<Key, { offset: number; work: Work }>>();
  for (const [number, operation] of evidence.history.entries()) {
    const reader = readers.get(operation.process) ?? { positions: new Map<Key, Position>(), isSubscribed: false };
    readers.set(operation.process, reader);
    if (operation.kind === 'ends') checkReached(operation, reader, evidence, findings);
    else if (operation.kind === 'assign' || operation.kind === 'subscribe') {
      if (operation.outcome === 'fail') continue;
      reader.positions.clear();
      reader.isSubscribed = operation.kind === 'subscribe';
      for (const [key, offset] of Object.entries(operation.positions ?? {})) reader.positions.set(key, { offset: offset - 1, operation });
    } else if (isWork(operation)) {
      checkPolls(evidence.works[number]!, reader, evidence, findings);
      checkSends(evidence.works[number]!, senders, evidence, findings);
    }
  }
}

const offsetsFor = (log: KeyLog, committedOnly: boolean): readonly number[] => (committedOnly ? log.committedOffsets : log.polledOffsets);

/** What must be polled between two offsets, if anything. */
function leftOut(offsets: readonly number[], from: number, to: number): number | undefined {
  const next = offsets[countBelow(offsets, from + 1)];
  return next !== undefined && next < to ? next : undefined;
}

/** Steps from record to record: within a poll, from poll to poll of the operation, and from the process' operation before. */
function checkPolls({ operation }: Work, reader: Reader, { keys }: Evidence, findings: Findings): void {
  if (operation.kind === 'data' && operation.outcome === 'fail') return;
  const committedOnly = isReadCommitted(operation);
  const lastHere = new Map<Key, number>();
  for (const micro of operation.micro) {
    if (micro.kind !== 'poll') continue;
    for (const [key, records] of Object.entries(micro.records)) {
      if (records.length === 0) continue;
      const log = keys.get(key)!;
      const offsets = offsetsFor(log, committedOnly);
      const tell = (kinds: Record<Step, AnomalyKind>, mayJump: boolean, from: number, to: number, earlier?: Operation): void => {
        const skipped = to > from ? leftOut(offsets, from, to) : undefined;
        if (to > from && skipped === undefined) return;
        addStep(findings, kinds[skipped === undefined ? 'nonmonotonic' : 'skip'], mayJump, { key, log, from, to, skipped, earlier, operation });
      };
      const [first] = records[0]!;
      const previous = lastHere.get(key);
      const before = reader.positions.get(key);
      // From one poll to the next a group may have sent the reader elsewhere.
      if (previous !== undefined) tell(WITHIN, reader.isSubscribed, previous, first);
      else if (before !== undefined && pollsCount(operation)) tell(BETWEEN, reader.isSubscribed, before.offset, first, before.operation);
      walk(offsets, records, (from, to) => tell(WITHIN, false, from, to));
      lastHere.set(key, records.at(-1)![0]);
    }
  }
  if (pollsCount(operation)) for (const [key, offset] of lastHere) reader.positions.set(key, { offset, operation });
}

/** Calls for each step of a poll that is not from one offset to the next of those there are. */
function walk(offsets: readonly number[], records: readonly (readonly [number, unknown])[], stumble: (from: number, to: number) => void): void {
  let place = countBelow(offsets, records[0]![0]);
  for (let i = 1; i < records.length; i++) {
    const [[from], [to]] = [records[i - 1]!, records[i]!];
    if (offsets[place] === from && offsets[place + 1] === to) place++;
    else {
      stumble(from, to);
      place = countBelow(offsets, to);
    }
  }
}

const BETWEEN: Record<Step, AnomalyKind> = { skip: 'poll-skip', nonmonotonic: 'nonmonotonic-poll' };
const WITHIN: Record<Step, AnomalyKind> = { skip: 'int-poll-skip', nonmonotonic: 'int-nonmonotonic-poll' };

interface Stumble {
  readonly key: Key;
  readonly log: KeyLog;
  readonly from: number;
  readonly to: number;
  readonly skipped: number | undefined;
  readonly earlier: Operation | undefined;
  readonly operation: Operation;
}

function addStep(findings: Findings, kind: AnomalyKind, mayJump: boolean, { key, log, from, to, skipped, earlier, operation }: Stumble): void {
  findings.add(kind, () => {
    const shown = [from, to, ...(skipped === undefined ? [] : [skipped])].flatMap(offset => versionsAt(log, offset));
    const left = skipped === undefined ? undefined : versionsAt(log, skipped)[0];
    return {
      key, values: shown.map(({ value }) => value),
      operations: [left?.writer?.operation, (left?.readCommittedBy ?? left?.readUncommittedBy)?.operation, earlier, operation],
      detail: `process ${operation.process} ${operation.kind === 'ends' ? `had polled all below ${key}@${to}` : `polled ${key}@${to}`} after ` +
        `${key}@${from}${earlier === undefined ? ' in one operation' : ''}${left === undefined ? '' : ` and left out ${left.value} at ${left.offsets[0]}, which others read`}`,
    };
  }, mayJump);
}

/** What a process that has come to the end has left out before it. */
function checkReached(operation: EndsOperation, reader: Reader, { keys }: Evidence, findings: Findings): void {
  if (operation.reached !== true || operation.outcome !== 'ok' || reader.isSubscribed) return;
  for (const [key, end] of Object.entries(operation.ends)) {
    const [log, position] = [keys.get(key), reader.positions.get(key)];
    if (log === undefined || position === undefined) continue;
    const skipped = leftOut(offsetsFor(log, isCommittedEnd(operation)), position.offset, end);
    if (skipped !== undefined) addStep(findings, 'poll-skip', false, { key, log, from: position.offset, to: end, skipped, earlier: position.operation, operation });
  }
}

export const isCommittedEnd = ({ isolation }: { readonly isolation?: Isolation }): boolean => isolation !== 'read_uncommitted';

/** A process' sends to a partition stand in their order, and others' may stand in between, which is told of one operation's. */
function checkSends(work: Work, senders: Map<number, Map<Key, { offset: number; work: Work }>>, { keys }: Evidence, findings: Findings): void {
  const { operation, sent } = work;
  if (operation.outcome !== 'ok') return;
  const known = senders.get(operation.process) ?? new Map<Key, { offset: number; work: Work }>();
  senders.set(operation.process, known);
  for (const { key, value, offsets } of sent) {
    const log = keys.get(key)!;
    if (offsets.length === 0) continue;
    const previous = known.get(key);
    const [first, last] = [offsets[0]!, offsets.at(-1)!];
    if (previous !== undefined) {
      const isSame = previous.work === work;
      const prove = (what: string) => () => ({
        key, operations: [previous.work.operation, operation], values: [value, ...versionsAt(log, previous.offset).map(version => version.value)],
        detail: `process ${operation.process} sent ${value} to ${key}, which stands at ${first}, ${what} ${previous.offset}`,
      });
      if (first <= previous.offset) findings.add(isSame ? 'int-nonmonotonic-send' : 'nonmonotonic-send', prove('after what stands at'));
      else if (isSame && leftOut(log.offsets, previous.offset, first) !== undefined) findings.add('int-send-skip', prove("with others' values since"));
    }
    known.set(key, { offset: last, work });
  }
}
