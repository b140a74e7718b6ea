// Transactions: one after the other, many producers at once, and pipelines that consume, transform and produce.

import { until } from '../../support/until.js';
import { franz, javaTransactions, raw, type Found } from '../load.js';
import type { Metric, Row, Sample, Scale } from '../row.js';
import type { Target } from '../target.js';

const RECORDS = 10;
const PRODUCERS = 50;
/** What Java's consumer gives of one poll. */
const PIPELINE_RECORDS = 500;
const VALUE_BYTES = 100;
const PARTITIONS = 6;
/** A marker after each transaction's records. */
const MARKERS = 1;
const RETRY_MS = 10;

const rate = (aim?: number): Metric =>
  ({ name: 'transactionsPerSecond', title: 'transactions', unit: 'txn/s', better: 'higher', ...(aim !== undefined && { aim }) });
const latencies: readonly Metric[] = [
  { name: 'commitP50Ms', title: 'commit, p50', unit: 'ms', better: 'lower' },
  { name: 'commitP99Ms', title: 'commit, p99', unit: 'ms', better: 'lower' },
  { name: 'wholeP50Ms', title: 'whole transaction, p50', unit: 'ms', better: 'lower' },
  { name: 'wholeP99Ms', title: 'whole transaction, p99', unit: 'ms', better: 'lower' },
];
const CPU: Metric = { name: 'cpuUsPerTransaction', title: 'broker CPU a transaction', unit: 'us/txn', better: 'lower' };

/** Every record and every marker of the transactions is there to be read, soon: Apache writes markers after its answer. */
async function confirm(target: Target, topic: string, partitions: number, { committed }: Found): Promise<void> {
  const owed = committed! * (RECORDS + MARKERS);
  const found = await until(`the end of ${committed} transactions, offset ${owed},`, () => target.stableOffsets({ name: topic, partitions }), offset => offset >= owed, { retryMs: RETRY_MS });
  if (found > owed) throw new Error(`offsets end at ${found} where ${committed} transactions owe ${owed}`);
}

/** The first transaction of a broker has the topic of transactions made. */
function opened(target: Target): Promise<unknown> {
  return target.once('transactions', () => target.withTopic('first-transaction', 1, topic =>
    franz('transactions', { bootstrap: target.address, topic, 'transactional-id': 'first', seconds: 0 })));
}

type Load = (target: Target, topic: string, id: string, scale: Scale) => Promise<Found>;

function loopRow({ name, title, load, aim, partitions = 1, quick = false }: {
  name: string; title: string; load: Load; aim?: number; partitions?: number; quick?: boolean;
}): Row {
  return {
    name, title, quick, warm: true, metrics: [rate(aim), ...latencies, CPU],
    load: ({ seconds }) => `${RECORDS} records of ${VALUE_BYTES} bytes a transaction, to one partition; ${seconds} s`,
    async run(target, scale) {
      await opened(target);
      return await target.withTopic(name, partitions, async (topic): Promise<Sample> => {
        const { result, cost } = await target.cost(() => load(target, topic, topic, scale));
        await confirm(target, topic, partitions, result);
        return {
          values: {
            ...result, transactionsPerSecond: result['transactions']! / result['seconds']!,
            cpuUsPerTransaction: cost.cpuSeconds * 1e6 / result['committed']!,
          },
          cost, clientCores: result['clientCores'] ?? null,
        };
      });
    },
  };
}

const rawLoad = (producers: number): Load => ({ address }, topic, id, { seconds }) => raw('transactions', {
  address, topic, 'transactional-id': id, producers, partitions: Math.min(producers, PARTITIONS), records: RECORDS, 'value-bytes': VALUE_BYTES, seconds,
});

/** What all pipelines read. */
function piped(target: Target, { pipelineRecords }: Scale): Promise<string> {
  return target.once(`piped-${pipelineRecords}`, async () => {
    const topic = target.topicName('piped');
    await target.createTopics([{ name: topic, partitions: PARTITIONS }]);
    await franz('produce', { bootstrap: target.address, topic, records: pipelineRecords, 'value-bytes': VALUE_BYTES });
    return topic;
  });
}

function pipelineRow(name: string, title: string, load: (target: Target, topics: { topic: string; output: string; id: string }, scale: Scale) => Promise<Found>): Row {
  return {
    name, title, warm: true,
    metrics: [
      { name: 'recordsPerSecond', title: 'throughput', unit: 'records/s', better: 'higher' },
      { name: 'wholeP50Ms', title: 'whole transaction, p50', unit: 'ms', better: 'lower' },
      { name: 'wholeP99Ms', title: 'whole transaction, p99', unit: 'ms', better: 'lower' },
      CPU,
    ],
    load: ({ seconds }) => `at most ${PIPELINE_RECORDS} records of ${VALUE_BYTES} bytes a transaction, from ${PARTITIONS} partitions to ${PARTITIONS} others; ${seconds} s`,
    async run(target, scale) {
      await opened(target);
      const topic = await piped(target, scale);
      return await target.withTopic(name, PARTITIONS, async (output): Promise<Sample> => {
        const { result, cost } = await target.cost(() => load(target, { topic, output, id: output }, scale));
        // As many have to be there to be read as were copied.
        await franz('consume', { bootstrap: target.address, topic: output, records: result['copied']!, 'read-committed': 'true' });
        return {
          values: { ...result, recordsPerSecond: result['records']! / result['seconds']!, cpuUsPerTransaction: cost.cpuSeconds * 1e6 / result['committed']! },
          cost, clientCores: result['clientCores'] ?? null,
        };
      });
    },
  };
}

const franzLoad = (classic: boolean): Load => ({ address }, topic, id, { seconds }) => franz('transactions', {
  bootstrap: address, topic, 'transactional-id': id, 'records-per-transaction': RECORDS, 'value-bytes': VALUE_BYTES, seconds, ...(classic && { classic: 'true' }),
});

export const transactionRows: readonly Row[] = [
  loopRow({
    name: 'txn-loop', title: `a normal client (franz-go) committing transactions of ${RECORDS} records, one after the other`, aim: 20, quick: true,
    load: franzLoad(false),
  }),
  loopRow({
    name: 'txn-loop-classic', title: 'the same client as of Kafka 3.7, before KIP-890: it adds partitions itself, and waits when it is told to', aim: 20,
    load: franzLoad(true),
  }),
  loopRow({
    name: 'txn-loop-java', title: "Java's producer, likewise",
    load: ({ address }, topic, id, { seconds, javaWarmSeconds }) => javaTransactions('loop', {
      bootstrap: address, topic, id, 'records-per-transaction': RECORDS, 'value-bytes': VALUE_BYTES, seconds, 'warm-seconds': javaWarmSeconds,
    }),
  }),
  loopRow({ name: 'txn-loop-raw', title: 'a client that waits for nothing but answers, and asks again at once', load: rawLoad(1) }),
  loopRow({ name: 'txn-many-raw', title: `${PRODUCERS} of them at once`, load: rawLoad(PRODUCERS), partitions: PARTITIONS }),
  pipelineRow('txn-pipeline', 'a normal client (franz-go) that consumes, and commits what it produces with what it consumed',
    ({ address }, { topic, output, id }, { seconds, pipelineRecords }) => franz('pipeline', {
      bootstrap: address, topic, output, 'transactional-id': id, 'records-per-transaction': PIPELINE_RECORDS, records: pipelineRecords, seconds,
    })),
  pipelineRow('txn-pipeline-java', "Java's clients, likewise",
    ({ address }, { topic, output, id }, { seconds, javaWarmSeconds, pipelineRecords }) => javaTransactions('pipeline', {
      bootstrap: address, topic, output, id, 'records-per-transaction': PIPELINE_RECORDS, records: pipelineRecords, seconds, 'warm-seconds': javaWarmSeconds,
    })),
];
