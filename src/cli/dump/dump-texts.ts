import { readMetaProperties } from '../../log/index.js';
import { parseCheckpoint } from '../../log/manager/checkpoints.js';
import { parsePartitionMetadata } from '../../log/partition-metadata.js';
import { parentOf } from '../../log/paths.js';
import type { SmallFile } from './dump-indexes.js';
import { header, message, plural, row, type Column, type DumpWriter } from './output.js';

/** The text files of a log directory and of its partitions. */

type TextFile = Omit<SmallFile, 'baseOffset'>;

const EPOCH_COLUMNS: readonly Column[] = [{ title: 'epoch', width: 8, right: true }, { title: 'start offset', width: 16, right: true }];

export async function dumpEpochs(out: DumpWriter, file: TextFile): Promise<void> {
  const entries = await checkpointLines(out, file, 2);
  await out.line(out.paint('dim', `  ${header(EPOCH_COLUMNS)}`));
  let before = [-1, -1];
  for (const [epoch, startOffset] of entries.map(entry => entry.map(Number))) {
    await out.line(`  ${row(EPOCH_COLUMNS, [String(epoch), String(startOffset)])}`);
    await out.json({ kind: 'entry', file: file.name, epoch, startOffset });
    if (epoch! <= before[0]! || startOffset! <= before[1]!) await out.fault(file.name, `epoch ${epoch} from offset ${startOffset} does not ascend`);
    before = [epoch!, startOffset!];
  }
  await out.line(`  ${plural(entries.length, 'leader epoch')}`);
}

const OFFSET_COLUMNS: readonly Column[] = [{ title: 'partition', width: 40 }, { title: 'offset', width: 16, right: true }];

/** recovery-point-offset-checkpoint and its kin. */
export async function dumpOffsets(out: DumpWriter, file: TextFile): Promise<void> {
  const entries = await checkpointLines(out, file, 3);
  await out.line(out.paint('dim', `  ${header(OFFSET_COLUMNS)}`));
  for (const [topic, partition, offset] of entries) {
    await out.line(`  ${row(OFFSET_COLUMNS, [`${topic}-${partition}`, offset!])}`);
    await out.json({ kind: 'entry', file: file.name, topic, partition: Number(partition), offset: Number(offset) });
    if (Number(offset) < 0) await out.fault(file.name, `${topic}-${partition} has the impossible offset ${offset}`);
  }
  await out.line(`  ${plural(entries.length, 'partition')}`);
}

async function checkpointLines(out: DumpWriter, { disk, path, name }: TextFile, fields: number): Promise<string[][]> {
  try {
    return parseCheckpoint(disk.readFile(path).toString('utf8'), 0, name, fields);
  } catch (error) {
    await out.fault(name, message(error));
    return [];
  }
}

export async function dumpPartitionMetadata(out: DumpWriter, { disk, path, name }: TextFile): Promise<void> {
  await tell(out, name, () => ({ topicId: parsePartitionMetadata(disk.readFile(path).toString('utf8')) }));
}

export async function dumpMetaProperties(out: DumpWriter, { disk, path, name }: TextFile): Promise<void> {
  await tell(out, name, () => readMetaProperties(disk, parentOf(path))!);
}

/** quorum-state and the marker of a clean stop, which may be empty. */
export async function dumpJson(out: DumpWriter, { disk, path, name }: TextFile): Promise<void> {
  await tell(out, name, () => {
    const text = disk.readFile(path).toString('utf8').trim();
    return text === '' ? {} : JSON.parse(text) as object;
  });
}

async function tell(out: DumpWriter, name: string, read: () => object): Promise<void> {
  let content: object;
  try {
    content = read();
  } catch (error) {
    return out.fault(name, message(error));
  }
  for (const [key, value] of Object.entries(content)) await out.line(`  ${key.padEnd(12)}  ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`);
  return out.json({ kind: 'content', file: name, ...content });
}
