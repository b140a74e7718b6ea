// An answer without what two brokers may rightly differ in: ids, ports, the time, the words of messages, orders of sets.

import { consumerProtocolAssignmentSchema } from '../../src/protocol/generated/index.js';
import { Reader } from '../../src/protocol/wire/reader.js';

const DAY_MS = 86_400_000;
/** A member id that the broker made: the client's id and a random UUID in Java's print. */
const MADE_MEMBER_ID = /-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Topic and directory ids that nobody gave a name. */
const IDS = new Set(['topicId', 'directoryId', 'replicaDirectoryId']);
const UUID = /^[\w-]{22}$/;
/** Within a message. */
const MADE_UUID = /(?<![\w-])[\w-]{22}(?![\w-])/g;

/** Our sentences are our own: only whether there is one is compared. */
const WORDS = new Set(['errorMessage', 'batchIndexErrorMessage', 'documentation']);
/** Counts, sizes and places of the machine and the process. */
const OWN = new Set(['port', 'clusterId', 'totalBytes', 'usableBytes', 'finalizedFeaturesEpoch', 'logDir', 'producerId', 'sessionId', 'throttleTimeMs']);
/** Arrays whose order says something. */
const ORDERED = new Set(['synonyms']);
/** Arrays of plain values whose order says nothing. */
const UNORDERED = new Set(['subscribedTopicNames', 'partitions']);

/** What a coordinator may write itself, for members of the classic protocol in a group of the new one: the order of topics is its own. */
const ASSIGNMENTS = new Set(['assignment', 'memberAssignment']);

/** Names for values that a broker made up, such as the id of a topic. */
export type Aliases = ReadonlyMap<unknown, string>;

/** APIs whose messages the tools print as they come, and which are compared word for word; of others only whether there is a message. */
export const SPOKEN = new RegExp(`^(?:${[
  'CreateTopics', 'CreatePartitions', 'DeleteTopics', 'AlterPartitionReassignments', 'ListPartitionReassignments', 'ElectLeaders', 'DescribeQuorum', 'AddRaftVoter',
  'RemoveRaftVoter', 'UnregisterBroker', 'UpdateFeatures', 'DescribeProducers', 'DescribeCluster', 'ConsumerGroupHeartbeat', 'ConsumerGroupDescribe', 'DescribeGroups',
].join('|')}) `);

export interface Told {
  readonly aliases: Aliases;
  readonly isSpoken: boolean;
  /** How values of certain fields are told, where it is not as all others. */
  readonly named?: (field: string, value: unknown) => string | undefined;
}

/** Plain JSON that is equal for two answers that mean the same. */
export function normalise(value: unknown, told: Told, field = ''): unknown {
  if (value === null || value === undefined) return value ?? null;
  const name = told.named?.(field, value);
  if (name !== undefined) return name;
  if (WORDS.has(field)) return value === '' ? '' : told.isSpoken && typeof value === 'string' ? value.replace(MADE_UUID, '<uuid>') : '<words>';
  if (OWN.has(field)) return value === -1 || value === '' || value === 0 ? value : `<${field}>`;
  const alias = told.aliases.get(value);
  if (alias !== undefined) return alias;
  if (typeof value === 'string') return text(value, field);
  // Which equals nothing, itself included.
  if (Number.isNaN(value)) return 'NaN';
  if (typeof value === 'number') return Math.abs(value - Date.now()) < DAY_MS ? '<now>' : value;
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return (ASSIGNMENTS.has(field) ? assigned(value) : undefined) ?? Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return list(value, told, field);
  if (typeof value !== 'object') return value;
  if (Array.isArray((value as { responses?: unknown }).responses)) return normaliseObject(flattened(value as { responses: object[] }), told);
  return normaliseObject(value, told);
}

function normaliseObject(value: object, told: Told): unknown {
  return Object.fromEntries(Object.entries(value)
    .filter(([key, inner]) => key !== 'unknownTaggedFields' || (inner as unknown[]).length > 0)
    .map(([key, inner]) => [key, normalise(inner, told, key)]));
}

/** Fetch may name a topic once for several partitions, or again for each. */
function flattened(value: { responses: object[] }): object {
  const responses = value.responses.flatMap(response => {
    const { partitions, ...topic } = response as { partitions?: object[] };
    return partitions === undefined ? [response] : partitions.map(partition => ({ ...topic, ...partition }));
  });
  return { ...value, responses };
}

/** An assignment in words; undefined when the bytes are none. */
function assigned(bytes: Uint8Array): string | undefined {
  const reader = new Reader(bytes);
  try {
    const version = reader.int16();
    const { assignedPartitions, userData } = consumerProtocolAssignmentSchema.decode(reader, Math.min(Math.max(version, 0), consumerProtocolAssignmentSchema.maxVersion));
    if (reader.remaining > 0) return undefined;
    const topics = assignedPartitions.map(({ topic, partitions }) => `${topic}: ${[...partitions].sort((a, b) => a - b).join(' ')}`).sort();
    return `v${version} [${topics.join(', ')}] and ${userData === null ? 'nothing' : Buffer.from(userData).toString('hex')}`;
  } catch {
    return undefined;
  }
}

function text(value: string, field: string): string {
  if (IDS.has(field) && UUID.test(value) && !/^A{21}[A-Z]$/.test(value)) return `<${field}>`;
  return value.replace(MADE_MEMBER_ID, '-<uuid>');
}

function list(value: readonly unknown[], told: Told, field: string): unknown[] {
  const items = value.map(item => normalise(item, told, field));
  const isSet = UNORDERED.has(field) || (!ORDERED.has(field) && items.some(item => typeof item === 'object'));
  return isSet ? items.sort((a, b) => compareText(JSON.stringify(a), JSON.stringify(b))) : items;
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
