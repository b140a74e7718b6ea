// The broker under test: Ottla, or Apache Kafka itself to check the tests (BROKER=apache).

import { randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Process, mustRun, within } from './processes.js';
import { JAVA_FLAGS } from './java.js';
import { JAVA_CLASSPATH, ROOT, missing } from './toolchains.js';

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
/** For someone who looks for a fault: nothing that a test wrote is removed. */
export const KEEPS_DATA = process.env['KEEP_DATA'] !== undefined;

/** Settings by Kafka's names, given to either broker. */
export type Settings = Readonly<Record<string, string>>;

/** One broker on one data directory, started as often as wanted, always on the same port. */
export interface BrokerUnderTest {
  readonly kind: 'ottla' | 'apache';
  readonly dataDir: string;
  readonly host: string;
  /** 0 before the first start. */
  readonly port: number;
  readonly bootstrap: string;
  readonly pid: number;
  /** The end of what it wrote to standard error. */
  readonly lastWords: string;
  /** What has to be there before a first start; `start` sees to it when nobody has. */
  prepare(): Promise<void>;
  /** Resolves when clients are served. */
  start(): Promise<void>;
  /** `kill -9`; resolves when the process is gone. */
  killHard(): Promise<void>;
  /** A clean stop. */
  stop(): Promise<void>;
  /** Resolves when the process has ended, by itself or not; the last lines that it wrote to standard error. */
  ended(): Promise<{ code: number | null; errorTail: string }>;
  /** SIGSTOP: the process stands still, its sockets stay open. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Stops what runs and removes the data directory. */
  remove(): Promise<void>;
}

/** A node that either broker runs, on the same files. */
export interface HandedOver extends BrokerUnderTest {
  startAs(kind: BrokerUnderTest['kind']): Promise<void>;
}

/** How the broker's process is started, where a test's own way will not do. */
export interface LaunchOptions {
  /** The data goes below this folder instead of the system's temporary one. */
  readonly parent?: string;
  /** Flags of Apache's virtual machine. */
  readonly java?: readonly string[];
  /** Flags of Ottla's Node.js. */
  readonly node?: readonly string[];
  /** Its answers do not count for the coverage of the APIs. */
  readonly isUncounted?: boolean;
  /** A large broker needs longer to start and to stop. */
  readonly timeoutMs?: number;
}

export interface HandOverOptions {
  /** Who formats the directory. */
  readonly owner: BrokerUnderTest['kind'];
  readonly settings?: Settings;
  /** Settings of what Ottla does not do. */
  readonly apacheOnly?: Settings;
  /** An older release, as whose cluster Apache Kafka formats it: with its metadata.version, and the voters in the settings. */
  readonly release?: string;
}

/** Kafka does not create internal topics with a factor above the number of brokers; tests should not wait for members. */
export const SINGLE_NODE: Settings = {
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'group.initial.rebalance.delay.ms': '0',
};

interface Launch {
  readonly command: string;
  readonly args: string[];
  readonly ready: RegExp;
}

abstract class ProcessBroker implements BrokerUnderTest {
  abstract readonly kind: 'ottla' | 'apache';
  readonly host = '127.0.0.1';
  port = 0;
  protected readonly folder: string;
  /** The first of `log.dirs`, when the settings choose them. */
  readonly dataDir: string;
  private process: Process | undefined;

  constructor(protected readonly settings: Settings, protected readonly options: LaunchOptions = {}) {
    this.folder = mkdtempSync(join(options.parent ?? tmpdir(), 'broker-under-test-'));
    this.dataDir = settings['log.dirs']?.split(',')[0] ?? join(this.folder, 'data');
  }

  get bootstrap(): string {
    return `${this.host}:${this.port}`;
  }

  get pid(): number {
    return this.process?.pid ?? -1;
  }

  get lastWords(): string {
    return this.process?.errorTail() ?? '';
  }

  /** The command line of one start, and what its readiness line looks like. */
  protected abstract command(): Launch;

  /** Ottla as the README starts it: without a file. */
  protected flags(): string[] {
    const set = Object.entries({ ...SINGLE_NODE, ...this.settings }).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    const data = this.settings['log.dirs'] === undefined ? ['--data', this.dataDir] : [];
    return [...data, '--port', String(this.port), ...set];
  }

  /** Flags that have the process note what it answers, in tests. */
  private get counting(): string[] {
    const isCounted = process.env['JEST_WORKER_ID'] !== undefined && this.options.isUncounted !== true;
    return isCounted ? ['--import', pathToFileURL(join(ROOT, 'build/tests/compat-tests/support/count-answers.main.mjs')).href] : [];
  }

  protected ottla(flags: readonly string[]): Launch {
    return {
      command: process.execPath,
      args: [...(this.options.node ?? []), ...this.counting, join(ROOT, 'bin/ottla'), 'start', ...flags],
      // It says where clients are told to go, which may be a proxy.
      ready: /^Ottla ready on /,
    };
  }

  async prepare(): Promise<void> {
    if (this.port === 0) this.port = await freePort();
  }

  async start(): Promise<void> {
    await this.prepare();
    const { command, args, ready } = this.command();
    let isReady: () => void = () => undefined;
    const readiness = new Promise<void>(resolve => { isReady = resolve; });
    const started = new Process(command, args, {
      cwd: this.folder,
      onLine: line => {
        if (ready.test(line)) isReady();
      },
    });
    this.process = started;
    const failed = started.ended.then(({ code, signal }) => {
      throw new Error(`${this.kind} ended before it was ready (${signal ?? code}):\n${started.errorTail()}`);
    });
    failed.catch(() => undefined);
    try {
      await within(this.options.timeoutMs ?? READY_TIMEOUT_MS, Promise.race([readiness, failed]), () => `${this.kind} is not ready:\n${started.errorTail()}`);
    } catch (error) {
      await started.kill();
      throw error;
    }
  }

  async killHard(): Promise<void> {
    await this.process?.kill();
  }

  async ended(): Promise<{ code: number | null; errorTail: string }> {
    if (this.process === undefined) throw new Error('the broker was never started');
    const { code } = await this.process.ended;
    return { code, errorTail: this.process.errorTail() };
  }

  pause(): void {
    this.process?.signal('SIGSTOP');
  }

  resume(): void {
    this.process?.signal('SIGCONT');
  }

  async stop(): Promise<void> {
    const running = this.process;
    if (running === undefined || !running.running) return;
    running.signal('SIGTERM');
    try {
      await within(this.options.timeoutMs ?? STOP_TIMEOUT_MS, running.ended, () => `${this.kind} does not stop:\n${running.errorTail()}`);
    } finally {
      await running.kill();
    }
  }

  async remove(): Promise<void> {
    await this.killHard();
    if (KEEPS_DATA) return;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

class OttlaBroker extends ProcessBroker {
  readonly kind = 'ottla';

  protected command() {
    return this.ottla(this.flags());
  }
}

class ApacheBroker extends ProcessBroker {
  readonly kind: BrokerUnderTest['kind'] = 'apache';

  protected readonly properties = join(this.folder, 'server.properties');
  private readonly java = [
    ...(this.options.java ?? [...JAVA_FLAGS, '-Xmx512m']), '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-Dorg.slf4j.simpleLogger.logFile=System.out',
    '-cp', JAVA_CLASSPATH,
  ];

  override async prepare(): Promise<void> {
    await super.prepare();
    if (existsSync(this.properties)) return;
    const reason = missing('java');
    if (reason !== null) throw new Error(reason);
    const controllerPort = await freePort();
    const controller = `${this.host}:${controllerPort}`;
    mkdirSync(this.dataDir, { recursive: true });
    writeFileSync(this.properties, Object.entries({
      'process.roles': 'broker,controller',
      'node.id': '1',
      listeners: `PLAINTEXT://${this.host}:${this.port},CONTROLLER://${controller}`,
      'controller.listener.names': 'CONTROLLER',
      ...(this.votersInLog ? { 'controller.quorum.bootstrap.servers': controller } : { 'controller.quorum.voters': `1@${controller}` }),
      'log.dirs': this.dataDir,
      // Its own old session fences a killed node until it has run out.
      'broker.session.timeout.ms': '2000',
      'broker.heartbeat.interval.ms': '500',
      ...SINGLE_NODE,
      ...this.settings,
    }).map(([key, value]) => `${key}=${value}\n`).join(''));
    await this.format();
  }

  /** kraft.version 1; without, the voters stand in the settings. */
  protected readonly votersInLog: boolean = true;

  protected async format(...flags: string[]): Promise<void> {
    const clusterId = Buffer.from('compat-tests-cluster').subarray(0, 16).toString('base64url');
    await mustRun('java', [...this.java, 'kafka.tools.StorageTool', 'format', ...(this.votersInLog ? ['--standalone'] : []), ...flags, '-t', clusterId, '-c', this.properties]);
  }

  protected command() {
    return {
      command: 'java',
      args: [...this.java, '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info', 'kafka.Kafka', this.properties],
      ready: /Kafka Server started/,
    };
  }
}

/** One node with one data directory and one `server.properties`, which Ottla and Apache Kafka run by turns. */
class SharedNode extends ApacheBroker implements HandedOver {
  override kind: BrokerUnderTest['kind'];

  protected override readonly votersInLog: boolean;

  constructor(private readonly given: HandOverOptions) {
    super(given.settings ?? {});
    this.kind = given.owner;
    this.votersInLog = given.release === undefined;
  }

  async startAs(kind: BrokerUnderTest['kind']): Promise<void> {
    this.kind = kind;
    await this.start();
  }

  protected override async format(): Promise<void> {
    // Ottla formats at its first start.
    if (this.given.owner === 'apache') await super.format(...(this.given.release === undefined ? [] : ['--release-version', this.given.release]));
  }

  protected override command() {
    // Whoever began with Ottla goes on as the README says; who comes from Apache Kafka brings the file along.
    if (this.kind === 'ottla') return this.ottla(this.given.owner === 'ottla' ? this.flags() : ['--config', this.properties]);
    const apache = super.command();
    const own = Object.entries(this.given.apacheOnly ?? {}).flatMap(([key, value]) => ['--override', `${key}=${value}`]);
    return { ...apache, args: [...apache.args, ...own] };
  }
}

/**
 * A port that nothing listens on, below the range from which the system gives ports to outgoing connections: while a
 * broker is down, no client's own end (or a client that connects to itself) can take its port.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(12_000, 32_000);
    const server = createServer();
    const isFree = await new Promise<boolean>(resolve => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise(resolve => { server.close(resolve); });
    return port;
  }
}

/** A broker, by default the one that `BROKER` names, with a data directory of its own below the system's temporary folder. */
export function brokerUnderTest(settings: Settings = {}, kind = process.env['BROKER'] ?? 'ottla', options: LaunchOptions = {}): BrokerUnderTest {
  if (kind === 'ottla') return new OttlaBroker(settings, options);
  if (kind === 'apache') return new ApacheBroker(settings, options);
  throw new Error(`BROKER is '${kind}': it can be 'ottla' or 'apache'`);
}

/** A node for both brokers to run. */
export function nodeToHandOver(options: HandOverOptions): HandedOver {
  return new SharedNode(options);
}
