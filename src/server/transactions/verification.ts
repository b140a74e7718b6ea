import type { TransactionalProducer } from '../../coordinator/transaction/types.js';
import { logErrorCode, type VerificationGuard } from '../../log/index.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import type { Partition } from '../../replication/index.js';
import type { Services } from '../services.js';
import type { TransactionSupport } from './client-versions.js';

/**
 * Asking a transaction's coordinator whether partitions belong to it, or to let them, before they take its first records (KIP-890;
 * `AddPartitionsToTxnManager`, `ReplicaManager.maybeSendPartitionsToTransactionCoordinator`). Else a late request would begin in a
 * partition what nobody ends.
 */

/** What a request wants to write. */
export interface TransactionalWrite {
  readonly partition: Partition;
  /** -1 for records without sequences. */
  readonly baseSequence: number;
}

/** The error for which nothing may be appended, or the guard that the append needs, where it needs one. */
export interface Verdict {
  readonly errorCode: number;
  readonly guard?: VerificationGuard | undefined;
}

export type Verdicts = ReadonlyMap<Partition, Verdict>;

export interface VerificationDeps extends Pick<Services, 'settings' | 'clock' | 'wheel' | 'verifications'> {
  readonly transactions: Pick<Services['transactions'], 'addPartitions' | 'verifyPartitions'>;
}

const UNASKED: Verdicts = new Map();

/** A verdict for each write; a promise only where the coordinator has to be asked. A partition without one may be appended to. */
export function verifyTransaction(
  deps: VerificationDeps, producer: TransactionalProducer, support: TransactionSupport, writes: readonly TransactionalWrite[],
): Verdicts | Promise<Verdicts> {
  if (!support.bumpsEpoch && !deps.settings().get('transaction.partition.verification.enable')) return UNASKED;
  const verdicts = new Map<Partition, Verdict>();
  for (const write of writes) verdicts.set(write.partition, start(producer, support, write));
  const asked = [...verdicts].filter(([, { guard }]) => guard !== undefined).map(([partition]) => partition);
  return asked.length === 0 ? verdicts : ask(deps, producer, support, asked, verdicts);
}

/**
 * The same for a Produce that adds its partitions: while the transaction before is still being ended it is asked again for a
 * little while, since to send all the records once more would take the client longer.
 */
export async function verifyWithRetries(
  deps: VerificationDeps, producer: TransactionalProducer, support: TransactionSupport, writes: readonly TransactionalWrite[], first: Promise<Verdicts>,
): Promise<Verdicts> {
  const { clock, wheel } = deps;
  const settings = deps.settings();
  const endMs = clock.monotonicMs() + Math.min(settings.get('add.partitions.to.txn.retry.backoff.max.ms'), settings.get('request.timeout.ms'));
  let verdicts = await first;
  while (clock.monotonicMs() < endMs && hasConcurrent(verdicts)) {
    await new Promise<void>(resolve => { wheel.add(settings.get('add.partitions.to.txn.retry.backoff.ms'), resolve); });
    verdicts = await verifyTransaction(deps, producer, support, writes);
  }
  return verdicts;
}

function hasConcurrent(verdicts: Verdicts): boolean {
  return [...verdicts.values()].some(({ errorCode }) => errorCode === ErrorCode.CONCURRENT_TRANSACTIONS);
}

function start({ producerId, producerEpoch }: TransactionalProducer, { bumpsEpoch }: TransactionSupport, { partition, baseSequence }: TransactionalWrite): Verdict {
  try {
    return { errorCode: ErrorCode.NONE, guard: partition.log.startVerification({ producerId, producerEpoch, baseSequence, bumpsEpoch }) };
  } catch (error) {
    const errorCode = logErrorCode(error);
    if (errorCode === undefined) throw error;
    return { errorCode };
  }
}

async function ask(
  { transactions, clock, verifications }: VerificationDeps, producer: TransactionalProducer, support: TransactionSupport,
  asked: readonly Partition[], verdicts: Map<Partition, Verdict>,
): Promise<Verdicts> {
  const askedMs = clock.monotonicMs();
  const partitions = asked.map(({ topic, index }) => ({ topic, index }));
  const errorCodes = support.bumpsEpoch
    ? fillWith(asked.length, await transactions.addPartitions({ ...producer, partitions, clientVersion: support.clientVersion }))
    : (await transactions.verifyPartitions({ ...producer, partitions })).map(({ errorCode }) => errorCode);
  verifications.note(clock.monotonicMs() - askedMs, errorCodes.filter(code => code !== ErrorCode.NONE).length);
  asked.forEach((partition, at) => {
    const errorCode = errorCodes[at]!;
    if (errorCode !== ErrorCode.NONE) verdicts.set(partition, { errorCode: asProducersKnow(errorCode, support) });
  });
  return verdicts;
}

const fillWith = (length: number, errorCode: number): readonly number[] => Array.from({ length }, () => errorCode);

function asProducersKnow(errorCode: number, { abortable }: TransactionSupport): number {
  if (errorCode === ErrorCode.PRODUCER_FENCED) return ErrorCode.INVALID_PRODUCER_EPOCH;
  if (errorCode === ErrorCode.TRANSACTION_ABORTABLE && !abortable) return ErrorCode.INVALID_TXN_STATE;
  return errorCode;
}
