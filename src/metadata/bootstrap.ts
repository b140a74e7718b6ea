import { MalformedError } from '../base/bytes.js';
import { defaultFeatures, FeatureName, isKnownMetadataVersion, refuseUnknownLevel } from './features.js';
import { featureLevel } from './image-records.js';
import type { MetadataRecord } from './records.js';
import { readSnapshot, snapshotBatches } from './snapshot.js';

export const BOOTSTRAP_FILE = 'bootstrap.checkpoint';

/** What a fresh cluster's first controller writes first (Kafka's `BootstrapMetadata`). */
export interface BootstrapMetadata {
  readonly metadataVersion: number;
  readonly records: readonly MetadataRecord[];
}

/** Bootstrap records for these levels; metadata.version must be among them. A level of 0 says that the feature is declined. */
export function bootstrapFromLevels(levels: ReadonlyMap<string, number>): BootstrapMetadata {
  const named = [...levels].filter(([name]) => name !== FeatureName.METADATA_VERSION && name !== FeatureName.KRAFT_VERSION);
  const metadataVersion = levels.get(FeatureName.METADATA_VERSION) ?? 0;
  return {
    metadataVersion,
    records: [featureLevel(FeatureName.METADATA_VERSION, metadataVersion), ...named.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, level]) => featureLevel(name, level))],
  };
}

export const defaultBootstrap = (): BootstrapMetadata => bootstrapFromLevels(defaultFeatures());

/** Content of `bootstrap.checkpoint`. */
export function writeBootstrap({ records, metadataVersion }: BootstrapMetadata, nowMs: number): Buffer {
  return Buffer.concat([...snapshotBatches({ epoch: 0, lastContainedLogTimestampMs: 0, nowMs, records, metadataVersion })]);
}

/** Throws `MalformedError` when the file is damaged, names no metadata.version, or a feature in a level that is not known. */
export function readBootstrap(bytes: Uint8Array): BootstrapMetadata {
  const { records } = readSnapshot(bytes);
  for (const record of records) if (record.type === 'FeatureLevel') refuseUnknownLevel(record.message.name, record.message.featureLevel);
  const level = records.findLast(record => record.type === 'FeatureLevel' && record.message.name === FeatureName.METADATA_VERSION);
  const metadataVersion = level?.type === 'FeatureLevel' ? level.message.featureLevel : 0;
  if (!isKnownMetadataVersion(metadataVersion)) throw new MalformedError(`bootstrap metadata has metadata.version ${metadataVersion}`);
  return { metadataVersion, records };
}
