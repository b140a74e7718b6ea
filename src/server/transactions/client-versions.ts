import type { TransactionVersion } from '../../coordinator/transaction/types.js';
import { bumpsEpochs } from '../../protocol/transaction-version.js';

/**
 * What a client understands of transactions, told by the version of the API that it speaks (KIP-890; Kafka's `TransactionVersion` and
 * `TransactionSupportedOperation`).
 */

/** The versions from which on each transaction of the client has an epoch of its own. */
const EPOCH_FOR_EACH_SINCE = {
  produce: 12,
  txnOffsetCommit: 5,
  // From there on brokers alone ask, for such clients.
  addPartitionsToTxn: 4,
  // Such a client does not send it: its offsets are added where they come.
  addOffsetsToTxn: Infinity,
  endTxn: 5,
} as const;

/** Those of writes from which on TRANSACTION_ABORTABLE is known. */
const ABORTABLE_SINCE = { produce: 11, txnOffsetCommit: 4 } as const;

export function clientVersionOf(api: keyof typeof EPOCH_FOR_EACH_SINCE, apiVersion: number): TransactionVersion {
  return apiVersion >= EPOCH_FOR_EACH_SINCE[api] ? 2 : 0;
}

/** What a client whose write comes to a partition understands. */
export interface TransactionSupport {
  /** TRANSACTION_ABORTABLE. */
  readonly abortable: boolean;
  readonly clientVersion: TransactionVersion;
  /** Each transaction has an epoch of its own; its partitions are added where its records come. */
  readonly bumpsEpoch: boolean;
}

export function supportOf(api: keyof typeof ABORTABLE_SINCE, apiVersion: number): TransactionSupport {
  const clientVersion = clientVersionOf(api, apiVersion);
  return { abortable: apiVersion >= ABORTABLE_SINCE[api], clientVersion, bumpsEpoch: bumpsEpochs(clientVersion) };
}
