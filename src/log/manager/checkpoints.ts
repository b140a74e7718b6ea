import { MalformedError } from '../../base/bytes.js';
import { DiskError, type Disk } from '../../env/index.js';
import { CLEAN_SHUTDOWN_FILE } from '../paths.js';

/**
 * Kafka's text checkpoints (`CheckpointFile`, `OffsetCheckpointFile`): a line with the version, one with the number of
 * entries, then a line each.
 */

export function formatCheckpoint(version: number, lines: readonly string[]): string {
  return [String(version), String(lines.length), ...lines, ''].join('\n');
}

/** The entries, split at blanks into exactly `fields`; an empty file has none. `MalformedError` when it is not well formed. */
export function parseCheckpoint(text: string, version: number, path: string, fields: number): string[][] {
  const lines = text.split('\n').map(line => line.trimEnd());
  while (lines.at(-1) === '') lines.pop();
  if (lines.length === 0) return [];
  if (lines[0] !== String(version)) throw new MalformedError(`${path}: version '${lines[0]}', known is ${version}`);
  if (lines.length === 1) return [];
  const entries = lines.slice(2).map(line => line.split(/\s+/));
  const wrong = entries.findIndex(entry => entry.length !== fields || !/^-?\d+$/.test(entry.at(-1)!));
  if (wrong >= 0) throw new MalformedError(`${path}:${wrong + 3}: malformed line '${lines[wrong + 2]}'`);
  if (String(entries.length) !== lines[1]) throw new MalformedError(`${path}: announces ${lines[1]} entries, and has ${entries.length}`);
  return entries;
}

/** Offsets by partition; keys are `topic-N`, as directories are named. */
export type OffsetCheckpoint = Map<string, number>;

const OFFSETS_VERSION = 0;

export type OffsetLine = readonly [topic: string, partition: number, offset: number];

export function writeOffsets(disk: Disk, path: string, offsets: readonly OffsetLine[]): void {
  const lines = offsets.map(line => line.join(' '));
  disk.writeFileAtomically(path, formatCheckpoint(OFFSETS_VERSION, lines));
}

/**
 * Writes the same off the loop, which a sync can hold for long while the disk is busy. Resolves to what puts it in the old one's
 * place, by its name alone, or gives it up.
 */
export async function prepareOffsets(disk: Disk, path: string, offsets: readonly OffsetLine[]): Promise<{ replace(): void; giveUp(): void }> {
  const temporary = `${path}.new.tmp`;
  const file = disk.open(temporary, { create: true });
  try {
    file.truncateNow(0);
    file.writeNow([Buffer.from(formatCheckpoint(OFFSETS_VERSION, offsets.map(line => line.join(' '))))], 0);
    await file.sync();
  } finally {
    file.close();
  }
  return { replace: () => disk.rename(temporary, path), giveUp: () => disk.removeNow(temporary) };
}

/** Absent: no offsets. `MalformedError` when it cannot be read; callers go on without. */
export function readOffsets(disk: Disk, path: string): OffsetCheckpoint {
  if (!disk.stat(path)) return new Map();
  const entries = parseCheckpoint(disk.readFile(path).toString('utf8'), OFFSETS_VERSION, path, 3);
  return new Map(entries.map(([topic, partition, offset]) => [`${topic}-${partition}`, Number(offset)]));
}

/** What a clean stop leaves (KIP-966): JSON with the epoch that the broker last had. */
export function writeCleanShutdown(disk: Disk, directory: string, brokerEpoch: number): void {
  disk.writeFileAtomically(`${directory}/${CLEAN_SHUTDOWN_FILE}`, JSON.stringify({ version: 0, brokerEpoch }));
}

/** Reads the marker and removes it: should this start fail half way, the next must not take the directory for clean. */
export function takeCleanShutdown(disk: Disk, directory: string): { brokerEpoch: number | undefined } | undefined {
  const path = `${directory}/${CLEAN_SHUTDOWN_FILE}`;
  if (!disk.stat(path)) {
    // It may have been removed by one who died before that was durable: a power loss must not bring it back.
    disk.syncDirectory(directory);
    return undefined;
  }
  let brokerEpoch: number | undefined;
  try {
    const content = JSON.parse(disk.readFile(path).toString('utf8')) as { brokerEpoch?: unknown } | null;
    if (typeof content?.brokerEpoch === 'number') brokerEpoch = content.brokerEpoch;
  } catch (error) {
    // Older versions left an empty file; that it is there says enough.
    if (error instanceof DiskError) throw error;
  }
  disk.removeNow(path);
  disk.syncDirectory(directory);
  return { brokerEpoch };
}
