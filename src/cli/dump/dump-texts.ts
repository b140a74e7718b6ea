import { readMetaProperties } from '../../log/index.js';
import { parseCheckpoint } from '../../log/manager/checkpoints.js';
import { parsePartitionMetadata } from '../../log/partition/partition-metadata.js';
import { nameOf, parentOf } from '../../log/paths.js';
import { readGapMark } from '../../log/segment/gap-mark.js';
import type { SmallFile } from './dump-indexes.js';
import { header, message, plural, row, type Column, type DumpWriter } from './output.js';

/** The text files of a log directory and of its partitions, and those that say all by their being there. */

type TextFile = Omit<SmallFile, 'baseOffset'>;

const EPOCH_COLUMNS: readonly Column[] = [{ title: 'epoch', width: 8, right: true }, { title: 'start offset', width: 16, right: true }];

export function dumpEpochs(out: DumpWriter, file: TextFile): void {
  const entries = checkpointLines(out, file, 2);
  out.line(out.paint('dim', `  ${header(EPOCH_COLUMNS)}`));
  let before = [-1, -1];
  for (const [epoch, startOffset] of entries.map(entry => entry.map(Number))) {
    out.line(`  ${row(EPOCH_COLUMNS, [String(epoch), String(startOffset)])}`);
    out.json({ kind: 'entry', file: file.name, epoch, startOffset });
    if (epoch! <= before[0]! || startOffset! <= before[1]!) out.fault(file.name, `epoch ${epoch} from offset ${startOffset} does not ascend`);
    before = [epoch!, startOffset!];
  }
  out.line(`  ${plural(entries.length, 'leader epoch')}`);
}

const OFFSET_COLUMNS: readonly Column[] = [{ title: 'partition', width: 40 }, { title: 'offset', width: 16, right: true }];

/** recovery-point-offset-checkpoint and its kin. */
export function dumpOffsets(out: DumpWriter, file: TextFile): void {
  const entries = checkpointLines(out, file, 3);
  out.line(out.paint('dim', `  ${header(OFFSET_COLUMNS)}`));
  for (const [topic, partition, offset] of entries) {
    out.line(`  ${row(OFFSET_COLUMNS, [`${topic}-${partition}`, offset!])}`);
    out.json({ kind: 'entry', file: file.name, topic, partition: Number(partition), offset: Number(offset) });
    if (Number(offset) < 0) out.fault(file.name, `${topic}-${partition} has the impossible offset ${offset}`);
  }
  out.line(`  ${plural(entries.length, 'partition')}`);
}

function checkpointLines(out: DumpWriter, { disk, path, name }: TextFile, fields: number): string[][] {
  try {
    return parseCheckpoint(disk.readFile(path).toString('utf8'), 0, name, fields);
  } catch (error) {
    out.fault(name, message(error));
    return [];
  }
}

export function dumpPartitionMetadata(out: DumpWriter, { disk, path, name }: TextFile): void {
  tell(out, name, () => ({ topicId: parsePartitionMetadata(disk.readFile(path).toString('utf8')) }));
}

export function dumpMetaProperties(out: DumpWriter, { disk, path, name }: TextFile): void {
  tell(out, name, () => readMetaProperties(disk, parentOf(path))!);
}

/** quorum-state and the marker of a clean stop, which may be empty. */
export function dumpJson(out: DumpWriter, { disk, path, name }: TextFile): void {
  tell(out, name, () => {
    const text = disk.readFile(path).toString('utf8').trim();
    return text === '' ? {} : JSON.parse(text) as object;
  });
}

export function dumpLock(out: DumpWriter, { name }: TextFile): void {
  out.line('  the broker that uses the directory has a lock on this file; nothing is in it');
  out.json({ kind: 'content', file: name });
}

export function dumpGapMark(out: DumpWriter, { path, name }: TextFile): void {
  const gaplessFrom = readGapMark([nameOf(path)]);
  out.line(`  Ottla's mark, in its name alone: from offset ${gaplessFrom} on, each segment began where the one before it ended`);
  out.json({ kind: 'content', file: name, gaplessFrom });
}

export function dumpUnfinished(out: DumpWriter, { name }: TextFile): void {
  out.line('  is being written, or was when the broker stopped: what counts is the file without this ending');
  out.json({ kind: 'content', file: name });
}

function tell(out: DumpWriter, name: string, read: () => object): void {
  let content: object;
  try {
    content = read();
  } catch (error) {
    out.fault(name, message(error));
    return;
  }
  for (const [key, value] of Object.entries(content)) out.line(`  ${key.padEnd(12)}  ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`);
  out.json({ kind: 'content', file: name, ...content });
}
