// What producers write in transactions: records and offsets of groups, where their coordinator knows of it and where it does not.

import {
  addOffsetsToTxnApi, addPartitionsToTxnApi, describeTransactionsApi, endTxnApi, fetchApi, findCoordinatorApi, initProducerIdApi, joinGroupApi, offsetFetchApi, produceApi,
  syncGroupApi, txnOffsetCommitApi, type TxnOffsetCommitRequestInput,
} from '../../../src/protocol/generated/index.js';
import * as batch from '../../../src/protocol/records/batch.js';
import { buildBatch } from '../../../src/protocol/records/batch-builder.js';
import { batchesIn } from '../../../src/protocol/records/batch-iterator.js';
import type { Player } from '../player.js';
import { produceRequest } from './produce.js';

/** Longer than the test: nothing is aborted meanwhile. */
const TIMEOUT_MS = 900_000;
/** The last versions of clients whose transactions share an epoch. */
const OLD = { addPartitions: 3, end: 4 } as const;
const NOT_NOW = [14, 15, 16, 51];

interface Producer {
  readonly transactionalId: string;
  readonly producerId: number | bigint;
  readonly producerEpoch: number;
}

interface Target {
  readonly name: string;
  readonly topicId: string;
}

export async function transactionalWrites(player: Player): Promise<void> {
  await player.untilGroupsServed();
  await player.until('the coordinator of transactions', async () =>
    (await player.quietly(findCoordinatorApi, { keyType: 1, coordinatorKeys: ['t'] })).coordinators[0]!.errorCode === 0);
  await produces(player);
  await ends(player);
  await offsets(player);
  await members(player);
}

async function begin(player: Player, transactionalId: string): Promise<Producer> {
  let producer: Producer | undefined;
  await player.until(`a producer ${transactionalId}`, async () => {
    const { errorCode, producerId, producerEpoch } = await player.quietly(initProducerIdApi, { transactionalId, transactionTimeoutMs: TIMEOUT_MS });
    producer = { transactionalId, producerId, producerEpoch };
    return errorCode === 0;
  });
  return producer!;
}

async function add(player: Player, { transactionalId, producerId, producerEpoch }: Producer, { name }: Target, ...partitions: number[]): Promise<void> {
  await player.until('a partition that is added', async () => {
    const { resultsByTopicV3AndBelow: [topic] } = await player.quietly(addPartitionsToTxnApi, {
      v3AndBelowTransactionalId: transactionalId, v3AndBelowProducerId: producerId, v3AndBelowProducerEpoch: producerEpoch, v3AndBelowTopics: [{ name, partitions }],
    }, OLD.addPartitions);
    return !NOT_NOW.includes(topic!.resultsByPartition[0]!.partitionErrorCode);
  });
}

/** Ends a transaction, waits until its markers are written, and gives the producer of the next. */
async function end(player: Player, producer: Producer, committed: boolean, version = OLD.end as number): Promise<Producer> {
  const { transactionalId } = producer;
  let next = producer;
  await player.until(`the end of ${transactionalId}`, async () => {
    const { errorCode, producerId, producerEpoch } = await player.quietly(endTxnApi, { ...producer, committed }, version);
    if (errorCode === 0 && version > OLD.end) next = { transactionalId, producerId, producerEpoch };
    return !NOT_NOW.includes(errorCode);
  });
  await player.until(`the markers of ${transactionalId}`, async () => {
    const { transactionStates: [state] } = await player.quietly(describeTransactionsApi, { transactionalIds: [transactionalId] });
    return state!.transactionState.startsWith('Complete') || state!.transactionState === 'Empty';
  });
  return next;
}

/** Of this moment: markers are, and times that lie far apart would make Apache Kafka begin a segment with each. */
const batchOf = ({ producerId, producerEpoch }: Omit<Producer, 'transactionalId'>, baseSequence = 0, isTransactional = true): Buffer =>
  buildBatch({ producerId: Number(producerId), producerEpoch, baseSequence, isTransactional }, [{ timestampMs: Date.now(), key: null, value: Buffer.from('value') }]);

/** A topic that is written to in transactions. */
interface Place {
  readonly player: Player;
  readonly to: Target;
}

/** A batch, with the transactional id of the request unless it is the producer's, and the partition unless it is the first. */
interface Write {
  readonly bytes: Buffer;
  readonly as?: string | null;
  readonly index?: number;
}

type Make = (producer: Producer, place: Place) => Write | Promise<Write>;

const send = ({ player, to }: Place, producer: Producer, bytes: Buffer) =>
  player.quietly(produceApi, produceRequest(to, bytes, { transactionalId: producer.transactionalId }), 11);

/** Once the partition is added to the transaction. */
const added = (partition: number, make: Make): Make => async (producer, place) => {
  await add(place.player, producer, place.to, partition);
  return make(producer, place);
};

/** Once the producer's first batch is written. */
const begun = (make: Make): Make => added(0, async (producer, place) => {
  await send(place, producer, batchOf(producer));
  return make(producer, place);
});

const WRITES: readonly (readonly [label: string, make: Make])[] = [
  ['a partition of it', added(0, producer => ({ bytes: batchOf(producer) }))],
  ['a partition that was not added', added(1, producer => ({ bytes: batchOf(producer) }))],
  ['none is open', producer => ({ bytes: batchOf(producer) })],
  ['the next batch', begun(producer => ({ bytes: batchOf(producer, 1) }))],
  ['the same batch', begun(producer => ({ bytes: batchOf(producer) }))],
  ['a batch too far', begun(producer => ({ bytes: batchOf(producer, 2) }))],
  ['a first batch that is none', added(0, producer => ({ bytes: batchOf(producer, 5) }))],
  ['a plain batch', begun(producer => ({ bytes: batchOf(producer, 1, false) }))],
  ['no transactional id', producer => ({ bytes: batchOf(producer), as: null })],
  ['an empty transactional id', producer => ({ bytes: batchOf(producer), as: '' })],
  ['an id that nobody has', producer => ({ bytes: batchOf(producer), as: 'nobody' })],
  ['another producer id', producer => ({ bytes: batchOf({ ...producer, producerId: 999_999 }) })],
  ['no producer id', () => ({ bytes: batchOf({ producerId: -1, producerEpoch: -1 }, -1) })],
  ['an epoch before', async (producer, { player }) => {
    await begin(player, producer.transactionalId);
    return { bytes: batchOf(producer) };
  }],
  ['an epoch before, which the log knows', async (producer, place) => {
    const next = await begin(place.player, producer.transactionalId);
    await add(place.player, next, place.to, 0);
    await send(place, next, batchOf(next));
    return { bytes: batchOf(producer) };
  }],
  ['an epoch that is to come', added(0, producer => ({ bytes: batchOf({ ...producer, producerEpoch: producer.producerEpoch + 1 }) }))],
  ['a partition that is not there', producer => ({ bytes: batchOf(producer), index: 3 })],
  ['a damaged batch', producer => {
    const bytes = batchOf(producer);
    bytes[bytes.length - 1]! ^= 1;
    return { bytes };
  }],
];

async function produces(player: Player): Promise<void> {
  const to: Target = { name: 'in-transactions', topicId: await player.topic('in-transactions', 3) };
  for (const [label, make] of WRITES) {
    await player.ask(`in a transaction, ${label}`, produceApi, async version => {
      const producer = await begin(player, `${label} ${version}`);
      const { bytes, as: transactionalId = producer.transactionalId, index } = await make(producer, { player, to });
      return produceRequest(to, bytes, { transactionalId }, index);
    });
  }
  const request = ({ transactionalId }: Producer, of: readonly (readonly [index: number, producer: Producer])[]) => (
    { acks: -1, timeoutMs: 1000, transactionalId, topicData: [{ ...to, partitionData: of.map(([index, producer]) => ({ index, records: batchOf(producer) })) }] });
  await player.ask('in a transaction, two producers', produceApi, async version => {
    const [one, other] = [await begin(player, `one ${version}`), await begin(player, `other ${version}`)];
    return request(one, [[0, one], [1, other]]);
  });
  await player.ask('in a transaction, some partitions of it', produceApi, async version => {
    const producer = await begin(player, `some ${version}`);
    await add(player, producer, to, 1);
    return request(producer, [[0, producer], [1, producer], [3, producer]]);
  });
}

/** What a producer writes once its transaction is over, by itself or as it is in the next. */
type LateWrite = readonly [label: string, make: (producer: Producer, next: Producer) => Buffer, committed: boolean, endVersion: number];

const LATE_WRITES: readonly LateWrite[] = [
  ['its next batch', producer => batchOf(producer, 1), true, OLD.end],
  ['its batch again', producer => batchOf(producer), false, OLD.end],
  ['a plain batch', producer => batchOf(producer, 1, false), true, OLD.end],
  ['of its epoch', producer => batchOf(producer, 1), true, OLD.end + 1],
  ['of the next epoch', (_, next) => batchOf(next), false, OLD.end + 1],
  ['of the next epoch, not from 0', (_, next) => batchOf(next, 1), true, OLD.end + 1],
];

async function ends(player: Player): Promise<void> {
  const to: Target = { name: 'after-transactions', topicId: await player.topic('after-transactions') };
  const names = new Map<number, string>();
  for (const [label, make, committed, endVersion] of LATE_WRITES) {
    await player.ask(`after a transaction, ${label}`, produceApi, async version => {
      const producer = await begin(player, `after ${label} ${version}`);
      names.set(Number(producer.producerId), `${label} ${version}`);
      await add(player, producer, to, 0);
      await send({ player, to }, producer, batchOf(producer));
      const next = await end(player, producer, committed, endVersion);
      return produceRequest(to, make(producer, next), { transactionalId: producer.transactionalId });
    });
  }
  for (const [producerId, name] of names) {
    const last = await described(player, `after ${name}`);
    if (Number(last.producerId) === producerId) await end(player, last, false);
  }
  await keepLog(player, to, names);
}

/** The batches and what is aborted of them. */
async function keepLog(player: Player, { name, topicId }: Target, names: ReadonlyMap<number, string>): Promise<void> {
  const { responses } = await player.quietly(fetchApi, {
    isolationLevel: 1, maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 20, forgottenTopicsData: [],
    topics: [{ topic: name, topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
  });
  const { records: bytes, lastStableOffset, abortedTransactions } = responses[0]!.partitions[0]!;
  const told = bytes ?? Buffer.alloc(0);
  player.keep(`the log of ${name}`, {
    lastStableOffset, sizeBytes: told.length,
    // Where Apache Kafka's index is too coarse to tell, it names some that lie beyond what it gives.
    aborted: abortedTransactions?.filter(({ firstOffset }) => firstOffset < lastStableOffset)
      .map(({ producerId, firstOffset }) => `${names.get(Number(producerId))} at ${firstOffset}`),
    batches: [...batchesIn(told)].map(at => ({
      baseOffset: batch.baseOffset(told, at), attributes: batch.attributes(told, at), producer: names.get(batch.producerId(told, at)),
      epoch: batch.producerEpoch(told, at), sequence: batch.baseSequence(told, at),
    })),
  });
}

const GROUP = 'transactional';

type Commit = Omit<TxnOffsetCommitRequestInput, 'transactionalId' | 'producerId' | 'producerEpoch'>;
type Offset = { readonly partitionIndex: number; readonly committedMetadata?: string | null };
const commitOf = (groupId: string, more: Partial<Commit> = {}, partitions: readonly Offset[] = [{ partitionIndex: 0 }], name = 'read'): Commit => (
  { groupId, topics: [{ name, partitions: partitions.map(partition => ({ committedOffset: 5, committedMetadata: 'm', ...partition })) }], ...more });

interface CommitOptions {
  /** Whether the group is added to the transaction before. */
  readonly isAdded?: boolean;
  /** Who commits. */
  readonly as?: (producer: Producer) => Producer;
  /** The first version that can say it. */
  readonly from?: number;
}

type CommitCase = readonly [label: string, make: (producer: Producer, version: number, player: Player) => Commit | Promise<Commit>, options?: CommitOptions];

const FIRST_COMMIT: CommitCase = ['a group of the transaction', (_, version) => commitOf(`${GROUP}-${version}`)];
const COMMITS: readonly CommitCase[] = [
  ['a group that was not added', () => commitOf('not-added'), { isAdded: false }],
  ['another group', async (producer, _, player) => { await addGroup(player, producer, 'one'); return commitOf('other'); }, { isAdded: false }],
  ['an epoch before', async (producer, _, player) => { await begin(player, producer.transactionalId); return commitOf(GROUP); }, { isAdded: false }],
  ['an epoch that is to come', () => commitOf(GROUP), { as: producer => ({ ...producer, producerEpoch: producer.producerEpoch + 1 }) }],
  ['another producer id', () => commitOf(GROUP), { as: producer => ({ ...producer, producerId: 999_999 }) }],
  ['no producer id', () => commitOf(GROUP), { as: producer => ({ ...producer, producerId: -1, producerEpoch: -1 }) }],
  ['an id that nobody has', () => commitOf(GROUP), { as: producer => ({ ...producer, transactionalId: 'nobody' }) }],
  ['an empty transactional id', () => commitOf(GROUP), { as: producer => ({ ...producer, transactionalId: '' }) }],
  ['no group', () => commitOf(''), { isAdded: false }],
  ['a topic that is not there', () => commitOf(GROUP, {}, undefined, 'no-such')],
  ['some partitions that are there', () => commitOf(GROUP, {}, [{ partitionIndex: 2 }, { partitionIndex: 1 }, { partitionIndex: -1 }])],
  ['metadata too large', () => commitOf(GROUP, {}, [{ partitionIndex: 0, committedMetadata: 'm'.repeat(4097) }, { partitionIndex: 1, committedMetadata: null }])],
  ['no topics', () => commitOf(GROUP, { topics: [] })],
  ['no partitions', () => commitOf(GROUP, {}, [])],
  ['a generation of a group that is none', () => commitOf('no-such-group', { generationId: 1, memberId: 'm' }), { from: 3 }],
  ['a member of a group that is none', (_, version) => commitOf(`none-${version}`, { memberId: 'm' }), { from: 3 }],
];

async function offsets(player: Player): Promise<void> {
  const topicId = await player.topic('read', 2);
  const ask = ([label, make, { isAdded = true, as = (producer: Producer): Producer => producer, from = 0 } = {}]: CommitCase) =>
    player.ask(`offsets, ${label}`, txnOffsetCommitApi, async version => {
      const producer = await begin(player, `offsets, ${label} ${version}`);
      const commit = await make(producer, version, player);
      if (isAdded) await addGroup(player, producer, commit.groupId);
      return { ...as(producer), ...commit };
    }, { from });
  const fetched = (label: string) => player.ask(`offsets, ${label}`, offsetFetchApi, {
    requireStable: true, groupId: `${GROUP}-0`, topics: [{ name: 'read', partitionIndexes: [0, 1] }],
    groups: [{ groupId: `${GROUP}-0`, topics: [{ name: 'read', topicId, partitionIndexes: [0, 1] }] }],
  }, { from: 1 });

  await ask(FIRST_COMMIT);
  await fetched('pending');
  await end(player, await described(player, `offsets, ${FIRST_COMMIT[0]} 0`), true);
  await player.until('offsets that are settled', async () => {
    const { groups } = await player.quietly(offsetFetchApi, { requireStable: true, groups: [{ groupId: `${GROUP}-0`, topics: [{ name: 'read', topicId, partitionIndexes: [0] }] }] });
    return groups[0]!.topics[0]!.partitions[0]!.errorCode === 0;
  });
  await fetched('committed');
  for (const each of COMMITS) await ask(each);
}

/** The producer as its coordinator tells it. */
async function described(player: Player, transactionalId: string): Promise<Producer> {
  const { transactionStates: [state] } = await player.quietly(describeTransactionsApi, { transactionalIds: [transactionalId] });
  return { transactionalId, producerId: state!.producerId, producerEpoch: state!.producerEpoch };
}

async function addGroup(player: Player, producer: Producer, groupId: string): Promise<void> {
  await player.until('a group that is added', async () => !NOT_NOW.includes((await player.quietly(addOffsetsToTxnApi, { ...producer, groupId })).errorCode));
}

/** A member of the classic protocol, in its generation and in others. */
async function members(player: Player): Promise<void> {
  const groupId = 'transactional-members';
  const join = { groupId, sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000, groupInstanceId: 'i', protocolType: 'consumer', protocols: [{ name: 'range', metadata: Buffer.alloc(6) }] };
  const { memberId, generationId } = await player.quietly(joinGroupApi, { ...join, memberId: '' });
  player.alias(memberId, 'the member');
  const ask = (label: string, member: Partial<Commit>) => player.ask(`offsets of a member, ${label}`, txnOffsetCommitApi, async version => {
    const producer = await begin(player, `member, ${label} ${version}`);
    await addGroup(player, producer, groupId);
    return { ...producer, ...commitOf(groupId, member) };
  }, { from: 3 });
  const member = { memberId, generationId, groupInstanceId: 'i' };
  await ask('that waits for its part', member);
  await player.quietly(syncGroupApi, { groupId, ...member, protocolType: 'consumer', protocolName: 'range', assignments: [] });
  const claims: readonly (readonly [label: string, claim: Partial<Commit>])[] = [
    ['that is one', member],
    ['without its instance', { ...member, groupInstanceId: null }],
    ['of the generation before', { ...member, generationId: generationId - 1 }],
    ['of the generation after', { ...member, generationId: generationId + 1 }],
    ['of no generation', { ...member, generationId: -1 }],
    ['that names nobody', {}],
    ['that names a generation alone', { generationId }],
    ['that is another', { ...member, memberId: 'another', groupInstanceId: null }],
    ['that was replaced', { ...member, memberId: 'another' }],
    ['of an instance that is none', { ...member, groupInstanceId: 'none' }],
  ];
  for (const [label, claim] of claims) await ask(label, claim);
}
