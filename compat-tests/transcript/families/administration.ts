import { lines, step, type Family, type Step } from '../step.js';

/** Records of a known time: `verifiable-producer` can give all of them one. */
const stamped = (topic: string, count: number, timestampMs: number): Step =>
  step(`verifiable-producer {b} --topic ${topic} --max-messages ${count} --message-create-time ${timestampMs}`, {
    normalise: printed => printed.replace(/("(?:target|avg)_throughput"):[-\d.]+/g, '$1:<n>'),
  });

export const offsets: Family = {
  name: 'offsets and records',
  steps: [
    ...lines(`
      topics {b} --create --topic timed
      topics {b} --create --topic timed-too --partitions 2
      topics {b} --create --topic timed-empty
    `),
    stamped('timed', 3, 1_600_000_000_000),
    stamped('timed', 1, 1_600_000_100_000),
    stamped('timed', 2, 1_600_000_050_000),
    step('console-producer {b} --topic timed-too --command-property partitioner.class=org.apache.kafka.clients.producer.RoundRobinPartitioner', { stdin: 'a\nb\nc\nd\n' }),
    ...lines(`
      get-offsets
      get-offsets --topic timed
      get-offsets {b} --exclude-internal-topics --topic-partitions 'm.*,ti.*'
      get-offsets {b} --topic timed
      get-offsets {b} --topic 'timed.*'
      get-offsets {b} --topic timed-too --partitions 1
      get-offsets {b} --topic timed-too --partitions 0,1,2
      get-offsets {b} --topic timed-too --partitions one
      get-offsets {b} --topic nobody
      get-offsets {b} --topic-partitions timed:0,timed-too:0-1
      get-offsets {b} --topic-partitions timed.*:0-
      get-offsets {b} --topic-partitions timed.*:-1
      get-offsets {b} --topic-partitions timed-too:5
      get-offsets {b} --topic-partitions timed:0:0
      get-offsets {b} --topic-partitions timed --topic timed
      get-offsets {b} --topic timed.* --time -1
      get-offsets {b} --topic timed.* --time latest
      get-offsets {b} --topic timed.* --time -2
      get-offsets {b} --topic timed.* --time earliest
      get-offsets {b} --topic 'timed|timed-empty' --time -3
      get-offsets {b} --topic timed --time max-timestamp
      get-offsets {b} --topic timed.* --time -4
      get-offsets {b} --topic timed.* --time earliest-local
      get-offsets {b} --topic timed.* --time -5
      get-offsets {b} --topic timed.* --time latest-tiered
      get-offsets {b} --topic timed.* --time -6
      get-offsets {b} --topic timed.* --time earliest-pending-upload
      get-offsets {b} --topic timed --time -7
      get-offsets {b} --topic timed --time 0
      get-offsets {b} --topic timed --time 1600000000000
      get-offsets {b} --topic timed --time 1600000040000
      get-offsets {b} --topic timed --time 1600000090000
      get-offsets {b} --topic timed --time 1600000200000
      get-offsets {b} --topic timed --time 9999999999999
      get-offsets {b} --topic timed --time soon
      get-offsets {b} --exclude-internal-topics --topic '__.*'

      delete-records
      delete-records {b}
      delete-records {b} --offset-json-file {dir}/none.json
    `),
    ...([
      ['{"partitions": [{"topic": "timed", "partition": 0, "offset": 2}], "version": 1}'],
      ['{"partitions": [{"topic": "timed", "partition": 0, "offset": 1}], "version": 1}'],
      ['{"partitions": [{"topic": "timed", "partition": 0, "offset": 7}], "version": 1}'],
      ['{"partitions": [{"topic": "timed", "partition": 0, "offset": -5}], "version": 1}'],
      ['{"partitions": [{"topic": "timed", "partition": 0, "offset": 3}, {"topic": "timed", "partition": 0, "offset": 4}], "version": 1}'],
      ['{"partitions": [{"topic": "timed-too", "partition": 0, "offset": 1}, {"topic": "timed-too", "partition": 1, "offset": -1}]}'],
      ['{"partitions": [{"topic": "timed", "partition": 0, "offset": 3}], "version": 2}'],
      ['{"partitions": [{"topic": "timed", "partition": "first", "offset": 3}], "version": 1}'],
      ['{"partitions": [{"partition": 0, "offset": 3}]}'],
      ['{"topics": []}'],
      ['not json'],
      [''],
    ] as const).map(([json]) => ({ ...step('delete-records {b} --offset-json-file {dir}/offsets.json', { files: { 'offsets.json': json }, unordered: true }), title: `delete-records ${json}` })),
    ...lines(`
      get-offsets {b} --topic timed.* --time earliest
      topics {b} --create --topic kept-compact --config cleanup.policy=compact
    `),
    step('delete-records {b} --offset-json-file {dir}/unknown.json --command-config {dir}/hasty.properties', {
      files: { 'unknown.json': '{"partitions": [{"topic": "timed", "partition": 3, "offset": 1}], "version": 1}', 'hasty.properties': 'default.api.timeout.ms=500\nrequest.timeout.ms=400\n' },
    }),
    step('delete-records {b} --offset-json-file {dir}/compact.json', { files: { 'compact.json': '{"partitions": [{"topic": "kept-compact", "partition": 0, "offset": 0}]}' } }),
    step('delete-records {b} --offset-json-file {dir}/internal.json', { files: { 'internal.json': '{"partitions": [{"topic": "__consumer_offsets", "partition": 0, "offset": 0}]}' } }),
    step('console-consumer {b} --topic timed --from-beginning --max-messages 1 {read} --formatter-property print.offset=true'),
  ],
};

const election = (title: string, json: string, more = '--election-type preferred'): Step =>
  ({ ...step(`leader-election {b} --path-to-json-file {dir}/election.json ${more}`, { files: { 'election.json': json } }), title: `${title} ${more}` });

export const elections: Family = {
  name: 'elections and directories',
  steps: [
    ...lines(`
      topics {b} --create --topic led --partitions 2
      leader-election
      leader-election {b}
      leader-election {b} --election-type preferred
      leader-election {b} --election-type random --all-topic-partitions
      leader-election {b} --election-type preferred --topic led
      leader-election {b} --election-type preferred --partition 0
      leader-election {b} --election-type preferred --topic led --partition 0
      leader-election {b} --election-type unclean --topic led --partition 0
      leader-election {b} --election-type preferred --topic led --partition 9
      leader-election {b} --election-type unclean --topic led --partition 9
      leader-election {b} --election-type preferred --topic nobody --partition 0
      leader-election {b} --election-type preferred --topic led --partition first
      leader-election {b} --election-type preferred --topic led --partition 0 --all-topic-partitions
      leader-election {b} --election-type preferred --path-to-json-file {dir}/none.json
    `),
    step('leader-election {b} --election-type preferred --all-topic-partitions', { normalise: printed => printed.replace(/partitions .*/, 'partitions <all>') }),
    step('leader-election {b} --election-type unclean --all-topic-partitions', { normalise: printed => printed.replace(/partitions .*/, 'partitions <all>') }),
    election('two of a topic', '{"partitions": [{"topic": "led", "partition": 0}, {"topic": "led", "partition": 1}]}'),
    election('two of a topic', '{"partitions": [{"topic": "led", "partition": 0}, {"topic": "led", "partition": 1}]}', '--election-type unclean'),
    election('one twice', '{"partitions": [{"topic": "led", "partition": 0}, {"topic": "led", "partition": 0}]}'),
    election('one there, one not', '{"partitions": [{"topic": "led", "partition": 0}, {"topic": "led", "partition": 5}]}'),
    election('without a topic', '{"partitions": [{"partition": 0}]}'),
    election('none', '{"partitions": []}'),
    election('other fields', '{"topics": []}'),
    election('no JSON', 'led 0'),

    ...lines(`
      log-dirs
      log-dirs {b}
      log-dirs --describe
      log-dirs {b} --describe --topic-list led
      log-dirs {b} --describe --topic-list led,nobody
      log-dirs {b} --describe --topic-list nobody --broker-list 1
      log-dirs {b} --describe --topic-list led --broker-list 1,7
      log-dirs {b} --describe --broker-list one
    `),

    ...lines(`
      replica-verification --broker-list {broker} --topics-include (
      replica-verification
      replica-verification --broker-list {broker} --fetch-size much
      replica-verification --broker-list {broker} --topics-include nobody-at-all
    `),
    step('replica-verification --broker-list {broker} --topics-include led --report-interval-ms 100 --max-wait-ms 100', { background: 'verification' }),
    { title: 'the verification ends', interrupt: 'verification', until: /max lag is 0/, normalise: printed => [...new Set(printed.replace(/led-\d/g, 'led-<n>').split('\n'))].join('\n') },
  ],
};

export const cluster: Family = {
  name: 'cluster',
  steps: [
    ...lines(`
      cluster
      cluster cluster-id
      cluster cluster-id {b}
      cluster list-endpoints {b}
      cluster list-endpoints {b} --include-fenced-brokers
      cluster unregister {b}
      cluster unregister {b} --id 7
      cluster unregister {b} --id one
      cluster unregister {b} --id -1
      cluster disband {b}
      cluster cluster-id {b} --bootstrap-controller {broker}
      broker-api-versions
      broker-api-versions {b}
      broker-api-versions {b} --command-config {dir}/none.properties

      metadata-quorum
      metadata-quorum {b}
      metadata-quorum {b} describe
      metadata-quorum {b} describe --status --replication
      metadata-quorum {b} describe --status --human-readable
      metadata-quorum describe --status
      metadata-quorum {b} depose
    `),
    step('metadata-quorum {b} describe --status', {
      normalise: printed => printed.replace(/^(LeaderEpoch|HighWatermark|MaxFollowerLagTimeMs): .*/gm, '$1: <n>').replace(/(CONTROLLER:\/\/)[\w.]+:\d+/g, '$1<controller>'),
    }),
    step('metadata-quorum {b} describe --replication', { normalise: printed => printed.replace(/\b\d{2,}\b/g, '<n>') }),
    step('metadata-quorum {b} describe --replication --human-readable', { normalise: printed => printed.replace(/\b\d{2,}\b/g, '<n>').replace(/\d+ ms ago/g, '<n> ms ago') }),
    ...lines(`
      metadata-quorum {b} add-controller
      metadata-quorum {b} --command-config {dir}/none.properties add-controller
      metadata-quorum {b} remove-controller
      metadata-quorum {b} remove-controller --controller-id 1
      metadata-quorum {b} remove-controller --controller-id -1 --controller-directory-id hq5sL7rGT8WmNyT2vCw0aQ
      metadata-quorum {b} remove-controller --controller-id 7 --controller-directory-id not-an-id
      metadata-quorum {b} remove-controller --controller-id 7 --controller-directory-id hq5sL7rGT8WmNyT2vCw0aQ
      metadata-quorum {b} remove-controller --controller-id 7 --controller-directory-id hq5sL7rGT8WmNyT2vCw0aQ --dry-run
      metadata-quorum {b} remove-controller --controller-id 1 --controller-directory-id hq5sL7rGT8WmNyT2vCw0aQ
    `),
    step('metadata-quorum {b} --command-config {dir}/broker.properties add-controller', { files: { 'broker.properties': 'node.id=7\nprocess.roles=broker\n' } }),
    step('metadata-quorum {b} --command-config {dir}/nameless.properties add-controller', { files: { 'nameless.properties': 'process.roles=controller\n' } }),

    ...lines(`
      features
      features {b}
      features describe
      features {b} describe
      features {b} describe --node-id 1
      features {b} describe --node-id -1
      features {b} upgrade
      features {b} upgrade --release-version 4.3
      features {b} upgrade --release-version 4.3-IV0 --dry-run
      features {b} upgrade --release-version 3.3 --dry-run
      features {b} upgrade --release-version 9.9
      features {b} upgrade --release-version 4.3 --feature group.version=1
      features {b} upgrade --metadata 4.3
      features {b} upgrade --feature group.version
      features {b} upgrade --feature group.version=one
      features {b} upgrade --feature group.version=1
      features {b} upgrade --feature group.version=9
      features {b} upgrade --feature group.version=9 --dry-run
      features {b} upgrade --feature nobody.version=1
      features {b} upgrade --feature group.version=1 --feature group.version=1
      features {b} upgrade --feature metadata.version=200
      features {b} upgrade --feature eligible.leader.replicas.version=1
      features {b} upgrade --feature kraft.version=1
      features {b} upgrade --feature kraft.version=9
      features {b} downgrade
      features {b} downgrade --feature group.version=1
      features {b} downgrade --feature group.version=0 --dry-run
      features {b} downgrade --feature nobody.version=0
      features {b} downgrade --feature kraft.version=0
      features {b} downgrade --feature metadata.version=1
      features {b} downgrade --feature metadata.version=7 --unsafe --dry-run
      features {b} downgrade --metadata 3.3-IV3 --dry-run
      features {b} downgrade --metadata 4.2-IV0 --dry-run
      features {b} downgrade --release-version 4.2 --dry-run
      features {b} downgrade --release-version 3.0 --dry-run
      features {b} disable
      features {b} disable --feature eligible.leader.replicas.version --dry-run
      features {b} disable --feature eligible.leader.replicas.version
      features {b} describe
      features {b} disable --feature eligible.leader.replicas.version
      features {b} upgrade --feature eligible.leader.replicas.version=1
      features {b} disable --feature metadata.version
      features {b} disable --feature nobody.version
      features {b} describe
      features {b} version-mapping
      features {b} version-mapping --release-version 3.9
      features {b} version-mapping --release-version 2.0
      features {b} feature-dependencies --feature transaction.version=2
      features {b} feature-dependencies --feature nobody.version=2
      features {b} feature-dependencies --feature group.version=8
    `).map(one => ({ ...one, normalise: (printed: string) => printed.replace(/Epoch: \d+/g, 'Epoch: <n>') })),
  ],
};

export const security: Family = {
  name: 'security',
  steps: lines(`
    acls
    acls {b}
    acls --list
    acls {b} --list
    acls {b} --list --topic t --resource-pattern-type prefixed
    acls {b} --list --principal User:alice
    acls {b} --add --allow-principal User:alice --operation Read --topic t
    acls {b} --add --allow-principal alice --operation Read --topic t
    acls {b} --add --allow-principal User:alice --operation Fly --topic t
    acls {b} --add --allow-principal User:alice --operation Read
    acls {b} --add --operation Read --topic t
    acls {b} --add --allow-principal User:alice --producer --topic t
    acls {b} --add --allow-principal User:alice --consumer --topic t
    acls {b} --add --allow-principal User:alice --consumer --topic t --group g
    acls {b} --add --deny-principal User:bob --deny-host 10.0.0.1 --operation All --cluster
    acls {b} --remove --allow-principal User:alice --operation Read --topic t --force
    acls {b} --remove --topic t --force
    acls {b} --list --add
    acls {b} --list --topic t --resource-pattern-type odd
    acls {b} --bootstrap-controller {broker} --list

    delegation-tokens
    delegation-tokens {b}
    delegation-tokens --describe
    delegation-tokens {b} --describe
    delegation-tokens {b} --describe --owner-principal User:alice
    delegation-tokens {b} --describe --owner-principal alice
    delegation-tokens {b} --create
    delegation-tokens {b} --create --max-life-time-period -1
    delegation-tokens {b} --create --max-life-time-period -1 --renewer-principal User:bob --owner-principal User:alice
    delegation-tokens {b} --create --max-life-time-period long
    delegation-tokens {b} --renew --renew-time-period -1
    delegation-tokens {b} --renew --renew-time-period -1 --hmac bm9ib2R5
    delegation-tokens {b} --expire --expiry-time-period -1 --hmac bm9ib2R5
    delegation-tokens {b} --expire --hmac bm9ib2R5
    delegation-tokens {b} --create --describe
  `).map(one => (one.title.includes('delegation') ? { ...one, files: { 'client.properties': 'client.id=tokens\n' }, line: `${one.title} --command-config {dir}/client.properties` } : one)),
};
