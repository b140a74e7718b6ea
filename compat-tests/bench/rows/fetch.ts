// Raw fetch: one request of 1 MB in flight on each of two connections, which read a partition each.

import { raw, type Found } from '../load.js';
import { readThrough } from '../memory.js';
import type { Metric, Row, Sample, Scale } from '../row.js';
import { bytes } from '../statistics.js';
import type { Target } from '../target.js';

const BYTES_PER_MB = 1_000_000;
const PARTITIONS = 2;
const RECORDS = 17;
const VALUE_BYTES = 1000;
const TAIL_BYTES = 16_000_000;
const MAX_BYTES = 1_048_576;
const WRITE_SECONDS = 120;
/** For the null server: any range will do. */
const NULL_RECORDS = 1_000_000;

const metrics = (aim: number): readonly Metric[] => [
  { name: 'mbPerSecond', title: 'throughput', unit: 'MB/s', better: 'higher', aim },
  { name: 'cpuMsPerMb', title: 'broker CPU a MB', unit: 'ms/MB', better: 'lower' },
];
const rate = ({ bytes, seconds }: Found) => bytes! / BYTES_PER_MB / seconds!;

/** Fills a topic in batches of 17 KB; the end offset of each partition. */
async function fill(target: Target, topic: string, maxBytes: number): Promise<number> {
  const { records } = await raw('produce', {
    address: target.address, topic, partitions: PARTITIONS, records: RECORDS, 'value-bytes': VALUE_BYTES, window: 32,
    seconds: WRITE_SECONDS, 'max-bytes': maxBytes,
  });
  return records! / PARTITIONS;
}

/** Writes once what all rounds read. */
function written(target: Target, scale: Scale): Promise<{ topic: string; end: number }> {
  return target.once(`fetched-${scale.catchUpBytes}`, async () => {
    const topic = target.topicName('fetched');
    await target.createTopics([{ name: topic, partitions: PARTITIONS }]);
    return { topic, end: await fill(target, topic, scale.catchUpBytes) };
  });
}

async function read(target: Target, options: Readonly<Record<string, string | number | boolean>>): Promise<Sample> {
  const load = { address: target.address, partitions: PARTITIONS, 'max-bytes': MAX_BYTES, ...options };
  const { result, cost } = await target.cost(() => raw('fetch', load));
  return {
    values: { mbPerSecond: rate(result), cpuMsPerMb: cost.cpuSeconds * 1000 / (result['bytes']! / BYTES_PER_MB) },
    cost, clientCores: result['clientCores']!,
  };
}

const each = `one request of ${MAX_BYTES / 1024 ** 2} MiB in flight on each of ${PARTITIONS} connections, which read a partition each`;

const nullServer = async (address: string, { seconds }: Scale) => {
  const load = { address, topic: 'null', partitions: PARTITIONS, 'max-bytes': MAX_BYTES, to: NULL_RECORDS, again: true, seconds };
  return { mbPerSecond: rate(await raw('fetch', load)) };
};

export const fetchRows: readonly Row[] = [
  {
    name: 'fetch-tail', title: `raw fetch at the tail (the newest ${TAIL_BYTES / BYTES_PER_MB} MB, again and again)`,
    metrics: metrics(1), quick: true, warm: true, limit: nullServer,
    load: ({ seconds }) => `${each}, the newest ${bytes(TAIL_BYTES)} again and again; ${seconds} s`,
    run: (target, scale) => target.withTopic('fetch-tail', PARTITIONS, async topic => {
      const end = await fill(target, topic, TAIL_BYTES);
      return await read(target, { topic, from: 0, to: end, again: true, seconds: scale.seconds });
    }),
  },
  {
    name: 'fetch-catch-up', title: 'raw fetch, catching up from the start', metrics: metrics(0.5), quick: true, warm: true, limit: nullServer,
    load: ({ catchUpBytes }) => `${each}, ${bytes(catchUpBytes)} from the start`,
    before: async (target, scale) => readThrough(target.dataDir, (await written(target, scale)).topic),
    async run(target, scale) {
      const { topic, end } = await written(target, scale);
      return await read(target, { topic, from: 0, to: end });
    },
  },
];
