// Every setting that may change at run time, with values good and bad: who takes it, and in which words it is refused. Tools
// print those words, so that here they are compared as they are.

import { brokerQuotaSettings, brokerSettings, clientMetricsSettings, groupSettings, topicSettings } from '../../../src/config/table/index.js';
import type { Setting, SettingTable, SettingType } from '../../../src/config/setting.js';
import { alterConfigsApi, describeConfigsApi, incrementalAlterConfigsApi } from '../../../src/protocol/generated/index.js';
import { APPEND, BROKER, DELETE, GROUP, LOGGER, METRICS, SET, SUBTRACT, TOPIC, type Resource } from '../../support/config-resources.js';
import type { Player } from '../player.js';

const NUMBERS = ['-2', '-1', '0', '1', '2', '3', '7', '100', '5000', '2000000', '3000000000', '99999999999999999999', ' 4 ', '+4', '1.5', 'many', ''];
const TEXTS = ['', ' ', 'a', 'a,b', 'a,,b', 'delete,delete', 'compact', 'compact, delete', 'gzip', 'CreateTime', '*', '0:1', 'latest', 'by_duration:PT1H', 'read_committed', 'PEM', 'none'];
const VALUES: Readonly<Record<SettingType, readonly string[]>> = {
  boolean: ['true', 'FALSE', 'yes', '1', ''],
  short: NUMBERS, int: NUMBERS, long: NUMBERS,
  double: ['-1', '0', '.5', '1', '1.5', '1e400', 'NaN', 'half', ''],
  string: TEXTS, list: TEXTS, password: ['', 'secret'],
  class: ['org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder', 'no.such.Class', ' '],
};

/** What stands alone, or has a form of its own. */
const OWN_VALUES: Readonly<Record<string, readonly string[]>> = {
  'listeners': [], 'listener.security.protocol.map': [], 'metric.reporters': ['org.apache.kafka.common.metrics.JmxReporter', '', 'no.such.Class'],
  'config.providers': ['', 'file'], 'ssl.engine.factory.class': ['org.apache.kafka.common.security.ssl.DefaultSslEngineFactory', 'no.such.Class', ' '],
  'max.connections.per.ip.overrides': ['', 'localhost:5', '127.0.0.1:5,::1:6'],
  'match': ['client_id=a', 'client_id=', 'client_id', 'client_id=(', 'no_such=a', 'client_id=a,client_id=b', 'client_id=a,,b', ' client_id = a '],
};

type Change = readonly [name: string, operation: number, value: string | null];

export async function settingsRefusals(player: Player): Promise<void> {
  await player.topic('refusals');
  const said = sayer(player);
  await everySetting(player, said);
  for (const [label, resource, changes] of TOGETHER) player.keep(`together: ${label}`, await said(resource, changes));
  await requests(player);
  await loggers(player, said);
}

/** Changes one resource, without effect unless asked, and tells what came of it. */
type Say = (resource: Resource, changes: readonly Change[], options?: { readonly forGood?: boolean }) => Promise<string>;

function sayer(player: Player): Say {
  return ([resourceType, resourceName], changes, { forGood = false } = {}) => hungUp(player, async () => {
    const { responses } = await player.quietly(incrementalAlterConfigsApi, {
      resources: [{ resourceType, resourceName, configs: changes.map(([name, configOperation, value]) => ({ name, configOperation, value })) }], validateOnly: !forGood,
    });
    return words(responses[0]!);
  });
}

/** What is said, or that nothing is. */
async function hungUp(player: Player, ask: () => Promise<string>): Promise<string> {
  try {
    return await ask();
  } catch (error) {
    player.close();
    return error instanceof Error ? error.message : String(error);
  }
}

const words = ({ errorCode, errorMessage }: { errorCode: number; errorMessage: string | null }): string => `${errorCode} ${errorMessage}`;

async function everySetting(player: Player, said: Say): Promise<void> {
  const kinds: readonly [resource: Resource, table: SettingTable][] = [
    [[BROKER, ''], { ...brokerQuotaSettings, ...brokerSettings }], [[BROKER, '1'], { ...brokerQuotaSettings, ...brokerSettings }],
    [[TOPIC, 'refusals'], topicSettings], [[GROUP, 'refusals'], groupSettings], [[METRICS, 'refusals'], clientMetricsSettings],
  ];
  for (const [resource, table] of kinds) {
    for (const [name, setting] of Object.entries(table)) {
      const outcomes: Record<string, string> = {};
      for (const [operation, value] of changesOf(name, setting)) outcomes[`${operation} '${value}'`] = await said(resource, [[name, operation, value]]);
      player.keep(`changing ${name} of ${resource.join(':')}`, outcomes);
    }
  }
}

function changesOf(name: string, setting: Setting): [operation: number, value: string | null][] {
  const isFixed = setting.update === 'read-only' && name in brokerSettings && !(name in topicSettings);
  const values = isFixed ? VALUES[setting.type].slice(0, 1) : OWN_VALUES[name] ?? VALUES[setting.type];
  const parts = OWN_VALUES[name]?.length === 0 ? [] : setting.type === 'list' ? ['a', 'compact', 'compact,delete', ''] : ['1'];
  const partly = parts.flatMap((value): [number, string][] => [[APPEND, value], [SUBTRACT, value]]);
  return [...values.map((value): [number, string] => [SET, value]), [DELETE, null], [SET, null], ...partly];
}

/** Listeners, and what several settings say about one another. */
const TOGETHER: readonly [string, Resource, Change[]][] = [
  ['pools', [BROKER, '1'], [['num.io.threads', SET, '16'], ['background.threads', SET, '21'], ['num.replica.fetchers', SET, '2']]],
  ['pools at most', [BROKER, '1'], [['num.io.threads', SET, '16'], ['background.threads', SET, '20'], ['num.replica.fetchers', SET, '2'], ['num.recovery.threads.per.data.dir', SET, '4']]],
  ['cleaners with too little memory', [BROKER, ''], [['log.cleaner.threads', SET, '2'], ['log.cleaner.dedupe.buffer.size', SET, '2097152']]],
  ['cleaners with just enough', [BROKER, ''], [['log.cleaner.threads', SET, '2'], ['log.cleaner.dedupe.buffer.size', SET, '2097154']]],
  ['lags the wrong way round', [BROKER, ''], [['log.cleaner.min.compaction.lag.ms', SET, '9'], ['log.cleaner.max.compaction.lag.ms', SET, '8']]],
  ['local retention beyond all', [BROKER, ''], [['log.retention.ms', SET, '8'], ['log.local.retention.ms', SET, '9']]],
  ['local retention within', [BROKER, ''], [['log.retention.ms', SET, '9'], ['log.local.retention.ms', SET, '9']]],
  ['local bytes beyond all', [BROKER, ''], [['log.retention.bytes', SET, '8'], ['log.local.retention.bytes', SET, '9']]],
  ['nobody but those that are named', [BROKER, ''], [['max.connections.per.ip', SET, '0'], ['max.connections.per.ip.overrides', SET, 'localhost:4']]],
  ['two that are read-only', [BROKER, '1'], [['node.id', SET, '1'], ['broker.id', SET, '1']]],
  ['two of one listener', [BROKER, '1'], [['ssl.keystore.type', SET, 'PEM']]],
  ['two for one broker', [BROKER, ''], [['listener.name.plaintext.ssl.keystore.type', SET, 'PEM'], ['listener.name.x.ssl.protocol', SET, 'x']]],
  ['threads of a listener', [BROKER, '1'], [['listener.name.plaintext.num.network.threads', SET, '7']]],
  ['threads of a listener for all', [BROKER, ''], [['listener.name.plaintext.num.network.threads', SET, '6']]],
  ['connections of a listener', [BROKER, '1'], [['listener.name.plaintext.max.connections', SET, '0']]],
  ['connections of a listener that is none', [BROKER, '1'], [['listener.name.none.max.connections', SET, '0']]],
  ['wrong for a listener', [BROKER, '1'], [['listener.name.plaintext.max.connections', SET, 'x']]],
  ['names that nobody knows', [BROKER, '1'], [['a.plugin.setting', SET, 'x'], ['listener.name.x.no.such', SET, 'x']]],
  ['append to one that nobody knows', [BROKER, '1'], [['a.plugin.setting', APPEND, 'x']]],
  ['an operation that is none', [BROKER, '1'], [['log.cleanup.policy', 7, 'x']]],
  ['one twice', [BROKER, '1'], [['log.retention.ms', SET, '1'], ['log.retention.ms', SET, '1']]],
  ['two without value', [BROKER, '1'], [['log.retention.ms', SET, null], ['log.retention.bytes', APPEND, null]]],
  ['two wrong', [BROKER, '1'], [['log.retention.ms', SET, 'x'], ['message.max.bytes', SET, 'x']]],
  ['a wrong one and one that is read-only', [BROKER, '1'], [['log.retention.ms', SET, 'x'], ['node.id', SET, '1']]],
  ['another broker', [BROKER, '2'], [['log.retention.ms', SET, '1']]],
  ['a broker that is no number', [BROKER, '1x'], [['log.retention.ms', SET, '1']]],
  ['a broker below nought', [BROKER, '-1'], [['log.retention.ms', SET, '1']]],
  ['a broker with a plus', [BROKER, '+1'], [['log.retention.ms', SET, '1']]],
  ['a topic that is not there', [TOPIC, 'not-there'], [['retention.ms', SET, '1']]],
  ['a topic that is not there, wrongly', [TOPIC, 'not-there'], [['retention.ms', SET, 'x']]],
  ['a topic with an impossible name', [TOPIC, 'im possible'], [['retention.ms', SET, '1']]],
  ['a topic with too long a name', [TOPIC, 'a'.repeat(250)], [['retention.ms', SET, '1']]],
  ['a topic named ..', [TOPIC, '..'], [['retention.ms', SET, '1']]],
  ['a topic without a name', [TOPIC, ''], [['retention.ms', SET, '1']]],
  ['lags of a topic', [TOPIC, 'refusals'], [['min.compaction.lag.ms', SET, '9'], ['max.compaction.lag.ms', SET, '8']]],
  ['several that a topic does not know', [TOPIC, 'refusals'], [['b', SET, '1'], ['a', SET, '1'], ['some.other', SET, '1']]],
  ['several of a topic, wrong', [TOPIC, 'refusals'], [['retention.ms', SET, 'x'], ['segment.bytes', SET, 'x']]],
  ['a group without a name', [GROUP, ''], [['consumer.session.timeout.ms', SET, '50000']]],
  ['several that a group does not know', [GROUP, 'g'], [['b', SET, '1'], ['a', SET, '1'], ['some.other', SET, '1']]],
  ['a group, session and heartbeat', [GROUP, 'g'], [['consumer.session.timeout.ms', SET, '46000'], ['consumer.heartbeat.interval.ms', SET, '15000']]],
  ['a subscription without a name', [METRICS, ''], [['interval.ms', SET, '1000']]],
  ['several that a subscription does not know', [METRICS, 's'], [['b', SET, '1'], ['a', SET, '1'], ['some.other', SET, '1']]],
  ['min isr of a broker', [BROKER, '1'], [['min.insync.replicas', SET, '1']]],
  ['min isr of a broker, deleted', [BROKER, '1'], [['min.insync.replicas', DELETE, null]]],
  ['min isr of all, deleted', [BROKER, ''], [['min.insync.replicas', DELETE, null]]],
  ['directories that are not there', [BROKER, '1'], [['cordoned.log.dirs', SET, '/no/such,/other']]],
  ['all directories and one more', [BROKER, '1'], [['cordoned.log.dirs', SET, '*,/no/such']]],
  ['a type that is none', [7, 'x'], [['a', SET, 'b']]],
];

async function requests(player: Player): Promise<void> {
  const topic = { resourceType: TOPIC, resourceName: 'refusals', configs: [{ name: 'retention.ms', configOperation: SET, value: '7' }] };
  const broker = { resourceType: BROKER, resourceName: '1', configs: [{ name: 'node.id', configOperation: SET, value: '7' }] };
  const other = { resourceType: TOPIC, resourceName: 'not-there', configs: [{ name: 'retention.ms', configOperation: SET, value: '7' }] };
  const outcome = (responses: readonly { resourceName: string; errorCode: number; errorMessage: string | null }[]) =>
    responses.map(response => `${response.resourceName}: ${words(response)}`).join('; ');
  for (const [label, resources] of Object.entries({ 'in order': [broker, topic, other], 'thrice': [topic, topic, topic, broker], 'twice and another': [other, topic, other] })) {
    player.keep(`request: ${label}`, await hungUp(player, async () =>
      outcome((await player.quietly(incrementalAlterConfigsApi, { resources, validateOnly: true })).responses)));
  }
  const whole = [broker, topic, other].map(({ configs, ...rest }) => ({ ...rest, configs: configs.map(({ name, value }) => ({ name, value })) }));
  player.keep('whole request: in order', outcome((await player.quietly(alterConfigsApi, { resources: whole, validateOnly: true })).responses));
  for (const [label, [resourceType, resourceName], changes] of TOGETHER) {
    player.keep(`whole, together: ${label}`, await hungUp(player, async () => {
      const { responses } = await player.quietly(alterConfigsApi, { resources: [{ resourceType, resourceName, configs: changes.map(([name, , value]) => ({ name, value })) }], validateOnly: true });
      return outcome(responses);
    }));
  }
  for (const types of [[TOPIC, 3], [7, BROKER]]) {
    const { results } = await player.quietly(describeConfigsApi, { resources: types.map(resourceType => ({ resourceType, resourceName: 'refusals', configurationKeys: ['retention.ms'] })) });
    player.keep(`describing types ${types.join(' and ')}`, results.map(({ errorCode }) => errorCode));
  }
  const asked: readonly Resource[] = [[TOPIC, ''], [TOPIC, 'a b'], [TOPIC, 'not-there'], [BROKER, '2'], [BROKER, 'x'], [LOGGER, ''], [LOGGER, '2'], [LOGGER, 'x'], [GROUP, ''], [METRICS, '']];
  for (const [resourceType, resourceName] of asked) {
    const { results } = await player.quietly(describeConfigsApi, { resources: [{ resourceType, resourceName, configurationKeys: null }] });
    player.keep(`describing ${resourceType}:${resourceName}`, words(results[0]!));
  }
}

/** Of the loggers both brokers have only the root. */
async function loggers(player: Player, said: Say): Promise<void> {
  const CHANGES: readonly [string, string, Change[]][] = [
    ['a level', '1', [['root', SET, 'DEBUG']]], ['a level in lower case', '1', [['root', SET, 'debug']]], ['a level that is none', '1', [['root', SET, 'LOUD']]],
    ['off', '1', [['root', SET, 'OFF']]], ['one that is not there', '1', [['no.such.logger', SET, 'DEBUG']]], ['one that is not there, deleted', '1', [['no.such.logger', DELETE, null]]],
    ['the root deleted', '1', [['root', DELETE, null]]], ['append', '1', [['root', APPEND, 'DEBUG']]], ['subtract', '1', [['root', SUBTRACT, 'DEBUG']]],
    ['an operation that is none', '1', [['root', 9, 'DEBUG']]], ['no value', '1', [['root', SET, null]]], ['twice', '1', [['root', SET, 'DEBUG'], ['root', SET, 'INFO']]],
    ['another node', '2', [['root', SET, 'DEBUG']]], ['no number', 'x', [['root', SET, 'DEBUG']]], ['no name', '', [['root', SET, 'DEBUG']]],
  ];
  for (const [label, name, changes] of CHANGES) player.keep(`logger: ${label}`, await said([LOGGER, name], changes));
  const root = async () => {
    const { results } = await player.quietly(describeConfigsApi, {
      resources: [{ resourceType: LOGGER, resourceName: '1', configurationKeys: ['root'] }], includeSynonyms: true, includeDocumentation: true,
    });
    return results;
  };
  player.keep('the root, as described', await root());
  for (const level of ['ERROR', 'FATAL', 'TRACE', 'INFO']) {
    player.keep(`logger: set to ${level}`, await said([LOGGER, '1'], [['root', SET, level]], { forGood: true }));
    player.keep(`logger: at ${level}`, (await root())[0]?.configs[0]?.value ?? 'nothing');
  }
  const { responses } = await player.quietly(alterConfigsApi, { resources: [{ resourceType: LOGGER, resourceName: '1', configs: [{ name: 'root', value: 'INFO' }] }], validateOnly: true });
  player.keep('whole logger', words(responses[0]!));
}
