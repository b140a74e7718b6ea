import { lines, step, titled, type Family } from '../step.js';

/** How fast it was is the machine's. */
const counts = (printed: string): string => printed.replace(/-?\d+\.\d+|\b\d+(?= ms )|\b\d+(?=,? (?:99|99\.9)?th)/g, '<n>').replace(/th = \d+/g, 'th = <n>').replace(/, -?\d+(?=,|$)/gm, ', <n>');
/** Whether a member was told of nothing before it was told of a partition is a matter of the moment. */
const slow = (printed: string): string => printed.replace(/(target_throughput|avg_throughput)":[-\d.]+/g, '$1":<n>').replace(/^.*"partitions_assigned","partitions":\[\].*\n/gm, '');

export const performance: Family = {
  name: 'performance',
  steps: [
    ...lines(`
      topics {b} --create --topic fast
      topics {b} --create --topic fast-exactly-once
      topics {b} --create --topic verified
      producer-perf-test
      producer-perf-test --topic fast
      producer-perf-test --topic fast --num-records 10 --throughput -1 --record-size 10
      producer-perf-test {b} --topic fast --num-records 10 --throughput -1
      producer-perf-test {b} --topic fast --num-records ten --throughput -1 --record-size 10
      producer-perf-test {b} --topic fast --num-records 0 --throughput -1 --record-size 10
      producer-perf-test {b} --topic fast --num-records 10 --throughput -1 --record-size 0
      producer-perf-test {b} --topic fast --num-records 10 --throughput -1 --payload-file {dir}/none.txt
      consumer-perf-test
      consumer-perf-test {b}
      consumer-perf-test {b} --topic fast
      consumer-perf-test {b} --topic fast --num-records few
      e2e-latency
      e2e-latency {broker} fast
      e2e-latency {b} --topic fast --num-records 0 --producer-acks 1 --record-size 10
      e2e-latency {b} --topic fast --num-records 10 --producer-acks 2 --record-size 10
      verifiable-producer
      verifiable-producer {b}
      verifiable-producer --topic verified
      verifiable-consumer
      verifiable-consumer {b} --topic verified
      verifiable-consumer {b} --topic verified --group-id g --reset-policy none --group-protocol odd
    `),
    ...[
      'producer-perf-test {b} --topic fast --num-records 2000 --throughput -1 --record-size 100',
      'producer-perf-test {b} --topic fast --num-records 100 --throughput 1000 --record-size 100 --command-property acks=1 compression.type=zstd',
      'producer-perf-test --topic fast --num-records 100 --throughput -1 --record-size 100 --producer-props bootstrap.servers={broker}',
      'producer-perf-test {b} --topic fast --num-records 100 --throughput -1 --payload-monotonic',
      'consumer-perf-test {b} --topic fast --num-records 2300 --timeout 20000 --group timed',
      'consumer-perf-test {b} --topic fast --messages 1000 --timeout 20000 --hide-header',
      'consumer-perf-test {b} --include fas.* --num-records 1000 --timeout 20000 --show-detailed-stats --reporting-interval 60000',
      'consumer-perf-test {b} --topic fast --num-records 100000 --timeout 200',
      'consumer-perf-test {b} --topic nobody-timed --num-records 10 --timeout 1000 --command-property allow.auto.create.topics=false',
      'e2e-latency {b} --topic fast-ends --num-records 20 --producer-acks 1 --record-size 10',
      'e2e-latency {b} --topic fast-ends --num-records 20 --producer-acks all --record-size 10 --record-key-size 5 --num-headers 2',
      'e2e-latency {broker} fast-ends 10 1 20',
    ].map(line => step(line, { normalise: counts })),
    step('producer-perf-test {b} --topic fast --num-records 20 --throughput -1 --payload-file {dir}/payload.txt', { normalise: counts, files: { 'payload.txt': 'one\ntwo\n' } }),
    step('producer-perf-test {b} --topic fast-exactly-once --num-records 100 --throughput -1 --record-size 10 --transactional-id timed --transaction-duration-ms 1000', { normalise: counts }),

    step('verifiable-producer {b} --topic verified --max-messages 5', { normalise: slow }),
    step('verifiable-producer {b} --topic verified --max-messages 3 --acks 0 --value-prefix 7', { normalise: slow }),
    step('verifiable-producer {b} --topic verified --max-messages 4 --acks 1 --repeating-keys 2 --message-create-time 1000', { normalise: slow }),
    step("verifiable-producer {b} --topic 'bad name' --max-messages 1", { normalise: slow }),
    step('verifiable-consumer {b} --topic verified --group-id verifying --reset-policy earliest', { normalise: slow, background: 'classic' }),
    step('consumer-groups {b} --describe --group verifying', { until: /verifying +verified +0 +12 +12/ }),
    { title: 'the classic one ends', interrupt: 'classic', normalise: slow, unordered: true },
    titled('what was produced', 'get-offsets {b} --topic-partitions fast,verified'),
  ],
};

/** The same by KIP-848. */
export const modernPerformance: Family = {
  name: 'performance by the consumer protocol',
  steps: [
    step('consumer-perf-test {b} --topic fast --num-records 100 --timeout 20000 --command-property group.protocol=consumer', { normalise: counts }),
    step('verifiable-consumer {b} --topic verified --group-id verifying-anew --verbose --reset-policy earliest --group-protocol consumer --group-remote-assignor range',
      { normalise: slow, background: 'modern' }),
    step('consumer-groups {b} --describe --group verifying-anew', { until: /verifying-anew +verified +0 +12 +12/ }),
    { title: 'the consumer ends', interrupt: 'modern', normalise: slow, unordered: true },
  ],
};
