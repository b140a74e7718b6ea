// docs/benchmarks.md.

import { CEILINGS } from '../ceilings.js';
import { failuresOf, medianCost, medianOf, samplesOf, type Results } from '../results.js';
import type { Metric, Row, Scale } from '../row.js';
import { figure, meets, ratio, shareOfCeiling, times } from '../statistics.js';
import { HEAP, SETTINGS_OF_BOTH } from '../target.js';

const KINDS = ['apache', 'ottla'] as const;
const NONE = '';

/** A table; columns from the second on are figures. */
function table(head: readonly string[], rows: readonly (readonly string[])[], left = 1): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, index) => index < left ? '---' : '---:')), ...rows.map(line)].join('\n');
}

interface Figures {
  readonly row: Row;
  readonly metric: Metric;
  readonly apache: number;
  readonly ottla: number;
  readonly ratio: number;
}

export function figuresOf(results: Results, rows: readonly Row[]): Figures[] {
  return rows.filter(row => results.outcomes[row.name] !== undefined).flatMap(row => row.metrics.map(metric => {
    const [apache, ottla] = KINDS.map(kind => medianOf(results, row.name, kind, metric.name)) as [number, number];
    return { row, metric, apache, ottla, ratio: ratio(ottla, apache) };
  }));
}

function aimCells({ metric: { aim, better }, ratio: found }: Figures): [string, string] {
  if (aim === undefined) return [NONE, NONE];
  const text = `${better === 'higher' ? '≥' : '≤'} ${times(aim)}`;
  if (!Number.isFinite(found)) return [text, 'failed'];
  return [text, meets(found, aim, better) ? 'yes' : '**no**'];
}

function ratios(figures: readonly Figures[]): string {
  return table(['', 'figure', 'ratio', 'aim', 'met', 'Apache Kafka', 'Ottla', 'unit'], figures.map(found => {
    const { row, metric, apache, ottla } = found;
    const [aim, met] = aimCells(found);
    const title = metric === row.metrics[0] ? `\`${row.name}\` ${row.title}` : NONE;
    return [title, metric.title, `**${times(found.ratio)}**`, aim, met, figure(apache), figure(ottla), metric.unit];
  }), 2);
}

function costs(results: Results, rows: readonly Row[]): string {
  return table(
    ['', ...['CPU s', 'cores', 'resident MB'].flatMap(what => [`${what}, Apache`, `${what}, Ottla`]), "client's cores, with Apache", 'with Ottla'],
    rows.filter(row => results.outcomes[row.name] !== undefined).map(row => {
      const both = KINDS.map(kind => medianCost(results, row, kind));
      return [
        row.title, ...both.map(({ cpuSeconds }) => figure(cpuSeconds)), ...both.map(cost => cores(cost.cores)),
        ...both.map(({ residentMb }) => figure(residentMb)), ...both.map(({ clientCores }) => cores(clientCores)),
      ];
    }),
  );
}

const cores = (value: number) => Number.isFinite(value) ? value.toFixed(2) : '–';

function ceilings(figures: readonly Figures[]): string {
  return table(['', 'figure', 'bare Node.js', 'Ottla', 'unit', 'of the ceiling', 'measured with'], figures.flatMap(({ row, metric, ottla }) => {
    const ceiling = CEILINGS[row.name]?.[metric.name];
    if (ceiling === undefined) return [];
    const share = percent(shareOfCeiling(ottla, ceiling.value, metric.better));
    return [[row.title, metric.title, figure(ceiling.value), figure(ottla), metric.unit, share, ceiling.of]];
  }), 2);
}

const percent = (share: number) => Number.isFinite(share) ? `${Math.round(share * 100)} %` : '–';

function clientLimits(results: Results, rows: readonly Row[]): string {
  return table(['', 'Apache Kafka', 'Ottla', 'a server that does nothing', 'unit'], rows.flatMap(row => {
    const limit = results.limits[row.name];
    const metric = row.metrics[0]!;
    if (limit === undefined) return [];
    return [[row.title, ...KINDS.map(kind => figure(medianOf(results, row.name, kind, metric.name))), figure(limit[metric.name]!), metric.unit]];
  }));
}

/** Smallest and largest of the rounds: what a ratio can be trusted to. */
function spread(results: Results, figures: readonly Figures[]): string {
  const range = (row: string, kind: 'apache' | 'ottla', metric: string) => {
    const values = samplesOf(results, row, kind).map(sample => sample.values[metric]!);
    return values.length === 0 ? '–' : `${figure(Math.min(...values))} to ${figure(Math.max(...values))}`;
  };
  return table(['', 'figure', 'Apache Kafka', 'Ottla', 'unit'], figures.map(({ row, metric }) => [
    metric === row.metrics[0] ? row.title : NONE, metric.title, range(row.name, 'apache', metric.name), range(row.name, 'ottla', metric.name), metric.unit,
  ]), 2);
}

function failures(results: Results, rows: readonly Row[]): string {
  const lines = rows.flatMap(row => KINDS.flatMap(kind =>
    failuresOf(results, row.name, kind).map(failure => `- ${row.title}, ${kind}: ${failure.split('\n')[0]}`)));
  return lines.length === 0 ? '' : `\n## What failed\n\n${lines.join('\n')}\n`;
}

/** What the copy through user space costs, in the run's own figures. */
function copyCost(results: Results): string {
  const cpu = (row: string, kind: 'apache' | 'ottla') => figure(medianOf(results, row, kind, 'cpuMsPerMb'));
  return `Apache hands the kernel a piece of the file (\`sendfile\`); Ottla answers the tail from the buffers it was
written from, and reads older data into a pooled buffer first, which is one copy more and a hand-over to another thread. In this
run a MB costs Ottla ${cpu('fetch-tail', 'ottla')} ms of CPU at the tail and ${cpu('fetch-catch-up', 'ottla')} ms catching up: the
difference is the price of that. Apache pays ${cpu('fetch-tail', 'apache')} and ${cpu('fetch-catch-up', 'apache')} ms.`;
}

/** What each raw row sends, as the row itself has it. */
function loads(rows: readonly Row[], scale: Scale): string {
  return rows.flatMap(({ name, load }) => load === undefined ? [] : [`  - \`${name}\`: ${load(scale)}`]).join('\n');
}

const settings = Object.entries(SETTINGS_OF_BOTH).map(([name, value]) => `\`${name}=${value}\``).join(', ');

/** The page on a run of all rows at `scale`. */
export function markdown(results: Results, rows: readonly Row[], scale: Scale): string {
  const figures = figuresOf(results, rows);
  const { machine } = results;
  const aims = figures.filter(({ metric }) => metric.aim !== undefined);
  const met = aims.filter(({ metric, ratio: found }) => meets(found, metric.aim!, metric.better));
  return `# Ottla and Apache Kafka side by side

Written by \`${results.command}\` on ${results.date.slice(0, 10)}; ${results.minutes.toFixed(0)} minutes. ${met.length} of ${aims.length} aims are met.

![How many times better than Apache Kafka ${machine.kafka} each figure is](benchmarks.svg)

## Ratios

Ottla's figure divided by Apache's: throughput should be above 1x, time, CPU and memory below. Medians of ${results.rounds} round${results.rounds === 1 ? '' : 's'}.

${ratios(figures)}
${failures(results, rows)}
## How it was measured

- **Machine**: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.kernel}; clients and both brokers share
  the cores and one disk. Ratios carry over to other machines better than figures do.
- **Versions**: Apache Kafka ${machine.kafka}, Ottla ${machine.ottla}, Node.js ${machine.node}, ${machine.java}, ${machine.go}.
- **Brokers**: each a single node on a fresh directory; Apache in combined KRaft mode with the flags of its own start script and
  \`${HEAP.join(' ')}\`. Both with their default durability: records are acknowledged once the system has taken them; only the row
  that says so asks for an fsync per write. On both, and nothing else: ${settings}.
- **Turns**: both brokers stay up; every row warms both up first, then each round runs a row on one and at once on the other, the
  order changing from round to round. Topics are deleted after their row and dirty pages synced before the next, so that what one
  broker wrote does not wait for the disk while the other is measured. Before each turn of a row that writes or reads much, a file of
  that size is written and removed, or what is to be read is read once: in a virtual machine the first touch of memory costs more than
  either broker, and who comes second would not pay it.
- **CPU and memory** of a broker are its process's user and system time and \`VmRSS\`, from \`/proc\`, over the row.
- **Loads**: those of raw rows are built and checksummed once; error codes, offsets and lengths of all that is fetched are checked. Of
  transactions, all records and markers have to be there to be read in the end; clients and broker have their default back-offs, and
  Apache's broker waits 20 ms before it looks again whether the transaction before is over (\`add.partitions.to.txn.retry.backoff.ms\`).
${loads(rows, scale)}

The copy of a fetch: ${copyCost(results)}

## CPU and memory in each row

Seconds of CPU are those of the whole row: a broker that is faster may have done more work in it. The client's cores tell whether
the client was the limit: one that stays below 1 waited for the broker.

${costs(results, rows)}

## The client is not the bottleneck

The same load client against a server that reads requests, drops them and answers:

${clientLimits(results, rows)}

## How far from the ceiling

What a Node.js process without a broker's work reached on this project's machine (\`compat-tests/bench/ceilings.ts\`); of times and
memory, the ceiling's share is the other way round.

${ceilings(figures)}

## What it does not say

One node without replication, TLS or compression, few clients, and two cores that the client needs too: more cores would help Apache
Kafka, which has many threads, more than Ottla, which has one event loop for a broker. No row waits for the
disk to read: those that read older records read their files through just before, so that they are in the page cache.

## Spread of the rounds

${spread(results, figures)}
`;
}
