import { dirname } from 'node:path';
import type { Clock, Disk, Random } from '../env/index.js';
import { randomDirectoryId, readMetaProperties, writeMetaProperties } from '../log/index.js';
import { BOOTSTRAP_FILE, bootstrapFromLevels, defaultBootstrap, readBootstrap, writeBootstrap, type BootstrapMetadata } from '../metadata/bootstrap.js';
import {
  defaultFeatures, FeatureName, isKnownFeature, metadataVersionNeeded, metadataVersionName, metadataVersionOf, SUPPORTED_FEATURES,
} from '../metadata/features.js';
import { snapshotBatches, type Voter } from '../metadata/snapshot.js';
import type { Uuid } from '../protocol/wire/types.js';
import { metadataPartitionDirectory } from '../raft/metadata-log.js';
import { BOOTSTRAP_SNAPSHOT, snapshotFile } from '../raft/snapshot-store.js';

/** What a person asked for that cannot be done; the message says what to change. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
}

export interface FormatOptions {
  readonly env: { readonly disk: Disk; readonly random: Random; readonly clock: Clock };
  /** `log.dirs`, absolute. */
  readonly directories: readonly string[];
  /** The one that holds the metadata log: one of them, or another, which is formatted too. */
  readonly metadataDirectory: string;
  readonly clusterId: string;
  readonly nodeId: number;
  /** A release such as `4.0`, or a name such as `4.3-IV0`; the newest unless given. */
  readonly releaseVersion?: string;
  /** Levels that differ from the release's defaults. */
  readonly features?: ReadonlyMap<string, number>;
  /**
   * This node is the only voter, by its log (kraft.version 1), reached at these places. Without it the voters come from
   * `controller.quorum.voters` (kraft.version 0).
   */
  readonly standalone?: { readonly endpoints: readonly { readonly name: string; readonly host: string; readonly port: number }[] };
  /** Directories that are formatted already are left as they are, instead of being a fault. */
  readonly ignoreFormatted?: boolean;
}

export interface Formatted {
  readonly metadataVersion: string;
  /** Directories that were formatted now, with their new ids. */
  readonly directories: ReadonlyMap<string, Uuid>;
}

/**
 * Makes directories ready for a node (Kafka's `Formatter`, `kafka-storage format`): first levels, first voters, and whose they
 * are. `meta.properties` comes last in each: a directory without it counts as not formatted, so that a crash in between does no
 * harm.
 */
export function formatDirectories(options: FormatOptions): Formatted {
  const { env: { disk, random }, clusterId, nodeId } = options;
  const levels = featureLevels(options);
  const bootstrap = bootstrapFromLevels(levels);
  // That of the metadata log comes last: once it is formatted, all are.
  const others = options.directories.filter(directory => directory !== options.metadataDirectory);
  const fresh = [...others, options.metadataDirectory].filter(directory => !isOurs(options, directory));
  const directories = new Map<string, Uuid>();
  for (const directory of fresh) {
    const directoryId = randomDirectoryId(random);
    makeDurably(disk, directory);
    writeSynced(disk, `${directory}/${BOOTSTRAP_FILE}`, writeBootstrap(bootstrap, options.env.clock.nowMs()));
    if (directory === options.metadataDirectory && options.standalone !== undefined) writeFirstVoters(options, directory, directoryId, levels);
    writeMetaProperties(disk, directory, { clusterId, nodeId, directoryId });
    directories.set(directory, directoryId);
  }
  return { metadataVersion: metadataVersionName(bootstrap.metadataVersion), directories };
}

/** A power loss must not take the whole directory: its name stands in its parent, and that one's, if it is new too, above. */
function makeDurably(disk: Disk, directory: string): void {
  const parents = [dirname(directory)];
  for (let at = parents[0]!; disk.stat(at) === undefined && at !== dirname(at); at = dirname(at)) parents.push(dirname(at));
  disk.makeDirectory(directory);
  for (const parent of parents) disk.syncDirectory(parent);
}

/** What the first controller of a formatted directory begins with. */
export function readBootstrapFile(disk: Disk, directory: string): BootstrapMetadata {
  const path = `${directory}/${BOOTSTRAP_FILE}`;
  if (disk.stat(path) === undefined) return defaultBootstrap();
  try {
    return readBootstrap(disk.readFile(path));
  } catch (error) {
    if (error instanceof Error) error.message = `${path}: ${error.message}`;
    throw error;
  }
}

function isOurs({ env: { disk }, clusterId, nodeId, ignoreFormatted = false }: FormatOptions, directory: string): boolean {
  const found = readMetaProperties(disk, directory);
  if (found === undefined) {
    refuseStrangers(disk, directory);
    return false;
  }
  if (!ignoreFormatted) throw new FormatError(`${directory} is already formatted; --ignore-formatted leaves such directories as they are`);
  if (found.clusterId !== clusterId) throw new FormatError(`${directory} belongs to cluster ${found.clusterId}, not ${clusterId}`);
  if (found.nodeId !== nodeId) throw new FormatError(`${directory} belongs to node ${found.nodeId}, not ${nodeId}`);
  return true;
}

/** What may lie in a directory that is not formatted: nothing, or what a format that was cut short had written by then. */
const HARMLESS = /^(\.lock|lost\+found|(bootstrap\.checkpoint|meta\.properties)(\.tmp)?)$/;

/**
 * A misspelt path must not make somebody's folder a data directory. Neither may one that lost its `meta.properties` get a new one:
 * the voter that its metadata log names has the directory id of the old.
 */
function refuseStrangers(disk: Disk, directory: string): void {
  if (disk.stat(directory) === undefined) return;
  const stranger = disk.list(directory).find(name => !(HARMLESS.test(name) || isBegunMetadata(disk, `${directory}/${name}`)));
  if (stranger === undefined) return;
  throw new FormatError(`${directory} is no data directory: it holds ${stranger}, and no meta.properties; ` +
    'put that file back if there was one, or name an empty or a new directory');
}

/** The directory of a metadata log as formatting makes it, before any node has written to it. */
function isBegunMetadata(disk: Disk, path: string): boolean {
  return path === metadataPartitionDirectory(dirname(path)) && disk.list(path).every(name => name === snapshotFile(BOOTSTRAP_SNAPSHOT));
}

function featureLevels({ releaseVersion, features = new Map(), standalone }: FormatOptions): Map<string, number> {
  const given = features.get(FeatureName.METADATA_VERSION);
  if (given !== undefined && releaseVersion !== undefined) throw new FormatError('metadata.version is given twice: by --release-version and by --feature');
  const metadataVersion = given ?? (releaseVersion === undefined ? undefined : releaseLevel(releaseVersion));
  const levels = defaultFeatures(metadataVersion);
  for (const [name, level] of features) {
    refuseLevel(name, level, levels.get(FeatureName.METADATA_VERSION) ?? 0);
    levels.set(name, level);
  }
  levels.set(FeatureName.KRAFT_VERSION, kraftVersion(features.get(FeatureName.KRAFT_VERSION), standalone !== undefined));
  return levels;
}

function releaseLevel(release: string): number {
  const level = metadataVersionOf(release);
  if (level === undefined) throw new FormatError(`release version '${release}' is not known; ${metadataVersionName(7)} to ${metadataVersionName(30)} are`);
  return level;
}

function refuseLevel(name: string, level: number, metadataVersion: number): void {
  const range = SUPPORTED_FEATURES.get(name);
  if (range === undefined && !isKnownFeature(name)) throw new FormatError(`feature '${name}' is not known`);
  if (level < (range?.min ?? 0) || level > (range?.max ?? 0)) {
    throw new FormatError(`feature ${name} cannot be ${level}: this version serves ${range === undefined ? 'only 0' : `${range.min} to ${range.max}`}`);
  }
  const needed = metadataVersionNeeded(name, level);
  if (needed > metadataVersion) throw new FormatError(`feature ${name}=${level} needs metadata.version ${needed} (${metadataVersionName(needed)})`);
}

/** Voters in the log and kraft.version 1 go together. */
function kraftVersion(given: number | undefined, standalone: boolean): number {
  const wanted = standalone ? 1 : 0;
  if (given === undefined || given === wanted) return wanted;
  throw new FormatError(standalone ? 'kraft.version cannot be 0 with --standalone' : `kraft.version ${given} needs --standalone and no controller.quorum.voters`);
}

function writeFirstVoters({ env: { disk, clock }, nodeId, standalone }: FormatOptions, directory: string, directoryId: Uuid, levels: ReadonlyMap<string, number>): void {
  const voter: Voter = {
    voterId: nodeId, voterDirectoryId: directoryId, endpoints: standalone!.endpoints,
    kRaftVersionFeature: SUPPORTED_KRAFT_VERSIONS,
  };
  const nowMs = clock.nowMs();
  const batches = snapshotBatches({
    epoch: BOOTSTRAP_SNAPSHOT.epoch, lastContainedLogTimestampMs: nowMs, nowMs, records: [],
    quorum: { kraftVersion: levels.get(FeatureName.KRAFT_VERSION) ?? 0, voters: [voter] },
    metadataVersion: levels.get(FeatureName.METADATA_VERSION) ?? 0,
  });
  const partition = metadataPartitionDirectory(directory);
  disk.makeDirectory(partition);
  writeSynced(disk, `${partition}/${snapshotFile(BOOTSTRAP_SNAPSHOT)}`, Buffer.concat([...batches]));
  disk.syncDirectory(partition);
}

const KRAFT_RANGE = SUPPORTED_FEATURES.get(FeatureName.KRAFT_VERSION)!;
const SUPPORTED_KRAFT_VERSIONS = { minSupportedVersion: KRAFT_RANGE.min, maxSupportedVersion: KRAFT_RANGE.max };

/** Whole and durable before `meta.properties` says that the directory is formatted; its name becomes so with that. */
function writeSynced(disk: Disk, path: string, bytes: Uint8Array): void {
  const file = disk.open(path, { create: true });
  try {
    file.truncateNow(0);
    file.writeNow([bytes], 0);
    file.syncNow();
  } finally {
    file.close();
  }
}
