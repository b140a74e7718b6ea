// Latency at 1,000 records of 1,000 bytes a second, on a fixed schedule, and many connections with one small request each.

import { raw, type Found } from '../load.js';
import type { Metric, Row, Scale } from '../row.js';

const RATE = 1000;
const CONNECTIONS = 100;

const percentiles: readonly Metric[] = [
  { name: 'p50Ms', title: 'p50', unit: 'ms', better: 'lower', aim: 0.8 },
  { name: 'p99Ms', title: 'p99', unit: 'ms', better: 'lower', aim: 0.5 },
  { name: 'p999Ms', title: 'p99.9', unit: 'ms', better: 'lower' },
];

function latencyRow(name: string, title: string, acks: number, consume: boolean, quick: boolean): Row {
  return {
    name, title, metrics: percentiles, quick, warm: true,
    load: ({ latencySeconds }) => `${RATE} records a second for ${latencySeconds} s, on a schedule that does not wait for answers; timed from the send`,
    run: (target, scale) => target.withTopic(name, 1, async topic => {
      const load = { address: target.address, topic, acks, consume, rate: RATE, seconds: scale.latencySeconds };
      const { result, cost } = await target.cost(() => raw('latency', load));
      const what = consume ? 'arrival' : 'ack';
      return {
        values: {
          p50Ms: result[`${what}P50Ms`]!, p99Ms: result[`${what}P99Ms`]!, p999Ms: result[`${what}P999Ms`]!,
          // How late the client itself was: what its schedule is worth.
          lateP99Ms: result['lateP99Ms']!,
        },
        cost, clientCores: result['clientCores']!,
      };
    }),
  };
}

const requests = ({ requests: count, seconds }: Found) => ({ requestsPerSecond: count! / seconds! });

function connectionsRow(name: string, title: string, produces: boolean): Row {
  const run = (address: string, scale: Scale, topic = '') => raw('small', { address, topic, connections: CONNECTIONS, seconds: scale.seconds });
  return {
    name, title, quick: !produces, warm: true,
    metrics: [
      { name: 'requestsPerSecond', title: 'requests', unit: 'requests/s', better: 'higher', aim: 1.3 },
      { name: 'cpuUsPerRequest', title: 'broker CPU a request', unit: 'us/request', better: 'lower', aim: 0.5 },
    ],
    async run(target, scale) {
      const load = async (topic: string) => {
        const { result, cost } = await target.cost(() => run(target.address, scale, topic));
        return { values: { ...requests(result), cpuUsPerRequest: cost.cpuSeconds * 1e6 / result['requests']! }, cost, clientCores: result['clientCores']! };
      };
      return produces ? await target.withTopic(name, 1, load) : await load('');
    },
    limit: async (address, scale) => requests(await run(address, scale, produces ? 'null' : '')),
  };
}

export const latencyRows: readonly Row[] = [
  latencyRow('latency-acks-1', 'acks=1 at 1,000 records/s', 1, false, false),
  latencyRow('latency-acks-all', 'acks=all at 1,000 records/s', -1, false, true),
  latencyRow('latency-end-to-end', 'end to end (acks=all, a waiting consumer) at 1,000 records/s', -1, true, false),
  connectionsRow('connections-100', '100 connections, one small request (ApiVersions) in flight on each', false),
  connectionsRow('connections-100-produce', '100 connections, one record of 100 bytes in flight on each, one partition', true),
];
