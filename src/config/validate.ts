import { planListeners, SECURITY_PROTOCOLS } from './listeners.js';
import { ALL_DIRECTORIES, LOCAL_START, type Settings } from './settings.js';
import type { BrokerName } from './table/index.js';
import { ConfigError } from './value.js';

/**
 * What settings say about one another, for those that count (`KafkaConfig.validateValues`). One ConfigError names all that
 * is wrong; each line begins with the setting.
 */
export function validateSettings(settings: Settings): void {
  const faults = [...together(settings)];
  try {
    const { listeners } = planListeners(settings, 'localhost');
    const secured = listeners.find(({ protocol }) => protocol !== SECURITY_PROTOCOLS[0]);
    if (secured !== undefined) faults.push(`listeners: ${secured.name} asks for ${secured.protocol}; this version of Ottla serves PLAINTEXT only`);
    faults.push(...quorum(settings, listeners.map(({ name }) => name)));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    faults.push(error.message);
  }
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
}

function* together(settings: Settings): Iterable<string> {
  const require = (holds: boolean, name: BrokerName, why: string): string[] => (holds ? [] : [`${named(settings, name)}: ${why}`]);
  const get = <N extends BrokerName>(name: N) => settings.get(name);
  yield* require(get('node.id') === get('broker.id'), 'broker.id', `it must be the same as node.id, which is ${get('node.id')}`);
  const roles = get('process.roles');
  yield* require(roles.length === 2, 'process.roles', 'this version of Ottla runs broker and controller in one process: broker,controller');
  yield* require(settings.inMs('log.roll.ms') >= 1, 'log.roll.ms', 'it must be at least 1');
  yield* require(settings.inMs('log.roll.jitter.ms') >= 0, 'log.roll.jitter.ms', 'it must be at least 0');
  yield* require(settings.inMs('log.retention.ms') !== 0, 'log.retention.ms', 'it must be at least 1, or -1 for ever');
  yield* require(get('log.cleaner.dedupe.buffer.size') / get('log.cleaner.threads') > 1024 * 1024,
    'log.cleaner.dedupe.buffer.size', 'it must be more than 1 MiB for each of log.cleaner.threads');
  yield* require(get('log.cleaner.min.compaction.lag.ms') <= get('log.cleaner.max.compaction.lag.ms'),
    'log.cleaner.min.compaction.lag.ms', 'it must not be above log.cleaner.max.compaction.lag.ms');
  yield* require(get('replica.fetch.wait.max.ms') <= get('replica.socket.timeout.ms'),
    'replica.socket.timeout.ms', 'it must not be below replica.fetch.wait.max.ms');
  yield* require(get('replica.fetch.wait.max.ms') <= get('replica.lag.time.max.ms'),
    'replica.lag.time.max.ms', 'it must not be below replica.fetch.wait.max.ms');
  const queued = get('queued.max.request.bytes');
  yield* require(queued <= 0 || queued >= get('socket.request.max.bytes'), 'queued.max.request.bytes', 'it must not be below socket.request.max.bytes');
  const idle = get('connections.max.idle.ms');
  yield* require(idle < 0 || get('connection.failed.authentication.delay.ms') < idle,
    'connections.max.idle.ms', 'it must be above connection.failed.authentication.delay.ms');
  yield* require(get('max.connections.per.ip') > 0 || get('max.connections.per.ip.overrides') !== '',
    'max.connections.per.ip', 'it may be 0 only together with max.connections.per.ip.overrides');
  yield* require(get('group.min.session.timeout.ms') <= get('group.max.session.timeout.ms'),
    'group.min.session.timeout.ms', 'it must not be above group.max.session.timeout.ms');
  yield* require(get('group.coordinator.rebalance.protocols').includes('classic'),
    'group.coordinator.rebalance.protocols', 'the classic protocol cannot be turned off');
  const codec = get('offsets.topic.compression.codec');
  yield* require(codec >= 0 && codec <= 4, 'offsets.topic.compression.codec', 'it must be 0 none, 1 gzip, 2 snappy, 3 lz4 or 4 zstd');
  const cordoned = get('cordoned.log.dirs') ?? [];
  yield* require(!cordoned.includes(ALL_DIRECTORIES) || cordoned.length === 1, 'cordoned.log.dirs', `${ALL_DIRECTORIES} stands for all and has to stand alone`);
  const strange = cordoned.filter(path => path !== ALL_DIRECTORIES && !settings.dataDirectories.includes(path));
  yield* require(strange.length === 0, 'cordoned.log.dirs', `${strange.join(', ')} is not in log.dirs`);
  yield* groupRanges(settings, require);
}

/** What a group may configure lies between a lower and an upper bound, and so does the default. */
function* groupRanges(settings: Settings, require: (holds: boolean, name: BrokerName, why: string) => string[]): Iterable<string> {
  for (const kind of ['consumer', 'share', 'streams'] as const) {
    for (const what of ['session.timeout.ms', 'heartbeat.interval.ms', 'assignment.interval.ms'] as const) {
      const value = settings.get(`group.${kind}.${what}`);
      const [min, max] = [settings.get(`group.${kind}.min.${what}`), settings.get(`group.${kind}.max.${what}`)];
      yield* require(min <= max, `group.${kind}.max.${what}`, `it must not be below group.${kind}.min.${what}`);
      yield* require(value >= min && value <= max, `group.${kind}.${what}`, `it must lie between ${min} and ${max}, the bounds for groups`);
    }
    yield* require(settings.get(`group.${kind}.heartbeat.interval.ms`) < settings.get(`group.${kind}.session.timeout.ms`),
      `group.${kind}.heartbeat.interval.ms`, `it must be below group.${kind}.session.timeout.ms`);
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
