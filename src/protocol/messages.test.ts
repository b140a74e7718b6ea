import { describe, expect, test } from '@jest/globals';
import { ErrorCode } from './generated/errors.js';
import {
  addPartitionsToTxnApi, allApis, allRecords, alterReplicaLogDirsApi, apiVersionsApi, createTopicsApi, decodeFetchRequest, decodeFetchResponse, decodeMetadataRequest,
  decodeMetadataResponse, deleteTopicsApi, encodeFetchRequest, encodeFetchResponse, encodeMetadataRequest, encodeMetadataResponse, fetchApi,
  heartbeatApi, metadataApi, offsetCommitValueSchema, offsetFetchApi, partitionChangeRecordSchema, produceApi,
} from './generated/index.js';
import type { FetchRequestInput, OffsetCommitValueInput } from './generated/index.js';
import { MalformedFrameError, Reader } from './wire/reader.js';
import { ZERO_UUID } from './wire/types.js';
import type { AnyApi } from './wire/types.js';
import { Writer } from './wire/writer.js';

const encoded = (write: (writer: Writer) => void): Reader => {
  const writer = new Writer();
  write(writer);
  return new Reader(writer.toBuffer());
};

const fetchRequest: FetchRequestInput = {
  maxWaitMs: 500, minBytes: 1,
  topics: [{ topic: 'a', partitions: [{ partition: 3, fetchOffset: 2n ** 60n, partitionMaxBytes: 7 }] }],
};

describe('a message', () => {
  test('has the fields of all versions; those that its own lacks are at their defaults', () => {
    const request = decodeFetchRequest(encoded(writer => encodeFetchRequest(writer, fetchRequest, 4)), 4);
    expect(request).toEqual({
      clusterId: null, replicaId: -1, replicaState: { replicaId: -1, replicaEpoch: -1 }, maxWaitMs: 500, minBytes: 1, maxBytes: 0x7fffffff,
      isolationLevel: 0, sessionId: 0, sessionEpoch: -1, forgottenTopicsData: [], rackId: '',
      topics: [{
        topic: 'a', topicId: ZERO_UUID,
        partitions: [{
          partition: 3, currentLeaderEpoch: -1, fetchOffset: 2n ** 60n, lastFetchedEpoch: -1, logStartOffset: -1, partitionMaxBytes: 7,
          replicaDirectoryId: ZERO_UUID, highWatermark: 9223372036854775807n,
        }],
      }],
    });
  });

  test('leaves tagged fields out of its bytes where they are at their defaults', () => {
    const plain = encoded(writer => encodeFetchRequest(writer, fetchRequest, 15)).remaining;
    const said = encoded(writer => encodeFetchRequest(writer, { ...fetchRequest, clusterId: null, replicaState: {} }, 15)).remaining;
    const other = encoded(writer => encodeFetchRequest(writer, { ...fetchRequest, replicaState: { replicaId: 2 } }, 15)).remaining;
    expect(said).toBe(plain);
    // Its tag, its size, the id, the epoch, and its own empty tagged section.
    expect(other).toBe(plain + 1 + 1 + 4 + 8 + 1);
  });

  test('keeps the tagged fields that it does not know, in every struct, and writes them back', () => {
    const unknown = [{ tag: 90, data: Buffer.from('later') }];
    const request: FetchRequestInput = { ...fetchRequest, unknownTaggedFields: unknown, topics: [{ topic: 'a', partitions: [], unknownTaggedFields: unknown }] };
    const decoded = decodeFetchRequest(encoded(writer => encodeFetchRequest(writer, request, 12)), 12);
    expect(decoded.unknownTaggedFields).toEqual(unknown);
    expect(decoded.topics[0]?.unknownTaggedFields).toEqual(unknown);
  });

  test('may have null only in the versions that can say it', () => {
    const all = { topics: null };
    expect(decodeMetadataRequest(encoded(writer => encodeMetadataRequest(writer, { ...all, includeTopicAuthorizedOperations: false }, 1)), 1).topics).toBeNull();
    expect(() => encodeMetadataRequest(new Writer(), all, 0)).toThrow('MetadataRequest.topics is null, which version 0 cannot carry');
    const response = { brokers: [], topics: [{ name: null, partitions: [] }] };
    expect(decodeMetadataResponse(encoded(writer => encodeMetadataResponse(writer, response, 12)), 12).topics[0]?.name).toBeNull();
    expect(() => encodeMetadataResponse(new Writer(), response, 11)).toThrow('MetadataResponse.name is null, which version 11 cannot carry');
  });

  test('takes records in pieces and gives them as one view', () => {
    const pieces = [Buffer.alloc(2000, 1), Buffer.alloc(3, 2)];
    const response = decodeFetchResponse(encoded(writer => encodeFetchResponse(writer, {
      responses: [{ topic: 'a', partitions: [{ partitionIndex: 0, highWatermark: 1, abortedTransactions: null, records: pieces }] }],
    }, 11)), 11);
    expect(response.responses[0]?.partitions[0]?.records).toEqual(Buffer.concat(pieces));
  });

  test('that claims more elements than its frame can hold is refused', () => {
    // Null cluster id and rack apart, a Fetch of version 4: replica, wait, bytes twice, isolation, and then a count.
    const frame = Buffer.alloc(17 + 4 + 100);
    frame.writeInt32BE(100, 17);
    expect(() => decodeFetchRequest(new Reader(frame), 4)).toThrow(new MalformedFrameError('array of 100 elements in 100 bytes'));
  });
});

test('all APIs and records are listed', () => {
  expect([...allApis.keys()]).toEqual([...Array(93).keys()].filter(key => key < 4 || key > 7));
  expect([...allApis.values()].every((api: AnyApi, index) => api.key === [...allApis.keys()][index])).toBe(true);
  expect(allRecords).toHaveLength(92);
  expect(new Set(allRecords.map(({ name }) => name)).size).toBe(92);
});

test('an API says what it is', () => {
  const { key, name, minVersion, maxVersion, flexibleFrom, unstableFrom, listeners } = apiVersionsApi;
  expect({ key, name, minVersion, maxVersion, flexibleFrom, unstableFrom, listeners })
    .toEqual({ key: 18, name: 'ApiVersions', minVersion: 0, maxVersion: 4, flexibleFrom: 3, unstableFrom: Infinity, listeners: ['broker', 'controller'] });
  expect(allApis.get(22)?.unstableFrom).toBe(6);
  expect(allApis.get(17)?.flexibleFrom).toBe(Infinity);
});

describe('the lowest version of a record', () => {
  const offset = { offset: 1, metadata: '', commitTimestamp: 2 };

  test('is the first that carries every field that is not at its default', () => {
    const lowestVersion = (value: OffsetCommitValueInput): number => offsetCommitValueSchema.lowestVersion(value);
    expect(lowestVersion(offset)).toBe(0);
    expect(lowestVersion({ ...offset, leaderEpoch: -1, expireTimestamp: -1 })).toBe(0);
    expect(lowestVersion({ ...offset, expireTimestamp: 5 })).toBe(1);
    expect(lowestVersion({ ...offset, leaderEpoch: 0 })).toBe(3);
    expect(lowestVersion({ ...offset, topicId: '_____________________w' })).toBe(4);
    expect(lowestVersion({ ...offset, unknownTaggedFields: [{ tag: 9, data: Buffer.alloc(0) }] })).toBe(4);
  });

  test('counts null and empty as two things where the default is null', () => {
    const change = { topicId: ZERO_UUID };
    const lowest = (fields: object): number => partitionChangeRecordSchema.lowestVersion({ ...change, isr: null, ...fields });
    expect(lowest({})).toBe(0);
    expect(lowest({ directories: [] })).toBe(1);
    expect(lowest({ eligibleLeaderReplicas: [] })).toBe(2);
  });
});

describe('a failing response', () => {
  const code = ErrorCode.NOT_CONTROLLER;

  test('says so for every partition, under the names of the request', () => {
    const request = decodeFetchRequest(encoded(writer => encodeFetchRequest(writer, { ...fetchRequest, sessionId: 5 }, 7)), 7);
    expect(fetchApi.fail(request, code)).toMatchObject({
      errorCode: code, sessionId: 5,
      responses: [{ topic: 'a', partitions: [{ partitionIndex: 3, errorCode: code, highWatermark: -1 }] }],
    });
    const produce = { transactionalId: null, acks: 1, timeoutMs: 1, topicData: [{ name: 'a', topicId: ZERO_UUID, partitionData: [{ index: 2, records: null }] }] };
    expect(produceApi.fail(produce, code, 'why').responses[0]?.partitionResponses[0]).toMatchObject({ index: 2, errorCode: code, errorMessage: 'why', baseOffset: -1 });
  });

  test('takes plain names, either of two lists, and lists within lists', () => {
    const topics = [{ name: 'a', topicId: ZERO_UUID }];
    expect(deleteTopicsApi.fail({ topics, topicNames: [], timeoutMs: 0 }, code).responses).toMatchObject([{ name: 'a', errorCode: code }]);
    expect(deleteTopicsApi.fail({ topics: [], topicNames: ['b'], timeoutMs: 0 }, code).responses).toMatchObject([{ name: 'b', errorCode: code }]);
    expect(alterReplicaLogDirsApi.fail({ dirs: [{ path: '/', topics: [{ name: 'a', partitions: [1] }] }, { path: '/b', topics: [{ name: 'c', partitions: [] }] }] }, code).results)
      .toEqual([{ topicName: 'a', partitions: [{ partitionIndex: 1, errorCode: code }] }, { topicName: 'c', partitions: [] }]);
  });

  test('answers null lists with none', () => {
    const request = { topics: null, allowAutoTopicCreation: true, includeClusterAuthorizedOperations: false, includeTopicAuthorizedOperations: false };
    expect(metadataApi.fail(request, code)).toEqual({ brokers: [], topics: [], errorCode: code });
    expect(offsetFetchApi.fail({ groupId: 'g', topics: null, groups: [], requireStable: false }, code)).toMatchObject({ topics: [], errorCode: code });
  });

  test('fits the form of the version that asks', () => {
    const old = { transactions: [], v3AndBelowTransactionalId: 't', v3AndBelowProducerId: 1, v3AndBelowProducerEpoch: 0, v3AndBelowTopics: [{ name: 'a', partitions: [4] }] };
    expect(addPartitionsToTxnApi.fail(old, code)).toEqual({
      errorCode: code, resultsByTransaction: [], resultsByTopicV3AndBelow: [{ name: 'a', resultsByPartition: [{ partitionIndex: 4, partitionErrorCode: code }] }],
    });
  });

  test('leaves codes alone that stand for something else', () => {
    const topics = [{ name: 'a', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
    expect(createTopicsApi.fail({ topics, timeoutMs: 0, validateOnly: false }, code, 'why').topics).toEqual([{ name: 'a', errorCode: code, errorMessage: 'why' }]);
    expect(heartbeatApi.fail({ groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null }, code)).toEqual({ errorCode: code });
  });
});
