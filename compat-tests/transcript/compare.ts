// Where two transcripts differ, block of lines by block of lines.

import type { Result } from './step.js';

export const SIDES = ['apache', 'ottla'] as const;
export type Side = (typeof SIDES)[number];

/** Lines of one stream of one step that stand at the same place on either side and are not alike. */
export interface Difference {
  /** Family and title. */
  readonly step: string;
  readonly at: 'exit' | 'stdout' | 'stderr';
  readonly apache: readonly string[];
  readonly ottla: readonly string[];
  /** The same error said in other words. */
  readonly words: boolean;
}

type Block = readonly [apache: readonly string[], ottla: readonly string[]];

/** Differences between two results of a step, which are normalised. */
export function differences(step: string, apache: Result, ottla: Result): Difference[] {
  const exit: Difference[] = apache.exit === ottla.exit ? [] : [{ step, at: 'exit', apache: [`exit ${apache.exit}`], ottla: [`exit ${ottla.exit}`], words: false }];
  const streams = (['stdout', 'stderr'] as const).map(at => [at, blocks(apache[at].split('\n'), ottla[at].split('\n'))] as const);
  const sentences = streams.flatMap(([, found]) => found.flatMap(sentencesOf));
  return [...exit, ...streams.flatMap(([at, found]) => found.map(block => ({ step, at, apache: block[0], ottla: block[1], words: isInOtherWords(block, sentences) })))];
}

const EXCEPTION = /^(.*\b[\w.]+(?:Exception|Error): )(.*)$/;

/** What the same exception says on either side. */
function sentencesOf([apache, ottla]: Block): [string, string][] {
  return apache.flatMap((line, at): [string, string][] => {
    const [, theirs, said] = EXCEPTION.exec(line) ?? [];
    const [, ours, saidByUs] = EXCEPTION.exec(ottla[at] ?? '') ?? [];
    return theirs !== undefined && theirs === ours ? [[said!, saidByUs!]] : [];
  });
}

/** Whether the lines differ in nothing but what an exception says, which its name tells to be the same. */
function isInOtherWords([apache, ottla]: Block, sentences: readonly (readonly [string, string])[]): boolean {
  return apache.length === ottla.length && apache.every((line, at) => line === ottla[at] || sentences.some(([theirs, ours]) => line.replace(theirs, () => ours) === ottla[at]));
}

export function printed({ step, at, apache, ottla }: Difference): string {
  return [`${step} (${at})`, ...apache.map(line => `  apache | ${line}`), ...ottla.map(line => `  ottla  | ${line}`)].join('\n');
}

/** The blocks between the lines of a longest common subsequence; line by line where one stands for one. */
function blocks(left: readonly string[], right: readonly string[]): Block[] {
  return wholeBlocks(left, right).flatMap(([apache, ottla]): Block[] => (apache.length === ottla.length ? apache.map((line, at): Block => [[line], [ottla[at]!]]) : [[apache, ottla]]));
}

function wholeBlocks(left: readonly string[], right: readonly string[]): Block[] {
  const lengths = commonLengths(left, right);
  const found: [string[], string[]][] = [];
  let open: [string[], string[]] | undefined;
  const block = (): [string[], string[]] => {
    if (open === undefined) found.push(open = [[], []]);
    return open;
  };
  for (let l = 0, r = 0; l < left.length || r < right.length;) {
    if (l < left.length && r < right.length && left[l] === right[r]) {
      open = undefined;
      l += 1;
      r += 1;
    } else if (r >= right.length || (l < left.length && lengths[l + 1]![r]! >= lengths[l]![r + 1]!)) block()[0].push(left[l++]!);
    else block()[1].push(right[r++]!);
  }
  return found;
}

/** How many lines are common to the two from here on. */
function commonLengths(left: readonly string[], right: readonly string[]): Uint32Array[] {
  const lengths = Array.from({ length: left.length + 1 }, () => new Uint32Array(right.length + 1));
  for (let l = left.length - 1; l >= 0; l -= 1) {
    for (let r = right.length - 1; r >= 0; r -= 1) {
      lengths[l]![r] = left[l] === right[r] ? lengths[l + 1]![r + 1]! + 1 : Math.max(lengths[l + 1]![r]!, lengths[l]![r + 1]!);
    }
  }
  return lengths;
}
