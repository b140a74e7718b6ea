// All rows, in the order in which they are run and shown.

import type { Row, Scale } from '../row.js';
import { clientRows } from './clients.js';
import { fetchRows } from './fetch.js';
import { groupRows } from './groups.js';
import { latencyRows } from './latency.js';
import { produceRows } from './produce.js';
import { processRows, topicRows } from './topics.js';
import { transactionalIdRows } from './transactional-ids.js';
import { transactionRows } from './transactions.js';

export const ROWS: readonly Row[] = [...produceRows, ...fetchRows, ...clientRows, ...latencyRows, ...transactionRows, ...topicRows, ...groupRows, ...transactionalIdRows, ...processRows];

export const FULL: Scale = {
  seconds: 3, produceBytes: 1_000_000_000, catchUpBytes: 2_000_000_000, clientRecords: 700_000, latencySeconds: 6,
  endToEndRecords: 3_000, groups: 20, manyPartitions: 1_000, startPartitions: 10_000, startGroups: 1_000, startTransactionalIds: 10_000, idleTransactionalIds: 100_000,
  javaWarmSeconds: 3, pipelineRecords: 1_000_000, idleSeconds: 3,
};

export const QUICK: Scale = {
  seconds: 0.7, produceBytes: 200_000_000, catchUpBytes: 200_000_000, clientRecords: 100_000, latencySeconds: 1.5,
  endToEndRecords: 500, groups: 5, manyPartitions: 1_000, startPartitions: 1_000, startGroups: 100, startTransactionalIds: 1_000, idleTransactionalIds: 10_000,
  javaWarmSeconds: 1, pipelineRecords: 200_000, idleSeconds: 1,
};

/** What is done before anything counts; the records that consumers read are those of the run itself. */
export function warming(scale: Scale): Scale {
  return { ...scale, seconds: Math.min(scale.seconds, 2), latencySeconds: Math.min(scale.latencySeconds, 2), produceBytes: Math.min(scale.produceBytes, 500_000_000) };
}
