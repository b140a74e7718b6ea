// Apache's kafka-dump-log over everything in a data directory.

import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { mustRun } from '../support/processes.js';
import { JAVA_CLASSPATH, QUIET_JAVA } from '../support/toolchains.js';

const DUMP_TIMEOUT_MS = 240_000;

export interface Dump {
  /** What was read: 'log', 'index', 'timeindex', 'txnindex', 'producer snapshot', 'offsets', 'transactions', 'share states', 'metadata', 'metadata checkpoint'. */
  kinds: string[];
  /** The number of records in all logs and checkpoints. */
  records: number;
  /** Each fault that the tool reports, with the run that reported it. */
  complaints: string[];
}

export interface DumpOptions {
  /** Topics whose logs may lack offsets, which compaction took; elsewhere that is a fault. */
  readonly compacted?: readonly string[];
}

const DEEP = ['--deep-iteration', '--print-data-log', '--max-message-size', String(16 * 1024 * 1024)];

/** The internal topics, each with a decoder of its own. */
const DECODERS: readonly { prefix: string; kind: string; flag: string }[] = [
  { prefix: '__cluster_metadata-', kind: 'metadata', flag: '--cluster-metadata-decoder' },
  { prefix: '__consumer_offsets-', kind: 'offsets', flag: '--offsets-decoder' },
  { prefix: '__transaction_state-', kind: 'transactions', flag: '--transaction-log-decoder' },
  { prefix: '__share_group_state-', kind: 'share states', flag: '--share-group-state-decoder' },
];

/** Partitions that wait for their deletion: nobody trims the indexes of those. */
const ON_THE_WAY_OUT = /-delete$/;

/** The kind of a file and the runs of the tool that read it; null for a file that it does not read. */
function runsOn(path: string): { kind: string; runs: string[][] } | null {
  const folder = basename(dirname(path));
  if (ON_THE_WAY_OUT.test(folder)) return null;
  const extension = path.slice(path.lastIndexOf('.') + 1);
  switch (extension) {
    case 'log': {
      const decoder = DECODERS.find(({ prefix }) => folder.startsWith(prefix));
      return decoder === undefined ? { kind: 'log', runs: [DEEP] } : { kind: decoder.kind, runs: [[...DEEP, decoder.flag]] };
    }
    case 'checkpoint':
      return { kind: 'metadata checkpoint', runs: [[...DEEP, '--cluster-metadata-decoder']] };
    case 'index':
    case 'timeindex':
      return { kind: extension, runs: [['--index-sanity-check'], ['--verify-index-only']] };
    case 'txnindex':
      return { kind: extension, runs: [[]] };
    case 'snapshot':
      return { kind: 'producer snapshot', runs: [[]] };
    default:
      return null;
  }
}

/** Dumps all files of one or more data directories in one JVM. The broker must be stopped: an active index is longer than what is valid in it. */
export async function dumpLogs(dataDir: string, { compacted = [] }: DumpOptions = {}): Promise<Dump> {
  const kinds = new Set<string>();
  const lines: string[] = [];
  for (const entry of readdirSync(dataDir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const read = runsOn(path);
    if (read === null) continue;
    kinds.add(read.kind);
    const mayLack = compacted.includes(basename(dirname(path)).replace(/-\d+$/, ''));
    for (const run of read.runs) lines.push([...(mayLack ? [MAY_LACK_OFFSETS] : []), ...run, '--files', path].join('\t'));
  }
  const { stdout } = await mustRun('java', [...QUIET_JAVA.filter(flag => !flag.includes('TieredStopAtLevel')), '-cp', JAVA_CLASSPATH, 'ottla.clients.DumpLogs'], {
    stdin: lines.map(line => `${line}\n`).join(''), timeoutMs: DUMP_TIMEOUT_MS,
  });
  const { records, complaints } = JSON.parse(stdout) as Omit<Dump, 'kinds'>;
  return { kinds: [...kinds], records, complaints };
}

/** For our own main class, which takes it away: gaps between offsets are no complaint. */
const MAY_LACK_OFFSETS = '--may-lack-offsets';
