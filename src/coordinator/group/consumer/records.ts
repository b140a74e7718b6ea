import {
  consumerGroupCurrentMemberAssignmentKeySchema, consumerGroupCurrentMemberAssignmentValueSchema, consumerGroupMemberMetadataKeySchema,
  consumerGroupMemberMetadataValueSchema, consumerGroupMetadataKeySchema, consumerGroupMetadataValueSchema,
  consumerGroupPartitionMetadataKeySchema, consumerGroupPartitionMetadataValueSchema, consumerGroupRegularExpressionKeySchema,
  consumerGroupRegularExpressionValueSchema, consumerGroupTargetAssignmentMemberKeySchema, consumerGroupTargetAssignmentMemberValueSchema,
  consumerGroupTargetAssignmentMetadataKeySchema, consumerGroupTargetAssignmentMetadataValueSchema,
} from '../../../protocol/generated/index.js';
import type { RecordSchema } from '../../../protocol/wire/types.js';
import type { AssignedPartitions } from '../assignors/assignor.js';
import { decodeValue, encode, readerOf } from '../../record-bytes.js';
import type { ConsumerGroup, ResolvedRegex } from './group.js';
import { holdingToRecord, subscriptionToRecord } from './member.js';
import type { ConsumerMember } from './member.js';
import { listed } from './partition-epochs.js';

/** Version of every value; Kafka 4.3.1 has no other. */
const VERSION = 0;

/** The records of consumer groups in `__consumer_offsets`: what a key holds besides its type, and the value. */
const schemas = {
  /** The group's epoch, and the hash of its topics. */
  'consumer group': { key: consumerGroupMetadataKeySchema, value: consumerGroupMetadataValueSchema },
  /** Of Kafka 4.0: only deleted today. */
  'consumer topics': { key: consumerGroupPartitionMetadataKeySchema, value: consumerGroupPartitionMetadataValueSchema },
  'consumer member': { key: consumerGroupMemberMetadataKeySchema, value: consumerGroupMemberMetadataValueSchema },
  'consumer target epoch': { key: consumerGroupTargetAssignmentMetadataKeySchema, value: consumerGroupTargetAssignmentMetadataValueSchema },
  'consumer target': { key: consumerGroupTargetAssignmentMemberKeySchema, value: consumerGroupTargetAssignmentMemberValueSchema },
  /** What a member holds. */
  'consumer holding': { key: consumerGroupCurrentMemberAssignmentKeySchema, value: consumerGroupCurrentMemberAssignmentValueSchema },
  'consumer regex': { key: consumerGroupRegularExpressionKeySchema, value: consumerGroupRegularExpressionValueSchema },
} as const;

type Kind = keyof typeof schemas;
type InputOf<Schema> = Schema extends RecordSchema<infer _, infer Input> ? Input : never;
type RecordOf<K extends Kind> = { readonly kind: K } & InputOf<(typeof schemas)[K]['key']> & { readonly value: InputOf<(typeof schemas)[K]['value']> | null };

/** A null value deletes. */
export type ConsumerGroupRecord = { [K in Kind]: RecordOf<K> }[Kind];

interface AnySchemas {
  readonly key: RecordSchema<object, object>;
  readonly value: RecordSchema<object, object>;
}

const kindsByType = new Map(Object.entries(schemas).map(([kind, { key }]) => [key.type, kind as Kind]));

export function isConsumerGroupRecord(record: { readonly kind: string }): record is ConsumerGroupRecord {
  return record.kind in schemas;
}

export function encodeConsumerGroupRecord(record: ConsumerGroupRecord): { key: Uint8Array; value: Uint8Array | null } {
  const { key, value } = schemas[record.kind] as AnySchemas;
  return { key: encode(key, key.type, 0, record), value: record.value && encode(value, VERSION, VERSION, record.value) };
}

/** undefined: of another family. */
export function decodeConsumerGroupRecord(key: Uint8Array, value: Uint8Array | null): ConsumerGroupRecord | undefined {
  const reader = readerOf(key);
  const kind = kindsByType.get(reader.int16());
  if (kind === undefined) return undefined;
  const schema = schemas[kind] as AnySchemas;
  const named = schema.key.decode(reader, 0);
  // A copy: what a member said of its protocols is kept, and must not hold on to the buffer of a whole read.
  return { kind, ...named, value: value && decodeValue(schema.value, Uint8Array.from(value)) } as ConsumerGroupRecord;
}

// The records of changes, after Kafka's `GroupCoordinatorRecordHelpers`

export function groupEpochRecord(groupId: string, epoch: number, metadataHash: ConsumerGroup['metadataHash']): ConsumerGroupRecord {
  return { kind: 'consumer group', groupId, value: { epoch, metadataHash } };
}

export function memberRecord(groupId: string, member: ConsumerMember): ConsumerGroupRecord {
  return { kind: 'consumer member', groupId, memberId: member.memberId, value: subscriptionToRecord(member) };
}

export function targetRecord(groupId: string, memberId: string, partitions: AssignedPartitions): ConsumerGroupRecord {
  return { kind: 'consumer target', groupId, memberId, value: { topicPartitions: listed(partitions) } };
}

export function targetEpochRecord(groupId: string, assignmentEpoch: number, assignmentTimestamp: number): ConsumerGroupRecord {
  return { kind: 'consumer target epoch', groupId, value: { assignmentEpoch, assignmentTimestamp } };
}

export function holdingRecord(groupId: string, member: ConsumerMember): ConsumerGroupRecord {
  return { kind: 'consumer holding', groupId, memberId: member.memberId, value: holdingToRecord(member) };
}

export function regexRecord(groupId: string, regularExpression: string, { topics, version, timestampMs }: ResolvedRegex): ConsumerGroupRecord {
  return { kind: 'consumer regex', groupId, regularExpression, value: { topics: [...topics].sort(), version, timestamp: timestampMs } };
}

export function regexTombstone(groupId: string, regularExpression: string): ConsumerGroupRecord {
  return { kind: 'consumer regex', groupId, regularExpression, value: null };
}

export function topicsTombstone(groupId: string): ConsumerGroupRecord {
  return { kind: 'consumer topics', groupId, value: null };
}

/** In this order: Kafka refuses to load a member that goes before what it holds. */
export function memberTombstones(groupId: string, memberId: string): ConsumerGroupRecord[] {
  return [
    { kind: 'consumer holding', groupId, memberId, value: null },
    { kind: 'consumer target', groupId, memberId, value: null },
    { kind: 'consumer member', groupId, memberId, value: null },
  ];
}

/** The end of a group, with whoever is in it: `memberIds` where that is about to change. */
export function consumerGroupTombstones({ groupId, members, resolvedRegexes }: ConsumerGroup, memberIds = [...members.keys()]): ConsumerGroupRecord[] {
  const ofMembers = (kind: 'consumer holding' | 'consumer target' | 'consumer member'): ConsumerGroupRecord[] =>
    memberIds.map(memberId => ({ kind, groupId, memberId, value: null }));
  return [
    ...ofMembers('consumer holding'),
    ...ofMembers('consumer target'),
    { kind: 'consumer target epoch', groupId, value: null },
    ...ofMembers('consumer member'),
    ...[...resolvedRegexes.keys()].map(regex => regexTombstone(groupId, regex)),
    topicsTombstone(groupId),
    { kind: 'consumer group', groupId, value: null },
  ];
}
