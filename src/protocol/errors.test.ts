import { expect, test } from '@jest/globals';
import { errorMessage, errorName, isRetriable, KafkaError } from './errors.js';
import { ErrorCode } from './generated/errors.js';

test('an error carries its code, and the words for it unless it has its own', () => {
  expect(new KafkaError(ErrorCode.NOT_COORDINATOR)).toMatchObject({ errorCode: 16, message: 'Another broker is the coordinator.' });
  expect(new KafkaError(ErrorCode.INVALID_CONFIG, 'retention.ms: no number').message).toBe('retention.ms: no number');
});

test('codes have names and words, those that are not Kafka’s too', () => {
  expect(errorName(ErrorCode.UNKNOWN_SERVER_ERROR)).toBe('UNKNOWN_SERVER_ERROR');
  expect(errorName(4711)).toBe('ERROR_4711');
  expect(errorMessage(4711)).toContain('4711');
  expect([isRetriable(ErrorCode.NOT_LEADER_OR_FOLLOWER), isRetriable(ErrorCode.INVALID_RECORD), isRetriable(4711)]).toEqual([true, false, false]);
});
