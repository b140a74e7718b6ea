import { beforeEach, describe, expect, test } from '@jest/globals';
import { writeInt32 } from '../base/bytes.js';
import { encodeMetadataRecord } from '../metadata/records.js';
import { MemoryDisk } from '../env/memory/memory-disk.js';
import { groupRecordCodec } from '../coordinator/group/records.js';
import { transactionRecordCodec } from '../coordinator/transaction/records.js';
import { TransactionState, type Transaction, type TransactionStateCode } from '../coordinator/transaction/transaction.js';
import type { Log } from '../log/partition/log.js';
import { batchOf, CLIENT, openTestLog, testHost } from '../log/test-support.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { LENGTH_AT } from '../protocol/records/batch.js';
import { buildEndTransactionMarker } from '../protocol/records/control-records.js';
import { COMMANDS } from './commands.js';
import { dumpLog } from './dump-log.js';
import { parseFlags } from './flags.js';

const TIME = '2023-11-14T22:13:20.000Z';

let disk: MemoryDisk;
beforeEach(() => {
  disk = new MemoryDisk();
  disk.makeDirectory('/data');
});

async function dump(...words: string[]): Promise<{ code: number; lines: string[] }> {
  let text = '';
  const output = { hasColor: false, write: (more: string) => { text += more; return Promise.resolve(); } };
  const code = await dumpLog(parseFlags(COMMANDS['dump-log'], words), { disk, output, directory: '/data' });
  return { code, lines: text.split('\n').map(line => line.trimEnd()).filter(line => line !== '') };
}

async function withLog(use: (log: Log) => void, name = 'events-0'): Promise<void> {
  const log = await openTestLog(`/data/${name}`, { host: testHost({ disk }), settings: { indexIntervalBytes: 0 } });
  use(log);
  await log.close();
}

const FIRST = '00000000000000000000';
const file = (suffix: string, name = 'events-0'): string => `${name}/${FIRST}${suffix}`;

function change(path: string, edit: (bytes: Buffer) => Buffer | void): void {
  const bytes = disk.readFile(`/data/${path}`);
  disk.writeFileAtomically(`/data/${path}`, edit(bytes) ?? bytes);
}

const events = (): Promise<void> => withLog(log => {
  log.appendAsLeader(batchOf(['a', 'b']), CLIENT);
  log.appendAsLeader(batchOf(['c'], { producerId: 7, producerEpoch: 1, baseSequence: 0, isTransactional: true, timestampMs: 1_700_000_000_001 }), CLIENT);
  log.appendAsLeader(buildEndTransactionMarker({ producerId: 7, producerEpoch: 1, timestampMs: 1_700_000_000_002 }, { committed: false, coordinatorEpoch: 4 }),
    { origin: 'coordinator', leaderEpoch: 0 });
});

describe('a log file', () => {
  beforeEach(events);

  test('is shown batch by batch', async () => {
    const { code, lines } = await dump(file('.log'));
    expect(code).toBe(0);
    expect(lines.map(line => line.trim().split(/\s{2,}/))).toEqual([
      [file('.log'), expect.stringMatching(/^\d+ bytes$/)],
      ['offsets', 'position', 'bytes', 'records', 'codec', 'epoch', 'latest record', 'producer', 'sequences', 'crc'],
      ['0..1', '0', '77', '2', 'none', '0', TIME, '-', '-', 'ok'],
      ['2', '77', '69', '1', 'none', '0', '2023-11-14T22:13:20.001Z', '7:1', '0..0', 'ok', 'transactional'],
      ['3', '146', '78', '1', 'none', '0', '2023-11-14T22:13:20.002Z', '7:1', '-', 'ok', 'control, transactional'],
      ['3 batches, 4 records, offsets 0 to 3'],
    ]);
  });

  test.each(['--records', '--deep', '-r'])('with its records where %s asks for them', async flag => {
    const { lines } = await dump(flag, file('.log'));
    expect(lines.filter(line => /key|coordinatorEpoch/.test(line)).map(line => line.trim().split(/\s{2,}/))).toEqual([
      ['0', TIME, 'key null', 'value "a"'], ['1', TIME, 'key null', 'value "b"'],
      ['2', '2023-11-14T22:13:20.001Z', 'key null', 'value "c"'], ['3', '2023-11-14T22:13:20.002Z', 'abort v0 {"coordinatorEpoch":4}'],
    ]);
  });

  test('as objects for machines, all of them one a line', async () => {
    const { code, lines } = await dump('--json', '-r', file('.log'));
    const objects = lines.map(line => JSON.parse(line) as { kind: string });
    expect(code).toBe(0);
    expect(objects.map(({ kind }) => kind)).toEqual(['batch', 'record', 'record', 'batch', 'record', 'batch', 'record', 'end']);
    expect(objects[3]).toMatchObject({ baseOffset: 2, producerId: 7, isTransactional: true, isControl: false, isCrcValid: true });
    expect(objects[4]).toMatchObject({ offset: 2, key: null, value: 'c', headers: [] });
  });

  test('with a wrong checksum is at fault, and what follows is shown', async () => {
    change(file('.log'), bytes => { bytes[bytes.indexOf('b')]! ^= 1; });
    const { code, lines } = await dump('-r', file('.log'));
    expect(code).toBe(1);
    expect(lines.filter(line => line.includes('FAULT'))).toEqual(['    FAULT the batch at position 0 has a wrong checksum']);
    expect(lines.at(-2)).toBe('  3 batches, 4 records, offsets 0 to 3');
    expect(lines.at(-1)).toBe('1 fault found');
  });

  test('that ends inside of a batch, has something else in it, or begins anew, is at fault', async () => {
    const faultsAfter = async (edit: (bytes: Buffer) => Buffer): Promise<string[]> => {
      const whole = disk.readFile(`/data/${file('.log')}`);
      change(file('.log'), edit);
      const { code, lines } = await dump('--json', file('.log'));
      expect(code).toBe(1);
      change(file('.log'), () => whole);
      return lines.map(line => JSON.parse(line) as { kind: string; message: string }).filter(({ kind }) => kind === 'fault').map(({ message }) => message);
    };
    expect(await faultsAfter(bytes => bytes.subarray(0, -1))).toEqual(['the batch at position 146 is torn: it needs 78 bytes, and 77 are left']);
    expect(await faultsAfter(bytes => bytes.subarray(0, 150))).toEqual(['the batch at position 146 is torn: it needs 61 bytes, and 4 are left']);
    expect(await faultsAfter(bytes => Buffer.concat([bytes, Buffer.from('this is none of ours')]))).toEqual([expect.stringMatching(/^at position 224 there is no batch: /)]);
    expect(await faultsAfter(bytes => Buffer.concat([bytes, bytes.subarray(0, 77)]))).toEqual(['the batch at position 224 begins at offset 0, and the one before it ends at 3']);
    expect(await faultsAfter(bytes => { writeInt32(bytes, LENGTH_AT, 5); return bytes; })).toEqual([expect.stringMatching(/^at position 0 there is no batch: record batch size 17/)]);
  });

  test('may have room at its end', async () => {
    change(file('.log'), bytes => Buffer.concat([bytes, Buffer.alloc(5000)]));
    const { code, lines } = await dump(file('.log'));
    expect(code).toBe(0);
    expect(lines.at(-2)).toBe('  room from position 224 on there are 5000 bytes of zeros');
  });

  test('that holds a record which does not fit is at fault when its records are checked', async () => {
    const stray = buildBatch({ baseOffset: 9 }, [{ offset: 9, timestampMs: 1, key: null, value: null }, { offset: 12, timestampMs: 1, key: null, value: null }]);
    // Says that it ends where its first record does.
    writeInt32(stray, 23, 0);
    const { setCrc, computeCrc } = await import('../protocol/records/batch.js');
    setCrc(stray, 0, computeCrc(stray, 0));
    change(file('.log'), () => stray);
    expect((await dump(file('.log'))).code).toBe(0);
    expect((await dump('-r', file('.log'))).lines).toContain('    FAULT the batch at position 0 holds a record with offset 12, out of order or of the batch\'s range');
  });
});

describe('the files beside a log', () => {
  beforeEach(events);

  test('are shown, and agree with the batches', async () => {
    const { code, lines } = await dump(file('.index'), file('.timeindex'), file('.txnindex'), 'events-0/00000000000000000004.snapshot',
      'events-0/leader-epoch-checkpoint', 'events-0/partition.metadata');
    expect(code).toBe(0);
    const text = lines.map(line => line.trim().replaceAll(/\s+/g, ' '));
    expect(text).toEqual(expect.arrayContaining([
      '2 77', '3 146', '2 entries, as the batches have it', '2023-11-14T22:13:20.001Z 2', '7 2 3 4', '1 aborted transaction',
      '7 1 0 2 1 2023-11-14T22:13:20.002Z 4 -', '1 producer as of offset 4', '0 0', '1 leader epoch', 'topicId c0ffeeAAAAAAAAAAAAAAAA',
    ]));
  });

  test.each<[string, string, (bytes: Buffer) => Buffer | void, RegExp]>([
    ['an offset index that points elsewhere', file('.index'), bytes => { writeInt32(bytes, 4, 78); }, /offset 2 points to 78, inside of the batch at position 77/],
    ['an offset index with another offset', file('.index'), bytes => { writeInt32(bytes, 0, 1); }, /offset 1 points to the batch that ends at 2/],
    ['an offset index that does not ascend', file('.index'), bytes => { writeInt32(bytes, 8, 2); }, /entry 1: offset 2 at position 146 does not ascend/],
    ['an offset index that goes too far', file('.index'), bytes => { writeInt32(bytes, 12, 9999); }, /the entry for offset 3 points beyond the batches/],
    ['an offset index that is torn', file('.index'), bytes => bytes.subarray(0, -3), /5 bytes after the last entry are no entry/],
    ['a time index with a wrong time', file('.timeindex'), bytes => { bytes[7]! ^= 1; }, /the entry for offset 2 says \d+, and/],
    ['a transaction index that is torn', file('.txnindex'), bytes => bytes.subarray(0, -3), /31 bytes after the last entry are no entry/],
    ['a transaction index of another segment', file('.txnindex'), bytes => { bytes.writeBigInt64BE(9n, 10); }, /a transaction from 9 to 3 cannot be in a segment from 0 on/],
    ['a snapshot with a wrong checksum', 'events-0/00000000000000000004.snapshot', bytes => { bytes[20]! ^= 1; }, /producer snapshot has a wrong checksum/],
    ['leader epochs that do not ascend', 'events-0/leader-epoch-checkpoint', () => Buffer.from('0\n2\n3 0\n2 5\n'), /epoch 2 from offset 5 does not ascend/],
    ['leader epochs that are fewer than announced', 'events-0/leader-epoch-checkpoint', () => Buffer.from('0\n2\n3 0\n'), /announces 2 entries, and has 1$/],
    ['partition metadata that is none', 'events-0/partition.metadata', () => Buffer.from('x'), /partition metadata is malformed/],
  ])('%s is at fault', async (_, path, edit, fault) => {
    change(path, edit);
    const { code, lines } = await dump(path);
    expect(code).toBe(1);
    expect(lines.filter(line => line.includes('FAULT')).join('\n')).toMatch(fault);
  });

  test('an index that is in use may have room', async () => {
    change(file('.index'), bytes => Buffer.concat([bytes, Buffer.alloc(80)]));
    const { code, lines } = await dump(file('.index'));
    expect([code, lines.at(-1)]).toEqual([0, '  2 entries, then 80 bytes of room, as the batches have it']);
  });
});

describe('internal topics are decoded', () => {
  test('offsets and groups, by the name of their directory or because it is asked for', async () => {
    const offset = groupRecordCodec.encode({
      kind: 'offset', groupId: 'readers', topic: 'events', partition: 3,
      value: { offset: 5, leaderEpoch: 1, metadata: 'm', commitTimestamp: 9, expireTimestamp: -1, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' },
    });
    const gone = groupRecordCodec.encode({ kind: 'group', groupId: 'readers', value: null });
    const bytes = buildBatch({}, [offset, gone, { key: Buffer.from([0, 99]), value: null }].map(record => ({ timestampMs: 1, ...record })));
    for (const [name, ...flags] of [['__consumer_offsets-3'], ['copied-0', '--decoder', 'offsets']] as const) {
      disk.makeDirectory(`/data/${name}`);
      disk.writeFileAtomically(`/data/${file('.log', name)}`, bytes);
      const { code, lines } = await dump('--json', '-r', ...flags, file('.log', name));
      expect(code).toBe(1);
      const objects = lines.map(line => JSON.parse(line) as object);
      expect(objects).toMatchObject([
        { kind: 'batch' },
        { decoded: { type: 'OffsetCommit', key: { group: 'readers', topic: 'events', partition: 3 }, value: { offset: 5, metadata: 'm' } } },
        { decoded: { type: 'GroupMetadata', key: { group: 'readers' }, value: null } },
        { kind: 'fault', message: 'the record at offset 2 cannot be decoded: its type 99 is not known' },
        { kind: 'record', offset: 2 }, { kind: 'end' },
      ]);
    }
    expect((await dump('--decoder', 'none', '-r', file('.log', '__consumer_offsets-3'))).code).toBe(0);
  });

  test('transactional ids, with their states in words', async () => {
    const transaction: Transaction = {
      transactionalId: 'copier', producerId: 7, previousProducerId: -1, nextProducerId: -1, producerEpoch: 1, lastProducerEpoch: -1, timeoutMs: 60_000,
      state: TransactionState.EMPTY, partitions: new Map([['events/3', { topic: 'events', index: 3 }]]), startTimeMs: 5, lastUpdateTimeMs: 9, clientVersion: 2,
    };
    const states = Object.values(TransactionState).map(state => transactionRecordCodec.encode({ transactionalId: 'copier', value: { ...transaction, state }, format: 1 }));
    const unknown = transactionRecordCodec.encode({ transactionalId: 'later', value: { ...transaction, state: 99 as TransactionStateCode }, format: 0 });
    const gone = transactionRecordCodec.encode({ transactionalId: 'copier', value: null, format: 1 });
    disk.makeDirectory('/data/__transaction_state-17');
    disk.writeFileAtomically(`/data/${file('.log', '__transaction_state-17')}`, buildBatch({}, [...states, unknown, gone].map(record => ({ timestampMs: 1, ...record }))));
    const { code, lines } = await dump('-r', file('.log', '__transaction_state-17'));
    expect(code).toBe(0);
    const shown = lines.map(line => /"transactionStatus":([^,]+),|deleted/.exec(line)).filter(found => found !== null);
    expect(shown.map(([all, status]) => status ?? all)).toEqual([
      '"Empty"', '"Ongoing"', '"PrepareCommit"', '"PrepareAbort"', '"CompleteCommit"', '"CompleteAbort"', '"Dead"', '"PrepareEpochFence"', '99', 'deleted',
    ]);
    const { lines: objects } = await dump('--json', '-r', file('.log', '__transaction_state-17'));
    expect(JSON.parse(objects[2]!)).toMatchObject({
      file: file('.log', '__transaction_state-17'),
      decoded: {
        key: { transactionalId: 'copier' },
        value: { transactionStatus: 'Ongoing', producerId: 7, producerEpoch: 1, transactionPartitions: [{ topic: 'events', partitionIds: [3] }] },
      },
    });
  });

  test('the metadata log', async () => {
    const value = encodeMetadataRecord({ type: 'Topic', message: { name: 'events', topicId: 'c0ffeeAAAAAAAAAAAAAAAA' } }, 30);
    disk.makeDirectory('/data/__cluster_metadata-0');
    disk.writeFileAtomically(`/data/${file('.log', '__cluster_metadata-0')}`, buildBatch({}, [{ timestampMs: 1, key: null, value }]));
    const { lines } = await dump('-r', file('.log', '__cluster_metadata-0'));
    expect(lines.join('\n')).toContain('Topic v0 {"name":"events","topicId":"c0ffeeAAAAAAAAAAAAAAAA"}');
  });
});

test('the files of a log directory', async () => {
  disk.writeFileAtomically('/data/meta.properties', '#\ncluster.id=abc\nnode.id=4\nversion=1\n');
  disk.writeFileAtomically('/data/recovery-point-offset-checkpoint', '0\n2\nevents 0 5\nother 1 -3\n');
  disk.writeFileAtomically('/data/.kafka_cleanshutdown', '{"version":0,"brokerEpoch":7}');
  const { code, lines } = await dump('meta.properties', 'recovery-point-offset-checkpoint', '.kafka_cleanshutdown');
  expect(code).toBe(1);
  expect(lines.map(line => line.trim().replaceAll(/\s+/g, ' '))).toEqual(expect.arrayContaining([
    'clusterId abc', 'nodeId 4', 'events-0 5', 'other-1 -3', 'FAULT other-1 has the impossible offset -3', 'brokerEpoch 7',
  ]));
});

test('what says all by its being there is described, and no fault', async () => {
  await withLog(log => {
    log.appendAsLeader(batchOf(['a']), CLIENT);
    log.roll();
    log.appendAsLeader(batchOf(['b']), CLIENT);
  });
  disk.writeFileAtomically('/data/.lock', '');
  disk.writeFileAtomically('/data/.kafka_cleanshutdown', '');
  for (const name of ['replication-offset-checkpoint.new.tmp', 'meta.properties.tmp']) disk.writeFileAtomically(`/data/${name}`, '0');
  const names = disk.list('/data/events-0').map(name => `events-0/${name}`);
  expect(names).toContain(file('.gapless.deleted'));
  const { code, lines } = await dump('.lock', '.kafka_cleanshutdown', 'replication-offset-checkpoint.new.tmp', 'meta.properties.tmp', ...names);
  expect(lines.filter(line => line.includes('FAULT'))).toEqual([]);
  expect(code).toBe(0);
  const said = ['a lock on this file', 'from offset 0 on, each segment', 'is being written'];
  expect(lines).toEqual(expect.arrayContaining(said.map(words => expect.stringContaining(words) as unknown)));
  const { lines: [object] } = await dump('--json', file('.gapless.deleted'));
  expect(JSON.parse(object!)).toEqual({ kind: 'content', file: file('.gapless.deleted'), gaplessFrom: 0 });
});

test('what is no file of a log directory is said so', async () => {
  disk.makeDirectory('/data/events-0');
  disk.writeFileAtomically('/data/notes.txt', 'x');
  const { code, lines } = await dump('absent.log', 'events-0', 'notes.txt');
  expect(code).toBe(1);
  expect(lines.filter(line => line.includes('FAULT'))).toEqual([
    '  FAULT there is no such file', expect.stringContaining('this is a directory'), expect.stringContaining('this is no file of a log directory'),
  ]);
  await expect(dump()).rejects.toThrow('name a file');
  await expect(dump('--decoder', 'x', 'y')).rejects.toThrow('--decoder x: it has to be one of offsets');
});
