import { MalformedError, readInt16, readInt32, writeInt16, writeInt32 } from '../../base/bytes.js';
import { BatchBuilder, type BatchOptions } from './batch-builder.js';

/** Records of control batches, which consumers never see: transaction markers and raft's own (`ControlRecordType`). */

export const ControlRecordType = {
  abort: 0,
  commit: 1,
  leaderChange: 2,
  snapshotHeader: 3,
  snapshotFooter: 4,
  kraftVersion: 5,
  kraftVoters: 6,
} as const;
export type ControlRecordType = (typeof ControlRecordType)[keyof typeof ControlRecordType];

const KEY_BYTES = 4;
const MARKER_VALUE_BYTES = 6;

/** Key of a control record: int16 version 0, int16 type. */
export function controlRecordKey(type: ControlRecordType): Uint8Array {
  const key = new Uint8Array(KEY_BYTES);
  writeInt16(key, 2, type);
  return key;
}

/** The type that a key names; it may be one that this version does not know, to be passed over. */
export function controlRecordType(key: Uint8Array | null): number {
  if (key === null || key.length < KEY_BYTES) throw new MalformedError(`control record has a key of ${key?.length ?? 0} bytes, ${KEY_BYTES} are needed`);
  const version = readInt16(key, 0);
  if (version < 0) throw new MalformedError(`control record key has version ${version}`);
  return readInt16(key, 2);
}

/** What the record of a marker says. */
export interface EndTransactionMarker {
  readonly committed: boolean;
  readonly coordinatorEpoch: number;
}

/** What ends a transaction of a producer in one partition or many; `transactionVersion` says by which rules it is checked (KIP-1228). */
export interface TransactionMarker extends EndTransactionMarker {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly transactionVersion: number;
}

/** A marker's value: int16 version, int32 epoch of the transaction coordinator (`EndTransactionMarker`). */
export function endTransactionMarkerValue(coordinatorEpoch: number): Uint8Array {
  const value = new Uint8Array(MARKER_VALUE_BYTES);
  writeInt32(value, 2, coordinatorEpoch);
  return value;
}

/** Reads a marker; undefined when the control record is of another type. Later versions read as the one known. */
export function parseEndTransactionMarker(key: Uint8Array | null, value: Uint8Array | null): EndTransactionMarker | undefined {
  const type = controlRecordType(key);
  if (type !== ControlRecordType.abort && type !== ControlRecordType.commit) return undefined;
  if (value === null || value.length < MARKER_VALUE_BYTES) throw new MalformedError(`transaction marker has a value of ${value?.length ?? 0} bytes`);
  if (readInt16(value, 0) < 0) throw new MalformedError(`transaction marker has version ${readInt16(value, 0)}`);
  return { committed: type === ControlRecordType.commit, coordinatorEpoch: readInt32(value, 2) };
}

/** The batch that ends a transaction in one partition. */
export function buildEndTransactionMarker(
  options: Pick<BatchOptions, 'baseOffset' | 'partitionLeaderEpoch'> & { producerId: number; producerEpoch: number; timestampMs: number },
  marker: EndTransactionMarker,
): Buffer {
  const { timestampMs, ...batchOptions } = options;
  const builder = new BatchBuilder({ ...batchOptions, isTransactional: true, isControl: true });
  builder.append({
    timestampMs,
    key: controlRecordKey(marker.committed ? ControlRecordType.commit : ControlRecordType.abort),
    value: endTransactionMarkerValue(marker.coordinatorEpoch),
  });
  return builder.build();
}

/** A control batch of raft or of a snapshot: the values are encoded already, each comes with its type. */
export function buildControlBatch(
  options: Omit<BatchOptions, 'isControl' | 'compression'>,
  timestampMs: number,
  records: readonly { type: ControlRecordType; value: Uint8Array }[],
): Buffer {
  const builder = new BatchBuilder({ ...options, isControl: true });
  for (const { type, value } of records) builder.append({ timestampMs, key: controlRecordKey(type), value });
  return builder.build();
}
