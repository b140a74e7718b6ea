// Access control, tokens, SASL and SCRAM credentials, of brokers without an authorizer, a secret and a listener that asks who one is.

import {
  alterUserScramCredentialsApi, createAclsApi, createDelegationTokenApi, deleteAclsApi, describeAclsApi, describeDelegationTokenApi,
  describeUserScramCredentialsApi, expireDelegationTokenApi, incrementalAlterConfigsApi, listConfigResourcesApi, renewDelegationTokenApi,
  saslAuthenticateApi, saslHandshakeApi,
} from '../../../src/protocol/generated/index.js';
import { GROUP, METRICS, TOPIC } from '../../support/config-resources.js';
import type { Player } from '../player.js';

export async function security(player: Player): Promise<void> {
  await acls(player);
  await tokens(player);
  await sasl(player);
  await scram(player);
  await resources(player);
}

const BINDING = { resourceType: 2, resourceName: 'acls', resourcePatternType: 3, principal: 'User:alice', host: '*', operation: 3, permissionType: 3 };
const FILTER = { resourceTypeFilter: 1, resourceNameFilter: null, patternTypeFilter: 1, principalFilter: null, hostFilter: null, operation: 1, permissionType: 1 };
const V0_HAS_NO_PATTERNS = { from: 1 };

async function acls(player: Player): Promise<void> {
  await player.ask('all', describeAclsApi, FILTER, V0_HAS_NO_PATTERNS);
  await player.ask('one', createAclsApi, { creations: [BINDING] });
  await player.ask('none', createAclsApi, { creations: [] });
  await player.ask('good and bad', createAclsApi, { creations: [BINDING, { ...BINDING, resourceName: '' }, { ...BINDING, resourceType: 4 }, { ...BINDING, principal: 'alice' }] });
  await player.ask('all', deleteAclsApi, { filters: [FILTER, { ...FILTER, resourceNameFilter: 'x' }] });
  await player.ask('none', deleteAclsApi, { filters: [] });
  for (const code of [0, -1, 99]) {
    for (const field of ['resourceTypeFilter', 'patternTypeFilter', 'operation', 'permissionType']) {
      await player.once(`${field} ${code}`, describeAclsApi, { ...FILTER, [field]: code });
      await player.once(`${field} ${code}`, deleteAclsApi, { filters: [FILTER, { ...FILTER, [field]: code }] });
    }
    for (const field of ['resourceType', 'resourcePatternType', 'operation', 'permissionType']) {
      await player.once(`${field} ${code}`, createAclsApi, { creations: [BINDING, { ...BINDING, [field]: code }] });
    }
  }
}

async function tokens(player: Player): Promise<void> {
  const alice = { principalType: 'User', principalName: 'alice' };
  await player.ask('for oneself', createDelegationTokenApi, { renewers: [], maxLifetimeMs: -1 });
  await player.ask('renewed by others', createDelegationTokenApi, { renewers: [alice, { ...alice, principalType: 'Group' }], maxLifetimeMs: 1 });
  for (const [type, name] of [['User', 'alice'], ['User', 'ANONYMOUS'], ['Group', 'x'], ['', 'x'], ['User', ''], ['User', null], [null, null], [null, ''], [null, 'x']] as const) {
    await player.once(`for ${type} ${name}`, createDelegationTokenApi, { ownerPrincipalType: type, ownerPrincipalName: name, renewers: [], maxLifetimeMs: 0 });
  }
  const hmac = Buffer.from('hmac');
  await player.ask('longer', renewDelegationTokenApi, { hmac, renewPeriodMs: 1000 });
  await player.ask('of nothing', renewDelegationTokenApi, { hmac: Buffer.alloc(0), renewPeriodMs: -1 });
  await player.ask('soon', expireDelegationTokenApi, { hmac, expiryTimePeriodMs: 1000 });
  await player.ask('now', expireDelegationTokenApi, { hmac, expiryTimePeriodMs: -1 });
  await player.ask('everybody\'s', describeDelegationTokenApi, { owners: null });
  await player.ask('nobody\'s', describeDelegationTokenApi, { owners: [] });
  await player.ask('alice\'s', describeDelegationTokenApi, { owners: [alice] });
}

async function sasl(player: Player): Promise<void> {
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'no such', '']) await player.ask(`'${mechanism}'`, saslHandshakeApi, { mechanism });
  await player.ask('a token', saslAuthenticateApi, { authBytes: Buffer.from('\0alice\0secret') });
  await player.ask('nothing', saslAuthenticateApi, { authBytes: Buffer.alloc(0) });
}

const SHA_256 = 1;
const SHA_512 = 2;

const setting = (name: string, mechanism = SHA_256, iterations = 4096, saltedPassword: Uint8Array = Buffer.from('salted')) =>
  ({ name, mechanism, iterations, salt: Buffer.from('salt'), saltedPassword });

async function scram(player: Player): Promise<void> {
  const alter = (label: string, upsertions: ReturnType<typeof setting>[], deletions: [name: string, mechanism: number][] = []) =>
    player.ask(label, alterUserScramCredentialsApi, { upsertions, deletions: deletions.map(([name, mechanism]) => ({ name, mechanism })) });
  const describe = (label: string, users: string[] | null) =>
    player.ask(label, describeUserScramCredentialsApi, { users: users?.map(name => ({ name })) ?? null });
  const known = async (users: number) => player.until(`${users} users`, async () =>
    (await player.quietly(describeUserScramCredentialsApi, { users: null })).results.length === users);

  await describe('of a cluster without users', null);
  await describe('unknown', ['nobody']);
  await alter('nothing', []);
  await alter('bounds', [setting('few', SHA_256, 4095), setting('many', SHA_512, 16_385), setting('least'), setting('most', SHA_512, 16_384), setting('negative', SHA_256, -1)]);
  await alter('names and mechanisms', [setting(''), setting('zero', 0), setting('three', 3), setting('minus', -1), setting('漢字'), setting('n'.repeat(300))]);
  await alter('without salt and password', [{ ...setting('saltless'), salt: Buffer.alloc(0) }, setting('empty', SHA_256, 4096, Buffer.alloc(0))]);
  await alter('twice', [setting('twice'), setting('twice', SHA_512), setting('once')], [['least', SHA_256], ['least', SHA_512], ['most', SHA_512]]);
  await known(5);
  await alter('another mechanism', [setting('once', SHA_512)]);
  await alter('set and deleted', [setting('once'), setting('gone')], [['once', SHA_256], ['gone', SHA_256]]);
  await alter('deleted', [], [['n'.repeat(300), SHA_256], ['once', SHA_256], ['nobody', SHA_256], ['least', SHA_512], ['least', 9], ['', SHA_256], ['', 9]]);
  await known(4);
  await describe('all', null);
  await describe('all, by no names', []);
  await describe('some', ['least', 'once', 'nobody', 'least', '', '漢字']);
}

/** Beside those that `settings` asks for: types that are named twice, and resources that have lost their settings. */
async function resources(player: Player): Promise<void> {
  const change = (name: string, configOperation: number) => player.quietly(incrementalAlterConfigsApi, {
    validateOnly: false,
    resources: [
      { resourceType: METRICS, resourceName: name, configs: [{ name: 'interval.ms', configOperation, value: configOperation === 0 ? '1000' : null }] },
      { resourceType: GROUP, resourceName: name, configs: [{ name: 'consumer.heartbeat.interval.ms', configOperation, value: configOperation === 0 ? '5000' : null }] },
    ],
  });
  const listed = async (name: string) => (await player.quietly(listConfigResourcesApi, { resourceTypes: [METRICS, GROUP] })).configResources
    .filter(({ resourceName }) => resourceName === name).length;
  await change('with-settings', 0);
  await change('without-settings', 0);
  await player.until('settings', async () => (await listed('with-settings')) + (await listed('without-settings')) === 4);
  await player.ask('resources with settings', listConfigResourcesApi, { resourceTypes: [] });
  await change('without-settings', 1);
  await player.until('no settings', async () => (await listed('without-settings')) === 0);
  await player.ask('resources that have lost theirs', listConfigResourcesApi, {});
  await player.ask('types named twice', listConfigResourcesApi, { resourceTypes: [METRICS, TOPIC, METRICS] }, { from: 1 });
  await player.ask('types in another order', listConfigResourcesApi, { resourceTypes: [GROUP, TOPIC, METRICS] }, { from: 1 });
  await player.ask('a type below all', listConfigResourcesApi, { resourceTypes: [METRICS, -1] }, { from: 1 });
}
