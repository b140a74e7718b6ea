/**
 * Whether each transaction has an epoch of its own (KIP-890) at a level of `transaction.version`, or with a client that understands as
 * much: from 2 on.
 */
export function bumpsEpochs(transactionVersion: number): boolean {
  return transactionVersion >= 2;
}
