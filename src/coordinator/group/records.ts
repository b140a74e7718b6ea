import {
  groupMetadataKeySchema, groupMetadataValueSchema, legacyOffsetCommitKeySchema, offsetCommitKeySchema, offsetCommitValueSchema,
  shareGroupMetadataKeySchema, streamsGroupMetadataKeySchema,
} from '../../protocol/generated/index.js';
import type { GroupMetadataValue, GroupMetadataValueMemberMetadata, OffsetCommitValue } from '../../protocol/generated/index.js';
import type { Reader } from '../../protocol/wire/reader.js';
import type { RecordCodec } from '../../runtime/machine.js';
import type { ClassicGroup } from './classic/group.js';
import { decodeConsumerGroupRecord, encodeConsumerGroupRecord, isConsumerGroupRecord } from './consumer/records.js';
import type { ConsumerGroupRecord } from './consumer/records.js';
import { decodeValue, encode, readerOf } from '../record-bytes.js';

export type StoredMember = Omit<GroupMetadataValueMemberMetadata, 'subscription' | 'assignment' | 'unknownTaggedFields'> & {
  readonly subscription: Uint8Array;
  readonly assignment: Uint8Array;
};

/** A classic group as a record tells it; in no members' group `protocol` and `leader` are null. */
export type GroupMetadata = Omit<GroupMetadataValue, 'members' | 'unknownTaggedFields'> & { readonly members: readonly StoredMember[] };

/** A committed offset as a record tells it; `expireTimestamp` is -1 but for commits that set their own retention. */
export type CommittedOffset = Omit<OffsetCommitValue, 'unknownTaggedFields'>;

/** Groups of protocols that are not spoken here yet (KIP-932, KIP-1071), as ListGroups calls them. */
export type NewerProtocol = 'share' | 'streams';

/** What stands in `__consumer_offsets`; a null value deletes. Of groups of newer protocols it is known that they are there. */
export type GroupRecord =
  | ConsumerGroupRecord
  | { readonly kind: 'newer group'; readonly groupId: string; readonly protocol: NewerProtocol; readonly value: Uint8Array | null }
  | { readonly kind: 'offset'; readonly groupId: string; readonly topic: string; readonly partition: number; readonly value: CommittedOffset | null }
  | { readonly kind: 'group'; readonly groupId: string; readonly value: GroupMetadata | null };

/** The group as it is now, to be found by whoever takes over. */
export function groupMetadataRecord(group: ClassicGroup): GroupRecord {
  const members = [...group.members.values()].map(({ identity, terms, assignment }, index, all): StoredMember => ({
    memberId: identity.memberId,
    groupInstanceId: identity.groupInstanceId,
    clientId: identity.clientId,
    clientHost: identity.clientHost,
    rebalanceTimeout: terms.rebalanceTimeoutMs,
    sessionTimeout: terms.sessionTimeoutMs,
    subscription: all[index]!.metadata(group.protocolName),
    assignment,
  }));
  return {
    kind: 'group',
    groupId: group.groupId,
    value: {
      protocolType: group.protocolType ?? '',
      generation: group.generationId,
      protocol: group.protocolName,
      leader: group.leaderId,
      currentStateTimestamp: group.stateTimestampMs,
      members,
    },
  };
}

/** A group that somebody has begun to join: its being there is all there is to record yet. */
export function newGroupRecord(groupId: string, nowMs: number): GroupRecord {
  const value = { protocolType: '', generation: 0, protocol: null, leader: null, currentStateTimestamp: nowMs, members: [] };
  return { kind: 'group', groupId, value };
}

export function groupTombstone(groupId: string): GroupRecord {
  return { kind: 'group', groupId, value: null };
}

export function offsetTombstone(groupId: string, topic: string, partition: number): GroupRecord {
  return { kind: 'offset', groupId, topic, partition, value: null };
}

/** The versions that Apache Kafka 4.3.1 writes. */
const GROUP_METADATA_VERSION = 3;
const OFFSET_VERSION = 4;
const OFFSET_WITH_EXPIRY_VERSION = 1;

/**
 * The records of `__consumer_offsets`, as Kafka's `GroupCoordinatorRecordSerde` has them: the int16 that begins the key says
 * what the record is, the one that begins the value is its version. Of share and streams groups the record of the group itself
 * is read, and the others are skipped.
 * @throws Error when a value is of a version that nobody had written when this was.
 */
export const groupRecordCodec: RecordCodec<GroupRecord> = { encode: encodeRecord, decode: decodeRecord };

const newerKeys = { share: shareGroupMetadataKeySchema, streams: streamsGroupMetadataKeySchema } as const;
const newerProtocols = new Map(Object.entries(newerKeys).map(([protocol, { type }]) => [type, protocol as NewerProtocol]));

function encodeRecord(record: GroupRecord): { key: Uint8Array; value: Uint8Array | null } {
  if (isConsumerGroupRecord(record)) return encodeConsumerGroupRecord(record);
  const { groupId: group } = record;
  if (record.kind === 'newer group') {
    const schema = newerKeys[record.protocol];
    return { key: encode(schema, schema.type, 0, { groupId: group }), value: record.value };
  }
  if (record.kind === 'group') {
    const key = encode(groupMetadataKeySchema, groupMetadataKeySchema.type, 0, { group });
    const { value } = record;
    return { key, value: value && encode(groupMetadataValueSchema, GROUP_METADATA_VERSION, GROUP_METADATA_VERSION, value) };
  }
  const { topic, partition, value } = record;
  const key = encode(offsetCommitKeySchema, offsetCommitKeySchema.type, 0, { group, topic, partition });
  if (value === null) return { key, value };
  const version = value.expireTimestamp === -1 ? OFFSET_VERSION : OFFSET_WITH_EXPIRY_VERSION;
  return { key, value: encode(offsetCommitValueSchema, version, version, value) };
}

function decodeRecord(key: Uint8Array | null, value: Uint8Array | null): GroupRecord | undefined {
  if (key === null || key.length < 2) return undefined;
  const reader = readerOf(key);
  const type = reader.int16();
  // Keys of type 0 are those of Kafka before 0.9, with the same fields.
  if (type === offsetCommitKeySchema.type || type === legacyOffsetCommitKeySchema.type) {
    const { group, topic, partition } = offsetKey(key, reader);
    return { kind: 'offset', groupId: group, topic, partition, value: value && decodeValue(offsetCommitValueSchema, value) };
  }
  if (type === groupMetadataKeySchema.type) {
    const { group } = groupMetadataKeySchema.decode(reader, 0);
    // A copy: the members' bytes are kept, and must not hold on to the buffer of a whole read.
    return { kind: 'group', groupId: group, value: value && decodeValue(groupMetadataValueSchema, Uint8Array.from(value)) };
  }
  const protocol = newerProtocols.get(type);
  if (protocol === undefined) return decodeConsumerGroupRecord(key, value);
  const { groupId } = newerKeys[protocol].decode(reader, 0);
  return { kind: 'newer group', groupId, protocol, value: value && Uint8Array.from(value) };
}

interface OffsetKey {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

const PARTITION_BYTES = 4;
let lastKey: Uint8Array = new Uint8Array(0);
let lastOffsetKey: OffsetKey = { group: '', topic: '', partition: 0 };

/** The key that `reader` stands in. The partitions of a topic come in a row, and their group and topic are the same text then. */
function offsetKey(key: Uint8Array, reader: Reader): OffsetKey {
  if (isSameButForPartition(key, lastKey)) {
    const partition = new DataView(key.buffer, key.byteOffset + key.length - PARTITION_BYTES, PARTITION_BYTES).getInt32(0);
    return { group: lastOffsetKey.group, topic: lastOffsetKey.topic, partition };
  }
  lastOffsetKey = offsetCommitKeySchema.decode(reader, 0);
  lastKey = Uint8Array.from(key);
  return lastOffsetKey;
}

function isSameButForPartition(key: Uint8Array, other: Uint8Array): boolean {
  if (key.length !== other.length) return false;
  for (let at = key.length - PARTITION_BYTES - 1; at >= 0; at--) if (key[at] !== other[at]) return false;
  return true;
}
