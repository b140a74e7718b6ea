import type { Disk } from '../../env/index.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { KafkaError } from '../../protocol/errors.js';
import * as batch from '../../protocol/records/batch.js';
import { oldMessageSize } from '../../protocol/records/old-format.js';

/**
 * A log holds messages of format v0 or v1, which Apache Kafka still serves: they are records, not damage. Nothing of the log can
 * be used, and nothing of it may be changed.
 */
export class OldFormatLogError extends KafkaError {
  constructor(path: string, { position, format }: { readonly position: number; readonly format: number }) {
    super(ErrorCode.KAFKA_STORAGE_ERROR, `${path} holds a message of format v${format} at position ${position}, from before Kafka 0.11, which Ottla does not read. Its partition stays offline `
      + 'and as it is. Either delete its topic, or stop Ottla, have Apache Kafka serve this directory, and there copy the records to a new topic or let retention remove them.');
  }
}

/**
 * Throws `OldFormatLogError` when the first message of a `.log` file is of an old format. Who took a newer one later appended to
 * what was there, so that the first segment of a log tells of most such logs before anything in them is touched.
 */
export function refuseOldFormat(disk: Disk, path: string): void {
  const file = disk.open(path, { readOnly: true });
  try {
    const header = Buffer.allocUnsafe(batch.MAGIC_AT + 1);
    if (file.readNow(header, 0, header.length, 0) < header.length) return;
    const sizeBytes = batch.sizeInBytes(header, 0);
    if (!seemsOld(header) || sizeBytes > file.sizeBytes()) return;
    const message = Buffer.allocUnsafeSlow(sizeBytes);
    file.readNow(message, 0, sizeBytes, 0);
    if (oldMessageSize(message, 0, sizeBytes) === sizeBytes) throw new OldFormatLogError(path, { position: 0, format: batch.magic(header, 0) });
  } finally {
    file.close();
  }
}

function seemsOld(header: Uint8Array): boolean {
  try {
    batch.completeBatchSize(header, 0, header.length);
    return false;
  } catch (error) {
    return error instanceof batch.OldFormatError;
  }
}
