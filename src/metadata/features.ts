import { MalformedError } from '../base/bytes.js';
import type { FeaturesImage, VersionRange } from './types.js';

/** Features whose level the cluster agrees on (KIP-584, KIP-1022). */
export const FeatureName = {
  METADATA_VERSION: 'metadata.version',
  KRAFT_VERSION: 'kraft.version',
  TRANSACTION_VERSION: 'transaction.version',
  GROUP_VERSION: 'group.version',
  ELIGIBLE_LEADER_REPLICAS_VERSION: 'eligible.leader.replicas.version',
  SHARE_VERSION: 'share.version',
  STREAMS_VERSION: 'streams.version',
} as const;

interface MetadataVersion {
  readonly level: number;
  /** As Kafka prints it. */
  readonly name: string;
  /** Whether records changed, so that going back below it would lose something. */
  readonly changesMetadata: boolean;
}

/** Every level of metadata.version that Kafka 4.3 knows and has released. */
export const METADATA_VERSIONS: readonly MetadataVersion[] = ([
  ['3.3-IV3', true], ['3.4-IV0', true], ['3.5-IV0', false], ['3.5-IV1', false], ['3.5-IV2', true], ['3.6-IV0', false],
  ['3.6-IV1', true], ['3.6-IV2', true], ['3.7-IV0', true], ['3.7-IV1', false], ['3.7-IV2', true], ['3.7-IV3', false],
  ['3.7-IV4', false], ['3.8-IV0', false], ['3.9-IV0', false], ['4.0-IV0', false], ['4.0-IV1', true], ['4.0-IV2', false],
  ['4.0-IV3', false], ['4.1-IV0', false], ['4.1-IV1', false], ['4.2-IV0', false], ['4.2-IV1', false], ['4.3-IV0', true],
] as const).map(([name, changesMetadata], index) => ({ level: 7 + index, name, changesMetadata }));

const MINIMUM_METADATA_VERSION = METADATA_VERSIONS[0]!.level;
const LATEST_METADATA_VERSION = METADATA_VERSIONS.at(-1)!.level;

/** Levels of metadata.version from which on the cluster may do something. */
export const MetadataVersionGate = {
  SCRAM: 11, TRANSACTIONS: 13, CONTROLLER_REGISTRATION: 15, DIRECTORY_ASSIGNMENT: 17, ELR: 23, CORDONED_LOG_DIRS: 30,
} as const;

interface Feature {
  /** By level from 0: the metadata.version at which a fresh cluster gets it. */
  readonly defaultFrom: readonly number[];
  /** By level from 0: the metadata.version that it cannot do without. */
  readonly needs?: readonly number[];
  /** The highest level that this version serves; a feature at 0 is neither offered nor finalized. */
  readonly served: number;
}

const V = MINIMUM_METADATA_VERSION;

/**
 * The features besides metadata.version, with the levels that Kafka 4.3.1 knows. What is served is stated here and nowhere
 * else: raising a number offers the level and formats new directories with it. A cluster that lacks the feature gets it when a
 * controller activates; one that has a lower level of it keeps that until somebody raises it (`kafka-features.sh upgrade`).
 */
const features: Readonly<Record<string, Feature>> = {
  [FeatureName.KRAFT_VERSION]: { defaultFrom: [V, 21], served: 1 },
  [FeatureName.TRANSACTION_VERSION]: { defaultFrom: [V, 24, 24], served: 2 },
  [FeatureName.GROUP_VERSION]: { defaultFrom: [V, 22], served: 1 },
  [FeatureName.ELIGIBLE_LEADER_REPLICAS_VERSION]: { defaultFrom: [V, 26], needs: [V, 23], served: 1 },
  [FeatureName.SHARE_VERSION]: { defaultFrom: [V, 28], served: 0 },
  [FeatureName.STREAMS_VERSION]: { defaultFrom: [V, 29], served: 0 },
};

export function isKnownMetadataVersion(level: number): boolean {
  return level >= MINIMUM_METADATA_VERSION && level <= LATEST_METADATA_VERSION;
}

/** `4.3-IV0` of 30; the number itself when it is none. */
export function metadataVersionName(level: number): string {
  return METADATA_VERSIONS.find(version => version.level === level)?.name ?? String(level);
}

/**
 * The level of a release (`3.9`, which means the last of that release) or of an exact name (`3.9-IV0`); undefined when there
 * is none.
 */
export function metadataVersionOf(text: string): number | undefined {
  const exact = METADATA_VERSIONS.find(({ name }) => name === text);
  if (exact !== undefined) return exact.level;
  const release = /^\d+\.\d+/.exec(text)?.[0];
  if (release === undefined || text.includes('IV')) return undefined;
  return METADATA_VERSIONS.findLast(({ name }) => name.startsWith(`${release}-`))?.level;
}

/** What this version supports, as it tells in registrations and in ApiVersions. */
export const SUPPORTED_FEATURES: ReadonlyMap<string, VersionRange> = new Map([
  [FeatureName.METADATA_VERSION, { min: MINIMUM_METADATA_VERSION, max: LATEST_METADATA_VERSION }],
  ...Object.entries(features).filter(([, { served }]) => served > 0).map(([name, { served }]) => [name, { min: 0, max: served }] as const),
]);

/** Whether Kafka has a feature of this name, served or not. */
export function isKnownFeature(name: string): boolean {
  return name === FeatureName.METADATA_VERSION || name in features;
}

/**
 * Throws `MalformedError`, naming the feature, at a level of which nobody knew when this was written: what else a newer Kafka has
 * written cannot be trusted to mean what it seems to.
 */
export function refuseUnknownLevel(name: string, level: number): void {
  const highest = name === FeatureName.METADATA_VERSION ? LATEST_METADATA_VERSION : (features[name]?.defaultFrom.length ?? 1) - 1;
  const lowest = name === FeatureName.METADATA_VERSION ? MINIMUM_METADATA_VERSION : 0;
  if (level >= lowest && level <= highest) return;
  const known = isKnownFeature(name) ? `one that this version reads: ${lowest} to ${highest}` : 'a feature that this version knows';
  throw new MalformedError(`${name} ${level} is not ${known}`);
}

/** The metadata.version that a level of a feature cannot do without. */
export function metadataVersionNeeded(name: string, level: number): number {
  return level === 0 ? 0 : (features[name]?.needs?.[level] ?? MINIMUM_METADATA_VERSION);
}

/** Levels of a fresh cluster at a metadata.version, without those at 0; metadata.version itself comes first. */
export function defaultFeatures(metadataVersion: number = LATEST_METADATA_VERSION): Map<string, number> {
  const levels = new Map<string, number>([[FeatureName.METADATA_VERSION, metadataVersion]]);
  for (const [name, { defaultFrom, served }] of Object.entries(features)) {
    const level = Math.min(served, defaultFrom.findLastIndex(from => from <= metadataVersion));
    if (level > 0) levels.set(name, level);
  }
  return levels;
}

/**
 * Features to finalize in a cluster of one that an older version of this software formatted: those that it lacks and a fresh one
 * gets at the metadata.version it has, unless somebody declined them. A level that was chosen stays. kraft.version stands in
 * control records and is not finalized here.
 */
export function featuresToFinalize({ finalized, declined }: Pick<FeaturesImage, 'finalized' | 'declined'>): Map<string, number> {
  const metadataVersion = finalized.get(FeatureName.METADATA_VERSION) ?? 0;
  const lacking = [...defaultFeatures(metadataVersion)].filter(([name]) =>
    name !== FeatureName.METADATA_VERSION && name !== FeatureName.KRAFT_VERSION && !declined.has(name) && !finalized.has(name));
  return new Map(lacking);
}
