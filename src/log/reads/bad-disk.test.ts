import { beforeEach, describe, expect, test } from '@jest/globals';
import { MalformedError } from '../../base/bytes.js';
import { SimWorld, type SimNode } from '../../env/sim/index.js';
import { batchesIn } from '../../protocol/records/batch-iterator.js';
import * as batch from '../../protocol/records/batch.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import type { Log } from '../partition/log.js';
import { logErrorCode } from '../log-error.js';
import type { LogHost } from '../host.js';
import { createLog, createLogHost, openLog } from '../partition/open-log.js';
import { batchOf, CLIENT, SETTINGS, TOPIC_ID } from '../test-support.js';

/** A disk that fails to read, or gives other bytes than were written: who reads hears of it, or can tell. */

const BATCHES = 14;
const DIRECTORY = '/events-0';
const IDENTITY = {
  directory: DIRECTORY, topic: 'events', partition: 0, topicId: TOPIC_ID, settings: { ...SETTINGS, segmentBytes: 500, indexIntervalBytes: 150 },
};

let world: SimWorld;
let node: SimNode;
let host: LogHost;
let log: Log;
/** What was written, by base offset. */
let written: Map<number, Buffer>;

/** Opens the log with nothing in memory. */
function reopened(): Promise<Log> {
  host = createLogHost({ env: node, indexCacheBytes: 0 });
  return world.runUntil(openLog({ host, ...IDENTITY, clean: true }));
}

beforeEach(async () => {
  world = new SimWorld(1);
  node = world.node('broker');
  const first = createLog({ host: createLogHost({ env: node }), ...IDENTITY });
  written = new Map();
  for (let index = 0; index < BATCHES; index++) {
    const bytes = batchOf([`value ${index}`, 'x'.repeat(30 + index)]);
    const { baseOffset } = first.appendAsLeader(bytes, CLIENT);
    written.set(baseOffset, Buffer.from(bytes));
  }
  await world.runUntil(first.close());
  log = await reopened();
});

/** All that reads from an offset on give until there is no more, or one fails. */
async function readFrom(offset: number, of = log): Promise<{ batches: Buffer[]; error: unknown }> {
  const batches: Buffer[] = [];
  try {
    while (offset < of.logEndOffset) {
      const read = await world.runUntil(Promise.resolve(of.read(offset, { maxBytes: 1 << 20, minOneBatch: true, limitOffset: of.logEndOffset })));
      const bytes = Buffer.concat(read.buffers);
      read.release();
      if (bytes.length === 0) break;
      for (const at of batchesIn(bytes)) batches.push(bytes.subarray(at, at + batch.sizeInBytes(bytes, at)));
      // A client goes no further.
      if (!isAsWritten(batches.at(-1)!)) break;
      offset = batch.nextOffset(batches.at(-1)!, 0);
    }
    return { batches, error: undefined };
  } catch (error) {
    return { batches, error };
  }
}

const isAsWritten = (bytes: Buffer): boolean => written.get(batch.baseOffset(bytes, 0))?.equals(bytes) === true;
const segmentFiles = (): string[] => node.disk.list(DIRECTORY).filter(name => name.endsWith('.log')).map(name => `${DIRECTORY}/${name}`);

describe('a read that fails', () => {
  test.each(['open', 'read'] as const)('in its %s is told as a storage error, gives no bytes, and the next one succeeds', async kind => {
    let failed = 0;
    for (let skipped = 0; ; skipped++) {
      log.abandon();
      log = await reopened();
      let left = skipped;
      let struck = false;
      node.machine.onDiskOperation = operation => {
        if (struck || operation.kind !== kind || left-- > 0) return undefined;
        struck = true;
        return { code: 'EIO' };
      };
      const { batches, error } = await readFrom(0);
      node.machine.onDiskOperation = undefined;
      expect(batches.every(isAsWritten)).toBe(true);
      if (!struck) break;
      failed++;
      expect([logErrorCode(error), host.readBudget.heldBytes]).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, 0]);
      expect((await readFrom(0)).batches).toHaveLength(BATCHES);
    }
    expect(failed).toBeGreaterThan(1);
  });
});

describe('a bit that turned', () => {
  /** The leader epoch lies before what the checksum covers, and any may be. */
  const isEpoch = (inBatch: number): boolean => inBatch >= 12 && inBatch < 16;
  /** So does the base offset, which only those beside it tell. */
  const isBaseOffset = (inBatch: number): boolean => inBatch < 8;

  /** Each byte of each batch in the `.log` files, with its place in the batch. */
  function* bytes(): Generator<{ path: string; position: number; inBatch: number }> {
    for (const path of segmentFiles()) {
      const content = node.disk.readFile(path);
      for (const at of batchesIn(content)) {
        for (let inBatch = 0; inBatch < batch.sizeInBytes(content, at); inBatch++) yield { path, position: at + inBatch, inBatch };
      }
    }
  }

  test('is never served as something else: what is read is as it was written, or its checksum tells, or the read does', async () => {
    const order = [...written.values()];
    let rotten = 0;
    for (const { path, position, inBatch } of bytes()) {
      if (isEpoch(inBatch) || (inBatch > batch.BATCH_OVERHEAD && position % 5 > 0)) continue;
      const bit = rotten++ % 8;
      node.machine.rot(path, position, bit);
      const { batches, error } = await readFrom(0);
      const where = { path, inBatch, bit };
      // The client's parser stumbles, or the broker's did.
      const isTold = error instanceof MalformedError || logErrorCode(error) === ErrorCode.CORRUPT_MESSAGE;
      expect({ ...where, error: isTold ? undefined : error }).toEqual({ ...where, error: undefined });
      // One after the other, with none left out.
      const wrong = batches.filter((found, index) => !found.equals(order[index]!) && batch.isValid(found, 0)).map(found => batch.baseOffset(found, 0));
      expect({ ...where, wrong }).toEqual({ ...where, wrong: [] });
      const isSeen = error !== undefined || batches.length < BATCHES || batches.some(found => !isAsWritten(found));
      expect({ ...where, isSeen, held: host.readBudget.heldBytes }).toEqual({ ...where, isSeen: true, held: 0 });
      node.machine.rot(path, position, bit);
    }
    expect(rotten).toBeGreaterThan(BATCHES * batch.BATCH_OVERHEAD);
    expect((await readFrom(0)).batches).toHaveLength(BATCHES);
  });

  test('is found by a recovery, which ends the log before it', async () => {
    log.abandon();
    const content = [...bytes()];
    for (let index = 0; index < content.length; index += 37) {
      const { path, position, inBatch } = content[index]!;
      if (isEpoch(inBatch) || isBaseOffset(inBatch)) continue;
      const image = node.machine.image();
      const copy = new SimWorld(`rot ${index}`);
      const machine = copy.restore('broker', image);
      machine.rot(path, position, index % 8);
      const found = await copy.runUntil(openLog({ host: createLogHost({ env: machine.process() }), ...IDENTITY, clean: false }));
      const read = await copy.runUntil(Promise.resolve(found.read(0, { maxBytes: 1 << 20, minOneBatch: true, limitOffset: found.logEndOffset })));
      const all = Buffer.concat(read.buffers);
      const left = [...batchesIn(all)].map(at => all.subarray(at, at + batch.sizeInBytes(all, at)));
      const where = { path, inBatch };
      expect({ ...where, left: left.every(isAsWritten) }).toEqual({ ...where, left: true });
      expect({ ...where, cut: found.logEndOffset < 2 * BATCHES }).toEqual({ ...where, cut: true });
    }
  });
});
