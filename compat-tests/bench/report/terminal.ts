// What a run prints.

import { CEILINGS } from '../ceilings.js';
import { failuresOf, medianCost, medianOf, type Outcome, type Results } from '../results.js';
import type { Metric, Row } from '../row.js';
import { figure, meets, ratio, shareOfCeiling, times } from '../statistics.js';
import type { Kind } from '../target.js';

const valueIn = (outcome: Outcome | undefined, { name }: Metric) => outcome !== undefined && 'sample' in outcome ? outcome.sample.values[name]! : Number.NaN;
const cost = (outcome: Outcome | undefined) => {
  if (outcome === undefined || !('sample' in outcome)) return '';
  const { cost: { cpuSeconds, residentMb }, clientCores } = outcome.sample;
  return `${figure(cpuSeconds)} s CPU, ${figure(residentMb)} MB${clientCores === null ? '' : `, client ${clientCores.toFixed(2)} cores`}`;
};

function aimed(found: number, { aim, better }: Metric): string {
  if (aim === undefined || !Number.isFinite(found)) return '';
  return `aim ${better === 'higher' ? '>=' : '<='} ${times(aim)} ${meets(found, aim, better) ? 'met' : 'MISSED'}`;
}

function line(title: string, metric: Metric, apache: number, ottla: number, rest: string): string {
  const what = `  ${title.padEnd(24)}${metric.title.padEnd(26).slice(0, 26)}`;
  const figures = `${figure(apache).padStart(10)}${figure(ottla).padStart(10)} ${metric.unit.padEnd(11)}`;
  return `${what}${figures}${times(ratio(ottla, apache)).padStart(8)}  ${rest}`.trimEnd();
}

/** One round of a row: a line a figure, and what it cost. */
export function turnLines(row: Row, latest: Partial<Record<Kind, Outcome>>): string[] {
  const lines = row.metrics.map((metric, index) => line(index === 0 ? row.name : '', metric, valueIn(latest.apache, metric), valueIn(latest.ottla, metric), ''));
  for (const kind of ['apache', 'ottla'] as const) {
    const outcome = latest[kind];
    if (outcome === undefined) continue;
    lines.push('failure' in outcome ? `    ${kind} FAILED: ${outcome.failure.slice(0, 2000)}` : `    ${kind}: ${cost(outcome)}`);
  }
  return lines;
}

/** The medians of all rounds. */
export function summary(results: Results, rows: readonly Row[]): string[] {
  const head = `  ${''.padEnd(50)}${'apache'.padStart(10)}${'ottla'.padStart(10)}${'ratio'.padStart(20)}`;
  const lines = ['', `medians of ${results.rounds} rounds, ${results.minutes.toFixed(1)} minutes`, head];
  for (const row of rows) {
    for (const [index, metric] of row.metrics.entries()) {
      const [apache, ottla] = [medianOf(results, row.name, 'apache', metric.name), medianOf(results, row.name, 'ottla', metric.name)];
      const verdicts = [aimed(ratio(ottla, apache), metric), ofCeiling(row, metric, ottla)].filter(Boolean).join(', ');
      lines.push(line(index === 0 ? row.name : '', metric, apache, ottla, verdicts));
    }
    const clientCores = [...(['apache', 'ottla'] as const)].map(kind => medianCost(results, row, kind).clientCores).filter(Number.isFinite);
    if (clientCores.length > 0) lines.push(`    client ${clientCores.map(cores => cores.toFixed(2)).join(' / ')} cores${limitText(results, row)}`);
    for (const kind of ['apache', 'ottla'] as const) {
      for (const failure of failuresOf(results, row.name, kind)) lines.push(`    ${kind} FAILED: ${failure.split('\n')[0]}`);
    }
  }
  return lines;
}

function ofCeiling(row: Row, metric: Metric, ottla: number): string {
  const ceiling = CEILINGS[row.name]?.[metric.name];
  return ceiling === undefined || !Number.isFinite(ottla) ? '' : `${Math.round(100 * shareOfCeiling(ottla, ceiling.value, metric.better))} % of the ceiling`;
}

function limitText(results: Results, row: Row): string {
  const limit = results.limits[row.name];
  const metric = row.metrics[0]!;
  return limit === undefined ? '' : `; against a server that does nothing ${figure(limit[metric.name]!)} ${metric.unit}`;
}
