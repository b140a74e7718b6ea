import { MalformedError } from '../../base/bytes.js';
import type { Disk } from '../../env/index.js';
import { SNAPSHOT_SUFFIX, nameOf, segmentFile } from '../paths.js';
import type { ProducerEntry } from '../producers/producer-append.js';
import { parseProducerSnapshot } from '../producers/producer-snapshot.js';
import type { Severity } from './findings.js';

export interface Replayed {
  /** The producers as the batches up to the snapshot's offset tell them. */
  readonly replayed: ReadonlyMap<number, ProducerEntry>;
  /** What is below was deleted, and so nobody can tell it any more. */
  readonly firstOffset: number;
  readonly wasCompacted: boolean;
}

type Tell = (severity: Severity, file: string, message: string, atStart: string) => void;

const TRUSTED = 'the newest snapshot is believed; remove the file, and the batches tell it again';

/** Holds the producer snapshot at an offset, if there is one, against a replay of the batches up to there. */
export function checkSnapshots(disk: Disk, path: string, names: readonly string[], offset: number, state: Replayed, tell: Tell): void {
  const file = nameOf(segmentFile('', offset, SNAPSHOT_SUFFIX));
  if (!names.includes(file)) return;
  let entries: readonly ProducerEntry[];
  try {
    entries = parseProducerSnapshot(disk.readFile(segmentFile(path, offset, SNAPSHOT_SUFFIX)));
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    tell('warning', file, error.message, 'it is removed, and an older one and the batches tell it again');
    return;
  }
  for (const fault of differences(entries, state)) tell('error', file, fault, TRUSTED);
}

function differences(entries: readonly ProducerEntry[], { replayed, firstOffset, wasCompacted }: Replayed): string[] {
  const faults: string[] = [];
  for (const saved of entries) {
    const found = replayed.get(saved.producerId);
    const last = saved.batches.at(-1);
    if (!found || (found.batches.length === 0 && found.epoch <= saved.epoch)) {
      if (last && last.lastOffset >= firstOffset && !wasCompacted) faults.push(`producer ${saved.producerId} is said to have written offset ${last.lastOffset}, and no batch is its`);
      continue;
    }
    const foundLast = found.batches.at(-1);
    // Compaction keeps of each producer what it wrote last, and so not always what it had written last by then.
    if (wasCompacted && (saved.epoch > found.epoch || (last?.lastOffset ?? -1) > (foundLast?.lastOffset ?? -1))) continue;
    if (saved.epoch !== found.epoch) faults.push(`producer ${saved.producerId} is said to be in epoch ${saved.epoch}, and the batches say ${found.epoch}`);
    else if (foundLast && (last?.lastOffset !== foundLast.lastOffset || last.lastSequence !== foundLast.lastSequence)) {
      faults.push(`producer ${saved.producerId} is said to have written sequence ${last?.lastSequence ?? -1} at offset ${last?.lastOffset ?? -1}, and the batches say ${foundLast.lastSequence} at ${foundLast.lastOffset}`);
    } else if (!wasCompacted && saved.currentTxnFirstOffset !== found.currentTxnFirstOffset && Math.max(saved.currentTxnFirstOffset, found.currentTxnFirstOffset) >= firstOffset) {
      faults.push(`producer ${saved.producerId} is said to have ${transaction(saved)}, and the batches say ${transaction(found)}`);
    }
  }
  const saved = new Set(entries.map(({ producerId }) => producerId));
  for (const { producerId, currentTxnFirstOffset } of replayed.values()) {
    // Others may have expired; an open transaction keeps its producer.
    if (!wasCompacted && !saved.has(producerId) && currentTxnFirstOffset >= 0) faults.push(`producer ${producerId} is missing, whose transaction from offset ${currentTxnFirstOffset} on is open`);
  }
  return faults;
}

function transaction({ currentTxnFirstOffset }: ProducerEntry): string {
  return currentTxnFirstOffset < 0 ? 'no transaction open' : `a transaction open since offset ${currentTxnFirstOffset}`;
}
