// What a run found, and the medians that are made of it.

import { cpus, release, totalmem } from 'node:os';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/toolchains.js';
import type { Row, Sample } from './row.js';
import { median } from './statistics.js';
import type { Kind } from './target.js';

/** Either what was measured, or why nothing could be. */
export type Outcome = { readonly sample: Sample } | { readonly failure: string };

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  readonly java: string;
  readonly go: string;
  readonly kafka: string;
  readonly ottla: string;
}

export interface Results {
  readonly date: string;
  readonly command: string;
  readonly machine: Machine;
  readonly rounds: number;
  minutes: number;
  /** By row, then by broker: one outcome a round. */
  readonly outcomes: Record<string, Partial<Record<Kind, Outcome[]>>>;
  /** By row: values of the same load against the server that does nothing. */
  readonly limits: Record<string, Readonly<Record<string, number>>>;
}

export function samplesOf(results: Results, row: string, kind: Kind): Sample[] {
  return (results.outcomes[row]?.[kind] ?? []).flatMap(outcome => 'sample' in outcome ? [outcome.sample] : []);
}

export function failuresOf(results: Results, row: string, kind: Kind): string[] {
  return (results.outcomes[row]?.[kind] ?? []).flatMap(outcome => 'failure' in outcome ? [outcome.failure] : []);
}

/** NaN where nothing was measured. */
export function medianOf(results: Results, row: string, kind: Kind, metric: string): number {
  return median(samplesOf(results, row, kind).map(({ values }) => values[metric]!));
}

export interface MedianCost {
  readonly cpuSeconds: number;
  readonly cores: number;
  readonly residentMb: number;
  readonly clientCores: number;
}

export function medianCost(results: Results, row: Row, kind: Kind): MedianCost {
  const samples = samplesOf(results, row.name, kind);
  const of = (pick: (sample: Sample) => number) => median(samples.map(pick));
  return {
    cpuSeconds: of(({ cost }) => cost.cpuSeconds),
    cores: of(({ cost }) => cost.cpuSeconds / cost.seconds),
    residentMb: of(({ cost }) => cost.residentMb),
    clientCores: of(sample => sample.clientCores ?? Number.NaN),
  };
}

function output(command: string, args: readonly string[]): string {
  try {
    return execFileSync(command, args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim().split('\n')[0]!;
  } catch {
    return 'not there';
  }
}

/** `6.18.44` of `6.18.44-some-build`. */
const kernelVersion = (): string => /^[\d.]+/.exec(release())?.[0] ?? release();

export function machine(): Machine {
  const pom = readFileSync(join(ROOT, 'compat-tests/java/pom.xml'), 'utf8');
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length, memoryGb: Math.round(totalmem() / 2 ** 30), kernel: `Linux ${kernelVersion()}`,
    node: process.version, java: output('java', ['--version']), go: output('go', ['env', 'GOVERSION']),
    kafka: /<kafka\.version>(.*)<\/kafka\.version>/.exec(pom)![1]!, ottla: `${version} (${output('git', ['rev-parse', '--short', 'HEAD'])})`,
  };
}
