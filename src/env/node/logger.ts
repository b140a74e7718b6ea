import { LogLevels } from '../log-levels.js';
import type { LogFields, Logger, LogLevel } from '../logger.js';

export type { LogLevel };

/** Takes one event as a line of text, newline included. */
export type LogSink = (line: string) => void;

/** Lines for people on standard error: `2026-01-31T12:00:00.000Z INFO [scope] message key=value`. */
export class LineLogger implements Logger {
  readonly levels: LogLevels;

  /** `level` is where the root begins, or levels that it shares with others. */
  constructor(
    level: LogLevel | LogLevels,
    private readonly write: LogSink = line => { process.stderr.write(line); },
    private readonly scope = '',
    private readonly nowMs: () => number = Date.now,
  ) {
    this.levels = typeof level === 'string' ? new LogLevels(level) : level;
  }

  debug(message: string, fields?: LogFields): void {
    this.log('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.log('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.log('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.log('error', message, fields);
  }

  child(scope: string): Logger {
    const whole = this.scope === '' ? scope : `${this.scope}.${scope}`;
    this.levels.add(whole);
    return new LineLogger(this.levels, this.write, whole, this.nowMs);
  }

  private log(level: Exclude<LogLevel, 'silent'>, message: string, fields: LogFields | undefined): void {
    if (!this.levels.tells(this.scope, level)) return;
    const scope = this.scope === '' ? '' : `[${this.scope}] `;
    this.write(`${new Date(this.nowMs()).toISOString()} ${level.toUpperCase()} ${scope}${describeEvent(message, fields)}\n`);
  }
}

/** A message and its fields on one line, whatever they hold. */
export function describeEvent(message: string, fields: LogFields | undefined): string {
  let text = onOneLine(message);
  for (const [key, value] of Object.entries(fields ?? {})) text += ` ${key}=${describeValue(value)}`;
  return text;
}

function describeValue(value: unknown): string {
  if (value instanceof Error) return quoted(value.stack ?? value.message);
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'object' && value !== null) return quoted(safeJson(value));
  return String(value);
}

function quoted(text: string): string {
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

function safeJson(value: object): string {
  try {
    return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner)) ?? '';
  } catch (error) {
    return error instanceof Error ? error.message : 'unprintable';
  }
}

/** What came from a client must not forge a line, nor drive a terminal. */
function onOneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, character => JSON.stringify(character).slice(1, -1));
}

const nothing = (): void => undefined;

/** Says nothing. */
export const silentLogger: Logger = {
  debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silentLogger,
};
