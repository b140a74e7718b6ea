import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeWithJava } from '../support/java-tests.js';
import { startOracles } from './apache.js';
import { allMessages } from './messages.js';
import type { Oracle } from './oracle.js';
import { prove } from './proof.js';
import type { Oracles } from './proof.js';

/**
 * Message versions: the 728 that Apache 4.3.1 has (272 messages), and 58 that 4.0 dropped and clients still speak:
 * Produce 0-2, Fetch 0-3, OffsetCommit, CreateTopics, OffsetForLeaderEpoch and AlterPartition 0-1, and version 0 of
 * ListOffsets, OffsetFetch, DeleteTopics, WriteTxnMarkers, DescribeConfigs, AlterReplicaLogDirs, DescribeLogDirs, of the
 * three requests for ACLs and the four for delegation tokens; each both ways.
 */
const MESSAGE_VERSIONS = 786;

/** Versions of 3.9 that we leave out: APIs of the time before KRaft, previews, and the header that only key 7 used. */
const leftOut = [
  /^(LeaderAndIsr|StopReplica|UpdateMetadata|ControlledShutdown)(Request|Response) \d+$/,
  /^(ShareFetch|ShareAcknowledge|ShareGroupHeartbeat|ShareGroupDescribe)(Request|Response) 0$/,
  /^RequestHeader 0$/,
  // Renamed in 4.1; the bytes are ListConfigResources 0.
  /^ListClientMetricsResources(Request|Response) 0$/,
];

const versionsOf = (oracle: Oracle): string[] =>
  [...oracle.messages.values()].flatMap(({ name, minVersion, maxVersion }) =>
    Array.from({ length: maxVersion - minVersion + 1 }, (_, n) => `${name} ${minVersion + n}`));


await describeWithJava('the codec against Apache', () => {
  let oracles: Oracles & { close(): Promise<void> };
  beforeAll(async () => { oracles = await startOracles(); }, 300_000);
  afterAll(() => oracles.close());

  test('makes the same bytes of the same values in every version, and reads them back', async () => {
    const { equal, total, faults } = await prove(oracles, { seed: 20261121, randomValues: 20 });
    expect(faults).toEqual([]);
    expect(`${equal} of ${total} message versions equal`).toBe(`${MESSAGE_VERSIONS} of ${MESSAGE_VERSIONS} message versions equal`);
  }, 240_000);

  test('knows every version that Apache has or had, but those left out', () => {
    const ours = new Set(allMessages().flatMap(({ message: { name, versions } }) =>
      Array.from({ length: versions.max - versions.min + 1 }, (_, n) => `${name} ${versions.min + n}`)));
    const theirs = [...versionsOf(oracles.current), ...versionsOf(oracles.old)];
    const unknown = theirs.filter(version => !ours.has(version) && !leftOut.some(pattern => pattern.test(version)));
    expect(unknown).toEqual([]);
    expect([...ours].filter(version => !theirs.includes(version))).toEqual([]);
  });

  test('a wrong byte is seen', async () => {
    const answers = await oracles.current.ask([
      { name: 'HeartbeatResponse', version: 0, bytes: Buffer.from('0007', 'hex'), json: '{"errorCode":7}' },
      { name: 'HeartbeatResponse', version: 0, bytes: Buffer.from('0008', 'hex'), json: '{"errorCode":7}' },
    ]);
    expect(answers).toEqual(['ok', 'expected: 0007']);
  });
});
