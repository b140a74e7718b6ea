import { closeSync, openSync } from 'node:fs';
import winston from 'winston';
import { LogLevels, type LogFields, type Logger } from '../env/index.js';
import { UsageError } from './flags.js';
import type { ClosableLogger, LogWish } from './start.js';

/** A log in a file, or as JSON. Loads winston: for those who ask for it only. */
export function winstonLogger(wish: LogWish): ClosableLogger {
  if (wish.file !== undefined) refuseUnwritable(wish.file);
  const { combine, timestamp, json, printf } = winston.format;
  const lines = printf(({ timestamp: time, level, message, scope, ...fields }) =>
    `${String(time)} ${level.toUpperCase()} ${typeof scope === 'string' ? `[${scope}] ` : ''}${String(message)}${pairs(fields)}`);
  const transport = wish.file === undefined
    ? new winston.transports.Stream({ stream: process.stderr })
    : new winston.transports.File({ filename: wish.file });
  const logger = winston.createLogger({ level: 'debug', format: combine(timestamp(), wish.json ? json() : lines), transports: [transport] });
  const closed = new Promise<void>(resolve => { transport.once('finish', resolve); });
  return Object.assign(new WinstonLogger(logger, new LogLevels(wish.level)), {
    close: () => {
      logger.end();
      return closed;
    },
  });
}

/** winston would keep silent about it. */
function refuseUnwritable(file: string): void {
  try {
    closeSync(openSync(file, 'a'));
  } catch (error) {
    throw new UsageError(`--log-file ${file}: ${(error as Error).message}`);
  }
}

class WinstonLogger implements Logger {
  constructor(private readonly winston: winston.Logger, readonly levels: LogLevels, private readonly scope?: string) {}

  debug(message: string, fields?: LogFields): void {
    this.write('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.write('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.write('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.write('error', message, fields);
  }

  child(scope: string): Logger {
    const whole = this.scope === undefined ? scope : `${this.scope}.${scope}`;
    this.levels.add(whole);
    return new WinstonLogger(this.winston, this.levels, whole);
  }

  private write(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields: LogFields | undefined): void {
    if (!this.levels.tells(this.scope ?? '', level)) return;
    const plain = Object.fromEntries(Object.entries(fields ?? {}).map(([key, value]) => [key, printable(value)]));
    this.winston.log({ ...plain, level, message, ...(this.scope !== undefined && { scope: this.scope }) });
  }
}

function printable(value: unknown): unknown {
  if (value instanceof Error) return value.stack ?? value.message;
  return typeof value === 'bigint' ? value.toString() : value;
}

const pairs = (fields: Record<string, unknown>): string =>
  Object.entries(fields).map(([key, value]) => ` ${key}=${typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value)}`).join('');
