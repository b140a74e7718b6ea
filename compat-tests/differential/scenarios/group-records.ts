// What the coordinators wrote of the groups that the other scenarios have played: the records of `__consumer_offsets`, group by group.

import { groupRecordCodec, type GroupRecord } from '../../../src/coordinator/group/records.js';
import { fetchApi } from '../../../src/protocol/generated/index.js';
import { recordsIn, batchesIn } from '../../../src/protocol/records/batch-iterator.js';
import { int64ToNumber } from '../../../src/protocol/wire/types.js';
import type { Player } from '../player.js';

const OFFSETS_TOPIC = '__consumer_offsets';
/** The newest Fetch that names topics. */
const NAMES_TOPICS = 12;
const MOST_BYTES = 1 << 20;

/** A record as it is compared: what it says, and in which version. */
type Told = Record<string, unknown> & { readonly kind: string };

export async function groupRecords(player: Player): Promise<void> {
  const groups = new Map<string, Told[]>();
  for await (const { key, value } of writtenRecords(player)) {
    const record = groupRecordCodec.decode(key, value);
    if (record === undefined) continue;
    const told = groups.get(record.groupId) ?? [];
    groups.set(record.groupId, told);
    told.push(asTold(record, value));
  }
  for (const [groupId, records] of groups) {
    for (const [index, record] of inOneOrder(records, player).entries()) player.keep(`record ${index} of group '${groupId}'`, record);
  }
}

async function* writtenRecords(player: Player): AsyncGenerator<{ key: Uint8Array | null; value: Uint8Array | null }> {
  for (let fetchOffset = 0, end = Infinity; fetchOffset < end;) {
    const { responses } = await player.quietly(fetchApi, {
      maxWaitMs: 0, minBytes: 0, maxBytes: MOST_BYTES, isolationLevel: 0, sessionId: 0, sessionEpoch: -1, forgottenTopicsData: [], rackId: '',
      topics: [{ topic: OFFSETS_TOPIC, partitions: [{ partition: 0, currentLeaderEpoch: -1, fetchOffset, lastFetchedEpoch: -1, logStartOffset: -1, partitionMaxBytes: MOST_BYTES }] }],
    }, NAMES_TOPICS);
    const { errorCode, highWatermark, records } = responses[0]!.partitions[0]!;
    if (errorCode !== 0) throw new Error(`reading ${OFFSETS_TOPIC}: ${errorCode}`);
    end = int64ToNumber(highWatermark);
    const from = fetchOffset;
    for (const at of batchesIn(records!)) {
      for (const { offset, key, value } of recordsIn(records!, at)) {
        if (offset >= from) yield { key, value };
        fetchOffset = int64ToNumber(offset) + 1;
      }
    }
  }
}

/** Hashes are of the topics' ids, and a regular expression is resolved in some version of the metadata: these may differ. */
function asTold(record: GroupRecord, bytes: Uint8Array | null): Told {
  const valueVersion = bytes === null ? null : Buffer.from(bytes).readInt16BE(0);
  const { kind, value } = record;
  const free: Record<string, unknown> = {};
  if (value !== null && 'metadataHash' in value && value.metadataHash !== 0) free['metadataHash'] = '<hash>';
  if (kind === 'consumer regex') free['version'] = '<version>';
  return { ...record, valueVersion, value: value === null ? null : Object.assign({}, value, free) };
}

/** What is written of several members or partitions is written in the order of a hash map: here by their names. */
function inOneOrder(records: readonly Told[], player: Player): Told[] {
  const nameOf = (record: Told): string => 'topic' in record ? `${String(record['topic'])}-${String(record['partition'])}` : String(player.nameOf(record['memberId']));
  const runs: Told[][] = [];
  for (const record of records) {
    const run = runs.at(-1);
    if (run !== undefined && isUnordered(run[0]!, record)) run.push(record);
    else runs.push([record]);
  }
  return runs.flatMap(run => run.toSorted((one, other) => compare(nameOf(one), nameOf(other))));
}

/** Tombstones of members or of partitions, and values of one kind of members. */
function isUnordered(one: Told, other: Told): boolean {
  if (one['value'] === null || other['value'] === null) return one['value'] === other['value'] && 'memberId' in one === 'memberId' in other && 'topic' in one === 'topic' in other;
  return 'memberId' in one && one.kind === other.kind;
}

const compare = (one: string, other: string): number => one === other ? 0 : one < other ? -1 : 1;
