import { lines, step, type Family, type Step } from '../step.js';

/** Reads what is there and goes on no longer than it takes. */
const read = (args: string, options: Partial<Step> = {}): Step => step(`console-consumer {b} {read} ${args}`, options);

export const consoles: Family = {
  name: 'console',
  steps: [
    ...lines(`
      topics {b} --create --topic lines
      topics {b} --create --topic dumped
      topics {b} --create --topic pairs --partitions 1
      topics {b} --create --topic spread --partitions 3
      topics {b} --create --topic small --config max.message.bytes=200
      topics {b} --create --topic strict --config min.insync.replicas=2
      topics {b} --create --topic compacting --config cleanup.policy=compact
      topics {b} --create --topic stamped --config message.timestamp.type=LogAppendTime
    `),
    step('console-producer {b} --topic lines', { stdin: 'one\ntwo\nthree\n' }),
    step('console-producer {b} --topic lines', { stdin: '' }),
    step('console-producer {b} --topic lines --sync --timeout 0 --compression-codec zstd', { stdin: 'four\nfive' }),
    step('console-producer {b} --topic lines --compression-codec lz4 --request-required-acks 1', { stdin: 'six\n' }),
    step('console-producer {b} --topic lines --compression-codec snappy --request-required-acks 0', { stdin: 'seven\n' }),
    step('console-producer {b} --topic lines --compression-codec gzip --batch-size 10', { stdin: 'eight\nnine\n' }),
    step('console-producer {b} --topic lines --compression-codec brotli', { stdin: 'x\n' }),
    step('console-producer {b} --topic pairs --reader-property parse.key=true --reader-property key.separator=:', { stdin: 'a:1\nb:2\na:3\n' }),
    step('console-producer {b} --topic pairs --reader-property parse.key=true', { stdin: 'no separator\n' }),
    step('console-producer {b} --topic pairs --reader-property parse.key=true --reader-property key.separator=: --reader-property null.marker=NULL', { stdin: 'c:NULL\nNULL:4\n' }),
    step('console-producer {b} --topic pairs --reader-property parse.headers=true --reader-property parse.key=true', { stdin: 'h1:v1,h2:v2\td\t5\nh3:\te\t6\n' }),
    step('console-producer {b} --topic pairs --property parse.key=true --property key.separator=-', { stdin: 'f-7\n' }),
    step('console-producer {b} --topic pairs --reader-property parse.key=true --reader-property ignore.error=true', { stdin: 'only a value\n' }),
    step('console-producer {b} --topic spread --command-property partitioner.class=org.apache.kafka.clients.producer.RoundRobinPartitioner', { stdin: '1\n2\n3\n4\n5\n6\n' }),
    step('console-producer {b} --topic stamped', { stdin: 'now\n' }),
    step('console-producer {b} --topic small', { stdin: `${'long'.repeat(100)}\n` }),
    step('console-producer {b} --topic small --compression-codec gzip', { stdin: `${'long'.repeat(100)}\n` }),
    step('console-producer {b} --topic strict --request-timeout-ms 500 --message-send-max-retries 1', { stdin: 'x\n' }),
    step('console-producer {b} --topic strict --request-required-acks 1', { stdin: 'taken\n' }),
    step('console-producer {b} --topic compacting', { stdin: 'without a key\n' }),
    step('console-producer {b} --topic made-on-demand --message-send-max-retries 20', { stdin: 'first\n' }),
    step("console-producer {b} --topic 'bad name' --max-block-ms 2000", { stdin: 'x\n' }),
    step('console-producer {b} --topic lines --command-property client.id=mine --command-property acks=1', { stdin: 'ten\n' }),
    step('console-producer {b} --topic lines --command-config {dir}/producer.properties', { stdin: 'eleven\n', files: { 'producer.properties': 'compression.type=gzip\nclient.id=filed\n' } }),
    step('console-producer {b} --topic lines --request-required-acks 2', { stdin: 'x\n' }),
    step('console-producer {b} --topic lines --command-property enable.idempotence=false --command-property max.request.size=10', { stdin: 'too long for this\n' }),
    step('console-producer {b} --topic lines --command-property nobody.knows=1', { stdin: 'twelve\n' }),
    step('console-producer {b} --topic lines --command-property delivery.timeout.ms=1', { stdin: 'x\n' }),
    // A batch for each record, so that the files of both are alike.
    ...['none', 'gzip', 'snappy', 'lz4', 'zstd'].map(codec => step(`console-producer {b} --topic dumped --sync --timeout 0 --compression-codec ${codec} ` +
      '--reader-property parse.headers=true --reader-property parse.key=true --reader-property null.marker=NULL', {
      stdin: `h:${codec}\tkey\tvalue by ${codec}\nNULL\tgone\tNULL\n`,
    })),
    ...lines(`
      console-producer
      console-producer {b}
      console-producer --topic lines
      console-producer {b} --topic lines --line-reader nobody.Knows
      console-producer {b} --topic lines --timeout soon
      console-consumer
      console-consumer {b}
      console-consumer --topic lines
      console-consumer {b} --topic lines --include 'l.*'
      console-consumer {b} --topic lines --offset 3
      console-consumer {b} --topic lines --partition 0 --offset third
      console-consumer {b} --topic lines --partition 0 --offset -3
      console-consumer {b} --topic lines --partition 0 --group g
      console-consumer {b} --include 'l.*' --partition 0
      console-consumer {b} --topic lines --from-beginning --partition 0 --offset 2
      console-consumer {b} --topic lines --group g --command-property group.id=other
      console-consumer {b} --topic lines --from-beginning --command-property auto.offset.reset=latest
      console-consumer {b} --topic lines --formatter nobody.Knows
      console-consumer {b} --topic lines --max-messages few
      console-consumer {b} --topic lines --isolation-level read_everything
    `),
    read('--topic lines --from-beginning --max-messages 12'),
    read('--topic lines --from-beginning --max-messages 2 --group readers'),
    read('--topic lines --max-messages 2 --group readers'),
    read('--topic lines --partition 0 --offset 4 --max-messages 2'),
    read('--topic lines --partition 0 --offset earliest --max-messages 1 --formatter-property print.offset=true --formatter-property print.partition=true'),
    read('--topic lines --partition 0 --from-beginning --max-messages 1'),
    step('console-consumer {b} --topic lines --partition 0 --offset 1000 --max-messages 1 --timeout-ms 1000'),
    step('console-consumer {b} --topic lines --partition 0 --offset latest --timeout-ms 500'),
    step('console-consumer {b} --topic lines --partition 7 --offset earliest --timeout-ms 500'),
    step('console-consumer {b} --topic nobody-made --timeout-ms 500 --command-property allow.auto.create.topics=false'),
    step("console-consumer {b} --topic 'bad name' --timeout-ms 5000"),
    step('console-consumer {b} --topic lines --group readers --timeout-ms 10000 --command-property group.protocol=telepathy'),
    read('--topic pairs --from-beginning --max-messages 9 --formatter-property print.key=true --formatter-property print.headers=true ' +
      '--formatter-property print.offset=true --formatter-property print.partition=true --formatter-property print.timestamp=true --formatter-property print.epoch=true'),
    read('--topic pairs --from-beginning --max-messages 9 --formatter-property print.key=true --formatter-property key.separator== ' +
      '--formatter-property null.literal=nil --formatter-property headers.separator=;'),
    read('--topic pairs --from-beginning --max-messages 2 --property print.key=true --property print.value=false'),
    read('--topic pairs --from-beginning --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.LongDeserializer'),
    read('--topic pairs --from-beginning --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.LongDeserializer --skip-message-on-error'),
    read('--topic spread --from-beginning --max-messages 6 --formatter-property print.partition=true', { unordered: true }),
    read('--topic stamped --from-beginning --max-messages 1 --formatter-property print.timestamp=true'),
    read('--topic small --from-beginning --max-messages 1'),
    read('--topic strict --from-beginning --max-messages 1 --isolation-level read_committed'),
    read('--topic made-on-demand --from-beginning --max-messages 1'),
    read("--include 'lin.*|pai.*' --from-beginning --max-messages 21", { unordered: true }),
    read('--topic lines --from-beginning --max-messages 1 --command-property client.rack=r --command-property fetch.max.bytes=10 --command-property isolation.level=read_committed'),
    read('--topic lines --from-beginning --max-messages 1 --enable-systest-events'),
    read('--topic __consumer_offsets --from-beginning --max-messages 3 --formatter org.apache.kafka.tools.consumer.OffsetsMessageFormatter'),
    read('--topic __consumer_offsets --from-beginning --max-messages 2 --formatter org.apache.kafka.tools.consumer.GroupMetadataMessageFormatter'),
    read('--topic lines --from-beginning --max-messages 2 --formatter org.apache.kafka.tools.consumer.LoggingMessageFormatter'),
    read('--topic lines --from-beginning --max-messages 2 --formatter org.apache.kafka.tools.consumer.NoOpMessageFormatter'),
  ],
};
