// Which versions of which APIs a broker has answered to a compatibility test: src/tooling/test-summary.mjs sums it up.

import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { allApis } from '../../src/protocol/generated/index.js';

const FOLDER = 'build/compat/api-coverage';

/** From now on the first answer of each version of an API is noted, in a file below `root` for this process. */
export function countAnswers(root: string): void {
  const folder = join(root, FOLDER);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${process.pid}.txt`);
  const seen = new Set<string>();
  subscribe('ottla:answered', message => {
    const { key, version } = message as { readonly key: number; readonly version: number };
    const pair = `${key} ${version}`;
    if (seen.has(pair)) return;
    seen.add(pair);
    appendFileSync(file, `${pair}\n`);
  });
}

/** What there is to be answered. */
export function noteAdvertised(root: string, ranges: ReadonlyMap<number, { readonly min: number; readonly max: number }>): void {
  const folder = join(root, FOLDER);
  mkdirSync(folder, { recursive: true });
  const advertised = [...ranges].map(([key, { min, max }]) => ({ key, name: allApis.get(key)!.name, min, max }));
  writeFileSync(join(folder, 'advertised.json'), JSON.stringify(advertised));
}
