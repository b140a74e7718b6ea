import { MalformedError } from './bytes.js';

/**
 * Kafka's uuids in their print form: 16 bytes as 22 characters of base64url without padding (`org.apache.kafka.common.Uuid`).
 */

export const UUID_BYTES = 16;

// 22 characters hold 132 bits: the last one has only its two upper bits free.
const PATTERN = /^[A-Za-z0-9_-]{21}[AQgw]$/;

export function isUuid(text: string): boolean {
  return PATTERN.test(text);
}

/** The print form of the 16 bytes at `at`. */
export function uuidFromBytes(bytes: Uint8Array, at = 0): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, UUID_BYTES).toString('base64url');
}

/** The 16 bytes of a uuid; throws `MalformedError` when the text is none. */
export function uuidToBytes(uuid: string): Uint8Array {
  if (!isUuid(uuid)) throw new MalformedError(`'${uuid}' is not a uuid: 22 characters of base64url are wanted`);
  return Buffer.from(uuid, 'base64url');
}

/**
 * A random (version 4) uuid. As Kafka does, it never gives a reserved one, nor one that starts with '-', which a command
 * line would take for a flag.
 */
export function randomUuid(random: { bytes(length: number): Uint8Array }): string {
  for (;;) {
    const bytes = Uint8Array.from(random.bytes(UUID_BYTES));
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const uuid = uuidFromBytes(bytes);
    if (!uuid.startsWith('-')) return uuid;
  }
}
