// Settings of all resources, log directories, features and producer ids.

import {
  alterConfigsApi, describeConfigsApi, describeLogDirsApi, incrementalAlterConfigsApi, initProducerIdApi, listConfigResourcesApi,
  produceApi, updateFeaturesApi,
} from '../../../src/protocol/generated/index.js';
import { APPEND, BROKER, DELETE, GROUP, LOGGER, METRICS, SET, SUBTRACT, TOPIC, type Resource } from '../../support/config-resources.js';
import type { Player } from '../player.js';
import { produceRequest, records } from './produce.js';

export async function settings(player: Player): Promise<void> {
  await player.topic('settings', 1, { 'retention.ms': '1000', 'cleanup.policy': 'compact,delete' });
  await describing(player);
  await incremental(player);
  await whole(player);
  await afterwards(player);
  await logDirs(player);
  await features(player);
  await producerIds(player);
}

function describe(player: Player, label: string, [resourceType, resourceName]: Resource, keys: string[] | null = null, from = 0) {
  return player.ask(label, describeConfigsApi, {
    resources: [{ resourceType, resourceName, configurationKeys: keys }], includeSynonyms: true, includeDocumentation: true,
  }, { from });
}

async function describing(player: Player): Promise<void> {
  await describe(player, 'a topic', [TOPIC, 'settings']);
  await describe(player, 'the broker', [BROKER, '1'], null);
  await describe(player, 'all brokers', [BROKER, '']);
  await describe(player, 'a group', [GROUP, 'some-group']);
  await describe(player, 'metrics', [METRICS, 'some-metrics']);
  await player.ask('without synonyms and documentation', describeConfigsApi, { resources: [{ resourceType: TOPIC, resourceName: 'settings', configurationKeys: ['retention.ms', 'segment.bytes'] }] });
  await describe(player, 'some of a topic', [TOPIC, 'settings'], ['retention.ms', 'no.such', 'segment.bytes', 'retention.ms']);
  await describe(player, 'nothing of a topic', [TOPIC, 'settings'], []);
  await describe(player, 'some of the broker', [BROKER, '1'], ['log.retention.ms', 'num.partitions', 'no.such']);
  await describe(player, 'unknown topic', [TOPIC, 'no-such']);
  await describe(player, 'invalid topic', [TOPIC, 'in valid']);
  await describe(player, 'topic without a name', [TOPIC, '']);
  await describe(player, 'another broker', [BROKER, '9']);
  await describe(player, 'a broker that is no number', [BROKER, 'one']);
  await describe(player, 'group without a name', [GROUP, '']);
  await describe(player, 'metrics without a name', [METRICS, '']);
  await describe(player, 'loggers of another', [LOGGER, '9']);
  await describe(player, 'loggers', [LOGGER, '1'], ['root', 'no.such']);
  await describe(player, 'loggers of one that is no number', [LOGGER, 'one']);
  await describe(player, 'loggers without a name', [LOGGER, '']);
  for (const type of [0, 1, 3, 64]) await describe(player, `resource type ${type}`, [type, 'x']);
  await player.ask('nothing', describeConfigsApi, { resources: [] });
  await player.ask('several, good and bad', describeConfigsApi, {
    resources: [[TOPIC, 'settings'], [TOPIC, 'no-such'], [BROKER, '1']].map(([type, name]) =>
      ({ resourceType: Number(type), resourceName: String(name), configurationKeys: ['retention.ms', 'num.partitions'] })),
  });
}

type Change = readonly [name: string, operation: number, value: string | null];

const CHANGES: readonly [string, Resource, Change[]][] = [
  ['set', [TOPIC, 'settings'], [['max.message.bytes', SET, '5000']]],
  ['set what is no number', [TOPIC, 'settings'], [['max.message.bytes', SET, 'many']]],
  ['set out of bounds', [TOPIC, 'settings'], [['max.message.bytes', SET, '-5']]],
  ['set to null', [TOPIC, 'settings'], [['max.message.bytes', SET, null]]],
  ['set an unknown one', [TOPIC, 'settings'], [['no.such', SET, '1']]],
  ['delete an unknown one', [TOPIC, 'settings'], [['no.such', DELETE, null]]],
  ['delete what is not set', [TOPIC, 'settings'], [['flush.ms', DELETE, null]]],
  ['delete with a value', [TOPIC, 'settings'], [['retention.ms', DELETE, '5']]],
  ['append', [TOPIC, 'settings'], [['cleanup.policy', APPEND, 'compact']]],
  ['append what cannot be', [TOPIC, 'settings'], [['cleanup.policy', APPEND, 'shred']]],
  ['append to what is no list', [TOPIC, 'settings'], [['retention.ms', APPEND, '5']]],
  ['append null', [TOPIC, 'settings'], [['cleanup.policy', APPEND, null]]],
  ['subtract', [TOPIC, 'settings'], [['cleanup.policy', SUBTRACT, 'compact']]],
  ['subtract what is not there', [TOPIC, 'settings'], [['cleanup.policy', SUBTRACT, 'shred']]],
  ['subtract all', [TOPIC, 'settings'], [['cleanup.policy', SUBTRACT, 'compact,delete']]],
  ['subtract from what is no list', [TOPIC, 'settings'], [['retention.ms', SUBTRACT, '1']]],
  ['an operation nobody knows', [TOPIC, 'settings'], [['retention.ms', 9, '5']]],
  ['one setting twice', [TOPIC, 'settings'], [['retention.ms', SET, '5'], ['retention.ms', SET, '6']]],
  ['nothing at all', [TOPIC, 'settings'], []],
  ['several, one wrong', [TOPIC, 'settings'], [['retention.ms', SET, '5'], ['segment.bytes', SET, '1']]],
  ['settings that do not go together', [TOPIC, 'settings'], [['min.compaction.lag.ms', SET, '10'], ['max.compaction.lag.ms', SET, '5']]],
  ['unknown topic', [TOPIC, 'no-such'], [['retention.ms', SET, '5']]],
  ['invalid topic', [TOPIC, 'in valid'], [['retention.ms', SET, '5']]],
  ['topic without a name', [TOPIC, ''], [['retention.ms', SET, '5']]],
  ['tiered storage', [TOPIC, 'settings'], [['remote.storage.enable', SET, 'true']]],
  ['a boolean', [TOPIC, 'settings'], [['preallocate', SET, 'yes']]],
  ['throttled replicas', [TOPIC, 'settings'], [['leader.replication.throttled.replicas', SET, 'x']]],
  ['the broker', [BROKER, '1'], [['log.cleaner.threads', SET, '2']]],
  ['all brokers', [BROKER, ''], [['log.retention.ms', SET, '100000000']]],
  ['all brokers, what is for one', [BROKER, ''], [['listener.security.protocol.map', SET, 'A:PLAINTEXT']]],
  ['the broker, read only', [BROKER, '1'], [['node.id', SET, '7']]],
  ['the broker, unknown', [BROKER, '1'], [['no.such', SET, '7']]],
  ['the broker, wrong', [BROKER, '1'], [['num.io.threads', SET, 'some']]],
  ['the broker, out of bounds', [BROKER, '1'], [['num.io.threads', SET, '0']]],
  ['another broker', [BROKER, '9'], [['num.io.threads', SET, '9']]],
  ['a broker that is no number', [BROKER, 'one'], [['num.io.threads', SET, '9']]],
  ['a group', [GROUP, 'g1'], [['consumer.session.timeout.ms', SET, '50000']]],
  ['a group, out of bounds', [GROUP, 'g1'], [['consumer.session.timeout.ms', SET, '1']]],
  ['a group, unknown', [GROUP, 'g1'], [['no.such', SET, '1']]],
  ['group without a name', [GROUP, ''], [['consumer.session.timeout.ms', SET, '50000']]],
  ['metrics', [METRICS, 'm1'], [['interval.ms', SET, '1000']]],
  ['metrics, wrong', [METRICS, 'm1'], [['interval.ms', SET, 'x']]],
  ['metrics, out of bounds', [METRICS, 'm1'], [['interval.ms', SET, '1']]],
  ['metrics, unknown', [METRICS, 'm1'], [['no.such', SET, '1']]],
  ['metrics, a match', [METRICS, 'm1'], [['match', SET, 'nothing']]],
  ['metrics without a name', [METRICS, ''], [['interval.ms', SET, '1000']]],
  ['loggers of another', [LOGGER, '9'], [['kafka', SET, 'INFO']]],
  ['loggers without a name', [LOGGER, ''], [['kafka', SET, 'INFO']]],
  ['a level that does not exist', [LOGGER, '1'], [['kafka', SET, 'LOUD']]],
  ['a boolean of the broker', [BROKER, '1'], [['log.message.downconversion.enable', SET, 'x']]],
  ['a list of all brokers', [BROKER, ''], [['log.cleanup.policy', APPEND, 'compact']]],
  ['the broker, listener by listener', [BROKER, '1'], [['listener.name.plaintext.ssl.keystore.type', SET, 'PEM']]],
  ['all brokers, min isr', [BROKER, ''], [['min.insync.replicas', SET, '1']]],
  ['all brokers, min isr gone', [BROKER, ''], [['min.insync.replicas', DELETE, null]]],
  ['the broker, min isr', [BROKER, '1'], [['min.insync.replicas', SET, '1']]],
  ['the broker, deleted', [BROKER, '1'], [['log.cleaner.threads', DELETE, null]]],
  ['resource type 0', [0, 'x'], [['a', SET, 'b']]],
  ['resource type 64', [64, 'x'], [['a', SET, 'b']]],
];

const changes = (list: readonly Change[]) => list.map(([name, configOperation, value]) => ({ name, configOperation, value }));

async function incremental(player: Player): Promise<void> {
  for (const [label, [resourceType, resourceName], list] of CHANGES) {
    await player.ask(label, incrementalAlterConfigsApi, { resources: [{ resourceType, resourceName, configs: changes(list) }], validateOnly: true });
  }
  const twice = { resourceType: TOPIC, resourceName: 'settings', configs: changes([['retention.ms', SET, '5']]) };
  await player.ask('a resource twice', incrementalAlterConfigsApi, { resources: [twice, twice], validateOnly: true });
  await player.ask('no resources', incrementalAlterConfigsApi, { resources: [], validateOnly: true });
  const resources = CHANGES.filter(([label]) => ['set', 'the broker', 'all brokers', 'a group', 'metrics', 'subtract', 'unknown topic'].includes(label))
    .map(([, [resourceType, resourceName], list]) => ({ resourceType, resourceName, configs: changes(list) }));
  await player.ask('for good', incrementalAlterConfigsApi, {
    resources: resources.filter((one, i) => resources.findIndex(other => other.resourceType === one.resourceType && other.resourceName === one.resourceName) === i),
    validateOnly: false,
  });
}

async function whole(player: Player): Promise<void> {
  const alter = (label: string, [resourceType, resourceName]: Resource, pairs: [string, string | null][], validateOnly = true) => player.ask(label, alterConfigsApi, {
    resources: [{ resourceType, resourceName, configs: pairs.map(([name, value]) => ({ name, value })) }], validateOnly,
  });
  for (const [label, resource, list] of CHANGES) {
    if (list.every(([, operation]) => operation === SET)) await alter(label, resource, list.map(([name, , value]) => [name, value]));
  }
  await player.topic('settings-whole', 1, { 'retention.ms': '1000', 'flush.ms': '7' });
  await alter('for good', [TOPIC, 'settings-whole'], [['retention.ms', '5000']], false);
}

/** What became of the changes, once the broker knows of them. */
async function afterwards(player: Player): Promise<void> {
  const valueOf = async ([resourceType, resourceName]: Resource, name: string) => {
    const { results } = await player.quietly(describeConfigsApi, { resources: [{ resourceType, resourceName, configurationKeys: [name] }] });
    return results[0]!.configs[0]?.value;
  };
  await player.until('settings-whole', async () => (await valueOf([TOPIC, 'settings-whole'], 'retention.ms')) === '5000');
  const explicit = ['retention.ms', 'max.message.bytes', 'flush.ms', 'cleanup.policy'];
  await describe(player, 'the topic afterwards', [TOPIC, 'settings'], explicit, 1);
  await describe(player, 'the whole topic afterwards', [TOPIC, 'settings-whole'], explicit, 1);
  await describe(player, 'the broker afterwards', [BROKER, '1'], ['log.cleaner.threads', 'log.retention.ms', 'log.retention.minutes', 'log.retention.hours'], 1);
  await describe(player, 'all brokers afterwards', [BROKER, ''], null, 1);
  await describe(player, 'a group afterwards', [GROUP, 'g1'], null, 1);
  await describe(player, 'metrics afterwards', [METRICS, 'm1'], null, 1);
  for (const types of [[], [TOPIC], [BROKER], [LOGGER], [METRICS], [GROUP], [METRICS, GROUP], [0], [64], [TOPIC, 3]]) {
    await player.ask(`types ${types.join(' and ') || 'unnamed'}`, listConfigResourcesApi, { resourceTypes: types }, types.length === 0 ? {} : { from: 1 });
  }
  await describe(player, 'metrics that exist, all', [METRICS, 'm1'], [], 1);
}

async function logDirs(player: Player): Promise<void> {
  const topicId = await player.topic('dirs', 2);
  await player.quietly(produceApi, produceRequest({ name: 'dirs', topicId }, records(3)));
  const ask = (label: string, topics: [string, number[]][]) =>
    player.ask(label, describeLogDirsApi, { topics: topics.map(([topic, partitions]) => ({ topic, partitions })) });
  await ask('one partition', [['dirs', [0]]]);
  await ask('two partitions', [['dirs', [0, 1]]]);
  await ask('unknown ones', [['dirs', [7]], ['no-such', [0]]]);
  await ask('no partitions', [['dirs', []]]);
  await ask('no topics', []);
  await player.ask('all topics', describeLogDirsApi, { topics: null });
}

async function features(player: Player): Promise<void> {
  const update = (label: string, feature: string, maxVersionLevel: number, upgradeType = 1) => player.ask(label, updateFeaturesApi, version => ({
    timeoutMs: 5000, validateOnly: version > 0, featureUpdates: [{ feature, maxVersionLevel, upgradeType, allowDowngrade: upgradeType > 1 }],
  }), label.startsWith('valid') ? { from: 1 } : {});
  await update('unknown feature', 'no.such', 1);
  await update('no feature', '', 1);
  await update('metadata.version too high', 'metadata.version', 99);
  await update('metadata.version 0', 'metadata.version', 0, 2);
  await update('metadata.version too low', 'metadata.version', 1, 2);
  await update('metadata.version lower, no downgrade', 'metadata.version', 25);
  await update('valid: metadata.version lower, safe downgrade', 'metadata.version', 27, 2);
  await update('valid: metadata.version lower, unsafe downgrade', 'metadata.version', 25, 3);
  await update('metadata.version as it is', 'metadata.version', 30);
  await update('negative level', 'metadata.version', -1);
  await update('valid: an unknown kind of upgrade', 'metadata.version', 29, 9);
  await update('kraft.version', 'kraft.version', 1);
  await update('kraft.version too high', 'kraft.version', 9);
  await update('kraft.version lower', 'kraft.version', 0, 2);
  await player.ask('nothing', updateFeaturesApi, { timeoutMs: 5000, featureUpdates: [], validateOnly: true });
}

async function producerIds(player: Player): Promise<void> {
  await player.ask('a second idempotent producer', initProducerIdApi, { transactionalId: null, transactionTimeoutMs: 1000 });
  await player.ask('with an id and epoch of its own', initProducerIdApi, { transactionalId: null, transactionTimeoutMs: 1000, producerId: 15, producerEpoch: 2 }, { from: 3 });
  await player.ask('with an id without an epoch', initProducerIdApi, { transactionalId: null, transactionTimeoutMs: 1000, producerId: 15, producerEpoch: -1 }, { from: 3 });
  await player.ask('with an epoch without an id', initProducerIdApi, { transactionalId: null, transactionTimeoutMs: 1000, producerId: -1, producerEpoch: 3 }, { from: 3 });
  await player.ask('an empty transactional id', initProducerIdApi, { transactionalId: '', transactionTimeoutMs: 1000 });
  await player.ask('timeout 0', initProducerIdApi, { transactionalId: null, transactionTimeoutMs: 0 });
}
