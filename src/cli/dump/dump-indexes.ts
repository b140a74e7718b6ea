import type { Disk } from '../../env/index.js';
import { IndexCheck, readOffsetIndex, readTimeIndex, type IndexContent } from '../../log/inspect/index-entries.js';
import { batchesOfFile, factsOf } from '../../log/inspect/stored-batches.js';
import { LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX } from '../../log/paths.js';
import { parseProducerSnapshot } from '../../log/producers/producer-snapshot.js';
import type { OffsetPosition } from '../../log/segment/offset-index.js';
import type { TimestampOffset } from '../../log/segment/time-index.js';
import { parseTransactionIndex, TXN_ENTRY_BYTES } from '../../log/segment/txn-index.js';
import { header, message, plural, row, timeText, type Column, type DumpWriter } from './output.js';

/** The indexes and producer snapshots of a segment. An index is held against the `.log` beside it, when there is one. */

export interface SmallFile {
  readonly disk: Disk;
  readonly name: string;
  readonly path: string;
  readonly baseOffset: number;
}

const OFFSET_COLUMNS: readonly Column[] = [{ title: 'offset', width: 16, right: true }, { title: 'position', width: 10, right: true }];
const TIME_COLUMNS: readonly Column[] = [{ title: 'timestamp', width: 24 }, { title: 'offset', width: 16, right: true }];

export async function dumpOffsetIndex(out: DumpWriter, file: SmallFile): Promise<void> {
  const content = readOffsetIndex(file.disk.readFile(file.path), file.baseOffset);
  out.line(out.paint('dim', `  ${header(OFFSET_COLUMNS)}`));
  for (const { offset, position } of content.entries) {
    out.line(`  ${row(OFFSET_COLUMNS, [String(offset), String(position)])}`);
    out.json({ kind: 'entry', file: file.name, offset, position });
    if (out.isFull) await out.flush();
  }
  conclude(out, file, content, await againstLog(file, OFFSET_INDEX_SUFFIX, content.entries, []).then(check => check?.offsetFaults));
}

export async function dumpTimeIndex(out: DumpWriter, file: SmallFile): Promise<void> {
  const content = readTimeIndex(file.disk.readFile(file.path), file.baseOffset);
  out.line(out.paint('dim', `  ${header(TIME_COLUMNS)}`));
  for (const { timestampMs, offset } of content.entries) {
    out.line(`  ${row(TIME_COLUMNS, [timeText(timestampMs), String(offset)])}`);
    out.json({ kind: 'entry', file: file.name, timestampMs, offset });
    if (out.isFull) await out.flush();
  }
  conclude(out, file, content, await againstLog(file, TIME_INDEX_SUFFIX, [], content.entries).then(check => check?.timeFaults));
}

function conclude(out: DumpWriter, { name }: SmallFile, content: IndexContent<unknown>, logFaults: readonly string[] | undefined): void {
  for (const fault of [...content.faults, ...logFaults ?? []]) out.fault(name, fault);
  const room = content.roomBytes > 0 ? `, then ${plural(content.roomBytes, 'byte')} of room` : '';
  const checked = logFaults === undefined ? ', no .log beside it to compare with' : logFaults.length === 0 ? ', as the batches have it' : '';
  out.line(`  ${plural(content.entries.length, 'entry', 'entries')}${room}${checked}`);
  out.json({ kind: 'end', file: name, entries: content.entries.length, roomBytes: content.roomBytes });
}

async function againstLog(
  file: SmallFile, suffix: string, offsets: readonly OffsetPosition[], times: readonly TimestampOffset[],
): Promise<IndexCheck | undefined> {
  const path = file.path.replace(suffix, LOG_SUFFIX);
  const stat = file.disk.stat(path);
  if (stat === undefined) return undefined;
  const check = new IndexCheck(offsets, times);
  const log = file.disk.open(path, { readOnly: true });
  try {
    for await (const found of batchesOfFile(log, stat.sizeBytes)) if (found.kind === 'batch') check.add(factsOf(found));
  } finally {
    log.close();
  }
  check.end();
  return check;
}

const TXN_COLUMNS: readonly Column[] = [
  { title: 'producer', width: 16, right: true }, { title: 'first offset', width: 14, right: true }, { title: 'marker', width: 14, right: true },
  { title: 'last stable offset', width: 18, right: true },
];

export function dumpTransactionIndex(out: DumpWriter, { disk, path, name, baseOffset }: SmallFile): void {
  const bytes = disk.readFile(path);
  const entries = parseTransactionIndex(bytes, name);
  out.line(out.paint('dim', `  ${header(TXN_COLUMNS)}`));
  for (const entry of entries) {
    const { producerId, firstOffset, lastOffset, lastStableOffset } = entry;
    out.line(`  ${row(TXN_COLUMNS, [producerId, firstOffset, lastOffset, lastStableOffset].map(String))}`);
    out.json({ kind: 'entry', file: name, ...entry });
    if (lastOffset < baseOffset || firstOffset > lastOffset) {
      out.fault(name, `a transaction from ${firstOffset} to ${lastOffset} cannot be in a segment from ${baseOffset} on`);
    }
  }
  if (bytes.length % TXN_ENTRY_BYTES !== 0) out.fault(name, `${bytes.length % TXN_ENTRY_BYTES} bytes after the last entry are no entry`);
  out.line(`  ${plural(entries.length, 'aborted transaction')}`);
}

const PRODUCER_COLUMNS: readonly Column[] = [
  { title: 'producer', width: 16, right: true }, { title: 'epoch', width: 5, right: true }, { title: 'last sequence', width: 13, right: true },
  { title: 'last offset', width: 14, right: true }, { title: 'records', width: 7, right: true }, { title: 'last written', width: 24 },
  { title: 'coordinator epoch', width: 17, right: true }, { title: 'open transaction', width: 16, right: true },
];

export function dumpProducerSnapshot(out: DumpWriter, { disk, path, name, baseOffset }: SmallFile): void {
  let producers;
  try {
    producers = parseProducerSnapshot(disk.readFile(path));
  } catch (error) {
    out.fault(name, message(error));
    return;
  }
  out.line(out.paint('dim', `  ${header(PRODUCER_COLUMNS)}`));
  for (const { producerId, epoch, coordinatorEpoch, lastTimestampMs, currentTxnFirstOffset, batches } of producers) {
    const last = batches.at(-1);
    out.line(`  ${row(PRODUCER_COLUMNS, [
      String(producerId), String(epoch), String(last?.lastSequence ?? '-'), String(last?.lastOffset ?? '-'), last ? String(last.offsetDelta + 1) : '-',
      timeText(lastTimestampMs), coordinatorEpoch < 0 ? '-' : String(coordinatorEpoch), currentTxnFirstOffset < 0 ? '-' : String(currentTxnFirstOffset),
    ])}`);
    out.json({
      kind: 'producer', file: name, producerId, epoch, coordinatorEpoch, lastTimestampMs, currentTxnFirstOffset,
      ...last && { lastSequence: last.lastSequence, lastOffset: last.lastOffset },
    });
    if (last && last.lastOffset >= baseOffset) out.fault(name, `producer ${producerId} wrote at ${last.lastOffset}, which is not before ${baseOffset}`);
  }
  out.line(`  ${plural(producers.length, 'producer')} as of offset ${baseOffset}`);
}
