import { batchesIn, recordsIn } from '../protocol/records/batch-iterator.js';
import * as batch from '../protocol/records/batch.js';
import type { MetadataDelta } from './delta.js';
import { ImageBuilder } from './image-builder.js';
import { EMPTY_IMAGE } from './image.js';
import { decodeMetadataRecord } from './records.js';
import { applyQuorumRecord, type QuorumFacts } from './snapshot.js';
import type { MetadataImage } from './types.js';

/** Batches of committed metadata; those of a snapshot all count as its position. */
export interface MetadataChunk {
  readonly batches: Uint8Array;
  readonly snapshot?: { readonly offset: number; readonly epoch: number };
  /** More follows at once: no need to publish yet. */
  readonly more: boolean;
  readonly endOffset: number;
}

/** Where committed metadata comes from: raft of this node, or what a broker fetches from its controllers. */
export interface MetadataSource {
  readonly committedEnd: number;
  follow(visit: (chunk: MetadataChunk) => void): () => void;
}

/** Acts on what changed; called in the order in which publishers were added, one image after the other. */
export interface MetadataPublisher {
  onImage(image: MetadataImage, delta: MetadataDelta, facts: PublishFacts): void;
}

export interface PublishFacts {
  /** Timestamp of the last batch in the image. */
  readonly lastContainedLogTimestampMs: number;
}

interface Waiting {
  readonly endOffset: number;
  readonly resolve: () => void;
}

/**
 * Makes images of committed metadata and hands them to publishers (Kafka's `MetadataLoader`): one image for all that came in a
 * turn, none from within a transaction.
 */
export class MetadataLoader {
  private readonly builder = new ImageBuilder(EMPTY_IMAGE);
  private readonly publishers: MetadataPublisher[] = [];
  private published: MetadataImage = EMPTY_IMAGE;
  private quorum: QuorumFacts = { kraftVersion: 0, voters: [] };
  private lastTimestampMs = -1;
  private publishedEnd = 0;
  private waiting: Waiting[] = [];
  private stop: (() => void) | undefined;

  constructor(private readonly source: MetadataSource, private readonly onFault: (error: unknown) => void) {}

  /** The last image that publishers have seen. */
  get image(): MetadataImage {
    return this.published;
  }

  add(publisher: MetadataPublisher): void {
    this.publishers.push(publisher);
  }

  start(): void {
    this.stop = this.source.follow(chunk => {
      try {
        this.take(chunk);
      } catch (error) {
        // What cannot be replayed or acted on would leave this node with another cluster than all others have.
        this.stop?.();
        this.onFault(error);
      }
    });
  }

  close(): void {
    this.stop?.();
  }

  /** Resolves when publishers have seen all that is committed now. */
  caughtUp(): Promise<void> {
    return this.reached(this.source.committedEnd);
  }

  /** Resolves when publishers have seen all below `endOffset`. */
  reached(endOffset: number): Promise<void> {
    if (this.publishedEnd >= endOffset) return Promise.resolve();
    return new Promise(resolve => this.waiting.push({ endOffset, resolve }));
  }

  private take({ batches, snapshot, more, endOffset }: MetadataChunk): void {
    for (const at of batchesIn(batches)) this.replayBatch(batches, at, snapshot);
    if (more) return;
    this.publish();
    this.publishedEnd = endOffset;
    const reached = this.waiting.filter(waiting => waiting.endOffset <= endOffset);
    this.waiting = this.waiting.filter(waiting => waiting.endOffset > endOffset);
    for (const { resolve } of reached) resolve();
  }

  private replayBatch(batches: Uint8Array, at: number, snapshot: MetadataChunk['snapshot']): void {
    const epoch = snapshot?.epoch ?? batch.partitionLeaderEpoch(batches, at);
    this.lastTimestampMs = batch.maxTimestampMs(batches, at);
    for (const { offset, key, value } of recordsIn(batches, at)) {
      const position = snapshot?.offset ?? offset;
      if (batch.isControl(batches, at)) {
        this.quorum = applyQuorumRecord(this.quorum, key, value);
        this.builder.setKraftVersion(this.quorum.kraftVersion);
        this.builder.passed(position, epoch);
        continue;
      }
      const record = decodeMetadataRecord(value ?? new Uint8Array());
      // A transaction is published whole or not at all: what came before it goes out first.
      if (record.type === 'BeginTransaction') this.publish();
      this.builder.replay(record, position, epoch);
    }
  }

  private publish(): void {
    if (this.builder.inTransaction) return;
    const { image, delta } = this.builder.advance();
    if (image === this.published) return;
    this.published = image;
    const facts: PublishFacts = { lastContainedLogTimestampMs: this.lastTimestampMs };
    for (const publisher of this.publishers) publisher.onImage(image, delta, facts);
  }
}
