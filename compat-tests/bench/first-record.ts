// From nothing to the first acknowledged record, over one connection that costs next to nothing.

import { createTopicsApi } from '../../src/protocol/generated/create-topics.js';
import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { produceApi } from '../../src/protocol/generated/produce.js';
import { buildBatch } from '../../src/protocol/records/batch-builder.js';
import type { RawClient } from '../../src/testing/raw-client.js';
import { pause } from '../support/until.js';
import { connected, type Address } from './connection.js';

const TOPIC = 'first';
const TIMEOUT_MS = 10_000;
/** Of the last version that names topics instead of ids. */
const PRODUCE_VERSION = 12;
const RETRY_MS = 2;

/** Creates a topic and writes one record to it; resolves when that is acknowledged. */
export async function writeFirstRecord(address: Address): Promise<void> {
  await connected(address, async client => {
    const created = await client.send(createTopicsApi, {
      topics: [{ name: TOPIC, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: TIMEOUT_MS,
    });
    if (created.topics[0]!.errorCode !== ErrorCode.NONE) throw new Error(`the topic was refused with ${created.topics[0]!.errorCode}`);
    await produceOne(client, TOPIC);
  });
}

/** Writes one record to a topic that there is; resolves when that is acknowledged. */
export async function writeRecord(address: Address, topic: string): Promise<void> {
  await connected(address, client => produceOne(client, topic));
}

async function produceOne(client: RawClient, topic: string): Promise<void> {
  const records = buildBatch({}, [{ timestampMs: Date.now(), key: null, value: Buffer.from('first') }]);
  for (;;) {
    const produced = await client.send(produceApi, {
      acks: -1, timeoutMs: TIMEOUT_MS, topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
    }, PRODUCE_VERSION);
    const errorCode = produced.responses[0]!.partitionResponses[0]!.errorCode;
    if (errorCode === ErrorCode.NONE) return;
    // Apache answers the creation before the leader serves.
    if (errorCode !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION && errorCode !== ErrorCode.NOT_LEADER_OR_FOLLOWER) throw new Error(`the record was refused with ${errorCode}`);
    await pause(RETRY_MS);
  }
}
