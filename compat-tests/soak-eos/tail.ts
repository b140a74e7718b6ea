// Reads all that pipelines read and write at read_committed, while it comes.

import type { BrokerUnderTest } from '../support/brokers.js';
import { CommittedPartition, withClient } from './committed-log.js';
import type { Judged, Records } from './judged.js';

const PAUSE_MS = 200;

export class Tail {
  readonly partitions: readonly CommittedPartition[];
  private readonly byTopic = new Map<string, CommittedPartition[]>();
  private readonly grewMs = new Map<string, number>();
  private isStopped = false;
  private readonly running: Promise<void>;

  constructor(private readonly broker: Pick<BrokerUnderTest, 'port' | 'kind'>, judged: readonly Judged[]) {
    for (const { name, partitions } of judged.flatMap(({ topics }) => topics)) {
      this.grewMs.set(name, -Infinity);
      this.byTopic.set(name, Array.from({ length: partitions }, (_, index) => new CommittedPartition(name, index, broker.kind === 'apache')));
    }
    this.partitions = [...this.byTopic.values()].flat();
    this.running = this.run();
  }

  readonly records: Records = topic => this.byTopic.get(topic)!.map(({ records }) => records);

  /** When each topic, all that pipelines read and write, last had something new; -Infinity before its first record. */
  get lastGrowthMs(): ReadonlyMap<string, number> {
    return this.grewMs;
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
      await new Promise(resolve => { setTimeout(resolve, PAUSE_MS); });
    }
  }

  private readOn(): Promise<void> {
    return withClient(this.broker.port, async client => {
      for (const partition of this.partitions) {
        const before = partition.records.length;
        await partition.readOn(client);
        if (partition.records.length > before) this.grewMs.set(partition.topic, Date.now());
      }
    });
  }
}
