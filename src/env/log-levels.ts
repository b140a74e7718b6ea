import type { LogLevel } from './logger.js';

/** The levels by which Kafka's tools set loggers, from the one that tells all; there is nothing of TRACE and of FATAL. */
const NAMES = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;
export type LogLevelName = (typeof NAMES)[number] | 'OFF';

const RANKS: ReadonlyMap<LogLevelName, number> = new Map([...NAMES, 'OFF' as const].map((name, rank) => [name, rank]));
const AT_START: Readonly<Record<LogLevel, LogLevelName>> = { debug: 'DEBUG', info: 'INFO', warn: 'WARN', error: 'ERROR', silent: 'OFF' };

/** As log4j and Kafka's tools call the logger that all others descend from. */
export const ROOT_LOGGER = 'root';

/** Whether a logger may be given that level; OFF is for a start only. */
export const isLevelName = (text: string): text is LogLevelName => (NAMES as readonly string[]).includes(text);

/**
 * The loggers of a process and what each tells of, changed while it runs (KIP-412). A logger is named by its scope, such as
 * `log.cleaner`; one without a level of its own has that of `log`, and in the end that of the root.
 */
export class LogLevels {
  private readonly own = new Map<string, LogLevelName>();
  private readonly known = new Set<string>([ROOT_LOGGER]);
  /** What each logger lets pass, until a level changes. */
  private readonly ranks = new Map<string, number>();

  constructor(root: LogLevel) {
    this.own.set(ROOT_LOGGER, AT_START[root]);
  }

  /** Of the root when `scope` is empty. */
  tells(scope: string, severity: Exclude<LogLevel, 'silent'>): boolean {
    let rank = this.ranks.get(scope);
    if (rank === undefined) this.ranks.set(scope, (rank = RANKS.get(this.levelOf(scope))!));
    return RANKS.get(AT_START[severity])! >= rank;
  }

  /** There is a logger of that scope. */
  add(scope: string): void {
    this.known.add(scope);
  }

  has(name: string): boolean {
    return this.known.has(name);
  }

  /** All loggers with the levels in force. */
  entries(): [name: string, level: LogLevelName][] {
    return [...this.known].map(name => [name, this.levelOf(name)]);
  }

  levelOf(name: string): LogLevelName {
    for (let scope = name; scope !== ''; scope = scope.slice(0, Math.max(scope.lastIndexOf('.'), 0))) {
      const own = this.own.get(scope);
      if (own !== undefined) return own;
    }
    return this.own.get(ROOT_LOGGER)!;
  }

  set(name: string, level: LogLevelName): void {
    this.own.set(name, level);
    this.ranks.clear();
  }

  /** The logger goes by its parent's level again; the root keeps its own. */
  unset(name: string): void {
    if (name !== ROOT_LOGGER) this.own.delete(name);
    this.ranks.clear();
  }
}
