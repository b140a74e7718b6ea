import * as batch from '../../protocol/records/batch.js';
import { batchesIn } from '../../protocol/records/batch-iterator.js';
import type { Disk } from '../../env/index.js';
import { readCommitted } from '../compaction/test-workload.js';
import type { Log } from '../partition/log.js';
import { committedOffsets, fatesOf, lostByCompaction } from './compacted.js';
import { makeInvariants, type Holds } from './make-invariants.js';
import { readBatch, replay, type History, type ModelBatch } from './model.js';

/** What must hold of a log, by name. */
export const INVARIANTS = {
  acknowledged: 'every record acknowledged under the durability that was asked for is there',
  prefix: 'the log is a beginning of what was sent',
  start: 'the log start offset holds, that of DeleteRecords too',
  reads: 'reads from any offset answer as a scan of all records does',
  offsetIndex: 'every entry of an offset index points at the batch that ends there',
  timeIndex: 'every entry of a time index names the largest timestamp up to there',
  timestamps: 'a look-up by timestamp answers as a scan does',
  producers: 'the producers equal a replay of the records',
  transactions: 'the aborted transactions and the last stable offset equal what the markers say',
  epochs: 'the leader epochs equal those of the batches',
  compaction: 'of what was compacted the last record of each key is left, and nothing else is gone or another',
  offsets: 'no offset is ever used again',
  topic: 'nothing of a deleted topic comes back as another',
  checkpoints: 'checkpoints never run ahead of what is there',
  errors: 'what cannot be done is refused, and nothing else fails',
} as const;
export type Invariant = keyof typeof INVARIANTS;

const made = makeInvariants(INVARIANTS);
export const { InvariantError } = made;
export type InvariantError = InstanceType<typeof InvariantError>;
export const holds: Holds<Invariant> = made.holds;

function same(invariant: Invariant, what: string, found: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  holds(left === right, invariant, () => `${what}: found ${left}, expected ${right}`);
}

/** The batches of a log from its start on, by as many reads as it takes. */
export async function readBatches(log: Log, from = log.logStartOffset, maxBytes = 1 << 20): Promise<ModelBatch[]> {
  const found: ModelBatch[] = [];
  for (let offset = from; offset < log.logEndOffset;) {
    const read = await log.read(offset, { maxBytes, minOneBatch: true, limitOffset: log.logEndOffset });
    const bytes = Buffer.concat(read.buffers);
    read.release();
    if (bytes.length === 0) break;
    for (const at of batchesIn(bytes)) {
      holds(batch.isValid(bytes, at), 'reads', () => `the batch at ${batch.baseOffset(bytes, at)} has a wrong checksum`);
      found.push(readBatch(bytes, at));
    }
    offset = found.at(-1)!.endOffset;
  }
  return found;
}

const text = (batches: readonly ModelBatch[]): string =>
  batches.map(({ baseOffset, endOffset, epoch, producerId }) => `${baseOffset}-${endOffset - 1} epoch ${epoch}${producerId < 0 ? '' : ` producer ${producerId}`}`).join(', ');

/** What a history leaves of itself in a log that begins and ends where this one does. */
function expectedBatches({ batches }: History, { logStartOffset, logEndOffset }: Pick<Log, 'logStartOffset' | 'logEndOffset'>): ModelBatch[] {
  return batches.filter(({ endOffset }) => endOffset > logStartOffset && endOffset <= logEndOffset);
}

/** Whether a log that was found is what this history may have become; the invariant that speaks against it otherwise. */
export async function judge(log: Log, history: History, loss: 'none' | 'kill' | 'power'): Promise<InvariantError | undefined> {
  const { logStartOffset: start, logEndOffset: end } = log;
  const ends = [start, ...history.batches.map(({ endOffset }) => endOffset)];
  const least = loss === 'power' ? history.flushedEnd : history.keptEnd;
  const facts = `found ${start} to ${end}, was ${history.start} (saved ${history.savedStart}) to ${history.end} (kept ${history.keptEnd}, flushed ${history.flushedEnd})`;
  // What was written below the start that is known need not be there any more.
  if (end < least) return new InvariantError(end < history.start ? 'offsets' : 'acknowledged', facts);
  if (end > history.end || !ends.includes(end)) return new InvariantError('prefix', facts);
  if (start < Math.min(history.savedStart, history.start) || start > history.start) return new InvariantError('start', facts);
  const [found, expected] = [await readBatches(log), expectedBatches(history, log)];
  if (history.compactingTo !== undefined) {
    const lost = lostByCompaction(found, expected, { ...history, batches: history.batches.filter(({ endOffset }) => endOffset <= end) }, history.compactingTo);
    return lost === undefined ? undefined : new InvariantError('compaction', `${facts}: ${lost}`);
  }
  const equal = found.length === expected.length && found.every((entry, index) => entry.bytes.equals(expected[index]!.bytes));
  return equal ? undefined : new InvariantError('prefix', `${facts}: found ${text(found)}; expected ${text(expected)}`);
}

/** All that a log tells besides its records, against what the records say. */
export async function checkDerived(log: Log, history: History, disk: Disk, pick: (bound: number) => number): Promise<void> {
  const batches = expectedBatches(history, log);
  await checkReads(log, batches, pick);
  await checkTimestamps(log, batches, pick);
  checkIndexes(log, disk);
  checkEpochs(log, batches);
  checkProducers(log, history);
  if (history.isCompacted) await checkCommitted(log, history);
  else await checkTransactions(log, history);
}

async function checkReads(log: Log, batches: readonly ModelBatch[], pick: (bound: number) => number): Promise<void> {
  const { logStartOffset: start, logEndOffset: end } = log;
  if (end === start) return;
  const from = start + pick(end - start);
  const maxBytes = [1, 200, 1000, 1 << 20][pick(4)]!;
  const found = await readBatches(log, from, maxBytes);
  same('reads', `batches from ${from}, ${maxBytes} bytes at a time`, text(found), text(batches.filter(({ endOffset }) => endOffset > from)));
  const limitOffset = start + pick(end - start + 1);
  const read = await log.read(start, { maxBytes: 1 << 20, minOneBatch: true, limitOffset });
  const last = [...batchesIn(Buffer.concat(read.buffers))].length;
  read.release();
  const shown = batches.slice(0, last);
  holds(shown.every(({ endOffset }) => endOffset <= limitOffset), 'reads', () => `a read up to ${limitOffset} shows ${text(shown)}`);
  holds(last > 0 || batches[0] === undefined || batches[0].endOffset > limitOffset, 'reads', () => `a read up to ${limitOffset} shows nothing`);
}

async function checkTimestamps(log: Log, batches: readonly ModelBatch[], pick: (bound: number) => number): Promise<void> {
  const records = batches.flatMap(entry => entry.records).filter(({ offset }) => offset >= log.logStartOffset);
  const latest = records.reduce((max, { timestampMs }) => Math.max(max, timestampMs), -1);
  const times = records.length === 0 ? [0] : [records[pick(records.length)]!.timestampMs, records[pick(records.length)]!.timestampMs + 1, latest + 1];
  for (const wanted of times) {
    // The first segment that is late enough decides, though what made it so is below the start by now.
    const decides = [...log.segments].find(segment => segment.largestTimestamp().timestampMs >= wanted);
    const isCut = decides !== undefined && decides.baseOffset < log.logStartOffset;
    const end = (isCut ? log.segments.after(decides)?.baseOffset : undefined) ?? Infinity;
    const expected = records.find(({ timestampMs, offset }) => timestampMs >= wanted && offset < end)?.offset;
    same('timestamps', `first offset at or after ${wanted}`, (await log.offsetForTimestamp(wanted))?.offset, expected);
  }
  const max = await log.offsetOfMaxTimestamp();
  // A batch that the start cuts through may have it in what is below.
  if (max !== undefined && max.offset >= log.logStartOffset) {
    same('timestamps', 'the largest timestamp', [max.timestampMs, max.offset], [latest, records.find(({ timestampMs }) => timestampMs === latest)?.offset]);
  }
}

/** The index entries in memory, which the files are made of, against the bytes in the `.log` files. */
function checkIndexes(log: Log, disk: Disk): void {
  for (const { baseOffset, log: { path }, offsetIndex, timeIndex, sizeBytes } of log.segments) {
    if (disk.stat(path) === undefined) continue;
    const bytes = disk.readFile(path).subarray(0, sizeBytes);
    const lastAt = new Map<number, number>();
    const largestAt = new Map<number, number>();
    let largest = -1;
    for (const at of batchesIn(bytes)) {
      const last = batch.lastOffset(bytes, at);
      if (batch.count(bytes, at) > 0) largest = Math.max(largest, batch.maxTimestampMs(bytes, at));
      lastAt.set(at, last);
      largestAt.set(last, largest);
    }
    for (let slot = 0; slot < offsetIndex.count; slot++) {
      const { offset, position } = offsetIndex.entry(slot);
      same('offsetIndex', `segment ${baseOffset}, entry ${slot} at ${position}`, offset, lastAt.get(position));
      holds(slot === 0 || offset > offsetIndex.entry(slot - 1).offset, 'offsetIndex', () => `segment ${baseOffset}: entry ${slot} does not ascend`);
    }
    for (let slot = 0; slot < timeIndex.count; slot++) {
      const { offset, timestampMs } = timeIndex.entry(slot);
      same('timeIndex', `segment ${baseOffset}, entry ${slot} at offset ${offset}`, timestampMs, largestAt.get(offset));
      holds(slot === 0 || timestampMs > timeIndex.entry(slot - 1).timestampMs, 'timeIndex', () => `segment ${baseOffset}: entry ${slot} does not ascend`);
    }
  }
}

function checkEpochs(log: Log, batches: readonly ModelBatch[]): void {
  for (const { baseOffset, epoch } of batches) {
    const offset = Math.max(baseOffset, log.logStartOffset);
    same('epochs', `epoch of offset ${offset}`, log.epochForOffset(offset), epoch);
  }
  const last = batches.at(-1);
  if (last) same('epochs', 'the latest epoch and its end', log.endOffsetForEpoch(last.epoch), { leaderEpoch: last.epoch, endOffset: log.logEndOffset });
}

function checkProducers(log: Log, history: History): void {
  const whole = history.batches.filter(({ endOffset }) => endOffset <= log.logEndOffset);
  const above = new Set(whole.filter(({ baseOffset }) => baseOffset >= log.logStartOffset).map(({ producerId }) => producerId));
  const known = new Map(log.activeProducers().map(producer => [producer.producerId, producer]));
  const { producers } = replay(whole);
  for (const [producerId, { epoch, lastSequence, txnFirstOffset }] of producers) {
    const found = known.get(producerId);
    // What was written below the start may be forgotten, and with it what a marker above it ended.
    if (!above.has(producerId) && found === undefined) continue;
    // The marker that began its epoch may be gone.
    if (history.isCompacted && found?.producerEpoch !== epoch) continue;
    const only = whole.filter(entry => entry.producerId === producerId && entry.baseOffset >= log.logStartOffset);
    const dataAbove = only.some(({ committed }) => committed === undefined);
    same('producers', `epoch of ${producerId}`, found?.producerEpoch, epoch);
    if (dataAbove) same('producers', `last sequence of ${producerId}`, found?.lastSequence, lastSequence);
    if (txnFirstOffset < 0 || txnFirstOffset >= log.logStartOffset) same('producers', `open transaction of ${producerId}`, found?.currentTxnStartOffset, txnFirstOffset);
  }
  for (const producerId of known.keys()) holds(producers.has(producerId) || history.isCompacted === true, 'producers', () => `producer ${producerId} is known and wrote nothing`);
}

async function checkTransactions(log: Log, history: History): Promise<void> {
  const { logStartOffset: start, logEndOffset: end, highWatermark } = log;
  const { producers, aborted } = replay(history.batches.filter(({ endOffset }) => endOffset <= end));
  const expected = new Set(aborted.filter(({ firstOffset }) => firstOffset >= start).map(({ producerId, firstOffset }) => `${producerId}@${firstOffset}`));
  const found = new Set<string>();
  for (let offset = start; offset < end;) {
    const read = await log.read(offset, { maxBytes: 1 << 20, minOneBatch: true, limitOffset: end, includeAborted: true });
    const bytes = Buffer.concat(read.buffers);
    read.release();
    for (const { producerId, firstOffset } of read.abortedTransactions ?? []) if (firstOffset >= start) found.add(`${producerId}@${firstOffset}`);
    const last = [...batchesIn(bytes)].at(-1);
    if (last === undefined) break;
    offset = batch.nextOffset(bytes, last);
  }
  const unknown = [...found].filter(entry => !expected.has(entry) && !startsInCutTransaction(entry, history, start));
  same('transactions', 'aborted', [...expected].filter(entry => !found.has(entry)), []);
  same('transactions', 'aborted that were not', unknown, []);
  const open = [...producers.values()].map(({ txnFirstOffset }) => txnFirstOffset).filter(offset => offset >= 0);
  if (highWatermark < end || open.some(offset => offset < start)) return;
  same('transactions', 'last stable offset', log.lastStableOffset, Math.min(end, ...open));
}

/** Where markers may be gone with all that they decided, what a consumer sees is what counts. */
async function checkCommitted(log: Log, history: History): Promise<void> {
  const { logStartOffset: start, logEndOffset: end, lastStableOffset } = log;
  const whole = history.batches.filter(({ endOffset }) => endOffset <= end);
  const { aborted, open } = fatesOf(whole);
  // The start cuts through a transaction: which records it had is not known any more.
  if ([...aborted, ...open].some(({ baseOffset, fate }) => fate === undefined && baseOffset < start)) return;
  const shown = expectedBatches(history, log).filter(({ endOffset }) => endOffset <= lastStableOffset);
  same('transactions', 'committed', (await readCommitted(log)).map(({ offset }) => offset), committedOffsets({ ...history, batches: whole }, shown));
}

/** Where records below the start are gone, a transaction that began there seems to begin with its first record above. */
function startsInCutTransaction(entry: string, { batches }: History, start: number): boolean {
  const [producerId] = entry.split('@').map(Number);
  return batches.some(one => one.producerId === producerId && one.isTransactional && one.baseOffset < start);
}
