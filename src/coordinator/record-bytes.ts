import { Reader } from '../protocol/wire/reader.js';
import type { RecordSchema } from '../protocol/wire/types.js';
import { Writer } from '../protocol/wire/writer.js';

/** Shared, for it takes its memory in large slabs; what it hands over it never touches again. */
const writer = new Writer();
const reader = new Reader();

/** A key or a value in the topic of a coordinator: an int16, which is a key's type and a value's version, and the message. */
export function encode<Message, Input>(schema: RecordSchema<Message, Input>, prefix: number, version: number, message: Input): Uint8Array {
  writer.reset();
  writer.int16(prefix);
  schema.encode(writer, message, version);
  return writer.toBuffer();
}

/** The reader at the start of a key, where an int16 says what the record is. */
export function readerOf(key: Uint8Array): Reader {
  return reader.reset(key);
}

/** @throws Error when the value is of a version that nobody had written when this was. */
export function decodeValue<Message, Input>(schema: RecordSchema<Message, Input>, bytes: Uint8Array): Message {
  const version = reader.reset(bytes).int16();
  if (version >= schema.minVersion && version <= schema.maxVersion) return schema.decode(reader, version);
  throw new Error(`there is a ${schema.name} of version ${version}; the newest known is ${schema.maxVersion}`);
}
