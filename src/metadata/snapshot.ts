import { MalformedError } from '../base/bytes.js';
import {
  decodeKRaftVersionRecord, decodeSnapshotHeaderRecord, decodeVotersRecord,
  encodeKRaftVersionRecord, encodeSnapshotFooterRecord, encodeSnapshotHeaderRecord, encodeVotersRecord,
  type VotersRecordVoterInput,
} from '../protocol/generated/index.js';
import { BatchBuilder } from '../protocol/records/batch-builder.js';
import { batchesIn, recordsIn } from '../protocol/records/batch-iterator.js';
import * as batch from '../protocol/records/batch.js';
import { buildControlBatch, ControlRecordType, controlRecordType } from '../protocol/records/control-records.js';
import { Reader } from '../protocol/wire/reader.js';
import { Writer } from '../protocol/wire/writer.js';
import { decodeMetadataRecord, encodeMetadataRecord, type MetadataRecord } from './records.js';

export type Voter = VotersRecordVoterInput;

/** What the log's control records say of the quorum. */
export interface QuorumFacts {
  readonly kraftVersion: number;
  readonly voters: readonly Voter[];
}

export interface SnapshotContent {
  /** The epoch that is stamped into the batches. */
  readonly epoch: number;
  /** Of the last batch that the snapshot stands for. */
  readonly lastContainedLogTimestampMs: number;
  readonly nowMs: number;
  /** Left out of bootstrap files and for kraft.version 0. */
  readonly quorum?: QuorumFacts;
  readonly records: Iterable<MetadataRecord>;
  readonly metadataVersion: number;
}

/** Batches in a snapshot are no larger than this, as in Kafka. */
const MAX_SNAPSHOT_BATCH_BYTES = 8 * 1024 * 1024;
const CONTROL_RECORD_VERSION = 0;

/** A value of a control record. */
export function controlValue(write: (writer: Writer) => void): Buffer {
  const writer = new Writer();
  write(writer);
  return writer.toBuffer();
}

/** The control records that name the version of the quorum's protocol and its voters. */
export function quorumControlRecords({ kraftVersion, voters }: QuorumFacts): { type: ControlRecordType; value: Uint8Array }[] {
  return [
    { type: ControlRecordType.kraftVersion, value: controlValue(writer => encodeKRaftVersionRecord(writer, { version: 0, kRaftVersion: kraftVersion }, 0)) },
    { type: ControlRecordType.kraftVoters, value: controlValue(writer => encodeVotersRecord(writer, { version: 0, voters }, 0)) },
  ];
}

/** Reads one control record of the quorum into what is known of it. */
export function applyQuorumRecord(facts: QuorumFacts, key: Uint8Array | null, value: Uint8Array | null): QuorumFacts {
  if (value === null) return facts;
  switch (controlRecordType(key)) {
    case ControlRecordType.kraftVersion:
      return { ...facts, kraftVersion: decodeKRaftVersionRecord(new Reader(value), CONTROL_RECORD_VERSION).kRaftVersion };
    case ControlRecordType.kraftVoters:
      return { ...facts, voters: decodeVotersRecord(new Reader(value), CONTROL_RECORD_VERSION).voters };
    default:
      return facts;
  }
}

/**
 * The bytes of a snapshot, batch by batch: header (with the quorum), records, footer. Offsets inside begin at 0
 * (Kafka's `RecordsSnapshotWriter`); a bootstrap file has the same form.
 */
export function* snapshotBatches(content: SnapshotContent): Generator<Buffer, void, undefined> {
  const { epoch, nowMs, quorum } = content;
  const header = { version: 0, lastContainedLogTimestamp: content.lastContainedLogTimestampMs };
  const first = [
    { type: ControlRecordType.snapshotHeader, value: controlValue(writer => encodeSnapshotHeaderRecord(writer, header, 0)) },
    ...(quorum !== undefined && quorum.kraftVersion > 0 ? quorumControlRecords(quorum) : []),
  ];
  yield buildControlBatch({ baseOffset: 0, partitionLeaderEpoch: epoch }, nowMs, first);
  let baseOffset = first.length;
  let builder: BatchBuilder | undefined;
  const open = () => new BatchBuilder({ baseOffset, partitionLeaderEpoch: epoch, maxSizeBytes: MAX_SNAPSHOT_BATCH_BYTES });
  for (const record of content.records) {
    const input = { timestampMs: nowMs, key: null, value: encodeMetadataRecord(record, content.metadataVersion) };
    builder ??= open();
    if (builder.append(input) !== undefined) continue;
    baseOffset += builder.count;
    yield builder.build();
    builder = open();
    builder.append(input);
  }
  if (builder !== undefined) {
    baseOffset += builder.count;
    yield builder.build();
  }
  const footer = { type: ControlRecordType.snapshotFooter, value: controlValue(writer => encodeSnapshotFooterRecord(writer, { version: 0 }, 0)) };
  yield buildControlBatch({ baseOffset, partitionLeaderEpoch: epoch }, nowMs, [footer]);
}

export interface SnapshotFacts {
  readonly lastContainedLogTimestampMs: number;
  readonly quorum: QuorumFacts;
  readonly records: MetadataRecord[];
}

/** Reads a snapshot or a bootstrap file whole. Throws `MalformedError` when it is cut short or damaged. */
export function readSnapshot(bytes: Uint8Array): SnapshotFacts {
  checkSnapshot(bytes);
  let lastContainedLogTimestampMs = -1;
  let quorum: QuorumFacts = { kraftVersion: 0, voters: [] };
  const records: MetadataRecord[] = [];
  for (const at of batchesIn(bytes)) {
    const control = batch.isControl(bytes, at);
    for (const { key, value } of recordsIn(bytes, at)) {
      if (value === null) continue;
      if (!control) records.push(decodeMetadataRecord(value));
      else if (controlRecordType(key) === ControlRecordType.snapshotHeader) {
        lastContainedLogTimestampMs = Number(decodeSnapshotHeaderRecord(new Reader(value), CONTROL_RECORD_VERSION).lastContainedLogTimestamp);
      } else quorum = applyQuorumRecord(quorum, key, value);
    }
  }
  return { lastContainedLogTimestampMs, quorum, records };
}

/** Whole batches with right checksums from a header to a footer; anything else throws `MalformedError`. */
export function checkSnapshot(bytes: Uint8Array): void {
  let end = 0;
  let last = -1;
  for (const at of batchesIn(bytes)) {
    if (!batch.isValid(bytes, at)) throw new MalformedError(`snapshot has a damaged batch at byte ${at}`);
    end = at + batch.sizeInBytes(bytes, at);
    last = at;
  }
  if (end !== bytes.length) throw new MalformedError(`snapshot ends inside a batch: ${bytes.length} bytes, ${end} in whole batches`);
  if (last < 0 || !isControlBatchOf(bytes, 0, ControlRecordType.snapshotHeader)) throw new MalformedError('snapshot does not begin with its header');
  if (!isControlBatchOf(bytes, last, ControlRecordType.snapshotFooter)) throw new MalformedError('snapshot does not end with its footer');
}

function isControlBatchOf(bytes: Uint8Array, at: number, type: ControlRecordType): boolean {
  if (!batch.isControl(bytes, at)) return false;
  for (const { key } of recordsIn(bytes, at)) return controlRecordType(key) === type;
  return false;
}
