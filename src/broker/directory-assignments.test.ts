import { expect, test } from '@jest/globals';
import { silentLogger } from '../env/node/index.js';
import { ManualClock } from '../log/test-support.js';
import { MetadataVersionGate } from '../metadata/features.js';
import { EMPTY_IMAGE } from '../metadata/image.js';
import type { MetadataImage, PartitionImage } from '../metadata/types.js';
import type { AssignReplicasToDirsRequestInput, AssignReplicasToDirsResponseInput } from '../protocol/generated/assign-replicas-to-dirs.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { DirectoryAssignments } from './directory-assignments.js';

const TOPIC = 'AAAAAAAAQACAAAAAAAAAAQ';
const [ONE, TWO] = ['AAAAAAAAQACAAAAAAAAAEQ', 'AAAAAAAAQACAAAAAAAAAEg'];

function imageOf(partitions: number, metadataVersion: number = MetadataVersionGate.DIRECTORY_ASSIGNMENT): MetadataImage {
  const partition: PartitionImage = {
    replicas: [1], directories: [], isr: [1], eligibleLeaderReplicas: [], lastKnownElr: [], addingReplicas: [], removingReplicas: [],
    leader: 1, leaderEpoch: 0, partitionEpoch: 0, leaderRecoveryState: 0,
  };
  const topic = { name: 't', id: TOPIC, partitions: Array.from({ length: partitions }, () => partition) };
  return { ...EMPTY_IMAGE, features: { ...EMPTY_IMAGE.features, metadataVersion }, topicsById: new Map([[TOPIC, topic]]) };
}

/** A controller that keeps what it was asked, as `directory: partitions`, and answers what `answer` says. */
class Asked {
  readonly clock = new ManualClock();
  readonly requests: string[][] = [];
  answer: (partition: number) => number = () => ErrorCode.NONE;
  unreachable = false;
  readonly accepted: string[] = [];
  readonly assignments: DirectoryAssignments;

  constructor(image = imageOf(5000)) {
    this.assignments = new DirectoryAssignments({
      controller: { assignReplicasToDirs: request => this.#take(request) },
      clock: this.clock, logger: silentLogger, brokerId: 1, brokerEpoch: () => 7, image: () => image,
    });
  }

  assign(partition: number, directory: string): void {
    this.assignments.assign(TOPIC, partition, directory, () => this.accepted.push(`${partition} in ${directory === ONE ? 'one' : 'two'}`));
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }

  async #take({ directories }: AssignReplicasToDirsRequestInput): Promise<AssignReplicasToDirsResponseInput> {
    this.requests.push(directories.map(({ id, topics }) => `${id === ONE ? 'one' : 'two'}: ${topics[0]!.partitions.map(({ partitionIndex }) => partitionIndex).join(',')}`));
    await Promise.resolve();
    if (this.unreachable) throw new Error('no controller');
    return {
      errorCode: 0,
      directories: directories.map(({ id, topics }) => ({ id, topics: topics.map(({ topicId, partitions }) => ({
        topicId, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: this.answer(partitionIndex) })),
      })) })),
    };
  }
}

test('assignments wait for company, and go in one request by directory', async () => {
  const asked = new Asked();
  asked.assign(0, ONE);
  asked.assign(1, TWO);
  await asked.pass(99);
  expect(asked.requests).toEqual([]);
  asked.assign(2, ONE);
  await asked.pass(1);
  expect(asked.requests).toEqual([['one: 0,2', 'two: 1']]);
  expect(asked.accepted).toEqual(['0 in one', '2 in one', '1 in two']);
  await asked.pass(10_000);
  expect(asked.requests).toHaveLength(1);
});

test('the latest word about a replica counts, also over what is under way', async () => {
  const asked = new Asked();
  asked.assign(0, ONE);
  asked.clock.advance(100);
  asked.assign(0, TWO);
  await asked.pass(0);
  await asked.pass(100);
  expect(asked.requests).toEqual([['one: 0'], ['two: 0']]);
  expect(asked.accepted).toEqual(['0 in two']);
});

test('what is refused is asked again, and a controller that is away after ever longer', async () => {
  const asked = new Asked();
  asked.answer = () => ErrorCode.UNKNOWN_TOPIC_ID;
  asked.assign(0, ONE);
  await asked.pass(100);
  asked.answer = () => ErrorCode.NONE;
  asked.unreachable = true;
  await asked.pass(100);
  await asked.pass(199);
  expect(asked.requests).toHaveLength(2);
  await asked.pass(1);
  asked.unreachable = false;
  await asked.pass(400);
  expect(asked.requests).toHaveLength(4);
  expect(asked.accepted).toEqual(['0 in one']);
});

test('a request holds 2250 at most, and what has lost its partition is not sent', async () => {
  const asked = new Asked(imageOf(3000));
  for (let partition = 0; partition < 3100; partition++) asked.assign(partition, ONE);
  await asked.pass(100);
  await asked.pass(100);
  expect(asked.requests.map(([request]) => request!.split(',').length)).toEqual([2250, 750]);
  expect(asked.accepted).toHaveLength(3000);
});

test('below the metadata version that knows directories nothing is asked', async () => {
  const asked = new Asked(imageOf(1, MetadataVersionGate.DIRECTORY_ASSIGNMENT - 1));
  asked.assign(0, ONE);
  await asked.pass(1000);
  expect([asked.requests, asked.accepted]).toEqual([[], ['0 in one']]);
});
