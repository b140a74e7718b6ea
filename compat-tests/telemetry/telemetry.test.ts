// Apache's own producer pushes its metrics, as Apache's own tool has asked for them.

import { afterAll, expect, test } from '@jest/globals';
import { startBroker, type ClientMetrics, type ClientTelemetryMetrics, type RunningBroker } from '../../src/index.js';
import { withJava } from '../support/java-tests.js';
import { mustRun, Process, within } from '../support/processes.js';
import { JAVA_CLASSPATH, QUIET_JAVA } from '../support/toolchains.js';
import { until } from '../support/until.js';

const TIMEOUT_MS = 120_000;
const PATIENCE_MS = 30_000;
const POLL_MS = 20;
const TOPIC = 'pushed';
const PREFIX = 'org.apache.kafka.producer.';
const SENT = `${PREFIX}record.send.total`;

const java = withJava('metrics pushed by Apache Kafka\'s producer');

const left: (() => Promise<void>)[] = [];
afterAll(async () => { for (const remove of left.reverse()) await remove(); }, TIMEOUT_MS);

async function started(): Promise<RunningBroker> {
  const broker = await startBroker({ settings: { 'ottla.telemetry.enable': true } });
  left.push(() => broker.close());
  return broker;
}

function clientMetricsTool(broker: RunningBroker, ...flags: string[]) {
  return mustRun('java', [...QUIET_JAVA, '-cp', JAVA_CLASSPATH, 'org.apache.kafka.tools.ClientMetricsCommand', '--bootstrap-server', broker.bootstrapServers, ...flags]);
}

/** A producer that is told how many records to send. */
class Producer {
  private readonly process: Process;
  readonly clientInstanceId: Promise<string>;

  constructor(broker: RunningBroker, clientId: string) {
    let known: (id: string) => void = () => undefined;
    this.clientInstanceId = new Promise(resolve => { known = resolve; });
    this.process = new Process('java', [...QUIET_JAVA, '-cp', JAVA_CLASSPATH, 'ottla.clients.PushingProducer', broker.bootstrapServers, TOPIC, clientId], { onLine: line => known(line) });
    left.push(() => this.process.kill());
  }

  send(records: number): void {
    this.process.stdin.write(`${records}\n`);
  }

  async close(): Promise<void> {
    this.process.stdin.end();
    const { code } = await within(PATIENCE_MS, this.process.ended, () => `the producer does not end: ${this.process.errorTail()}`);
    expect([code, this.process.errorTail()]).toEqual([0, '']);
  }
}

function untilTold(broker: RunningBroker, what: string, isSo: (metrics: ClientTelemetryMetrics) => boolean): Promise<ClientTelemetryMetrics> {
  return until(what, async () => broker.metrics().clientTelemetry, isSo, { timeoutMs: PATIENCE_MS, retryMs: POLL_MS });
}

/** All that a client has sent by what it pushed, over its series; undefined before it pushed that. */
function sentBy({ clients }: ClientTelemetryMetrics, clientInstanceId: string): number | undefined {
  const series = clients.find(client => client.clientInstanceId === clientInstanceId)?.metrics.filter(({ name }) => name === SENT) ?? [];
  return series.length === 0 ? undefined : series.reduce((sum, { value }) => sum + value, 0);
}

const namesOf = (client: ClientMetrics | undefined): string[] => (client?.metrics ?? []).map(({ name }) => name);

java.describe('a Java producer', () => {
  test('pushes what a subscription asks for, what it sends adds up, and it follows when more is asked', async () => {
    const broker = await started();
    await clientMetricsTool(broker, '--alter', '--name', 'sub', '--interval', '200', '--metrics', `${PREFIX}record.`, '--match', 'client_id=watched');
    const [watched, other] = [new Producer(broker, 'watched'), new Producer(broker, 'other')];
    const [id, otherId] = await Promise.all([watched.clientInstanceId, other.clientInstanceId]);
    watched.send(100);
    await untilTold(broker, 'the first records are counted', metrics => sentBy(metrics, id) === 100);
    watched.send(23);
    const metrics = await untilTold(broker, 'further records are added', found => sentBy(found, id) === 123);
    expect(metrics).toMatchObject({ instances: 2, unreadable: 0, dropped: 0 });
    // Nothing is wanted of the other one.
    expect(metrics.clients.map(({ clientInstanceId }) => clientInstanceId)).toEqual([id]);
    expect(otherId).not.toBe(id);
    expect(metrics.clients[0]).toMatchObject({ clientId: 'watched', clientSoftwareName: 'apache-kafka-java', clientSoftwareVersion: '4.3.1', clientAddress: '127.0.0.1' });
    expect(namesOf(metrics.clients[0]).every(name => name.startsWith(`${PREFIX}record.`))).toBe(true);

    await clientMetricsTool(broker, '--alter', '--name', 'sub', '--metrics', '*');
    const more = await untilTold(broker, 'everything is pushed', ({ clients }) => namesOf(clients[0]).includes(`${PREFIX}connection.count`));
    expect(more.unknownSubscriptions).toBeGreaterThan(0);
    expect(namesOf(more.clients[0]).length).toBeGreaterThan(30);

    await Promise.all([watched.close(), other.close()]);
    const end = await untilTold(broker, 'clients that have ended are forgotten', ({ instances }) => instances === 0);
    expect(end.clients).toEqual([]);
    expect(end.pushes).toBeGreaterThan(2);
  }, TIMEOUT_MS);
});
