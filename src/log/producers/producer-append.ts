import { ErrorCode } from '../../protocol/generated/errors.js';
import { KafkaError } from '../../protocol/errors.js';
import { recordsIn } from '../../protocol/records/batch-iterator.js';
import * as batch from '../../protocol/records/batch.js';
import { parseEndTransactionMarker } from '../../protocol/records/control-records.js';
import { bumpsEpochs } from '../../protocol/transaction-version.js';
import { maxTimestampOf } from '../segment/timestamps.js';
import type { Verification, VerificationGuard } from './verification.js';

export interface BatchMetadata {
  readonly lastSequence: number;
  readonly lastOffset: number;
  readonly offsetDelta: number;
  readonly timestampMs: number;
}

/** One producer as the log knows it (`ProducerStateEntry`). */
export interface ProducerEntry {
  readonly producerId: number;
  readonly epoch: number;
  readonly coordinatorEpoch: number;
  readonly lastTimestampMs: number;
  /** -1: no transaction is open. */
  readonly currentTxnFirstOffset: number;
  /** The last five batches of this epoch, oldest first. */
  readonly batches: readonly BatchMetadata[];
}

/** Which checks an append must pass: all, the epochs only, or none since the leader made them. */
export interface AppendRules {
  readonly origin: 'client' | 'coordinator' | 'replication';
  /** For markers: from 2 on, each carries an epoch of its own (KIP-890). */
  readonly transactionVersion: number;
  /** What the coordinator was asked before this append, where it was. */
  readonly guard?: VerificationGuard | undefined;
  /** Whether a transaction may only begin with what was verified; absent: it need not be. */
  readonly verifies?: () => boolean;
}

export interface CompletedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly aborted: boolean;
}

/** How many batches of a producer are known when they come again: what Kafka's clients keep in flight. */
export const BATCHES_KEPT = 5;
const MAX_SEQUENCE = 0x7fff_ffff;

/** What an append does to one producer (`ProducerAppendInfo`). */
export class ProducerAppend {
  /** First offsets of the transactions that begin in this append. */
  readonly started: number[] = [];
  private epoch: number;
  private coordinatorEpoch: number;
  private lastTimestampMs: number;
  private txnFirstOffset: number;
  private batches: BatchMetadata[] = [];

  constructor(
    readonly producerId: number,
    private readonly current: ProducerEntry | undefined,
    private readonly rules: AppendRules,
    private readonly verification?: Verification,
  ) {
    this.epoch = current?.epoch ?? batch.NO_PRODUCER_EPOCH;
    this.coordinatorEpoch = current?.coordinatorEpoch ?? -1;
    this.lastTimestampMs = current?.lastTimestampMs ?? batch.NO_TIMESTAMP;
    this.txnFirstOffset = current?.currentTxnFirstOffset ?? -1;
  }

  /** Checks and takes up a batch; the transaction that it ends, if it does. */
  add(bytes: Uint8Array, at: number): CompletedTransaction | undefined {
    if (batch.isControl(bytes, at)) return this.addControl(bytes, at);
    this.addData(bytes, at);
    return undefined;
  }

  /** The producer's state once the append is in the log. */
  result(): ProducerEntry {
    const before = this.current?.epoch === this.epoch ? this.current.batches : [];
    return {
      producerId: this.producerId,
      epoch: this.epoch,
      coordinatorEpoch: this.coordinatorEpoch,
      lastTimestampMs: this.lastTimestampMs,
      currentTxnFirstOffset: this.txnFirstOffset,
      batches: [...before, ...this.batches].slice(-BATCHES_KEPT),
    };
  }

  private addData(bytes: Uint8Array, at: number): void {
    const epoch = batch.producerEpoch(bytes, at);
    const firstOffset = batch.baseOffset(bytes, at);
    const transactional = batch.isTransactional(bytes, at);
    this.checkEpoch(epoch, 0);
    if (this.rules.origin === 'client') this.checkSequence(epoch, batch.baseSequence(bytes, at));
    this.setEpoch(epoch);
    this.lastTimestampMs = maxTimestampOf(bytes, at);
    this.batches.push({
      lastSequence: batch.lastSequence(bytes, at),
      lastOffset: batch.lastOffset(bytes, at),
      offsetDelta: batch.lastOffsetDelta(bytes, at),
      timestampMs: this.lastTimestampMs,
    });
    if (this.txnFirstOffset >= 0 && !transactional) {
      throw new KafkaError(ErrorCode.INVALID_TXN_STATE, `Producer ${this.producerId} wrote outside of its open transaction at offset ${firstOffset}`);
    }
    if (this.txnFirstOffset < 0 && transactional) {
      this.txnFirstOffset = firstOffset;
      this.started.push(firstOffset);
    }
  }

  /** A control batch without records is what compaction leaves of a transaction that is gone. */
  private addControl(bytes: Uint8Array, at: number): CompletedTransaction | undefined {
    const record = recordsIn(bytes, at).next().value;
    const marker = record && parseEndTransactionMarker(record.key, record.value);
    if (!record || !marker) return undefined;
    const epoch = batch.producerEpoch(bytes, at);
    this.checkEpoch(epoch, this.rules.transactionVersion);
    if (marker.coordinatorEpoch < this.coordinatorEpoch && this.rules.origin !== 'replication') {
      throw new KafkaError(
        ErrorCode.TRANSACTION_COORDINATOR_FENCED,
        `Marker of producer ${this.producerId} is of coordinator epoch ${marker.coordinatorEpoch}, ${this.coordinatorEpoch} has written already`,
      );
    }
    const firstOffset = this.txnFirstOffset;
    this.setEpoch(epoch);
    this.coordinatorEpoch = marker.coordinatorEpoch;
    this.lastTimestampMs = record.timestampMs;
    this.txnFirstOffset = -1;
    if (firstOffset < 0) return undefined;
    return { producerId: this.producerId, firstOffset, lastOffset: batch.baseOffset(bytes, at), aborted: !marker.committed };
  }

  private setEpoch(epoch: number): void {
    if (epoch === this.epoch) return;
    this.batches = [];
    this.epoch = epoch;
  }

  /**
   * An epoch may not go back. A marker of transaction.version 2 carries a new one; the same again is a marker that comes twice,
   * harmless when nothing is open, and the way out for a producer at the last epoch there is (KAFKA-19999).
   */
  private checkEpoch(epoch: number, transactionVersion: number): void {
    if (this.rules.origin === 'replication' || epoch > this.epoch) return;
    if (epoch === this.epoch && (!bumpsEpochs(transactionVersion) || this.txnFirstOffset < 0 || epoch === batch.MAX_PRODUCER_EPOCH)) return;
    throw new KafkaError(
      ErrorCode.INVALID_PRODUCER_EPOCH,
      `Epoch ${epoch} of producer ${this.producerId} is older than ${this.epoch}, which has written here`,
    );
  }

  private checkSequence(epoch: number, firstSequence: number): void {
    this.checkFirstSequence(firstSequence);
    if (epoch !== this.epoch) {
      // A new epoch begins at 0; a producer whose traces are gone may go on where it was.
      if (firstSequence !== 0 && this.epoch !== batch.NO_PRODUCER_EPOCH) this.refuseSequence(firstSequence, `0 of the new epoch ${epoch}`);
      return;
    }
    if (!this.current || this.current.epoch === batch.NO_PRODUCER_EPOCH) return;
    const last = this.batches.at(-1) ?? (this.current.epoch === epoch ? this.current.batches.at(-1) : undefined);
    const lastSequence = last?.lastSequence ?? batch.NO_SEQUENCE;
    const expected = lastSequence === MAX_SEQUENCE ? 0 : lastSequence + 1;
    if (firstSequence !== expected) this.refuseSequence(firstSequence, String(expected));
  }

  /** Where a transaction begins: at 0 when its epoch is its own and nothing else is known, and with the earliest that was asked for. */
  private checkFirstSequence(firstSequence: number): void {
    if (this.verification === undefined) return;
    const isKnown = this.current !== undefined && this.current.batches.length > 0;
    if (this.verification.bumpsEpoch && firstSequence !== 0 && !isKnown) this.refuseSequence(firstSequence, '0 of a new transaction');
    const { lowestSequence } = this.verification;
    if (firstSequence > lowestSequence) this.refuseSequence(firstSequence, `${lowestSequence}, which came before,`);
  }

  private refuseSequence(got: number, expected: string): never {
    throw new KafkaError(
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
      `Producer ${this.producerId} sent sequence ${got} where ${expected} was expected`,
    );
  }
}
