// A broker under the benchmark: Ottla or Apache Kafka, with what rows need of it.

import { brokerUnderTest, SINGLE_NODE, type BrokerUnderTest, type Settings } from '../support/brokers.js';
import { Admin, type Topic } from './admin.js';
import { costOf, isAlive, type Cost } from './process-cost.js';

export type Kind = 'ottla' | 'apache';

/** One size, taken from the start. */
export const HEAP = ['-Xms1g', '-Xmx1g'];
/** What kafka-server-start.sh gives its virtual machine, but for the heap. */
const JAVA = [
  ...HEAP, '-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent', '-Djava.awt.headless=true',
];
/** What one row wrote leaves the page cache before the next, instead of waiting there for the disk. */
const BOTH: Settings = { 'log.segment.delete.delay.ms': '100' };
/** All that is not at its default, the tests' own settings for a single node among it. */
export const SETTINGS_OF_BOTH: Settings = { ...SINGLE_NODE, ...BOTH };
const SETTINGS: Readonly<Record<Kind, Settings>> = {
  ottla: BOTH,
  // The tests shorten these; here they are as Kafka has them.
  apache: { ...BOTH, 'broker.session.timeout.ms': '9000', 'broker.heartbeat.interval.ms': '2000' },
};
const LARGE_BROKER_TIMEOUT_MS = 300_000;

/** The broker that serves most rows, or those that a row starts itself. */
export type Whose = 'serving' | 'own';

export interface Place {
  /** The folder for all data, on the disk that is measured. */
  readonly dataFolder: string;
  /** Where Ottla's CPU profiles go, if they are wanted. */
  readonly profileFolder?: string;
}

export class Target {
  /** The broker that serves all rows but those that start their own. */
  private serving: { broker: BrokerUnderTest; admin: Admin } | undefined;
  private readonly made: Readonly<Record<Whose, Map<string, Promise<unknown>>>> = { serving: new Map(), own: new Map() };
  private readonly brokers = new Set<BrokerUnderTest>();
  private topics = 0;
  private isRemoved = false;
  /** How often the serving broker had to be replaced. */
  restarts = 0;

  constructor(readonly kind: Kind, private readonly place: Place) {}

  /** A broker that was not started, on a directory of its own; it is removed with this target at the latest. */
  fresh(profiled = false): BrokerUnderTest {
    if (this.isRemoved) throw new Error('the run was stopped');
    const { dataFolder, profileFolder } = this.place;
    const node = profiled && profileFolder !== undefined ? ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`] : [];
    const broker = brokerUnderTest(SETTINGS[this.kind], this.kind, {
      parent: dataFolder, java: JAVA, node, timeoutMs: LARGE_BROKER_TIMEOUT_MS,
    });
    this.brokers.add(broker);
    return broker;
  }

  async removeBroker(broker: BrokerUnderTest): Promise<void> {
    await broker.remove();
    this.brokers.delete(broker);
  }

  /** The serving broker's data. */
  get dataDir(): string {
    return this.running.broker.dataDir;
  }

  /** The folder of all data, on the disk that is measured. */
  get dataFolder(): string {
    return this.place.dataFolder;
  }

  get profiled(): boolean {
    return this.kind === 'ottla' && this.place.profileFolder !== undefined;
  }

  /** The serving broker's address. */
  get address(): string {
    return this.running.broker.bootstrap;
  }

  get pid(): number {
    return this.running.broker.pid;
  }

  private get running() {
    if (this.serving === undefined) throw new Error(`${this.kind} does not run`);
    return this.serving;
  }

  /** Sees to a broker that serves; a row may have brought the last one down. */
  async ensureServing(): Promise<void> {
    if (this.serving !== undefined && isAlive(this.serving.broker.pid)) return;
    await this.giveUp('serving');
    const broker = this.fresh(true);
    await broker.start();
    this.serving = { broker, admin: await Admin.connect(broker.host, broker.port) };
  }

  /** What is known of a broker that went down by itself; nothing of one that serves. */
  get obituary(): string {
    if (this.serving === undefined || isAlive(this.serving.broker.pid)) return '';
    return `; the broker is gone, its last words: ${this.serving.broker.lastWords.trim().split('\n').at(-1) || 'none'}`;
  }

  /** Ends the broker that a row hangs on, with all that was made on it. */
  async giveUp(whose: Whose): Promise<void> {
    this.made[whose].clear();
    if (whose === 'serving') {
      await this.giveUpServing();
      return;
    }
    await Promise.all([...this.brokers].filter(broker => broker !== this.serving?.broker).map(broker => this.removeBroker(broker)));
  }

  private async giveUpServing(): Promise<void> {
    const left = this.serving;
    this.serving = undefined;
    if (left === undefined) return;
    this.restarts++;
    left.admin.close();
    await this.removeBroker(left.broker);
  }

  /** Makes something once, on the serving broker or on one of the rows' own, and keeps it for later rounds. */
  async once<T>(name: string, make: () => Promise<T>, whose: Whose = 'serving'): Promise<T> {
    const kept = this.made[whose];
    let made = kept.get(name);
    if (made === undefined) {
      made = make();
      kept.set(name, made);
      // A failed attempt is no reason for the next round not to try.
      made.catch(() => kept.delete(name));
    }
    return await made as T;
  }

  topicName(what: string): string {
    return `${what}-${this.topics++}`;
  }

  /** Runs `work` on a fresh topic, which is deleted afterwards, and its files with it before the next row. */
  async withTopic<T>(what: string, partitions: number, work: (topic: string) => Promise<T>, configs: Readonly<Record<string, string>> = {}): Promise<T> {
    const topic = { name: this.topicName(what), partitions, configs };
    await this.createTopics([topic]);
    try {
      return await work(topic.name);
    } finally {
      if (isAlive(this.pid)) await this.deleteTopics([topic]);
    }
  }

  /** Resolves when all partitions are served. */
  async createTopics(topics: readonly Topic[]): Promise<void> {
    await this.running.admin.createTopics(topics);
    await this.running.admin.untilServed(topics);
  }

  stableOffsets(topic: Topic): Promise<number> {
    return this.running.admin.stableOffsets(topic);
  }

  /** Resolves when nothing of them is left on disk. */
  async deleteTopics(topics: readonly Topic[]): Promise<void> {
    const { admin, broker } = this.running;
    const names = topics.map(({ name }) => name);
    await admin.deleteTopics(names);
    await admin.untilRemoved(broker.dataDir, names);
  }

  cost<T>(work: () => Promise<T>): Promise<{ result: T; cost: Cost }> {
    return costOf(this.pid, work);
  }

  /** Stops and removes everything. A profile is written by a clean stop. */
  async remove(): Promise<void> {
    this.isRemoved = true;
    if (this.serving !== undefined) {
      this.serving.admin.close();
      if (this.profiled) await this.serving.broker.stop();
      this.serving = undefined;
    }
    await Promise.all([...this.brokers].map(broker => this.removeBroker(broker)));
  }
}
