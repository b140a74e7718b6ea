// What there is: ApiVersions, topics made, grown and dropped, and what Metadata and its relatives say of them.

import {
  apiVersionsApi, createPartitionsApi, createTopicsApi, deleteTopicsApi, describeClusterApi, describeTopicPartitionsApi, metadataApi,
  type CreatePartitionsRequestInput, type CreateTopicsRequestInput,
} from '../../../src/protocol/generated/index.js';
import { ZERO_UUID } from '../../../src/protocol/wire/types.js';
import type { Player } from '../player.js';

const TIMEOUT_MS = 10_000;
export const NO_SUCH_ID = 'zzzzzzzzzzzzzzzzzzzzzw';
const LONG_NAME = 'n'.repeat(250);
const INVALID_NAMES = ['', '.', '..', LONG_NAME, 'a b', 'ä', 'a/b', 'a:b'];

type NewTopic = CreateTopicsRequestInput['topics'][number];

export async function topics(player: Player): Promise<void> {
  await apiVersions(player);
  await creation(player);
  await partitions(player);
  await autoCreation(player);
  await metadata(player);
  await describeTopicPartitions(player);
  await cluster(player);
  await deletion(player);
}

async function apiVersions(player: Player): Promise<void> {
  await player.ask('as a client asks first', apiVersionsApi, { clientSoftwareName: 'test', clientSoftwareVersion: '1.2.3' });
  for (const [name, version] of [['', ''], ['-a', '1'], ['a-', '1'], ['a b', '1'], ['a.b-c', '1'], ['a', '1.'], ['a_b', '1']] as const) {
    await player.ask(`software '${name}' '${version}'`, apiVersionsApi, { clientSoftwareName: name, clientSoftwareVersion: version }, { from: 3 });
  }
}

const made = (name: string, more: Partial<NewTopic> = {}): NewTopic => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...more });
const assigned = (...brokers: number[][]): Partial<NewTopic> =>
  ({ numPartitions: -1, replicationFactor: -1, assignments: brokers.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })) });
const configured = (...pairs: [string, string | null][]): Partial<NewTopic> => ({ configs: pairs.map(([name, value]) => ({ name, value })) });

const FAULTS: readonly [string, NewTopic[]][] = [
  ['zero partitions', [made('f', { numPartitions: 0 })]],
  ['-2 partitions', [made('f', { numPartitions: -2 })]],
  ['factor 0', [made('f', { replicationFactor: 0 })]],
  ['factor -2', [made('f', { replicationFactor: -2 })]],
  ['factor 2 with one broker', [made('f', { replicationFactor: 2 })]],
  ['the same name twice', [made('f'), made('f', { numPartitions: 2 }), made('not-twice')]],
  ['assignments and partitions', [made('f', { ...assigned([1]), numPartitions: 1 })]],
  ['assignments and factor', [made('f', { ...assigned([1]), replicationFactor: 1 })]],
  ['assigned to an unknown broker', [made('f', assigned([9]))]],
  ['assigned to nobody', [made('f', assigned([]))]],
  ['assigned twice to one broker', [made('f', assigned([1, 1]))]],
  ['assigned with a gap', [made('f', { numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 1, brokerIds: [1] }] })]],
  ['assigned a partition twice', [made('f', { numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [1] }, { partitionIndex: 0, brokerIds: [1] }] })]],
  ['uneven assignments', [made('f', assigned([1], [1, 1]))]],
  ['an unknown setting', [made('f', configured(['no.such', '1']))]],
  ['a setting without a value', [made('f', configured(['retention.ms', null]))]],
  ['a setting that is no number', [made('f', configured(['retention.ms', 'soon']))]],
  ['a setting out of bounds', [made('f', configured(['segment.bytes', '1']))]],
  ['a policy that does not exist', [made('f', configured(['cleanup.policy', 'shred']))]],
  ['settings that do not go together', [made('f', configured(['min.compaction.lag.ms', '10'], ['max.compaction.lag.ms', '5']))]],
  ['a setting twice', [made('f', configured(['retention.ms', '1000'], ['retention.ms', '2000']))]],
  ['tiered storage', [made('f', configured(['remote.storage.enable', 'true']))]],
  ['message.format.version', [made('f', configured(['message.format.version', '3.0']))]],
  ['too many partitions', [made('f', { numPartitions: 20_000 })]],
];

async function creation(player: Player): Promise<void> {
  for (const name of INVALID_NAMES) {
    await player.ask(`invalid name '${name.slice(0, 10)}'`, createTopicsApi, { topics: [made(name)], timeoutMs: TIMEOUT_MS, validateOnly: true });
  }
  for (const [label, wanted] of FAULTS) {
    await player.ask(label, createTopicsApi, { topics: wanted, timeoutMs: TIMEOUT_MS, validateOnly: true }, { from: 1 });
  }
  await player.ask('nothing', createTopicsApi, { topics: [], timeoutMs: TIMEOUT_MS });
  await player.ask('validate only', createTopicsApi, { topics: [made('v-only')], timeoutMs: TIMEOUT_MS, validateOnly: true }, { from: 1 });
  const create = (label: string, more: Partial<NewTopic>) => player.ask(label, createTopicsApi, version =>
    ({ topics: [made(`create-${version}-${label.replaceAll(' ', '-')}`, more)], timeoutMs: TIMEOUT_MS }));
  await create('plain', {});
  await create('defaults', { numPartitions: -1, replicationFactor: -1 });
  await create('assigned', assigned([1], [1]));
  await create('configured', { numPartitions: 2, ...configured(['retention.ms', '1000'], ['cleanup.policy', 'compact,delete'], ['max.message.bytes', '12345']) });
  await player.ask('that exists', createTopicsApi, { topics: [made('create-4-plain')], timeoutMs: TIMEOUT_MS });
  await player.ask('that exists, validate only', createTopicsApi, { topics: [made('create-4-plain')], timeoutMs: TIMEOUT_MS, validateOnly: true }, { from: 1 });
  await player.topic('col.li.de');
  await player.ask('that collides', createTopicsApi, { topics: [made('col_li_de'), made('col.li_de')], timeoutMs: TIMEOUT_MS });
  await player.ask('two that collide', createTopicsApi, version =>
    ({ topics: [made(`two.${version}`), made(`two_${version}`)], timeoutMs: TIMEOUT_MS, validateOnly: true }), { from: 1 });
  await player.ask('an internal name', createTopicsApi, { topics: [made('__cluster_metadata')], timeoutMs: TIMEOUT_MS, validateOnly: true }, { from: 1 });
  await player.ask('valid and not', createTopicsApi, version =>
    ({ topics: [made(`mixed-${version}`), made('bad name'), made('m', { numPartitions: 0 })], timeoutMs: TIMEOUT_MS }));
}

async function partitions(player: Player): Promise<void> {
  await player.topic('grow', 3);
  type Grown = CreatePartitionsRequestInput['topics'][number];
  const faults: [string, Grown[]][] = [
    ['as many as there are', [{ name: 'grow', count: 3, assignments: null }]],
    ['fewer', [{ name: 'grow', count: 2, assignments: null }]],
    ['none', [{ name: 'grow', count: 0, assignments: null }]],
    ['-1', [{ name: 'grow', count: -1, assignments: null }]],
    ['of an unknown topic', [{ name: 'no-such', count: 2, assignments: null }]],
    ['of an invalid name', [{ name: 'no such', count: 2, assignments: null }]],
    ['of no name', [{ name: '', count: 2, assignments: null }]],
    ['the same topic twice', [{ name: 'grow', count: 4, assignments: null }, { name: 'grow', count: 5, assignments: null }]],
    ['assigned too few', [{ name: 'grow', count: 5, assignments: [{ brokerIds: [1] }] }]],
    ['assigned too many', [{ name: 'grow', count: 4, assignments: [{ brokerIds: [1] }, { brokerIds: [1] }] }]],
    ['assigned to an unknown broker', [{ name: 'grow', count: 4, assignments: [{ brokerIds: [7] }] }]],
    ['assigned to nobody', [{ name: 'grow', count: 4, assignments: [{ brokerIds: [] }] }]],
    ['assigned twice to one', [{ name: 'grow', count: 4, assignments: [{ brokerIds: [1, 1] }] }]],
    ['an empty assignment', [{ name: 'grow', count: 4, assignments: [] }]],
    ['too many', [{ name: 'grow', count: 20_000, assignments: null }]],
  ];
  for (const [label, wanted] of faults) {
    await player.ask(label, createPartitionsApi, { topics: wanted, timeoutMs: TIMEOUT_MS, validateOnly: true });
  }
  await player.ask('validate only', createPartitionsApi, { topics: [{ name: 'grow', count: 9, assignments: null }], timeoutMs: TIMEOUT_MS, validateOnly: true });
  await player.ask('one more', createPartitionsApi, version =>
    ({ topics: [{ name: 'grow', count: 4 + version, assignments: version % 2 === 0 ? null : [{ brokerIds: [1] }] }], timeoutMs: TIMEOUT_MS, validateOnly: false }));
  await player.untilServed('grow', 7);
}

async function autoCreation(player: Player): Promise<void> {
  await player.ask('auto-creation', metadataApi, version => ({ topics: [{ name: `auto-${version}` }], allowAutoTopicCreation: true }));
  await player.ask('auto-creation of an invalid name', metadataApi, { topics: [{ name: 'in valid' }, { name: 'no/pe' }], allowAutoTopicCreation: true });
  await player.ask('auto-creation of a name that collides', metadataApi, { topics: [{ name: 'col_li_de' }], allowAutoTopicCreation: true });
  const all = Array.from({ length: player.newest(metadataApi.key) + 1 }, (_, version) => `auto-${version}`);
  for (const name of all) await player.untilServed(name);
}

async function metadata(player: Player): Promise<void> {
  const topicId = await player.topic('meta', 2);
  await player.ask('one topic', metadataApi, { topics: [{ name: 'meta' }] });
  await player.ask('a topic twice', metadataApi, { topics: [{ name: 'meta' }, { name: 'meta' }] });
  await player.ask('unknown, no creation', metadataApi, { topics: [{ name: 'no-such' }, { name: 'meta' }], allowAutoTopicCreation: false }, { from: 4 });
  for (const name of INVALID_NAMES) {
    await player.ask(`invalid name '${name.slice(0, 10)}'`, metadataApi, { topics: [{ name }], allowAutoTopicCreation: false }, { from: 4 });
  }
  await player.ask('all topics', metadataApi, version => ({ topics: version === 0 ? [] : null }));
  await player.ask('no topics', metadataApi, { topics: [] }, { from: 1 });
  await player.ask('operations', metadataApi, {
    topics: [{ name: 'meta' }, { name: 'no-such' }], allowAutoTopicCreation: false, includeClusterAuthorizedOperations: true, includeTopicAuthorizedOperations: true,
  }, { from: 8 });
  await player.ask('by id', metadataApi, { topics: [{ topicId, name: null }] }, { from: 10 });
  await player.ask('by id and name', metadataApi, { topics: [{ topicId, name: 'meta' }] }, { from: 10 });
  await player.ask('by an unknown id', metadataApi, { topics: [{ topicId: NO_SUCH_ID, name: null }] }, { from: 10 });
  await player.ask('by id, unknown too', metadataApi, { topics: [{ topicId, name: null }, { topicId: NO_SUCH_ID, name: null }] }, { from: 12 });
  await player.ask('by name and id mixed', metadataApi, { topics: [{ topicId, name: null }, { name: 'grow' }] }, { from: 12 });
  await player.ask('neither name nor id', metadataApi, { topics: [{ name: null, topicId: ZERO_UUID }] }, { from: 10 });
}

async function describeTopicPartitions(player: Player): Promise<void> {
  const api = describeTopicPartitionsApi;
  const named = (...names: string[]) => names.map(name => ({ name }));
  await player.ask('two topics', api, { topics: named('meta', 'grow') });
  await player.ask('a topic twice', api, { topics: named('meta', 'meta') });
  await player.ask('unknown and invalid', api, { topics: named('no-such', 'in valid', 'meta') });
  await player.ask('no name', api, { topics: named('') });
  await player.ask('limit in a topic', api, { topics: named('grow', 'meta'), responsePartitionLimit: 3 });
  await player.ask('limit at the end of a topic', api, { topics: named('grow', 'meta'), responsePartitionLimit: 7 });
  await player.ask('limit 0', api, { topics: named('grow'), responsePartitionLimit: 0 });
  await player.ask('limit -1', api, { topics: named('grow'), responsePartitionLimit: -1 });
  await player.ask('limit beyond the bound', api, { topics: named('grow'), responsePartitionLimit: 1_000_000 });
  const from = (topicName: string, partitionIndex: number) => ({ topics: named('grow', 'meta'), cursor: { topicName, partitionIndex } });
  await player.ask('cursor in a topic', api, from('grow', 4));
  await player.ask('cursor past a topic', api, from('grow', 7));
  await player.ask('cursor at a later topic', api, from('meta', 1));
  await player.ask('cursor between topics', api, from('h', 3));
  await player.ask('cursor past all', api, from('z', 0));
  await player.ask('cursor at a negative partition', api, from('grow', -1));
  await player.ask('cursor without a name', api, from('', 0));
  await player.ask('cursor at a topic not asked for', api, { topics: named('meta'), cursor: { topicName: 'grow', partitionIndex: 1 } });
  await player.ask('cursor and all topics', api, { topics: [], cursor: { topicName: 'grow', partitionIndex: 5 }, responsePartitionLimit: 4 });
  await player.ask('unknown with a limit', api, { topics: named('a-no-such', 'grow', 'n-no-such'), responsePartitionLimit: 8 });
}

async function cluster(player: Player): Promise<void> {
  await player.ask('plain', describeClusterApi, { includeClusterAuthorizedOperations: false });
  await player.ask('operations', describeClusterApi, { includeClusterAuthorizedOperations: true });
  await player.ask('endpoints of controllers', describeClusterApi, { includeClusterAuthorizedOperations: false, endpointType: 2 }, { from: 1 });
  await player.ask('endpoints of nobody', describeClusterApi, { includeClusterAuthorizedOperations: false, endpointType: 3 }, { from: 1 });
  await player.ask('fenced too', describeClusterApi, { includeClusterAuthorizedOperations: false, includeFencedBrokers: true }, { from: 2 });
}

async function deletion(player: Player): Promise<void> {
  const drop = (label: string, names: string[], options: { from?: number } = {}) => player.ask(label, deleteTopicsApi, {
    topics: names.map(name => ({ name, topicId: ZERO_UUID })), topicNames: names, timeoutMs: TIMEOUT_MS,
  }, options);
  await drop('unknown', ['no-such']);
  await drop('unknown twice', ['no-such', 'no-such']);
  await drop('invalid', ['in valid', '']);
  await drop('nothing', []);
  const newest = player.newest(deleteTopicsApi.key);
  for (let version = 1; version <= newest; version++) await player.topic(`drop-${version}`);
  await player.ask('one', deleteTopicsApi, version => ({ topics: [{ name: `drop-${version}`, topicId: ZERO_UUID }], topicNames: [`drop-${version}`, 'no-such'], timeoutMs: TIMEOUT_MS }));
  for (let version = 1; version <= newest; version++) await player.untilGone(`drop-${version}`);
  const [first, second] = [await player.topic('drop-id'), await player.topic('drop-twice')];
  const byId = (label: string, asked: { name?: string | null; topicId?: string }[]) =>
    player.ask(label, deleteTopicsApi, { topics: asked.map(topic => ({ name: null, topicId: ZERO_UUID, ...topic })), timeoutMs: TIMEOUT_MS }, { from: 6 });
  await byId('by an unknown id', [{ topicId: NO_SUCH_ID }]);
  await byId('neither name nor id', [{}]);
  await byId('both name and id', [{ name: 'drop-id', topicId: first }]);
  await byId('name and id of one topic, apart', [{ name: 'drop-twice' }, { topicId: second }]);
  await byId('an id twice', [{ topicId: second }, { topicId: second }]);
  await byId('a name twice', [{ name: 'drop-twice' }, { name: 'drop-twice' }]);
  await byId('by id', [{ topicId: first }]);
  await player.untilGone('drop-id');
  await player.ask('a topic that is gone', metadataApi, { topics: [{ topicId: first, name: null }] }, { from: 10 });
}
