import { expect } from '@jest/globals';
import { Broker } from '../broker/broker.js';
import { localSettings } from '../config/local-start.js';
import { type SimWorld } from '../env/sim/index.js';
import type { MetadataResponse } from '../protocol/generated/metadata.js';
import { alterReplicaLogDirsApi, createTopicsApi, describeLogDirsApi, fetchApi, metadataApi, produceApi } from '../protocol/generated/index.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { batchesIn, recordsIn } from '../protocol/records/batch-iterator.js';
import { RawClient, type ClientApi } from './raw-client.js';

const PORT = 9092;

/** A broker over the log directories /one (with the metadata log) and /two of one simulated machine, and a client to ask it. */
export class TwoDirectories {
  broker: Broker | undefined;
  #client: RawClient | undefined;

  constructor(readonly world: SimWorld, private readonly settings: Readonly<Record<string, string>> = {}) {}

  get machine() {
    return this.world.node('broker').machine;
  }

  get disk() {
    return this.world.node('broker').disk;
  }

  async start(): Promise<this> {
    for (const directory of ['/one', '/two']) if (this.disk.stat(directory) === undefined) this.disk.makeDirectory(directory);
    this.disk.syncDirectory('/');
    const settings = localSettings({
      'listeners': `PLAINTEXT://broker:${PORT}`, 'log.dirs': '/one,/two', 'metadata.log.dir': '/one', ...this.settings,
    });
    this.broker = await this.world.runUntil(Broker.start({ settings, env: this.world.node('broker') }));
    await this.#connect();
    return this;
  }

  async #connect(): Promise<void> {
    this.#client = await this.world.runUntil(RawClient.connect(this.world.node('client').net, PORT, { host: 'broker' }));
  }

  kill(how: 'kill' | 'crash' = 'kill'): void {
    this.world.node('broker')[how]();
  }

  /** Asks again when the connection ends: a write that fails takes the answers of its turn with it. */
  async ask<RequestInput, Response>(api: ClientApi<RequestInput, Response>, request: RequestInput, version?: number): Promise<Response> {
    try {
      return await this.world.runUntil(this.#client!.send(api, request, version));
    } catch {
      await this.#connect();
      return this.world.runUntil(this.#client!.send(api, request, version));
    }
  }

  async create(name: string, numPartitions = 1, configs: { name: string; value: string }[] = []): Promise<string> {
    const { topics } = await this.ask(createTopicsApi, { topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs }], timeoutMs: 10_000 });
    expect(topics).toMatchObject([{ errorCode: 0 }]);
    return topics[0]!.topicId;
  }

  async metadata(name: string): Promise<MetadataResponse['topics'][number]> {
    return (await this.ask(metadataApi, { topics: [{ name }], allowAutoTopicCreation: false })).topics[0]!;
  }

  /** The error code of one record's produce, acks=all. */
  async produce(topicId: string, index: number, value: string): Promise<number> {
    const records = buildBatch({}, [{ timestampMs: this.world.wallMs, key: null, value: Buffer.from(value) }]);
    const { responses } = await this.ask(produceApi, { acks: -1, timeoutMs: 1000, topicData: [{ topicId, partitionData: [{ index, records }] }] });
    return responses[0]!.partitionResponses[0]!.errorCode;
  }

  /** Asks for a partition of `t` to be moved; the error code. */
  async alter(path: string, partition = 0, topic = 't'): Promise<number> {
    const { results } = await this.ask(alterReplicaLogDirsApi, { dirs: [{ path, topics: [{ name: topic, partitions: [partition] }] }] });
    return results[0]!.partitions[0]!.errorCode;
  }

  /** Asks for a move and does not wait for the answer, which may never come. */
  send(path: string): void {
    this.#client!.send(alterReplicaLogDirsApi, { dirs: [{ path, topics: [{ name: 't', partitions: [0] }] }] }).catch(() => undefined);
  }

  /** Sends a record likewise; tells when it is acknowledged. */
  sendRecord(topicId: string, value: string, acknowledged: () => void): void {
    const records = buildBatch({}, [{ timestampMs: this.world.wallMs, key: null, value: Buffer.from(value) }]);
    this.#client!.send(produceApi, { acks: -1, timeoutMs: 1000, topicData: [{ topicId, partitionData: [{ index: 0, records }] }] })
      .then(({ responses }) => { if (responses[0]!.partitionResponses[0]!.errorCode === 0) acknowledged(); }, () => undefined);
  }

  /** What DescribeLogDirs says, a line a log: directory, partition, offset lag, and whether it is a copy. */
  async described(): Promise<string[]> {
    const { results } = await this.ask(describeLogDirsApi, { topics: null });
    return results.flatMap(({ logDir, topics }) => topics.flatMap(({ name, partitions }) => partitions.map(({ partitionIndex, offsetLag, isFutureKey }) =>
      `${logDir} ${name}-${partitionIndex} lag ${offsetLag}${isFutureKey ? ' future' : ''}`)));
  }

  /** Looks again and again, while time passes. */
  async until(holds: () => boolean | Promise<boolean>): Promise<void> {
    for (let i = 0; i < 1000; i++) {
      if (await holds()) return;
      await this.pass(50);
    }
    throw new Error(`it did not come to pass: ${String(holds)}`);
  }

  fetch(topicId: string, partition: number, fetchOffset = 0, maxWaitMs = 0) {
    return this.#client!.send(fetchApi, {
      maxWaitMs, minBytes: 1, maxBytes: 1 << 24, forgottenTopicsData: [],
      topics: [{ topicId, partitions: [{ partition, fetchOffset, partitionMaxBytes: 1 << 24 }] }],
    });
  }

  /** All values of a partition, or the error code. */
  async read(topicId: string, partition: number): Promise<string[] | number> {
    const values: string[] = [];
    for (;;) {
      const { responses } = await this.world.runUntil(this.fetch(topicId, partition, values.length));
      const { errorCode, records } = responses[0]!.partitions[0]!;
      if (errorCode !== 0) return errorCode;
      if (records === null || records.length === 0) return values;
      for (const at of batchesIn(records)) for (const { value } of recordsIn(records, at)) values.push(Buffer.from(value!).toString());
    }
  }

  /** Time passes, and what is to happen in it does. */
  pass(ms: number): Promise<void> {
    return this.world.runUntil(new Promise<void>(resolve => { this.world.node('client').clock.after(ms, resolve); }), ms + 1);
  }

  /** Partitions of a topic by the directory in which they lie. */
  placed(topic: string): Record<string, number[]> {
    return Object.fromEntries(['/one', '/two'].map(directory => [directory, this.names(directory).flatMap(name => {
      const index = name.startsWith(`${topic}-`) ? name.slice(topic.length + 1) : '';
      return /^\d+$/.test(index) ? [Number(index)] : [];
    })]));
  }

  /** What lies in a directory, whatever faults are planted there. */
  names(directory: string): string[] {
    const planted = this.machine.onDiskOperation;
    this.machine.onDiskOperation = undefined;
    const names = this.disk.list(directory);
    this.machine.onDiskOperation = planted;
    return names;
  }

  /** Every operation under a directory fails from now on; undefined: none does. */
  breakDirectory(directory: string | undefined, code = 'EIO'): void {
    this.machine.onDiskOperation = directory === undefined ? undefined : ({ path }) => (`${path}/`.startsWith(`${directory}/`) ? { code } : undefined);
  }
}
