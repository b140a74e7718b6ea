import { auditDrained } from './audit.js';
import { COMMITTED, Reader, UNCOMMITTED, type FetchedBatch, type FetchedRecord } from './fetching.js';
import { committedOffsets } from './group-member.js';
import { soundHistory } from './history.js';
import { holds } from './invariants.js';
import { describe, type Incarnation, type Ledger, type Transaction, type Written } from './ledger.js';
import type { Link } from './link.js';
import { GROUP, INPUTS, OUTPUT, READ_PLACES } from './plan.js';
import { nameOf } from './producing.js';

/** What there is at the end, when nothing is under way any more. */
interface Outcome {
  /** What a consumer of committed records gets, by partition. */
  readonly visible: ReadonlyMap<string, readonly FetchedRecord[]>;
  readonly batches: ReadonlyMap<string, readonly FetchedBatch[]>;
  readonly committedOffsets: ReadonlyMap<string, number>;
}

/** Reads all that there is and holds it against what the clients were told. */
export async function judge(link: Link, ledger: Ledger): Promise<void> {
  await auditDrained(link);
  const outcome = await readOutcome(link, ledger);
  nothingTwice(outcome, ledger);
  everythingThatMust(outcome, ledger);
  offsetsWithOutput(outcome, ledger);
  oneOwner(outcome, ledger);
  soundHistory(ledger);
}

async function readOutcome(link: Link, ledger: Ledger): Promise<Outcome> {
  const visible = new Map<string, FetchedRecord[]>();
  const batches = new Map<string, FetchedBatch[]>();
  for (const place of READ_PLACES) {
    const fetched = await new Reader(link, ledger, place, COMMITTED).readToEnd();
    visible.set(nameOf(place), fetched.flatMap(({ records }) => records));
    const { lastStableOffset, highWatermark } = fetched.at(-1)!;
    holds(lastStableOffset === highWatermark, 'drained', () => `the last stable offset of ${nameOf(place)} is ${lastStableOffset} of ${highWatermark}`);
    batches.set(nameOf(place), (await new Reader(link, ledger, place, UNCOMMITTED).readToEnd()).flatMap(each => each.batches));
  }
  const askedMs = link.world.nowMs;
  const offsets = await committedOffsets(link, GROUP, INPUTS);
  ledger.toldCommitted({ client: link.name, offsets, askedMs, answeredMs: link.world.nowMs });
  return { visible, batches, committedOffsets: offsets };
}

function nothingTwice({ visible }: Outcome, ledger: Ledger): void {
  const seen = new Map<string, string>();
  for (const [partition, records] of visible) {
    for (const { offset, value } of records) {
      const source = ledger.written.get(value)?.source;
      for (const what of source === undefined ? [value] : [value, `the output of ${source.partition}@${source.offset}`]) {
        const place = `${partition}@${offset}`;
        holds(!seen.has(what), 'exactlyOnce', () => `${what} is visible at ${place}, and at ${seen.get(what)}`);
        seen.set(what, place);
      }
    }
  }
}

/** What is gone because compaction prefers a later value of the key. */
function supersededIn({ visible }: Outcome): (written: Written) => boolean {
  const lastOf = new Map<string, number>();
  for (const [partition, records] of visible) {
    for (const { key, offset } of records) if (key !== undefined) lastOf.set(`${partition} ${key}`, offset);
  }
  return ({ partition, key, offset }) => key !== undefined && offset !== undefined && (lastOf.get(`${partition} ${key}`) ?? -1) > offset;
}

function everythingThatMust(outcome: Outcome, ledger: Ledger): void {
  const visible = new Set([...outcome.visible.values()].flatMap(records => records.map(({ value }) => value)));
  const isSuperseded = supersededIn(outcome);
  const isThere = (written: Written): boolean => visible.has(written.value) || isSuperseded(written);
  for (const written of ledger.written.values()) {
    if (written.transaction === undefined) holds(isThere(written), 'committedLost', () => `${written.value} was acknowledged for ${written.partition}@${written.offset}`);
  }
  for (const transaction of ledger.transactions) {
    const shown = transaction.written.filter(({ value }) => visible.has(value));
    const missing = transaction.written.filter(written => !isThere(written));
    holds(shown.length === 0 || missing.length === 0, 'allOrNothing', () =>
      `${describe(transaction)}: ${shown.map(({ value }) => value).join(' ')} to be seen, and not ${missing.map(({ value }) => value).join(' ')}`);
    if (transaction.fate === 'committed') holds(missing.length === 0, 'endHolds', () => `${describe(transaction)}: nothing is there`);
  }
}

/** Of the inputs below a committed offset each has one output, of those above none. */
function offsetsWithOutput({ visible, committedOffsets: committed }: Outcome, { written }: Ledger): void {
  const outputs = new Map((visible.get(nameOf(OUTPUT)) ?? []).map(({ value }) => {
    const { partition, offset } = written.get(value)!.source!;
    return [`${partition}@${offset}`, value];
  }));
  for (const place of INPUTS) {
    const partition = nameOf(place);
    const next = committed.get(partition)!;
    for (const { offset } of visible.get(partition)!) {
      const input = `${partition}@${offset}`;
      const output = outputs.get(input);
      holds((output !== undefined) === offset < next, 'offsetsWithOutput', () => `the group is at ${partition}@${next}, and ${input} has ${output ?? 'no output'}`);
    }
  }
}

/** Markers are written before an InitProducerId is answered that they must precede. */
function oneOwner({ batches }: Outcome, ledger: Ledger): void {
  for (const [partition, list] of batches) {
    const open = new Map<number, Transaction>();
    for (const { producerId, marker, records } of list) {
      const transaction = records.map(({ value }) => ledger.written.get(value)?.transaction).find(each => each !== undefined);
      if (transaction !== undefined) open.set(producerId, transaction);
      if (marker === undefined) continue;
      const ended = open.get(producerId);
      open.delete(producerId);
      if (ended === undefined || !marker.committed) continue;
      const newer = ledger.incarnations.find(each => isNewer(each, ended) && each.sinceMs < marker.timestampMs);
      holds(newer === undefined, 'oneOwner', () =>
        `${describe(ended)} was committed in ${partition} at ${marker.timestampMs}, and ${newer!.client} owned its id since ${newer!.sinceMs} as producer ` +
          `${newer!.producerId} epoch ${newer!.producerEpoch}`);
    }
  }
}

/** By its epoch; under another producer id, where the epochs were used up or the id was forgotten, by its time. */
function isNewer(one: Incarnation, { incarnation, producerId, producerEpoch }: Transaction): boolean {
  if (one.transactionalId !== incarnation.transactionalId) return false;
  return one.producerId === producerId ? one.producerEpoch > producerEpoch : one.askedMs > incarnation.answeredMs;
}
