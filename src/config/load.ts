import { resolve } from 'node:path';
import { settingsFromEnvironment } from './environment.js';
import { parseEndpoint, printEndpoint } from './listeners.js';
import { localStart, LOCAL_START, SINGLE_NODE } from './local-start.js';
import { nearest } from './nearest.js';
import { parseProperties, PropertiesError } from './properties.js';
import { ALL_DIRECTORIES, Settings, type Given } from './settings.js';
import { brokerNames, brokerSetting } from './table/index.js';
import { validateSettings } from './validate.js';
import { ConfigError } from './value.js';

/** Where settings come from, the strongest first: flags, environment, file, then what a local start takes. */
export interface Sources {
  /** `--set` and other flags that stand for one setting; a later one goes before an earlier one. */
  readonly flags?: readonly { readonly name: string; readonly text: string; readonly flag: string }[];
  /** Flags that change a part of `listeners` and `advertised.listeners`. */
  readonly address?: { readonly host?: string; readonly port?: number; readonly advertise?: string };
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly file?: { readonly name: string; readonly text: string };
  /** Data directory where nothing names one and there is no file. */
  readonly dataDirectory: string;
  /** Where relative paths of data directories begin; without it they stay as they are. */
  readonly workingDirectory?: string;
  /** Refuses names that the table does not know. */
  readonly strict?: boolean;
}

export interface Loaded {
  readonly settings: Settings;
  /** For whoever starts the broker to read: names nobody knows, settings without effect. */
  readonly warnings: readonly string[];
}

/** Gathers, reads and checks the settings of a node. Throws ConfigError: setting, value and place of all that is wrong. */
export function loadSettings(sources: Sources): Loaded {
  const given = new Map<string, Given>();
  if (sources.file !== undefined) readFile(sources.file, given);
  for (const { name, text, variable } of settingsFromEnvironment(sources.environment ?? {})) {
    given.set(name, { text, place: `environment variable ${variable}` });
  }
  for (const { name, text, flag } of sources.flags ?? []) given.set(name, { text, place: flag });
  fillIn(given, localStart(sources.dataDirectory), sources.file !== undefined);
  applyAddress(given, sources.address ?? {});
  if (sources.workingDirectory !== undefined) makeAbsolute(given, sources.workingDirectory);
  const unknown = [...given].filter(([name]) => brokerSetting(name) === undefined).map(([name, { place }]) => unknownName(name, place));
  if (sources.strict && unknown.length > 0) throw new ConfigError(unknown.join('\n'));
  const settings = Settings.from(given);
  validateSettings(settings);
  return { settings, warnings: [...unknown, ...withoutEffect(settings)] };
}

function readFile(file: { name: string; text: string }, given: Map<string, Given>): void {
  try {
    for (const { key, value, line } of parseProperties(file.text)) given.set(key, { text: value, place: `${file.name}:${line}` });
  } catch (error) {
    if (error instanceof PropertiesError) throw new ConfigError(`${error.message} (${file.name}:${error.line})`);
    throw error;
  }
}

/** What a node cannot be without, even when it was configured for a Kafka node that would refuse to start. */
const INDISPENSABLE = ['process.roles', 'node.id', 'controller.listener.names'];

/**
 * Adds what a local start takes where nothing was given. Next to a file for a Kafka node only two kinds: what Kafka has no
 * default for, and, when no other node is named, the replication factors that one node cannot meet.
 */
function fillIn(given: Map<string, Given>, local: ReadonlyMap<string, Given>, besideFile: boolean): void {
  const alone = ['controller.quorum.voters', 'controller.quorum.bootstrap.servers'].every(name => !given.get(name)?.text.includes(','));
  for (const [name, value] of local) {
    if (given.has(name) || (name === 'node.id' && given.has('broker.id')) || (name === 'log.dirs' && given.has('log.dir'))) continue;
    if (!besideFile || INDISPENSABLE.includes(name) || (alone && name in SINGLE_NODE)) given.set(name, value);
  }
}

/** A disk knows absolute paths only. */
function makeAbsolute(given: Map<string, Given>, workingDirectory: string): void {
  for (const name of ['log.dirs', 'log.dir', 'metadata.log.dir', 'cordoned.log.dirs']) {
    const own = given.get(name);
    if (own !== undefined) given.set(name, { ...own, text: entries(own.text).map(path => (path === ALL_DIRECTORIES ? path : resolve(workingDirectory, path))).join(',') });
  }
}

/** Puts host, port and advertised address of the flags into the first listener that is not a controller's. */
function applyAddress(given: Map<string, Given>, address: NonNullable<Sources['address']>): void {
  const { host, port, advertise } = address;
  if (host === undefined && port === undefined && advertise === undefined) return;
  const controllers = entries(given.get('controller.listener.names')?.text);
  const listeners = entries(given.get('listeners')?.text ?? brokerSetting('listeners')?.defaultText ?? '');
  const at = listeners.findIndex(text => !controllers.includes(parseEndpoint(text)?.name ?? ''));
  const listener = parseEndpoint(listeners[at] ?? '');
  if (listener === undefined) throw new ConfigError('--host, --port and --advertise need a listener in `listeners` that is not a controller\'s');
  const flags = [host !== undefined && '--host', port !== undefined && '--port', advertise !== undefined && '--advertise'].filter(Boolean);
  const place = flags.join(', ');
  // 0.0.0.0 cannot be told to anybody; an empty host binds the same interfaces and advertises this machine's name.
  const changed = { ...listener, host: host === '0.0.0.0' ? '' : (host ?? listener.host), port: port ?? listener.port };
  if (host !== undefined || port !== undefined) given.set('listeners', { text: listeners.with(at, printEndpoint(changed)).join(','), place });
  const before = given.get('advertised.listeners');
  const others = entries(before?.text).filter(text => parseEndpoint(text)?.name !== listener.name);
  const told = entries(before?.text).map(parseEndpoint).find(endpoint => endpoint?.name === listener.name);
  if (advertise !== undefined) {
    const endpoint = parseEndpoint(`${listener.name}://${advertise}`);
    if (endpoint === undefined || endpoint.host === '') throw new ConfigError(`--advertise ${advertise}: it has to be HOST:PORT`);
    given.set('advertised.listeners', { text: [printEndpoint(endpoint), ...others, ...untold(listeners, [...controllers, listener.name], others)].join(','), place });
  } else if (told !== undefined && port !== undefined && told.port === listener.port) {
    // What was advertised as it was bound goes along. Another port is that of a proxy, which is where it was.
    given.set('advertised.listeners', { text: [printEndpoint({ ...told, port }), ...others].join(','), place });
  }
}

/** Listeners that were advertised as they are bound, as long as nothing was said about advertising. */
function untold(listeners: readonly string[], except: readonly string[], others: readonly string[]): string[] {
  return others.length > 0 ? [] : listeners.filter(text => !except.includes(parseEndpoint(text)?.name ?? ''));
}

const entries = (text: string | undefined): string[] => (text ?? '').split(/\s*,\s*/).map(entry => entry.trim()).filter(Boolean);

function unknownName(name: string, place: string): string {
  const similar = nearest(name, brokerNames());
  return `unknown setting ${name} (${place})${similar === undefined ? '' : `: did you mean ${similar}?`}`;
}

/** What somebody set to something else than its default, although nothing here acts on it yet. */
function withoutEffect(settings: Settings): string[] {
  const names = [...settings.given].flatMap(([name, { place }]) => {
    const setting = brokerSetting(name);
    const idle = setting === undefined || setting.honoured || place === LOCAL_START;
    const text = settings.text(name);
    return idle || text === setting.defaultText || text === SINGLE_NODE[name] ? [] : [`${name} (${place})`];
  });
  return names.length === 0 ? [] : [`set, but without effect in this version: ${names.join(', ')}`];
}
