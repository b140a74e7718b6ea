// The coordinator's own topic, once it is there, to those who are not the coordinator.

import {
  createTopicsApi, deleteRecordsApi, describeConfigsApi, describeTopicPartitionsApi, metadataApi, produceApi,
} from '../../../src/protocol/generated/index.js';
import type { Player } from '../player.js';
import { produceRequest, records } from './produce.js';

const TIMEOUT_MS = 10_000;
const NAME = '__consumer_offsets';

export async function internals(player: Player): Promise<void> {
  const topicId = await player.untilServed(NAME);
  await player.ask('an internal topic', metadataApi, { topics: [{ name: NAME }], includeTopicAuthorizedOperations: true });
  await player.ask('an internal topic', describeTopicPartitionsApi, { topics: [{ name: NAME }] });
  await player.ask('an internal topic', describeConfigsApi, {
    resources: [{ resourceType: 2, resourceName: NAME, configurationKeys: null }], includeSynonyms: true, includeDocumentation: false,
  });
  await player.ask('an internal topic that is there', produceApi, produceRequest({ name: NAME, topicId }, records(1)));
  await player.ask('an internal topic that is there', deleteRecordsApi, { topics: [{ name: NAME, partitions: [{ partitionIndex: 0, offset: 0 }] }], timeoutMs: TIMEOUT_MS });
  await player.ask('an internal topic that is there', createTopicsApi, { topics: [{ name: NAME, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: TIMEOUT_MS });
  await player.ask('coordinators\' topics by themselves', createTopicsApi, {
    topics: ['__transaction_state', '__share_group_state'].map(name => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] })),
    timeoutMs: TIMEOUT_MS, validateOnly: true,
  }, { from: 1 });
}
