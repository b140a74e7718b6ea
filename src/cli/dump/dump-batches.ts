import type { DiskFile } from '../../env/index.js';
import { batchesOfFile, codecFaults, factsOf, headerFaults, recordFaults, type BatchFacts, type StoredBatch } from '../../log/inspect/stored-batches.js';
import { recordsIn, type BatchRecord } from '../../protocol/records/batch-iterator.js';
import { decodeControl, decodeRecord, textOrBytes, type Decoded, type Decoder } from './decode-records.js';
import { header, message, plural, row, timeText, type Column, type DumpWriter } from './output.js';

export interface BatchDump {
  readonly name: string;
  readonly file: DiskFile;
  readonly sizeBytes: number;
  readonly baseOffset: number;
  /** Show the records, and check them one by one. */
  readonly records: boolean;
  readonly decoder: Decoder;
}

const COLUMNS: readonly Column[] = [
  { title: 'offsets', width: 13 }, { title: 'position', width: 10, right: true }, { title: 'bytes', width: 8, right: true }, { title: 'records', width: 7, right: true },
  { title: 'codec', width: 6 }, { title: 'epoch', width: 5, right: true }, { title: 'latest record', width: 24 }, { title: 'producer', width: 10 }, { title: 'sequences', width: 9 },
  { title: 'crc', width: 5 }, { title: '', width: 0 },
];

/** A `.log` file, or a snapshot of the metadata log, which is one of the same make. */
export async function dumpBatches(out: DumpWriter, { name, file, sizeBytes, baseOffset, records, decoder }: BatchDump): Promise<void> {
  const totals = { batches: 0, records: 0 };
  let first: number | undefined;
  let previousOffset = -1;
  out.line(out.paint('dim', `  ${header(COLUMNS)}`));
  for await (const found of batchesOfFile(file, sizeBytes)) {
    if (found.kind === 'zeros') {
      out.line(`  ${out.paint('yellow', 'room')} ${found.message}`);
      out.json({ kind: 'room', file: name, position: found.position, bytes: sizeBytes - found.position });
      break;
    }
    if (found.kind !== 'batch') {
      out.fault(name, found.message);
      break;
    }
    const facts = factsOf(found);
    showBatch(out, name, facts);
    const faults = [...headerFaults(facts, baseOffset, previousOffset), ...codecFaults(facts)];
    if (records && facts.isCrcValid) faults.push(...recordFaults(found, facts));
    for (const fault of faults) out.fault(name, fault, '    ');
    if (records && facts.isCrcValid) await showRecords(out, name, found, facts, decoder);
    if (out.isFull) await out.flush();
    first ??= facts.baseOffset;
    previousOffset = facts.lastOffset;
    totals.batches++;
    totals.records += facts.count;
  }
  const range = first === undefined ? '' : `, offsets ${first} to ${previousOffset}`;
  out.line(`  ${plural(totals.batches, 'batch', 'batches')}, ${plural(totals.records, 'record')}${range}`);
  out.json({ kind: 'end', file: name, ...totals });
}

function showBatch(out: DumpWriter, name: string, facts: BatchFacts): void {
  const { crc, isCrcValid, timestampType, deleteHorizonMs, isTransactional, isControl } = facts;
  if (out.isJson) {
    out.json({ kind: 'batch', file: name, ...facts });
    return;
  }
  const hasProducer = facts.producerId >= 0;
  const marks = [
    isControl ? 'control' : '', isTransactional ? 'transactional' : '', timestampType === 'LogAppendTime' ? 'append time' : '',
    deleteHorizonMs === undefined ? '' : `deletes until ${timeText(deleteHorizonMs)}`, isCrcValid ? '' : `crc is ${crc}`,
  ].filter(mark => mark !== '');
  const text = row(COLUMNS, [
    facts.count <= 1 && facts.baseOffset === facts.lastOffset ? String(facts.baseOffset) : `${facts.baseOffset}..${facts.lastOffset}`,
    String(facts.position), String(facts.sizeBytes), String(facts.count), facts.codec, String(facts.leaderEpoch), timeText(facts.maxTimestampMs),
    hasProducer ? `${facts.producerId}:${facts.producerEpoch}` : '-', hasProducer && facts.baseSequence >= 0 ? `${facts.baseSequence}..${facts.lastSequence}` : '-',
    isCrcValid ? 'ok' : 'WRONG', marks.join(', '),
  ]);
  out.line(`  ${isCrcValid ? text : out.paint('red', text)}`);
}

async function showRecords(out: DumpWriter, name: string, found: StoredBatch, facts: BatchFacts, decoder: Decoder): Promise<void> {
  try {
    for (const record of recordsIn(found.bytes, found.at)) {
      showRecord(out, name, record, facts, decoder);
      if (out.isFull) await out.flush();
    }
  } catch {
    // `recordFaults` has told why.
  }
}

function showRecord(out: DumpWriter, name: string, record: BatchRecord, { isControl }: BatchFacts, decoder: Decoder): void {
  let decoded: Decoded | undefined;
  try {
    decoded = isControl ? decodeControl(record) : decodeRecord(decoder, record);
  } catch (error) {
    out.fault(name, `the record at offset ${record.offset} cannot be decoded: ${message(error)}`, '    ');
  }
  const key = record.key && textOrBytes(record.key);
  const value = record.value && textOrBytes(record.value);
  const headers = record.headers.map(({ key: headerKey, value: headerValue }) => ({ key: headerKey, value: headerValue && textOrBytes(headerValue) }));
  if (out.isJson) {
    out.json({ kind: 'record', file: name, offset: record.offset, timestampMs: record.timestampMs, ...(decoded ? { decoded } : { key, value }), headers });
    return;
  }
  const shownHeaders = headers.map(each => `${each.key}=${shown(each.value)}`).join(' ');
  const content = decoded ? decodedText(decoded) : `key ${shown(key)}  value ${shown(value)}`;
  out.line(`    ${String(record.offset).padEnd(11)}  ${timeText(record.timestampMs).padEnd(24)}  ${content}${shownHeaders === '' ? '' : `  headers ${shownHeaders}`}`);
}

function decodedText({ type, version, key, value }: Decoded): string {
  const parts = [`${type} v${version}`];
  if (key !== undefined) parts.push(JSON.stringify(key));
  if (value === null) parts.push('deleted');
  else if (value !== undefined) parts.push(JSON.stringify(value));
  return parts.join(' ');
}

/** Longer ones are cut: a line is for reading. `--json` has them whole. */
const SHOWN_CHARACTERS = 400;

function shown(field: string | { readonly base64: string } | null): string {
  if (field === null) return 'null';
  const text = typeof field === 'string' ? JSON.stringify(field) : `0x${Buffer.from(field.base64, 'base64').toString('hex')}`;
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}… (${text.length} characters)`;
}
