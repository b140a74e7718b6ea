import { lines, step, titled, type Family, type Play, type Step } from '../step.js';

const RECORDS = Array.from({ length: 12 }, (_, at) => `k${at}:v${at}\n`).join('');

const COMMITS = '--command-property auto.commit.interval.ms=200';
const CLASSIC = `${COMMITS} --command-property group.protocol=classic --command-property heartbeat.interval.ms=300`;
const MODERN = `${COMMITS} --command-property group.protocol=consumer`;

const member = (name: string, group: string, more: string): Play =>
  step(`console-consumer {b} --topic watched --group ${group} --from-beginning --command-property client.id=${name} ${more}`, { background: name });

const modernMember = (name: string, more: string): Play =>
  step(`console-consumer {b} --topic watched-again --group contemporary --from-beginning --command-property client.id=${name} ${MODERN} ${more}`, { background: name });

/** Whether a member that leaves had yet to hear in full of what it was assigned is a matter of the moment. */
const heedless = (printed: string): string =>
  printed.replace(/^.*(?:PartitionsAssignedEvent could not be completed before the consumer closed|ConsumerMembershipManager - .* Reconciliation failed\.).*(?:\n|$)/gm, '');
/** Members and groups come in no order, and so do the records of two partitions. */
const leaves = (name: string): Play => ({ title: `${name} leaves`, interrupt: name, unordered: true, normalise: heedless });
const unordered = (block: string): Step[] => lines(block).map(one => ({ ...one, unordered: true }));

/** Until the group is as it should be. */
const awaited = (args: string, until: RegExp): Play => step(`consumer-groups {b} ${args}`, { until, unordered: true });

/** Both partitions are read to their ends, by the client that is named last. */
const readBy = (client: string): RegExp => new RegExp(`watched(?:-again)? +0 +(\\d+) +\\1 +0 .* ${client} *\\n.*watched(?:-again)? +1 +(\\d+) +\\2 +0 .* ${client} *\\n`);

const describes = (group: string): Play[] => unordered(`
  consumer-groups {b} --describe --group ${group}
  consumer-groups {b} --describe --group ${group} --offsets
  consumer-groups {b} --describe --group ${group} --offsets --verbose
  consumer-groups {b} --describe --group ${group} --members
  consumer-groups {b} --describe --group ${group} --members --verbose
  consumer-groups {b} --describe --group ${group} --state
  consumer-groups {b} --describe --group ${group} --state --verbose
`);

/** What may not be done to a group with members. */
const refused = (group: string): Play[] => lines(`
  consumer-groups {b} --delete --group ${group}
  consumer-groups {b} --reset-offsets --group ${group} --topic watched --to-earliest --execute
  consumer-groups {b} --reset-offsets --group ${group} --topic watched --to-earliest --dry-run
  consumer-groups {b} --delete-offsets --group ${group} --topic watched
  consumer-groups {b} --delete-offsets --group ${group} --topic spare
`);

const reset = (args: string): string => `consumer-groups {b} --reset-offsets --group idle ${args}`;

export const consumerGroups: Family = {
  name: 'consumer-groups',
  steps: [
    ...lines(`
      topics {b} --create --topic watched --partitions 2
      topics {b} --create --topic spare
    `),
    step('console-producer {b} --topic watched --reader-property parse.key=true --reader-property key.separator=:', { stdin: RECORDS }),
    step('console-producer {b} --topic spare', { stdin: 'a\nb\nc\n' }),
    ...lines(`
      consumer-groups
      consumer-groups {b}
      consumer-groups --list
      consumer-groups {b} --list --describe
      consumer-groups {b} --list --group g
      consumer-groups {b} --describe
      consumer-groups {b} --describe --group nobody
      consumer-groups {b} --describe --group nobody --members
      consumer-groups {b} --describe --group nobody --state
      consumer-groups {b} --describe --group nobody --offsets --state
      consumer-groups {b} --describe --group nobody --state stable
      consumer-groups {b} --describe --all-groups --group nobody
      consumer-groups {b} --describe --members --group nobody --timeout soon
      consumer-groups {b} --delete
      consumer-groups {b} --delete --group nobody
      consumer-groups {b} --delete --group nobody --topic watched
      consumer-groups {b} --delete-offsets --group nobody
      consumer-groups {b} --delete-offsets --group nobody --topic watched
      consumer-groups {b} --reset-offsets --group nobody
      consumer-groups {b} --reset-offsets --group nobody --to-earliest
      consumer-groups {b} --list --state sleepy
      consumer-groups {b} --list --type wild
      consumer-groups --validate-regex a.*b
      consumer-groups --validate-regex (a
    `),

    member('first', 'classical', CLASSIC),
    awaited('--describe --group classical', readBy('first')),
    ...describes('classical'),
    ...refused('classical'),
    member('second', 'classical', CLASSIC),
    awaited('--describe --group classical --state', /Stable +2/),
    ...unordered('consumer-groups {b} --describe --group classical --members --verbose'),
    member('static', 'classical', `${CLASSIC} --command-property group.instance.id=fixed --command-property session.timeout.ms=3000`),
    awaited('--describe --group classical --state', /Stable +3/),
    ...describes('classical').slice(3),
    leaves('second'),
    awaited('--describe --group classical --state', /Stable +2/),
    ...unordered(`
      consumer-groups {b} --list
      consumer-groups {b} --list --state
      consumer-groups {b} --list --type
      consumer-groups {b} --list --state stable
    `),
    leaves('first'),
    awaited('--describe --group classical --state', /Stable +1/),
    // A static member does not leave: its place is kept until its session is over.
    leaves('static'),
    awaited('--describe --group classical --state', /Empty/),

    step('console-consumer {b} --topic watched --topic watched --group idle --from-beginning --max-messages 12 {read}', { unordered: true }),
    step('console-consumer {b} --topic spare --group idle --from-beginning --max-messages 2 {read}'),
    awaited('--describe --group idle --state', /Empty/),
    ...describes('idle'),
    ...unordered(`
      consumer-groups {b} --describe --group idle --group classical
      consumer-groups {b} --list --state empty
      consumer-groups {b} --list --state Empty,dead --type classic
      consumer-groups {b} --describe --all-groups --state
      consumer-groups {b} --describe --all-groups --members
    `),

    ...[
      '--topic watched', '--to-earliest', '--to-earliest --topic watched', '--to-latest --topic watched', '--to-current --topic watched', '--to-offset 2 --topic watched',
      '--to-earliest --topic watched --dry-run', '--to-earliest --topic watched --dry-run --execute', '--to-earliest --to-latest --topic watched', '--to-earliest --all-topics --dry-run',
      '--to-earliest --topic watched --execute', '--to-latest --topic watched:0 --execute', '--to-offset 3 --topic watched:0,1 --execute', '--to-offset 1000 --topic watched --execute',
      '--to-offset -5 --topic watched --execute', '--to-offset three --topic watched --execute', '--shift-by 1 --topic watched --execute', '--shift-by -2 --topic watched:1 --execute',
      '--shift-by 100 --topic watched --dry-run', '--shift-by -100 --topic watched --dry-run', '--to-current --all-topics --execute', '--by-duration PT1H --topic watched --execute',
      '--by-duration PT0S --topic watched --dry-run', '--by-duration P0DT --topic watched --dry-run', '--by-duration hour --topic watched --dry-run',
      '--to-datetime 2020-01-01T00:00:00.000 --topic watched --dry-run',
      '--to-datetime 2020-01-01T00:00:00.000Z --topic watched --dry-run', '--to-datetime 2100-01-01T00:00:00.000+02:00 --topic watched --dry-run', '--to-datetime yesterday --topic watched --dry-run',
      '--to-earliest --topic nobody --execute', '--to-earliest --topic watched:7 --execute', '--to-earliest --topic watched:x --execute',
      '--to-earliest --topic watched --topic spare --execute', '--to-earliest --topic watched --all-topics --dry-run',
      '--to-current --topic watched --export', '--to-earliest --topic watched --export --dry-run', '--to-current --all-topics --export',
    ].map(args => step(reset(args))),
    step('consumer-groups {b} --reset-offsets --group idle --from-file {dir}/offsets.csv --dry-run', { files: { 'offsets.csv': 'watched,0,1\nwatched,1,2\n' } }),
    step('consumer-groups {b} --reset-offsets --group idle --from-file {dir}/offsets.csv --execute', { files: { 'offsets.csv': 'watched,0,1\nwatched,1,2\n' } }),
    step('consumer-groups {b} --reset-offsets --group idle --from-file {dir}/beyond.csv --execute', { files: { 'beyond.csv': 'watched,0,100\nspare,0,0\n' } }),
    step('consumer-groups {b} --reset-offsets --group idle --from-file {dir}/unknown.csv --execute', { files: { 'unknown.csv': 'nobody,0,1\n' } }),
    step('consumer-groups {b} --reset-offsets --group idle --from-file {dir}/broken.csv --execute', { files: { 'broken.csv': 'watched\n' } }),
    step('consumer-groups {b} --reset-offsets --group idle --group classical --from-file {dir}/groups.csv --execute', { files: { 'groups.csv': 'idle,watched,0,2\nclassical,watched,1,1\n' } }),
    step('consumer-groups {b} --reset-offsets --group idle --from-file {dir}/none.csv --execute'),
    titled('an exported plan is taken', 'consumer-groups {b} --reset-offsets --group idle --from-file {dir}/plan.csv --execute', {
      files: { 'plan.csv': earlier => earlier(reset('--to-current --topic watched --export')).stdout },
    }),
    ...unordered(`
      consumer-groups {b} --reset-offsets --group brand-new --topic watched --to-offset 2 --execute
      consumer-groups {b} --describe --group brand-new
      consumer-groups {b} --reset-offsets --group idle --group brand-new --topic watched --to-latest --execute
      consumer-groups {b} --reset-offsets --all-groups --topic spare --to-earliest --dry-run
      consumer-groups {b} --describe --group idle --verbose
    `),

    ...unordered(`
      consumer-groups {b} --delete-offsets --group idle --topic spare
      consumer-groups {b} --delete-offsets --group idle --topic watched:0
      consumer-groups {b} --delete-offsets --group idle --topic nobody
      consumer-groups {b} --delete-offsets --group idle --topic watched:9
      consumer-groups {b} --delete-offsets --group idle --topic watched --topic spare
      consumer-groups {b} --describe --group idle
      consumer-groups {b} --delete --group brand-new
      consumer-groups {b} --delete --group idle --group nobody
      consumer-groups {b} --describe --group idle
      consumer-groups {b} --delete --group classical
      consumer-groups {b} --list

      groups
      groups {b}
      groups --list
      groups {b} --list
      groups {b} --list --group-type consumer
      groups {b} --list --group-type classic
      groups {b} --list --group-type share
      groups {b} --list --group-type streams
      groups {b} --list --group-type wild
      groups {b} --list --protocol consumer
      groups {b} --list --protocol nobody
      groups {b} --list --consumer
      groups {b} --list --share
      groups {b} --list --streams
      groups {b} --list --share --streams
      groups {b} --list --consumer --group-type classic
    `),
  ],
};

/** KIP-848. */
export const consumerProtocol: Family = {
  name: 'consumer protocol',
  steps: [
    ...lines(`
      topics {b} --create --topic watched-again --partitions 2
    `),
    step('console-producer {b} --topic watched-again --reader-property parse.key=true --reader-property key.separator=:', { stdin: RECORDS }),
    modernMember('modern', ''),
    awaited('--describe --group contemporary', readBy('modern')),
    ...describes('contemporary'),
    ...refused('contemporary'),
    modernMember('also-modern', '--command-property group.instance.id=fixed --command-property group.remote.assignor=range'),
    awaited('--describe --group contemporary --state', /Stable +2/),
    ...describes('contemporary').slice(3),
    ...unordered(`
      consumer-groups {b} --list --type consumer
      consumer-groups {b} --list --type classic
      consumer-groups {b} --list --type consumer --state
      groups {b} --list
      groups {b} --list --consumer
      groups {b} --list --group-type consumer
      consumer-groups {b} --describe --all-groups --state
    `),
    leaves('modern'),
    awaited('--describe --group contemporary', readBy('also-modern')),
    leaves('also-modern'),
    awaited('--describe --group contemporary --state', /Empty/),
    ...describes('contemporary'),
    ...unordered(`
      consumer-groups {b} --reset-offsets --group contemporary --topic watched-again --to-offset 1 --execute
      consumer-groups {b} --delete-offsets --group contemporary --topic watched-again:0
      consumer-groups {b} --describe --group contemporary --verbose
      consumer-groups {b} --delete --group contemporary
      consumer-groups {b} --delete --group contemporary
      consumer-groups {b} --describe --group contemporary
    `),
    step('console-consumer {b} --topic watched-again --group once --from-beginning --max-messages 3 {read} --command-property group.protocol=consumer --command-property max.poll.records=3',
      { normalise: printed => printed.replace(/^v\d+$/gm, 'v<n>') }),
    step("console-consumer {b} --include 'watched-ag.*' --group expression --from-beginning --max-messages 12 {read} --command-property group.protocol=consumer", { unordered: true }),
    step('console-consumer {b} --topic watched-again --group odd --timeout-ms 5000 --command-property group.protocol=consumer --command-property group.remote.assignor=telepathic'),
    step('console-consumer {b} --topic watched-again --group odd --timeout-ms 5000 --command-property group.protocol=consumer --command-property session.timeout.ms=5000'),
    ...unordered(`
      consumer-groups {b} --describe --group once --state
      consumer-groups {b} --describe --group expression
      consumer-groups {b} --describe --group odd
      groups {b} --list
    `),
  ],
};
