import type { Disk } from '../env/index.js';
import type { Finding, PartitionReport } from '../log/inspect/findings.js';
import type { DirectoryReport, VerifyReport } from '../log/inspect/verify-directories.js';
import { parsePartitionDirectory, partitionDirectory } from '../log/paths.js';
import { DirectoryId } from '../metadata/image.js';
import { METADATA_TOPIC } from '../protocol/internal-topics.js';
import { holdsMetadata, METADATA_PARTITION, metadataPartitionDirectory } from '../raft/metadata-log.js';
import { clusterTopics, type StoredTopic } from './dump/cluster-topics.js';
import { plural } from './dump/output.js';

type Topics = ReadonlyMap<string, StoredTopic>;

const METADATA_DIRECTORY = partitionDirectory(METADATA_TOPIC, METADATA_PARTITION);

/** What of the partitions in log directories does not fit with the cluster's topics, as the metadata log in one of them has these. */
export async function heldAgainstCluster(disk: Disk, report: VerifyReport): Promise<Finding[]> {
  const { directories, partitions } = report;
  const home = directories.find(({ path }) => holdsMetadata(disk, path));
  if (home === undefined) return withoutMetadata(directories);
  // Metadata that is damaged may have lost topics itself.
  const isSound = !partitions.some(({ name, findings }) => name === METADATA_DIRECTORY && findings.some(({ severity }) => severity === 'error'));
  if (!isSound) return [];
  const topics = await clusterTopics(disk, metadataPartitionDirectory(home.path));
  return [...strays(report, topics, home), ...missing(report, topics, home)];
}

/** Of single partitions nothing is expected. */
function withoutMetadata(directories: readonly DirectoryReport[]): Finding[] {
  return directories.slice(0, 1).map(({ path }) => ({
    severity: 'warning', path, remedy: { kind: 'metadataMissing' },
    message: `there is no metadata log ${directories.length === 1 ? 'here' : 'here or beside it'}: partitions cannot be held against the cluster's topics`,
  }));
}

/** Partitions that the cluster does not know, or not on this node (`isStray` in `broker.ts`). */
function strays({ partitions }: VerifyReport, topics: Topics, { owner, isInUse }: DirectoryReport): Finding[] {
  return partitions.flatMap((partition): Finding[] => {
    const message = whyStray(partition, topics, owner?.nodeId);
    if (message === undefined) return [];
    const isUnused = partition.topicId === undefined && partition.endOffset === 0;
    return [{ severity: isInUse ? 'note' : 'warning', path: partition.path, message, remedy: { kind: isUnused ? 'unusedRemoved' : 'setAside' } }];
  });
}

const NO_TOPIC = 'is of no topic by its id, and of none that the metadata of the cluster knows by its name';

/** undefined: the cluster has it on the node, if that is known, by its topic's id and name. */
function whyStray({ name, topicId }: PartitionReport, topics: Topics, nodeId: number | undefined): string | undefined {
  const parsed = parsePartitionDirectory(name);
  if (parsed === undefined || parsed.topic === METADATA_TOPIC) return undefined;
  const known = topicId === undefined ? [...topics.values()].find(topic => topic.name === parsed.topic) : topics.get(topicId);
  if (known === undefined) return topicId === undefined ? NO_TOPIC : `is of topic ${topicId}, which the metadata of the cluster does not know`;
  if (known.name !== parsed.topic) return `has the topic id of ${known.name}: it is a copy, or was renamed`;
  const replicas = known.partitions.get(parsed.partition)?.replicas;
  if (replicas === undefined) return `is no partition of ${known.name}, which has ${plural(known.partitions.size, 'partition')}, numbered from 0 on, by the metadata of the cluster`;
  if (nodeId === undefined || replicas.includes(nodeId)) return undefined;
  return `has its replicas on nodes ${replicas.join(', ')} by the metadata of the cluster, and none on this one, ${nodeId}`;
}

/** Partitions that the cluster has in one of the directories, and that are in none of them. */
function missing({ directories, partitions }: VerifyReport, topics: Topics, { owner, isInUse }: DirectoryReport): Finding[] {
  const here = new Set([...partitions.map(({ name }) => name), ...directories.flatMap(({ copies }) => copies)]);
  return [...topics.values()].flatMap(topic => [...topic.partitions].flatMap(([index, { replicas, directories: ids }]): Finding[] => {
    const name = partitionDirectory(topic.name, index);
    const replica = owner === undefined ? -1 : replicas.indexOf(owner.nodeId);
    if (here.has(name) || replica < 0) return [];
    const place = directories.find(directory => directory.owner?.directoryId !== undefined && directory.owner.directoryId === ids[replica])
      // It is elsewhere, or in whichever directory knows of it where the cluster does not say.
      ?? directories.find(({ recorded }) => isUnassigned(ids[replica]) && recorded.has(name));
    return place === undefined ? [] : [gone(`${place.path}/${name}`, place.recorded.get(name) ?? 0, isInUse)];
  }));
}

const isUnassigned = (id: string | undefined): boolean => id === undefined || Object.values<string>(DirectoryId).includes(id);

function gone(path: string, offset: number, isInUse: boolean): Finding {
  const remedy = { kind: 'begunEmpty' } as const;
  const message = 'is missing, and the metadata of the cluster has this partition here';
  if (offset > 0) return { severity: 'error', path, message: `${message}: its log, which went up to offset ${offset} or further, is gone`, remedy };
  // A running broker may be about to make it.
  return { severity: isInUse ? 'note' : 'warning', path, message, remedy };
}
