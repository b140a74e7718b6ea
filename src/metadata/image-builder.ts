import { MetadataDelta } from './delta.js';
import { FeatureName } from './features.js';
import type { MetadataRecord } from './records.js';
import type { MetadataImage } from './types.js';

/**
 * Follows the metadata log record by record, transactions included (KIP-868): what an aborted one held is taken back.
 */
export class ImageBuilder {
  private base: MetadataImage;
  private delta: MetadataDelta;
  private offset: number;
  private epoch: number;
  private dirty = false;
  private beforeTransaction: MetadataImage | undefined;

  constructor(image: MetadataImage) {
    this.base = image;
    this.delta = new MetadataDelta(image);
    this.offset = image.offset;
    this.epoch = image.epoch;
  }

  /** Whether a transaction is open: what its records say may yet be taken back. */
  get inTransaction(): boolean {
    return this.beforeTransaction !== undefined;
  }

  /** The image after all records so far, those of an open transaction included. */
  get image(): MetadataImage {
    return this.advance().image;
  }

  /** The image without what an open transaction says. */
  get settledImage(): MetadataImage {
    return this.beforeTransaction ?? this.image;
  }

  replay(record: MetadataRecord, offset: number, epoch: number): void {
    switch (record.type) {
      case 'BeginTransaction':
        this.beforeTransaction = this.image;
        break;
      case 'EndTransaction':
        this.beforeTransaction = undefined;
        break;
      case 'AbortTransaction':
        if (this.beforeTransaction !== undefined) this.base = this.beforeTransaction;
        this.delta = new MetadataDelta(this.base);
        this.beforeTransaction = undefined;
        break;
      default:
        this.delta.replay(record);
    }
    this.passed(offset, epoch);
  }

  /** kraft.version as the log's control records have it. */
  setKraftVersion(level: number): void {
    if (this.base.features.finalized.get(FeatureName.KRAFT_VERSION) === level) return;
    this.delta.setKraftVersion(level);
    this.dirty = true;
  }

  /** The log has gone on to `offset` without saying anything about the cluster, as with control records. */
  passed(offset: number, epoch: number): void {
    this.offset = offset;
    this.epoch = epoch;
    this.dirty = true;
  }

  /** Makes the image, and gives the delta that led to it from the one before. */
  advance(): { image: MetadataImage; delta: MetadataDelta } {
    const { delta } = this;
    if (!this.dirty) return { image: this.base, delta };
    this.dirty = false;
    this.base = delta.apply(this.offset, this.epoch);
    this.delta = new MetadataDelta(this.base);
    return { image: this.base, delta };
  }
}
