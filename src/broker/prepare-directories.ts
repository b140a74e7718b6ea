import { randomUuid } from '../base/uuid.js';
import { ConfigError, controllerEndpoints, type ListenerPlan, type Settings } from '../config/index.js';
import { formatDirectories } from '../controller/format.js';
import { DiskError, type Disk, type Env } from '../env/index.js';
import { readMetaProperties, type MetaProperties } from '../log/index.js';
import { holdsMetadata } from '../raft/metadata-log.js';

/** What a directory is found to be. */
interface FoundDirectory {
  /** undefined: it is not formatted. */
  readonly properties: MetaProperties | undefined;
  readonly holdsMetadata: boolean;
}

/** Whether a start finds the metadata's directory formatted, and `prepareDirectories` makes nothing new. */
export function isPrepared(disk: Disk, { metadataDirectory }: Settings): boolean {
  return readMetaProperties(disk, metadataDirectory) !== undefined;
}

/**
 * The cluster that the data directories belong to; for a new one, all are formatted. One whose disk fails is left for later, when it
 * is found to be offline, unless it holds the metadata log. Once there is a metadata log, a directory that is not formatted is
 * refused: most likely its volume is not mounted, and the partitions in it would begin anew. Who is refused leaves everything as it was.
 */
export function prepareDirectories(env: Env, settings: Settings, plan: ListenerPlan): { clusterId: string } {
  const { metadataDirectory, dataDirectories } = settings;
  const found = new Map<string, FoundDirectory>();
  for (const directory of new Set([...dataDirectories, metadataDirectory])) {
    try {
      found.set(directory, { properties: readMetaProperties(env.disk, directory), holdsMetadata: holdsMetadata(env.disk, directory) });
    } catch (error) {
      leave(env, directory, metadataDirectory, error);
    }
  }
  const clusterId = [...found.values()].find(({ properties }) => properties !== undefined)?.properties?.clusterId ?? randomUuid(env.random);
  refuseOtherMetadata(found, metadataDirectory);
  const fresh = [...found].filter(([, { properties }]) => properties === undefined).map(([directory]) => directory);
  const metadata = found.get(metadataDirectory)!;
  if (metadata.properties !== undefined) {
    refuseWithoutVoters(metadata, settings);
    refuseUnformatted(fresh, clusterId, metadataDirectory);
  }
  else formatAll(env, settings, plan, clusterId, fresh);
  return { clusterId };
}

/** A directory without which one can start, as `LogDirectory.open` will tell; anything else is thrown. */
function leave({ logger }: Env, directory: string, metadataDirectory: string, error: unknown): void {
  if (!(error instanceof DiskError) || directory === metadataDirectory) throw error;
  logger.debug('log directory cannot be read', { path: directory, error: error.message });
}

function refuseUnformatted(directories: readonly string[], clusterId: string, metadataDirectory: string): void {
  if (directories.length === 0) return;
  throw new ConfigError(`${directories.join(' and ')} in log.dirs is not formatted, while ${metadataDirectory} belongs to cluster ${clusterId}: ` +
    'mount its volume if that is missing, or have a new directory made ready by `ottla format --ignore-formatted`');
}

function formatAll(env: Env, settings: Settings, plan: ListenerPlan, clusterId: string, directories: readonly string[]): void {
  const { metadataDirectory } = settings;
  const standalone = settings.get('controller.quorum.voters').length > 0 ? undefined : { endpoints: controllerEndpoints(settings, plan) };
  let left = directories;
  for (;;) {
    try {
      formatDirectories({
        env, directories: left, metadataDirectory, clusterId, nodeId: settings.get('node.id'), ignoreFormatted: true,
        ...(standalone !== undefined && { standalone }),
      });
      return;
    } catch (error) {
      const failing = error instanceof DiskError ? left.find(directory => `${error.path}/`.startsWith(`${directory}/`)) : undefined;
      leave(env, failing ?? metadataDirectory, metadataDirectory, error);
      left = left.filter(directory => directory !== failing);
    }
  }
}

/** With another metadata.log.dir than before, a cluster would begin anew and know nothing of its topics (`KafkaRaftServer`). */
function refuseOtherMetadata(found: ReadonlyMap<string, FoundDirectory>, metadataDirectory: string): void {
  const other = [...found].find(([directory, { holdsMetadata: holds }]) => holds && directory !== metadataDirectory)?.[0];
  if (other !== undefined) {
    throw new ConfigError(`metadata.log.dir is ${metadataDirectory}, but ${other} holds a metadata log; name that directory, or take the log away`);
  }
}

/** Without any of the metadata log, voters can come from the settings only. */
function refuseWithoutVoters({ properties, holdsMetadata: holds }: FoundDirectory, settings: Settings): void {
  if (holds || settings.get('controller.quorum.voters').length > 0) return;
  throw new ConfigError(`${settings.metadataDirectory} belongs to cluster ${properties!.clusterId} and holds no metadata log; was it one of several log.dirs? ` +
    'Name them all, the one with the metadata log first or in metadata.log.dir; for a new cluster, format the directory with --standalone');
}
