import { MalformedError } from '../../base/bytes.js';
import { DiskError, type Disk } from '../../env/index.js';
import { recordsIn } from '../../protocol/records/batch-iterator.js';
import { parseEndTransactionMarker } from '../../protocol/records/control-records.js';
import { LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX, nameOf, segmentFile } from '../paths.js';
import { TransactionIndex, type AbortedTransaction } from '../segment/txn-index.js';
import { IndexCheck, readOffsetIndex, readTimeIndex, type IndexContent } from './index-entries.js';
import { batchesOfFile, type BatchFacts, type Damage, type StoredBatch } from './stored-batches.js';

/** One segment while it is read. */
export class SegmentScan {
  readonly sizeBytes: number;
  readonly check: IndexCheck;
  readonly indexes: readonly { readonly suffix: string; readonly content: IndexContent<unknown> | undefined; readonly faults: readonly string[] }[];
  /** What the markers in here say of transactions whose beginning was seen. */
  readonly aborted: AbortedTransaction[] = [];
  /** Offsets of the markers of aborts, with their producers. */
  readonly abortMarkers = new Map<number, number>();
  batches = 0;
  private readonly logPath: string;

  constructor(private readonly disk: Disk, private readonly path: string, private readonly names: readonly string[], readonly base: number) {
    this.logPath = segmentFile(path, base, LOG_SUFFIX);
    this.sizeBytes = disk.stat(this.logPath)?.sizeBytes ?? 0;
    const offsets = this.index(OFFSET_INDEX_SUFFIX, readOffsetIndex);
    const times = this.index(TIME_INDEX_SUFFIX, readTimeIndex);
    this.check = new IndexCheck(offsets?.entries ?? [], times?.entries ?? []);
    this.indexes = [
      { suffix: OFFSET_INDEX_SUFFIX, content: offsets, faults: this.check.offsetFaults },
      { suffix: TIME_INDEX_SUFFIX, content: times, faults: this.check.timeFaults },
    ];
  }

  private has(suffix: string): boolean {
    return this.names.includes(nameOf(segmentFile('', this.base, suffix)));
  }

  private index<Entry>(suffix: string, parse: (bytes: Buffer, base: number) => IndexContent<Entry>): IndexContent<Entry> | undefined {
    return this.has(suffix) ? parse(this.disk.readFile(segmentFile(this.path, this.base, suffix)), this.base) : undefined;
  }

  /** As a start asks it (`LogLoader`): if not, it reads the batches and makes all indexes anew. */
  get areIndexesSound(): boolean {
    if (!this.has(OFFSET_INDEX_SUFFIX)) return this.sizeBytes === 0;
    if (!this.has(TXN_INDEX_SUFFIX)) return true;
    try {
      new TransactionIndex(this.disk, segmentFile(this.path, this.base, TXN_INDEX_SUFFIX), false).check(this.base);
      return true;
    } catch (error) {
      if (error instanceof MalformedError) return false;
      throw error;
    }
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
