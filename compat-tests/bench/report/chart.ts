// docs/benchmarks.svg: how many times better than Apache each figure is, on a logarithmic axis. Written by hand: no
// library, readable in light and dark.

import type { Results } from '../results.js';
import type { Row } from '../row.js';
import { advantage } from '../statistics.js';
import { figuresOf } from './markdown.js';

/** One bar. */
export interface Bar {
  readonly group: string;
  readonly label: string;
  /** Times better than Apache; NaN when it could not be measured. */
  readonly times: number;
  /** The same of the aim, if there is one. */
  readonly aim?: number;
}

const WIDTH = 960;
const LABEL_WIDTH = 330;
const RIGHT = 70;
const BAR_HEIGHT = 13;
const STEP = 20;
const GROUP_STEP = 34;
const TOP = 62;
const BOTTOM = 54;
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500];

const STYLE = `
    text { font: 12px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #24292f; }
    .title { font-size: 16px; font-weight: 600; } .group { font-weight: 600; } .quiet { fill: #57606a; }
    .ground { fill: #ffffff; } .grid { stroke: #d8dee4; } .one { stroke: #24292f; stroke-width: 1.5; }
    .ahead { fill: #1a7f64; } .behind { fill: #c0562b; } .aim { stroke: #24292f; stroke-width: 2; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; } .quiet { fill: #8d96a0; } .ground { fill: #0d1117; } .grid { stroke: #30363d; }
      .one, .aim { stroke: #e6edf3; } .ahead { fill: #3fb68f; } .behind { fill: #e0794c; }
    }`;

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** The bars of a run: what should grow first, then what should shrink. */
export function barsOf(results: Results, rows: readonly Row[]): Bar[] {
  const bars = figuresOf(results, rows).map(({ row, metric, ratio }) => ({
    group: metric.better === 'higher' ? 'Throughput' : 'Time, CPU and memory',
    label: `${row.name}${row.metrics.length > 1 ? `, ${metric.title}` : ''}`,
    times: advantage(ratio, metric.better),
    ...(metric.aim !== undefined && { aim: advantage(metric.aim, metric.better) }),
  }));
  return [...bars.filter(({ group }) => group === 'Throughput'), ...bars.filter(({ group }) => group !== 'Throughput')];
}

/** Where a number of times better lies: the axis holds all bars, aims and 1x. */
export function logAxis(bars: readonly Bar[]): { position: (times: number) => number; ticks: number[] } {
  const values = bars.flatMap(({ times, aim }) => [times, aim ?? 1]).filter(value => Number.isFinite(value) && value > 0);
  const low = Math.min(0.5, ...values);
  const high = Math.max(2, ...values);
  const from = TICKS.findLast(tick => tick <= low) ?? low;
  const to = TICKS.find(tick => tick >= high) ?? high;
  const scale = (WIDTH - LABEL_WIDTH - RIGHT) / Math.log(to / from);
  return { position: times => LABEL_WIDTH + Math.log(times / from) * scale, ticks: TICKS.filter(tick => tick >= from && tick <= to) };
}

const number = (value: number) => String(Math.round(value * 10) / 10);
/** As precise as the eye needs. */
const shown = (times: number) => `${times >= 10 ? times.toFixed(0) : times.toFixed(2)}×`;

const AXIS_TITLE = 'times better than Apache Kafka (more throughput; less time, CPU, memory), logarithmic';

function barLines({ label, times, aim }: Bar, y: number, position: (times: number) => number): string[] {
  const middle = number(y + BAR_HEIGHT - 2.5);
  const lines = [`<text x="${LABEL_WIDTH - 10}" y="${middle}" text-anchor="end">${escaped(label)}</text>`];
  if (Number.isFinite(times) && times > 0) {
    const [one, end] = [position(1), position(times)];
    const ahead = times >= 1;
    const [x, width] = [number(Math.min(one, end)), number(Math.max(Math.abs(end - one), 1))];
    lines.push(`<rect class="${ahead ? 'ahead' : 'behind'}" x="${x}" y="${number(y)}" width="${width}" height="${BAR_HEIGHT}" rx="2"/>`);
    const aimEnd = aim === undefined ? end : position(aim);
    // Beside the bar, and not on the mark of an aim that lies there.
    const labelAt = ahead ? Math.max(end, Math.abs(aimEnd - end) < 48 ? aimEnd : end, one) + 6 : one + 6;
    lines.push(`<text x="${number(labelAt)}" y="${middle}">${shown(times)}</text>`);
  } else {
    lines.push(`<text class="quiet" x="${number(position(1) + 6)}" y="${middle}">not measured</text>`);
  }
  if (aim !== undefined) lines.push(`<path class="aim" d="M${number(position(aim))} ${number(y - 2)}v${BAR_HEIGHT + 4}"/>`);
  return lines;
}

/** The picture of these bars. */
export function draw(title: string, bars: readonly Bar[]): string {
  const { position, ticks } = logAxis(bars);
  const lines: string[] = [];
  let y = TOP - (GROUP_STEP - STEP);
  let group = '';
  for (const bar of bars) {
    if (bar.group !== group) {
      y += GROUP_STEP - STEP;
      group = bar.group;
      lines.push(`<text class="group" x="12" y="${number(y + BAR_HEIGHT - 2.5)}">${escaped(group)}</text>`);
      y += STEP;
    }
    lines.push(...barLines(bar, y, position));
    y += STEP;
  }
  const height = y + BOTTOM;
  const axis = ticks.flatMap(tick => [
    `<path class="${tick === 1 ? 'one' : 'grid'}" d="M${number(position(tick))} ${TOP - 8}V${y + 4}"/>`,
    `<text class="quiet" x="${number(position(tick))}" y="${y + 20}" text-anchor="middle">${tick}×</text>`,
  ]);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">
  <style>${STYLE}
  </style>
  <rect class="ground" width="${WIDTH}" height="${height}"/>
  <text class="title" x="12" y="26">${escaped(title)}</text>
  <text class="quiet" x="12" y="44">Bars to the right of 1× are ahead. The upright mark is the aim.</text>
  ${[...axis, ...lines].join('\n  ')}
  <text class="quiet" x="${number((LABEL_WIDTH + WIDTH - RIGHT) / 2)}" y="${y + 42}" text-anchor="middle">${AXIS_TITLE}</text>
</svg>
`;
}

export function chart(results: Results, rows: readonly Row[]): string {
  return draw(`Ottla compared with Apache Kafka ${results.machine.kafka}`, barsOf(results, rows));
}
