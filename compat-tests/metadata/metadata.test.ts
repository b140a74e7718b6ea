import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { localSettings } from '../../src/config/index.js';
import { createControllerRuntime, formatDirectories, LocalController, readBootstrapFile } from '../../src/controller/index.js';
import { nodeEnv } from '../../src/env/node/index.js';
import { createLogHost, loneHome, readMetaProperties } from '../../src/log/index.js';
import { SUPPORTED_FEATURES } from '../../src/metadata/features.js';
import { MetadataLoader } from '../../src/metadata/loader.js';
import { decodeMetadataRecord } from '../../src/metadata/records.js';
import { readSnapshot } from '../../src/metadata/snapshot.js';
import type { BrokerRegistrationRequestInput } from '../../src/protocol/generated/index.js';
import { batchesIn, recordsIn } from '../../src/protocol/records/batch-iterator.js';
import * as batch from '../../src/protocol/records/batch.js';
import { RaftDriver } from '../../src/raft/driver.js';
import { metadataLogSettings } from '../../src/raft/metadata-log.js';
import { jars, JAVA_FLAGS, javaMissing } from '../support/java.js';

const SHELL_TRIES = 20;

/** The metadata log before Apache's own tools, and Apache's own formatting before ours. */

const missing = await javaMissing();
// Where all toolchains are promised, a missing one is a fault.
if (missing !== null && process.env['CI'] === 'true') throw new Error(missing);

const call = promisify(execFile);
const JAVA_TIMEOUT_MS = 60_000;
/** Of a second broker, its start and its directory. */
const SECOND = 'AAAAAAAAQACAAAAAAAAAEg';
const env = nodeEnv({ logLevel: 'silent' });
let classPath = '';
let root: string;

async function java(mainClass: string, ...args: string[]): Promise<string> {
  const quiet = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=error'];
  const running = call('java', [...JAVA_FLAGS, ...quiet, '-cp', classPath, mainClass, ...args], { maxBuffer: 1 << 26, timeout: JAVA_TIMEOUT_MS });
  running.child.stdin?.end();
  return (await running).stdout;
}

interface Dumped {
  readonly type: string;
  readonly version: number;
  readonly data: Record<string, unknown>;
}

/** Metadata records and names of control records as `kafka-dump-log` prints them. */
async function dump(...files: string[]): Promise<{ records: Dumped[]; control: string[]; text: string }> {
  const text = await java('org.apache.kafka.tools.DumpLogSegments', '--cluster-metadata-decoder', '--deep-iteration', '--files', files.join(','));
  const records = [...text.matchAll(/ payload: (\{"type":.*\})$/gm)].map(([, json]) => JSON.parse(json!) as Dumped);
  const control = [...text.matchAll(/ (?:keySize.*?headerKeys: \[\] )?(LeaderChange|KRaftVersion|KRaftVoters|SnapshotHeader|SnapshotFooter)/g)].map(([, name]) => name!);
  return { records, control, text };
}

/** What our own reading gives of the same files: type and version of each record. */
function ownReading(file: string): string[] {
  const bytes = readFileSync(file);
  const found: string[] = [];
  for (const at of batchesIn(bytes)) {
    expect(batch.isValid(bytes, at)).toBe(true);
    if (batch.isControl(bytes, at)) continue;
    for (const { value } of recordsIn(bytes, at)) found.push(`${screaming(decodeMetadataRecord(value!).type)} v${value![2]}`);
  }
  return found;
}

const screaming = (type: string): string => `${type.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()}_RECORD`;

/** A controller of one on a directory of its own. */
async function node(directory: string, own: Record<string, string> = {}) {
  const settings = localSettings({ 'metadata.max.idle.interval.ms': '0', 'internal.metadata.delete.delay.millis': '0', ...own }, directory);
  const { clusterId, directoryId } = readMetaProperties(env.disk, directory)!;
  const faults: unknown[] = [];
  const onFault = (error: unknown): void => { faults.push(error); };
  const raft = await RaftDriver.open({
    host: createLogHost({ env }), logDirectory: loneHome(env.logger, directory, directoryId), nodeId: 1, settings: metadataLogSettings(settings),
    endpoints: [{ name: 'CONTROLLER', host: 'localhost', port: 9093 }], staticVoters: [], onFault,
  });
  const runtime = createControllerRuntime({
    env, log: raft, nodeId: 1, clusterId, settings, bootstrap: readBootstrapFile(env.disk, directory),
    kraftVersion: raft.describe().quorum.kraftVersion, onFault,
  });
  const loader = new MetadataLoader(raft, onFault);
  loader.add({ onImage: (image, _, facts) => raft.offerSnapshot(image, facts.lastContainedLogTimestampMs) });
  let elected: Promise<void> | undefined;
  raft.onLeadership(epoch => { if (epoch !== null) elected = runtime.elected(epoch); });
  raft.start();
  await elected;
  loader.start();
  await loader.caughtUp();
  const close = async (): Promise<void> => {
    await loader.caughtUp();
    loader.close();
    runtime.close();
    await raft.close();
    expect(faults).toEqual([]);
  };
  return { api: new LocalController(runtime), loader, raft, clusterId, directoryId: directoryId!, close };
}

/** A little of everything that a controller writes. */
async function workload(directory: string): Promise<void> {
  const { api, clusterId, directoryId, close, raft, loader } = await node(directory);
  const features = [...SUPPORTED_FEATURES].map(([name, { min, max }]) => ({ name, minSupportedVersion: min, maxSupportedVersion: max }));
  await api.registerController({ controllerId: 1, incarnationId: directoryId, zkMigrationReady: false, listeners: [{ name: 'CONTROLLER', host: 'h', port: 1, securityProtocol: 0 }], features });
  const { brokerEpoch = -1 } = await api.registerBroker({
    brokerId: 1, clusterId, incarnationId: directoryId, listeners: [{ name: 'PLAINTEXT', host: 'h', port: 9092, securityProtocol: 0 }],
    features, rack: 'r1', logDirs: [directoryId], previousBrokerEpoch: -1,
  });
  const beat = { brokerId: 1, brokerEpoch, wantFence: false, wantShutDown: false, currentMetadataOffset: raft.endOffset };
  await api.heartbeat(beat);
  for (const name of ['orders', 'gone']) {
    await api.createTopics({
      timeoutMs: 1, topics: [{ name, numPartitions: 3, replicationFactor: 1, assignments: [], configs: [{ name: 'cleanup.policy', value: 'compact' }] }],
    });
  }
  await api.deleteTopics({ timeoutMs: 1, topics: [{ name: 'gone', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }] });
  await api.incrementalAlterConfigs({ validateOnly: false, resources: [{ resourceType: 4, resourceName: '', configs: [{ name: 'log.retention.ms', configOperation: 0, value: '5000' }] }] });
  await api.allocateProducerIds({ brokerId: 1, brokerEpoch });
  await api.heartbeat({ ...beat, cordonedLogDirs: [directoryId] });
  await api.heartbeat({ ...beat, wantFence: true });
  await api.heartbeat({ ...beat, currentMetadataOffset: raft.endOffset });
  await changeTheCluster(api, { clusterId, features });
  await loader.caughtUp();
  await close();
}

/** A broker that comes and goes, a partition that moves and is led by others meanwhile, and a feature that is declined and taken up. */
async function changeTheCluster(api: LocalController, { clusterId, features }: { clusterId: string; features: BrokerRegistrationRequestInput['features'] }): Promise<void> {
  // A strange broker may know more than this one, in whose cluster Apache has finalized everything.
  const others = ['group.version', 'transaction.version', 'share.version', 'streams.version'].filter(name => features.every(known => known.name !== name));
  const { brokerEpoch: epoch = -1 } = await api.registerBroker({
    brokerId: 2, clusterId, incarnationId: SECOND, listeners: [{ name: 'PLAINTEXT', host: 'h', port: 9093, securityProtocol: 0 }],
    features: [...features, ...others.map(name => ({ name, minSupportedVersion: 0, maxSupportedVersion: 2 }))], rack: 'r1', logDirs: [SECOND], previousBrokerEpoch: -1,
  });
  await api.heartbeat({ brokerId: 2, brokerEpoch: epoch, wantFence: false, wantShutDown: false, currentMetadataOffset: epoch });
  const move = (replicas: number[] | null) => api.alterPartitionReassignments({ timeoutMs: 1, topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, replicas }] }] });
  for (const replicas of [[1, 2], null]) expect((await move(replicas)).responses[0]?.partitions[0]?.errorCode).toBe(0);
  await api.electLeaders({ electionType: 0, topicPartitions: null, timeoutMs: 1 });
  for (const [maxVersionLevel, upgradeType] of [[0, 2], [1, 1]] as const) {
    expect((await api.updateFeatures({ featureUpdates: [{ feature: 'eligible.leader.replicas.version', maxVersionLevel, upgradeType }] })).errorCode).toBe(0);
  }
  await api.unregisterBroker({ brokerId: 2 });
}

/** Opens the directory and leaves a snapshot of all that is in it. */
async function snapshot(directory: string): Promise<void> {
  await (await node(directory, { 'metadata.log.max.record.bytes.between.snapshots': '1' })).close();
}

(missing === null ? describe : describe.skip)('metadata', () => {
  beforeAll(async () => { classPath = await jars('compat-tests/java'); }, 300_000);
  beforeEach(() => { root = mkdtempSync(join(tmpdir(), 'ottla-metadata-')); });
  afterEach(() => rmSync(root, { recursive: true, force: true }));
  afterAll(() => { classPath = ''; });

  const format = (directory: string) => formatDirectories({
    env, directories: [directory], metadataDirectory: directory, clusterId: 'Some-ClusterIdOfOurs00', nodeId: 1,
    standalone: { endpoints: [{ name: 'CONTROLLER', host: 'localhost', port: 9093 }] },
  });
  const metadataFiles = (directory: string, suffix: string) => {
    const folder = join(directory, '__cluster_metadata-0');
    return readdirSync(folder).filter(name => name.endsWith(suffix)).sort().map(name => join(folder, name));
  };

  test("kafka-dump-log reads our log, record for record, in the versions that we wrote", async () => {
    format(root);
    await workload(root);
    const [log] = metadataFiles(root, '.log');
    const { records, control, text } = await dump(log!);
    expect(text).not.toMatch(/isvalid: false|Could not|rror/);
    const own = ownReading(log!);
    expect(records.map(({ type, version }) => `${type} v${version}`)).toEqual(own);
    expect(new Set(own.map(line => line.split('_RECORD')[0]))).toEqual(new Set([
      'BEGIN_TRANSACTION', 'FEATURE_LEVEL', 'CONFIG', 'END_TRANSACTION', 'REGISTER_CONTROLLER', 'REGISTER_BROKER', 'BROKER_REGISTRATION_CHANGE',
      'TOPIC', 'PARTITION', 'PARTITION_CHANGE', 'REMOVE_TOPIC', 'PRODUCER_IDS', 'UNREGISTER_BROKER',
    ]));
    expect(control).toEqual(['LeaderChange', 'KRaftVersion', 'KRaftVoters']);
    expect(records.find(({ type }) => type === 'REGISTER_BROKER_RECORD')?.data).toMatchObject({ brokerId: 1, rack: 'r1', fenced: true });
  }, 60_000);

  test('kafka-dump-log reads what formatting writes, and our snapshots', async () => {
    format(root);
    const [first] = metadataFiles(root, '.checkpoint');
    await workload(root);
    await snapshot(root);
    const latest = metadataFiles(root, '.checkpoint').at(-1)!;
    expect(latest).not.toBe(first);
    const formatted = await dump(first!);
    expect([formatted.records, formatted.control]).toEqual([[], ['SnapshotHeader', 'KRaftVersion', 'KRaftVoters', 'SnapshotFooter']]);
    const bootstrap = await dump(join(root, 'bootstrap.checkpoint'));
    expect(bootstrap.records.map(({ data }) => [data['name'], data['featureLevel']])).toEqual(
      readBootstrapFile(env.disk, root).records.map(({ message }) => [(message as { name: string }).name, (message as { featureLevel: number }).featureLevel]));
    expect(bootstrap.records.map(({ data }) => data['name'])).toContain('eligible.leader.replicas.version');
    const written = await dump(latest);
    expect(written.records.map(({ type, version }) => `${type} v${version}`)).toEqual(ownReading(latest));
    expect(written.control).toEqual(['SnapshotHeader', 'KRaftVersion', 'KRaftVoters', 'SnapshotFooter']);
  }, 120_000);

  test("kafka-metadata-shell makes of our snapshot the cluster that we meant", async () => {
    format(root);
    await workload(root);
    await snapshot(root);
    const latest = metadataFiles(root, '.checkpoint').at(-1)!;
    // The shell runs its command when it has read the file, whether or not its other thread has made an image of it by then:
    // what it does not find at first, it is asked again.
    const shell = async (expected: RegExp, ...command: string[]): Promise<void> => {
      let shown = '';
      for (let tries = 0; tries < SHELL_TRIES && !expected.test(shown); tries++) {
        shown = await java('org.apache.kafka.shell.MetadataShell', '--snapshot', latest, ...command);
      }
      expect(shown).toMatch(expected);
    };
    await shell(/^orders$/m, 'ls', '/image/topics/byName');
    await shell(/replicas.*1/s, 'cat', '/image/topics/byName/orders/2');
    await shell(/4\.3-IV0/, 'cat', '/image/features/metadataVersion');
    await shell(/compact/, 'cat', '/image/configs/TOPIC:orders/cleanup.policy');
  }, 120_000);

  test("what kafka-storage formats, our reading and our controller take as it is", async () => {
    const directory = join(root, 'data');
    const properties = join(root, 'server.properties');
    writeFileSync(properties, [
      'process.roles=broker,controller', 'node.id=1', 'controller.listener.names=CONTROLLER', `log.dirs=${directory}`,
      'listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093', 'controller.quorum.bootstrap.servers=localhost:9093',
    ].join('\n'));
    const clusterId = (await java('kafka.tools.StorageTool', 'random-uuid')).trim();
    await java('kafka.tools.StorageTool', 'format', '--standalone', '-t', clusterId, '-c', properties);
    const { nodeId, directoryId } = readMetaProperties(env.disk, directory)!;
    expect(nodeId).toBe(1);
    const [first] = metadataFiles(directory, '.checkpoint');
    expect(first).toMatch(/00000000000000000000-0000000000\.checkpoint$/);
    expect(readSnapshot(readFileSync(first!)).quorum).toEqual({ kraftVersion: 1, voters: [expect.objectContaining({
      voterId: 1, voterDirectoryId: directoryId, endpoints: [{ name: 'CONTROLLER', host: 'localhost', port: 9093 }],
    })] });
    const { metadataVersion, records } = readBootstrapFile(env.disk, directory);
    expect(metadataVersion).toBe(30);
    const levels = records.map(({ message }) => [(message as { name: string }).name, (message as { featureLevel: number }).featureLevel] as const);
    expect(levels[0]).toEqual(['metadata.version', 30]);
    // What Apache finalizes and we do not serve yet stays as it is, and keeps nobody from starting.
    await workload(directory);
    const { loader, close } = await node(directory);
    expect(loader.image.features.finalized).toEqual(new Map([['kraft.version', 1], ...levels]));
    await close();
  }, 120_000);

  test('what both format for the same node differs in ids and times alone', async () => {
    const directory = join(root, 'theirs');
    const properties = join(root, 'server.properties');
    writeFileSync(properties, [
      'process.roles=broker,controller', 'node.id=1', 'controller.listener.names=CONTROLLER', `log.dirs=${directory}`,
      'listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093', 'controller.quorum.bootstrap.servers=localhost:9093',
    ].join('\n'));
    await java('kafka.tools.StorageTool', 'format', '--standalone', '-t', 'AAAAAAAAAAAAAAAAAAAAAQ', '-c', properties);
    const ours = join(root, 'ours');
    format(ours);
    const shape = async (file: string) => (await dump(file)).text.split('\n').slice(3)
      .map(line => line.replace(/\d{13}/g, 'TIME').replace(/crc: \d+/g, 'crc').replace(/[\w-]{22}/g, 'UUID').replace(/timestamp":\d+/gi, 'TIME'));
    expect(await shape(metadataFiles(ours, '.checkpoint')[0]!)).toEqual(await shape(metadataFiles(directory, '.checkpoint')[0]!));
    expect(readdirSync(ours).sort()).toEqual(readdirSync(directory).sort());
  }, 120_000);
});
