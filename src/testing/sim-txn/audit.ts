import { describeProducersApi, listTransactionsApi } from '../../protocol/generated/index.js';
import { OFFSETS_TOPIC } from '../../protocol/internal-topics.js';
import { holds } from './invariants.js';
import type { Link } from './link.js';
import { READ_PLACES } from './plan.js';
import { nameOf } from './producing.js';

/** States of a transaction that is under way. */
const UNDER_WAY: ReadonlySet<string> = new Set(['Ongoing', 'PrepareCommit', 'PrepareAbort', 'PrepareEpochFence']);
const PLACES = [...READ_PLACES, { topic: OFFSETS_TOPIC, index: 0 }];

/** An open transaction of a partition, named so that no other has the name. */
type OpenTransactions = ReadonlyMap<string, number>;

async function openInPartitions(link: Link): Promise<OpenTransactions> {
  const { topics } = await link.ask(describeProducersApi, { topics: PLACES.map(({ topic, index }) => ({ name: topic, partitionIndexes: [index] })) }, 0,
    answer => Math.max(...answer.topics.map(({ partitions }) => partitions[0]!.errorCode)));
  const open = new Map<string, number>();
  for (const { name, partitions: [partition] } of topics) {
    holds(partition!.errorCode === 0, 'answers', () => `DescribeProducers of ${name}: error ${partition!.errorCode}`);
    for (const { producerId, currentTxnStartOffset } of partition!.activeProducers) {
      const place = nameOf({ topic: name, index: partition!.partitionIndex });
      if (Number(currentTxnStartOffset) >= 0) open.set(`of producer ${producerId} in ${place} since ${currentTxnStartOffset}`, Number(producerId));
    }
  }
  return open;
}

/** States by producer id. */
async function knownToCoordinator(link: Link): Promise<ReadonlyMap<number, string>> {
  const { errorCode, transactionStates } = await link.ask(listTransactionsApi, { stateFilters: [], producerIdFilters: [] }, 1, answer => answer.errorCode);
  holds(errorCode === 0, 'answers', () => `ListTransactions: error ${errorCode}`);
  return new Map(transactionStates.map(({ producerId, transactionState }) => [Number(producerId), transactionState]));
}

/** What is open in a partition before and after the coordinator was asked was so when it answered. */
export async function audit(link: Link): Promise<void> {
  const before = await openInPartitions(link);
  const known = await knownToCoordinator(link);
  const after = await openInPartitions(link);
  for (const [name, producerId] of before) {
    if (!after.has(name)) continue;
    const state = known.get(producerId);
    holds(state !== undefined && UNDER_WAY.has(state), 'agreement', () => `a transaction ${name} is open, and to the coordinator it is ${state ?? 'unknown'}`);
  }
}

/** Nothing is open any more. */
export async function auditDrained(link: Link): Promise<void> {
  const open = [...(await openInPartitions(link)).keys()];
  holds(open.length === 0, 'drained', () => `open transactions ${open.join(', ')}`);
  for (const [producerId, state] of await knownToCoordinator(link)) {
    holds(!UNDER_WAY.has(state), 'drained', () => `the transaction of producer ${producerId} is ${state}`);
  }
}
