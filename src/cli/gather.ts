import { resolve } from 'node:path';
import { ConfigError, loadSettings, type Loaded } from '../config/index.js';
import { UsageError, parsePair, parsePort, type ParsedFlags } from './flags.js';
import type { Terminal } from './terminal.js';

const DIRECTORY_SETTINGS: readonly string[] = ['log.dirs', 'log.dir', 'metadata.log.dir'];

/** The settings of a command that takes `--config`, `--set`, `--data` and, for `start`, an address. */
export function gatherSettings(flags: ParsedFlags, terminal: Terminal): Loaded {
  const file = flags.get('config');
  const data = flags.get('data');
  const pairs = flags.all('set').map(text => ({ ...parsePair('--set', text), flag: '--set' }));
  const nodeId = flags.get('node-id');
  const memory = flags.has('memory') ? '/ottla-memory' : undefined;
  const directory = memory ?? data;
  const flag = memory === undefined ? '--data' : '--memory';
  const onDisk = data === undefined ? pairs.find(({ name }) => DIRECTORY_SETTINGS.includes(name))?.name : '--data';
  // Whoever names a directory means to find things there again. A file that is tried out in memory may name what it likes.
  if (memory !== undefined && onDisk !== undefined) throw new UsageError(`--memory keeps nothing on disk, and ${onDisk} names a directory: give one of them`);
  return loadSettings({
    flags: [
      ...pairs, ...(nodeId === undefined ? [] : [{ name: 'node.id', text: nodeId, flag: '--node-id' }]),
      ...(directory === undefined ? [] : [{ name: 'log.dirs', text: directory, flag }]),
    ],
    address: { host: flags.get('host'), port: parsePort(flags.get('port')), advertise: flags.get('advertise') },
    environment: terminal.environment,
    dataDirectory: 'ottla-data',
    workingDirectory: terminal.directory,
    strict: flags.has('strict'),
    ...(file !== undefined && { file: { name: file, text: readText(terminal, file, resolve(terminal.directory, file)) } }),
  });
}

/** UTF-8, or Latin-1 where it is not: Java reads properties as Latin-1. */
function readText(terminal: Terminal, shown: string, path: string): string {
  let bytes: Buffer;
  try {
    bytes = terminal.readFile(path);
  } catch (error) {
    throw new ConfigError(`cannot read ${shown} (--config): ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}
