import { randomUuid } from '../base/uuid.js';
import { ConfigError, controllerEndpoints, type ListenerPlan, type Settings } from '../config/index.js';
import { formatDirectories } from '../controller/format.js';
import { DiskError, type Env } from '../env/index.js';
import { readMetaProperties, type MetaProperties } from '../log/index.js';
import { metadataPartitionDirectory } from '../raft/metadata-log.js';

/**
 * The cluster that the data directories belong to; those that are empty are formatted for it, or for a new one. One whose disk
 * fails is left for later, when it is found to be offline, unless it holds the metadata log.
 */
export function prepareDirectories(env: Env, settings: Settings, plan: ListenerPlan): { clusterId: string } {
  const { metadataDirectory } = settings;
  const directories = [...new Set([metadataDirectory, ...settings.dataDirectories])];
  const survive = <T>(directory: string, work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof DiskError) || directory === metadataDirectory) throw error;
      env.logger.error('log directory cannot be read', { path: directory, error: error.message });
      return undefined;
    }
  };
  const found = new Map<string, MetaProperties | undefined>();
  for (const directory of directories) survive(directory, () => found.set(directory, readMetaProperties(env.disk, directory)));
  const clusterId = [...found.values()].find(properties => properties !== undefined)?.clusterId ?? randomUuid(env.random);
  refuseOtherMetadata(env, settings);
  const standalone = settings.get('controller.quorum.voters').length > 0 ? undefined : { endpoints: controllerEndpoints(settings, plan) };
  for (const [directory, properties] of found) {
    if (properties !== undefined) continue;
    survive(directory, () => formatDirectories({
      env, directories: [directory], metadataDirectory, clusterId, nodeId: settings.get('node.id'), ignoreFormatted: true,
      ...(standalone !== undefined && { standalone }),
    }));
  }
  return { clusterId };
}

/** With another metadata.log.dir than before, a cluster would begin anew and know nothing of its topics (`KafkaRaftServer`). */
function refuseOtherMetadata({ disk }: Env, { metadataDirectory, dataDirectories }: Settings): void {
  const other = dataDirectories.find(directory => directory !== metadataDirectory && disk.stat(metadataPartitionDirectory(directory)) !== undefined);
  if (other !== undefined) {
    throw new ConfigError(`metadata.log.dir is ${metadataDirectory}, but ${other} holds a metadata log; name that directory, or take the log away`);
  }
}
