import { MalformedError } from '../../base/bytes.js';
import { DiskError, type Disk } from '../../env/index.js';
import { METADATA_TOPIC } from '../../protocol/internal-topics.js';
import { recordsIn } from '../../protocol/records/batch-iterator.js';
import { parseEndTransactionMarker } from '../../protocol/records/control-records.js';
import { parsePartitionMetadata } from '../partition-metadata.js';
import {
  CLEANED_SUFFIX, DELETED_SUFFIX, LOG_SUFFIX, OFFSET_INDEX_SUFFIX, PARTITION_METADATA_FILE, SNAPSHOT_SUFFIX, SWAP_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX,
  nameOf, offsetOfFile, parsePartitionDirectory, segmentFile,
} from '../paths.js';
import { ProducerState } from '../producers/producer-state.js';
import { isGapMark, readGapMark } from '../segment/gap-mark.js';
import type { AbortedTransaction } from '../segment/txn-index.js';
import { EpochCheck } from './epoch-check.js';
import type { Finding, PartitionContext, PartitionReport, Severity } from './findings.js';
import { IndexCheck, readOffsetIndex, readTimeIndex, type IndexContent } from './index-entries.js';
import { batchesOfFile, factsOf, headerFaults, recordFaults, type BatchFacts, type Damage, type StoredBatch } from './stored-batches.js';
import { checkSnapshots } from './snapshot-check.js';
import { transactionFaults } from './transaction-check.js';

/**
 * Reads all of a partition's directory and says what in it does not fit, without changing anything (`LogLoader` would). What a
 * broker that starts looks at again by itself, since the last one did not stop in order, is a note rather than a fault.
 */
export function verifyPartition(disk: Disk, path: string, context: PartitionContext): Promise<PartitionReport> {
  return new PartitionVerifier(disk, path, context).run();
}

/** A file in which nothing is right would fill the memory with words. */
const MOST_FINDINGS_OF_A_FILE = 50;
const REBUILT = 'it is made anew from the batches';

class PartitionVerifier {
  private readonly findings: Finding[] = [];
  private readonly toldOf = new Map<string, number>();
  private readonly name: string;
  private readonly names: readonly string[];
  private readonly bases: readonly number[];
  private readonly producers: ProducerState;
  private readonly epochs: EpochCheck;
  private endOffset: number;
  private batches = 0;
  private sizeBytes = 0;
  private hasGaps = false;

  constructor(private readonly disk: Disk, private readonly path: string, private readonly context: PartitionContext) {
    this.name = nameOf(path);
    this.names = disk.list(path);
    this.bases = this.names.filter(name => name.endsWith(LOG_SUFFIX)).map(offsetOfFile).filter(base => base !== undefined).sort((a, b) => a - b);
    this.producers = new ProducerState(disk, path, () => Infinity);
    this.epochs = new EpochCheck(disk, path);
    this.endOffset = this.bases[0] ?? 0;
  }

  async run(): Promise<PartitionReport> {
    this.checkNames();
    const topicId = this.checkTopicId();
    for (const [index, base] of this.bases.entries()) {
      this.checkJoint(base, index);
      this.checkProducers(base);
      await this.segment(base, this.bases[index + 1]);
    }
    if (this.bases.length > 0 && !this.bases.includes(this.endOffset)) this.checkProducers(this.endOffset);
    this.checkStraySnapshots();
    this.epochs.end(this.endOffset, (severity, message, atStart) => this.tell(severity, 'leader-epoch-checkpoint', message, atStart));
    this.checkOffsets();
    const { name, path, batches, sizeBytes, endOffset, findings } = this;
    return { name, path, segments: this.bases.length, batches, sizeBytes, startOffset: this.bases[0] ?? 0, endOffset, topicId, findings };
  }

  private tell(severity: Severity, file: string, message: string, atStart: string): void {
    const told = this.toldOf.get(file) ?? 0;
    this.toldOf.set(file, told + 1);
    if (told > MOST_FINDINGS_OF_A_FILE) return;
    if (told === MOST_FINDINGS_OF_A_FILE) {
      this.findings.push({ severity, path: `${this.name}/${file}`, message: 'and more of the kind', atStart });
      return;
    }
    this.findings.push({ severity, path: file === '' ? this.name : `${this.name}/${file}`, message, atStart });
  }

  /** Whether a start scans the segment before it believes in it. */
  private isUnsettled(nextBase: number | undefined): boolean {
    const { isClean, isInUse, recoveryPoint = 0 } = this.context;
    return (isInUse && nextBase === undefined) || (!isClean && (nextBase === undefined || nextBase > recoveryPoint));
  }

  private checkNames(): void {
    const bases = new Set(this.bases);
    for (const name of this.names) {
      const offset = offsetOfFile(name);
      if (isGapMark(name)) continue;
      if (name.endsWith(DELETED_SUFFIX)) this.tell('note', name, 'waits to be removed', 'it is removed');
      else if (name.endsWith(CLEANED_SUFFIX)) this.tell('note', name, 'compaction did not finish it', 'it is removed, and the log is compacted again');
      else if (name.endsWith(SWAP_SUFFIX)) this.tell('note', name, 'compaction finished it, and it has not taken its place yet', 'it takes the place of the segments that it stands for');
      else if ([OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX].some(suffix => name.endsWith(suffix)) && !bases.has(offset ?? -1)) {
        this.tell('warning', name, 'belongs to no segment', 'it is removed');
      }
    }
  }

  private checkTopicId(): string | undefined {
    if (parsePartitionDirectory(this.name)?.topic === METADATA_TOPIC) return undefined;
    if (!this.names.includes(PARTITION_METADATA_FILE)) {
      this.tell('warning', PARTITION_METADATA_FILE, 'is missing: nothing says of which topic this is', 'Ottla adopts an empty log for the topic of its name, and sets one with records aside; Apache Kafka sets either aside');
      return undefined;
    }
    try {
      return parsePartitionMetadata(this.disk.readFile(`${this.path}/${PARTITION_METADATA_FILE}`).toString('utf8'));
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.tell('error', PARTITION_METADATA_FILE, error.message, 'the partition is taken for nobody\'s');
      return undefined;
    }
  }

  /** How a segment follows the one before it. */
  private checkJoint(base: number, index: number): void {
    if (index === 0 || base === this.endOffset) return;
    const file = nameOf(segmentFile('', base, LOG_SUFFIX));
    if (base < this.endOffset) {
      this.tell('error', file, `begins at offset ${base}, and the segment before it goes up to ${this.endOffset - 1}: they overlap`, 'nothing; reads of those offsets find the later segment');
    } else if (this.endOffset >= this.gaplessFrom || (!this.context.wasCompacted && !this.hasGaps)) {
      const isCut = this.endOffset >= this.gaplessFrom && this.isUnsettled(base);
      this.tell('warning', file, `the offsets ${this.endOffset} to ${base - 1} before it are missing, and nothing else looks as if the log had been compacted`,
        isCut ? 'the log ends before the gap' : 'nothing; reads go on after the gap');
    }
  }

  /** From here on, what is missing between segments is lost. */
  private get gaplessFrom(): number {
    return parsePartitionDirectory(this.name)?.topic === METADATA_TOPIC ? 0 : readGapMark(this.names) ?? Infinity;
  }

  private async segment(base: number, nextBase: number | undefined): Promise<void> {
    const scan = new SegmentScan(this.disk, this.path, this.names, base);
    const file = nameOf(segmentFile('', base, LOG_SUFFIX));
    const unsettled = this.isUnsettled(nextBase);
    let previousOffset = Math.min(this.endOffset, base) - 1;
    for await (const found of scan.read()) {
      if (found.kind !== 'batch') {
        this.tellDamage(file, found, scan.sizeBytes, nextBase, unsettled);
        break;
      }
      const facts = factsOf(found);
      const faults = headerFaults(facts, base, previousOffset);
      if (facts.isCrcValid) faults.push(...recordFaults(found, facts));
      for (const fault of faults) {
        this.tell('error', file, fault, unsettled ? `the log ends before it${nextBase === undefined ? '' : ', and all later segments are removed'}` : 'nothing, since it was vouched for; who reads it gets it as it is');
      }
      if (!Number.isSafeInteger(facts.lastOffset)) break;
      if (facts.isCrcValid) this.replay(file, found, facts, scan);
      if (previousOffset >= base && facts.baseOffset > previousOffset + 1) this.hasGaps = true;
      scan.check.add(facts);
      previousOffset = Math.max(previousOffset, facts.lastOffset);
      this.endOffset = Math.max(this.endOffset, facts.lastOffset + 1);
      this.batches++;
    }
    if (scan.batches === 0) this.endOffset = Math.max(this.endOffset, base);
    this.sizeBytes += scan.sizeBytes;
    scan.check.end();
    this.tellIndexes(scan, nextBase, unsettled);
  }

  private replay(file: string, found: StoredBatch, facts: BatchFacts, scan: SegmentScan): void {
    scan.batches++;
    this.epochs.add(facts, { logStartOffset: this.context.logStartOffset ?? 0, isLearned: facts.baseOffset >= (this.context.recoveryPoint ?? 0) && !this.context.isClean });
    try {
      this.producers.replay(found.bytes, found.at, { append: aborted => scan.aborted.push(aborted) });
      if (facts.isControl && facts.producerId >= 0) scan.noteMarker(found, facts);
    } catch (error) {
      this.tell('error', file, `the batch at position ${facts.position} does not fit its producer: ${error instanceof Error ? error.message : String(error)}`, 'nothing; the state of its producer is made as far as it goes');
    }
  }

  private tellDamage(file: string, damage: Damage, sizeBytes: number, nextBase: number | undefined, unsettled: boolean): void {
    const { message, position } = damage;
    const isLast = nextBase === undefined;
    if (damage.kind === 'zeros' && isLast) this.tell('note', file, `${message}: room that was taken in advance`, 'it is cut off');
    else if (damage.kind === 'zeros' && nextBase === this.endOffset) this.tell('warning', file, `${message}, which no record is missing from`, unsettled ? 'they are cut off' : 'nothing');
    else if (isLast) {
      this.tell(this.context.isInUse || !this.context.isClean ? 'warning' : 'error', file, message, `the log is cut at offset ${this.endOffset}: ${sizeBytes - position} bytes go`);
    } else {
      this.tell('error', file, message, unsettled ? `the log ends at offset ${this.endOffset}, and all later segments are removed` : 'nothing, since it was vouched for; reads end here');
    }
  }

  private tellIndexes(scan: SegmentScan, nextBase: number | undefined, unsettled: boolean): void {
    const severity: Severity = unsettled ? 'note' : 'error';
    const remedy = unsettled ? REBUILT : 'nothing, since it was vouched for; remove the file, and it is made anew';
    const isActive = nextBase === undefined;
    for (const { suffix, content, faults } of scan.indexes) {
      const file = nameOf(segmentFile('', scan.base, suffix));
      if (content === undefined) {
        if (isActive && (unsettled || scan.batches === 0)) continue;
        this.tell(unsettled ? 'note' : 'warning', file, 'is missing', suffix === OFFSET_INDEX_SUFFIX || unsettled ? REBUILT : 'nothing; look-ups by time read the batches instead');
        continue;
      }
      for (const fault of [...content.faults, ...faults]) this.tell(severity, file, fault, remedy);
      if (content.roomBytes > 0 && !unsettled) this.tell('warning', file, `has ${content.roomBytes} bytes of room, although it was closed`, 'Apache Kafka takes the zeros for entries');
    }
    for (const fault of transactionFaults(this.disk, `${this.path}/${nameOf(segmentFile('', scan.base, TXN_INDEX_SUFFIX))}`, scan, this.context.wasCompacted || this.hasGaps)) {
      this.tell(severity, nameOf(segmentFile('', scan.base, TXN_INDEX_SUFFIX)), fault, unsettled ? REBUILT : 'a file that cannot be read is made anew; with wrong entries, readers of committed records are told wrong');
    }
  }

  private checkProducers(offset: number): void {
    checkSnapshots(this.disk, this.path, this.names, offset, { replayed: this.producers.entries, firstOffset: this.bases[0]!, wasCompacted: this.context.wasCompacted || this.hasGaps },
      (severity, file, message, atStart) => this.tell(severity, file, message, atStart));
  }

  /** A snapshot stands at the beginning of a segment, or at the end of the log. */
  private checkStraySnapshots(): void {
    for (const name of this.names.filter(candidate => candidate.endsWith(SNAPSHOT_SUFFIX))) {
      const offset = offsetOfFile(name);
      if (offset === undefined || offset === this.endOffset || this.bases.includes(offset)) continue;
      // Every stop leaves one at the end that the log then has.
      if (offset < this.endOffset) this.tell('note', name, `stands at offset ${offset}, where no segment begins`, 'it is removed');
      else this.tell(this.context.isInUse ? 'note' : 'warning', name, `stands at offset ${offset}, beyond the end of the log, ${this.endOffset}`, 'it is removed');
    }
  }

  /** What the checkpoints of the log directory say, against what is there. */
  private checkOffsets(): void {
    const { recoveryPoint, logStartOffset, highWatermark, isInUse } = this.context;
    const end = this.endOffset;
    const severity: Severity = isInUse ? 'note' : 'warning';
    if (recoveryPoint !== undefined && recoveryPoint > end) this.tell(severity, '', `the recovery point, ${recoveryPoint}, is beyond the end of the log, ${end}`, 'it becomes the end of the log');
    if (highWatermark !== undefined && highWatermark > end) this.tell(severity, '', `the high watermark, ${highWatermark}, is beyond the end of the log, ${end}: records that were committed are not here`, 'it becomes the end of the log');
    if (logStartOffset !== undefined && logStartOffset > end) this.tell('error', '', `the log is to start at ${logStartOffset}, beyond its end ${end}`, `all segments are dropped, and the log begins anew at ${logStartOffset}`);
  }
}

/** One segment while it is read. */
class SegmentScan {
  readonly sizeBytes: number;
  readonly check: IndexCheck;
  readonly indexes: readonly { readonly suffix: string; readonly content: IndexContent<unknown> | undefined; readonly faults: readonly string[] }[];
  /** What the markers in here say of transactions whose beginning was seen. */
  readonly aborted: AbortedTransaction[] = [];
  /** Offsets of the markers of aborts, with their producers. */
  readonly abortMarkers = new Map<number, number>();
  batches = 0;
  private readonly logPath: string;

  constructor(private readonly disk: Disk, path: string, names: readonly string[], readonly base: number) {
    this.logPath = segmentFile(path, base, LOG_SUFFIX);
    this.sizeBytes = disk.stat(this.logPath)?.sizeBytes ?? 0;
    const read = <Entry>(suffix: string, parse: (bytes: Buffer, base: number) => IndexContent<Entry>): IndexContent<Entry> | undefined =>
      (names.includes(nameOf(segmentFile('', base, suffix))) ? parse(disk.readFile(segmentFile(path, base, suffix)), base) : undefined);
    const offsets = read(OFFSET_INDEX_SUFFIX, readOffsetIndex);
    const times = read(TIME_INDEX_SUFFIX, readTimeIndex);
    this.check = new IndexCheck(offsets?.entries ?? [], times?.entries ?? []);
    this.indexes = [
      { suffix: OFFSET_INDEX_SUFFIX, content: offsets, faults: this.check.offsetFaults },
      { suffix: TIME_INDEX_SUFFIX, content: times, faults: this.check.timeFaults },
    ];
  }

  async *read(): AsyncGenerator<StoredBatch | Damage, void, undefined> {
    let file;
    try {
      file = this.disk.open(this.logPath, { readOnly: true });
    } catch (error) {
      // Removed since the directory was listed.
      if (error instanceof DiskError && error.code === 'ENOENT') return;
      throw error;
    }
    try {
      yield* batchesOfFile(file, this.sizeBytes);
    } finally {
      file.close();
    }
  }

  noteMarker({ bytes, at }: StoredBatch, { producerId }: BatchFacts): void {
    for (const { offset, key, value } of recordsIn(bytes, at)) {
      if (parseEndTransactionMarker(key, value)?.committed === false) this.abortMarkers.set(offset, producerId);
    }
  }
}
