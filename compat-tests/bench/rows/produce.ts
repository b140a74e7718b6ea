// Raw produce: batches that were built once, pipelined over one connection to one partition, acks=all.

import { raw, type Found } from '../load.js';
import { BARE_WRITE, touchFreeMemory } from '../memory.js';
import type { Metric, Row, Sample, Scale } from '../row.js';
import { bytes as sayBytes } from '../statistics.js';

interface Load {
  /** Records of a batch, and bytes of each one's value. */
  readonly records: number;
  readonly 'value-bytes': number;
  /** Batches in flight. */
  readonly window: number;
}

const BYTES_PER_MB = 1_000_000;
/** What is written lies in the page cache, and some of it in a broker's own memory. */
const MEMORY_A_BYTE = 1.5;
const CPU_PER_MB: Metric = { name: 'cpuMsPerMb', title: 'broker CPU a MB', unit: 'ms/MB', better: 'lower', aim: 0.35 };
const throughput = (aim: number): Metric => ({ name: 'mbPerSecond', title: 'throughput', unit: 'MB/s', better: 'higher', aim });

const figures = ({ bytes, batches, seconds }: Found) => ({
  mbPerSecond: bytes! / BYTES_PER_MB / seconds!, batchesPerSecond: batches! / seconds!,
});

const sentence = ({ records, 'value-bytes': valueBytes, window }: Load, { seconds, produceBytes }: Scale): string =>
  `${window} batches in flight on one connection, each of ${records} record${records === 1 ? '' : 's'} of ${valueBytes} bytes, \`acks=all\`; `
  + `${seconds} s or ${sayBytes(produceBytes)}`;

interface Shape {
  readonly name: string;
  readonly title: string;
  readonly metrics: readonly Metric[];
  readonly load: Load;
  readonly configs?: Readonly<Record<string, string>>;
  readonly quick?: boolean;
}

function produceRow({ name, title, metrics, load, configs, quick = true }: Shape): Row {
  const run = (address: string, topic: string, scale: Scale) =>
    raw('produce', { ...load, address, topic, seconds: scale.seconds, 'max-bytes': scale.produceBytes });
  return {
    name, title, metrics, quick, warm: true, load: scale => sentence(load, scale),
    before: ({ dataFolder }, { produceBytes }) => touchFreeMemory(dataFolder, MEMORY_A_BYTE * produceBytes),
    run: (target, scale) => target.withTopic(name, 1, async (topic): Promise<Sample> => {
      const { result, cost } = await target.cost(() => run(target.address, topic, scale));
      return {
        values: {
          ...figures(result), cpuMsPerMb: cost.cpuSeconds * 1000 / (result['bytes']! / BYTES_PER_MB),
          cpuUsPerBatch: cost.cpuSeconds * 1e6 / result['batches']!,
        },
        cost, clientCores: result['clientCores']!,
      };
    }, configs),
    ...(configs === undefined && { limit: async (address: string, scale: Scale) => figures(await run(address, name, scale)) }),
  };
}

/** The batches of every row: no frame is a multiple of the 64 KB that buffers like to be. */
const LARGE: Load = { records: 1000, 'value-bytes': 1000, window: 4 };
const MIDDLE: Load = { records: 17, 'value-bytes': 1000, window: 64 };
const SMALL: Load = { records: 1, 'value-bytes': 1030, window: 256 };

export const produceRows: readonly Row[] = [
  produceRow({ name: 'produce-1mb', title: 'raw produce, 1 MB batches', metrics: [throughput(3), CPU_PER_MB, BARE_WRITE], load: LARGE }),
  produceRow({ name: 'produce-17kb', title: 'raw produce, 17 KB batches', metrics: [throughput(4), CPU_PER_MB, BARE_WRITE], load: MIDDLE }),
  produceRow({
    name: 'produce-1kb', title: 'raw produce, 1.1 KB batches', load: SMALL,
    metrics: [
      { name: 'batchesPerSecond', title: 'batches', unit: 'batches/s', better: 'higher', aim: 6 },
      { name: 'cpuUsPerBatch', title: 'broker CPU a record', unit: 'us/record', better: 'lower', aim: 0.35 },
    ],
  }),
  produceRow({
    name: 'produce-fsync', title: 'raw produce, 17 KB batches, an fsync per write (flush.messages=1)', load: MIDDLE, quick: false,
    configs: { 'flush.messages': '1' }, metrics: [{ name: 'mbPerSecond', title: 'throughput', unit: 'MB/s', better: 'higher' }],
  }),
];
