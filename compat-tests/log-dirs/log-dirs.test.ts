// Several log directories: Apache Kafka and Ottla answer alike, Apache's kafka-log-dirs reads ours, and each goes on with the
// other's half-done moves.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, expect, test } from '@jest/globals';
import { alterReplicaLogDirsApi, describeLogDirsApi, fetchApi, produceApi } from '../../src/protocol/generated/index.js';
import { buildBatch } from '../../src/protocol/records/batch-builder.js';
import { batchesIn, recordsIn } from '../../src/protocol/records/batch-iterator.js';
import { differences } from '../differential/compare.js';
import { common, rangesOf, type Player } from '../differential/player.js';
import { brokerUnderTest, nodeToHandOver, type BrokerUnderTest } from '../support/brokers.js';
import { JAVA_FLAGS } from '../support/java.js';
import { withJava } from '../support/java-tests.js';
import { JAVA_CLASSPATH } from '../support/toolchains.js';
import { Directories, LogDirsScenario, withPlayer } from './scenario.js';

const TIMEOUT_MS = 180_000;
const JAVA_TIMEOUT_MS = 60_000;
const call = promisify(execFile);
const left: (() => void | Promise<void>)[] = [];

const java = withJava('several log directories beside Apache Kafka');

afterAll(async () => { for (const remove of left.reverse()) await remove(); }, TIMEOUT_MS);

function directories(): Directories {
  const made = new Directories();
  left.push(() => made.remove());
  return made;
}

async function started(places: Directories, kind: 'apache' | 'ottla'): Promise<BrokerUnderTest> {
  const broker = brokerUnderTest(places.settings, kind);
  left.push(() => broker.remove());
  await broker.start();
  return broker;
}

interface DescribedLogDirs {
  readonly logDir: string;
  readonly error: string | null;
  readonly partitions: readonly { readonly partition: string; readonly size: number; readonly offsetLag: number; readonly isFuture: boolean }[];
}

/** What `kafka-log-dirs --describe` prints, without the words around it. */
async function logDirsTool(broker: BrokerUnderTest, topic: string): Promise<{ brokers: { logDirs: DescribedLogDirs[] }[] }> {
  const { stdout } = await call('java', [
    ...JAVA_FLAGS, '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', JAVA_CLASSPATH,
    'org.apache.kafka.tools.LogDirsCommand', '--bootstrap-server', broker.bootstrap, '--describe', '--broker-list', '1', '--topic-list', topic,
  ], { timeout: JAVA_TIMEOUT_MS });
  return JSON.parse(stdout.split('\n').find(line => line.startsWith('{'))!) as never;
}

java.describe('two log directories', () => {
  test('Apache Kafka 4.3.1 and Ottla place, move, call back and lose partitions alike; kafka-log-dirs reads ours', async () => {
    const places = { apache: directories(), ottla: directories() };
    const brokers = { apache: await started(places.apache, 'apache'), ottla: await started(places.ottla, 'ottla') };
    const ranges = common(await rangesOf(brokers.apache.host, brokers.apache.port), await rangesOf(brokers.ottla.host, brokers.ottla.port));
    const play = (kind: 'apache' | 'ottla') => withPlayer(brokers[kind], ranges, async player => {
      await new LogDirsScenario(player, places[kind]).play();
      return player.answers;
    });
    const [apache, ottla] = [await play('apache'), await play('ottla')];
    expect(apache.size).toBeGreaterThan(40);
    expect(differences(apache, ottla)).toEqual([]);

    const { brokers: [described] } = await logDirsTool(brokers.ottla, 'moved');
    const byName = new Map(described!.logDirs.map(({ logDir, ...rest }) => [places.ottla.name(logDir), rest]));
    expect(byName.get('one')).toMatchObject({ error: null, partitions: [{ partition: 'moved-0', offsetLag: 0, isFuture: false }] });
    expect(byName.get('two')!.error).toContain('KafkaStorageException');
  }, TIMEOUT_MS);

  test.each(['ottla', 'apache'] as const)('a move that %s has begun is finished by the other, with every record', async owner => {
    const other = owner === 'ottla' ? 'apache' : 'ottla';
    const places = directories();
    const node = nodeToHandOver({ owner, settings: places.settings });
    left.push(() => node.remove());
    await node.startAs(owner);
    // More than either copies before it looks at the rate: 1 MB in each process of Apache Kafka.
    const records = Array.from({ length: 50 }, (_, i) => `record ${i} `.padEnd(100_000, 'x'));
    const topicId = await playing(node, async player => {
      const scenario = new LogDirsScenario(player, places);
      await player.quietly(alterReplicaLogDirsApi, { dirs: [{ path: places.one, topics: [{ name: 't', partitions: [0] }] }] });
      const id = await player.topic('t');
      await produce(player, id, records);
      await scenario.setRate('10');
      await player.quietly(alterReplicaLogDirsApi, { dirs: [{ path: places.two, topics: [{ name: 't', partitions: [0] }] }] });
      await player.until('a copy', async () => (await placesOf(player)).length === 2);
      return id;
    });
    await node.stop();
    await node.startAs(other);
    await playing(node, async player => {
      await player.untilServed('t');
      expect((await placesOf(player)).map(({ logDir, isFutureKey }) => [places.name(logDir), isFutureKey])).toEqual([['one', false], ['two', true]]);
      await produce(player, topicId, ['one more']);
      await new LogDirsScenario(player, places).setRate('100000000');
      await player.until('moved', async () => (await placesOf(player)).map(({ logDir, isFutureKey }) => `${logDir} ${isFutureKey}`).join() === `${places.two} false`);
      expect(await values(player, topicId)).toEqual([...records, 'one more']);
    });
    await node.stop();
    await node.startAs(owner);
    await playing(node, async player => {
      await player.untilServed('t');
      expect(await values(player, topicId)).toEqual([...records, 'one more']);
    });
  }, TIMEOUT_MS);
});

async function playing<T>(node: BrokerUnderTest, work: (player: Player) => Promise<T>): Promise<T> {
  return withPlayer(node, await rangesOf(node.host, node.port), work);
}

async function placesOf(player: Player): Promise<{ logDir: string; isFutureKey: boolean }[]> {
  const { results } = await player.quietly(describeLogDirsApi, { topics: [{ topic: 't', partitions: [0] }] });
  return results.flatMap(({ logDir, topics }) => topics.flatMap(({ partitions }) => partitions.map(({ isFutureKey }) => ({ logDir, isFutureKey }))));
}

async function produce(player: Player, topicId: string, texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    const records = buildBatch({}, [{ timestampMs: Date.now(), key: null, value: Buffer.from(text) }]);
    const { responses } = await player.quietly(produceApi, { acks: -1, timeoutMs: 5000, topicData: [{ topicId, partitionData: [{ index: 0, records }] }] });
    expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
  }
}

async function values(player: Player, topicId: string): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const { responses } = await player.quietly(fetchApi, {
      maxWaitMs: 10, minBytes: 1, maxBytes: 1 << 20, forgottenTopicsData: [],
      topics: [{ topicId, partitions: [{ partition: 0, fetchOffset: found.length, partitionMaxBytes: 1 << 20 }] }],
    });
    const { errorCode, records } = responses[0]!.partitions[0]!;
    expect(errorCode).toBe(0);
    if (records === null || records.length === 0) return found;
    for (const at of batchesIn(records)) for (const { value } of recordsIn(records, at)) found.push(Buffer.from(value!).toString());
  }
}
