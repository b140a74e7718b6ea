import type { Disk } from '../../env/index.js';
import { batchesOfFile, factsOf } from '../../log/inspect/stored-batches.js';
import { LOG_SUFFIX, offsetOfFile, parseMetadataSnapshotFile } from '../../log/paths.js';
import { recordsIn } from '../../protocol/records/batch-iterator.js';
import { decodeRecord } from './decode-records.js';

/**
 * The topics of the cluster by their id, as the metadata log in a directory tells them: its newest snapshot and what follows.
 * What cannot be read is passed over.
 */
export async function clusterTopics(disk: Disk, metadataDirectory: string): Promise<ReadonlyMap<string, string>> {
  const topics = new Map<string, string>();
  const names = disk.list(metadataDirectory);
  const snapshot = names.filter(name => parseMetadataSnapshotFile(name)?.isWhole).sort().at(-1);
  const from = snapshot === undefined ? 0 : parseMetadataSnapshotFile(snapshot)!.offset;
  if (snapshot !== undefined) await apply(disk, `${metadataDirectory}/${snapshot}`, 0, topics);
  const segments = names.filter(name => name.endsWith(LOG_SUFFIX) && offsetOfFile(name) !== undefined).sort();
  for (const name of segments) await apply(disk, `${metadataDirectory}/${name}`, from, topics);
  return topics;
}

async function apply(disk: Disk, path: string, from: number, topics: Map<string, string>): Promise<void> {
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

function applyRecord(record: { readonly key: Uint8Array | null; readonly value: Uint8Array | null }, topics: Map<string, string>): void {
  try {
    const { type, value } = decodeRecord('metadata', record) as { type: string; value: { topicId: string; name: string } };
    if (type === 'Topic') topics.set(value.topicId, value.name);
    else if (type === 'RemoveTopic') topics.delete(value.topicId);
  } catch {
    // Of a version to come: it says nothing of topics that we could know.
  }
}
