// Topics made, awaited and removed, over one connection.

import { readdirSync } from 'node:fs';
import { NodeNet } from '../../src/env/node/index.js';
import { createTopicsApi } from '../../src/protocol/generated/create-topics.js';
import { deleteTopicsApi } from '../../src/protocol/generated/delete-topics.js';
import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { listOffsetsApi } from '../../src/protocol/generated/list-offsets.js';
import { RawClient } from '../../src/testing/raw-client.js';
import { pause } from '../support/until.js';

const TIMEOUT_MS = 120_000;
const RETRY_MS = 10;
const REMOVAL_PATIENCE_MS = 20_000;
/** The last version that names topics instead of ids. */
const DELETE_BY_NAME_VERSION = 5;
const LIST_OFFSETS_VERSION = 7;
const LATEST = -1;
const READ_COMMITTED = 1;

export interface Topic {
  readonly name: string;
  readonly partitions: number;
  readonly configs?: Readonly<Record<string, string>>;
}

export class Admin {
  private constructor(private readonly client: RawClient) {}

  static async connect(host: string, port: number): Promise<Admin> {
    return new Admin(await RawClient.connect(new NodeNet(), port, { host, clientId: 'bench-admin' }));
  }

  async createTopics(topics: readonly Topic[]): Promise<void> {
    const { topics: answers } = await this.client.send(createTopicsApi, {
      topics: topics.map(({ name, partitions, configs }) => ({
        name, numPartitions: partitions, replicationFactor: 1, assignments: [],
        configs: Object.entries(configs ?? {}).map(([key, value]) => ({ name: key, value })),
      })),
      timeoutMs: TIMEOUT_MS,
    });
    for (const { name, errorCode, errorMessage } of answers) {
      if (errorCode !== ErrorCode.NONE) throw new Error(`topic ${name} was refused with ${errorCode}: ${errorMessage}`);
    }
  }

  /** Resolves when every partition's leader answers: Apache acknowledges a creation before that. */
  async untilServed(topics: readonly Topic[]): Promise<void> {
    let asked = topics.map(({ name, partitions }) => ({ name, partitions: Array.from({ length: partitions }, (_, index) => index) }));
    const deadlineMs = performance.now() + TIMEOUT_MS;
    for (;;) {
      const answer = await this.client.send(listOffsetsApi, {
        replicaId: -1, topics: asked.map(({ name, partitions }) => ({ name, partitions: partitions.map(partitionIndex => ({ partitionIndex, timestamp: LATEST })) })),
      }, LIST_OFFSETS_VERSION);
      // Only what is not there yet is asked for again: the questions should not be what keeps the broker busy.
      asked = answer.topics.map(({ name, partitions }) => ({
        name, partitions: partitions.filter(({ errorCode }) => errorCode !== ErrorCode.NONE).map(({ partitionIndex }) => partitionIndex),
      })).filter(({ partitions }) => partitions.length > 0);
      if (asked.length === 0) return;
      if (performance.now() > deadlineMs) throw new Error(`topic ${asked[0]!.name} and perhaps others are not served`);
      await pause(RETRY_MS);
    }
  }

  /** The sum of the partitions' last stable offsets: all records and markers of transactions that are over, where nothing was deleted. */
  async stableOffsets({ name, partitions }: Topic): Promise<number> {
    const { topics } = await this.client.send(listOffsetsApi, {
      replicaId: -1, isolationLevel: READ_COMMITTED,
      topics: [{ name, partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: LATEST })) }],
    }, LIST_OFFSETS_VERSION);
    return topics[0]!.partitions.reduce((sum, { offset }) => sum + Number(offset), 0);
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    await this.client.send(deleteTopicsApi, { topicNames: names, timeoutMs: TIMEOUT_MS }, DELETE_BY_NAME_VERSION);
  }

  /** Resolves when nothing of the topics is left on disk, or after a while: then the next row lives with it. */
  async untilRemoved(dataDir: string, topics: readonly string[]): Promise<void> {
    const names = new Set(topics);
    const isLeft = (folder: string) => folder.endsWith('-delete') || names.has(folder.slice(0, folder.lastIndexOf('-')));
    const deadlineMs = performance.now() + REMOVAL_PATIENCE_MS;
    while (performance.now() < deadlineMs && readdirSync(dataDir).some(isLeft)) await pause(RETRY_MS * 2);
  }

  close(): void {
    this.client.close();
  }
}
