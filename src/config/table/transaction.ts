import { boolean, int, short } from '../setting.js';

/** Transactions and idempotent producers. */
export const transactionSettings = {
  'transaction.state.log.min.isr': int({ default: 2, min: 1, importance: 'high', honoured: true,
    doc: '`min.insync.replicas` of `__transaction_state`. A local start takes 1.' }),
  'transaction.state.log.load.buffer.size': int({ default: 5_242_880, min: 1, importance: 'high', honoured: true,
    doc: 'Bytes read at once when a partition of `__transaction_state` is loaded. One larger batch is read all the same; less is read where ' +
      'many partitions are loaded side by side.' }),
  'transaction.state.log.replication.factor': short({ default: 3, min: 1, importance: 'high', honoured: true,
    doc: 'Replicas of `__transaction_state`. A local start takes 1.' }),
  'transaction.state.log.num.partitions': int({ default: 50, min: 1, importance: 'high', honoured: true, doc: 'Partitions of `__transaction_state`.' }),
  'transaction.state.log.segment.bytes': int({ default: 104_857_600, min: 1, importance: 'high', honoured: true, doc: 'Segment size of `__transaction_state`.' }),
  'transaction.partition.verification.enable': boolean({ default: true, importance: 'low', update: 'cluster-wide', honoured: true,
    doc: 'Whether a partition asks the coordinator that a transaction is really open before it takes its first record.' }),
  'producer.id.expiration.ms': int({ default: 86_400_000, min: 1, importance: 'low', update: 'cluster-wide', honoured: true,
    doc: 'How long a partition remembers an idempotent producer that is silent. A producer that comes back later starts afresh.' }),
  'producer.id.expiration.check.interval.ms': int({ default: 600_000, min: 1, importance: 'low', internal: true, honoured: true,
    doc: 'How often partitions look for producers to forget.' }),
  'transactional.id.expiration.ms': int({ default: 604_800_000, min: 1, importance: 'high', honoured: true,
    doc: 'How long a transactional id is remembered after its last use.' }),
  'transaction.max.timeout.ms': int({ default: 900_000, min: 1, importance: 'high', honoured: true,
    doc: 'Longest transaction timeout that a producer may ask for; a longer one is refused with INVALID_TRANSACTION_TIMEOUT. Clients ask for ' +
      '60,000 ms unless they are told otherwise.' }),
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': int({ default: 10_000, min: 1, importance: 'low', honoured: true,
    doc: 'How often the coordinator looks for transactions that ran out of time, and aborts them: one may be open for so much longer than ' +
      'its timeout.' }),
  'transaction.remove.expired.transaction.cleanup.interval.ms': int({ default: 3_600_000, min: 1, importance: 'low', honoured: true,
    doc: 'How often the coordinator forgets expired transactional ids.' }),
  'transaction.two.phase.commit.enable': boolean({ default: false, importance: 'low',
    doc: 'Whether clients may use transactions that an outside coordinator prepares and commits (KIP-939). They ask for it in version 6 of ' +
      'InitProducerId, which Kafka 4.3.1 has as unstable and which is not served: until then it is not honoured over the wire.' }),
};

/** How a broker asks the transaction coordinator. */
export const transactionRetrySettings = {
  'add.partitions.to.txn.retry.backoff.max.ms': int({ default: 100, min: 0, importance: 'high', honoured: true,
    doc: 'How long a Produce in all asks the transaction coordinator again, while that is ending the transaction before.' }),
  'add.partitions.to.txn.retry.backoff.ms': int({ default: 20, min: 1, importance: 'high', honoured: true,
    doc: 'Pause before each time that a Produce asks the transaction coordinator again.' }),
};
