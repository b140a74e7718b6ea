import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { NodeDisk, NodeRandom, silentLogger } from '../../env/node/index.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { openLogManager, type NodeLogManager } from '../manager/manager.js';
import { verifyPartition } from '../inspect/verify-partition.js';
import type { Log } from './log.js';
import { createLogHost } from './open-log.js';
import { LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, segmentFile } from '../paths.js';
import { TIME_ENTRY_BYTES } from '../segment/time-index.js';
import {
  batchOf, CLIENT, ManualClock, oldMessage, openTestLog, readAll, recordsRead, SETTINGS, temporaryDirectory, TOPIC_ID, type PlainRecord,
} from '../test-support.js';

let root: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  root = temporaryDirectory();
});
afterEach(() => root.remove());

const oldMessages = (format: 0 | 1, count: number, from = 0): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => oldMessage(format, from + index, `old ${from + index}`)));

/** Everything in a partition's directory. */
const filesOf = (directory: string): Record<string, string> =>
  Object.fromEntries(readdirSync(directory).sort().map(name => [name, readFileSync(`${directory}/${name}`, 'hex')]));

describe('a log that holds messages of an old format is refused, and no byte of it changes', () => {
  let directory: string;
  beforeEach(() => {
    directory = `${root.path}/events-0`;
    mkdirSync(directory);
  });

  test.each([[0, true], [0, false], [1, true], [1, false]] as const)('format v%i, stopped in order: %s', async (format, clean) => {
    const path = segmentFile(directory, 0, LOG_SUFFIX);
    writeFileSync(path, oldMessages(format, 5));
    // A torn end, which is cut off elsewhere.
    writeFileSync(path, oldMessage(format, 5, 'torn').subarray(0, 20), { flag: 'a' });
    const before = filesOf(directory);
    await expect(openTestLog(directory, { clean, recoveryPoint: 5 })).rejects.toMatchObject({
      errorCode: ErrorCode.KAFKA_STORAGE_ERROR, message: expect.stringContaining(`${path} holds a message of format v${format} at position 0`),
    });
    expect(filesOf(directory)).toEqual(before);
  });

  test('larger than what is read at once', async () => {
    const path = segmentFile(directory, 0, LOG_SUFFIX);
    writeFileSync(path, oldMessage(1, 0, 'x'.repeat(3 << 20)));
    await expect(openTestLog(directory)).rejects.toThrow(path);
  });

  test.each([true, false])('after batches of the new one too, stopped in order: %s', async clean => {
    await (await openTestLog(directory)).close();
    const path = segmentFile(directory, 0, LOG_SUFFIX);
    writeFileSync(path, Buffer.concat([batchOf(['new']), oldMessages(1, 3, 1)]));
    if (clean) writeFileSync(segmentFile(directory, 0, OFFSET_INDEX_SUFFIX), '');
    const before = readFileSync(path, 'hex');
    await expect(openTestLog(directory, { clean, recoveryPoint: 4 })).rejects.toThrow(`${path} holds a message of format v1 at position ${batchOf(['new']).length}`);
    expect(readFileSync(path, 'hex')).toBe(before);
  });

  describe('once a read comes upon one, in a segment between others', () => {
    const opened: Log[] = [];
    afterEach(async () => {
      for (const log of opened.splice(0)) await log.close();
    });

    /** What the segment from 1 on has for its largest timestamp; no other has a later one. */
    const LATEST_MS = 1_800_000_000_000;

    /** Stopped in order, so that of the segment from 1 on nothing is looked at before it is read. */
    async function openWith(messages: Buffer, told: string[]): Promise<Log> {
      await (await openTestLog(directory)).close();
      for (const [baseOffset, content] of [[0, batchOf(['new'])], [1, messages], [9, batchOf(['newer'], { baseOffset: 9 })]] as const) {
        writeFileSync(segmentFile(directory, baseOffset, LOG_SUFFIX), content);
        writeFileSync(segmentFile(directory, baseOffset, OFFSET_INDEX_SUFFIX), '');
      }
      const latest = Buffer.alloc(TIME_ENTRY_BYTES);
      latest.writeBigInt64BE(BigInt(LATEST_MS), 0);
      writeFileSync(segmentFile(directory, 1, TIME_INDEX_SUFFIX), latest);
      const logger = { ...silentLogger, error: (message: string, fields?: { error?: string }) => void told.push(`${message}: ${fields?.error}`) };
      const env = { disk: new NodeDisk(), clock: new ManualClock(), random: new NodeRandom(), logger };
      const log = await openTestLog(directory, { clean: true, recoveryPoint: 10, host: createLogHost({ env }) });
      opened.push(log);
      return log;
    }

    const readFrom = (log: Log, offset: number): Promise<PlainRecord[]> =>
      recordsRead((async () => log.read(offset, { maxBytes: 1000, minOneBatch: true, limitOffset: 10 }))());

    test.each([
      ['', oldMessages(1, 8, 1)],
      ['that is smaller than the header of a batch', oldMessage(0, 8, 'x')],
      ['that is longer than what is read at once', oldMessage(1, 8, 'x'.repeat(3 << 20))],
    ])('a message %s', async (_what, messages) => {
      const told: string[] = [];
      const log = await openWith(messages, told);
      const before = filesOf(directory);
      expect(await readFrom(log, 0)).toEqual([{ offset: 0, value: 'new' }]);
      expect(told).toEqual([]);
      const path = segmentFile(directory, 1, LOG_SUFFIX);
      const refusal = expect.objectContaining({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR, message: expect.stringContaining(path) });
      for (const offset of [1, 8, 0]) await expect(readFrom(log, offset)).rejects.toEqual(refusal);
      expect(() => log.appendAsLeader(batchOf(['no']), CLIENT)).toThrow(refusal);
      expect(told).toEqual([expect.stringContaining(`a partition is offline: ${path} holds a message of format v${messages[16]} at position 0,`)]);
      expect(filesOf(directory)).toEqual(before);
    });

    test.each<[what: string, lookUp: (log: Log) => Promise<unknown>]>([
      ['a timestamp', log => log.offsetForTimestamp(LATEST_MS)],
      ['the largest timestamp', log => log.offsetOfMaxTimestamp()],
    ])('a look-up of %s', async (_what, lookUp) => {
      const told: string[] = [];
      const log = await openWith(oldMessages(1, 8, 1), told);
      const path = segmentFile(directory, 1, LOG_SUFFIX);
      const refusal = expect.objectContaining({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR, message: expect.stringContaining(path) });
      for (let again = 0; again < 2; again++) await expect(lookUp(log)).rejects.toEqual(refusal);
      expect(() => log.appendAsLeader(batchOf(['no']), CLIENT)).toThrow(refusal);
      expect(told).toEqual([expect.stringContaining(`a partition is offline: ${path} holds a message of format v1 at position 0,`)]);
    });

    test('but not for what has the format of one and another checksum: that is damage', async () => {
      const messages = oldMessages(1, 8, 1);
      messages[12]! ^= 1;
      const told: string[] = [];
      const log = await openWith(messages, told);
      await expect(readFrom(log, 1)).rejects.toMatchObject({ errorCode: ErrorCode.CORRUPT_MESSAGE, message: 'Segment 1 has no batch at position 0, where one should begin' });
      expect(await readFrom(log, 9)).toEqual([{ offset: 9, value: 'newer' }]);
      expect(told).toEqual([]);
    });
  });

  test('while what only looks like one is cut off as ever', async () => {
    const log = await openTestLog(directory);
    for (let index = 0; index < 3; index++) log.appendAsLeader(batchOf([`${index}`]), CLIENT);
    await log.close();
    const path = segmentFile(directory, 0, LOG_SUFFIX);
    const bytes = readFileSync(path);
    // Of the last header the offset and the size have reached the disk, and no more.
    bytes.fill(0, bytes.length - batchOf(['2']).length + 12);
    writeFileSync(path, bytes);
    const again = await openTestLog(directory);
    expect(await readAll(again)).toEqual([{ offset: 0, value: '0' }, { offset: 1, value: '1' }]);
    await again.close();
  });

  test('and it is told when the directory is looked through', async () => {
    writeFileSync(segmentFile(directory, 0, LOG_SUFFIX), oldMessages(0, 2));
    const { findings } = await verifyPartition(new NodeDisk(), directory, {
      isClean: true, isInUse: false, recoveryPoint: 2, logStartOffset: undefined, highWatermark: 2, wasCompacted: false,
    });
    expect(findings.filter(({ severity }) => severity === 'error')).toEqual([expect.objectContaining({
      message: 'at position 0 there is a message of format v0, from before Kafka 0.11, which Ottla does not read', remedy: { kind: 'refused' },
    })]);
  });
});

describe('among the logs of a node', () => {
  const managers: NodeLogManager[] = [];
  afterEach(() => {
    for (const manager of managers.splice(0)) manager.abandon();
  });
  const clock = new ManualClock();
  const told: string[] = [];
  const tell = (message: string, fields?: { error?: string }): void => { told.push(`${message}: ${fields?.error}`); };
  const logger = { ...silentLogger, error: tell, warn: tell };

  async function start(): Promise<NodeLogManager> {
    const env = { disk: new NodeDisk(), clock, random: new NodeRandom(), logger };
    const manager = await openLogManager({ env, directories: [`${root.path}/data`], clusterId: 'c', nodeId: 1, defaultSettings: SETTINGS });
    managers.push(manager);
    await manager.load();
    return manager;
  }

  test.each([[true, 'delete'], [true, 'compact'], [false, 'delete'], [false, 'compact']] as const)(
    'it is offline alone, and known to the checkpoints; stopped in order: %s, policy %s', async (clean, policy) => {
      const settings = { ...SETTINGS, retentionMs: 1, cleanupPolicy: { compact: policy === 'compact', delete: policy === 'delete' } };
      const first = await start();
      for (let partition = 0; partition < 2; partition++) {
        const log = first.getOrCreate('events', partition, TOPIC_ID, settings);
        for (let index = 0; index < 5; index++) log.appendAsLeader(batchOf([`${index}`], { timestampMs: clock.nowMs() }), CLIENT);
        log.updateHighWatermark(4);
      }
      first.get('events', 0)!.incrementLogStartOffset(1, 'test');
      await first.close({ brokerEpoch: 1 });
      const directory = `${root.path}/data/events-0`;
      writeFileSync(segmentFile(directory, 0, LOG_SUFFIX), oldMessages(1, 5));
      const marker = `${root.path}/data/.kafka_cleanshutdown`;
      if (!clean) rmSync(marker);
      const checkpoints = (): string[] => ['recovery-point', 'log-start', 'replication'].map(name => readFileSync(`${root.path}/data/${name}-offset-checkpoint`, 'utf8')
        .split('\n').filter(line => line.startsWith('events 0')).join());
      const before = [filesOf(directory), checkpoints()];

      told.length = 0;
      const second = await start();
      const log = second.getOrCreate('events', 0, TOPIC_ID, settings);
      const refusal = expect.objectContaining({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR });
      expect(() => log.appendAsLeader(batchOf(['new']), CLIENT)).toThrow(refusal);
      expect(() => log.logStartOffset).toThrow(refusal);
      await expect(log.offsetForTimestamp(0)).rejects.toEqual(refusal);
      await expect(log.truncateTo(0)).rejects.toEqual(refusal);
      expect(await readAll(second.getOrCreate('events', 1, TOPIC_ID, SETTINGS))).toHaveLength(5);
      clock.advance(3_600_000);
      expect(told).toEqual([expect.stringContaining(`a partition is offline: ${segmentFile(directory, 0, LOG_SUFFIX)} holds a message of format v1 at position 0`)]);
      await second.close({ brokerEpoch: 2 });
      expect([filesOf(directory), checkpoints()]).toEqual(before);
      // What was not recovered is not vouched for.
      expect(existsSync(marker)).toBe(clean);
    });
});
