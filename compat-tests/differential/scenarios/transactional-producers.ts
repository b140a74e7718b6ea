// What producers ask of their transaction coordinator, and what it tells of them: each version, legal and not.

import {
  addOffsetsToTxnApi, addPartitionsToTxnApi, apiVersionsApi, describeTransactionsApi, endTxnApi, findCoordinatorApi, initProducerIdApi, listTransactionsApi, updateFeaturesApi,
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

async function initializing(player: Player): Promise<void> {
  const init = (label: string, transactionalId: (version: number) => string, more: object = {}, from = 0) => player.ask(label, initProducerIdApi, version => (
    { transactionalId: transactionalId(version), transactionTimeoutMs: TIMEOUT_MS, ...more }), { from });
  await init('a new transactional id', version => `init-${version}`);
  await init('the same id again', version => `init-${version}`);
  await init('an id in all versions', () => 'init-all');
  for (const [label, transactionTimeoutMs] of [['0', 0], ['-1', -1], ['the longest', 900_000], ['too long', 900_001]] as const) {
    await init(`transaction timeout ${label}`, version => `init-timeout-${version}`, { transactionTimeoutMs });
  }
  await init('empty, with a timeout that is too long', () => '', { transactionTimeoutMs: 900_001 });
  await init('an open transaction', version => `init-open-${version}`);
  const going = async (label: string, of: (producer: Producer) => object, from = 3) => player.ask(label, initProducerIdApi, async version => {
    const producer = await begun(player, `${label} ${version}`);
    return { transactionalId: producer.transactionalId, transactionTimeoutMs: TIMEOUT_MS, ...of(producer) };
  }, { from });
  await going('going on', ({ producerId, producerEpoch }) => ({ producerId, producerEpoch }));
  await going('going on with a later epoch', ({ producerId, producerEpoch }) => ({ producerId, producerEpoch: producerEpoch + 1 }));
  await going('going on as another producer', ({ producerId, producerEpoch }) => ({ producerId: producerId + 1, producerEpoch }));
  await going('going on as a producer beyond all', ({ producerEpoch }) => ({ producerId: 2n ** 60n, producerEpoch }));
  await going('an id without an epoch, transactional', ({ producerId }) => ({ producerId, producerEpoch: -1 }));
  await going('an epoch without an id, transactional', ({ producerEpoch }) => ({ producerId: -1, producerEpoch }));
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
  // Whoever comes fences the one before, and hears that his transaction is being ended.
  for (const goesOn of [false, true]) {
    const label = goesOn ? 'going on over an open transaction' : 'over an open transaction';
    await player.ask(label, initProducerIdApi, async version => {
      const { transactionalId, ...before } = await opened(player, `${label} ${version}`);
      return { transactionalId, transactionTimeoutMs: TIMEOUT_MS, ...goesOn ? before : {} };
    }, { from: goesOn ? 3 : 0 });
    await player.ask(`after the one ${label}`, initProducerIdApi, async version => {
      await settled(player, `${label} ${Math.max(version, goesOn ? 3 : 0)}`);
      return { transactionalId: `${label} ${version}`, transactionTimeoutMs: TIMEOUT_MS };
    }, { from: goesOn ? 3 : 0 });
  }
}

async function addingPartitions(player: Player): Promise<void> {
  const add = (label: string, topics: Topics, of: (producer: Producer) => object = () => ({}), verifyOnly = false) => player.ask(label, addPartitionsToTxnApi, async version => {
    const producer = await begun(player, `${label} ${version}`);
    return adding({ ...producer, ...of(producer) }, version, topics, verifyOnly);
  });
  await add('a partition', [['txn', 0]]);
  await add('several partitions', [['txn', 2, 0], ['txn-too', 0]]);
  await add('a partition twice', [['txn', 1, 1]]);
  await add('no partitions', [['txn']]);
  await add('no topics', []);
  await add('a partition that is not there', [['txn', 0, 3]]);
  await add('a negative partition', [['txn', -1], ['txn-too', 0]]);
  await add('a topic that is not there', [['no-such-topic', 0], ['txn-too', 0]]);
  await add('offsets of groups', [['__consumer_offsets', 0], ['txn', 0]]);
  await add('states of transactions', [['__transaction_state', 0]]);
  await add('an id that nobody has', [['txn', 0]], () => ({ transactionalId: 'nobody' }));
  await add('an empty id', [['txn', 0]], () => ({ transactionalId: '' }));
  await add('another producer', [['txn', 0]], ({ producerId }) => ({ producerId: producerId + 1 }));
  await add('a producer beyond all', [['txn', 0]], () => ({ producerId: 2n ** 60n }));
  await add('a later epoch', [['txn', 0]], ({ producerEpoch }) => ({ producerEpoch: producerEpoch + 1 }));
  await add('an earlier epoch', [['txn', 0]], ({ producerEpoch }) => ({ producerEpoch: producerEpoch - 1 }));
  await add('a wrong id, and a partition that is not there', [['txn', 7]], () => ({ transactionalId: 'nobody' }));
  await player.ask('once more', addPartitionsToTxnApi, async version => adding(await opened(player, `once more ${version}`), version, [['txn', 0]]));
  await player.ask('one more', addPartitionsToTxnApi, async version => adding(await opened(player, `one more ${version}`), version, [['txn', 0, 1]]));
  await keptState(player, 'what was added', 'a partition 0', 'several partitions 1', 'several partitions 5', 'no topics 2', 'one more 3', 'one more 4', 'a partition that is not there 3');
}

/** As brokers ask. */
async function batches(player: Player): Promise<void> {
  const FROM = { from: CLIENT_ADDS + 1 };
  const verify = (label: string, topics: Topics, of: (producer: Producer) => object = () => ({})) => player.ask(label, addPartitionsToTxnApi, async version => {
    const producer = await opened(player, `${label} ${version}`);
    return adding({ ...producer, ...of(producer) }, version, topics, true);
  }, FROM);
  await verify('verify what is in', [['txn', 0]]);
  await verify('verify what is not in', [['txn', 0, 1], ['txn-too', 0]]);
  await verify('verify what is not there', [['txn', 0, 9], ['no-such-topic', 0]]);
  await verify('verify nothing', []);
  await verify('verify for nobody', [['txn', 0]], () => ({ transactionalId: 'nobody' }));
  await verify('verify for an empty id', [['txn', 0]], () => ({ transactionalId: '' }));
  await verify('verify for another producer', [['txn', 0]], ({ producerId }) => ({ producerId: producerId + 1 }));
  await verify('verify a later epoch', [['txn', 0]], ({ producerEpoch }) => ({ producerEpoch: producerEpoch + 1 }));
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

async function addingOffsets(player: Player): Promise<void> {
  const add = (label: string, of: (producer: Producer) => object = () => ({}), groupId = 'some-group') => player.ask(label, addOffsetsToTxnApi, async version => {
    const producer = await begun(player, `${label} ${version}`);
    return { ...producer, groupId, ...of(producer) };
  });
  await add('offsets of a group');
  await add('offsets of no group', () => ({}), '');
  await add('offsets, nobody', () => ({ transactionalId: 'nobody' }));
  await add('offsets, an empty id', () => ({ transactionalId: '' }));
  await add('offsets, another producer', ({ producerId }) => ({ producerId: producerId + 1 }));
  await add('offsets, a later epoch', ({ producerEpoch }) => ({ producerEpoch: producerEpoch + 1 }));
  await add('offsets, an earlier epoch', ({ producerEpoch }) => ({ producerEpoch: producerEpoch - 1 }));
  await player.ask('offsets twice', addOffsetsToTxnApi, async version => {
    const request = { ...await begun(player, `offsets twice ${version}`), groupId: 'some-group' };
    await player.quietly(addOffsetsToTxnApi, request);
    return request;
  });
  await keptState(player, 'what was added for offsets', 'offsets of a group 0', 'offsets of a group 4', 'offsets, nobody 2');
}

/** Every state, by every way to end it and by epochs before and after: the table of KIP-890. */
async function ending(player: Player, name: string, to = CLASSIC_END + 1): Promise<void> {
  const named = (label: string): string => `${name}: ${label}`;
  const end = (label: string, committed: boolean, from: (id: string, version: number) => Promise<Producer>, of: (producer: Producer) => object = () => ({})) => player.ask(
    named(`${committed ? 'commit' : 'abort'} ${label}`), endTxnApi, async version => {
      const producer = await from(named(`${label} ${committed} ${version}`), version);
      return { ...producer, committed, ...of(producer) };
    }, { to });
  const anEpoch = (by: number) => ({ producerEpoch }: Producer) => ({ producerEpoch: producerEpoch + by });
  const empty = (id: string): Promise<Producer> => begun(player, id);
  const open = (id: string): Promise<Producer> => opened(player, id);
  const over = (was: boolean) => async (id: string, version: number): Promise<Producer> => {
    const producer = await opened(player, id);
    await ended(player, producer, was, version);
    return producer;
  };
  for (const committed of [true, false]) {
    await end('an open transaction', committed, open);
    await end('nothing', committed, empty);
    await end('by nobody', committed, empty, () => ({ transactionalId: 'nobody' }));
    await end('by an empty id', committed, empty, () => ({ transactionalId: '' }));
    await end('by another producer', committed, open, ({ producerId }) => ({ producerId: producerId + 1 }));
    await end('by a producer beyond all', committed, open, () => ({ producerId: 2n ** 60n }));
    await end('in a later epoch', committed, open, anEpoch(1));
    await end('in an earlier epoch', committed, open, anEpoch(-1));
    await end('nothing, in a later epoch', committed, empty, anEpoch(1));
    await end('nothing, in an earlier epoch', committed, empty, anEpoch(-1));
    for (const was of [true, false]) {
      const done = was ? 'committed' : 'aborted';
      await end(`again what is ${done}`, committed, over(was));
      await end(`in the next epoch what is ${done}`, committed, over(was), anEpoch(1));
      await end(`in an epoch after that what is ${done}`, committed, over(was), anEpoch(2));
      await end(`in the epoch before what is ${done}`, committed, over(was), anEpoch(-1));
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

/** What a coordinator tells of its transactions. */
async function told(player: Player): Promise<void> {
  const describe = (label: string, ...transactionalIds: string[]) => player.ask(`describe ${label}`, describeTransactionsApi, { transactionalIds });
  const { producerId } = await opened(player, 'told-open', [['txn', 0, 2], ['txn-too', 0]]);
  await begun(player, 'told-empty');
  for (const [id, committed, version] of [['told-committed', true, CLASSIC_END], ['told-aborted', false, CLASSIC_END], ['told-committed-anew', true, CLASSIC_END + 1]] as const) {
    await ended(player, await opened(player, id), committed, version);
  }
  await describe('one that is open', 'told-open');
  await describe('one with nothing begun', 'told-empty');
  await describe('some that ended', 'told-committed', 'told-aborted', 'told-committed-anew');
  await describe('nobody', 'nobody');
  await describe('one without a name', '');
  await describe('one twice, and nobody', 'told-open', 'nobody', 'told-open');
  await describe('none');

  const list = (label: string, more: { stateFilters?: string[]; producerIdFilters?: (number | bigint)[]; durationFilter?: number; transactionalIdPattern?: string | null } = {}, from = 0) =>
    player.ask(`list ${label}`, listTransactionsApi, { stateFilters: [], producerIdFilters: [], ...more }, { from });
  await list('those in a state', { stateFilters: ['Empty'] });
  await list('those in any of some states', { stateFilters: ['Ongoing', 'CompleteAbort'] });
  await list('those in a state that nobody is in', { stateFilters: ['PrepareCommit'] });
  await list('those in a state that there is not', { stateFilters: ['Asleep', 'ongoing', ''] });
  await list('those in one that there is and one that there is not', { stateFilters: ['Asleep', 'Ongoing'] });
  await list('dead ones', { stateFilters: ['Dead', 'PrepareEpochFence'] });
  await list('those of a producer', { producerIdFilters: [producerId] });
  await list('those of a producer, in a state', { producerIdFilters: [producerId, 2n ** 60n], stateFilters: ['Ongoing'] });
  await list('those of a producer that there is not', { producerIdFilters: [2n ** 60n, -1] });
  await list('those that run for a day', { durationFilter: 86_400_000 }, 1);
  await list('those that run for no time', { durationFilter: 0, stateFilters: ['Ongoing'] }, 1);
  await list('those that run for less than nothing', { durationFilter: -5, stateFilters: ['Ongoing'] }, 1);
  for (const pattern of ['told-.*', 'told', 'told-(open|empty)', '', 'TOLD-.*', '(?i)TOLD-O.*', '.*-committed', '[a-z]*', 'x{1001}', '(', 'a**', '\\', '(?=told).*', '\\Qtold-open\\E', 'told-\\w+']) {
    // Which is all of them: the others play on.
    if (pattern !== '') await list(`by ${pattern}`, { transactionalIdPattern: pattern }, 2);
  }
  await list('by a pattern and a state', { transactionalIdPattern: 'told-.*', stateFilters: ['Ongoing', 'Empty'] }, 2);
  await list('by no pattern', { transactionalIdPattern: null, stateFilters: ['PrepareAbort'] }, 2);
  await list('by an empty pattern', { transactionalIdPattern: '', stateFilters: ['PrepareAbort'] }, 2);
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
