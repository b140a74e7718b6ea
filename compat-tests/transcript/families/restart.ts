import { lines, step, type Family, type Step } from '../step.js';

const unordered = (block: string): Step[] => lines(block).map(one => ({ ...one, unordered: true }));

// Apache Kafka forgets a SCRAM credential at a restart when it comes, in its hash table, behind one of the same mechanism
// that was removed: `frank` comes before the `carol` of the quotas.

/** All kinds of state that a broker keeps. */
const DESCRIBED = `
  topics {b} --describe --topic kept.*
  configs {b} --describe --topic kept
  configs {b} --describe --entity-type brokers
  configs {b} --describe --topic kept --all
  configs {b} --describe --entity-type users
  configs {b} --describe --entity-type users --entity-type clients
  configs {b} --describe --entity-type clients
  configs {b} --describe --entity-type ips
  configs {b} --describe --entity-type groups
  configs {b} --describe --entity-type client-metrics
  get-offsets {b} --topic kept.*
  get-offsets {b} --topic kept.* --time earliest
  consumer-groups {b} --describe --group keepers
  consumer-groups {b} --describe --group keepers --state
  consumer-groups {b} --describe --group modern-keepers
  consumer-groups {b} --describe --group modern-keepers --state --verbose
  consumer-groups {b} --describe --group forgotten
  log-dirs {b} --describe --topic-list kept,kept-too
`;

const producers = step('transactions {b} describe-producers --topic kept --partition 0', { normalise: printed => printed.replace(/^\d+ /gm, '<id> ') });
const features = step('features {b} describe', { normalise: printed => printed.replace(/Epoch: \d+/g, 'Epoch: <n>') });

export const kept: Family = {
  name: 'before a restart',
  steps: [
    ...lines(`
      topics {b} --create --topic kept --config retention.ms=-1 --config max.message.bytes=5000
      topics {b} --create --topic kept-too --partitions 3
      topics {b} --create --topic kept-for-a-while
      topics {b} --delete --topic kept-for-a-while
      configs {b} --alter --broker 1 --add-config log.cleaner.threads=2
      configs {b} --alter --broker-defaults --add-config log.retention.bytes=1000000,message.max.bytes=900000
      configs {b} --alter --user dave --add-config producer_byte_rate=1000000
      configs {b} --alter --user dave --client app --add-config request_percentage=90
      configs {b} --alter --client-defaults --add-config consumer_byte_rate=2000000000
      configs {b} --alter --ip 127.0.0.7 --add-config connection_creation_rate=70
      configs {b} --alter --user frank --add-config SCRAM-SHA-512=[iterations=5000,password=franks-secret]
      configs {b} --alter --group keepers --add-config consumer.session.timeout.ms=3000
      client-metrics {b} --alter --name kept --metrics org.apache.kafka.consumer. --interval 60000
    `),
    step('console-producer {b} --topic kept --sync --timeout 0', { stdin: 'one\ntwo\nthree\nfour\n' }),
    step('delete-records {b} --offset-json-file {dir}/kept.json', { files: { 'kept.json': '{"partitions": [{"topic": "kept", "partition": 0, "offset": 1}]}' } }),
    step('console-consumer {b} --topic kept --group keepers --from-beginning --max-messages 2 {read}'),
    step('console-consumer {b} --topic kept --group modern-keepers --from-beginning --max-messages 3 {read} --command-property group.protocol=consumer'),
    step('console-consumer {b} --topic kept --group forgotten --from-beginning --max-messages 1 {read}'),
    step('consumer-groups {b} --delete --group forgotten', { until: /was successful/ }),
    ...unordered(DESCRIBED), producers, features,
  ],
};

/** Everything is as it was, and goes on. */
export const restarted: Family = {
  name: 'after a restart',
  after: 'restart',
  steps: [
    // Apache Kafka serves before partitions have leaders again and groups are loaded.
    step('topics {b} --describe --exclude-internal', { until: /^(?![^]*Leader: none)[^]*Leader: 1/ }),
    step('consumer-groups {b} --describe --group keepers', { until: /keepers +kept/ }),
    ...unordered(DESCRIBED), producers, features,
    step('console-producer {b} --topic kept --sync --timeout 0', { stdin: 'five\n' }),
    step('console-consumer {b} --topic kept --group keepers --max-messages 2 {read} --formatter-property print.offset=true'),
    step('console-consumer {b} --topic kept --group modern-keepers --max-messages 1 {read} --command-property group.protocol=consumer'),
    ...lines(`
      topics {b} --alter --topic kept --partitions 2
      topics {b} --describe --topic kept
      topics {b} --create --topic kept
      configs {b} --alter --broker 1 --delete-config log.cleaner.threads
      configs {b} --alter --user frank --delete-config SCRAM-SHA-512
      configs {b} --alter --user dave --delete-config producer_byte_rate
      configs {b} --describe --entity-type users
      consumer-groups {b} --delete --group modern-keepers
      consumer-groups {b} --describe --group modern-keepers
      topics {b} --delete --topic kept-too
      topics {b} --list --topic kept.*
    `),
  ],
};
