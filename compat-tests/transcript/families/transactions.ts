import { addPartitionsToTxnApi, initProducerIdApi, produceApi } from '../../../src/protocol/generated/index.js';
import { buildBatch } from '../../../src/protocol/records/batch-builder.js';
import type { RawClient } from '../../../src/testing/raw-client.js';
import { lines, step, titled, type Family, type Requests } from '../step.js';

/** The newest Produce that names topics, and whose transactions know no epoch for each. */
const PRODUCE_VERSION = 11;
const ADD_VERSION = 3;
const LONG_AGO_MS = 1_600_000_000_000;
const STRANGER = { producerId: 77_777, producerEpoch: 3 };

/** Which producers there were before is a matter of retries. */
const anyProducer = (printed: string): string => printed.replace(/^\d+ /gm, '<id> ').replace(/\b\d+(?= (?:Ongoing|Empty|Prepare|Complete)\w*$)/gm, '<id>');
const describedAnyhow = (printed: string): string => printed.replace(/^(\d+ \S+) \d+ (.*)$/gm, '$1 <id> $2').replace(/<now> \d+/g, '<now> <n>');
/** How long it hangs, in minutes. */
const anyTime = (printed: string): string => printed.replace(/(?<=\s)\d{7}$/gm, '<n>');
/** How often it looks before something is there. */
const copying = (printed: string): string => [...new Set(printed.replace(/"time":"[^"]*"/g, '"time":<now>').split('\n'))].join('\n');

async function send(client: RawClient, producer: typeof STRANGER, topic: string, timestampMs: number): Promise<string> {
  const records = buildBatch({ ...producer, baseSequence: 0, isTransactional: true }, [{ timestampMs, key: null, value: Buffer.from('not yet') }]);
  const { responses } = await client.send(produceApi, {
    transactionalId: 'left-open', acks: -1, timeoutMs: 10_000, topicData: [{ name: topic, partitionData: [{ index: 0, records: Buffer.from(records) }] }],
  }, PRODUCE_VERSION);
  return `Produce ${responses[0]!.partitionResponses[0]!.errorCode}\n`;
}

/** A transaction that nobody is going to end. */
const leftOpen: Requests = {
  title: 'a transaction begins, and is left open', send: async client => {
    const { errorCode, producerId, producerEpoch } = await client.send(initProducerIdApi, { transactionalId: 'left-open', transactionTimeoutMs: 300_000 });
    const { resultsByTopicV3AndBelow: [added] } = await client.send(addPartitionsToTxnApi, {
      v3AndBelowTransactionalId: 'left-open', v3AndBelowProducerId: producerId, v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: 'sequenced', partitions: [0] }],
    }, ADD_VERSION);
    const produced = await send(client, { producerId: Number(producerId), producerEpoch }, 'sequenced', Date.now());
    return `InitProducerId ${errorCode} AddPartitionsToTxn ${added!.resultsByPartition[0]!.partitionErrorCode} ${produced}`;
  },
};

/** Which no coordinator knows of. */
const hanging = (title: string): Requests => ({ title, send: client => send(client, STRANGER, 'hanging', LONG_AGO_MS) });

export const transactions: Family = {
  name: 'transactions',
  steps: [
    ...lines(`
      topics {b} --create --topic sequenced
      transactions
      transactions {b}
      transactions list
      transactions {b} find
    `),
    step('console-producer {b} --topic sequenced', { stdin: 'one\ntwo\n' }),
    step('console-producer {b} --topic sequenced --command-property enable.idempotence=false --request-required-acks 1', { stdin: 'three\n' }),
    step('transactions {b} describe-producers --topic sequenced --partition 0', { normalise: anyProducer }),
    step('transactions {b} --command-config {dir}/hasty.properties describe-producers --topic sequenced --partition 5',
      { files: { 'hasty.properties': 'default.api.timeout.ms=500\nrequest.timeout.ms=400\n' } }),
    ...lines(`
      transactions {b} describe-producers --topic sequenced
      transactions {b} list
      transactions {b} list --duration-filter 5
      transactions {b} list --transactional-id-pattern a.*
      transactions {b} list --transactional-id-pattern t.*
      transactions {b} list --transactional-id-pattern (
      transactions {b} describe
    `).map(one => ({ ...one, normalise: anyProducer })),
    ...lines(`
      transactions {b} describe --transactional-id nobody
      transactions {b} find-hanging
      transactions {b} find-hanging --broker-id 1
      transactions {b} find-hanging --broker-id 7
      transactions {b} find-hanging --topic sequenced
      transactions {b} find-hanging --topic sequenced --partition 0
      transactions {b} find-hanging --topic nobody
      transactions {b} find-hanging --partition 0
      transactions {b} find-hanging --topic sequenced --max-transaction-timeout 5
      transactions {b} abort --topic sequenced --partition 0
      transactions {b} abort --topic sequenced --partition 0 --start-offset 0
      transactions {b} abort --topic sequenced --partition 0 --producer-id 1
      transactions {b} abort --topic sequenced --partition 0 --producer-id 1 --producer-epoch 0
      transactions {b} abort --topic sequenced --partition 0 --producer-id 100 --producer-epoch 0 --coordinator-epoch 0
      transactions {b} forceTerminateTransaction --transactionalId nobody

      topics {b} --create --topic to-copy
      topics {b} --create --topic copied
    `),
    step('console-producer {b} --topic to-copy --sync --timeout 0', { stdin: 'a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n' }),
    step('transactional-message-copier'),
    ...[
      '--consumer-group copying --transactional-id copier --transaction-size 4',
      '--consumer-group copying-anew --transactional-id copier --transaction-size 10 --use-group-metadata',
      '--consumer-group copying-in-turn --transactional-id copier-in-turn --transaction-size 5 --group-mode --use-group-metadata',
    ].map(args => step(`transactional-message-copier --broker-list {broker} --input-topic to-copy --input-partition 0 --output-topic copied ${args}`, { normalise: copying })),
    step('console-consumer {b} --topic copied --from-beginning --isolation-level read_committed --max-messages 30 {read} --formatter-property print.offset=true'),
    step('get-offsets {b} --topic copied'),
    step('consumer-groups {b} --describe --group copying', { until: /copying +to-copy +0 +10 +10 +0/ }),
    step('transactions {b} list --transactional-id-pattern copier.*', {
      until: /copier .*CompleteCommit[^]*copier-in-turn .*CompleteCommit|copier-in-turn .*CompleteCommit[^]*copier .*CompleteCommit/, normalise: anyProducer,
      unordered: true,
    }),
    step('transactions {b} describe --transactional-id copier', { normalise: describedAnyhow }),
    step('transactions {b} describe-producers --topic copied --partition 0', { normalise: anyProducer, unordered: true }),

    leftOpen,
    ...lines(`
      transactions {b} list --transactional-id-pattern left.*
      transactions {b} list --transactional-id-pattern left.* --duration-filter 1
      transactions {b} list --transactional-id-pattern left.* --duration-filter 3600000
      transactions {b} describe-producers --topic sequenced --partition 0
    `).map(one => ({ ...one, normalise: anyProducer, unordered: true })),
    step('transactions {b} describe --transactional-id left-open', { normalise: describedAnyhow }),
    ...lines(`
      transactions {b} find-hanging --topic sequenced
      console-consumer {b} --topic sequenced --from-beginning --isolation-level read_committed --timeout-ms 1000
      console-consumer {b} --topic sequenced --from-beginning --max-messages 4 {read}
      get-offsets {b} --topic sequenced
      transactions {b} forceTerminateTransaction --transactionalId left-open
    `),
    step('transactions {b} list --transactional-id-pattern left-open', { until: /left-open\s.*Empty/, normalise: anyProducer }),
    step('transactions {b} describe --transactional-id left-open', { normalise: describedAnyhow }),
    step('transactions {b} describe-producers --topic sequenced --partition 0', { normalise: anyProducer, unordered: true }),
    ...lines(`
      transactions {b} forceTerminateTransaction --transactionalId left-open
      console-consumer {b} --topic sequenced --from-beginning --isolation-level read_committed --timeout-ms 1000

      topics {b} --create --topic hanging
    `),
    hanging('a stranger\'s transaction is refused'),
    step('configs {b} --alter --broker-defaults --add-config transaction.partition.verification.enable=false'),
    hanging('a stranger\'s transaction is taken unverified'),
    ...lines(`
      transactions {b} find-hanging --topic hanging
      transactions {b} find-hanging --broker-id 1
      transactions {b} find-hanging --broker-id 1 --max-transaction-timeout 30000000
      transactions {b} find-hanging --broker-id 1 --topic hanging --partition 0
    `).map(one => ({ ...one, normalise: anyTime })),
    ...lines(`
      transactions {b} describe-producers --topic hanging --partition 0
      transactions {b} abort --topic hanging --partition 0 --start-offset 5
      transactions {b} abort --topic hanging --partition 0 --start-offset 0
      transactions {b} describe-producers --topic hanging --partition 0
      transactions {b} find-hanging --topic hanging
      transactions {b} abort --topic hanging --partition 0 --start-offset 0
      transactions {b} abort --topic hanging --partition 0 --producer-id 77777 --producer-epoch 2 --coordinator-epoch 0
      transactions {b} abort --topic hanging --partition 0 --producer-id 77777 --producer-epoch 3 --coordinator-epoch 0
      get-offsets {b} --topic hanging
      configs {b} --alter --broker-defaults --delete-config transaction.partition.verification.enable
    `),
    titled('nothing of all that is left to hang', 'transactions {b} find-hanging --broker-id 1'),
  ],
};
