// What a client hears of records whose write fails after the append: anything but success.

import { expect, test } from '@jest/globals';
import { SimWorld } from '../env/sim/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { produceApi } from '../protocol/generated/produce.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { RawClient } from './raw-client.js';
import { TwoDirectories } from './two-directories.js';

const FLUSH_EACH = [{ name: 'flush.messages', value: '1' }];

interface Part {
  readonly topicId: string;
  readonly sizeBytes: number;
}

/** Topics x and y, in a directory each; that of x fails from now on whatever is done to the log of x in one way. */
async function start({ seed, failing, configsOfX = [], configsOfY = [] }: {
  seed: number; failing: 'write' | 'sync'; configsOfX?: typeof FLUSH_EACH; configsOfY?: typeof FLUSH_EACH;
}) {
  const cluster = await new TwoDirectories(new SimWorld(seed)).start();
  const y = await cluster.create('y', 1, configsOfY);
  const x = await cluster.create('x', 1, configsOfX);
  expect([cluster.placed('y'), cluster.placed('x')]).toMatchObject([{ '/one': [0] }, { '/two': [0] }]);
  for (const topicId of [x, y]) expect(await cluster.produce(topicId, 0, 'first')).toBe(0);
  const client = await cluster.world.runUntil(RawClient.connect(cluster.world.node('client').net, 9092, { host: 'broker' }));
  cluster.machine.onDiskOperation = ({ kind, path }) => (kind === failing && path.endsWith('/x-0/00000000000000000000.log') ? { code: 'EIO' } : undefined);
  /** The error codes of a request's partitions, or that the connection was cut. */
  const produce = async (parts: readonly Part[], acks: number): Promise<number[] | 'cut'> => {
    const topicData = parts.map(({ topicId, sizeBytes }) =>
      ({ topicId, partitionData: [{ index: 0, records: buildBatch({}, [{ timestampMs: cluster.world.wallMs, key: null, value: Buffer.alloc(sizeBytes) }]) }] }));
    try {
      const { responses } = await cluster.world.runUntil(client.send(produceApi, { acks, timeoutMs: 1000, topicData }));
      return responses.map(({ partitionResponses }) => partitionResponses[0]!.errorCode);
    } catch {
      return 'cut';
    }
  };
  return { cluster, x, y, produce };
}

test.each([1, -1])('acks=%i: so much in one request that x is written while y is appended: x fails, and nobody hears of success', async acks => {
  const { cluster, x, y, produce } = await start({ seed: 1, failing: 'write' });
  expect(await produce([{ topicId: x, sizeBytes: 600_000 }, { topicId: y, sizeBytes: 600_000 }], acks)).toBe('cut');
  expect(await cluster.produce(x, 0, 'again')).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
});

test.each([1, -1])('acks=%i: an answer that waits for the flush of y tells of the write to x that failed meanwhile', async acks => {
  const { x, y, produce } = await start({ seed: 2, failing: 'write', configsOfY: FLUSH_EACH });
  expect(await produce([{ topicId: x, sizeBytes: 10 }, { topicId: y, sizeBytes: 10 }], acks)).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, 0]);
});

test.each([1, -1])('acks=%i: a flush that fails fails its own partition, not its neighbour on a sound disk', async acks => {
  const { x, y, produce } = await start({ seed: 3, failing: 'sync', configsOfX: FLUSH_EACH, configsOfY: FLUSH_EACH });
  expect(await produce([{ topicId: x, sizeBytes: 10 }, { topicId: y, sizeBytes: 10 }], acks)).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, 0]);
});
