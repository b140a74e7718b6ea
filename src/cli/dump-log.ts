import { resolve } from 'node:path';
import type { Disk } from '../env/index.js';
import {
  CLEANED_SUFFIX, CLEAN_SHUTDOWN_FILE, DELETED_SUFFIX, LEADER_EPOCH_FILE, LOCK_FILE, LOG_SUFFIX, METADATA_SNAPSHOT_SUFFIX, META_PROPERTIES_FILE,
  OFFSET_INDEX_SUFFIX, PARTIAL_SUFFIX, PARTITION_METADATA_FILE, QUORUM_STATE_FILE, SNAPSHOT_SUFFIX, SWAP_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX,
  nameOf, offsetOfFile, parentOf, parseMetadataSnapshotFile, parsePartitionDirectory,
} from '../log/paths.js';
import { isGapMark } from '../log/segment/gap-mark.js';
import { METADATA_TOPIC } from '../protocol/internal-topics.js';
import { decoderFor, DECODERS, type Decoder } from './dump/decode-records.js';
import { dumpBatches } from './dump/dump-batches.js';
import { dumpOffsetIndex, dumpProducerSnapshot, dumpTimeIndex, dumpTransactionIndex } from './dump/dump-indexes.js';
import { dumpEpochs, dumpGapMark, dumpJson, dumpLock, dumpMetaProperties, dumpOffsets, dumpPartitionMetadata, dumpUnfinished } from './dump/dump-texts.js';
import { DumpWriter, message, plural, type DumpOutput } from './dump/output.js';
import { UsageError, type ParsedFlags } from './flags.js';

export interface DumpParts {
  readonly disk: Disk;
  readonly output: DumpOutput;
  /** Paths are relative to it. */
  readonly directory: string;
}

/** `ottla dump-log FILE…`: shows what files of a log directory hold, and their faults; exit code 1 when there are any. */
export async function dumpLog(flags: ParsedFlags, { disk, output, directory }: DumpParts): Promise<number> {
  if (flags.operands.length === 0) throw new UsageError('name a file, such as `ottla dump-log ottla-data/events-0/00000000000000000000.log`');
  const decoder = readDecoder(flags.get('decoder'));
  const out = new DumpWriter(output, flags.has('json'));
  for (const [index, operand] of flags.operands.entries()) {
    if (index > 0) out.line();
    await dumpFile(out, disk, operand, resolve(directory, operand), { decoder, records: flags.has('records') || flags.has('deep') });
  }
  if (out.faults > 0) out.line(out.paint('red', `${plural(out.faults, 'fault')} found`));
  await out.flush();
  return out.faults > 0 ? 1 : 0;
}

function readDecoder(text: string | undefined): Decoder | undefined {
  if (text === undefined) return undefined;
  const found = DECODERS.find(name => name === text);
  if (found === undefined) throw new UsageError(`--decoder ${text}: it has to be one of ${DECODERS.join(', ')}`);
  return found;
}

interface Wish {
  readonly decoder: Decoder | undefined;
  readonly records: boolean;
}

async function dumpFile(out: DumpWriter, disk: Disk, name: string, path: string, { decoder, records }: Wish): Promise<void> {
  const stat = disk.stat(path);
  out.line(`${out.paint('bold', name)}${stat === undefined || stat.isDirectory ? '' : out.paint('dim', `  ${plural(stat.sizeBytes, 'byte')}`)}`);
  if (stat === undefined) return out.fault(name, 'there is no such file');
  if (stat.isDirectory) return out.fault(name, 'this is a directory: name files in it, or use `ottla log verify`');
  const show = showerOf(nameOf(path));
  if (show === undefined) return out.fault(name, 'this is no file of a log directory that is known');
  try {
    const baseOffset = offsetOfFile(nameOf(path)) ?? parseMetadataSnapshotFile(nameOf(path))?.offset ?? 0;
    // Outside of a partition's directory there are batches in one place only: the metadata that a node begins with.
    const topic = nameOf(path).endsWith(METADATA_SNAPSHOT_SUFFIX) ? METADATA_TOPIC : parsePartitionDirectory(nameOf(parentOf(path)))?.topic;
    return await show(out, { disk, name, path, baseOffset, sizeBytes: stat.sizeBytes, records, decoder: decoder ?? decoderFor(topic) });
  } catch (error) {
    return out.fault(name, message(error));
  }
}

interface ShownFile {
  readonly disk: Disk;
  readonly name: string;
  readonly path: string;
  readonly baseOffset: number;
  readonly sizeBytes: number;
  readonly records: boolean;
  readonly decoder: Decoder;
}

type Shower = (out: DumpWriter, file: ShownFile) => Promise<void> | void;

async function showBatches(out: DumpWriter, shown: ShownFile): Promise<void> {
  const file = shown.disk.open(shown.path, { readOnly: true });
  try {
    await dumpBatches(out, { ...shown, file });
  } finally {
    file.close();
  }
}

/** Snapshots of the metadata log hold batches from offset 0 on, whatever they are called. */
const showSnapshot: Shower = (out, shown) => showBatches(out, { ...shown, baseOffset: 0 });

const SHOWERS: readonly (readonly [suffix: string, show: Shower])[] = [
  [METADATA_SNAPSHOT_SUFFIX, showSnapshot], [LOG_SUFFIX, showBatches], [OFFSET_INDEX_SUFFIX, dumpOffsetIndex], [TIME_INDEX_SUFFIX, dumpTimeIndex],
  [TXN_INDEX_SUFFIX, dumpTransactionIndex], [SNAPSHOT_SUFFIX, dumpProducerSnapshot],
];

/** What waits to be removed, or to take another's place, is of the same make as what it was or will be. */
function withoutState(fileName: string): string {
  const state = [DELETED_SUFFIX, CLEANED_SUFFIX, SWAP_SUFFIX, PARTIAL_SUFFIX].find(suffix => fileName.endsWith(suffix));
  return state === undefined ? fileName : withoutState(fileName.slice(0, -state.length));
}

/** What is written whole before it takes a file's place (`Disk.writeFileAtomically`, `writeOffsets`). */
const UNFINISHED = /(\.new)?\.tmp$/;

function showerOf(fileName: string): Shower | undefined {
  switch (fileName) {
    case LEADER_EPOCH_FILE: return dumpEpochs;
    case PARTITION_METADATA_FILE: return dumpPartitionMetadata;
    case META_PROPERTIES_FILE: return dumpMetaProperties;
    case LOCK_FILE: return dumpLock;
    case QUORUM_STATE_FILE: case CLEAN_SHUTDOWN_FILE: return dumpJson;
    default:
      if (fileName.endsWith('-offset-checkpoint')) return dumpOffsets;
      if (isGapMark(fileName)) return dumpGapMark;
      if (UNFINISHED.test(fileName) && showerOf(fileName.replace(UNFINISHED, ''))) return dumpUnfinished;
      return SHOWERS.find(([suffix]) => withoutState(fileName).endsWith(suffix))?.[1];
  }
}
