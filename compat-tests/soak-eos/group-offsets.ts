import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { offsetFetchApi } from '../../src/protocol/generated/offset-fetch.js';
import type { Positions } from '../../src/testing/history/history.js';
import type { RawClient } from '../../src/testing/raw-client.js';
import type { Topic } from './committed-log.js';

/** Of the last version that names topics instead of ids. */
const OFFSET_FETCH_VERSION = 9;

/** A group and a topic that it reads. */
export interface Group {
  readonly group: string;
  readonly topic: Topic;
}

/** What is committed and stable: partitions with a transaction that is under way are among the errors, those without an offset nowhere. */
export async function committedOffsets(client: RawClient, { group, topic }: Group): Promise<{ offsets: Positions; errors: string[] }> {
  const topics = [{ name: topic.name, partitionIndexes: Array.from({ length: topic.partitions }, (_, index) => index) }];
  const answer = await client.send(offsetFetchApi, { groups: [{ groupId: group, topics }], requireStable: true }, OFFSET_FETCH_VERSION);
  const partitions = answer.groups[0]!.topics[0]?.partitions ?? [];
  const offsets = partitions.filter(({ errorCode, committedOffset }) => errorCode === ErrorCode.NONE && Number(committedOffset) >= 0)
    .map(({ partitionIndex, committedOffset }) => [`${topic.name}-${partitionIndex}`, Number(committedOffset)] as const);
  const errors = partitions.filter(({ errorCode }) => errorCode !== ErrorCode.NONE)
    .map(({ partitionIndex, errorCode }) => `${group}: the offset of ${topic.name}-${partitionIndex} got error ${errorCode}`);
  return { offsets: Object.fromEntries(offsets), errors };
}
