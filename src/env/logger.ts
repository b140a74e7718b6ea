import type { LogLevels } from './log-levels.js';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** Least severe events that are told of. */
export type LogLevel = typeof LOG_LEVELS[number];

export type LogFields = Readonly<Record<string, unknown>>;

/** What a person reads of a running broker. Levels as in log4j; `fields` are printed as `key=value`. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines carry `scope`. */
  child(scope: string): Logger;
  /** What this one and its children tell of, where that may be changed; without them it cannot. */
  readonly levels?: LogLevels;
}
