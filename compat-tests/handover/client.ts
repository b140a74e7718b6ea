// One connection to whichever broker runs, with the few requests that all strands of the workload make.

import { NodeNet } from '../../src/env/node/index.js';
import { createTopicsApi } from '../../src/protocol/generated/create-topics.js';
import { describeConfigsApi } from '../../src/protocol/generated/describe-configs.js';
import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { findCoordinatorApi } from '../../src/protocol/generated/find-coordinator.js';
import { fetchApi } from '../../src/protocol/generated/fetch.js';
import { incrementalAlterConfigsApi } from '../../src/protocol/generated/incremental-alter-configs.js';
import { listOffsetsApi } from '../../src/protocol/generated/list-offsets.js';
import { produceApi } from '../../src/protocol/generated/produce.js';
import { batchesIn } from '../../src/protocol/records/batch-iterator.js';
import * as batch from '../../src/protocol/records/batch.js';
import { RawClient } from '../../src/testing/raw-client.js';
import { until } from '../support/until.js';

/** Of the last versions that name topics instead of ids. */
const PRODUCE_VERSION = 12;
const FETCH_VERSION = 12;
const FETCH_BYTES = 8 * 1024 * 1024;
export const TIMEOUT_MS = 30_000;

/** ListOffsets' timestamps that stand for an end of the log. */
export const EARLIEST = -2;
export const LATEST = -1;

/** What a broker may say for a moment after its start, or after a topic was made. */
const PASSING: readonly number[] = [
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.LEADER_NOT_AVAILABLE, ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.NOT_COORDINATOR, ErrorCode.UNKNOWN_TOPIC_ID, ErrorCode.CONCURRENT_TRANSACTIONS,
];

export interface Produced {
  readonly errorCode: number;
  readonly baseOffset: number;
  /** -1 unless the topic is of LogAppendTime. */
  readonly logAppendTimeMs: number;
}

export class Client {
  private constructor(readonly raw: RawClient) {}

  static async connect(port: number): Promise<Client> {
    return new Client(await RawClient.connect(new NodeNet(), port, { clientId: 'hand-over' }));
  }

  close(): void {
    this.raw.close();
  }

  /** Asks again while the answer is one that passes; anything else that is not NONE is thrown. */
  async settled<Answer>(what: string, ask: () => Promise<Answer>, errorCodeOf: (answer: Answer) => number): Promise<Answer> {
    const answer = await until(what, ask, one => !PASSING.includes(errorCodeOf(one)));
    if (errorCodeOf(answer) !== ErrorCode.NONE) throw new Error(`${what} got error ${errorCodeOf(answer)}: ${JSON.stringify(answer)}`);
    return answer;
  }

  async createTopic(name: string, configs: Readonly<Record<string, string>> = {}, numPartitions = 1): Promise<string> {
    const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })) };
    // A name is free again only once its former topic is gone everywhere.
    const created = await until(`creating ${name}`, () => this.raw.send(createTopicsApi, { topics: [topic], timeoutMs: TIMEOUT_MS }),
      ({ topics }) => topics[0]!.errorCode !== ErrorCode.TOPIC_ALREADY_EXISTS);
    const [answer] = created.topics;
    if (answer!.errorCode !== ErrorCode.NONE) throw new Error(`creating ${name} got error ${answer!.errorCode}: ${answer!.errorMessage}`);
    return answer!.topicId;
  }

  /** Makes the internal topic, where there is none. `keyType` 0: a group, 1: a transaction, 2: a share partition. */
  async findCoordinator(key: string, keyType: number): Promise<void> {
    await this.settled(`the coordinator of ${key}`, async () => {
      const { coordinators } = await this.raw.send(findCoordinatorApi, { keyType, coordinatorKeys: [key] });
      return coordinators[0]!;
    }, ({ errorCode }) => errorCode);
  }

  /** Whatever the answer is, once the partition is led. */
  async produce(topic: string, partition: number, records: Buffer, transactionalId: string | null = null): Promise<Produced> {
    return until(`producing to ${topic}-${partition}`, async () => {
      const { responses } = await this.raw.send(produceApi, {
        transactionalId, acks: -1, timeoutMs: TIMEOUT_MS, topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
      }, PRODUCE_VERSION);
      const { errorCode, baseOffset, logAppendTimeMs } = responses[0]!.partitionResponses[0]!;
      return { errorCode, baseOffset: Number(baseOffset), logAppendTimeMs: Number(logAppendTimeMs) };
    }, ({ errorCode }) => !PASSING.includes(errorCode));
  }

  async offset(topic: string, partition: number, timestamp: number): Promise<number> {
    const answer = await this.settled(`the offsets of ${topic}-${partition}`, async () => {
      const { topics } = await this.raw.send(listOffsetsApi, { replicaId: -1, topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }], timeoutMs: TIMEOUT_MS }, 9);
      return topics[0]!.partitions[0]!;
    }, ({ errorCode }) => errorCode);
    return Number(answer.offset);
  }

  /** Whole batches from the log's start to its end, in as many fetches as it takes. */
  async readAll(topic: string, partition: number, isolationLevel = 0): Promise<{ batches: Buffer; aborted: { producerId: number; firstOffset: number }[] }> {
    const end = await this.offset(topic, partition, LATEST);
    const read: Buffer[] = [];
    const aborted = new Map<string, { producerId: number; firstOffset: number }>();
    for (let offset = await this.offset(topic, partition, EARLIEST); offset < end;) {
      const { responses } = await this.raw.send(fetchApi, {
        maxWaitMs: 0, minBytes: 0, maxBytes: FETCH_BYTES, isolationLevel, sessionEpoch: -1,
        topics: [{ topic, partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: FETCH_BYTES }] }],
      }, FETCH_VERSION);
      const { errorCode, records, abortedTransactions, lastStableOffset } = responses[0]!.partitions[0]!;
      if (errorCode !== ErrorCode.NONE) throw new Error(`fetching ${topic}-${partition} from ${offset} got error ${errorCode}`);
      for (const { producerId, firstOffset } of abortedTransactions ?? []) {
        aborted.set(`${producerId} ${firstOffset}`, { producerId: Number(producerId), firstOffset: Number(firstOffset) });
      }
      const batches = records ?? Buffer.alloc(0);
      const at = [...batchesIn(batches)].at(-1);
      // Compaction may have left nothing between here and the end, and a transaction may keep the end from us.
      if (at === undefined) break;
      read.push(batches.subarray(0, at + batch.sizeInBytes(batches, at)));
      offset = batch.nextOffset(batches, at);
      if (isolationLevel > 0 && offset >= Number(lastStableOffset)) break;
    }
    return { batches: Buffer.concat(read), aborted: [...aborted.values()] };
  }

  /** Sets, or with null unsets, settings of a resource. */
  async alterConfigs(resourceType: number, resourceName: string, values: Readonly<Record<string, string | null>>): Promise<void> {
    const configs = Object.entries(values).map(([name, value]) => ({ name, value, configOperation: value === null ? 1 : 0 }));
    await this.settled(`changing settings of ${resourceName}`, async () => {
      const { responses } = await this.raw.send(incrementalAlterConfigsApi, { resources: [{ resourceType, resourceName, configs }], validateOnly: false });
      return responses[0]!;
    }, ({ errorCode }) => errorCode);
  }

  /** What was set on the resource itself; defaults and what comes of the file are left out. */
  async dynamicConfigs(resourceType: number, resourceName: string): Promise<Record<string, string | null>> {
    const answer = await this.settled(`the settings of ${resourceName}`, async () => {
      const { results } = await this.raw.send(describeConfigsApi, { resources: [{ resourceType, resourceName, configurationKeys: null }] });
      return results[0]!;
    }, ({ errorCode }) => errorCode);
    return Object.fromEntries(answer.configs.filter(({ configSource }) => DYNAMIC.includes(configSource)).map(({ name, value }) => [name, value]));
  }
}

/** DescribeConfigs' sources: topic, broker, cluster-wide, client metrics, group. */
const DYNAMIC = [1, 2, 3, 7, 8];

/** Throws unless both say the same. */
export function same(what: string, found: unknown, owed: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(owed)) throw new Error(`${what}: ${JSON.stringify(found)} where ${JSON.stringify(owed)} is due`);
}
