import type { Family } from '../step.js';
import { cluster, elections, offsets, security } from './administration.js';
import { configs, quotas, resources } from './configs.js';
import { consoles } from './console.js';
import { consumerGroups, consumerProtocol } from './consumer-groups.js';
import { files } from './files.js';
import { newerGroups } from './newer-groups.js';
import { modernPerformance, performance } from './performance.js';
import { reassignments } from './reassignments.js';
import { kept, restarted } from './restart.js';
import { topics } from './topics.js';
import { transactions } from './transactions.js';

/** The script, in the order in which it is played. */
export const FAMILIES: readonly Family[] = [
  topics, configs, quotas, resources, consoles, consumerGroups, performance, consumerProtocol, modernPerformance,
  offsets, elections, reassignments, transactions, cluster, security, newerGroups, kept, restarted, files,
];
