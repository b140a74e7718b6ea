import { consumerProtocolAssignmentSchema, consumerProtocolSubscriptionSchema } from '../../../protocol/generated/index.js';
import type { ConsumerProtocolAssignment, ConsumerProtocolAssignmentInput, ConsumerProtocolSubscription } from '../../../protocol/generated/index.js';
import { Reader } from '../../../protocol/wire/reader.js';
import type { RecordSchema } from '../../../protocol/wire/types.js';
import { Writer } from '../../../protocol/wire/writer.js';

/**
 * What consumers of the classic protocol put into the bytes that the coordinator passes on, and that it has to understand where
 * they share a group with members of the consumer protocol (Kafka's `ConsumerProtocol`): an int16 tells the version. What a newer
 * version than ours adds stands behind what we know, so it is read as our newest.
 */

/** @throws Error when the bytes are not what a consumer sends. */
export function readSubscription(bytes: Uint8Array): ConsumerProtocolSubscription {
  return read(consumerProtocolSubscriptionSchema, bytes);
}

/** @throws Error when the bytes are not what the leader of a consumer group sends. */
export function readAssignment(bytes: Uint8Array): ConsumerProtocolAssignment {
  return read(consumerProtocolAssignmentSchema, bytes);
}

/** The version that stands in front of a subscription. @throws Error when there is none. */
export function versionOf(bytes: Uint8Array): number {
  return new Reader(bytes).int16();
}

/** @param version - the member's, as its subscription tells it */
export function writeAssignment(assignment: ConsumerProtocolAssignmentInput, version: number): Uint8Array {
  const known = knownVersion(consumerProtocolAssignmentSchema, version);
  const writer = new Writer();
  writer.int16(known);
  consumerProtocolAssignmentSchema.encode(writer, assignment, known);
  return writer.toBuffer();
}

function read<Message, Input>(schema: RecordSchema<Message, Input>, bytes: Uint8Array): Message {
  const reader = new Reader(bytes);
  return schema.decode(reader, knownVersion(schema, reader.int16()));
}

function knownVersion<Message, Input>({ name, minVersion, maxVersion }: RecordSchema<Message, Input>, version: number): number {
  if (version < minVersion) throw new Error(`there is no version ${version} of ${name}`);
  return Math.min(version, maxVersion);
}
