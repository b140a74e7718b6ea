// Who may connect, and who is cut off: the same connections to Apache Kafka and to Ottla fare alike.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NodeNet } from '../../src/env/node/index.js';
import { alterClientQuotasApi, apiVersionsApi, incrementalAlterConfigsApi } from '../../src/protocol/generated/index.js';
import { RawClient } from '../../src/testing/raw-client.js';
import { brokerUnderTest, type BrokerUnderTest } from '../support/brokers.js';
import { BROKER } from '../support/config-resources.js';
import { withJava } from '../support/java-tests.js';
import { until } from '../support/until.js';

const TIMEOUT_MS = 180_000;
/** With one thread, Apache knows which connection was used longest ago. */
const SETTINGS = { 'num.network.threads': '1' };
/** Who is not heard of for so long is waiting. */
const PATIENCE_MS = 2500;
const SETTLE_MS = 20_000;
const ADDRESS = '127.0.0.1';

type Fate = 'served' | 'waits' | 'closed';

/** One broker, and those who connect to it. */
class Crowd {
  readonly fates: string[] = [];
  readonly #inside: RawClient[] = [];
  readonly #cutOff = new Set<RawClient>();
  #admin: RawClient | undefined;

  constructor(private readonly broker: BrokerUnderTest) {}

  async start(): Promise<void> {
    await this.broker.start();
    this.#admin = await this.#connect();
  }

  async stop(): Promise<void> {
    this.leave();
    this.#admin?.close();
    await this.broker.remove();
  }

  #connect(): Promise<RawClient> {
    return RawClient.connect(new NodeNet(), this.broker.port, { host: this.broker.host });
  }

  /** Comes and stays if it can; its fate. */
  async come(): Promise<Fate> {
    const client = await this.#connect();
    this.#inside.push(client);
    void client.closedByPeer().then(() => { this.#cutOff.add(client); });
    return this.#fateOf(client);
  }

  /** What becomes of a request on a connection that came before, the last by default. */
  ask(client = this.#inside.at(-1)!): Promise<Fate> {
    return this.#fateOf(client);
  }

  async #fateOf(client: RawClient): Promise<Fate> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<Fate>(resolve => { timer = setTimeout(() => resolve('waits'), PATIENCE_MS); });
    const answer = client.send(apiVersionsApi, { clientSoftwareName: 'x', clientSoftwareVersion: '1' }, 3).then((): Fate => 'served', (): Fate => 'closed');
    const fate = await Promise.race([answer, patience]);
    clearTimeout(timer);
    return fate;
  }

  /** The first of those that came, or all. */
  leave(count = this.#inside.length): void {
    for (const client of this.#inside.splice(0, count)) client.close();
  }

  /** Comes, again and again, until that is its fate; then all have left. */
  async untilComers(fate: Fate): Promise<void> {
    await this.until(`whoever comes: ${fate}`, async () => (await this.come()) === fate);
    this.leave();
  }

  /** So many come and are served, once those who left are gone for the broker too. */
  async fill(count: number): Promise<void> {
    while (this.#inside.length < count) {
      await this.until('room', async () => {
        if (await this.come() === 'served') return true;
        this.#inside.pop()!.close();
        return false;
      });
    }
  }

  /** Which of those that came were closed by the broker; asking them would make them those that were used last. */
  async cutOff(): Promise<number[]> {
    await new Promise(resolve => { setImmediate(resolve); });
    return this.#inside.flatMap((client, index) => (this.#cutOff.has(client) ? [index] : []));
  }

  async set(name: string, value: string | null): Promise<void> {
    const { responses } = await this.#admin!.send(incrementalAlterConfigsApi, {
      resources: [{ resourceType: BROKER, resourceName: '', configs: [{ name, configOperation: value === null ? 1 : 0, value }] }], validateOnly: false,
    });
    if (responses[0]!.errorCode !== 0) throw new Error(`${name}: ${responses[0]!.errorCode} ${responses[0]!.errorMessage}`);
  }

  async limitAddress(rate: number | null): Promise<void> {
    const op = { key: 'connection_creation_rate', value: rate ?? 0, remove: rate === null };
    await this.#admin!.send(alterClientQuotasApi, { entries: [{ entity: [{ entityType: 'ip', entityName: ADDRESS }], ops: [op] }], validateOnly: false });
  }

  /** Settings act a moment after they were answered. */
  async until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    await until(what, isSo, so => so, { timeoutMs: SETTLE_MS, retryMs: 1 });
  }

  keep(what: string, fate: unknown): void {
    this.fates.push(`${what}: ${JSON.stringify(fate)}`);
  }
}

async function limitsOfAnAddress(crowd: Crowd): Promise<void> {
  await crowd.set('max.connections.per.ip.overrides', 'localhost:10');
  await crowd.untilComers('closed');
  await crowd.fill(9);
  crowd.keep('one too many of an address', await crowd.come());
  await crowd.set('max.connections.per.ip.overrides', null);
  await crowd.untilComers('served');
}

async function limitsOfTheBroker(crowd: Crowd): Promise<void> {
  await crowd.set('max.connections', '10');
  await crowd.untilComers('waits');
  await crowd.fill(9);
  crowd.keep('one too many', await crowd.come());
  crowd.leave(1);
  await crowd.until('room after one has left', async () => (await crowd.ask()) === 'served');
  await crowd.set('max.connections', '6');
  await crowd.until('fewer', async () => (await crowd.cutOff()).length === 4);
  crowd.keep('cut off', await crowd.cutOff());
  await crowd.set('max.connections', null);
  await crowd.untilComers('served');
}

async function ratesOfAnAddress(crowd: Crowd): Promise<void> {
  await crowd.limitAddress(1);
  await crowd.untilComers('closed');
  crowd.keep('one too soon', await crowd.come());
  await crowd.limitAddress(null);
  await crowd.untilComers('served');
}

const java = withJava('connections beside Apache Kafka');

java.describe('those who connect', () => {
  const crowds = (['apache', 'ottla'] as const).map(kind => new Crowd(brokerUnderTest(SETTINGS, kind)));
  beforeAll(async () => { await Promise.all(crowds.map(crowd => crowd.start())); }, TIMEOUT_MS);
  afterAll(async () => { await Promise.all(crowds.map(crowd => crowd.stop())); }, TIMEOUT_MS);

  test('fare alike with Apache Kafka and with Ottla', async () => {
    await Promise.all(crowds.map(async crowd => {
      for (const scene of [limitsOfAnAddress, limitsOfTheBroker, ratesOfAnAddress]) await scene(crowd);
    }));
    const [apache, ottla] = crowds.map(({ fates }) => fates);
    expect(ottla).toEqual(apache);
    expect(apache).toEqual(['one too many of an address: "closed"', 'one too many: "waits"', 'cut off: [0,1,2,3]', 'one too soon: "closed"']);
  }, TIMEOUT_MS);
});
