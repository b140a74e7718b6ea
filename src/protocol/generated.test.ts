import { expect, test } from '@jest/globals';
import { allApis, allRecords, encodeFetchRequest, decodeFetchRequest, fetchApi } from './generated/index.js';
import { Reader } from './wire/reader.js';
import { Writer } from './wire/writer.js';

test('a FetchRequest comes back from its bytes in every version', () => {
  const writer = new Writer();
  for (let version = fetchApi.minVersion; version <= fetchApi.maxVersion; version++) {
    encodeFetchRequest(writer, { maxWaitMs: 500, minBytes: 1, topics: [{ topic: 'a', partitions: [{ partition: 3, fetchOffset: 2n ** 60n, partitionMaxBytes: 7 }] }] }, version);
    const bytes = writer.toBuffer();
    const reader = new Reader(bytes);
    const message = decodeFetchRequest(reader, version);
    expect(reader.remaining).toBe(0);
    expect(message.topics[0]?.partitions[0]?.fetchOffset).toBe(2n ** 60n);
    encodeFetchRequest(writer, message, version);
    expect(writer.toBuffer().equals(bytes)).toBe(true);
  }
});

test('every API and record is listed', () => {
  expect([...allApis.keys()]).toEqual([...Array(93).keys()].filter(key => key < 4 || key > 7));
  expect(allRecords.length).toBe(92);
});
