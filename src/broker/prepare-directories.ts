import { randomUuid } from '../base/uuid.js';
import { ConfigError, controllerEndpoints, type ListenerPlan, type Settings } from '../config/index.js';
import { formatDirectories } from '../controller/format.js';
import type { Env } from '../env/index.js';
import { readMetaProperties } from '../log/index.js';

/** The cluster that the data directories belong to; those that are empty are formatted for it, or for a new one. */
export function prepareDirectories(env: Env, settings: Settings, plan: ListenerPlan): { clusterId: string } {
  const { disk, random } = env;
  const directories = settings.dataDirectories;
  if (!directories.includes(settings.metadataDirectory)) {
    throw new ConfigError(`metadata.log.dir ${settings.metadataDirectory}: this version of Ottla keeps the metadata log in one of log.dirs`);
  }
  const found = directories.flatMap(directory => readMetaProperties(disk, directory) ?? []);
  const clusterId = found[0]?.clusterId ?? randomUuid(random);
  if (found.length < directories.length) {
    const staticVoters = settings.get('controller.quorum.voters').length > 0;
    formatDirectories({
      env, directories, metadataDirectory: settings.metadataDirectory, clusterId, nodeId: settings.get('node.id'), ignoreFormatted: true,
      ...(!staticVoters && { standalone: { endpoints: controllerEndpoints(settings, plan) } }),
    });
  }
  return { clusterId };
}
