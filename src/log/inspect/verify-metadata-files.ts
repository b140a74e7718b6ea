import type { Disk } from '../../env/index.js';
import { MalformedError } from '../../base/bytes.js';
import type { Finding } from './findings.js';
import { batchesOfFile, factsOf, headerFaults, recordFaults } from './stored-batches.js';

const SNAPSHOT = /^\d{20}-\d{10}\.checkpoint$/;
const LEFT_OVER = /^\d{20}-\d{10}\.checkpoint\.(?:part|deleted)$/;
const QUORUM_STATE = 'quorum-state';

/** What the directory of the metadata log holds besides a log: snapshots, and who was voted for. */
export async function verifyMetadataFiles(disk: Disk, path: string, isInUse: boolean): Promise<Finding[]> {
  const name = '__cluster_metadata-0';
  const findings: Finding[] = [];
  for (const file of disk.list(path)) {
    if (LEFT_OVER.test(file)) findings.push({ severity: 'note', path: `${name}/${file}`, message: 'was not finished, or waits to be removed', atStart: 'it is removed' });
    if (!SNAPSHOT.test(file)) continue;
    for (const message of await snapshotFaults(disk, `${path}/${file}`)) {
      findings.push({ severity: 'error', path: `${name}/${file}`, message, atStart: 'the node cannot read its metadata: an older snapshot with the whole log after it would do' });
    }
  }
  const quorumState = `${path}/${QUORUM_STATE}`;
  if (disk.stat(quorumState) === undefined) return findings;
  const fault = jsonFault(disk.readFile(quorumState).toString('utf8'));
  if (fault !== undefined) findings.push({ severity: isInUse ? 'note' : 'error', path: `${name}/${QUORUM_STATE}`, message: fault, atStart: 'the node does not start, since it may have voted already' });
  return findings;
}

async function snapshotFaults(disk: Disk, path: string): Promise<string[]> {
  const faults: string[] = [];
  const file = disk.open(path, { readOnly: true });
  try {
    let previousOffset = -1;
    for await (const found of batchesOfFile(file, file.sizeBytes())) {
      if (found.kind !== 'batch') {
        faults.push(found.message);
        break;
      }
      const facts = factsOf(found);
      faults.push(...headerFaults(facts, 0, previousOffset));
      if (facts.isCrcValid) faults.push(...recordFaults(found, facts));
      previousOffset = facts.lastOffset;
    }
  } finally {
    file.close();
  }
  return faults;
}

function jsonFault(text: string): string | undefined {
  try {
    const state: unknown = JSON.parse(text);
    if (typeof state !== 'object' || state === null || typeof (state as { leaderEpoch?: unknown }).leaderEpoch !== 'number') throw new MalformedError('it names no leaderEpoch');
    return undefined;
  } catch (error) {
    return `it cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}
