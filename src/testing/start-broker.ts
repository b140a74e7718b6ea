import type { BrokerMetrics } from '../broker/metrics.js';
import type { Logger, LogLevel } from '../env/logger.js';
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

/** Where data that stays in memory seems to be. */
const MEMORY_DIRECTORY = '/ottla-memory';

/**
 * Starts a broker in this process and resolves once produce, fetch and groups work. As many as you like may run side by side.
 * Rejects with a `ConfigError` that names a wrong or misspelt setting, or with the system's error when the port or the directory is taken.
 */
export async function startBroker(options: StartBrokerOptions = {}): Promise<RunningBroker> {
  const logger = options.logger ?? loggerOf(options.logLevel ?? 'silent');
  return startFromSettings({ settings: settingsFrom(options), logger, memory: options.data === undefined });
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
