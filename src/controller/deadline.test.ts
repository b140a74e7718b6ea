import { expect, test } from '@jest/globals';
import { ErrorCode } from '../protocol/generated/errors.js';
import { ZERO_UUID } from '../protocol/wire/types.js';
import { Cluster, codeOf } from './testing/cluster.js';

const topic = { name: 'late', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };

test('what may take no time is not begun, unless there is nothing to begin', async () => {
  const { api, log } = await Cluster.serving([1]);
  const before = log.endOffset;
  const drop = { name: 'late', topicId: ZERO_UUID };
  const grow = { name: 'late', count: 2, assignments: null };
  for (const timeoutMs of [0, -1]) {
    const late = [
      api.createTopics({ timeoutMs, topics: [topic] }),
      api.createPartitions({ timeoutMs, validateOnly: false, topics: [grow] }),
      api.deleteTopics({ timeoutMs, topics: [drop] }),
      api.electLeaders({ timeoutMs, topicPartitions: null }),
      api.alterPartitionReassignments({ timeoutMs, topics: [{ name: 'late', partitions: [] }] }),
    ];
    for (const request of late) expect(await codeOf(request)).toBe(ErrorCode.REQUEST_TIMED_OUT);
    const nothing = [
      api.createTopics({ timeoutMs, topics: [] }),
      api.createTopics({ timeoutMs, topics: [topic, topic] }),
      api.createPartitions({ timeoutMs, validateOnly: false, topics: [grow, grow] }),
      api.deleteTopics({ timeoutMs, topics: [drop, drop] }),
      api.electLeaders({ timeoutMs, topicPartitions: [] }),
      api.alterPartitionReassignments({ timeoutMs, topics: [] }),
    ];
    for (const request of nothing) expect(await codeOf(request)).toBeUndefined();
  }
  expect(log.endOffset).toBe(before);
});
