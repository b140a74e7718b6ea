import { dirname } from 'node:path';
import { ConfigError, type Settings } from '../config/index.js';
import { DiskError } from '../env/index.js';
import { UsageError } from './flags.js';

/** What a failed start says, a line each, and the code that the process ends with. */
export interface Fault {
  readonly lines: readonly string[];
  readonly exitCode: number;
}

/** Puts an error in the words of whoever typed the command: the flag or setting that it comes from. */
export function explainFault(error: unknown, settings?: Settings): Fault {
  if (error instanceof UsageError) return { lines: [error.message], exitCode: 2 };
  if (error instanceof ConfigError) return { lines: error.message.split('\n'), exitCode: 1 };
  const cause = error instanceof Error && error.cause instanceof DiskError ? error.cause : error;
  if (cause instanceof DiskError) return { lines: [diskFault(cause, settings)], exitCode: 1 };
  const network = networkFault(error, settings);
  if (network !== undefined) return { lines: [network], exitCode: 1 };
  return { lines: otherFault(error).split('\n'), exitCode: 1 };
}

/** Errors thrown on purpose explain themselves; those of the language are faults of ours, and their place helps. */
function otherFault(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const ours = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError || error.name === 'AssertionError';
  return ours ? (error.stack ?? error.message) : error.message;
}

function diskFault(error: DiskError, settings: Settings | undefined): string {
  const from = origin(settings, settings?.isGiven('log.dirs') === false ? 'log.dir' : 'log.dirs');
  if (error.code === 'ELOCKED') return `data directory ${dirname(error.path)} is in use by another broker${from}`;
  // The system's errors end with the call and its path, which ours name before.
  const said = error.message.replace(/, [a-z]+ '.*'$/, '');
  return said.includes(error.path) ? `${said}${from}` : `cannot use ${error.path}: ${said}${from}`;
}

const NETWORK_FAULTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use, perhaps by another broker',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EACCES: 'not allowed; ports below 1024 are for the administrator',
  ENOTFOUND: 'there is no such host',
};

function networkFault(error: unknown, settings: Settings | undefined): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, address, hostname, port } = error as NodeJS.ErrnoException & { address?: string; hostname?: string; port?: number };
  const why = code === undefined ? undefined : NETWORK_FAULTS[code];
  if (why === undefined) return undefined;
  const host = address ?? hostname;
  const place = host === undefined ? `on ${settings?.text('listeners') ?? 'its listeners'}` : `on ${host}${port === undefined || port < 0 ? '' : `:${port}`}`;
  return `cannot listen ${place}: ${why}${origin(settings, 'listeners', '--port')}`;
}

/** The setting that a person would change, with its place; the flag where nobody gave it. */
function origin(settings: Settings | undefined, name: string, flag = '--data'): string {
  const place = settings?.placeOf(name);
  return place === undefined || place === 'local start' ? ` (${flag}, ${name})` : ` (${name}, ${place})`;
}
