import type { Family } from '../step.js';
import { configs, quotas, resources } from './configs.js';
import { consoles } from './console.js';
import { consumerGroups, consumerProtocol } from './consumer-groups.js';
import { modernPerformance, performance } from './performance.js';
import { topics } from './topics.js';

/** The script, in the order in which it is played. */
export const FAMILIES: readonly Family[] = [topics, configs, quotas, resources, consoles, consumerGroups, performance, consumerProtocol, modernPerformance];
