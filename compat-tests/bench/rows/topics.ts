// Many partitions: made, and found again at a start.

import type { BrokerUnderTest } from '../../support/brokers.js';
import { pause } from '../../support/until.js';
import { Admin, type Topic } from '../admin.js';
import { costSoFar, residentMb } from '../process-cost.js';
import type { Row, Sample } from '../row.js';
import type { Target } from '../target.js';
import { writeFirstRecord, writeRecord } from '../first-record.js';

const SMALL_TOPICS = 200;
const PARTITIONS_A_TOPIC = 1000;

async function creation(target: Target, topics: readonly Topic[]): Promise<Sample> {
  const { cost } = await target.cost(() => target.createTopics(topics));
  await target.deleteTopics(topics);
  return { values: { ms: cost.seconds * 1000 }, cost, clientCores: null };
}

const TIME = { name: 'ms', title: 'time until all partitions are served', unit: 'ms', better: 'lower' } as const;

/** A stopped broker with many partitions. */
function stopped(target: Target, partitions: number): Promise<{ broker: BrokerUnderTest; lastTopic: string }> {
  return target.once(`stopped-${partitions}`, async () => {
    const broker = target.fresh();
    await broker.start();
    const admin = await Admin.connect(broker.host, broker.port);
    let lastTopic = '';
    try {
      for (let made = 0; made < partitions; made += PARTITIONS_A_TOPIC) {
        lastTopic = `many-${made}`;
        const topic = { name: lastTopic, partitions: Math.min(PARTITIONS_A_TOPIC, partitions - made) };
        await admin.createTopics([topic]);
        await admin.untilServed([topic]);
      }
    } finally {
      admin.close();
    }
    await broker.stop();
    return { broker, lastTopic };
  }, 'own');
}

export const topicRows: readonly Row[] = [
  {
    name: 'topic-1000', title: 'one topic of 1,000 partitions', metrics: [{ ...TIME, aim: 0.05 }],
    run: (target, scale) => creation(target, [{ name: target.topicName('many'), partitions: scale.manyPartitions }]),
  },
  {
    name: 'topics-200', title: '200 topics in one request', metrics: [{ ...TIME, aim: 0.1 }], quick: true,
    run: target => creation(target, Array.from({ length: SMALL_TOPICS }, () => ({ name: target.topicName('few'), partitions: 1 }))),
  },
  {
    name: 'start-10000', ownBroker: true, title: 'start with 10,000 partitions after a clean stop, to the first acknowledged record',
    metrics: [{ name: 'ms', title: 'time', unit: 'ms', better: 'lower' }, { name: 'residentMb', title: 'resident memory', unit: 'MB', better: 'lower' }],
    async run(target, scale) {
      const { broker, lastTopic } = await stopped(target, scale.startPartitions);
      const startMs = performance.now();
      await broker.start();
      await writeRecord(broker, lastTopic);
      const ms = performance.now() - startMs;
      const cost = costSoFar(broker.pid, ms / 1000);
      await broker.stop();
      return { values: { ms, residentMb: cost.residentMb }, cost, clientCores: null };
    },
  },
];

export const processRows: readonly Row[] = [
  {
    name: 'cold-start', ownBroker: true, title: 'cold start on an empty directory, to the first acknowledged record; then idle', quick: true,
    metrics: [
      { name: 'ms', title: 'time', unit: 'ms', better: 'lower', aim: 0.1 },
      { name: 'idleMb', title: 'resident memory, idle', unit: 'MB', better: 'lower', aim: 0.2 },
    ],
    async run(target, scale) {
      const broker = target.fresh();
      try {
        await broker.prepare();
        const startMs = performance.now();
        await broker.start();
        await writeFirstRecord(broker);
        const ms = performance.now() - startMs;
        const cost = costSoFar(broker.pid, ms / 1000);
        await pause(scale.idleSeconds * 1000);
        return { values: { ms, idleMb: residentMb(broker.pid) }, cost, clientCores: null };
      } finally {
        await target.removeBroker(broker);
      }
    },
  },
  {
    name: 'end-memory', title: 'at the end of the run', quick: true, atEnd: true,
    metrics: [{ name: 'residentMb', title: 'resident memory', unit: 'MB', better: 'lower', aim: 0.3 }],
    async run(target, scale) {
      if (target.restarts > 0) throw new Error('the broker did not live through the run: it had to be started anew');
      const { cost } = await target.cost(() => pause(scale.idleSeconds * 1000));
      return { values: { residentMb: cost.residentMb }, cost, clientCores: null };
    },
  },
];
