// Quotas: told and altered, and what a client hears that has used up its own.

import {
  alterClientQuotasApi, apiVersionsApi, createPartitionsApi, createTopicsApi, deleteTopicsApi, describeClientQuotasApi, fetchApi, produceApi,
  type AlterClientQuotasRequestInput,
} from '../../../src/protocol/generated/index.js';
import { ZERO_UUID } from '../../../src/protocol/wire/types.js';
import type { RawClient } from '../../../src/testing/raw-client.js';
import type { Player } from '../player.js';
import { produceRequest, records } from './produce.js';

type Entity = readonly (readonly [type: string, name: string | null])[];
type Op = readonly [key: string, value: number | null];

const EXACT = 0;
const DEFAULT = 1;
const ANY = 2;

export async function quotas(player: Player): Promise<void> {
  await altering(player);
  await describing(player);
  await removing(player);
  await exceeding(player);
}

function alteration(entity: Entity, ops: readonly Op[]): AlterClientQuotasRequestInput['entries'][number] {
  return {
    entity: entity.map(([entityType, entityName]) => ({ entityType, entityName })),
    ops: ops.map(([key, value]) => ({ key, value: value ?? 0, remove: value === null })),
  };
}

function alter(player: Player, label: string, entries: readonly (readonly [Entity, readonly Op[]])[], validateOnly = false) {
  return player.ask(label, alterClientQuotasApi, { entries: entries.map(([entity, ops]) => alteration(entity, ops)), validateOnly });
}

const ALICE: Entity = [['user', 'alice']];
const BYTES: readonly Op[] = [['producer_byte_rate', 1e9], ['consumer_byte_rate', 2e9]];

const KEPT: readonly (readonly [string, Entity, readonly Op[]])[] = [
  ['a user', ALICE, BYTES],
  ['the default user', [['user', null]], [['producer_byte_rate', 1e12], ['request_percentage', 5000.5]]],
  ['a client', [['client-id', 'app']], BYTES],
  ['the default client', [['client-id', null]], [['controller_mutation_rate', 1e6]]],
  ['a user\'s client', [['user', 'alice'], ['client-id', 'app']], BYTES],
  ['a user\'s client, the other way round', [['client-id', 'app'], ['user', 'alice']], [['producer_byte_rate', 3e9]]],
  ['a user\'s other clients', [['user', 'alice'], ['client-id', null]], BYTES],
  ['everybody\'s client', [['user', null], ['client-id', 'app']], BYTES],
  ['everybody\'s other clients', [['user', null], ['client-id', null]], BYTES],
  ['an address', [['ip', '10.1.2.3']], [['connection_creation_rate', 100]]],
  ['an address of six', [['ip', 'fd00::1']], [['connection_creation_rate', 100]]],
  ['a host', [['ip', 'localhost']], [['connection_creation_rate', 1e6]]],
  ['all addresses', [['ip', null]], [['connection_creation_rate', 1e6]]],
  ['odd names', [['user', 'ä b/c:d,<default>'], ['client-id', '<default>']], BYTES],
  ['one of two', ALICE, [['producer_byte_rate', 1.5e9], ['consumer_byte_rate', 2e9]]],
  ['removed and set', ALICE, [['consumer_byte_rate', null], ['request_percentage', 200]]],
  ['removed that is not set', ALICE, [['controller_mutation_rate', null]]],
  ['removed that is unknown', ALICE, [['no_such_rate', null]]],
  ['nothing', ALICE, []],
  ['infinitely many percent', [['user', 'bob']], [['request_percentage', Infinity]]],
  ['a percentage that is no number', [['user', 'carol']], [['request_percentage', NaN]]],
  ['bytes that are no number', [['user', 'carol']], [['producer_byte_rate', NaN]]],
  ['nearly whole', [['user', 'dave']], [['producer_byte_rate', 5.0000001]]],
  ['the most', [['user', 'dave']], [['producer_byte_rate', 2 ** 63]]],
  ['the type twice', [['user', 'eve'], ['user', 'mallory']], BYTES],
];

const REFUSED: readonly (readonly [string, Entity, readonly Op[]])[] = [
  ['an unknown key', ALICE, [['no_such_rate', 5]]],
  ['a good key and an unknown one', [['user', 'frank']], [['producer_byte_rate', 5], ['no_such_rate', 5]]],
  ['a user\'s connections', ALICE, [['connection_creation_rate', 5]]],
  ['an address\' bytes', [['ip', '10.1.2.3']], [['producer_byte_rate', 5]]],
  ['none', ALICE, [['producer_byte_rate', 0]]],
  ['fewer than none', ALICE, [['request_percentage', -1]]],
  ['a fraction', ALICE, [['producer_byte_rate', 1.5]]],
  ['too many', ALICE, [['producer_byte_rate', 1e19]]],
  ['infinitely many', ALICE, [['producer_byte_rate', Infinity]]],
  ['too many connections', [['ip', null]], [['connection_creation_rate', 2 ** 31]]],
  ['a key twice', ALICE, [['producer_byte_rate', 5], ['producer_byte_rate', 6]]],
  ['nobody', [], BYTES],
  ['an empty user', [['user', '']], BYTES],
  ['an empty client', [['client-id', '']], BYTES],
  ['an empty address', [['ip', '']], [['connection_creation_rate', 5]]],
  ['an unknown type', [['group', 'g']], BYTES],
  ['no type', [['', 'g']], BYTES],
  ['an address and a user', [['ip', '10.1.2.3'], ['user', 'alice']], [['connection_creation_rate', 5]]],
  ['an address and a client', [['ip', null], ['client-id', null]], [['connection_creation_rate', 5]]],
  ['no address', [['ip', '256.1.1.1']], [['connection_creation_rate', 5]]],
  ['no host', [['ip', 'no-such-host.invalid']], [['connection_creation_rate', 5]]],
];

async function altering(player: Player): Promise<void> {
  await alter(player, 'nobody at all', []);
  for (const [label, entity, ops] of [...KEPT, ...REFUSED]) {
    await alter(player, `${label}, only tried`, [[entity, ops]], true);
    await alter(player, label, [[entity, ops]]);
  }
  await alter(player, 'good and bad', [[[['user', 'grace']], BYTES], [[['user', '']], BYTES], [[['client-id', 'grace']], BYTES]]);
  await alter(player, 'one twice', [[[['user', 'heidi']], [['producer_byte_rate', 5e9]]], [[['user', 'heidi']], [['producer_byte_rate', 6e9]]]]);
  await alter(player, 'one twice, bad first', [[[['user', 'ivan']], [['producer_byte_rate', -5]]], [[['user', 'ivan']], [['producer_byte_rate', 6e9]]]]);
}

type Component = readonly [type: string, matchType: number, match: string | null];

const FILTERS: readonly (readonly [string, readonly Component[]])[] = [
  ['all', []],
  ['a user', [['user', EXACT, 'alice']]],
  ['the default user', [['user', DEFAULT, null]]],
  ['users', [['user', ANY, null]]],
  ['clients', [['client-id', ANY, null]]],
  ['a user\'s clients', [['user', EXACT, 'alice'], ['client-id', ANY, null]]],
  ['a user\'s client', [['client-id', EXACT, 'app'], ['user', EXACT, 'alice']]],
  ['default and default', [['user', DEFAULT, null], ['client-id', DEFAULT, null]]],
  ['an address', [['ip', EXACT, '10.1.2.3']]],
  ['the default address', [['ip', DEFAULT, null]]],
  ['addresses', [['ip', ANY, null]]],
  ['somebody unknown', [['user', EXACT, 'zoe']]],
  ['an empty name', [['user', EXACT, '']]],
  ['no type', [['', EXACT, 'alice']]],
  ['an unknown type', [['group', EXACT, 'alice']]],
  ['a type twice', [['user', EXACT, 'alice'], ['user', DEFAULT, null]]],
  ['exactly null', [['user', EXACT, null]]],
  ['a named default', [['user', DEFAULT, 'alice']]],
  ['anything with a name', [['user', ANY, 'alice']]],
  ['an unknown match', [['user', 3, 'alice']]],
  ['a negative match', [['user', -1, null]]],
  ['an address and a user', [['ip', ANY, null], ['user', ANY, null]]],
  ['an address and a client', [['client-id', ANY, null], ['ip', DEFAULT, null]]],
];

async function describing(player: Player): Promise<void> {
  await player.until('the last quota', async () => (await found(player, [['user', EXACT, 'heidi']])) > 0);
  for (const [label, components] of FILTERS) {
    for (const strict of [false, true]) {
      await player.ask(`${label}${strict ? ', strictly' : ''}`, describeClientQuotasApi, filter(components, strict));
    }
  }
}

const filter = (components: readonly Component[], strict = false) =>
  ({ components: components.map(([entityType, matchType, match]) => ({ entityType, matchType, match })), strict });

async function found(player: Player, components: readonly Component[]): Promise<number> {
  return (await player.quietly(describeClientQuotasApi, filter(components))).entries!.length;
}

async function removing(player: Player): Promise<void> {
  const { entries } = await player.quietly(describeClientQuotasApi, filter([]));
  await player.quietly(alterClientQuotasApi, {
    entries: entries!.map(({ entity, values }) => ({ entity, ops: values.map(({ key }) => ({ key, value: 0, remove: true })) })), validateOnly: false,
  });
  await player.until('no quotas', async () => (await found(player, [])) === 0);
  await player.ask('none', describeClientQuotasApi, filter([]));
}

/** Clients with quotas that any request exceeds, for long enough that nothing depends on when it is asked. */
const LIMITED: readonly (readonly [clientId: string, Op])[] = [
  ['producing', ['producer_byte_rate', 1]],
  ['consuming', ['consumer_byte_rate', 1]],
  ['busy', ['request_percentage', 1e-6]],
  ['changing', ['controller_mutation_rate', 0.01]],
  ['producing once', ['producer_byte_rate', 1]],
  ['consuming once', ['consumer_byte_rate', 1]],
];

async function exceeding(player: Player): Promise<void> {
  await player.topic('quota', 2);
  await player.quietly(alterClientQuotasApi, { entries: LIMITED.map(([clientId, op]) => alteration([['client-id', clientId]], [op])), validateOnly: false });
  await bytes(player);
  await time(player);
  await changes(player);
  await player.quietly(alterClientQuotasApi, { entries: LIMITED.map(([clientId, [key]]) => alteration([['client-id', clientId]], [[key, null]])), validateOnly: false });
}

/** Whoever is held back is not heard: each time another connection. */
async function as<T>(player: Player, clientId: string, ask: (client: RawClient) => Promise<T>): Promise<T> {
  const client = await player.connect(clientId);
  try {
    return await ask(client);
  } finally {
    client.close();
  }
}

const fetchFrom = (from: number) => ({
  maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 20, forgottenTopicsData: [], sessionEpoch: from,
  topics: [{ topic: 'quota', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
});

async function bytes(player: Player): Promise<void> {
  const target = { name: 'quota', topicId: ZERO_UUID };
  const batch = records(2);
  const VERSION = 12;
  const isHeldBack = async (clientId: string, ask: (client: RawClient) => Promise<{ throttleTimeMs: number }>): Promise<boolean> =>
    as(player, clientId, async client => (await ask(client)).throttleTimeMs > 0);
  await player.until('a produce quota', () => isHeldBack('producing', client => client.send(produceApi, produceRequest(target, batch), VERSION)));
  await as(player, 'producing', client => player.once('beyond the quota', produceApi, produceRequest(target, batch), VERSION, client));
  await as(player, 'another', client => player.once('another client\'s quota', produceApi, produceRequest(target, batch), VERSION, client));
  await player.until('a fetch quota', () => isHeldBack('consuming', client => client.send(fetchApi, fetchFrom(-1), VERSION)));
  await as(player, 'consuming', client => player.once('beyond the quota, no session', fetchApi, fetchFrom(-1), VERSION, client));
  await as(player, 'consuming', client => player.once('beyond the quota, a new session', fetchApi, fetchFrom(0), VERSION, client));
  await as(player, 'another', client => player.once('another client\'s quota', fetchApi, fetchFrom(-1), VERSION, client));
  await as(player, 'busy', client => player.once('beyond the request quota', fetchApi, fetchFrom(0), VERSION, client));
  // Who asks for the first time is held back for his bytes alone, to the millisecond.
  await as(player, 'producing once', async client =>
    player.keep('milliseconds for a Produce', { heldBackMs: (await client.send(produceApi, produceRequest(target, batch), VERSION)).throttleTimeMs }));
  await as(player, 'consuming once', async client =>
    player.keep('milliseconds for a Fetch', { heldBackMs: (await client.send(fetchApi, fetchFrom(-1), VERSION)).throttleTimeMs }));
}

async function time(player: Player): Promise<void> {
  const versions = { clientSoftwareName: 'x', clientSoftwareVersion: '1' };
  await player.until('a request quota', () => as(player, 'busy', async client => (await client.send(apiVersionsApi, versions, 3)).throttleTimeMs > 0));
  await as(player, 'busy', client => player.once('beyond the request quota', describeClientQuotasApi, filter([['user', ANY, null]]), 1, client));
  await as(player, 'busy', client => player.once('a failure beyond the request quota', describeClientQuotasApi, filter([['group', ANY, null]]), 1, client));
}

async function changes(player: Player): Promise<void> {
  const create = (name: string, validateOnly = false) =>
    ({ topics: [{ name, numPartitions: 5, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: 5000, validateOnly });
  const grow = (count: number) => ({ topics: [{ name: 'quota', count, assignments: null }], timeoutMs: 5000, validateOnly: false });
  const once = (label: string, ask: (client: RawClient, label: string) => Promise<unknown>): Promise<unknown> =>
    as(player, 'changing', client => ask(client, label));
  await player.until('a mutation quota', () => as(player, 'changing', async client =>
    (await client.send(createTopicsApi, create('quota-tried', true), 7)).topics[0]!.errorCode !== 0));
  await once('beyond the quota', (client, label) => player.once(label, createTopicsApi, create('quota-refused'), 7, client));
  await once('beyond the quota, only tried', (client, label) => player.once(label, createTopicsApi, create('quota-refused', true), 7, client));
  await once('beyond the quota, and wrong', (client, label) => player.once(label, createTopicsApi, create('quota'), 7, client));
  await once('beyond the quota, by an older client', (client, label) => player.once(label, createTopicsApi, create('quota-made'), 5, client));
  await player.untilServed('quota-made', 5);
  await once('beyond the quota', (client, label) => player.once(label, createPartitionsApi, grow(3), 3, client));
  await once('beyond the quota, by an older client', (client, label) => player.once(label, createPartitionsApi, grow(3), 2, client));
  await player.untilServed('quota', 3);
  await once('beyond the quota', (client, label) => player.once(label, deleteTopicsApi, { topics: [{ name: 'quota-made', topicId: ZERO_UUID }], timeoutMs: 5000 }, 6, client));
  await once('beyond the quota, by name', (client, label) => player.once(label, deleteTopicsApi, { topicNames: ['quota-made'], timeoutMs: 5000 }, 5, client));
  await once('beyond the quota, by an older client', (client, label) => player.once(label, deleteTopicsApi, { topicNames: ['quota-made'], timeoutMs: 5000 }, 4, client));
  await player.untilGone('quota-made');
}
