// Apache's kafka-dump-log over everything in a data directory.

import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { mustRun } from '../support/processes.js';
import { JAVA_CLASSPATH, QUIET_JAVA } from '../support/toolchains.js';

const DUMP_TIMEOUT_MS = 240_000;

export interface Dump {
  /** What was read: 'log', 'index', 'timeindex', 'producer snapshot', 'offsets', 'metadata', 'metadata checkpoint'. */
  kinds: string[];
  /** The number of records in all logs and checkpoints. */
  records: number;
  /** Each fault that the tool reports, with the run that reported it. */
  complaints: string[];
}

const DEEP = ['--deep-iteration', '--max-message-size', String(16 * 1024 * 1024)];

/** The kind of a file and the runs of the tool that read it; null for a file that it does not read. */
function runsOn(path: string): { kind: string; runs: string[][] } | null {
  const isMetadata = path.startsWith('__cluster_metadata-0/') || path === 'bootstrap.checkpoint';
  const extension = path.slice(path.lastIndexOf('.') + 1);
  switch (extension) {
    case 'log':
      if (isMetadata) return { kind: 'metadata', runs: [[...DEEP, '--cluster-metadata-decoder']] };
      if (path.startsWith('__consumer_offsets-')) return { kind: 'offsets', runs: [[...DEEP, '--offsets-decoder']] };
      return { kind: 'log', runs: [DEEP] };
    case 'checkpoint':
      return { kind: 'metadata checkpoint', runs: [[...DEEP, '--cluster-metadata-decoder']] };
    case 'index':
    case 'timeindex':
      return { kind: extension, runs: [['--index-sanity-check'], ['--verify-index-only']] };
    case 'snapshot':
      return { kind: 'producer snapshot', runs: [[]] };
    default:
      return null;
  }
}

/** Dumps all files in one JVM. The broker must be stopped: an active index is longer than what is valid in it. */
export async function dumpLogs(dataDir: string): Promise<Dump> {
  const kinds = new Set<string>();
  const lines: string[] = [];
  for (const entry of readdirSync(dataDir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const read = runsOn(relative(dataDir, path));
    if (read === null) continue;
    kinds.add(read.kind);
    for (const run of read.runs) lines.push([...run, '--files', path].join('\t'));
  }
  const { stdout } = await mustRun('java', [...QUIET_JAVA.filter(flag => !flag.includes('TieredStopAtLevel')), '-cp', JAVA_CLASSPATH, 'ottla.clients.DumpLogs'], {
    stdin: lines.map(line => `${line}\n`).join(''), timeoutMs: DUMP_TIMEOUT_MS,
  });
  const { records, complaints } = JSON.parse(stdout) as Omit<Dump, 'kinds'>;
  return { kinds: [...kinds], records, complaints };
}
