// What of Apache's answers is made alike before they are compared, since it may come so or so: differences of single requests stand
// in `known-differences.ts`, these are of answers that Apache itself gives one time and not the other.

import type { Int64 } from '../../src/protocol/wire/types.js';
import { ErrorCode } from '../../src/protocol/generated/errors.js';
import type { Address } from '../lockstep/side.js';

export interface Variation {
  readonly what: string;
  readonly reason: string;
  /** Decided by which scenes are played at the same moment: counted and told, where the others have to be met. */
  readonly isChance: boolean;
}

const SPOILT = 'Apache verifies transactions of several producers by one request, and maps the errors of all as the first who asked understands them ' +
  '(`AddPartitionsToTxnManager`): scenes that are played together spoil each other\'s answers';

export const VARIATIONS = {
  abortable: { what: 'INVALID_TXN_STATE told to who understands TRANSACTION_ABORTABLE', reason: SPOILT, isChance: true },
  unabortable: { what: 'TRANSACTION_ABORTABLE told to who does not understand it', reason: SPOILT, isChance: true },
  aborted: {
    what: 'aborted transactions beyond what was read',
    reason: 'Apache tells of those up to the next entry of its offset index, or the end of the log; we tell of those that what was read may belong to',
    isChance: false,
  },
} as const satisfies Record<string, Variation>;

interface Refusal {
  errorCode: number;
  errorMessage?: string | null;
}

/** Makes Apache's answers alike, and counts how often it had to. */
export class ApacheVaries {
  private readonly uses = new Map<Variation, number>();

  /** Of a partition in an answer to Produce or TxnOffsetCommit. What the log itself refuses bears no message. */
  refusal({ kind }: Address, partition: Refusal, { isAbortable, hasMessage }: { isAbortable: boolean; hasMessage: boolean }): void {
    if (kind !== 'apache') return;
    if (isAbortable && partition.errorCode === ErrorCode.INVALID_TXN_STATE && (!hasMessage || partition.errorMessage !== null)) {
      this.used(VARIATIONS.abortable);
      partition.errorCode = ErrorCode.TRANSACTION_ABORTABLE;
      if (hasMessage) partition.errorMessage = null;
    } else if (!isAbortable && partition.errorCode === ErrorCode.TRANSACTION_ABORTABLE) {
      this.used(VARIATIONS.unabortable);
      partition.errorCode = ErrorCode.INVALID_TXN_STATE;
      if (hasMessage) partition.errorMessage = 'no such transaction';
    }
  }

  /** What a fetch that gave these batches tells of aborted transactions. */
  aborted<T extends { readonly firstOffset: Int64 }>(
    { kind }: Address, batches: readonly { readonly lastOffset: number }[], aborted: readonly T[] | null,
  ): readonly T[] | null {
    if (kind !== 'apache' || aborted === null) return aborted;
    const last = batches.at(-1)?.lastOffset ?? -1;
    const kept = aborted.filter(({ firstOffset }) => firstOffset <= last);
    if (kept.length < aborted.length) this.used(VARIATIONS.aborted);
    return kept;
  }

  /** Those that nothing needed and that are no matter of chance. */
  unmet(): string[] {
    return Object.values<Variation>(VARIATIONS).filter(variation => !variation.isChance && !this.uses.has(variation)).map(({ what }) => what);
  }

  /** How often each was needed. */
  told(): string {
    return Object.values<Variation>(VARIATIONS).map(variation => `${this.uses.get(variation) ?? 0} times ${variation.what}`).join(', ');
  }

  private used(variation: Variation): void {
    this.uses.set(variation, (this.uses.get(variation) ?? 0) + 1);
  }
}
