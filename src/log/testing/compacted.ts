import type { History, ModelBatch } from './model.js';

/** What compaction may take of a history, by the plain rule: of each key the last record stays. */

type Records = ModelBatch['records'];

/** The batches of transactions that were aborted, and of those that are not decided. */
export function fatesOf(batches: readonly ModelBatch[]): { aborted: ReadonlySet<ModelBatch>; open: ReadonlySet<ModelBatch> } {
  const open = new Map<number, ModelBatch[]>();
  const aborted = new Set<ModelBatch>();
  for (const entry of batches) {
    const { producerId, isTransactional, isControl, committed, fate } = entry;
    if (isControl) {
      if (committed === false) for (const data of open.get(producerId) ?? []) aborted.add(data);
      if (committed !== undefined) open.delete(producerId);
    } else if (fate === 'aborted') aborted.add(entry);
    else if (isTransactional && fate === undefined) open.set(producerId, [...open.get(producerId) ?? [], entry]);
  }
  return { aborted, open: new Set([...open.values()].flat()) };
}

/** What a consumer of committed records is to see of `shown`, a part of the history. */
export function committedOffsets(history: History, shown: readonly ModelBatch[]): number[] {
  const { aborted, open } = fatesOf(history.batches);
  return shown.filter(entry => !entry.isControl && !aborted.has(entry) && !open.has(entry)).flatMap(({ records }) => records.map(({ offset }) => offset));
}

/** The history with what was found of it from its start on: which transactions were decided, and how, stands in records that may be gone next time. */
export function afterCompaction(history: History, found: readonly ModelBatch[]): History {
  const { aborted, open } = fatesOf(history.batches);
  const sent = new Map(history.batches.map(entry => [entry.endOffset, entry]));
  const settled = [...history.batches.filter(({ endOffset }) => endOffset <= history.start), ...found].map((entry): ModelBatch => {
    const was = sent.get(entry.endOffset);
    if (entry.isControl || !entry.isTransactional || was === undefined || open.has(was)) return entry;
    return { ...entry, fate: aborted.has(was) ? 'aborted' : 'committed' };
  });
  return { ...history, batches: settled, isCompacted: true };
}

/** What is not as it must be of batches that were found of a history which was being compacted up to an offset; undefined: all is well. */
export function lostByCompaction(found: readonly ModelBatch[], expected: readonly ModelBatch[], history: History, to: number): string | undefined {
  const { aborted } = fatesOf(history.batches);
  const latest = new Map<string, number>();
  for (const entry of history.batches) {
    if (entry.isControl || aborted.has(entry)) continue;
    for (const { key, offset } of entry.records) if (key !== undefined && offset < to) latest.set(key, offset);
  }
  const mayGo = (entry: ModelBatch, { key, text, offset }: Records[number]): boolean =>
    aborted.has(entry) || key === undefined || text === null || latest.get(key) !== offset;
  const left = new Map(found.map(entry => [entry.endOffset, entry]));
  for (const [index, entry] of expected.entries()) {
    const kept = left.get(entry.endOffset);
    left.delete(entry.endOffset);
    if (kept?.bytes.equals(entry.bytes)) continue;
    const name = `the batch of ${entry.baseOffset} to ${entry.endOffset - 1}`;
    if (entry.baseOffset >= to) return `${name}, which is not compacted, is ${kept ? 'another' : 'gone'}`;
    if (kept && identity(kept) !== identity(entry)) return `${name} is ${identity(kept)}, was ${identity(entry)}`;
    const wrong = entry.isControl ? wrongMarker(entry, kept, expected.slice(0, index), found) : wrongRecords(entry, kept, mayGo);
    if (wrong !== undefined) return `${name}: ${wrong}`;
  }
  return left.size > 0 ? `batches that end at ${[...left.keys()].join(', ')} were never there` : undefined;
}

function identity({ baseOffset, epoch, producerId, producerEpoch, lastSequence, isTransactional, isControl }: ModelBatch): string {
  return JSON.stringify({ baseOffset, epoch, producerId, producerEpoch, lastSequence, isTransactional, isControl });
}

function wrongRecords(entry: ModelBatch, kept: ModelBatch | undefined, mayGo: (entry: ModelBatch, record: Records[number]) => boolean): string | undefined {
  const left = new Map((kept?.records ?? []).map(record => [record.offset, record]));
  for (const record of entry.records) {
    const same = left.get(record.offset);
    left.delete(record.offset);
    if (same === undefined && !mayGo(entry, record)) return `the last record of ${record.key}, at ${record.offset}, is gone`;
    if (same !== undefined && JSON.stringify(same) !== JSON.stringify(record)) return `the record at ${record.offset} is another`;
  }
  return left.size > 0 ? `records at ${[...left.keys()].join(', ')} were never there` : undefined;
}

/** A marker stays as long as there is something that it decides. */
function wrongMarker(marker: ModelBatch, kept: ModelBatch | undefined, before: readonly ModelBatch[], found: readonly ModelBatch[]): string | undefined {
  if (kept?.committed === marker.committed) return undefined;
  const of = ({ producerId }: ModelBatch): boolean => producerId === marker.producerId;
  const since = before.findLast(entry => of(entry) && entry.isControl)?.baseOffset ?? -1;
  const decided = found.find(entry => of(entry) && !entry.isControl && entry.isTransactional && entry.records.length > 0 && entry.baseOffset > since && entry.baseOffset < marker.baseOffset);
  return decided && `the marker is gone, records at ${decided.baseOffset} that it decides are not`;
}
