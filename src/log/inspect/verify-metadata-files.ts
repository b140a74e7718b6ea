import type { Disk } from '../../env/index.js';
import { MalformedError } from '../../base/bytes.js';
import { METADATA_TOPIC } from '../../protocol/internal-topics.js';
import { parseMetadataSnapshotFile, partitionDirectory, QUORUM_STATE_FILE } from '../paths.js';
import type { Finding } from './findings.js';
import { batchesOfFile, codecFaults, factsOf, headerFaults, recordFaults } from './stored-batches.js';

/** What the directory of the metadata log holds besides a log: snapshots, and who was voted for. */
export async function verifyMetadataFiles(disk: Disk, path: string, isInUse: boolean): Promise<Finding[]> {
  const name = partitionDirectory(METADATA_TOPIC, 0);
  const findings: Finding[] = [];
  for (const file of disk.list(path)) {
    const snapshot = parseMetadataSnapshotFile(file);
    if (snapshot === undefined) continue;
    const place = `${name}/${file}`;
    if (!snapshot.isWhole) {
      findings.push({ severity: 'note', path: place, message: 'was not finished, or waits to be removed', remedy: { kind: 'metadataRemoved' } });
      continue;
    }
    for (const message of await snapshotFaults(disk, `${path}/${file}`)) {
      findings.push({ severity: 'error', path: place, message, remedy: { kind: 'metadataUnread' } });
    }
  }
  const quorumState = `${path}/${QUORUM_STATE_FILE}`;
  if (disk.stat(quorumState) === undefined) return findings;
  const fault = jsonFault(disk.readFile(quorumState).toString('utf8'));
  if (fault === undefined) return findings;
  return [...findings, { severity: isInUse ? 'note' : 'error', path: `${name}/${QUORUM_STATE_FILE}`, message: fault, remedy: { kind: 'voteUnknown' } }];
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
      faults.push(...headerFaults(facts, 0, previousOffset), ...codecFaults(facts));
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
    const state = JSON.parse(text) as { readonly leaderEpoch?: unknown } | null;
    if (typeof state?.leaderEpoch !== 'number') throw new MalformedError('it names no leaderEpoch');
    return undefined;
  } catch (error) {
    return `it cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}
