// What Apache's `kafka-dump-log` makes of the files that a scene left.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { dumpLog } from '../support/dump-log.js';
import type { TransactionCast } from './cast.js';

const SUFFIXES = ['.log', '.txnindex', '.snapshot'];

/** By file the lines, without what is each broker's own: places, times, checksums, ids of producers. */
export async function dumpedPartitions(dataDir: string, casts: readonly TransactionCast[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const prefixes = casts.map(cast => cast.full(''));
  const owners = new Map<string, TransactionCast>();
  for (const directory of readdirSync(dataDir)) {
    const cast = casts[prefixes.findIndex((prefix, index) => directory.startsWith(prefix) && casts[index]!.full('') === prefix)];
    if (cast === undefined || directory.endsWith('-delete')) continue;
    for (const file of readdirSync(join(dataDir, directory))) if (SUFFIXES.some(suffix => file.endsWith(suffix))) owners.set(join(dataDir, directory, file), cast);
  }
  const files = [...owners.keys()].sort();
  const { stdout, faults } = await dumpLog(files, '--deep-iteration', '--print-data-log');
  const told = new Map<string, string[]>([['faults', faults.replaceAll(dataDir, '').split('\n').filter(line => line !== '').sort()]]);
  let [name, owner] = ['', casts[0]!];
  for (const line of stdout.split('\n')) {
    const file = /^Dumping (\S+)/.exec(line)?.[1];
    if (file !== undefined) [name, owner] = [file.slice(dataDir.length + 1), owners.get(file)!];
    told.set(name, [...told.get(name) ?? [], toldLine(line.replaceAll(dataDir, ''), owner)]);
  }
  return new Map([...told].map(([of, lines]) => [of, of.endsWith('.snapshot') ? lines.sort() : lines]));
}

/** By transactional id the states that the tool reads from the coordinator's log, in their order. */
export async function dumpedStates(dataDir: string, casts: readonly TransactionCast[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const folder = join(dataDir, '__transaction_state-0');
  const files = readdirSync(folder).filter(name => name.endsWith('.log')).sort().map(name => join(folder, name));
  const { stdout } = await dumpLog(files, '--transaction-log-decoder');
  const told = new Map<string, string[]>();
  for (const line of stdout.split('\n')) {
    const id = /"transactionalId":"([^"]*)"/.exec(line)?.[1];
    const owner = casts.find(cast => id?.startsWith(cast.full('t')));
    if (id === undefined || owner === undefined) continue;
    told.set(id, [...told.get(id) ?? [], toldLine(line.replace(/^.*?key: /, 'key: '), owner)]);
  }
  return told;
}

function toldLine(line: string, owner: TransactionCast): string {
  return line
    .replace(/(roducerId"?: ?)(-?\d+)/g, (_, field: string, id: string) => `${field}${owner.producerName(Number(id))}`)
    .replace(/((?:CreateTime|[tT]imestamp(?:Ms)?)"?: ?)\d+/g, '$1<time>')
    .replace(/(crc: )\d+/g, '$1<crc>');
}
