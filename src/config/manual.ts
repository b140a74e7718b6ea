import { SINGLE_NODE, localStart } from './local-start.js';
import { nearest } from './nearest.js';
import type { Setting, SettingTable } from './setting.js';
import { brokerSynonyms, groupSynonyms, topicSynonyms } from './synonyms.js';
import { brokerNames, brokerSetting, clientMetricsSettings, families, groupSettings, topicSettings } from './table/index.js';

/** `docs/configuration.md`: the whole table for people. */
export function markdownManual(): string {
  const chapters = families.map(([title, table]) => chapter(title, table, broker));
  return [
    INTRODUCTION, differences(), ...chapters,
    chapter('Topics', topicSettings, name => synonymNote(topicSynonyms, name)),
    chapter('Consumer, share and streams groups', groupSettings, name => synonymNote(groupSynonyms, name)),
    chapter('Client metrics subscriptions', clientMetricsSettings, () => ''),
  ].join('\n');
}

const INTRODUCTION = `# Configuration

Made from the table of settings by \`ottla config --markdown\`; edit \`src/config/table\`, not this page.

Ottla knows every setting of Apache Kafka 4.3.1, with its type, default and bounds. What it acts on is described at length; the
rest has one line, and setting it to something else than its default earns a warning at start.

Values come, the strongest first, from

1. flags of \`ottla start\`: \`--set name=value\`, and \`--data\`, \`--host\`, \`--port\`, \`--advertise\` for what they stand for;
2. environment variables: \`KAFKA_LOG_SEGMENT_BYTES\` is \`log.segment.bytes\`, \`__\` stands for \`_\` and \`___\` for \`-\`;
3. the file that \`--config\` names, a Kafka \`server.properties\`;
4. where there is no file, the local start below;
5. the defaults of Kafka.

A value that cannot be taken is refused with its name and place. A name that nobody knows earns a warning with the nearest one
that there is; \`--strict\` refuses it. Any setting of a listener may be given for one listener alone, as
\`listener.name.<listener>.<setting>\`.
`;

function differences(): string {
  const rows = [...localStart('./ottla-data')].map(([name, { text }]) => {
    const kafka = brokerSetting(name)?.defaultText;
    return `| \`${name}\` | \`${text}\` | ${kafka === undefined ? 'must be given' : printDefault(kafka)} |`;
  });
  return `## The local start

Without a configuration file a node takes these values where nothing else is given. Beside a file only those hold that Kafka has
no default for, and, as long as no second node is named, those without which one node could
not create its internal topics:
${Object.keys(SINGLE_NODE).map(name => `\`${name}\``).join(',\n')}.

| setting | local start | Kafka |
|---|---|---|
${rows.join('\n')}
`;
}

function chapter(title: string, table: SettingTable, note: (name: string) => string): string {
  const shown = Object.entries(table).filter(([, setting]) => !setting.internal);
  const honoured = shown.filter(([, setting]) => setting.honoured).map(([name, setting]) =>
    `**\`${name}\`**: ${facts(setting)}\n\n${[setting.doc, note(name)].filter(Boolean).join(' ')}\n`);
  const rest = shown.filter(([, setting]) => !setting.honoured).map(([name, setting]) =>
    `| \`${name}\` | ${cell(facts(setting))} | ${cell(setting.doc)} |`);
  const restTable = rest.length === 0 ? [] : [`Without effect so far:\n\n| setting | | |\n|---|---|---|\n${rest.join('\n')}\n`];
  return [`## ${title}\n`, ...honoured, ...restTable].join('\n');
}

function broker(name: string): string {
  const others = brokerSynonyms(name, false).filter(synonym => synonym !== name);
  return others.length === 0 ? '' : `See also ${others.map(other => `\`${other}\``).join(', ')}.`;
}

function synonymNote(synonyms: Readonly<Record<string, string>>, name: string): string {
  return synonyms[name] === undefined ? '' : `Without a value of its own it has that of \`${synonyms[name]}\`.`;
}

function facts(setting: Setting): string {
  const parts = [setting.type, setting.defaultText === undefined ? 'must be given' : `default ${printDefault(setting.defaultText)}`];
  if (setting.check !== undefined && setting.check.text !== '') parts.push(`\`${setting.check.text}\``);
  if (setting.update !== 'read-only') parts.push(setting.update === 'per-broker' ? 'may change at run time for each broker' : 'may change at run time');
  return parts.join(', ');
}

const printDefault = (text: string | null): string => (text === null ? 'none' : text === '' ? 'empty' : `\`${text}\``);
const cell = (text: string): string => text.replaceAll('|', '\\|');

/** What `ottla config NAME` prints; for an unknown name the nearest one. */
export function explain(name: string): { readonly known: boolean; readonly text: string } {
  const places: [kind: string, setting: Setting | undefined][] = [
    ['node', brokerSetting(name)], ['topic', (topicSettings as SettingTable)[name]],
    ['group', (groupSettings as SettingTable)[name]], ['client metrics', (clientMetricsSettings as SettingTable)[name]],
  ];
  const known = places.flatMap(([kind, setting]) => (setting === undefined ? [] : [
    `${name} (${kind}): ${facts(setting).replaceAll('`', '')}${setting.honoured ? '' : '; without effect so far'}\n  ${setting.doc.replaceAll('`', '')}`,
  ]));
  if (known.length > 0) return { known: true, text: known.join('\n') };
  const candidates = [...brokerNames(), ...Object.keys(topicSettings), ...Object.keys(groupSettings), ...Object.keys(clientMetricsSettings)];
  const similar = nearest(name, candidates);
  const containing = candidates.filter(candidate => candidate.includes(name)).slice(0, 10);
  const hints = [...new Set([...(similar === undefined ? [] : [similar]), ...containing])];
  return { known: false, text: `there is no setting ${name}${hints.length === 0 ? '' : `; did you mean ${hints.join(', ')}?`}` };
}
