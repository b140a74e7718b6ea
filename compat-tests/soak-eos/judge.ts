// Whether all is as it must be, when all clients are done.

import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { describeProducersApi, listOffsetsApi, listTransactionsApi, metadataApi } from '../../src/protocol/generated/index.js';
import { checkHistory, describeFaults } from '../../src/testing/history/checker.js';
import { isWork, sendsOf, type Operation, type Positions } from '../../src/testing/history/history.js';
import type { RawClient } from '../../src/testing/raw-client.js';
import { mustRun } from '../support/processes.js';
import { JAVA_CLASSPATH, QUIET_JAVA } from '../support/toolchains.js';
import { withClient } from '../support/with-client.js';
import { CommittedPartition, readByMarkers, type CommittedRecord, type Topic } from './committed-log.js';
import { differences } from './differences.js';
import { committedOffsets } from './group-offsets.js';
import type { Judged } from './judged.js';
import type { Tail } from './tail.js';

const METADATA_VERSION = 9;
const LATEST = -1;

export interface Verdict {
  readonly faults: readonly string[];
  /** Committed records that were held against what they should be. */
  readonly records: number;
  readonly commitMarkers: number;
  readonly abortMarkers: number;
}

/** `tail` read along all the time, and has read to the end; `histories` are what the members noted. */
export async function judge(port: number, judged: readonly Judged[], tail: Tail, histories: ReadonlyMap<Judged, readonly Operation[]>): Promise<Verdict> {
  const faults = tail.partitions.flatMap(partition => partition.faults);
  let commitMarkers = 0;
  let abortMarkers = 0;
  await withClient({ port }, async client => {
    for (const partition of tail.partitions) {
      const marked = await compareReadings(client, partition, faults);
      commitMarkers += marked.commitMarkers;
      abortMarkers += marked.abortMarkers;
    }
    for (const each of judged) faults.push(...each.judge(tail.records, await offsetsOf(client, each, faults)));
    faults.push(...await openTransactions(client));
  });
  for (const each of judged) faults.push(...judgeHistory(each, histories.get(each)!, tail));
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
  const producers = await client.send(describeProducersApi, {
    topics: topics.map(({ name, partitions }) => ({ name: name!, partitionIndexes: partitions.map(({ partitionIndex }) => partitionIndex) })),
  });
  for (const { name, partitions } of producers.topics) {
    for (const { partitionIndex, errorCode, activeProducers } of partitions) {
      if (errorCode !== ErrorCode.NONE) faults.push(`producers of ${name}-${partitionIndex} cannot be described: error ${errorCode}`);
      for (const { producerId, producerEpoch, currentTxnStartOffset } of activeProducers) {
        if (Number(currentTxnStartOffset) === -1) continue;
        const known = await client.send(listTransactionsApi, { stateFilters: [], producerIdFilters: [producerId] });
        const states = known.transactionStates.map(({ transactionalId, transactionState }) => `${transactionalId} is ${transactionState}`).join(', ');
        faults.push(`${name}-${partitionIndex}: producer ${producerId} has a transaction open since offset ${currentTxnStartOffset}, epoch ` +
          `${producerEpoch}; its coordinator says: ${states === '' ? 'nothing' : states}`);
      }
    }
  }
  return faults;
}

/** What `kafka-transactions` has to say of hanging transactions. */
export async function findHanging(port: number): Promise<string[]> {
  const { brokers } = await withClient({ port }, client => client.send(metadataApi, { topics: [], allowAutoTopicCreation: false }, METADATA_VERSION));
  const { stdout } = await mustRun('java', [
    ...QUIET_JAVA, '-cp', JAVA_CLASSPATH, 'org.apache.kafka.tools.TransactionsCommand', '--bootstrap-server', `127.0.0.1:${port}`,
    'find-hanging', '--broker-id', String(brokers[0]!.nodeId), '--max-transaction-timeout', '0',
  ]);
  // The first line names the columns.
  return stdout.split('\n').slice(1).filter(line => line.trim() !== '').map(line => `kafka-transactions finds hanging: ${line}`);
}

async function offsetsOf(client: RawClient, { groups }: Judged, faults: string[]): Promise<Positions[]> {
  const committed = await Promise.all(groups.map(group => committedOffsets(client, group)));
  faults.push(...committed.flatMap(({ errors }) => errors));
  return committed.map(({ offsets }) => offsets);
}

/** What members noted, what was read along, and what their groups had committed, put together. */
function judgeHistory(judged: Judged, noted: readonly Operation[], tail: Tail): string[] {
  const history = [
    ...noted, ...notedTopics(judged, noted).flatMap(({ name }) => tail.readings(name)), ...judged.notedGroups.flatMap(group => tail.commitsOf(group)),
  ];
  const result = checkHistory(history, { readToEnd: true, writersComplete: true, pipelines: judged.notedGroups.map(({ group }) => ({ group })) });
  return result.faults.length === 0 ? [] : [`${judged.name}, history: ${describeFaults(result)}`];
}

/** The topics that members wrote to who noted it down; Kafka Streams notes nothing, and its values are not unique. */
function notedTopics({ topics }: Judged, noted: readonly Operation[]): readonly Topic[] {
  const written = new Set(noted.filter(isWork).flatMap(operation => Array.from(sendsOf(operation), ({ key }) => key.slice(0, key.lastIndexOf('-')))));
  return topics.filter(({ name }) => written.has(name));
}
