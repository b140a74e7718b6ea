import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';

/** Which records a reader sees (KIP-98). */

const READ_UNCOMMITTED = 0;
export const READ_COMMITTED = 1;

/** @throws KafkaError INVALID_REQUEST for a level that does not exist; Kafka fails with UNKNOWN_SERVER_ERROR. */
export function refuseIsolationLevel(level: number): void {
  if (level !== READ_UNCOMMITTED && level !== READ_COMMITTED) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `isolation level ${level} does not exist`);
  }
}
