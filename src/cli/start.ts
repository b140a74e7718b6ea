import { resolve } from 'node:path';
import type { Settings } from '../config/index.js';
import type { Logger } from '../env/index.js';
import { explainFault } from './faults.js';
import { UsageError, type ParsedFlags } from './flags.js';
import { gatherSettings } from './gather.js';
import type { Terminal } from './terminal.js';

/** A broker that serves. */
export interface RunningBroker {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
  /** Resolves when the broker cannot go on. */
  readonly failed: Promise<Error>;
}

export interface StartRequest {
  readonly settings: Settings;
  readonly logger: Logger;
  /** Nothing touches the disk. */
  readonly memory: boolean;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogWish {
  readonly level: LogLevel;
  readonly file: string | undefined;
  readonly json: boolean;
}

/** A log that holds lines back, as files do, says when all are out. */
export type ClosableLogger = Logger & { close?(): Promise<void> };

export interface StartParts {
  readonly terminal: Terminal;
  readonly logger: (wish: LogWish) => ClosableLogger | Promise<ClosableLogger>;
  readonly startBroker: (request: StartRequest) => Promise<RunningBroker>;
}

/** `ottla start`: runs a broker until a signal or a fault stops it; the exit code. */
export async function start(flags: ParsedFlags, { terminal, logger: makeLogger, startBroker }: StartParts): Promise<number> {
  let settings: Settings | undefined;
  let broker: RunningBroker | undefined;
  let logger: ClosableLogger | undefined;
  const stopping = stopRequests(terminal);
  try {
    const wish = logWish(flags, terminal.directory);
    const loaded = gatherSettings(flags, terminal);
    ({ settings } = loaded);
    logger = await makeLogger(wish);
    for (const warning of loaded.warnings) logger.warn(warning);
    broker = await startBroker({ settings, logger, memory: flags.has('memory') });
    terminal.out(`Ottla ready on ${broker.host.includes(':') ? `[${broker.host}]` : broker.host}:${broker.port}`);
    const end = await Promise.race([stopping, broker.failed]);
    if (end instanceof Error) {
      logger.error('the broker cannot go on', { error: explainFault(end, settings).lines.join('\n') });
      // What cannot be closed in order then follows from it, and is logged: the reason is to be the last word.
      await broker.close().catch(() => undefined);
      throw end;
    }
    logger.info(`stopping on ${end}`);
    await broker.close();
    return 0;
  } catch (error) {
    const fault = explainFault(error, settings);
    for (const line of fault.lines) terminal.error(`ottla: ${line}`);
    return fault.exitCode;
  } finally {
    await logger?.close?.();
  }
}

/** Resolves at the first stop signal; the second ends the process, whatever still hangs. */
function stopRequests(terminal: Terminal): Promise<string> {
  return new Promise(resolve => {
    let asked = false;
    terminal.onStopSignal(signal => {
      if (asked) terminal.exit(1);
      asked = true;
      resolve(signal);
    });
  });
}

const LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error'] satisfies LogLevel[];

function logWish(flags: ParsedFlags, directory: string): LogWish {
  const level = flags.get('log-level') ?? 'info';
  if (!LEVELS.includes(level)) throw new UsageError(`--log-level ${level}: it has to be one of ${LEVELS.join(', ')}`);
  const file = flags.get('log-file');
  return { level: level as LogLevel, file: file === undefined ? undefined : resolve(directory, file), json: flags.has('log-json') };
}
