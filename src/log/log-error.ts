import { DiskError } from '../env/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { KafkaError } from '../protocol/errors.js';
import { CorruptBatchError } from '../protocol/records/batch.js';

/** The error code that a client gets for the partition whose log threw this; undefined when no log should throw such a thing. */
export function logErrorCode(error: unknown): number | undefined {
  if (error instanceof KafkaError) return error.errorCode;
  if (error instanceof DiskError) return ErrorCode.KAFKA_STORAGE_ERROR;
  if (error instanceof CorruptBatchError) return ErrorCode.CORRUPT_MESSAGE;
  return undefined;
}
