// What Apache's `kafka-dump-log` makes of the files that a scene left.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { dumpLog } from '../support/dump-log.js';
import type { TransactionCast } from './cast.js';
import { toldEpoch } from './logs.js';

const PARTITION = /-\d$/;
const SUFFIXES = ['.log', '.txnindex', '.snapshot'];

/** By file the lines, without what is each broker's own: places, times, checksums, ids of producers. */
export async function dumpedPartitions(dataDir: string, casts: readonly TransactionCast[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const prefixes = casts.map(cast => `${cast.side.groupId}-`);
  const owners = new Map<string, TransactionCast>();
  for (const directory of readdirSync(dataDir)) {
    const cast = casts[prefixes.findIndex(prefix => directory.startsWith(prefix))];
    if (cast === undefined || !PARTITION.test(directory)) continue;
    for (const file of readdirSync(join(dataDir, directory))) {
      const path = join(dataDir, directory, file);
      // Not every broker makes a file before there is something to write.
      if (SUFFIXES.some(suffix => file.endsWith(suffix)) && statSync(path).size > 0) owners.set(path, cast);
    }
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
    told.set(id, [...told.get(id) ?? [], toldLine(ordered(line.replace(/^.*?key: /, 'key: ')), owner)]);
  }
  return told;
}

/** Partitions of a transaction stand in the order of a set. */
const ordered = (line: string): string => line
  .replace(/(?<="partitionIds":\[)[^\]]*/g, ids => ids.split(',').sort().join())
  .replace(/(?<="transactionPartitions":)\[.*?\}\]/, topics => JSON.stringify((JSON.parse(topics) as { topic: string }[]).sort((a, b) => (a.topic < b.topic ? -1 : 1))));

function toldLine(line: string, owner: TransactionCast): string {
  return line
    .replace(/(roducerId"?: ?)(-?\d+)/g, (_, field: string, id: string) => `${field}${owner.producers.nameOf(Number(id))}`)
    .replace(/((?:CreateTime|[tT]imestamp(?:Ms)?)"?: ?)\d+/g, '$1<time>')
    .replace(/((?:coordinator|partitionLeader)Epoch: )(\d+)/g, (_, field: string, epoch: string) => `${field}${toldEpoch(Number(epoch))}`)
    .replace(/(crc: )\d+/g, '$1<crc>');
}
