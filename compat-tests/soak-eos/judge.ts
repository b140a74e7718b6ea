// Whether all is as it must be, when all clients are done.

import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { describeProducersApi, listOffsetsApi, listTransactionsApi, metadataApi, offsetFetchApi } from '../../src/protocol/generated/index.js';
import { checkHistory } from '../../src/testing/history/checker.js';
import { isWork, sendsOf, type Operation, type Positions } from '../../src/testing/history/history.js';
import type { RawClient } from '../../src/testing/raw-client.js';
import { mustRun } from '../support/processes.js';
import { JAVA_CLASSPATH, QUIET_JAVA } from '../support/toolchains.js';
import { CommittedPartition, readByMarkers, withClient, type CommittedRecord, type Topic } from './committed-log.js';
import { differences } from './differences.js';
import type { Judged } from './judged.js';
import type { Tail } from './tail.js';

/** Of the last version that names topics instead of ids. */
const OFFSET_FETCH_VERSION = 9;
const METADATA_VERSION = 9;
const LATEST = -1;
const MOST_NAMED = 5;

export interface Verdict {
  readonly faults: readonly string[];
  /** Committed records that were held against what they should be. */
  readonly records: number;
  readonly commitMarkers: number;
  readonly abortMarkers: number;
}

/** `tail` read along all the time, and has read to the end; `histories` are what the members noted. */
export async function judge(port: number, judged: readonly Judged[], tail: Tail, histories: ReadonlyMap<Judged, readonly Operation[]>, newProcess: () => number): Promise<Verdict> {
  const faults = tail.partitions.flatMap(partition => partition.faults);
  let commitMarkers = 0;
  let abortMarkers = 0;
  await withClient(port, async client => {
    for (const partition of tail.partitions) {
      const marked = await compareReadings(client, partition, faults);
      commitMarkers += marked.commitMarkers;
      abortMarkers += marked.abortMarkers;
    }
    for (const each of judged) faults.push(...each.judge(tail.records, await committedOffsets(client, each, faults)));
    faults.push(...await openTransactions(client));
  });
  for (const each of judged) {
    const noted = histories.get(each)!;
    const topics = notedTopics(each, noted);
    faults.push(...unannounced(each.name, topics, noted, tail));
    faults.push(...checkHistory([...noted, ...readings(topics, tail, newProcess())], { readToEnd: true }).faults.map(({ kind, key, detail }) => `${each.name}, history: ${kind} ${key ?? ''}: ${detail}`));
  }
  return { faults, commitMarkers, abortMarkers, records: tail.partitions.reduce((sum, { records }) => sum + records.length, 0) };
}

const valuesAt = (records: readonly CommittedRecord[]): string[] => records.map(({ offset, key, value }) => `${offset}:${key}=${value}`);

/** What was read along, what is read now, and what the markers in the log say must be the same. */
async function compareReadings(client: RawClient, partition: CommittedPartition, faults: string[]): Promise<{ commitMarkers: number; abortMarkers: number }> {
  const where = `${partition.topic}-${partition.partition}`;
  const again = new CommittedPartition(partition.topic, partition.partition, false);
  await again.readOn(client);
  const marked = await readByMarkers(client, partition.topic, partition.partition);
  const wanted = valuesAt(marked.records);
  faults.push(...differences(wanted, valuesAt(partition.records)).map(difference => `${where}, read along against the markers in the log: ${difference}`));
  faults.push(...differences(wanted, valuesAt(again.records)).map(difference => `${where}, read at read_committed against the markers in the log: ${difference}`));
  if (marked.open.length > 0) faults.push(`${where}: transactions of producers ${marked.open.join(', ')} have no marker`);
  return marked;
}

/** What each group of a pipeline has committed; what is not committed is left out. */
async function committedOffsets(client: RawClient, { groups }: Judged, faults: string[]): Promise<Positions[]> {
  return Promise.all(groups.map(async ({ group, topic }) => {
    const topics = [{ name: topic.name, partitionIndexes: Array.from({ length: topic.partitions }, (_, index) => index) }];
    const answer = await client.send(offsetFetchApi, { groups: [{ groupId: group, topics }], requireStable: true }, OFFSET_FETCH_VERSION);
    const { partitions } = answer.groups[0]!.topics[0]!;
    for (const { partitionIndex, errorCode } of partitions) if (errorCode !== ErrorCode.NONE) faults.push(`${group}: the offset of ${topic.name}-${partitionIndex} got error ${errorCode}`);
    return Object.fromEntries(partitions.filter(({ committedOffset }) => Number(committedOffset) >= 0).map(({ partitionIndex, committedOffset }) => [`${topic.name}-${partitionIndex}`, Number(committedOffset)]));
  }));
}

/** The transactions that have not ended, as the coordinator tells of them. */
export async function underWay(client: RawClient): Promise<string[]> {
  const answer = await client.send(listTransactionsApi, { stateFilters: ['Ongoing', 'PrepareCommit', 'PrepareAbort'], producerIdFilters: [] });
  if (answer.errorCode !== ErrorCode.NONE) return [`transactions cannot be listed: error ${answer.errorCode}`];
  return answer.transactionStates.map(({ transactionalId, transactionState }) => `${transactionalId} is ${transactionState}`);
}

/** In no partition of any topic there is one left, and readers of both kinds read to the same end. */
export async function openTransactions(client: RawClient): Promise<string[]> {
  const faults = await underWay(client);
  const { topics } = await client.send(metadataApi, { topics: null, allowAutoTopicCreation: false }, METADATA_VERSION);
  const ends = (isolationLevel: number) => client.send(listOffsetsApi, {
    replicaId: -1, isolationLevel, timeoutMs: 30_000,
    topics: topics.map(({ name, partitions }) => ({ name: name!, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, timestamp: LATEST })) })),
  });
  const [all, stable] = [await ends(0), await ends(1)];
  for (const [at, topic] of all.topics.entries()) {
    for (const [index, { partitionIndex, offset }] of topic.partitions.entries()) {
      const lastStable = stable.topics[at]!.partitions[index]!.offset;
      if (offset !== lastStable) faults.push(`${topic.name}-${partitionIndex}: the last stable offset ${lastStable} is not the end ${offset}`);
    }
  }
  const producers = await client.send(describeProducersApi, { topics: topics.map(({ name, partitions }) => ({ name: name!, partitionIndexes: partitions.map(({ partitionIndex }) => partitionIndex) })) });
  for (const { name, partitions } of producers.topics) {
    for (const { partitionIndex, errorCode, activeProducers } of partitions) {
      if (errorCode !== ErrorCode.NONE) faults.push(`producers of ${name}-${partitionIndex} cannot be described: error ${errorCode}`);
      for (const { producerId, producerEpoch, currentTxnStartOffset } of activeProducers) {
        if (Number(currentTxnStartOffset) === -1) continue;
        const known = await client.send(listTransactionsApi, { stateFilters: [], producerIdFilters: [producerId] });
        const states = known.transactionStates.map(({ transactionalId, transactionState }) => `${transactionalId} is ${transactionState}`).join(', ');
        faults.push(`${name}-${partitionIndex}: producer ${producerId} has a transaction open since offset ${currentTxnStartOffset}, epoch ${producerEpoch}; its coordinator says: ${states === '' ? 'nothing' : states}`);
      }
    }
  }
  return faults;
}

/** What `kafka-transactions` has to say of hanging transactions. */
export async function findHanging(port: number): Promise<string[]> {
  const { brokers } = await withClient(port, client => client.send(metadataApi, { topics: [], allowAutoTopicCreation: false }, METADATA_VERSION));
  const { stdout } = await mustRun('java', [
    ...QUIET_JAVA, '-cp', JAVA_CLASSPATH, 'org.apache.kafka.tools.TransactionsCommand', '--bootstrap-server', `127.0.0.1:${port}`,
    'find-hanging', '--broker-id', String(brokers[0]!.nodeId), '--max-transaction-timeout', '0',
  ]);
  // The first line names the columns.
  return stdout.split('\n').slice(1).filter(line => line.trim() !== '').map(line => `kafka-transactions finds hanging: ${line}`);
}

/** The topics that members wrote to who noted it down; Kafka Streams notes nothing, and its values are not unique. */
function notedTopics({ topics }: Judged, noted: readonly Operation[]): readonly Topic[] {
  const written = new Set(noted.filter(isWork).flatMap(operation => Array.from(sendsOf(operation), ({ key }) => key.slice(0, key.lastIndexOf('-')))));
  return topics.filter(({ name }) => written.has(name));
}

/** What is read of them, as operations of one process. */
function readings(topics: readonly Topic[], tail: Tail, process: number): Operation[] {
  const micro = topics.flatMap(({ name }) => tail.records(name).map((records, partition) =>
    ({ kind: 'poll', records: { [`${name}-${partition}`]: records.map(({ offset, value }) => [offset, value] as const) } } as const)));
  return [{ kind: 'assign', process, outcome: 'ok' }, ...micro.map((poll): Operation => ({ kind: 'data', process, outcome: 'ok', micro: [poll] }))];
}

/** What is there although nobody ever asked to commit it. */
function unannounced(name: string, topics: readonly Topic[], noted: readonly Operation[], tail: Tail): string[] {
  const announced = new Set(noted.filter(isWork).flatMap(operation => Array.from(sendsOf(operation), ({ key, value }) => `${key} ${value}`)));
  const found = topics.flatMap(topic => tail.records(topic.name).flatMap((records, partition) =>
    records.map(({ value }) => `${topic.name}-${partition} ${value}`).filter(each => !announced.has(each))));
  return found.length === 0 ? [] : [`${name}: ${found.length} records can be read that nobody asked to commit: ${found.slice(0, MOST_NAMED).join(', ')}`];
}
