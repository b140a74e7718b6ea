// A broker behind a link, topics, and the programs of all clients that work on it.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTopicsApi } from '../../src/protocol/generated/create-topics.js';
import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { readHistoryFiles } from '../../src/testing/history/history-file.js';
import type { Operation } from '../../src/testing/history/history.js';
import { LinkProxy } from '../harness/link-proxy.js';
import { KEEPS_DATA, brokerUnderTest, type BrokerUnderTest, type Settings } from '../support/brokers.js';
import type { SeededRandom } from '../support/random.js';
import { JAVA_CLASSPATH, QUIET_JAVA } from '../support/toolchains.js';
import { withClient } from '../support/with-client.js';
import { ClientProcess } from './client-process.js';
import { CopyPipeline } from './copy-pipeline.js';
import { SESSION_TIMEOUT_MS, type Judged } from './judged.js';
import { PIPELINE_CLIENTS } from './pipeline-clients.js';
import type { Member, PipelineClient, ProgramArguments, ProgressLine, Sabotage } from './pipeline.js';
import { StreamsPipeline, type Guarantee } from './streams-pipeline.js';

export interface StageOptions {
  /** Pipelines of these, a fault planted in some. */
  readonly clients: readonly (PipelineClient & { readonly sabotage?: Sabotage })[];
  /** No Kafka Streams without. */
  readonly streams?: Guarantee;
  /** Between two transactions of a feeder. */
  readonly pauseMs: number;
}

/** Copiers of one client share so many programs. */
const COPIER_PROGRAMS = 2;
const STREAMS_INSTANCES = 2;
const COMPLAINT_LINES = 5;
const CREATE_TIMEOUT_MS = 30_000;

const SETTINGS: Settings = {
  'group.min.session.timeout.ms': '1000',
  'group.consumer.min.session.timeout.ms': '1000',
  'group.consumer.session.timeout.ms': String(SESSION_TIMEOUT_MS),
  'group.consumer.min.heartbeat.interval.ms': '100',
  'group.consumer.heartbeat.interval.ms': '300',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.num.partitions': '4',
  // Kills meet rolled segments, and what they keep of transactions.
  'log.segment.bytes': '1048576',
};

/** A member, and whom it works for. */
type Cast = readonly [of: Judged, member: Omit<Member, 'process' | 'seed'>];

/** Members of one client share its programs, whatever pipeline they work for. */
class Programs {
  private readonly byClient = new Map<string, { readonly client: PipelineClient; readonly members: Cast[] }>();

  add(client: PipelineClient, of: Judged, members: readonly Cast[1][]): void {
    const known = this.byClient.get(client.name) ?? { client, members: [] };
    this.byClient.set(client.name, known);
    known.members.push(...members.map((member): Cast => [of, member]));
  }

  get all(): readonly { readonly client: PipelineClient; readonly members: readonly Cast[] }[] {
    return [...this.byClient.values()];
  }
}

export class Stage {
  readonly judged: Judged[] = [];
  readonly feeders: ClientProcess[] = [];
  readonly workers: ClientProcess[] = [];
  readonly progress = { committed: 0, aborted: 0, lost: 0, records: 0 };
  readonly failures: string[] = [];
  /** Of the journals, and the state of Kafka Streams. */
  readonly folder = mkdtempSync(join(tmpdir(), 'soak-eos-'));
  private readonly ofProcess = new Map<number, Judged>();
  private processes = 0;
  private journals = 0;

  private readonly timeline: string[] = [];

  private constructor(readonly broker: BrokerUnderTest, readonly link: LinkProxy, private readonly random: SeededRandom) {}

  /** An empty one; to be closed whatever comes of it. */
  static async prepare(random: SeededRandom): Promise<Stage> {
    const link = await LinkProxy.listen(() => broker);
    const broker: BrokerUnderTest = brokerUnderTest({ ...SETTINGS, 'advertised.listeners': `PLAINTEXT://127.0.0.1:${link.port}` });
    return new Stage(broker, link, random);
  }

  /** Resolves when all clients are started. */
  async open(options: StageOptions): Promise<void> {
    await this.broker.start();
    await this.cast(options);
  }

  get all(): readonly ClientProcess[] {
    return [...this.feeders, ...this.workers];
  }

  /** What the members of a pipeline noted down, those included that were killed. */
  historiesOf(): Map<Judged, Operation[]> {
    const files = readdirSync(this.folder).filter(name => name.endsWith('.jsonl')).map(name => join(this.folder, name));
    const histories = new Map(this.judged.map((each): [Judged, Operation[]] => [each, []]));
    for (const operation of readHistoryFiles(files)) histories.get(this.ofProcess.get(operation.process)!)!.push(operation);
    return histories;
  }

  /** A number that no member has. */
  newProcess(): number {
    return this.processes++;
  }

  /** What each client said last on standard error. */
  get complaints(): string {
    return this.all.map(({ name, complaint }) => `${name}: ${complaint.split('\n').slice(-COMPLAINT_LINES).join('\n')}`).join('\n');
  }

  /** For whoever looks for a fault afterwards: when what was done. */
  note(what: string): void {
    this.timeline.push(`${new Date().toISOString()} ${what}`);
  }

  /** Ends all that runs. `keep` leaves the broker's data and `folder`, with what clients and the broker said last and what was done to them. */
  async close({ keep }: { readonly keep: boolean }): Promise<void> {
    if (keep) {
      writeFileSync(join(this.folder, 'last-words.txt'), `${this.complaints}\nbroker: ${this.broker.lastWords}\n`);
      writeFileSync(join(this.folder, 'timeline.txt'), this.timeline.map(line => `${line}\n`).join(''));
    }
    await Promise.all(this.all.map(each => each.kill()));
    await (keep ? this.broker.killHard() : this.broker.remove());
    await this.link.close();
    if (!keep && !KEEPS_DATA) rmSync(this.folder, { recursive: true, force: true });
  }

  private async cast({ clients, streams, pauseMs }: StageOptions): Promise<void> {
    const feeders = new Programs();
    const copiers = new Programs();
    for (const client of clients) {
      for (const groupProtocol of client.groupProtocols) {
        const pipeline = new CopyPipeline({ client, groupProtocol, pauseMs, sabotage: client.sabotage });
        this.judged.push(pipeline);
        feeders.add(client, pipeline, pipeline.feeders());
        copiers.add(client, pipeline, pipeline.copiers());
      }
    }
    const streamed = streams === undefined ? undefined : new StreamsPipeline(streams, pauseMs);
    if (streamed !== undefined) {
      this.judged.push(streamed);
      feeders.add(PIPELINE_CLIENTS[0]!, streamed, streamed.feeders());
    }
    await this.createTopics();
    for (const { client, members } of feeders.all) this.feeders.push(this.program(client, 'feeders', members));
    for (const { client, members } of copiers.all) {
      for (let index = 0; index < COPIER_PROGRAMS; index++) {
        this.workers.push(this.program(client, `copiers ${index}`, members.filter((_, each) => each % COPIER_PROGRAMS === index)));
      }
    }
    if (streamed !== undefined) for (let index = 0; index < STREAMS_INSTANCES; index++) this.workers.push(this.instance(streamed, index));
    for (const each of this.all) each.start();
  }

  private program(client: PipelineClient, what: string, members: readonly Cast[]): ClientProcess {
    return new ClientProcess({
      name: `${client.name}: ${what}`, command: client.command, isReplaceable: true,
      args: () => {
        const numbered = members.map(([of, member]): Member => {
          const number = this.newProcess();
          this.ofProcess.set(number, of);
          return { ...member, process: number, seed: this.random.below(1 << 30) };
        });
        const journal = join(this.folder, `${this.journals++}.jsonl`);
        return [...client.args, JSON.stringify({ bootstrap: this.bootstrap, journal, members: numbered } satisfies ProgramArguments)];
      },
      onLine: line => this.hear(line),
      onFailure: reason => this.failures.push(reason),
    });
  }

  private instance(streams: StreamsPipeline, index: number): ClientProcess {
    return new ClientProcess({
      // Two cannot share a directory for their state.
      name: `${streams.name} ${index}`, command: 'java', isReplaceable: false,
      args: () => [...QUIET_JAVA, '-Xmx256m', '-cp', JAVA_CLASSPATH, 'ottla.transactions.StreamsApp', JSON.stringify(streams.arguments(this.bootstrap, join(this.folder, `state-${index}`)))],
      onLine: () => undefined,
      onFailure: reason => this.failures.push(reason),
    });
  }

  private get bootstrap(): string {
    return `127.0.0.1:${this.link.port}`;
  }

  private hear(line: string): void {
    if (!line.startsWith('{')) return;
    const { ended, records } = JSON.parse(line) as ProgressLine;
    this.progress[ended]++;
    if (ended === 'committed') this.progress.records += records;
  }

  private async createTopics(): Promise<void> {
    const topics = this.judged.flatMap(({ topics: its }) => its).map(({ name, partitions }) => ({ name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] }));
    const answer = await withClient(this.broker, client => client.send(createTopicsApi, { topics, timeoutMs: CREATE_TIMEOUT_MS }));
    for (const { name, errorCode } of answer.topics) if (errorCode !== ErrorCode.NONE) throw new Error(`topic ${name} is not created: error ${errorCode}`);
  }
}
