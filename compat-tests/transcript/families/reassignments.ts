import { lines, step, type Family, type Step } from '../step.js';

/** A run with a plan in a file; what is printed names the plan. */
const plan = (title: string, json: string, args: string): Step =>
  ({ ...step(`reassign-partitions {b} --reassignment-json-file {dir}/plan.json ${args}`, { files: { 'plan.json': json } }), title: `${title} ${args}` });
const one = (replicas: string, more = ''): string => `{"version": 1, "partitions": [{"topic": "moved", "partition": 0, "replicas": [${replicas}]${more}}]}`;
const generate = (title: string, json: string, args: string): Step =>
  ({ ...step(`reassign-partitions {b} --generate --topics-to-move-json-file {dir}/topics.json ${args}`, { files: { 'topics.json': json } }), title: `generate: ${title} ${args}` });
const SAME = '{"version": 1, "partitions": [{"topic": "moved", "partition": 0, "replicas": [1]}, {"topic": "moved", "partition": 1, "replicas": [1]}]}';

export const reassignments: Family = {
  name: 'reassign-partitions',
  steps: [
    ...lines(`
      topics {b} --create --topic moved --partitions 2
      reassign-partitions
      reassign-partitions {b}
      reassign-partitions --list
      reassign-partitions {b} --list
      reassign-partitions {b} --list --verify
      reassign-partitions {b} --list --throttle 5
      reassign-partitions {b} --generate
      reassign-partitions {b} --execute
      reassign-partitions {b} --verify
      reassign-partitions {b} --cancel
      reassign-partitions {b} --execute --reassignment-json-file {dir}/none.json
    `),
    generate('a topic', '{"topics": [{"topic": "moved"}], "version": 1}', '--broker-list 1'),
    generate('a topic', '{"topics": [{"topic": "moved"}], "version": 1}', '--broker-list 1 --disable-rack-aware'),
    generate('a topic', '{"topics": [{"topic": "moved"}], "version": 1}', '--broker-list 7'),
    generate('a topic', '{"topics": [{"topic": "moved"}], "version": 1}', '--broker-list 1,1'),
    generate('a topic', '{"topics": [{"topic": "moved"}], "version": 1}', '--broker-list one'),
    generate('nobody', '{"topics": [{"topic": "nobody"}], "version": 1}', '--broker-list 1'),
    generate('one twice', '{"topics": [{"topic": "moved"}, {"topic": "moved"}], "version": 1}', '--broker-list 1'),
    generate('another version', '{"topics": [{"topic": "moved"}], "version": 2}', '--broker-list 1'),
    generate('no JSON', 'moved', '--broker-list 1'),
    plan('where it is', SAME, '--execute'),
    plan('where it is', SAME, '--verify'),
    plan('where it is', SAME, '--cancel'),
    plan('where it is', SAME, '--execute --throttle 1000000'),
    step('configs {b} --describe --broker 1'),
    step('configs {b} --describe --topic moved'),
    plan('where it is', SAME, '--verify --preserve-throttles'),
    step('configs {b} --describe --topic moved'),
    plan('where it is', SAME, '--verify'),
    step('configs {b} --describe --broker 1'),
    step('configs {b} --describe --topic moved'),
    plan('where it is', SAME, '--execute --additional'),
    plan('where it is', SAME, '--execute --disallow-replication-factor-change'),
    plan('where it is', SAME, '--execute --throttle -5'),
    plan('where it is', SAME, '--execute --throttle fast'),
    plan('where it is', SAME, '--execute --replica-alter-log-dirs-throttle 500'),
    plan('where it is', SAME, '--verify'),
    plan('to nobody', one('7'), '--execute'),
    plan('to two', one('1, 2'), '--execute'),
    plan('twice to one', one('1, 1'), '--execute'),
    plan('to none', one(''), '--execute'),
    plan('to a negative one', one('-1'), '--execute'),
    plan('an unknown topic', '{"version": 1, "partitions": [{"topic": "nobody", "partition": 0, "replicas": [1]}]}', '--execute'),
    plan('an unknown topic', '{"version": 1, "partitions": [{"topic": "nobody", "partition": 0, "replicas": [1]}]}', '--verify'),
    plan('an unknown partition', '{"version": 1, "partitions": [{"topic": "moved", "partition": 9, "replicas": [1]}]}', '--execute'),
    plan('a partition twice', '{"version": 1, "partitions": [{"topic": "moved", "partition": 0, "replicas": [1]}, {"topic": "moved", "partition": 0, "replicas": [1]}]}', '--execute'),
    plan('no partitions', '{"version": 1, "partitions": []}', '--execute'),
    plan('another version', '{"version": 3, "partitions": []}', '--execute'),
    plan('no JSON', 'moved', '--execute'),
    plan('into its directory', one('1', ', "log_dirs": ["{data}"]'), '--execute'),
    plan('into its directory', one('1', ', "log_dirs": ["{data}"]'), '--verify'),
    plan('into an unknown directory', one('1', ', "log_dirs": ["/nowhere"]'), '--execute --timeout 1000'),
    plan('into an unknown directory', one('1', ', "log_dirs": ["/nowhere"]'), '--verify'),
    plan('into any directory', one('1', ', "log_dirs": ["any"]'), '--execute'),
    plan('into too many directories', one('1', ', "log_dirs": ["any", "any"]'), '--execute'),
    step('reassign-partitions {b} --list'),
  ],
};
