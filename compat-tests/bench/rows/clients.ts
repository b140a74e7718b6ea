// Whole clients: franz-go with its defaults, and Apache's own performance tools.

import { apacheTool, franz, type Found } from '../load.js';
import type { Metric, Row, Sample, Scale } from '../row.js';
import type { Target } from '../target.js';
import { BARE_WRITE, readThrough, touchFreeMemory } from '../memory.js';

const PARTITIONS = 6;
const VALUE_BYTES = 1000;
/** What a record takes of the page cache and of a broker's own memory. */
const MEMORY_A_RECORD = 1.5 * VALUE_BYTES;
const JOINED_PARTITIONS = 1;

const rate = (aim?: number): Metric => ({ name: 'recordsPerSecond', title: 'throughput', unit: 'records/s', better: 'higher', ...(aim !== undefined && { aim }) });
const cpu = (aim?: number): Metric => ({
  name: 'cpuUsPerRecord', title: 'broker CPU a record', unit: 'us/record', better: 'lower', ...(aim !== undefined && { aim }),
});

/** The number behind `pattern`'s one group. */
function numberIn(output: string, pattern: RegExp): number {
  const found = pattern.exec(output);
  if (found === null) throw new Error(`no ${pattern} in:\n${output}`);
  return Number(found[1]);
}

const perRecord = (records: number, recordsPerSecond: number, cpuSeconds: number) => ({ recordsPerSecond, cpuUsPerRecord: cpuSeconds * 1e6 / records });

/** A topic that all rounds' consumers read, written once by the normal client, in batches as it makes them. */
function consumed(target: Target, scale: Scale): Promise<string> {
  return target.once(`consumed-${scale.clientRecords}`, async () => {
    const topic = target.topicName('consumed');
    await target.createTopics([{ name: topic, partitions: PARTITIONS }]);
    await franz('produce', { bootstrap: target.address, topic, records: scale.clientRecords, 'value-bytes': VALUE_BYTES });
    return topic;
  });
}

function joined(target: Target): Promise<string> {
  return target.once('joined', async () => {
    const topic = target.topicName('joined');
    await target.createTopics([{ name: topic, partitions: JOINED_PARTITIONS }]);
    await franz('produce', { bootstrap: target.address, topic, records: 1 });
    // The first group of a broker has the topic of offsets made.
    await franz('group', { bootstrap: target.address, topic, groups: 1 });
    return topic;
  });
}

async function franzSample(target: Target, load: () => Promise<Found>): Promise<Sample> {
  const { result, cost } = await target.cost(load);
  return { values: perRecord(result['records']!, result['records']! / result['seconds']!, cost.cpuSeconds), cost, clientCores: result['clientCores']! };
}

export const clientRows: readonly Row[] = [
  {
    name: 'client-produce', title: 'a normal client (franz-go) producing 1,000-byte records, acks=all, idempotent', metrics: [rate(2.5), cpu(0.35), BARE_WRITE], quick: true, warm: true,
    before: ({ dataFolder }, { clientRecords }) => touchFreeMemory(dataFolder, MEMORY_A_RECORD * clientRecords),
    run: (target, scale) => target.withTopic('client-produce', PARTITIONS, topic =>
      franzSample(target, () => franz('produce', { bootstrap: target.address, topic, records: scale.clientRecords, 'value-bytes': VALUE_BYTES }))),
  },
  {
    name: 'client-consume', title: 'a normal client (franz-go) consuming them', metrics: [rate(1), cpu()], quick: true, warm: true,
    before: async (target, scale) => readThrough(target.dataDir, await consumed(target, scale)),
    async run(target, scale) {
      const topic = await consumed(target, scale);
      return await franzSample(target, () => franz('consume', { bootstrap: target.address, topic, records: scale.clientRecords }));
    },
  },
  {
    name: 'apache-producer', title: "Apache's ProducerPerformance, 1,000-byte records", metrics: [rate(), cpu()],
    before: ({ dataFolder }, { clientRecords }) => touchFreeMemory(dataFolder, MEMORY_A_RECORD * clientRecords),
    run: (target, scale) => target.withTopic('apache-producer', PARTITIONS, async topic => {
      const { result, cost } = await target.cost(() => apacheTool('ProducerPerformance', [
        '--bootstrap-server', target.address, '--topic', topic, '--num-records', String(scale.clientRecords), '--record-size', String(VALUE_BYTES), '--throughput', '-1',
      ]));
      // Lines of progress end the same way: the last is the sum.
      const recordsPerSecond = numberIn(result.trim().split('\n').at(-1)!, /([\d.]+) records\/sec/);
      return { values: perRecord(scale.clientRecords, recordsPerSecond, cost.cpuSeconds), cost, clientCores: null };
    }),
  },
  {
    name: 'apache-consumer', title: "Apache's ConsumerPerformance", metrics: [rate(), cpu()],
    before: async (target, scale) => readThrough(target.dataDir, await consumed(target, scale)),
    async run(target, scale) {
      const topic = await consumed(target, scale);
      const { result, cost } = await target.cost(() => apacheTool('ConsumerPerformance', [
        '--bootstrap-server', target.address, '--topic', topic, '--num-records', String(scale.clientRecords), '--hide-header',
      ]));
      // The last column is the rate of the fetching, without the time that joining the group took.
      const recordsPerSecond = numberIn(result.trim().split('\n').at(-1)!, /, ([\d.]+)$/);
      return { values: perRecord(scale.clientRecords, recordsPerSecond, cost.cpuSeconds), cost, clientCores: null };
    },
  },
  {
    name: 'apache-end-to-end', title: "Apache's EndToEndLatency, acks=all, one record after the other", metrics: [{ name: 'averageMs', title: 'average', unit: 'ms', better: 'lower' }],
    run: (target, scale) => target.withTopic('apache-end-to-end', 1, async topic => {
      const { result, cost } = await target.cost(() => apacheTool('EndToEndLatency', [target.address, topic, String(scale.endToEndRecords), 'all', String(VALUE_BYTES)]));
      return { values: { averageMs: numberIn(result, /Avg latency: ([\d.]+) ms/) }, cost, clientCores: null };
    }),
  },
  {
    name: 'group-join', title: 'a fresh group (franz-go), from the creation of the client to its first record', quick: true, warm: true,
    metrics: [{ name: 'medianMs', title: 'time', unit: 'ms', better: 'lower', aim: 0.5 }],
    async run(target, scale) {
      const topic = await joined(target);
      const { result, cost } = await target.cost(() => franz('group', { bootstrap: target.address, topic, groups: scale.groups }));
      return { values: { medianMs: result['medianMs']! }, cost, clientCores: result['clientCores']! };
    },
  },
];
