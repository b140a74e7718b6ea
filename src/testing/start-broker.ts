import { inspect } from 'node:util';
import type { BrokerMetrics } from '../broker/metrics.js';
import { nearest } from '../config/nearest.js';
import { ConfigError } from '../config/value.js';
import { LOG_LEVELS, type Logger, type LogLevel } from '../env/logger.js';
import { LineLogger, silentLogger } from '../env/node/index.js';
import { loadSettings, type Settings } from '../config/index.js';
import { startFromSettings } from './start-from-settings.js';

/** How a broker inside a program is started; everything may be left out. */
export interface StartBrokerOptions {
  /** 0, the default, takes a free port. */
  port?: number;
  /** Address to bind; 127.0.0.1 by default. */
  host?: string;
  /** What clients are told to connect to, `host:port`; by default what was bound. */
  advertise?: string;
  /** Directory for the data. Without it everything stays in memory and nothing touches the disk. */
  data?: string;
  /** Any broker setting of Kafka's, by its own name, such as `{ 'num.partitions': 3 }`. */
  settings?: Readonly<Record<string, string | number | boolean>>;
  /** `silent` by default; the log goes to standard error. */
  logLevel?: LogLevel;
  /** Takes the log instead of standard error. */
  logger?: Logger;
}

/** A broker that serves. */
export interface RunningBroker {
  /** `host:port`, as clients want it. */
  readonly bootstrapServers: string;
  readonly host: string;
  readonly port: number;
  readonly clusterId: string;
  /** How it is and what it does at this moment: memory in use, logs, compaction, transactions. */
  metrics(): BrokerMetrics;
  /** Resolves with the reason should the broker stop by itself, as when its disk fails. */
  readonly failed: Promise<Error>;
  /** Stops cleanly: answers what is in flight, makes the data durable, frees the port and every handle. */
  close(): Promise<void>;
}

/** Of each option what it has to be, as a person reads it. */
const OPTIONS: Readonly<Record<keyof StartBrokerOptions, readonly [expected: string, isIt: (value: unknown) => boolean]>> = {
  port: ['a number between 0 and 65535', value => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65535],
  host: ['a string', value => typeof value === 'string'],
  advertise: ['a string, host:port', value => typeof value === 'string'],
  data: ['a string, the path of a directory', value => typeof value === 'string' && value !== ''],
  settings: ['an object of settings by their names', value => typeof value === 'object' && value !== null],
  logLevel: [`one of ${LOG_LEVELS.join(', ')}`, value => LOG_LEVELS.some(level => level === value)],
  logger: ['an object with debug, info, warn, error and child', isLogger],
};

/** Where data that stays in memory seems to be. */
const MEMORY_DIRECTORY = '/ottla-memory';

/**
 * Starts a broker in this process and resolves once produce, fetch and groups work. As many as you like may run side by side.
 * Rejects with a `ConfigError` that names a wrong or misspelt option or setting, or with the system's error when the port or the directory is taken.
 */
export async function startBroker(options: StartBrokerOptions = {}): Promise<RunningBroker> {
  checkOptions(options);
  const logger = options.logger ?? loggerOf(options.logLevel ?? 'silent');
  return startFromSettings({ settings: settingsFrom(options), logger, memory: options.data === undefined });
}

/** Whoever has no types hears of a mistake all the same. */
function checkOptions(options: object): void {
  for (const [name, value] of Object.entries(options)) {
    if (!isOption(name)) {
      const similar = nearest(name, Object.keys(OPTIONS));
      const hint = similar !== undefined ? `did you mean ${similar}?` : name.includes('.') ? 'settings of Kafka go into settings' : `there are ${Object.keys(OPTIONS).join(', ')}`;
      throw new ConfigError(`startBroker: unknown option ${name}: ${hint}`);
    }
    const [expected, isIt] = OPTIONS[name];
    if (value !== undefined && !isIt(value)) throw new ConfigError(`startBroker: ${name} is ${inspect(value, { depth: 0, breakLength: Infinity })}, and has to be ${expected}`);
  }
}

const isOption = (name: string): name is keyof StartBrokerOptions => Object.hasOwn(OPTIONS, name);

function isLogger(value: unknown): boolean {
  const logger = value as Readonly<Record<string, unknown>> | null;
  return ['debug', 'info', 'warn', 'error', 'child'].every(name => typeof logger?.[name] === 'function');
}

const loggerOf = (level: LogLevel): Logger => (level === 'silent' ? silentLogger : new LineLogger(level));

function settingsFrom(options: StartBrokerOptions): Settings {
  const { host = '127.0.0.1', port = 0, advertise, data = MEMORY_DIRECTORY } = options;
  const { settings } = loadSettings({
    dataDirectory: data,
    workingDirectory: process.cwd(),
    flags: Object.entries(options.settings ?? {}).map(([name, value]) => ({ name, text: String(value), flag: 'startBroker({ settings })' })),
    address: { host, port, ...(advertise !== undefined && { advertise }) },
    // Nobody reads a warning here.
    strict: true,
  });
  return settings;
}
