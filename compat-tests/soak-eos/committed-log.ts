// Readers of our own: of what is committed as clients are told it, and as the markers in the log have it.

import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { fetchApi } from '../../src/protocol/generated/fetch.js';
import * as batch from '../../src/protocol/records/batch.js';
import { batchesIn, recordsIn } from '../../src/protocol/records/batch-iterator.js';
import { parseEndTransactionMarker } from '../../src/protocol/records/control-records.js';
import type { RawClient } from '../../src/testing/raw-client.js';

export interface CommittedRecord {
  readonly offset: number;
  readonly key: string;
  readonly value: string;
  readonly timestampMs: number;
}

export interface Topic {
  readonly name: string;
  readonly partitions: number;
}

const FETCH_BYTES = 1 << 20;
/** Of the last version that names topics instead of ids. */
const FETCH_VERSION = 12;
const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;

const text = (bytes: Uint8Array | null): string => (bytes === null ? '' : Buffer.from(bytes).toString());

function recordsOf(bytes: Uint8Array, at: number): CommittedRecord[] {
  return Array.from(recordsIn(bytes, at), ({ offset, key, value, timestampMs }) => ({ offset, key: text(key), value: text(value), timestampMs }));
}

function isCommitMarker(bytes: Uint8Array, at: number): boolean {
  const [marker] = recordsIn(bytes, at);
  return parseEndTransactionMarker(marker!.key, marker!.value)?.committed === true;
}

class FetchError extends Error {
  override readonly name = 'FetchError';

  constructor(readonly code: number, message: string) {
    super(message);
  }
}

async function fetch(client: RawClient, topic: string, partition: number, fetchOffset: number, isolationLevel: number) {
  const response = await client.send(fetchApi, {
    maxWaitMs: 0, minBytes: 0, maxBytes: FETCH_BYTES, sessionEpoch: -1, isolationLevel,
    topics: [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: FETCH_BYTES }] }],
  }, FETCH_VERSION);
  const answer = response.responses[0]!.partitions[0]!;
  if (answer.errorCode !== ErrorCode.NONE) throw new FetchError(answer.errorCode, `${topic}-${partition}: the fetch from ${fetchOffset} got error ${answer.errorCode}`);
  return { ...answer, bytes: answer.records ?? Buffer.alloc(0) };
}

/** One partition at read_committed, from its beginning on: aborted transactions are left out as the broker tells of them. */
export class CommittedPartition {
  readonly records: CommittedRecord[] = [];
  /** What is wrong with the answers, if anything is. */
  readonly faults: string[] = [];
  highWatermark = 0;
  lastStableOffset = 0;
  private position = 0;

  /** `mayGoBack`: the ends that the broker tells may be older ones after a kill, as Apache Kafka's are that knows the high watermark of its last checkpoint. */
  constructor(readonly topic: string, readonly partition: number, private readonly mayGoBack: boolean) {}

  /** What was read is all that is stable. */
  get isAtEnd(): boolean {
    return this.position >= this.lastStableOffset;
  }

  /** Reads to the last stable offset; `after` each answer. */
  async readOn(client: RawClient, after: () => void = () => undefined): Promise<void> {
    for (let hasMore = true; hasMore; after()) hasMore = await this.poll(client);
  }

  private async poll(client: RawClient): Promise<boolean> {
    const { bytes, abortedTransactions, highWatermark, lastStableOffset } = await fetch(client, this.topic, this.partition, this.position, READ_COMMITTED)
      .catch((error: unknown) => this.refused(error));
    this.highWatermark = Number(highWatermark);
    if (!this.mayGoBack && Number(lastStableOffset) < this.lastStableOffset) {
      this.faults.push(`${this.topic}-${this.partition}: the last stable offset went back from ${this.lastStableOffset} to ${lastStableOffset}`);
    }
    this.lastStableOffset = Number(lastStableOffset);
    const aborted = [...(abortedTransactions ?? [])].sort((a, b) => Number(a.firstOffset) - Number(b.firstOffset));
    const leftOut = new Set<string>();
    const from = this.position;
    for (const at of batchesIn(bytes)) {
      const producer = String(batch.producerId(bytes, at));
      while (aborted.length > 0 && Number(aborted[0]!.firstOffset) <= batch.lastOffset(bytes, at)) leftOut.add(String(aborted.shift()!.producerId));
      if (batch.isControl(bytes, at)) {
        if (!isCommitMarker(bytes, at)) leftOut.delete(producer);
      } else if (!batch.isTransactional(bytes, at) || !leftOut.has(producer)) {
        this.records.push(...recordsOf(bytes, at).filter(({ offset }) => offset >= from));
      }
      this.position = batch.nextOffset(bytes, at);
    }
    if (this.position > from && this.position > this.lastStableOffset) {
      this.faults.push(`${this.topic}-${this.partition}: the broker gave offset ${this.position - 1} beyond the last stable offset ${this.lastStableOffset}`);
    }
    return this.position > from;
  }

  /** What was read once is there, whatever happened meanwhile; other errors are those of a broker that is about to come or go. */
  private refused(error: unknown): never {
    if (!this.mayGoBack && error instanceof FetchError && error.code === ErrorCode.OFFSET_OUT_OF_RANGE) this.faults.push(error.message);
    throw error;
  }
}

/** What the log itself says: everything in it, judged by the markers. */
export interface MarkedPartition {
  readonly records: readonly CommittedRecord[];
  readonly commitMarkers: number;
  readonly abortMarkers: number;
  /** Producers whose last transaction has no marker. */
  readonly open: readonly string[];
}

export async function readByMarkers(client: RawClient, topic: string, partition: number): Promise<MarkedPartition> {
  const records: CommittedRecord[] = [];
  const open = new Map<string, CommittedRecord[]>();
  let commitMarkers = 0;
  let abortMarkers = 0;
  for (let position = 0, from = -1; position > from;) {
    from = position;
    const { bytes } = await fetch(client, topic, partition, position, READ_UNCOMMITTED);
    for (const at of batchesIn(bytes)) {
      position = batch.nextOffset(bytes, at);
      const producer = String(batch.producerId(bytes, at));
      if (batch.isControl(bytes, at)) {
        const commits = isCommitMarker(bytes, at);
        if (commits) {
          records.push(...(open.get(producer) ?? []));
          commitMarkers++;
        } else abortMarkers++;
        open.delete(producer);
      } else if (batch.isTransactional(bytes, at)) {
        open.set(producer, [...(open.get(producer) ?? []), ...recordsOf(bytes, at)]);
      } else records.push(...recordsOf(bytes, at));
    }
  }
  return { records: records.sort((a, b) => a.offset - b.offset), commitMarkers, abortMarkers, open: [...open.keys()] };
}
