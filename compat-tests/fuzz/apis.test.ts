// Every API and version takes what nobody would send: no crash, no hang, bounded memory, and Apache Kafka's error codes where it has
// any. `make fuzz-apis` goes on for longer.

import { afterAll, expect, test } from '@jest/globals';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { common } from '../differential/player.js';
import { brokerUnderTest, type BrokerUnderTest } from '../support/brokers.js';
import { withJava } from '../support/java-tests.js';
import { report } from '../support/toolchains.js';
import { compare, type Twin } from './compare.js';
import { fuzz } from './fuzz.js';
import { KNOWN_DIFFERENCES, knownAs } from './known-differences.js';
import { RequestMaker } from './requests.js';
import { fuzzOttla, prepare } from './run.js';

const TIMEOUT_MS = 180_000;
const SEED = 20_261_121;
const SETTINGS = { 'offsets.topic.num.partitions': '1', 'transaction.state.log.num.partitions': '1', 'auto.create.topics.enable': 'false' };

/** AddRaftVoter and RemoveRaftVoter change what is answered a moment later: the differential test has them, in order. */
const OF_THE_QUORUM = [80, 81];

const left: BrokerUnderTest[] = [];
afterAll(async () => { await Promise.all(left.map(broker => broker.remove())); }, TIMEOUT_MS);

function broker(kind: 'apache' | 'ottla'): BrokerUnderTest {
  // What chance asks is no test of what is answered.
  const made = brokerUnderTest(SETTINGS, kind, { isUncounted: true });
  left.push(made);
  return made;
}

const java = withJava('error codes of odd requests beside Apache Kafka');
// It starts while others are busy.
const apache = java.isReady ? broker('apache') : undefined;
const apacheStarted = apache?.start();
apacheStarted?.catch(() => undefined);

test('extreme, sound and mutated requests of every API and version are answered or hung up on, and the broker is as good as before', async () => {
  const { text, report: outcome, faults } = await fuzzOttla(broker('ottla'), { mutated: 3000, sound: 3, seed: SEED });
  expect(faults).toEqual([]);
  // Both outcomes are met, so that the test is one of both.
  expect(outcome.answered).toBeGreaterThan(1000);
  expect(outcome.closed).toBeGreaterThan(1000);
  report('fuzz', `Ottla: ${text}`);
}, TIMEOUT_MS);

test.each([
  ['keeps silent', () => undefined, 'neither answered nor hung up on'],
  ['answers nonsense', (socket: Socket) => { socket.write(Buffer.from([0, 0, 0, 1, 7])); }, 'MalformedFrameError'],
  ['answers an unforeseen failure', (socket: Socket) => { socket.write(Buffer.from([0, 0, 0, 14, 0, 0, 0, 9, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0])); }, 'UNKNOWN_SERVER_ERROR'],
] as const)('a broker that %s is found out', async (_, react, found) => {
  const sockets: Socket[] = [];
  const server = createServer(socket => {
    sockets.push(socket);
    socket.on('data', () => react(socket));
  });
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve); });
  try {
    // ApiVersions 1, without a client id.
    const bytes = Buffer.from([0, 18, 0, 1, 0, 0, 0, 9, 0xff, 0xff]);
    const { faults } = await fuzz('127.0.0.1', (server.address() as AddressInfo).port, [{ name: 'asked', bytes }].values(), 1, 100);
    expect(faults).toEqual([expect.stringContaining(found)]);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise(resolve => { server.close(resolve); });
  }
});

java.describe('beside Apache Kafka 4.3.1', () => {
  test('the error codes are the same but for what is known to differ', async () => {
    const ottla = broker('ottla');
    await Promise.all([apacheStarted, ottla.start()]);
    const startMs = performance.now();
    const [theirs, ours] = await Promise.all([prepare(apache!), prepare(ottla)]);
    const ranges = new Map([...common(theirs.ranges, ours.ranges)].filter(([key]) => !OF_THE_QUORUM.includes(key)));
    const requests = [theirs, ours].map(({ known }) => {
      const maker = new RequestMaker(ranges, SEED, known);
      return [...maker.edges('ends'), ...maker.sound()];
    });
    const twins = requests[0]!.map((request, index): Twin => [request, requests[1]![index]!]);
    const found = await compare([apache!, ottla], twins, difference => knownAs(difference) !== undefined);
    const used = new Set(found.map(knownAs));
    expect(found.filter(difference => knownAs(difference) === undefined).map(({ name, apache: a, ottla: o, frame }) => `${name}: Apache ${a}, Ottla ${o}: ${frame.slice(0, 2000)}`)).toEqual([]);
    expect(KNOWN_DIFFERENCES.filter(known => !used.has(known)).map(({ asked, reason: why }) => `${asked.source}: ${why}`)).toEqual([]);
    expect(twins.length).toBeGreaterThan(500);
    report('fuzz-codes', `Error codes of ${twins.length} extreme and sound requests: ${twins.length - found.length} as Apache Kafka's, ` +
      `${found.length} differ as listed in compat-tests/fuzz/known-differences.ts (${((performance.now() - startMs) / 1000).toFixed(1)} s).`);
  }, TIMEOUT_MS);
});
