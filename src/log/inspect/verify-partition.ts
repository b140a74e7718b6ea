import { MalformedError } from '../../base/bytes.js';
import type { Disk } from '../../env/index.js';
import { METADATA_TOPIC } from '../../protocol/internal-topics.js';
import { parsePartitionMetadata } from '../partition/partition-metadata.js';
import {
  CLEANED_SUFFIX, DELETED_SUFFIX, LEADER_EPOCH_FILE, LOG_SUFFIX, OFFSET_INDEX_SUFFIX, PARTITION_METADATA_FILE, SNAPSHOT_SUFFIX, SWAP_SUFFIX,
  TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX, nameOf, offsetOfFile, parsePartitionDirectory, segmentFile,
} from '../paths.js';
import { ProducerState } from '../producers/producer-state.js';
import { isGapMark, readGapMark } from '../segment/gap-mark.js';
import { EpochCheck } from './epoch-check.js';
import type { Finding, PartitionContext, PartitionReport, Severity } from './findings.js';
import { outcomeOf, type Remedy, type RemedyKind } from './remedies.js';
import { SegmentScan } from './segment-scan.js';
import { readSnapshot, snapshotFaults, type SnapshotFault } from './snapshot-check.js';
import { codecFaults, factsOf, headerFaults, recordFaults, type BatchFacts, type Damage, type StoredBatch } from './stored-batches.js';
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

class PartitionVerifier {
  private findings: Finding[] = [];
  private readonly toldOf = new Map<string, number>();
  private readonly name: string;
  private readonly names: readonly string[];
  private readonly bases: readonly number[];
  private readonly producers: ProducerState;
  private readonly epochs: EpochCheck;
  private readonly snapshots: SnapshotFault[] = [];
  private readonly newestSnapshot: number | undefined;
  private endOffset: number;
  private batches = 0;
  private sizeBytes = 0;
  private hasGaps = false;
  private overlaps = false;
  /** The first segment whose batches a start reads, and where it then ends the log. */
  private firstScanned = Infinity;
  private cutAt: number | undefined;
  private readonly context: PartitionContext;
  /** Messages of an old format were met: what follows is not looked at. */
  private isRefused = false;

  constructor(private readonly disk: Disk, private readonly path: string, context: PartitionContext) {
    this.name = nameOf(path);
    this.names = disk.list(path);
    this.bases = this.offsetsOf(LOG_SUFFIX);
    this.newestSnapshot = this.offsetsOf(SNAPSHOT_SUFFIX).at(-1);
    this.producers = new ProducerState(disk, path, () => Infinity);
    this.epochs = new EpochCheck(disk, path);
    this.endOffset = this.bases[0] ?? 0;
    this.context = this.believed(context);
  }

  private offsetsOf(suffix: string): number[] {
    return this.names.filter(name => name.endsWith(suffix)).map(offsetOfFile).filter(offset => offset !== undefined).sort((a, b) => a - b);
  }

  /** A stop in order is not believed of a partition whose epochs, or newest producers, cannot be read. */
  private believed(context: PartitionContext): PartitionContext {
    if (this.epochs.isDamaged) return { ...context, isClean: false, recoveryPoint: 0 };
    const { newestSnapshot: newest } = this;
    const isUnreadable = newest !== undefined && typeof readSnapshot(this.disk, segmentFile(this.path, newest, SNAPSHOT_SUFFIX)) === 'string';
    return isUnreadable ? { ...context, isClean: false } : context;
  }

  async run(): Promise<PartitionReport> {
    this.checkNames();
    const topicId = this.checkTopicId();
    for (const [index, base] of this.bases.entries()) {
      this.checkJoint(base, index);
      this.checkProducers(base);
      await this.segment(base, this.bases[index + 1]);
      if (this.isRefused) return this.report(topicId);
    }
    if (this.bases.length > 0 && !this.bases.includes(this.endOffset)) this.checkProducers(this.endOffset);
    this.tellSnapshots();
    this.checkStraySnapshots();
    this.epochs.end(this.endOffset, (severity, message, kind) => this.tell(severity, LEADER_EPOCH_FILE, message, kind));
    this.checkOffsets();
    return this.report(topicId);
  }

  private report(topicId: string | undefined): PartitionReport {
    const { name, path, batches, sizeBytes, endOffset, findings } = this;
    return { name, path, segments: this.bases.length, batches, sizeBytes, startOffset: this.bases[0] ?? 0, endOffset, topicId, findings };
  }

  private tell(severity: Severity, file: string, message: string, remedy: Remedy | RemedyKind): void {
    const told = this.toldOf.get(file) ?? 0;
    this.toldOf.set(file, told + 1);
    if (told > MOST_FINDINGS_OF_A_FILE) return;
    this.findings.push({
      severity, path: file === '' ? this.name : `${this.name}/${file}`, message: told === MOST_FINDINGS_OF_A_FILE ? 'and more of the kind' : message,
      remedy: typeof remedy === 'string' ? { kind: remedy } : remedy,
    });
  }

  /** Whether a start scans the segment before it believes in it. */
  private isUnsettled(nextBase: number | undefined): boolean {
    const { isClean, isInUse, recoveryPoint = 0 } = this.context;
    return (isInUse && nextBase === undefined) || (!isClean && (nextBase === undefined || nextBase > recoveryPoint));
  }

  /** Of what lies in the batches: where a start ends the log before it, it goes. */
  private unlessCut(kind: RemedyKind): RemedyKind {
    return this.cutAt === undefined ? kind : 'cutToo';
  }

  /** A start ends the log at the end that it has so far. */
  private cut(lostBytes?: number): Remedy {
    if (this.cutAt !== undefined) return { kind: 'cutToo' };
    this.cutAt = this.endOffset;
    return { kind: 'cut', offset: this.endOffset, ...lostBytes !== undefined && { lostBytes } };
  }

  private checkNames(): void {
    const bases = new Set(this.bases);
    const firstCleaned = Math.min(...this.names.filter(name => name.endsWith(CLEANED_SUFFIX)).map(name => offsetOfFile(name) ?? Infinity));
    for (const name of this.names) {
      const offset = offsetOfFile(name) ?? -1;
      if (isGapMark(name)) continue;
      if (name.endsWith(DELETED_SUFFIX)) this.tell('note', name, 'waits to be removed', 'removed');
      // Where files that are not finished begin, a split was under way, and what it had finished is not whole.
      else if (name.endsWith(CLEANED_SUFFIX) || (name.endsWith(SWAP_SUFFIX) && offset >= firstCleaned)) {
        this.tell('note', name, 'compaction did not finish it', 'cleanedAgain');
      } else if (name.endsWith(SWAP_SUFFIX)) this.tell('note', name, 'compaction finished it, and it has not taken its place yet', 'swappedIn');
      else if ([OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX].some(suffix => name.endsWith(suffix)) && !bases.has(offset)) {
        this.tell('warning', name, 'belongs to no segment', 'removed');
      }
    }
  }

  private checkTopicId(): string | undefined {
    if (parsePartitionDirectory(this.name)?.topic === METADATA_TOPIC) return undefined;
    if (!this.names.includes(PARTITION_METADATA_FILE)) {
      this.tell('warning', PARTITION_METADATA_FILE, 'is missing: nothing says of which topic this is', 'lookedUpByName');
      return undefined;
    }
    try {
      return parsePartitionMetadata(this.disk.readFile(`${this.path}/${PARTITION_METADATA_FILE}`).toString('utf8'));
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.tell('error', PARTITION_METADATA_FILE, error.message, 'lookedUpByName');
      return undefined;
    }
  }

  /** How a segment follows the one before it. */
  private checkJoint(base: number, index: number): void {
    const { endOffset, context } = this;
    if (index === 0 || base === endOffset) return;
    const file = nameOf(segmentFile('', base, LOG_SUFFIX));
    if (base < endOffset) {
      this.overlaps = true;
      const message = `begins at offset ${base}, and the segment before it goes up to ${endOffset - 1}: they overlap`;
      this.tell('error', file, message, this.unlessCut('overlapServed'));
    } else if (endOffset >= this.gaplessFrom || (!context.wasCompacted && !this.hasGaps)) {
      const message = `the offsets ${endOffset} to ${base - 1} before it are missing, and nothing else looks as if the log had been compacted`;
      // It is seen when the segment before it is read.
      const endsLog = endOffset >= this.gaplessFrom && this.isUnsettled(base);
      this.tell('warning', file, message, endsLog ? this.cut() : this.unlessCut('gapServed'));
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
    let isScanned = unsettled || !scan.areIndexesSound;
    let previousOffset = Math.min(this.endOffset, base) - 1;
    for await (const found of scan.read()) {
      if (found.kind === 'old') {
        this.isRefused = true;
        this.tell('error', file, found.message, 'refused');
        return;
      }
      if (found.kind !== 'batch') {
        isScanned ||= nextBase === undefined;
        this.tellDamage(file, found, { sizeBytes: scan.sizeBytes, nextBase, isScanned });
        break;
      }
      const facts = factsOf(found);
      for (const fault of headerFaults(facts, base, previousOffset)) this.tell('error', file, fault, isScanned ? this.cut() : this.unlessCut('batchServed'));
      for (const fault of [...codecFaults(facts), ...facts.isCrcValid ? recordFaults(found, facts) : []]) {
        this.tell('error', file, fault, this.unlessCut('batchServed'));
      }
      if (!Number.isSafeInteger(facts.lastOffset)) break;
      if (facts.isCrcValid) this.replay(file, found, facts, scan, isScanned);
      if (previousOffset >= base && facts.baseOffset > previousOffset + 1) this.hasGaps = true;
      scan.check.add(facts);
      previousOffset = Math.max(previousOffset, facts.lastOffset);
      this.endOffset = Math.max(this.endOffset, facts.lastOffset + 1);
      this.batches++;
    }
    if (isScanned) this.firstScanned = Math.min(this.firstScanned, base);
    if (scan.batches === 0) this.endOffset = Math.max(this.endOffset, base);
    this.sizeBytes += scan.sizeBytes;
    scan.check.end();
    this.tellIndexes(scan, { isActive: nextBase === undefined, unsettled, isScanned });
  }

  private replay(file: string, found: StoredBatch, facts: BatchFacts, scan: SegmentScan, isScanned: boolean): void {
    scan.batches++;
    this.epochs.add(facts, { logStartOffset: this.context.logStartOffset ?? 0, isScanned });
    try {
      this.producers.replay(found.bytes, found.at, { append: aborted => scan.aborted.push(aborted) });
      if (facts.isControl && facts.producerId >= 0) scan.noteMarker(found, facts);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.tell('error', file, `the batch at position ${facts.position} does not fit its producer: ${reason}`, this.unlessCut('replayedInPart'));
    }
  }

  private tellDamage(
    file: string, { kind, message, position }: Damage,
    { sizeBytes, nextBase, isScanned }: { readonly sizeBytes: number; readonly nextBase: number | undefined; readonly isScanned: boolean },
  ): void {
    const { isInUse, isClean } = this.context;
    if (kind === 'zeros' && nextBase === undefined) {
      this.tell('note', file, `${message}: room that was taken in advance, or the rest of a block that was written past the page cache`, 'zerosCut');
    } else if (kind === 'zeros' && nextBase === this.endOffset) {
      this.tell('warning', file, `${message}, which no record is missing from`, isScanned ? 'zerosCut' : this.unlessCut('harmless'));
    } else if (nextBase === undefined) this.tell(isInUse || !isClean ? 'warning' : 'error', file, message, this.cut(sizeBytes - position));
    else this.tell('error', file, message, isScanned ? this.cut() : this.unlessCut('readsEnd'));
  }

  private tellIndexes(
    scan: SegmentScan, { isActive, unsettled, isScanned }: { readonly isActive: boolean; readonly unsettled: boolean; readonly isScanned: boolean },
  ): void {
    const severity: Severity = unsettled ? 'note' : 'error';
    for (const { suffix, content, faults } of scan.indexes) {
      const file = nameOf(segmentFile('', scan.base, suffix));
      if (content === undefined) {
        if (isActive && (unsettled || scan.batches === 0)) continue;
        this.tell(unsettled ? 'note' : 'warning', file, 'is missing', isScanned ? 'rebuilt' : 'timesRead');
        continue;
      }
      for (const fault of [...content.faults, ...faults]) this.tell(severity, file, fault, isScanned ? 'rebuilt' : 'indexVouchedFor');
      if (content.roomBytes > 0 && !unsettled) {
        this.tell('warning', file, `has ${content.roomBytes} bytes of room, although it was closed`, isScanned ? 'rebuilt' : 'roomKept');
      }
    }
    const aborts = segmentFile(this.path, scan.base, TXN_INDEX_SUFFIX);
    for (const fault of transactionFaults(this.disk, aborts, scan, this.mayMiss)) {
      this.tell(severity, nameOf(aborts), fault, isScanned ? 'rebuilt' : 'abortsVouchedFor');
    }
  }

  /** Records that were there may be gone, as compaction has it. */
  private get mayMiss(): boolean {
    return this.context.wasCompacted || this.hasGaps;
  }

  private checkProducers(offset: number): void {
    const state = { replayed: this.producers.entries, firstOffset: this.bases[0]!, wasCompacted: this.mayMiss };
    this.snapshots.push(...snapshotFaults(this.disk, this.path, this.names, offset, state));
  }

  private tellSnapshots(): void {
    let isWrongBefore = this.overlaps;
    for (const { file, offset, isUnreadable, message } of this.snapshots) {
      const remedy = this.snapshotRemedy(offset, isUnreadable);
      this.tell(isUnreadable ? 'warning' : 'error', file, message, remedy === 'rebuilt' && isWrongBefore ? 'rebuiltAlike' : remedy);
      isWrongBefore ||= remedy === 'snapshotBelieved';
    }
  }

  /** Of those that a start needs, it believes the newest; the ones after that it makes anew, the others it does not look at. */
  private snapshotRemedy(offset: number, isUnreadable: boolean): RemedyKind {
    const newestNeeded = this.firstScanned === Infinity ? this.newestSnapshot ?? offset : this.firstScanned;
    if (offset > newestNeeded) return 'rebuilt';
    if (offset < newestNeeded) return 'snapshotUnread';
    return isUnreadable ? 'rebuilt' : 'snapshotBelieved';
  }

  /** A snapshot stands at the beginning of a segment, or at the end of the log. */
  private checkStraySnapshots(): void {
    for (const name of this.names.filter(candidate => candidate.endsWith(SNAPSHOT_SUFFIX))) {
      const offset = offsetOfFile(name);
      if (offset === undefined || offset === this.endOffset || this.bases.includes(offset)) continue;
      // Every stop leaves one at the end that the log then has, and the next start keeps it while it is the newest.
      if (offset < this.endOffset) this.tell('note', name, `is of an earlier stop, when the log ended at offset ${offset}, and not needed any more`, 'removed');
      else this.tell(this.context.isInUse ? 'note' : 'warning', name, `stands at offset ${offset}, beyond the end of the log, ${this.endOffset}`, 'removed');
    }
  }

  /** What the checkpoints of the log directory say, against what is there. */
  private checkOffsets(): void {
    const { recoveryPoint, logStartOffset, highWatermark, isInUse } = this.context;
    const { endOffset: end } = this;
    const severity: Severity = isInUse ? 'note' : 'warning';
    const beyond = `is beyond the end of the log, ${end}`;
    if (recoveryPoint !== undefined && recoveryPoint > end) this.tell(severity, '', `the recovery point, ${recoveryPoint}, ${beyond}`, 'endOfLog');
    if (highWatermark !== undefined && highWatermark > end) {
      this.tell(severity, '', `the high watermark, ${highWatermark}, ${beyond}: records that were committed are not here`, 'endOfLog');
    }
    if (logStartOffset === undefined || logStartOffset <= end) return;
    this.findings = this.findings.map(finding => (outcomeOf(finding.remedy) === 'stays' ? { ...finding, remedy: { kind: 'droppedToo' } } : finding));
    this.tell('error', '', `the log is to start at ${logStartOffset}, beyond its end ${end}`, { kind: 'begunAnew', offset: logStartOffset });
  }
}
