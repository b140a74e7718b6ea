import { expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { groupSynonyms, unitSynonyms } from '../synonyms.js';
import { brokerNames, brokerSetting } from './index.js';

/** Sources that act on settings: not the table, not what only talks about settings. */
function sources(): { file: string; text: string }[] {
  return readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts') && !file.endsWith('.test.ts') && !/^(config\/table|config\/synonyms|config\/resources|tooling)\b/.test(file))
    .map(file => ({ file, text: readFileSync(join('src', file), 'utf8') }));
}

/** When it fails: mark the setting in `src/config/table`, then `bin/ottla config --markdown > docs/configuration.md`. */
test('every setting that the broker reads is marked as honoured', () => {
  // Checks of settings against one another read some that nothing else acts on yet.
  const read = sources().filter(({ file }) => !/^config\/(validate|reconfigure|log-settings)/.test(file)).flatMap(({ file, text }) =>
    [...text.matchAll(/\.(?:get|inMs)\('([a-z0-9.]+)'\)/g)].map(([, name = '']) => ({ file, name })));
  const unmarked = read.filter(({ name }) => brokerSetting(name)?.honoured === false);
  expect(unmarked).toEqual([]);
  expect(read.length).toBeGreaterThan(20);
});

test('every setting that is marked as honoured is read somewhere', () => {
  const acting = sources().filter(({ file }) => !/^config\/(validate|local-start)|^cli\/commands/.test(file)).map(({ text }) => text).join('\n');
  // In minutes or hours: read through the same in milliseconds.
  const inUnits = new Set<string>(Object.values(unitSynonyms).flatMap(synonyms => synonyms.map(([name]) => name)));
  // What groups go by, and its bounds: read through their own settings.
  const ofGroups = new Set<string>(Object.values(groupSynonyms));
  const isRead = (name: string): boolean => inUnits.has(name) || ofGroups.has(name.replace(/\.(min|max)\./, '.')) || acting.includes(`'${name}'`);
  const unread = [...brokerNames()].filter(name => brokerSetting(name)?.honoured && !isRead(name));
  expect(unread).toEqual([]);
});
