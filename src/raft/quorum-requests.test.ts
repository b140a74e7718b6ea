import { describe, expect, test } from '@jest/globals';
import { ErrorCode } from '../protocol/generated/errors.js';
import { ZERO_UUID } from '../protocol/wire/types.js';
import { addVoter, describeQuorum, removeVoter, type QuorumDescription } from './quorum-requests.js';

const NOW_MS = 5_000;
const [OURS, OTHER] = ['AAAAAAAAQACAAAAAAAAAEQ', 'AAAAAAAAQACAAAAAAAAAEg'];
const METADATA = '__cluster_metadata';
const ENDPOINT = { name: 'CONTROLLER', host: 'h', port: 9093 };

const facts: QuorumDescription & { clusterId: string } = {
  clusterId: 'c', nodeId: 1, isLeader: true, leaderEpoch: 4, highWatermark: 17, endOffset: 18, listener: 'CONTROLLER',
  quorum: { kraftVersion: 1, voters: [{ voterId: 1, voterDirectoryId: OURS, endpoints: [ENDPOINT], kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 } }] },
};

describe('the quorum', () => {
  const ask = (known: QuorumDescription, ...topics: [string, number[]][]) =>
    describeQuorum(known, { topics: topics.map(([topicName, indexes]) => ({ topicName, partitions: indexes.map(partitionIndex => ({ partitionIndex })) })) }, NOW_MS);

  test('is told by its leader: how far it is, who votes, and where', () => {
    const state = { replicaId: 1, replicaDirectoryId: OURS, logEndOffset: 18, lastFetchTimestamp: NOW_MS, lastCaughtUpTimestamp: NOW_MS };
    const { topics, nodes } = ask(facts, [METADATA, [0]]);
    expect(topics).toEqual([{ topicName: METADATA, partitions: [
      { partitionIndex: 0, errorCode: 0, errorMessage: '', leaderId: 1, leaderEpoch: 4, highWatermark: 17, currentVoters: [state], observers: [] },
    ] }]);
    expect(nodes).toEqual([{ nodeId: 1, listeners: [ENDPOINT] }]);
  });

  test('is told by nobody else, nor of another topic, nor of more than the one partition', () => {
    const codes = (...asked: Parameters<typeof ask>) => ask(...asked).topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
    expect(codes({ ...facts, isLeader: false }, [METADATA, [0]])).toEqual([ErrorCode.NOT_LEADER_OR_FOLLOWER]);
    const unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    expect(codes(facts, [METADATA, [0, 1]])).toEqual([unknown, unknown]);
    expect(codes(facts, [METADATA, [0]], ['t', [0]])).toEqual([unknown, unknown]);
    expect(codes(facts, [METADATA, [7]])).toEqual([unknown]);
    expect(codes(facts)).toEqual([]);
  });
});

describe('a voter', () => {
  const good = { clusterId: 'c', timeoutMs: 1, voterId: 2, voterDirectoryId: OTHER, listeners: [ENDPOINT] };

  test.each([
    ['of another cluster', { clusterId: 'd' }, ErrorCode.INCONSISTENT_CLUSTER_ID],
    ['without an id', { voterId: -1 }, ErrorCode.INVALID_REQUEST],
    ['without a directory', { voterDirectoryId: ZERO_UUID }, ErrorCode.INVALID_REQUEST],
    ['that voters cannot reach', { listeners: [{ ...ENDPOINT, name: 'PLAINTEXT' }] }, ErrorCode.INVALID_REQUEST],
    ['of an id that votes', { voterId: 1 }, ErrorCode.DUPLICATE_VOTER],
    ['that has not caught up', { clusterId: null }, ErrorCode.REQUEST_TIMED_OUT],
  ])('%s does not join', (_name, fields, errorCode) => {
    expect(addVoter(facts, { ...good, ...fields }).errorCode).toBe(errorCode);
  });

  test('neither comes nor goes before kraft.version 1, or by a node that does not lead', () => {
    const old = { ...facts, quorum: { ...facts.quorum, kraftVersion: 0 } };
    expect([addVoter(old, good).errorCode, removeVoter(old, good).errorCode]).toEqual([ErrorCode.UNSUPPORTED_VERSION, ErrorCode.UNSUPPORTED_VERSION]);
    const follower = { ...facts, isLeader: false };
    expect([addVoter(follower, good).errorCode, removeVoter(follower, good).errorCode]).toEqual([ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.NOT_LEADER_OR_FOLLOWER]);
  });

  test('does not go when it is the last one, or none', () => {
    expect(removeVoter(facts, { clusterId: 'c', voterId: 1, voterDirectoryId: OURS }).errorCode).toBe(ErrorCode.VOTER_NOT_FOUND);
    expect(removeVoter(facts, { clusterId: null, voterId: 2, voterDirectoryId: OTHER }).errorCode).toBe(ErrorCode.VOTER_NOT_FOUND);
    expect(removeVoter(facts, { clusterId: 'c', voterId: 1, voterDirectoryId: ZERO_UUID }).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    expect(removeVoter(facts, { clusterId: 'd', voterId: 1, voterDirectoryId: OURS }).errorCode).toBe(ErrorCode.INCONSISTENT_CLUSTER_ID);
  });
});
