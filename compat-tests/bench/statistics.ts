// What is made of measured numbers.

export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Whether more of it is better, as of throughput, or less, as of time. */
export type Better = 'higher' | 'lower';

/** Ottla's share of Apache's figure. */
export function ratio(ottla: number, apache: number): number {
  return ottla / apache;
}

/** Whether a ratio reaches the aim: at least it where more is better, at most where less is. */
export function meets(found: number, aim: number, better: Better): boolean {
  return better === 'higher' ? found >= aim : found <= aim;
}

/** How many times better than Apache: above 1 is ahead, whatever the unit. */
export function advantage(found: number, better: Better): number {
  return better === 'higher' ? found : 1 / found;
}

/** How near a figure came to the best that was measured for a bare Node.js process: 1 is there. */
export function shareOfCeiling(found: number, ceiling: number, better: Better): number {
  return better === 'higher' ? found / ceiling : ceiling / found;
}

/** Three digits that matter, thousands in groups. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 99.95) return Math.round(value).toLocaleString('en-US');
  if (size >= 10) return value.toFixed(1);
  return size >= 1 ? value.toFixed(2) : value.toPrecision(2).replace(/^(-?0\.\d*?)0+$/, '$1').replace(/\.$/, '');
}

/** A ratio as people read it. */
export function times(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value >= 10) return `${value.toFixed(1)}x`;
  return value >= 0.1 ? `${value.toFixed(2)}x` : `${value.toFixed(3)}x`;
}

/** An amount of bytes as people say it. */
export function bytes(count: number): string {
  const [unit, size] = count >= 1e9 ? ['GB', 1e9] : count >= 1e6 ? ['MB', 1e6] : ['KB', 1e3];
  return `${figure(count / size).replace(/\.0+$/, '')} ${unit}`;
}
