/** One fault of each kind, planted into a legal history where there is room for it: what a broker that is wrong would have shown. */
import type { SimRandom } from '../../env/sim/random.js';
import type { AnomalyKind } from './findings.js';
import type { CommittedOperation, DataOperation, EndsOperation, Key, Operation, Send, TransactionOperation, Value, WorkOperation } from './history.js';
import { GROUP } from './legal-history.js';

type Mutable<T> = T extends (...args: never) => unknown ? T : { -readonly [P in keyof T]: Mutable<T[P]> };
export type Draft = Mutable<Operation>[];
type Work = Mutable<WorkOperation>;
type Transaction = Mutable<TransactionOperation>;
type PolledRecord = [offset: number, value: Value];
/** A list of records within a poll. */
interface Polled {
  readonly operation: Work;
  readonly key: Key;
  readonly records: PolledRecord[];
}

/** Whether there was room. */
type Plant = (draft: Draft, random: SimRandom) => boolean;

const NEW_VALUE = 'planted';
const NEW_PROCESS = 10_000;

const worksIn = (draft: Draft): Work[] => draft.filter((each): each is Work => each.kind === 'data' || each.kind === 'txn');
const transactionsIn = (draft: Draft, outcome: Operation['outcome']): Transaction[] =>
  draft.filter((each): each is Transaction => each.kind === 'txn' && each.outcome === outcome);
const sendsIn = ({ micro }: Work): Mutable<Send>[] => micro.filter((each): each is Mutable<Send> => each.kind === 'send');

function polledIn(draft: Draft, wanted: (operation: Work) => boolean = () => true): Polled[] {
  return worksIn(draft).filter(wanted).flatMap(operation => operation.micro.flatMap(each =>
    each.kind !== 'poll' ? [] : Object.entries(each.records).map(([key, records]) => ({ operation, key, records: records as PolledRecord[] }))));
}

/** Readers that chose their partitions themselves. */
function assigned(draft: Draft): (operation: Work) => boolean {
  const subscribed = new Set(draft.flatMap(({ kind, process }) => (kind === 'subscribe' ? [process] : [])));
  return ({ kind, process }) => kind === 'data' && !subscribed.has(process);
}

const isAtReadCommitted = ({ isolation }: Work): boolean => isolation !== 'read_uncommitted';

function pick<T>(from: readonly T[], random: SimRandom): T | undefined {
  return from.length === 0 ? undefined : from[random.int(from.length)];
}

/** Does it to one, drawn from those that there are. */
function toOne<T>(from: readonly T[], random: SimRandom, plant: (one: T) => void): boolean {
  const one = pick(from, random);
  if (one !== undefined) plant(one);
  return one !== undefined;
}

const nameOf = (key: Key, value: Value): string => `${key} ${value}`;

function removeFromPolls(draft: Draft, sends: readonly Mutable<Send>[], wanted?: (operation: Work) => boolean): void {
  const gone = new Set(sends.map(({ key, value }) => nameOf(key, value)));
  for (const { key, records } of polledIn(draft, wanted)) {
    for (let i = records.length - 1; i >= 0; i--) if (gone.has(nameOf(key, records[i]![1]))) records.splice(i, 1);
  }
}

/** The values that readers of committed values have, with where they are. */
function readCommitted(draft: Draft): Map<string, number> {
  return new Map(polledIn(draft, isAtReadCommitted).flatMap(({ key, records }) => records.map(([offset, value]): [string, number] => [nameOf(key, value), offset])));
}

/** Of each partition, the last offset that somebody has. */
function lastOffsets(draft: Draft): Map<Key, number> {
  const last = new Map<Key, number>();
  for (const { key, records } of polledIn(draft)) for (const [offset] of records) last.set(key, Math.max(last.get(key) ?? -1, offset));
  return last;
}

const toldOf = (draft: Draft, kind: 'ends', isolation: string): Mutable<EndsOperation>[] =>
  draft.filter((each): each is Mutable<EndsOperation> => each.kind === kind && each.isolation === isolation);
const committedTold = (draft: Draft): Mutable<CommittedOperation>[] => draft.filter((each): each is Mutable<CommittedOperation> => each.kind === 'committed');

/** A poll that somebody new made at this time. */
function plantPoll(draft: Draft, key: Key, record: PolledRecord, atMs: number): void {
  draft.push({ kind: 'data', process: NEW_PROCESS, outcome: 'ok', micro: [{ kind: 'poll', records: { [key]: [record] } }], startMs: atMs - 0.1, endMs: atMs });
}

/** Lets an end be lower than it was told to the same reader before. */
function plantFallenEnd(isolation: string): Plant {
  return (draft, random) => {
    const told = toldOf(draft, 'ends', isolation);
    const pairs = told.flatMap((later, i) => told.slice(0, i).filter(({ process, ends }) => process === later.process && ends['out-0']! > 0).map(earlier => [earlier, later] as const));
    return toOne(pairs, random, ([earlier, later]) => { later.ends['out-0'] = earlier.ends['out-0']! - 1; });
  };
}

/** What a second producer that had taken the id would make of a transaction that was committed all the same. */
function plantRival(draft: Draft, random: SimRandom, wanted: (transaction: Transaction) => boolean): boolean {
  return toOne(transactionsIn(draft, 'ok').filter(wanted), random, ({ transactionalId, commitMs }) => {
    draft.unshift({ kind: 'init', process: NEW_PROCESS, outcome: 'ok', transactionalId, startMs: commitMs! - 0.2, endMs: commitMs! - 0.1 });
  });
}

/** Committed transactions of which all that was sent is known to be read. */
function visible(draft: Draft, atLeast: number): Transaction[] {
  const read = readCommitted(draft);
  return transactionsIn(draft, 'ok').filter(each => sendsIn(each).length >= atLeast && sendsIn(each).every(({ key, value }) => read.has(nameOf(key, value))));
}

const offsetsOf = (transaction: Transaction): [Key, number][] => Object.entries(transaction.offsets?.[GROUP] ?? {});
/** Those of pipelines whose offsets the group was told to have, each by no other. */
function withOffsetsTold(draft: Draft): Transaction[] {
  const told = new Set(committedTold(draft).flatMap(({ offsets }) => Object.entries(offsets).map(([key, offset]) => `${key} ${offset}`)));
  return visible(draft, 1).filter(each => offsetsOf(each).some(([key, offset]) => told.has(`${key} ${offset}`)));
}

export const PLANTS: Partial<Record<AnomalyKind, Plant>> = {
  'inconsistent-offsets': (draft, random) => toOne(polledIn(draft, each => assigned(draft)(each) && isAtReadCommitted(each)), random, ({ records }) => { records[0]![1] = NEW_VALUE; }),
  duplicate: (draft, random) => {
    const last = lastOffsets(draft);
    return toOne(polledIn(draft, assigned(draft)), random, ({ key, records }) => { records.push([last.get(key)! + 5, records[0]![1]]); });
  },
  phantom: (draft, random) => {
    const last = lastOffsets(draft);
    return toOne([...last], random, ([key, offset]) => plantPoll(draft, key, [offset + 5, NEW_VALUE], 1e6));
  },
  G1a: (draft, random) =>
    toOne(transactionsIn(draft, 'fail').flatMap(sendsIn).filter(({ offset }) => offset !== null), random, ({ key, offset, value }) => plantPoll(draft, key, [offset!, value], 1e6)),
  'precommitted-read': (draft, random) => toOne(transactionsIn(draft, 'ok').filter(each => sendsIn(each).some(({ offset }) => offset !== null)), random, each => {
    const { key, offset, value } = sendsIn(each).find(send => send.offset !== null)!;
    each.micro.push({ kind: 'poll', records: { [key]: [[offset!, value]] } });
  }),
  'uncommitted-read': (draft, random) => toOne(transactionsIn(draft, 'ok').filter(each => sendsIn(each).some(({ offset }) => offset !== null)), random, each => {
    const { key, offset, value } = sendsIn(each).find(send => send.offset !== null)!;
    plantPoll(draft, key, [offset!, value], each.commitMs! - 0.1);
  }),
  'lso-past-open': (draft, random) => toOne(transactionsIn(draft, 'ok').filter(each => sendsIn(each).some(({ offset }) => offset !== null)), random, each => {
    const { key, offset } = sendsIn(each).find(send => send.offset !== null)!;
    draft.push({ kind: 'ends', process: NEW_PROCESS, outcome: 'ok', isolation: 'read_committed', ends: { [key]: offset! + 1 }, startMs: each.commitMs! - 0.2, endMs: each.commitMs! - 0.1 });
  }),
  'zombie-commit': (draft, random) => plantRival(draft, random, () => true),
  'zombie-write': (draft, random) => {
    const seen = new Set(visible(draft, 1));
    return plantRival(draft, random, each => seen.has(each));
  },
  'lost-write': (draft, random) => {
    const last = lastOffsets(draft);
    const read = readCommitted(draft);
    const isReadBefore = ({ key, value, offset }: Send): boolean => offset !== null && read.get(nameOf(key, value))! < last.get(key)! - 8;
    return toOne(visible(draft, 1).filter(each => each.offsets === undefined && sendsIn(each).every(isReadBefore)), random, each => removeFromPolls(draft, sendsIn(each)));
  },
  unseen: (draft, random) => toOne(visible(draft, 1).filter(each => each.offsets === undefined), random, each => {
    for (const send of sendsIn(each)) send.offset = null;
    removeFromPolls(draft, sendsIn(each));
  }),
  'half-transaction': (draft, random) => toOne(visible(draft, 2), random, each => removeFromPolls(draft, [pick(sendsIn(each), random)!], isAtReadCommitted)),
  'offsets-without-output': (draft, random) => toOne(withOffsetsTold(draft), random, each => removeFromPolls(draft, sendsIn(each))),
  'poll-skip': (draft, random) => {
    const begun = new Set<string>();
    const later = polledIn(draft, assigned(draft)).filter(({ operation, key, records }) => {
      const name = `${operation.process} ${key}`;
      return begun.has(name) ? records.length > 1 : (begun.add(name), false);
    });
    // What a reader of all values alone has left out must be there for another of its kind.
    return toOne(later.filter(({ operation }) => isAtReadCommitted(operation)), random, ({ records }) => records.shift());
  },
  'nonmonotonic-poll': (draft, random) => {
    const readers = draft.filter(assigned(draft) as (each: Draft[number]) => boolean) as Mutable<DataOperation>[];
    return toOne(readers.filter(({ micro }) => micro[0]?.kind === 'poll'), random, each => draft.splice(draft.indexOf(each), 0, structuredClone(each)));
  },
  'int-poll-skip': (draft, random) =>
    toOne(polledIn(draft, each => assigned(draft)(each) && isAtReadCommitted(each)).filter(({ records }) => records.length > 2), random, ({ records }) => records.splice(1, 1)),
  'int-nonmonotonic-poll': (draft, random) => toOne(polledIn(draft).filter(({ records }) => records.length > 1), random, ({ records }) => records.reverse()),
  'nonmonotonic-send': (draft, random) => {
    const pairs = draft.flatMap((each, i) => {
      if (each.kind !== 'data' || each.outcome !== 'ok' || sendsIn(each).length === 0) return [];
      const next = draft.findIndex((other, j) => j > i && other.kind === 'data' && other.outcome === 'ok' && other.process === each.process && sendsIn(other)[0]!.key === sendsIn(each)[0]!.key);
      return next === -1 ? [] : [[i, next] as const];
    });
    return toOne(pairs, random, ([i, j]) => { [draft[i], draft[j]] = [draft[j]!, draft[i]!]; });
  },
  'int-nonmonotonic-send': (draft, random) => toOne(worksIn(draft).filter(each => each.kind === 'data' && each.outcome === 'ok' && sendsIn(each).length > 1), random, ({ micro }) => micro.reverse()),
  'G1c-reads': (draft, random) => {
    const read = readCommitted(draft);
    const two = visible(draft, 1);
    return toOne(two, random, one => {
      const other = two.find(each => each.process !== one.process) ?? one;
      for (const [reader, writer] of [[one, other], [other, one]] as const) {
        const { key, value } = sendsIn(writer)[0]!;
        reader.micro.unshift({ kind: 'poll', records: { [key]: [[read.get(nameOf(key, value))!, value]] } });
      }
    });
  },
  'lso-moved-back': plantFallenEnd('read_committed'),
  'end-moved-back': plantFallenEnd('read_uncommitted'),
  'aborted-offsets': (draft, random) => toOne(transactionsIn(draft, 'fail').filter(each => offsetsOf(each).length > 0), random, each => {
    const [key, offset] = offsetsOf(each)[0]!;
    // No other is to have it, as a second attempt at the same inputs would.
    for (const other of worksIn(draft)) if (other.kind === 'txn' && other !== each && other.offsets?.[GROUP]?.[key] === offset) delete other.offsets[GROUP][key];
    draft.unshift({ kind: 'committed', process: NEW_PROCESS, outcome: 'ok', group: GROUP, offsets: { [key]: offset } });
  }),
  'uncommitted-offsets': (draft, random) => {
    const candidates = transactionsIn(draft, 'ok').filter(each => offsetsOf(each).some(([key, offset]) =>
      draft.every(other => other === each || other.kind !== 'txn' || other.outcome === 'fail' || other.offsets?.[GROUP]?.[key] !== offset)));
    return toOne(candidates, random, each => {
      const [key, offset] = offsetsOf(each)[0]!;
      draft.unshift({ kind: 'committed', process: NEW_PROCESS, outcome: 'ok', group: GROUP, offsets: { [key]: offset }, startMs: each.commitMs! - 0.2, endMs: each.commitMs! - 0.1 });
    });
  },
  'offsets-moved-back': (draft, random) => {
    const told = committedTold(draft);
    return toOne(told.slice(1).filter((each, i) => told[i]!.offsets['in-0']! > 0 && each.process === told[i]!.process), random, each => {
      each.offsets['in-0'] = told[told.indexOf(each) - 1]!.offsets['in-0']! - 1;
    });
  },
  'output-without-offsets': (draft, random) => toOne(transactionsIn(draft, 'ok').filter(each => offsetsOf(each).some(([, offset]) => offset > 0)), random, each => {
    const [key, offset] = offsetsOf(each).find(([, its]) => its > 0)!;
    for (const { offsets } of committedTold(draft)) offsets[key] = Math.min(offsets[key]!, offset - 1);
  }),
  'output-twice': (draft, random) => {
    const sends = transactionsIn(draft, 'ok').flatMap(each => sendsIn(each).filter(({ from }) => from !== undefined));
    return sends.length > 1 && toOne(sends.slice(1), random, send => { send.from = sends[0]!.from; });
  },
  'output-missing': (draft, random) => toOne(transactionsIn(draft, 'ok').filter(each => sendsIn(each).some(({ from }) => from !== undefined)), random, each => {
    const gone = sendsIn(each).find(({ from }) => from !== undefined)!;
    each.micro.splice(each.micro.indexOf(gone), 1);
    removeFromPolls(draft, [gone]);
  }),
};
