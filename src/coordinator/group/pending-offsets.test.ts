// Offsets inside and outside of transactions, in an order that a seed chooses, against what the log says when it is read as a whole.

import { test } from '@jest/globals';
import { assert } from '../../base/assert.js';
import { SimRandom } from '../../env/sim/random.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { ZERO_UUID } from '../../protocol/wire/types.js';
import { groupRecordCodec } from './records.js';
import { GroupDriver, name } from './testing/group-driver.js';
import type { DeletedGroup, DeleteOffsetsResult, FetchOffsetsResult } from './types.js';

const SEEDS = 60;
const STEPS = 150;
const PRODUCERS = [500, 501, 502];
const GROUPS = ['g', 'h'];
const PARTITIONS = [0, 1];

interface Written {
  readonly at: number;
  /** Of no producer when it was committed outside of transactions; no offset is a tombstone. */
  readonly producerId: number;
  readonly offset: number | undefined;
}

/** The log, read once: what was written for each partition of a group, and where the transactions of each producer ended. */
class WholeLog {
  private readonly written = new Map<string, Written[]>();
  private readonly markers = new Map<number, { at: number; committed: boolean }[]>();
  private length = 0;

  read(log: GroupDriver['log']): void {
    for (; this.length < log.length; this.length++) {
      const at = this.length;
      const { key, value, producerId = -1, marker } = log[at]!;
      if (marker !== undefined) listIn(this.markers, marker.producerId).push({ at, committed: marker.committed });
      const record = key === null ? undefined : groupRecordCodec.decode(key, value);
      if (record?.kind !== 'offset') continue;
      listIn(this.written, `${record.groupId} ${record.partition}`).push({ at, producerId, offset: record.value === null ? undefined : Number(record.value.offset) });
    }
  }

  /** The latest commit that counts, of those since the last tombstone; and whether another may yet. */
  tells(groupId: string, partition: number): { offset: number; isPending: boolean } {
    const all = this.written.get(`${groupId} ${partition}`) ?? [];
    const lastTombstone = all.findLast(({ offset }) => offset === undefined)?.at ?? -1;
    const since = all.filter(({ at }) => at > lastTombstone);
    const ended = since.map(({ at, producerId, offset }) => ({ offset, end: producerId < 0 ? 'commit' : this.endAfter(producerId, at) }));
    return { offset: ended.findLast(({ end }) => end === 'commit')?.offset ?? -1, isPending: ended.some(({ end }) => end === 'none') };
  }

  private endAfter(producerId: number, at: number): string {
    const marker = this.markers.get(producerId)?.find(found => found.at > at);
    return marker === undefined ? 'none' : marker.committed ? 'commit' : 'abort';
  }
}

function listIn<Key, Value>(map: Map<Key, Value[]>, key: Key): Value[] {
  const list = map.get(key) ?? [];
  map.set(key, list);
  return list;
}

class Run {
  private readonly driver = new GroupDriver();
  private readonly random: SimRandom;
  private readonly log = new WholeLog();
  private nextOffset = 1;

  constructor(seed: number) {
    this.random = new SimRandom(seed);
  }

  step(): void {
    const [groupId, partition, producerId] = [this.pick(GROUPS), this.pick(PARTITIONS), this.pick(PRODUCERS)];
    this.driver.refuseWith = this.random.int(12) === 0 ? ErrorCode.COORDINATOR_NOT_AVAILABLE : ErrorCode.NONE;
    const choice = this.random.int(20);
    if (choice < 8) this.driver.commitInTransaction(producerId, this.nextOffset++, { groupId, partition });
    else if (choice < 11) this.driver.commit({ groupId, partition, offset: this.nextOffset++ });
    else if (choice < 16) this.driver.endTransaction(producerId, this.random.int(2) === 0);
    else if (choice === 16) this.delete(groupId, partition);
    else if (choice === 17) this.driver.run<DeletedGroup[]>((machine, to, at) => machine.deleteGroups([groupId], to, at));
    else if (choice === 18) this.driver.failOver();
    this.driver.refuseWith = ErrorCode.NONE;
    this.check();
  }

  private delete(groupId: string, partitionIndex: number): void {
    const request = { groupId, topics: [{ name: 't', partitions: [{ partitionIndex }] }] };
    this.driver.run<DeleteOffsetsResult>((machine, to, at) => machine.deleteOffsets(request, to, at), errorCode => ({ errorCode, topics: [] }));
  }

  private check(): void {
    this.log.read(this.driver.log);
    for (const groupId of GROUPS) {
      for (const partition of PARTITIONS) {
        const { offset, isPending } = this.log.tells(groupId, partition);
        assert(this.told(groupId, partition, false) === offset, `${groupId} ${partition} is not at ${offset}`);
        assert(this.told(groupId, partition, true) === (isPending ? 'UNSTABLE_OFFSET_COMMIT' : offset), `${groupId} ${partition} is pending: ${!isPending}`);
      }
    }
  }

  private told(groupId: string, partition: number, requireStable: boolean): unknown {
    const request = { groupId, memberId: null, memberEpoch: -1, topics: [{ topicId: ZERO_UUID, name: 't', partitionIndexes: [partition] }], requireStable };
    const { topics } = this.driver.run<FetchOffsetsResult>((machine, to, at) => machine.fetchOffsets(request, to, at)).answer;
    const fetched = topics[0]!.partitions[0]!;
    return fetched.errorCode === ErrorCode.NONE ? Number(fetched.committedOffset) : name(fetched);
  }

  private pick<T>(all: readonly T[]): T {
    return all[this.random.int(all.length)]!;
  }
}

test(`committed and pending offsets are what the log says, over ${SEEDS} seeds`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      const run = new Run(seed);
      for (let step = 0; step < STEPS; step++) run.step();
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
});
