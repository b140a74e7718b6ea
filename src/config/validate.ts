import { parseCountsByHost, planListeners, SECURITY_PROTOCOLS } from './listeners.js';
import { ALL_DIRECTORIES, LOCAL_START, type Settings } from './settings.js';
import type { BrokerName } from './table/index.js';
import { ConfigError } from './value.js';

/** Two settings, or one and the world, that do not go together. */
interface Fault {
  readonly name: BrokerName;
  /** For whoever starts the node. */
  readonly why: string;
  /** The words of a Kafka broker to a client that would bring it about; undefined where a running one lets it pass. */
  readonly toClient?: string | undefined;
}

/**
 * What settings say about one another, for those that count (`KafkaConfig.validateValues`). One ConfigError names all that
 * is wrong; each line begins with the setting.
 */
export function validateSettings(settings: Settings): void {
  const faults = [...groupRanges(settings), ...together(settings)].map(({ name, why }) => `${named(settings, name)}: ${why}`);
  try {
    faults.push(...network(settings));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    faults.push(error.message);
  }
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
}

/** The same for the settings of a running node after a change; throws the first fault, in a Kafka broker's words as far as it has some. */
export function validateChanged(settings: Settings): void {
  for (const { toClient } of [...groupRanges(settings), ...together(settings)]) if (toClient !== undefined) throw new ConfigError(toClient, 'request');
  for (const fault of network(settings)) throw new ConfigError(fault, 'request');
}

function* network(settings: Settings): Iterable<string> {
  const { listeners } = planListeners(settings, 'localhost');
  const secured = listeners.find(({ protocol }) => protocol !== SECURITY_PROTOCOLS[0]);
  if (secured !== undefined) yield `listeners: ${secured.name} asks for ${secured.protocol}; this version of Ottla serves PLAINTEXT only`;
  yield* quorum(settings, listeners.map(({ name }) => name));
}

/** In the order in which Kafka looks. */
function* together(settings: Settings): Iterable<Fault> {
  const get = <N extends BrokerName>(name: N) => settings.get(name);
  const require = (holds: boolean, name: BrokerName, why: string, toClient?: string): Fault[] =>
    (holds ? [] : [{ name, why, toClient: toClient === undefined ? undefined : `requirement failed: ${toClient}` }]);
  yield* require(get('group.coordinator.rebalance.protocols').includes('classic'),
    'group.coordinator.rebalance.protocols', 'the classic protocol cannot be turned off');
  yield* require(get('node.id') === get('broker.id'), 'broker.id', `it must be the same as node.id, which is ${get('node.id')}`);
  yield* require(get('process.roles').length === 2, 'process.roles', 'this version of Ottla runs broker and controller in one process: broker,controller');
  yield* require(settings.inMs('log.roll.ms') >= 1, 'log.roll.ms', 'it must be at least 1', 'log.roll.ms must be greater than or equal to 1');
  yield* require(settings.inMs('log.roll.jitter.ms') >= 0, 'log.roll.jitter.ms', 'it must be at least 0', 'log.roll.jitter.ms must be greater than or equal to 0');
  yield* require(settings.inMs('log.retention.ms') !== 0, 'log.retention.ms', 'it must be at least 1, or -1 for ever',
    'log.retention.ms must be unlimited (-1) or, greater than or equal to 1');
  yield* cleanerBuffer(settings);
  yield* require(get('replica.fetch.wait.max.ms') <= get('replica.socket.timeout.ms'),
    'replica.socket.timeout.ms', 'it must not be below replica.fetch.wait.max.ms');
  yield* require(get('replica.fetch.wait.max.ms') <= get('replica.lag.time.max.ms'),
    'replica.lag.time.max.ms', 'it must not be below replica.fetch.wait.max.ms');
  yield* cordoned(settings);
  const queued = get('queued.max.request.bytes');
  yield* require(queued <= 0 || queued >= get('socket.request.max.bytes'), 'queued.max.request.bytes', 'it must not be below socket.request.max.bytes');
  yield* require(get('max.connections.per.ip') > 0 || get('max.connections.per.ip.overrides') !== '',
    'max.connections.per.ip', 'it may be 0 only together with max.connections.per.ip.overrides',
    'max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.');
  yield* connectionOverrides(settings);
  const idle = get('connections.max.idle.ms');
  yield* require(idle < 0 || get('connection.failed.authentication.delay.ms') < idle,
    'connections.max.idle.ms', 'it must be above connection.failed.authentication.delay.ms');
  yield* require(get('log.cleaner.min.compaction.lag.ms') <= get('log.cleaner.max.compaction.lag.ms'),
    'log.cleaner.min.compaction.lag.ms', 'it must not be above log.cleaner.max.compaction.lag.ms');
  yield* require(get('group.min.session.timeout.ms') <= get('group.max.session.timeout.ms'),
    'group.min.session.timeout.ms', 'it must not be above group.max.session.timeout.ms');
  const codec = get('offsets.topic.compression.codec');
  yield* require(codec >= 0 && codec <= 4, 'offsets.topic.compression.codec', 'it must be 0 none, 1 gzip, 2 snappy, 3 lz4 or 4 zstd');
}

function* cleanerBuffer(settings: Settings): Iterable<Fault> {
  const name = 'log.cleaner.dedupe.buffer.size';
  const threads = settings.get('log.cleaner.threads');
  if (Math.floor(settings.get(name) / threads) > 1024 * 1024 && threads > 0) return;
  yield {
    name, why: 'it must be more than 1 MiB for each of log.cleaner.threads, of which there must be one at least',
    toClient: threads === 0 ? '/ by zero' : `requirement failed: ${name} must be at least 1MB per cleaner thread.`,
  };
}

function* cordoned(settings: Settings): Iterable<Fault> {
  const name = 'cordoned.log.dirs';
  const paths = settings.get(name) ?? [];
  if (paths.includes(ALL_DIRECTORIES)) {
    if (paths.length > 1) {
      yield { name, why: `${ALL_DIRECTORIES} stands for all and has to stand alone`,
        toClient: `requirement failed: When ${name} is set to ${ALL_DIRECTORIES}, it must not contain other values` };
    }
    return;
  }
  const strange = paths.filter(path => !settings.dataDirectories.includes(path));
  if (strange.length === 0) return;
  yield { name, why: `${strange.join(', ')} is not in log.dirs`,
    toClient: `requirement failed: All entries in ${name} must be present in log.dirs or log.dir. Missing entries : ${strange.join(', ')}` };
}

function* connectionOverrides(settings: Settings): Iterable<Fault> {
  const name = 'max.connections.per.ip.overrides';
  try {
    parseCountsByHost(settings.get(name));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    yield { name, why: error.message, toClient: `Error parsing configuration property '${name}': ${error.message}` };
  }
}

/** What a group may configure lies between a lower and an upper bound, and so does the default. */
function* groupRanges(settings: Settings): Iterable<Fault> {
  for (const kind of ['consumer', 'share', 'streams'] as const) {
    for (const what of ['session.timeout.ms', 'heartbeat.interval.ms', 'assignment.interval.ms'] as const) {
      const [name, lower, upper] = [`group.${kind}.${what}`, `group.${kind}.min.${what}`, `group.${kind}.max.${what}`] as const;
      const [value, min, max] = [settings.get(name), settings.get(lower), settings.get(upper)];
      const outside = `it must lie between ${min} and ${max}, the bounds for groups`;
      if (min > max) yield { name: upper, why: `it must not be below ${lower}` };
      if (value < min) yield { name, why: outside, toClient: `${name} must be greater than or equal to ${lower}` };
      else if (value > max) yield { name, why: outside, toClient: `${name} must be less than or equal to ${upper}` };
    }
    const [heartbeat, session] = [`group.${kind}.heartbeat.interval.ms`, `group.${kind}.session.timeout.ms`] as const;
    if (settings.get(heartbeat) >= settings.get(session)) yield { name: heartbeat, why: `it must be below ${session}` };
  }
}

/** A lone node needs neither voters nor bootstrap servers: its own log says that it is the only voter. */
function* quorum(settings: Settings, listeners: readonly string[]): Iterable<string> {
  const voters = settings.get('controller.quorum.voters').map(voter => Number(voter.split('@')[0]));
  const id = settings.get('node.id');
  if (voters.length > 0 && !voters.includes(id)) {
    yield `${named(settings, 'controller.quorum.voters')}: it must name this node, ${id}, since process.roles has controller`;
  }
  if (new Set(voters).size > 1) yield `${named(settings, 'controller.quorum.voters')}: this version of Ottla runs a quorum of one`;
  const missing = settings.get('controller.listener.names').find(name => !listeners.includes(name));
  const explicit = settings.placeOf('controller.listener.names') !== LOCAL_START;
  if (missing !== undefined && explicit) yield `${named(settings, 'controller.listener.names')}: ${missing} is not among the listeners`;
}

function named(settings: Settings, name: string): string {
  const place = settings.placeOf(name);
  return place === undefined ? name : `${name} (${place})`;
}
