import { expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { initProducerIdApi } from '../../protocol/generated/init-producer-id.js';
import { groupSynonyms, unitSynonyms } from '../synonyms.js';
import { brokerNames, brokerSetting, clientMetricsSettings, groupSettings, topicSettings } from './index.js';

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
  const unmarked = read.filter(({ name }) => brokerSetting(name)?.honoured === false).map(({ name }) => name);
  // Version 6 of InitProducerId, which alone asks for it, is not served while it is unstable.
  expect(unmarked).toEqual(initProducerIdApi.unstableFrom === 6 ? ['transaction.two.phase.commit.enable'] : []);
  expect(read.length).toBeGreaterThan(20);
});

/** What turns settings into fields, `field: ... 'setting' ...`, and where the readers of those fields are. */
const RESOLVERS: readonly (readonly [file: string, readers: RegExp])[] = [
  ['config/log-settings.ts', /^(log|protocol|replication|broker|coordinator|controller|server)\b/],
  ['config/cleaner-settings.ts', /^(log|broker)\b/],
  ['config/group-config.ts', /^(broker|coordinator)\b/],
  ['config/client-metrics.ts', /^server\/telemetry\b/],
];
/** Their functions give what is asked for by other names, `dataDirectories`, `planListeners`, or act on it themselves. */
const ACCESSORS = ['config/settings.ts', 'config/listeners.ts', 'config/load.ts'];

/** Settings of which a field is read outside `src/config`. */
function resolved(all: ReturnType<typeof sources>): Set<string> {
  return new Set(RESOLVERS.flatMap(([resolver, readers]) => {
    const acting = all.filter(({ file }) => readers.test(file)).map(({ text }) => text).join('\n');
    const lines = all.find(({ file }) => file === resolver)!.text.split('\n');
    return lines.flatMap(line => {
      const field = /^\s+(?:const )?(\w+)(?::| =) /.exec(line)?.[1];
      const isRead = field !== undefined && new RegExp(`(?:\\.|[{,] )${field}\\b`).test(acting);
      return isRead ? [...line.matchAll(/'([a-z0-9.]+)'/g)].map(([, name = '']) => name) : [];
    });
  }));
}

test('every setting that is marked as honoured is read outside of what only handles settings', () => {
  const all = sources();
  const acting = all.filter(({ file }) => !/^(config|cli\/commands|testing)\b/.test(file) || ACCESSORS.includes(file)).map(({ text }) => text).join('\n');
  const ofFields = resolved(all);
  const isNamed = (name: string): boolean => ofFields.has(name) || acting.includes(`'${name}'`);
  // In minutes or hours: read through the same in milliseconds.
  const inUnits = new Map<string, string>(Object.entries(unitSynonyms).flatMap(([head, synonyms]) => synonyms.map(([name]) => [name, head])));
  // What groups go by, and its bounds: read through their own settings.
  const ofGroups = new Map<string, string>(Object.entries(groupSynonyms).map(([own, ofNode]) => [ofNode, own]));
  const isRead = (name: string): boolean => isNamed(inUnits.get(name) ?? name) || isNamed(ofGroups.get(name.replace(/\.(min|max)\./, '.')) ?? name);
  const tables = [Object.fromEntries([...brokerNames()].map(name => [name, brokerSetting(name)!])), topicSettings, groupSettings, clientMetricsSettings];
  const marked = tables.flatMap(table => Object.entries(table).filter(([, setting]) => setting.honoured).map(([name]) => name));
  expect(marked.filter(name => !isRead(name))).toEqual([]);
  const unmarked = [topicSettings, groupSettings, clientMetricsSettings].flatMap(table =>
    Object.entries(table).filter(([name, setting]) => !setting.honoured && ofFields.has(name)).map(([name]) => name));
  expect(unmarked).toEqual([]);
  // As nobody serves share groups yet.
  expect(isRead('group.share.session.timeout.ms')).toBe(false);
  expect(marked.length).toBeGreaterThan(100);
});
