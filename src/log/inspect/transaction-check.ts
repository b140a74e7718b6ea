import { MalformedError } from '../../base/bytes.js';
import type { Disk } from '../../env/index.js';
import { parseTransactionIndex, TXN_ENTRY_BYTES, type AbortedTransaction } from '../segment/txn-index.js';

export interface MarkersOfSegment {
  readonly base: number;
  /** Aborts whose transaction was seen from its beginning. */
  readonly aborted: readonly AbortedTransaction[];
  /** All markers of aborts: offset to producer. */
  readonly abortMarkers: ReadonlyMap<number, number>;
}

/** Holds a `.txnindex` against the markers in its segment. Aborts that began in what was deleted are told by the file alone. */
export function transactionFaults(disk: Disk, path: string, { base, aborted, abortMarkers }: MarkersOfSegment, wasCompacted: boolean): string[] {
  const bytes = disk.stat(path) ? disk.readFile(path) : Buffer.alloc(0);
  let entries: readonly AbortedTransaction[];
  try {
    entries = parseTransactionIndex(bytes, 'the file');
  } catch (error) {
    if (error instanceof MalformedError) return [error.message];
    throw error;
  }
  const faults: string[] = [];
  if (bytes.length % TXN_ENTRY_BYTES !== 0) faults.push(`${bytes.length % TXN_ENTRY_BYTES} bytes after the last entry are no entry`);
  for (const { producerId, firstOffset, lastOffset } of entries) {
    const what = `the transaction of producer ${producerId} from ${firstOffset} to ${lastOffset}`;
    const known = aborted.find(transaction => transaction.lastOffset === lastOffset);
    if (lastOffset < base || firstOffset > lastOffset) faults.push(`${what} cannot be in this segment`);
    else if (abortMarkers.get(lastOffset) !== producerId) faults.push(`${what} has no marker of an abort at its end`);
    // Compaction takes the first records of a transaction, and leaves what the index says of it.
    else if (known && (wasCompacted ? known.firstOffset < firstOffset : known.firstOffset !== firstOffset)) {
      faults.push(`${what} began at offset ${known.firstOffset}`);
    }
  }
  for (const { producerId, firstOffset, lastOffset } of aborted) {
    if (!entries.some(entry => entry.lastOffset === lastOffset && entry.producerId === producerId)) {
      faults.push(`the abort of producer ${producerId}'s transaction from ${firstOffset} to ${lastOffset} is missing`);
    }
  }
  return faults;
}
