import { expect, test } from '@jest/globals';
import { transactionRecordCodec, type TransactionRecord } from './records.js';
import { TransactionState, unused, type Transaction } from './transaction.js';

const ongoing: Transaction = {
  ...unused('t', 7, 60_000, 1_234), previousProducerId: 6, nextProducerId: 8, producerEpoch: 3, state: TransactionState.ONGOING, startTimeMs: 1_200, clientVersion: 2,
  partitions: new Map([['a/0', { topic: 'a', index: 0 }], ['b/1', { topic: 'b', index: 1 }], ['a/2', { topic: 'a', index: 2 }]]),
};
const coded = (record: TransactionRecord): TransactionRecord | undefined => {
  const { key, value } = transactionRecordCodec.encode(record);
  return transactionRecordCodec.decode(key, value);
};

test('a transactional id comes back from its record, but for what the older format has no place for', () => {
  expect(coded({ transactionalId: 't', value: ongoing, format: 1 })).toEqual({ transactionalId: 't', value: ongoing, format: 1 });
  expect(coded({ transactionalId: 't', value: ongoing, format: 0 })).toEqual({
    transactionalId: 't', value: { ...ongoing, previousProducerId: -1, nextProducerId: -1, clientVersion: 0 }, format: 0,
  });
});

test('the bytes are those of Apache Kafka', () => {
  const { key, value } = transactionRecordCodec.encode({ transactionalId: 't', value: { ...unused('t', 7, 60_000, 1_234), producerEpoch: 0 }, format: 0 });
  expect(Buffer.from(key!).toString('hex')).toBe('0000000174');
  expect(Buffer.from(value!).toString('hex')).toBe(
    ['0000', '0000000000000007', '0000', '0000ea60', '00', 'ffffffff', '00000000000004d2', 'ffffffffffffffff'].join(''));
});

test('a tombstone forgets an id', () => {
  expect(coded({ transactionalId: 't', value: null, format: 1 })).toEqual({ transactionalId: 't', value: null, format: 1 });
});

test('what nobody knew of when this was written is skipped, and a state that there is not is refused', () => {
  const { key, value } = transactionRecordCodec.encode({ transactionalId: 't', value: ongoing, format: 1 });
  expect(transactionRecordCodec.decode(Buffer.from([0, 9, 0, 1, 0x74]), value)).toBeUndefined();
  expect(transactionRecordCodec.decode(key, Buffer.concat([Buffer.from([0, 2]), value!.subarray(2)]))).toBeUndefined();
  expect(transactionRecordCodec.decode(null, value)).toBeUndefined();
  const unheardOf = { ...ongoing, state: 9 as Transaction['state'] };
  const strange = transactionRecordCodec.encode({ transactionalId: 't', value: unheardOf, format: 0 });
  expect(() => transactionRecordCodec.decode(strange.key, strange.value)).toThrow('transactional id t is in state 9, which is none');
});
