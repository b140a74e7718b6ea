import { MalformedError } from '../../base/bytes.js';
import { isUuid } from '../../base/uuid.js';
import type { Disk } from '../../env/index.js';
import { ZERO_UUID, type Uuid } from '../../protocol/wire/types.js';
import { PARTITION_METADATA_FILE } from '../paths.js';

/** `partition.metadata`: which topic a directory belongs to, whatever topic has that name by now (`PartitionMetadataFile`). */

const VERSION = 0;

export function formatPartitionMetadata(topicId: Uuid): string {
  return `version: ${VERSION}\ntopic_id: ${topicId}`;
}

/** `MalformedError` when the text is not such a file. A later version is read as far as it is known. */
export function parsePartitionMetadata(text: string): Uuid {
  const [versionLine = '', idLine = ''] = text.split('\n');
  const version = /^version:\s+(\d+)\s*$/.exec(versionLine);
  const topicId = /^topic_id:\s+(\S+)\s*$/.exec(idLine)?.[1];
  if (!version || topicId === undefined || !isUuid(topicId) || topicId === ZERO_UUID) {
    throw new MalformedError(`partition metadata is malformed: '${text.slice(0, 80)}'`);
  }
  return topicId;
}

/** The topic id of a partition's directory; undefined when the file is absent or torn: nothing was made durable here. */
export function readTopicId(disk: Disk, directory: string): Uuid | undefined {
  const path = `${directory}/${PARTITION_METADATA_FILE}`;
  if (!disk.stat(path)) return undefined;
  try {
    return parsePartitionMetadata(disk.readFile(path).toString('utf8'));
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}

/**
 * Comes before the first record: a crash of the process must not leave records that belong to no topic. It is synced by the
 * log's first flush, before which no record is durable either.
 */
export function writeTopicId(disk: Disk, directory: string, topicId: Uuid): void {
  const file = disk.open(`${directory}/${PARTITION_METADATA_FILE}`, { create: true });
  try {
    file.writeNow([Buffer.from(formatPartitionMetadata(topicId))], 0);
  } finally {
    file.close();
  }
}
