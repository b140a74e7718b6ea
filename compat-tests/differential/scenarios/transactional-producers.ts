// What producers ask of their transaction coordinator, and what it tells of them: each version, legal and not.

import {
  addOffsetsToTxnApi, addPartitionsToTxnApi, apiVersionsApi, describeTransactionsApi, endTxnApi, findCoordinatorApi, initProducerIdApi, listTransactionsApi, updateFeaturesApi,
  type ListTransactionsRequestInput,
} from '../../../src/protocol/generated/index.js';
import type { Player } from '../player.js';

const TRANSACTION = 1;
/** The newest version of AddPartitionsToTxn that clients speak. */
const CLIENT_ADDS = 3;
/** The newest of EndTxn that knows nothing of an epoch for each transaction. */
const CLASSIC_END = 4;
const TIMEOUT_MS = 60_000;
const SAFE_DOWNGRADE = 2;

/** A transactional id with what its producer was told. */
interface Producer {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

type Topics = readonly (readonly [name: string, ...partitions: number[]])[];

const topicsOf = (topics: Topics) => topics.map(([name, ...partitions]) => ({ name, partitions }));

/** Clients ask again while the transaction before is being ended, which takes each broker its own time. */
async function begun(player: Player, transactionalId: string, more: { transactionTimeoutMs?: number } = {}): Promise<Producer> {
  let producer: Producer | undefined;
  await player.until(`a producer for ${transactionalId}`, async () => {
    const answer = await player.quietly(initProducerIdApi, { transactionalId, transactionTimeoutMs: TIMEOUT_MS, ...more });
    producer = { transactionalId, producerId: Number(answer.producerId), producerEpoch: answer.producerEpoch };
    return answer.errorCode === 0;
  });
  return producer!;
}

const adding = (producer: Producer, version: number, topics: Topics, verifyOnly = false) => (version > CLIENT_ADDS
  ? { transactions: [{ ...producer, verifyOnly, topics: topicsOf(topics) }] }
  : {
    v3AndBelowTransactionalId: producer.transactionalId, v3AndBelowProducerId: producer.producerId, v3AndBelowProducerEpoch: producer.producerEpoch,
    v3AndBelowTopics: topicsOf(topics),
  });

async function added(player: Player, producer: Producer, topics: Topics): Promise<void> {
  const { resultsByTopicV3AndBelow } = await player.quietly(addPartitionsToTxnApi, adding(producer, CLIENT_ADDS, topics), CLIENT_ADDS);
  const codes = resultsByTopicV3AndBelow.flatMap(({ resultsByPartition }) => resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode));
  if (codes.some(code => code !== 0)) throw new Error(`adding to ${producer.transactionalId}: ${codes.join()}`);
}

/** A producer with a transaction that is open over these partitions. */
async function opened(player: Player, transactionalId: string, topics: Topics = [['txn', 0]]): Promise<Producer> {
  const producer = await begun(player, transactionalId);
  await added(player, producer, topics);
  return producer;
}

/** Nothing is under way with the id. */
async function settled(player: Player, transactionalId: string): Promise<void> {
  await player.until(`the end of ${transactionalId}`, async () => {
    const { transactionStates: [state] } = await player.quietly(describeTransactionsApi, { transactionalIds: [transactionalId] });
    return /^(?:Empty|Complete)/.test(state!.transactionState);
  });
}

async function ended(player: Player, producer: Producer, committed: boolean, version: number): Promise<void> {
  const { errorCode } = await player.quietly(endTxnApi, { ...producer, committed }, version);
  if (errorCode !== 0) throw new Error(`ending ${producer.transactionalId}: ${errorCode}`);
  await settled(player, producer.transactionalId);
}

const keptState = async (player: Player, label: string, ...transactionalIds: string[]): Promise<void> => {
  await player.once(label, describeTransactionsApi, { transactionalIds });
};

export async function transactionalProducers(player: Player): Promise<void> {
  await player.topic('txn', 3);
  await player.topic('txn-too', 1);
  await coordinators(player);
  await initializing(player);
  await addingPartitions(player);
  await batches(player);
  await addingOffsets(player);
  await ending(player, 'version 2');
  await timedOut(player);
  await told(player);
  await olderCluster(player);
}

async function coordinators(player: Player): Promise<void> {
  const find = (...coordinatorKeys: string[]) => player.quietly(findCoordinatorApi, { coordinatorKeys, keyType: TRANSACTION });
  await player.until('a transaction coordinator', async () => (await find('nobody')).coordinators[0]!.errorCode === 0);
  // Which waits until it has read what there is.
  await begun(player, 'first');
  await player.ask('a transactional id', findCoordinatorApi, version => (version < 4 ? { key: 'txn-id', keyType: TRANSACTION } : { coordinatorKeys: ['txn-id'], keyType: TRANSACTION }), { from: 1 });
  await player.ask('several transactional ids', findCoordinatorApi, { coordinatorKeys: ['a', '', 'a', 'ünusual'], keyType: TRANSACTION }, { from: 4 });
}

/** What of a request is otherwise than its producer would have it. */
type Claim = (producer: Producer) => object;

const asItIs: Claim = () => ({});
const anEpoch = (by: number): Claim => ({ producerEpoch }) => ({ producerEpoch: producerEpoch + by });
const anotherProducer: Claim = ({ producerId }) => ({ producerId: producerId + 1 });
const aProducerBeyondAll: Claim = () => ({ producerId: 2n ** 60n });
const anId = (transactionalId: string): Claim => () => ({ transactionalId });

const INITIALIZED: readonly (readonly [label: string, transactionalId: (version: number) => string, transactionTimeoutMs?: number])[] = [
  ['a new transactional id', version => `init-${version}`],
  ['the same id again', version => `init-${version}`],
  ['an id in all versions', () => 'init-all'],
  ['transaction timeout 0', version => `init-timeout-${version}`, 0],
  ['transaction timeout -1', version => `init-timeout-${version}`, -1],
  ['transaction timeout the longest', version => `init-timeout-${version}`, 900_000],
  ['transaction timeout too long', version => `init-timeout-${version}`, 900_001],
  ['empty, with a timeout that is too long', () => '', 900_001],
  ['an open transaction', version => `init-open-${version}`],
];

/** Of a producer that names itself, which it may from version 3 on. */
const GOING_ON: readonly (readonly [label: string, claim: Claim])[] = [
  ['going on', asItIs],
  ['going on with a later epoch', anEpoch(1)],
  ['going on as another producer', anotherProducer],
  ['going on as a producer beyond all', aProducerBeyondAll],
  ['an id without an epoch, transactional', () => ({ producerEpoch: -1 })],
  ['an epoch without an id, transactional', () => ({ producerId: -1 })],
];

async function initializing(player: Player): Promise<void> {
  for (const [label, transactionalId, transactionTimeoutMs = TIMEOUT_MS] of INITIALIZED) {
    await player.ask(label, initProducerIdApi, version => ({ transactionalId: transactionalId(version), transactionTimeoutMs }));
  }
  for (const [label, claim] of GOING_ON) {
    await player.ask(label, initProducerIdApi, async version => {
      const producer = await begun(player, `${label} ${version}`);
      return { ...producer, transactionTimeoutMs: TIMEOUT_MS, ...claim(producer) };
    }, { from: 3 });
  }
  await player.ask('going on, unknown', initProducerIdApi, version => (
    { transactionalId: `init-unknown-${version}`, transactionTimeoutMs: TIMEOUT_MS, producerId: 123_456, producerEpoch: 3 }), { from: 3 });
  await player.ask('going on twice', initProducerIdApi, async version => {
    const producer = await begun(player, `twice ${version}`);
    const request = { ...producer, transactionTimeoutMs: TIMEOUT_MS };
    await player.quietly(initProducerIdApi, request);
    return request;
  }, { from: 3 });
  await player.ask('going on from two epochs ago', initProducerIdApi, async version => {
    const producer = await begun(player, `two ago ${version}`);
    await begun(player, `two ago ${version}`);
    return { ...producer, transactionTimeoutMs: TIMEOUT_MS };
  }, { from: 3 });
  await initializingOverOpen(player, 'over an open transaction', { goesOn: false, from: 0 });
  await initializingOverOpen(player, 'going on over an open transaction', { goesOn: true, from: 3 });
  await zombies(player);
}

/** Who goes on with an epoch that is over fences whoever has a transaction open, and is refused only when that has ended. */
async function zombies(player: Player): Promise<void> {
  const owners = new Map<number, { before: Producer; owner: Producer }>();
  await player.ask('a zombie going on over an open transaction', initProducerIdApi, async version => {
    const before = await begun(player, `zombie ${version}`);
    owners.set(version, { before, owner: await opened(player, `zombie ${version}`) });
    return { ...before, transactionTimeoutMs: TIMEOUT_MS };
  }, { from: 3 });
  await player.ask('the zombie again', initProducerIdApi, async version => {
    await settled(player, `zombie ${version}`);
    return { ...owners.get(version)!.before, transactionTimeoutMs: TIMEOUT_MS };
  }, { from: 3 });
  for (const [version, { owner }] of owners) {
    await player.once(`commit by whom zombie ${version} has fenced`, endTxnApi, { ...owner, committed: true }, CLASSIC_END);
  }
}

/** Whoever comes fences the one before, and hears that his transaction is being ended. */
async function initializingOverOpen(player: Player, label: string, { goesOn, from }: { goesOn: boolean; from: number }): Promise<void> {
  await player.ask(label, initProducerIdApi, async version => {
    const { transactionalId, ...before } = await opened(player, `${label} ${version}`);
    return { transactionalId, transactionTimeoutMs: TIMEOUT_MS, ...goesOn ? before : {} };
  }, { from });
  await player.ask(`after the one ${label}`, initProducerIdApi, async version => {
    await settled(player, `${label} ${Math.max(version, from)}`);
    return { transactionalId: `${label} ${version}`, transactionTimeoutMs: TIMEOUT_MS };
  }, { from });
}

const ADDED: readonly (readonly [label: string, topics: Topics, claim?: Claim])[] = [
  ['a partition', [['txn', 0]]],
  ['several partitions', [['txn', 2, 0], ['txn-too', 0]]],
  ['a partition twice', [['txn', 1, 1]]],
  ['no partitions', [['txn']]],
  ['no topics', []],
  ['a partition that is not there', [['txn', 0, 3]]],
  ['a negative partition', [['txn', -1], ['txn-too', 0]]],
  ['a topic that is not there', [['no-such-topic', 0], ['txn-too', 0]]],
  ['offsets of groups', [['__consumer_offsets', 0], ['txn', 0]]],
  ['states of transactions', [['__transaction_state', 0]]],
  ['an id that nobody has', [['txn', 0]], anId('nobody')],
  ['an empty id', [['txn', 0]], anId('')],
  ['another producer', [['txn', 0]], anotherProducer],
  ['a producer beyond all', [['txn', 0]], aProducerBeyondAll],
  ['a later epoch', [['txn', 0]], anEpoch(1)],
  ['an earlier epoch', [['txn', 0]], anEpoch(-1)],
  ['a wrong id, and a partition that is not there', [['txn', 7]], anId('nobody')],
];

async function addingPartitions(player: Player): Promise<void> {
  for (const [label, topics, claim = asItIs] of ADDED) {
    await player.ask(label, addPartitionsToTxnApi, async version => {
      const producer = await begun(player, `${label} ${version}`);
      return adding({ ...producer, ...claim(producer) }, version, topics);
    });
  }
  await player.ask('once more', addPartitionsToTxnApi, async version => adding(await opened(player, `once more ${version}`), version, [['txn', 0]]));
  await player.ask('one more', addPartitionsToTxnApi, async version => adding(await opened(player, `one more ${version}`), version, [['txn', 0, 1]]));
  await keptState(player, 'what was added', 'a partition 0', 'several partitions 1', 'several partitions 5', 'no topics 2', 'one more 3', 'one more 4', 'a partition that is not there 3');
}

const VERIFIED: readonly (readonly [label: string, topics: Topics, claim?: Claim])[] = [
  ['verify what is in', [['txn', 0]]],
  ['verify what is not in', [['txn', 0, 1], ['txn-too', 0]]],
  ['verify what is not there', [['txn', 0, 9], ['no-such-topic', 0]]],
  ['verify nothing', []],
  ['verify for nobody', [['txn', 0]], anId('nobody')],
  ['verify for an empty id', [['txn', 0]], anId('')],
  ['verify for another producer', [['txn', 0]], anotherProducer],
  ['verify a later epoch', [['txn', 0]], anEpoch(1)],
];

/** As brokers ask. */
async function batches(player: Player): Promise<void> {
  const FROM = { from: CLIENT_ADDS + 1 };
  for (const [label, topics, claim = asItIs] of VERIFIED) {
    await player.ask(label, addPartitionsToTxnApi, async version => {
      const producer = await opened(player, `${label} ${version}`);
      return adding({ ...producer, ...claim(producer) }, version, topics, true);
    }, FROM);
  }
  await player.ask('verify after the end', addPartitionsToTxnApi, async version => {
    const producer = await opened(player, `verify after the end ${version}`);
    await ended(player, producer, true, CLASSIC_END);
    return adding(producer, version, [['txn', 0]], true);
  }, FROM);
  await player.ask('verify before any begin', addPartitionsToTxnApi, async version => adding(await begun(player, `verify before ${version}`), version, [['txn', 0]], true), FROM);
  await player.ask('many transactions', addPartitionsToTxnApi, async version => {
    const [one, two] = [await begun(player, `many one ${version}`), await opened(player, `many two ${version}`)];
    return { transactions: [
      { ...one, verifyOnly: false, topics: topicsOf([['txn', 0, 1]]) }, { ...two, verifyOnly: true, topics: topicsOf([['txn', 0, 1]]) },
      { ...one, transactionalId: 'nobody', verifyOnly: false, topics: topicsOf([['txn', 0]]) }, { ...one, transactionalId: 'nobody-too', verifyOnly: true, topics: topicsOf([['txn', 5]]) },
    ] };
  }, FROM);
}

const ADDED_OFFSETS: readonly (readonly [label: string, claim: Claim])[] = [
  ['offsets of a group', asItIs],
  ['offsets of no group', () => ({ groupId: '' })],
  ['offsets, nobody', anId('nobody')],
  ['offsets, an empty id', anId('')],
  ['offsets, another producer', anotherProducer],
  ['offsets, a later epoch', anEpoch(1)],
  ['offsets, an earlier epoch', anEpoch(-1)],
];

async function addingOffsets(player: Player): Promise<void> {
  for (const [label, claim] of ADDED_OFFSETS) {
    await player.ask(label, addOffsetsToTxnApi, async version => {
      const producer = await begun(player, `${label} ${version}`);
      return { ...producer, groupId: 'some-group', ...claim(producer) };
    });
  }
  await player.ask('offsets twice', addOffsetsToTxnApi, async version => {
    const request = { ...await begun(player, `offsets twice ${version}`), groupId: 'some-group' };
    await player.quietly(addOffsetsToTxnApi, request);
    return request;
  });
  await keptState(player, 'what was added for offsets', 'offsets of a group 0', 'offsets of a group 4', 'offsets, nobody 2');
}

/** How its transaction came to be in the state in which it is asked for an end. */
type Past = (player: Player, transactionalId: string, version: number) => Promise<Producer>;

const empty: Past = (player, id) => begun(player, id);
const open: Past = (player, id) => opened(player, id);
const over = (committed: boolean): Past => async (player, id, version) => {
  const producer = await opened(player, id);
  await ended(player, producer, committed, version);
  return producer;
};

const ENDED: readonly (readonly [label: string, past: Past, claim?: Claim])[] = [
  ['an open transaction', open],
  ['nothing', empty],
  ['by nobody', empty, anId('nobody')],
  ['by an empty id', empty, anId('')],
  ['by another producer', open, anotherProducer],
  ['by a producer beyond all', open, aProducerBeyondAll],
  ['in a later epoch', open, anEpoch(1)],
  ['in an earlier epoch', open, anEpoch(-1)],
  ['nothing, in a later epoch', empty, anEpoch(1)],
  ['nothing, in an earlier epoch', empty, anEpoch(-1)],
  ...[true, false].flatMap((committed): [label: string, past: Past, claim?: Claim][] => {
    const what = `what is ${committed ? 'committed' : 'aborted'}`;
    return [
      [`again ${what}`, over(committed)],
      [`in the next epoch ${what}`, over(committed), anEpoch(1)],
      [`in an epoch after that ${what}`, over(committed), anEpoch(2)],
      [`in the epoch before ${what}`, over(committed), anEpoch(-1)],
    ];
  }),
];

/** Every state, by every way to end it and by epochs before and after: the table of KIP-890. */
async function ending(player: Player, name: string, to = CLASSIC_END + 1): Promise<void> {
  const named = (label: string): string => `${name}: ${label}`;
  for (const committed of [true, false]) {
    for (const [label, past, claim = asItIs] of ENDED) {
      await player.ask(named(`${committed ? 'commit' : 'abort'} ${label}`), endTxnApi, async version => {
        const producer = await past(player, named(`${label} ${committed} ${version}`), version);
        return { ...producer, committed, ...claim(producer) };
      }, { to });
    }
    for (const label of ['an open transaction', 'nothing']) {
      const ids = [0, CLASSIC_END, to].map(version => named(`${label} ${committed} ${version}`));
      if (label !== 'nothing') for (const id of ids) await settled(player, id);
      await player.once(named(`${label}, ended by ${committed}`), describeTransactionsApi, { transactionalIds: ids });
    }
  }
  await player.ask(named('the next transaction'), endTxnApi, async version => {
    const before = await opened(player, named(`next ${version}`));
    const { producerId, producerEpoch } = await player.quietly(endTxnApi, { ...before, committed: true }, version);
    await settled(player, before.transactionalId);
    const next = producerEpoch < 0 ? before : { ...before, producerId: Number(producerId), producerEpoch };
    await added(player, next, [['txn', 1]]);
    return { ...next, committed: false };
  }, { to });
}

/** Nobody ends it: the coordinator does, and takes the epoch from who began it. */
async function timedOut(player: Player): Promise<void> {
  const late = async (transactionalId: string): Promise<Producer> => {
    const producer = await begun(player, transactionalId, { transactionTimeoutMs: 50 });
    await added(player, producer, [['txn', 0], ['txn-too', 0]]);
    await settled(player, transactionalId);
    return producer;
  };
  await player.ask('commit what timed out', endTxnApi, async version => ({ ...await late(`late-commit-${version}`), committed: true }));
  await player.ask('abort what timed out', endTxnApi, async version => ({ ...await late(`late-abort-${version}`), committed: false }));
  await player.ask('add to what timed out', addPartitionsToTxnApi, async version => adding(await late(`late-add-${version}`), version, [['txn', 0]]));
  await player.ask('going on after time is out', initProducerIdApi, async version => ({ ...await late(`late-init-${version}`), transactionTimeoutMs: TIMEOUT_MS }), { from: 3 });
  await keptState(player, 'what timed out', 'late-commit-0', 'late-abort-5', 'late-add-3', 'late-init-5');
}

const DESCRIBED: readonly (readonly [label: string, ...transactionalIds: string[]])[] = [
  ['one that is open', 'told-open'],
  ['one with nothing begun', 'told-empty'],
  ['some that ended', 'told-committed', 'told-aborted', 'told-committed-anew'],
  ['nobody', 'nobody'],
  ['one without a name', ''],
  ['one twice, and nobody', 'told-open', 'nobody', 'told-open'],
  ['none'],
];

/** From the first version on that has the filter. */
type Filter = readonly [label: string, filter: Partial<ListTransactionsRequestInput>, from?: number];

const filtersFor = (producerId: number): readonly Filter[] => [
  ['those in a state', { stateFilters: ['Empty'] }],
  ['those in any of some states', { stateFilters: ['Ongoing', 'CompleteAbort'] }],
  ['those in a state that nobody is in', { stateFilters: ['PrepareCommit'] }],
  ['those in a state that there is not', { stateFilters: ['Asleep', 'ongoing', ''] }],
  ['those in one that there is and one that there is not', { stateFilters: ['Asleep', 'Ongoing'] }],
  ['dead ones', { stateFilters: ['Dead', 'PrepareEpochFence'] }],
  ['those of a producer', { producerIdFilters: [producerId] }],
  ['those of a producer, in a state', { producerIdFilters: [producerId, 2n ** 60n], stateFilters: ['Ongoing'] }],
  ['those of a producer that there is not', { producerIdFilters: [2n ** 60n, -1] }],
  ['those that run for a day', { durationFilter: 86_400_000 }, 1],
  ['those that run for no time', { durationFilter: 0, stateFilters: ['Ongoing'] }, 1],
  ['those that run for less than nothing', { durationFilter: -5, stateFilters: ['Ongoing'] }, 1],
  ...PATTERNS.map((pattern): Filter => [`by ${pattern}`, { transactionalIdPattern: pattern }, 2]),
  ['by a pattern and a state', { transactionalIdPattern: 'told-.*', stateFilters: ['Ongoing', 'Empty'] }, 2],
  ['by no pattern', { transactionalIdPattern: null, stateFilters: ['PrepareAbort'] }, 2],
  ['by an empty pattern', { transactionalIdPattern: '', stateFilters: ['PrepareAbort'] }, 2],
];

/** An empty one is all of them, and the others play on: it is asked with a state. */
const PATTERNS = [
  'told-.*', 'told', 'told-(open|empty)', 'TOLD-.*', '(?i)TOLD-O.*', '.*-committed', '[a-z]*', 'x{1001}', '(', 'a**', '\\', '(?=told).*', '\\Qtold-open\\E', 'told-\\w+',
];

/** What a coordinator tells of its transactions. */
async function told(player: Player): Promise<void> {
  const { producerId } = await opened(player, 'told-open', [['txn', 0, 2], ['txn-too', 0]]);
  await begun(player, 'told-empty');
  for (const [id, committed, version] of [['told-committed', true, CLASSIC_END], ['told-aborted', false, CLASSIC_END], ['told-committed-anew', true, CLASSIC_END + 1]] as const) {
    await ended(player, await opened(player, id), committed, version);
  }
  for (const [label, ...transactionalIds] of DESCRIBED) await player.ask(`describe ${label}`, describeTransactionsApi, { transactionalIds });
  for (const [label, filter, from = 0] of filtersFor(producerId)) {
    await player.ask(`list ${label}`, listTransactionsApi, { stateFilters: [], producerIdFilters: [], ...filter }, { from });
  }
}

/** The same producers in a cluster that has not gone to the second version, or only half. */
async function olderCluster(player: Player): Promise<void> {
  const update = (label: string, maxVersionLevel: number, upgradeType: number) => player.once(label, updateFeaturesApi, {
    timeoutMs: 10_000, validateOnly: false, featureUpdates: [{ feature: 'transaction.version', maxVersionLevel, upgradeType }],
  });
  const finalized = (level: number) => player.until(`transaction.version ${level}`, async () => {
    const { finalizedFeatures } = await player.quietly(apiVersionsApi, { clientSoftwareName: 'differential', clientSoftwareVersion: '1' });
    return (finalizedFeatures.find(({ name }) => name === 'transaction.version')?.maxVersionLevel ?? 0) === level;
  });
  await update('transaction.version 3', 3, 1);
  await update('transaction.version 1 as an upgrade', 1, 1);
  for (const level of [1, 0]) {
    await update(`transaction.version ${level}`, level, SAFE_DOWNGRADE);
    await finalized(level);
    await player.once(`ApiVersions with transaction.version ${level}`, apiVersionsApi, { clientSoftwareName: 'differential', clientSoftwareVersion: '1' });
    await ending(player, `cluster at ${level}`, level === 0 ? CLASSIC_END : CLASSIC_END + 1);
    await late(player, level);
  }
  // Which clients are told beforehand not to ask of such a cluster.
  await player.once('commit in a cluster at 0', endTxnApi, { ...await opened(player, 'too new for 0'), committed: true }, CLASSIC_END + 1);
  await update('transaction.version 2 again', 2, 1);
  await finalized(2);
  await ended(player, await opened(player, 'after all'), true, CLASSIC_END + 1);
  await keptState(player, 'after all', 'after all');
}

async function late(player: Player, level: number): Promise<void> {
  const producer = await begun(player, `late-at-${level}`, { transactionTimeoutMs: 50 });
  await added(player, producer, [['txn', 0]]);
  await settled(player, producer.transactionalId);
  await keptState(player, `what timed out in a cluster at ${level}`, producer.transactionalId);
  await player.ask(`fencing in a cluster at ${level}`, initProducerIdApi, async version => {
    const { transactionalId } = await opened(player, `fencing-${level}-${version}`);
    return { transactionalId, transactionTimeoutMs: TIMEOUT_MS };
  });
  for (const version of [0, 5]) await settled(player, `fencing-${level}-${version}`);
  await keptState(player, `who was fenced in a cluster at ${level}`, `fencing-${level}-0`, `fencing-${level}-5`);
}
