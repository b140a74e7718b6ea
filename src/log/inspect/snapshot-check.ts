import { MalformedError } from '../../base/bytes.js';
import type { Disk } from '../../env/index.js';
import { SNAPSHOT_SUFFIX, nameOf, segmentFile } from '../paths.js';
import type { ProducerEntry } from '../producers/producer-append.js';
import { parseProducerSnapshot } from '../producers/producer-snapshot.js';

export interface Replayed {
  /** The producers as the batches up to the snapshot's offset tell them. */
  readonly replayed: ReadonlyMap<number, ProducerEntry>;
  /** What is below was deleted, and so nobody can tell it any more. */
  readonly firstOffset: number;
  readonly wasCompacted: boolean;
}

export interface SnapshotFault {
  readonly file: string;
  readonly offset: number;
  /** It is not whole, or not of a kind that is known. */
  readonly isUnreadable: boolean;
  readonly message: string;
}

/** Holds the producer snapshot at an offset, if there is one, against a replay of the batches up to there. */
export function snapshotFaults(disk: Disk, path: string, names: readonly string[], offset: number, state: Replayed): SnapshotFault[] {
  const file = nameOf(segmentFile('', offset, SNAPSHOT_SUFFIX));
  if (!names.includes(file)) return [];
  const read = readSnapshot(disk, segmentFile(path, offset, SNAPSHOT_SUFFIX));
  if (typeof read === 'string') return [{ file, offset, isUnreadable: true, message: read }];
  return differences(read, state).map(message => ({ file, offset, isUnreadable: false, message }));
}

/** Its producers, or what is wrong with it. */
export function readSnapshot(disk: Disk, path: string): readonly ProducerEntry[] | string {
  try {
    return parseProducerSnapshot(disk.readFile(path));
  } catch (error) {
    if (error instanceof MalformedError) return error.message;
    throw error;
  }
}

function differences(entries: readonly ProducerEntry[], state: Replayed): string[] {
  const { replayed, wasCompacted } = state;
  const faults = entries.map(saved => difference(saved, replayed.get(saved.producerId), state)).filter(fault => fault !== undefined);
  const saved = new Set(entries.map(({ producerId }) => producerId));
  for (const { producerId, currentTxnFirstOffset } of replayed.values()) {
    // Others may have expired; an open transaction keeps its producer.
    if (wasCompacted || saved.has(producerId) || currentTxnFirstOffset < 0) continue;
    faults.push(`producer ${producerId} is missing, whose transaction from offset ${currentTxnFirstOffset} on is open`);
  }
  return faults;
}

function difference(saved: ProducerEntry, found: ProducerEntry | undefined, { firstOffset, wasCompacted }: Replayed): string | undefined {
  const who = `producer ${saved.producerId} is said to`;
  const last = saved.batches.at(-1);
  if (!found || (found.batches.length === 0 && found.epoch <= saved.epoch)) {
    const isInvented = last !== undefined && last.lastOffset >= firstOffset && !wasCompacted;
    return isInvented ? `${who} have written offset ${last.lastOffset}, and no batch is its` : undefined;
  }
  const foundLast = found.batches.at(-1);
  // Compaction keeps of each producer what it wrote last, and so not always what it had written last by then.
  if (wasCompacted && (saved.epoch > found.epoch || (last?.lastOffset ?? -1) > (foundLast?.lastOffset ?? -1))) return undefined;
  if (saved.epoch !== found.epoch) return `${who} be in epoch ${saved.epoch}, and the batches say ${found.epoch}`;
  if (foundLast && (last?.lastOffset !== foundLast.lastOffset || last.lastSequence !== foundLast.lastSequence)) {
    return `${who} have written sequence ${last?.lastSequence ?? -1} at offset ${last?.lastOffset ?? -1}, `
      + `and the batches say ${foundLast.lastSequence} at ${foundLast.lastOffset}`;
  }
  const isOther = saved.currentTxnFirstOffset !== found.currentTxnFirstOffset && Math.max(saved.currentTxnFirstOffset, found.currentTxnFirstOffset) >= firstOffset;
  return isOther && !wasCompacted ? `${who} have ${transaction(saved)}, and the batches say ${transaction(found)}` : undefined;
}

function transaction({ currentTxnFirstOffset }: ProducerEntry): string {
  return currentTxnFirstOffset < 0 ? 'no transaction open' : `a transaction open since offset ${currentTxnFirstOffset}`;
}
