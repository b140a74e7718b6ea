import { resolve } from 'node:path';
import { ConfigError, loadSettings, type Loaded } from '../config/index.js';
import { parsePair, parsePort, type ParsedFlags } from './flags.js';
import type { Terminal } from './terminal.js';

/** The settings of a command that takes `--config`, `--set`, `--data` and, for `start`, an address. */
export function gatherSettings(flags: ParsedFlags, terminal: Terminal): Loaded {
  const file = flags.get('config');
  const data = flags.get('data');
  const pairs = flags.all('set').map(text => ({ ...parsePair('--set', text), flag: '--set' }));
  const nodeId = flags.get('node-id');
  const memory = flags.has('memory') ? '/ottla-memory' : undefined;
  const directory = memory ?? data;
  const flag = memory === undefined ? '--data' : '--memory';
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
