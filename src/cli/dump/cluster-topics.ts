import type { Disk } from '../../env/index.js';
import { batchesOfFile, factsOf } from '../../log/inspect/stored-batches.js';
import { LOG_SUFFIX, offsetOfFile, parseMetadataSnapshotFile } from '../../log/paths.js';
import { recordsIn } from '../../protocol/records/batch-iterator.js';
import { decodeRecord } from './decode-records.js';

export interface StoredTopic {
  readonly name: string;
  readonly partitions: ReadonlyMap<number, StoredPartition>;
}

export interface StoredPartition {
  /** The nodes that have a replica. */
  readonly replicas: readonly number[];
  /** For each of those the id of its log directory there; empty where the cluster is older than KIP-858. */
  readonly directories: readonly string[];
}

type Topics = Map<string, { readonly name: string; readonly partitions: Map<number, StoredPartition> }>;

/**
 * The topics of the cluster by their id, as the metadata log in a directory tells them: its newest snapshot and what follows.
 * What cannot be read is passed over.
 */
export async function clusterTopics(disk: Disk, metadataDirectory: string): Promise<ReadonlyMap<string, StoredTopic>> {
  const topics: Topics = new Map();
  const names = disk.list(metadataDirectory);
  const snapshot = names.filter(name => parseMetadataSnapshotFile(name)?.isWhole).sort().at(-1);
  const from = snapshot === undefined ? 0 : parseMetadataSnapshotFile(snapshot)!.offset;
  if (snapshot !== undefined) await apply(disk, `${metadataDirectory}/${snapshot}`, 0, topics);
  const segments = names.filter(name => name.endsWith(LOG_SUFFIX) && offsetOfFile(name) !== undefined).sort();
  for (const name of segments) await apply(disk, `${metadataDirectory}/${name}`, from, topics);
  return topics;
}

async function apply(disk: Disk, path: string, from: number, topics: Topics): Promise<void> {
  const file = disk.open(path, { readOnly: true });
  try {
    for await (const found of batchesOfFile(file, file.sizeBytes())) {
      if (found.kind !== 'batch') return;
      const facts = factsOf(found);
      if (facts.isControl || !facts.isCrcValid || facts.lastOffset < from) continue;
      for (const record of recordsIn(found.bytes, found.at)) if (record.offset >= from) applyRecord(record, topics);
    }
  } finally {
    file.close();
  }
}

/** The fields of interest, of each type those that it has. */
interface Said {
  readonly type: string;
  readonly value: { readonly topicId: string; readonly name: string; readonly partitionId: number } & { readonly [field in keyof StoredPartition]: StoredPartition[field] | null };
}

function applyRecord(record: { readonly key: Uint8Array | null; readonly value: Uint8Array | null }, topics: Topics): void {
  try {
    const { type, value: { topicId, name, partitionId, replicas, directories } } = decodeRecord('metadata', record) as unknown as Said;
    if (type === 'Topic') topics.set(topicId, { name, partitions: new Map() });
    else if (type === 'RemoveTopic') topics.delete(topicId);
    else if (type === 'Partition' || type === 'PartitionChange') {
      const partitions = topics.get(topicId)?.partitions;
      const before = partitions?.get(partitionId);
      // A change names what it changes alone.
      partitions?.set(partitionId, { replicas: replicas ?? before?.replicas ?? [], directories: directories ?? before?.directories ?? [] });
    }
  } catch {
    // Of a version to come: it says nothing of topics that we could know.
  }
}
