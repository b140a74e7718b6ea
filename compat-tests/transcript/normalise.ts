// What a tool printed, without what two brokers may rightly differ in: ids, ports, paths, the time.

import type { Play, Result } from './step.js';
import { isInterrupt, isStep } from './step.js';

const DAY_MS = 86_400_000;

/** Texts of one side and what stands for them on both. */
export type Names = readonly (readonly [text: string, name: string])[];

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // Where in Kafka's classes something was thrown: the tools are the same ones on both sides.
  [/^\s+(?:at .*|\.\.\. \d+ (?:more|common frames omitted))\n/gm, ''],
  [/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<uuid>'],
  [/\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.,:]\d{3}(?:Z|[+-]\d\d:?\d\d)?/g, '<time>'],
  // A Uuid of Kafka's: ids of topics, directories, clusters. No name of an API is one, though it has as many letters.
  [/(?<![\w./-])(?!(?:[A-Z][a-z]+)+(?![\w-]))(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{22}(?![\w.-])/g, '<id>'],
  // Where a client stood when its time was over.
  [/(?:Timed out waiting for a node assignment\. )?Call(?:: \w+\(api=\w+\)|\(callName=.*?\) timed out at (?:<now>|\d+) after \d+ attempt\(s\))/g, '<timed out>'],
  // Clients are numbered in the process that they have in common here.
  [/\b((?:adminclient|producer|console-consumer|perf-consumer|consumer-[\w.-]+)-)\d+\b/g, '$1<n>'],
  [/@[0-9a-f]{5,8}\b/g, '@<hash>'],
  // Columns are as wide as what stands in them.
  [/[ \t]{2,}/g, ' '],
  [/[ \t]+$/gm, ''],
];

export function normalised(result: Result, play: Play, names: Names): Result {
  const clean = (printed: string): string => {
    const once = names.reduce((text, [from, to]) => text.replace(isolated(from), to), printed);
    const own = PATTERNS.reduce((text, [pattern, to]) => text.replace(pattern, to), withoutNow(once));
    const text = play.normalise?.(own) ?? own;
    return play.unordered === true ? text.split('\n').sort().join('\n') : text;
  };
  return { exit: result.exit, stdout: clean(result.stdout), stderr: clean(result.stderr) };
}

/** The text where it is not a part of a longer number or name. */
function isolated(name: string): RegExp {
  return new RegExp(`(?<![\\w-])${name.replace(/[.\\/]/g, '\\$&')}(?![\\w-])`, 'g');
}

/** Milliseconds since 1970, if they are of these days. */
function withoutNow(printed: string): string {
  return printed.replace(/(?<!\d)\d{13}(?!\d)/g, digits => (Math.abs(Number(digits) - Date.now()) < DAY_MS ? '<now>' : digits));
}

/** The step as it stands in a transcript. */
export function transcript(play: Play, line: string, { exit, stdout, stderr }: Result): string {
  const command = isStep(play) ? `$ ${line}` : isInterrupt(play) ? `^C ${play.interrupt}` : '(requests)';
  const heading = play.title === line ? '' : `# ${play.title}\n`;
  const errors = stderr === '' ? '' : stderr.replace(/\n$/, '').replace(/^/gm, '! ') + '\n';
  return `${heading}${command}\n${stdout}${stdout === '' || stdout.endsWith('\n') ? '' : '\n'}${errors}=> ${exit ?? 'does not end'}\n`;
}
