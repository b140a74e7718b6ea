import type { Assignor } from './assignor.js';
import { assignHeterogeneous } from './uniform-heterogeneous.js';
import { assignHomogeneous } from './uniform-homogeneous.js';

/**
 * Kafka's `UniformAssignor` of 4.3.1: as even as can be, and then as sticky as can be. Racks have no part in it: KIP-848 describes
 * rack awareness, but the assignors of the broker do not look at `rackId`.
 */
export const uniformAssignor: Assignor = {
  name: 'uniform',
  assign(group, topics) {
    if (group.members.size === 0) return new Map();
    return group.isHomogeneous ? assignHomogeneous(group, topics) : assignHeterogeneous(group, topics);
  },
};
