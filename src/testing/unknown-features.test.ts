import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { appendFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatDirectories } from '../controller/index.js';
import { nodeEnv } from '../env/node/index.js';
import { readMetaProperties } from '../log/index.js';
import { BOOTSTRAP_FILE, bootstrapFromLevels, writeBootstrap } from '../metadata/bootstrap.js';
import { defaultFeatures } from '../metadata/features.js';
import { featureLevel } from '../metadata/image-records.js';
import { encodeMetadataRecord } from '../metadata/records.js';
import { snapshotBatches } from '../metadata/snapshot.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { batchesIn } from '../protocol/records/batch-iterator.js';
import * as batch from '../protocol/records/batch.js';
import { startBroker } from './start-broker.js';

/** A directory that a newer Kafka has used says which of its features this version would have to know. */

const CLUSTER_ID = 'Some-ClusterIdOfOurs00';
const ENDPOINTS = [{ name: 'CONTROLLER', host: 'localhost', port: 9093 }];
const NOW_MS = 1_700_000_000_000;
const env = nodeEnv({ logLevel: 'silent' });

let root: string;
let metadata: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ottla-features-'));
  metadata = join(root, '__cluster_metadata-0');
  formatDirectories({ env, directories: [root], metadataDirectory: root, clusterId: CLUSTER_ID, nodeId: 1, standalone: { endpoints: ENDPOINTS } });
});
afterEach(() => rmSync(root, { recursive: true }));

/** Starts on the directory; the broker's close leaves it to the next. */
async function startOnce(): Promise<void> {
  const broker = await startBroker({ data: root });
  await broker.close();
}

function formatWith(name: string, level: number): void {
  const levels = new Map([...defaultFeatures(), [name, level]]);
  writeFileSync(join(root, BOOTSTRAP_FILE), writeBootstrap(bootstrapFromLevels(levels), NOW_MS));
}

/** As if a newer controller had raised the level. */
function raise(name: string, level: number): void {
  const log = join(metadata, readdirSync(metadata).find(file => file.endsWith('.log'))!);
  const bytes = readFileSync(log);
  const last = [...batchesIn(bytes)].at(-1)!;
  const options = { baseOffset: batch.nextOffset(bytes, last), partitionLeaderEpoch: batch.partitionLeaderEpoch(bytes, last) };
  appendFileSync(log, buildBatch(options, [{ timestampMs: NOW_MS, key: null, value: encodeMetadataRecord(featureLevel(name, level), level) }]));
}

function nameVoters(kraftVersion: number): void {
  const { directoryId } = readMetaProperties(env.disk, root)!;
  const voter = { voterId: 1, voterDirectoryId: directoryId!, endpoints: ENDPOINTS, kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: kraftVersion } };
  const batches = snapshotBatches({ epoch: 0, lastContainedLogTimestampMs: NOW_MS, nowMs: NOW_MS, records: [], quorum: { kraftVersion, voters: [voter] }, metadataVersion: 30 });
  writeFileSync(join(metadata, '00000000000000000000-0000000000.checkpoint'), Buffer.concat([...batches]));
}

describe('a start is refused, and the feature named, on', () => {
  test('a level of a known feature that is not known', async () => {
    formatWith('share.version', 9);
    await expect(startOnce()).rejects.toThrow(/share\.version 9/);
  });

  test('a feature that is not known', async () => {
    formatWith('telepathy.version', 1);
    await expect(startOnce()).rejects.toThrow(/telepathy\.version 1/);
  });

  test('a metadata.version that is not known, from formatting', async () => {
    formatWith('metadata.version', 31);
    await expect(startOnce()).rejects.toThrow(/metadata\.version 31/);
  });

  test('a metadata.version that the cluster was raised to', async () => {
    await startOnce();
    raise('metadata.version', 31);
    await expect(startOnce()).rejects.toThrow(/metadata\.version 31/);
  });

  test('a feature that the cluster was raised to', async () => {
    await startOnce();
    raise('group.version', 7);
    await expect(startOnce()).rejects.toThrow(/group\.version 7/);
  });

  test('a kraft.version that is not known', async () => {
    nameVoters(2);
    await expect(startOnce()).rejects.toThrow(/kraft\.version 2/);
  });
});

test.each([['share.version', 1], ['streams.version', 1]])(
  'a directory that Kafka 4.3.1 formatted with %s %i starts, though nobody here serves it', async (name, level) => {
    formatWith(name, level);
    await startOnce();
    await startOnce();
  });
