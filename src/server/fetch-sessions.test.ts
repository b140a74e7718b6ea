import { beforeEach, describe, expect, test } from '@jest/globals';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { FetchRequest } from '../protocol/generated/fetch.js';
import { ZERO_UUID } from '../protocol/wire/types.js';
import type { FetchOutcome, FetchPosition } from '../replication/index.js';
import { FetchSessions, type FetchPlan } from './fetch-sessions.js';

let nowMs = 0;
const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, after: () => () => {}, endOfTurn: () => {} };
let nextInt = 0;
const random = { int: () => nextInt++, float: () => 0, bytes: (length: number) => new Uint8Array(length) };
const asIs = (topic: string, topicId: string) => ({ topic, topicId });

let sessions: FetchSessions;
beforeEach(() => {
  nowMs = 0;
  nextInt = 0;
  sessions = new FetchSessions(clock, random, { maxSessions: 2, minEvictionMs: 1000 });
});

function request(sessionId: number, sessionEpoch: number, topics: Record<string, number[]>, forgotten: Record<string, number[]> = {}): FetchRequest {
  return {
    sessionId, sessionEpoch,
    topics: Object.entries(topics).map(([topic, partitions]) => ({
      topic, topicId: ZERO_UUID,
      partitions: partitions.map(partition => ({ partition, currentLeaderEpoch: -1, lastFetchedEpoch: -1, fetchOffset: 0, logStartOffset: -1, partitionMaxBytes: 100 })),
    })),
    forgottenTopicsData: Object.entries(forgotten).map(([topic, partitions]) => ({ topic, topicId: ZERO_UUID, partitions })),
  } as unknown as FetchRequest;
}

const plan = (asked: FetchRequest): FetchPlan => sessions.plan(asked, false, asIs);
const named = (positions: readonly FetchPosition[]): string[] => positions.map(({ topic, index }) => `${topic}-${index}`);

function outcome(position: FetchPosition, bytes = 0, highWatermark = 0, errorCode = 0): FetchOutcome {
  const read = { buffers: [], sizeBytes: bytes, release() {} };
  return { position, errorCode, highWatermark, lastStableOffset: highWatermark, logStartOffset: 0, read };
}

/** Answers each position as `answers` says, and names those that the client hears of. */
function respond(made: FetchPlan, answers: Record<string, [bytes: number, highWatermark: number, errorCode?: number]> = {}): string[] {
  return named(made.select(made.positions.map(position => outcome(position, ...(answers[named([position])[0]!] ?? [0, 0])))).map(told => told.position));
}

describe('a fetch session', () => {
  test('opens with a full request, and tells all of it', () => {
    const full = plan(request(0, 0, { a: [0, 1] }));
    expect(full.sessionId).toBeGreaterThan(0);
    expect(respond(full)).toEqual(['a-0', 'a-1']);
  });

  test('then tells only data, errors, and marks that moved', () => {
    const full = plan(request(0, 0, { a: [0, 1, 2, 3] }));
    respond(full);
    const next = plan(request(full.sessionId, 1, {}));
    expect(named(next.positions)).toEqual(['a-0', 'a-1', 'a-2', 'a-3']);
    expect(respond(next, { 'a-0': [10, 5], 'a-1': [0, 7], 'a-2': [0, 0, ErrorCode.NOT_LEADER_OR_FOLLOWER] })).toEqual(['a-0', 'a-1', 'a-2']);
  });

  test('serves a partition that gave data last', () => {
    const full = plan(request(0, 0, { a: [0, 1] }));
    respond(full, { 'a-0': [10, 1] });
    expect(named(plan(request(full.sessionId, 1, {})).positions)).toEqual(['a-1', 'a-0']);
  });

  test('tells of a recovery from an error', () => {
    const full = plan(request(0, 0, { a: [0] }));
    respond(full, { 'a-0': [0, 0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION] });
    expect(respond(plan(request(full.sessionId, 1, {})))).toEqual(['a-0']);
    expect(respond(plan(request(full.sessionId, 2, {})))).toEqual([]);
  });

  test('adds, changes and forgets partitions', () => {
    const full = plan(request(0, 0, { a: [0, 1] }));
    respond(full);
    const next = plan(request(full.sessionId, 1, { b: [4] }, { a: [0] }));
    expect(named(next.positions)).toEqual(['a-1', 'b-4']);
  });

  test('refuses an epoch that is not its next one, and an id that it does not know', () => {
    const full = plan(request(0, 0, { a: [0] }));
    expect(plan(request(full.sessionId, 2, {})).errorCode).toBe(ErrorCode.INVALID_FETCH_SESSION_EPOCH);
    expect(plan(request(999, 1, {})).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
  });

  test('refuses a client that changes between names and ids', () => {
    const full = plan(request(0, 0, { a: [0] }));
    expect(sessions.plan(request(full.sessionId, 1, {}), true, asIs).errorCode).toBe(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR);
  });

  test('ends with the final epoch', () => {
    const full = plan(request(0, 0, { a: [0] }));
    expect(plan(request(full.sessionId, -1, { a: [0] })).sessionId).toBe(0);
    expect(plan(request(full.sessionId, 1, {})).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
  });
});

describe('the cache of sessions is bounded', () => {
  test('a newcomer without room fetches without a session', () => {
    plan(request(0, 0, { a: [0] }));
    plan(request(0, 0, { a: [0] }));
    expect(plan(request(0, 0, { a: [0] })).sessionId).toBe(0);
    expect(sessions.count).toBe(2);
  });

  test('a session long unused gives way', () => {
    const first = plan(request(0, 0, { a: [0] }));
    nowMs = 600;
    plan(request(0, 0, { a: [0] }));
    nowMs = 1100;
    expect(plan(request(0, 0, { a: [0] })).sessionId).toBeGreaterThan(0);
    expect(plan(request(first.sessionId, 1, {})).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
  });

  test('a small old session gives way to a larger newcomer', () => {
    const small = plan(request(0, 0, { a: [0] }));
    const large = plan(request(0, 0, { a: [0, 1, 2] }));
    nowMs = 1100;
    for (const [session, epoch] of [[small, 1], [large, 1]] as const) plan(request(session.sessionId, epoch, {}));
    expect(plan(request(0, 0, { a: [0, 1] })).sessionId).toBeGreaterThan(0);
    expect(plan(request(small.sessionId, 2, {})).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    expect(plan(request(large.sessionId, 2, {})).errorCode).toBe(ErrorCode.NONE);
  });
});

describe('a client that is held back', () => {
  test('is given no session with its first request', () => {
    const full = plan(request(0, 0, { a: [0] }));
    expect(full.preview(full.positions.map(position => outcome(position)))).toHaveLength(1);
    expect(full.giveNothing()).toBe(0);
    expect(sessions.count).toBe(0);
  });

  test('keeps its session, and is told later what there was to tell', () => {
    const full = plan(request(0, 0, { a: [0, 1] }));
    respond(full);
    const throttled = plan(request(full.sessionId, 1, {}));
    const outcomes = throttled.positions.map(position => outcome(position, position.index === 0 ? 10 : 0));
    expect(named(throttled.preview(outcomes).map(({ position }) => position))).toEqual(['a-0']);
    expect(throttled.giveNothing()).toBe(full.sessionId);
    const next = plan(request(full.sessionId, 2, {}));
    expect(named(next.positions)).toEqual(['a-0', 'a-1']);
    expect(respond(next, { 'a-0': [10, 0] })).toEqual(['a-0']);
  });
});
