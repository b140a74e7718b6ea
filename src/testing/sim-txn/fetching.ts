import { ErrorCode } from '../../protocol/generated/errors.js';
import { fetchApi, type FetchResponse } from '../../protocol/generated/fetch.js';
import * as batch from '../../protocol/records/batch.js';
import { batchesIn, recordsIn } from '../../protocol/records/batch-iterator.js';
import { parseEndTransactionMarker } from '../../protocol/records/control-records.js';
import { holds } from './invariants.js';
import type { Ledger } from './ledger.js';
import type { Link } from './link.js';

export const [UNCOMMITTED, COMMITTED] = [0, 1] as const;
export type Isolation = typeof UNCOMMITTED | typeof COMMITTED;

export interface FetchedRecord {
  readonly offset: number;
  readonly key: string | undefined;
  readonly value: string;
}

export interface FetchedBatch {
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly isTransactional: boolean;
  /** Of a marker: what it says, and when it was written. */
  readonly marker: { readonly committed: boolean; readonly timestampMs: number } | undefined;
  readonly records: readonly FetchedRecord[];
}

export interface Fetched {
  readonly batches: readonly FetchedBatch[];
  /** Those that a consumer hands out. */
  readonly records: readonly FetchedRecord[];
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** Where the next fetch begins. */
  readonly position: number;
}

interface Place {
  readonly topic: string;
  readonly index: number;
}

const VERSION = 12;

/** Fetches once, and holds what comes against all that was seen before. */
export async function fetchOnce(link: Link, ledger: Ledger, { topic, index }: Place, isolation: Isolation, position: number, maxBytes: number): Promise<Fetched> {
  const response = await link.ask(fetchApi, {
    isolationLevel: isolation, maxWaitMs: 0, minBytes: 0, maxBytes, forgottenTopicsData: [],
    topics: [{ topic, partitions: [{ partition: index, fetchOffset: position, partitionMaxBytes: maxBytes }] }],
  }, VERSION, answer => answer.responses[0]?.partitions[0]?.errorCode ?? answer.errorCode);
  const data = response.responses[0]!.partitions[0]!;
  const partition = `${topic}-${index}`;
  holds(data.errorCode === ErrorCode.NONE, 'answers', () => `${link.name} fetched ${partition} at ${position}: error ${data.errorCode}`);
  const fetched = read(data, isolation, position);
  for (const { marker, nextOffset, producerId, producerEpoch, records } of fetched.batches) {
    if (marker !== undefined) ledger.stands(partition, nextOffset - 1, `marker of ${producerId}/${producerEpoch}`);
    for (const { offset, value } of records) ledger.stands(partition, offset, value);
  }
  if (isolation === COMMITTED) {
    const last = fetched.batches.at(-1);
    holds(last === undefined || last.nextOffset <= fetched.lastStableOffset, 'stableOffset', () =>
      `${link.name} was given ${partition} up to ${last?.nextOffset}, and the last stable offset is ${fetched.lastStableOffset}`);
    for (const { offset, value } of fetched.records) ledger.seenCommitted(link.name, partition, offset, value);
  }
  return fetched;
}

type PartitionData = FetchResponse['responses'][number]['partitions'][number];

function read({ records: bytes, abortedTransactions, highWatermark, lastStableOffset, logStartOffset }: PartitionData, isolation: Isolation, position: number): Fetched {
  const batches = bytes === null ? [] : Array.from(batchesIn(bytes), at => readBatch(bytes, at));
  const aborted = (abortedTransactions ?? []).map(({ producerId, firstOffset }) => ({ producerId: Number(producerId), firstOffset: Number(firstOffset) }));
  const handedOut = isolation === COMMITTED ? committedOf(batches, aborted) : batches.filter(({ marker }) => marker === undefined);
  return {
    batches, records: handedOut.flatMap(({ records }) => records.filter(({ offset }) => offset >= position)),
    highWatermark: Number(highWatermark), lastStableOffset: Number(lastStableOffset), logStartOffset: Number(logStartOffset),
    position: batches.at(-1)?.nextOffset ?? position,
  };
}

function readBatch(bytes: Uint8Array, at: number): FetchedBatch {
  const isControl = batch.isControl(bytes, at);
  const records = [...recordsIn(bytes, at)];
  const [control] = records;
  const end = isControl && control !== undefined ? parseEndTransactionMarker(control.key, control.value) : undefined;
  return {
    baseOffset: batch.baseOffset(bytes, at), nextOffset: batch.nextOffset(bytes, at), isTransactional: batch.isTransactional(bytes, at),
    producerId: batch.producerId(bytes, at), producerEpoch: batch.producerEpoch(bytes, at),
    marker: end && { committed: end.committed, timestampMs: batch.maxTimestampMs(bytes, at) },
    records: isControl ? [] : records.map(({ offset, key, value }) => ({ offset, key: key === null ? undefined : textOf(key), value: textOf(value) })),
  };
}

/** Values carry padding behind their name. */
const textOf = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString().replace(/ x*$/, '');

/** What a consumer leaves out by the list of aborted transactions (`CompletedFetch`): from a first offset on to the marker. */
function committedOf(batches: readonly FetchedBatch[], aborted: readonly { producerId: number; firstOffset: number }[]): FetchedBatch[] {
  const begun = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const inAborted = new Set<number>();
  return batches.filter(({ producerId, nextOffset, isTransactional, marker }) => {
    while (begun[0] !== undefined && begun[0].firstOffset < nextOffset) inAborted.add(begun.shift()!.producerId);
    if (marker !== undefined) {
      if (!marker.committed) inAborted.delete(producerId);
      return false;
    }
    return !(isTransactional && inAborted.has(producerId));
  });
}

/** Follows one partition from its start, as a consumer does. */
export class Reader {
  private position = 0;
  private lastStableOffset = 0;
  private highWatermark = 0;

  constructor(private readonly link: Link, private readonly ledger: Ledger, private readonly place: Place, private readonly isolation: Isolation) {}

  async read(maxBytes: number): Promise<Fetched> {
    const { link, ledger, place: { topic, index }, isolation, position: from } = this;
    const askedMs = link.world.nowMs;
    const fetched = await fetchOnce(link, ledger, this.place, isolation, from, maxBytes);
    this.position = fetched.position;
    const isCommitted = isolation === COMMITTED;
    const { records, highWatermark, lastStableOffset, position } = fetched;
    ledger.read({
      reader: `${link.name} at ${topic}-${index}, isolation ${isolation}`, partition: `${topic}-${index}`, isCommitted, from, records, highWatermark, lastStableOffset,
      reachedEnd: position >= (isCommitted ? lastStableOffset : highWatermark), askedMs, answeredMs: link.world.nowMs,
    });
    for (const what of ['lastStableOffset', 'highWatermark'] as const) {
      holds(fetched[what] >= this[what], 'stableOffset', () => `${link.name} read a ${what} of ${topic}-${index} of ${fetched[what]} after ${this[what]}`);
      this[what] = fetched[what];
    }
    return fetched;
  }

  /** All that there is, from the start or from where it stands. */
  async readToEnd(): Promise<Fetched[]> {
    const all: Fetched[] = [];
    for (;;) {
      const fetched = await this.read(1 << 20);
      all.push(fetched);
      const end = this.isolation === COMMITTED ? fetched.lastStableOffset : fetched.highWatermark;
      if (this.position >= end || fetched.batches.length === 0) return all;
    }
  }
}
