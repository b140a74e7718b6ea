// Reads along all that pipelines read and write, and what their groups commit, and notes it down for the checker of histories.

import type { Operation, Positions } from '../../src/testing/history/history.js';
import type { RawClient } from '../../src/testing/raw-client.js';
import type { BrokerUnderTest } from '../support/brokers.js';
import { pause } from '../support/until.js';
import { withClient } from '../support/with-client.js';
import { CommittedPartition } from './committed-log.js';
import { committedOffsets, type Group } from './group-offsets.js';
import type { Judged, Records } from './judged.js';

const PAUSE_MS = 200;

/** One partition, read at read_committed from its beginning on by a process of its own. */
class Reader {
  readonly operations: Operation[];
  lastGrowthMs = -Infinity;
  private readonly key: string;
  private noted = 0;
  private notedEnd = -1;
  private hasReached = false;

  constructor(readonly partition: CommittedPartition, private readonly process: number, private readonly tellsEnds: boolean) {
    this.key = `${partition.topic}-${partition.partition}`;
    this.operations = [{ kind: 'assign', process, outcome: 'ok', positions: { [this.key]: 0 } }];
  }

  async readOn(client: RawClient): Promise<void> {
    let startMs = Date.now();
    await this.partition.readOn(client, () => {
      const endMs = Date.now();
      this.note(startMs, endMs);
      startMs = endMs;
    });
  }

  private note(startMs: number, endMs: number): void {
    const { records, lastStableOffset, isAtEnd } = this.partition;
    const common = { process: this.process, outcome: 'ok', startMs, endMs } as const;
    if (records.length > this.noted) {
      const read = records.slice(this.noted).map(({ offset, value }) => [offset, value] as const);
      this.operations.push({ ...common, kind: 'data', micro: [{ kind: 'poll', records: { [this.key]: read } }] });
      this.noted = records.length;
      this.lastGrowthMs = endMs;
    }
    if (!this.tellsEnds || (lastStableOffset === this.notedEnd && isAtEnd === this.hasReached)) return;
    this.operations.push({ ...common, kind: 'ends', ends: { [this.key]: lastStableOffset }, reached: isAtEnd });
    this.notedEnd = lastStableOffset;
    this.hasReached = isAtEnd;
  }
}

export class Tail {
  private readonly readers: readonly Reader[];
  /** By group and topic. */
  private readonly commits = new Map<Group, Operation[]>();
  private readonly groupProcess: number;
  private isStopped = false;
  private readonly running: Promise<void>;

  /** `newProcess`: a number for each thread of control. */
  constructor(private readonly broker: Pick<BrokerUnderTest, 'port' | 'kind'>, private readonly judged: readonly Judged[], newProcess: () => number) {
    const mayGoBack = broker.kind === 'apache';
    this.readers = judged.flatMap(({ topics }) => topics).flatMap(({ name, partitions }) =>
      Array.from({ length: partitions }, (_, index) => new Reader(new CommittedPartition(name, index, mayGoBack), newProcess(), !mayGoBack)));
    for (const group of judged.flatMap(({ groups }) => groups)) this.commits.set(group, []);
    this.groupProcess = newProcess();
    this.running = this.run();
  }

  get partitions(): readonly CommittedPartition[] {
    return this.readers.map(({ partition }) => partition);
  }

  /** When each topic last had something new; -Infinity before its first record. */
  get lastGrowthMs(): ReadonlyMap<string, number> {
    const growth = new Map<string, number>();
    for (const { partition: { topic }, lastGrowthMs } of this.readers) growth.set(topic, Math.max(growth.get(topic) ?? -Infinity, lastGrowthMs));
    return growth;
  }

  /** Who has not committed anything in one of its topics since then. */
  silentSince(sinceMs: number): string[] {
    const growth = this.lastGrowthMs;
    return this.judged.filter(({ topics }) => topics.some(({ name }) => growth.get(name)! < sinceMs)).map(({ name }) => name);
  }

  readonly records: Records = topic => this.readers.filter(({ partition }) => partition.topic === topic).map(({ partition }) => partition.records);

  /** What was read of a topic, and told of its end. */
  readings(topic: string): Operation[] {
    return this.readers.filter(({ partition }) => partition.topic === topic).flatMap(({ operations }) => operations);
  }

  /** What the group was found to have committed, the last time when all was over. */
  commitsOf(group: Group): Operation[] {
    return this.commits.get(group)!;
  }

  /** Reads to the end once more, and no further. */
  async finish(): Promise<void> {
    await this.stop();
    await this.readOn();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      // The broker may be away.
      await this.readOn().catch(() => undefined);
      await pause(PAUSE_MS);
    }
  }

  /** All at once over one connection, so that none waits for the others' sake; ends when nothing is under way any more. */
  private readOn(): Promise<void> {
    return withClient(this.broker, async client => {
      const asked = [...Array.from(this.commits.keys(), group => this.askFor(group, client)), ...this.readers.map(reader => reader.readOn(client))];
      const failed = (await Promise.allSettled(asked)).find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    });
  }

  private async askFor(group: Group, client: RawClient): Promise<void> {
    const startMs = Date.now();
    const { offsets } = await committedOffsets(client, group);
    const noted = this.commits.get(group)!;
    const last = noted.at(-1);
    if (!this.isStopped && last?.kind === 'committed' && isSame(last.offsets, offsets)) return;
    noted.push({ kind: 'committed', process: this.groupProcess, outcome: 'ok', group: group.group, offsets, startMs, endMs: Date.now() });
  }
}

const isSame = (some: Positions, others: Positions): boolean => JSON.stringify(some) === JSON.stringify(others);
