import { beforeEach, describe, expect, test } from '@jest/globals';
import { BLOCK_BYTES } from '../base/block-memory.js';
import { writeInt32 } from '../base/bytes.js';
import type { Finding } from '../log/inspect/findings.js';
import { MemoryDisk, type DiskOperation } from '../env/memory/memory-disk.js';
import { NodeClock, NodeRandom, silentLogger } from '../env/node/index.js';
import { formatProducerSnapshot, parseProducerSnapshot } from '../log/producers/producer-snapshot.js';
import { LogBeingCheckedError, openLogManager, type NodeLogManager, type PartitionLog } from '../log/index.js';
import { outcomeOf, type Outcome } from '../log/inspect/remedies.js';
import { batchOf, CLIENT, ManualClock, openTestLog, SETTINGS, testHost, TOPIC_ID } from '../log/test-support.js';
import { encodeMetadataRecord, metadataRecord, type MetadataRecord } from '../metadata/records.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { buildEndTransactionMarker } from '../protocol/records/control-records.js';
import { formatDirectories } from '../controller/format.js';
import { nameOf } from '../log/paths.js';
import { COMMANDS } from './commands.js';
import { parseFlags } from './flags.js';
import { logVerify } from './log-verify.js';

const OTHER_TOPIC_ID = 'decafAAAAAAAAAAAAAAAAA';

/** Tells what is done to it. */
class WatchedDisk extends MemoryDisk {
  readonly changes: string[] = [];

  override perform<T>(operation: DiskOperation, apply: (limitBytes?: number) => T): T {
    if (!['open', 'read'].includes(operation.kind)) this.changes.push(`${operation.kind} ${operation.path}`);
    return super.perform(operation, apply);
  }
}

let disk: WatchedDisk;
let locked: boolean;

async function verify(...words: string[]): Promise<{ code: number; text: string }> {
  let text = '';
  const output = { hasColor: false, write: (more: string) => { text += more; return Promise.resolve(); } };
  disk.changes.length = 0;
  const code = await logVerify(parseFlags(COMMANDS.log, ['verify', ...words]), { disk, output, directory: '/', isLocked: () => Promise.resolve(locked) });
  expect(disk.changes).toEqual([]);
  return { code, text };
}

async function findingsIn(...directories: string[]): Promise<{ code: number; findings: Finding[] }> {
  const { code, text } = await verify('--json', ...directories);
  const objects = text.trim().split('\n').map(line => JSON.parse(line) as { kind: string } & Finding);
  return { code, findings: objects.filter(({ kind }) => kind === 'finding') };
}

const inWords = ({ severity, path, message }: Finding): string => `${severity} ${path}: ${message}`;

/** The findings as `severity path: message`. */
async function found(...directories: string[]): Promise<{ code: number; findings: string[] }> {
  const { code, findings } = await findingsIn(...directories);
  return { code, findings: findings.map(inWords) };
}

const file = (offset: number, suffix: string): string => `${String(offset).padStart(20, '0')}${suffix}`;

function change(path: string, edit: (bytes: Buffer) => Buffer | void): void {
  const bytes = disk.readFile(`/data/${path}`);
  disk.writeFileAtomically(`/data/${path}`, edit(bytes) ?? bytes);
}

const write = (path: string, text: string | Buffer): void => disk.writeFileAtomically(`/data/${path}`, text);
const markClean = (): void => write('.kafka_cleanshutdown', '{"version":0,"brokerEpoch":3}');

const METADATA = '/data/__cluster_metadata-0';
const DIRECTORY_ID = 'pdb5_tpvQnWjurtVNt0Bng';

const batches = (baseOffset: number, ...records: MetadataRecord[]): Buffer => buildBatch(
  { baseOffset, partitionLeaderEpoch: 1 }, records.map(record => ({ timestampMs: 1, key: null, value: encodeMetadataRecord(record, 30) })),
);
const topic = (name: string, topicId: string): MetadataRecord => metadataRecord('Topic', { name, topicId });
const partition = (partitionId: number, topicId: string, replicas = [1], directories = replicas.map(() => DIRECTORY_ID)): MetadataRecord =>
  metadataRecord('Partition', { partitionId, topicId, replicas, isr: replicas, removingReplicas: [], addingReplicas: [], directories });

/** In place of the one that is there. */
function metadataLog(baseOffset: number, ...records: MetadataRecord[]): void {
  disk.makeDirectory(METADATA);
  for (const name of disk.list(METADATA)) disk.removeNow(`${METADATA}/${name}`);
  write(`__cluster_metadata-0/${file(baseOffset, '.log')}`, batches(baseOffset, ...records));
  for (const suffix of ['.index', '.timeindex']) write(`__cluster_metadata-0/${file(baseOffset, suffix)}`, '');
  write('__cluster_metadata-0/leader-epoch-checkpoint', `0\n1\n1 ${baseOffset}\n`);
}

/** Three segments, from 0, 4 and 7 on; producer 7 commits and aborts in them, and the epoch changes at 7. */
beforeEach(async () => {
  disk = new WatchedDisk();
  locked = false;
  disk.makeDirectory('/data');
  const log = await openTestLog('/data/events-0', { host: testHost({ disk }), settings: { indexIntervalBytes: 0 } });
  const data = (value: string, sequence: number, leaderEpoch = 0): unknown =>
    log.appendAsLeader(batchOf([value], { producerId: 7, producerEpoch: 1, baseSequence: sequence, isTransactional: true, timestampMs: 1_700_000_000_000 + sequence }), { ...CLIENT, leaderEpoch });
  const end = (committed: boolean): unknown =>
    log.appendAsLeader(buildEndTransactionMarker({ producerId: 7, producerEpoch: 1, timestampMs: 1_700_000_000_050 }, { committed, coordinatorEpoch: 4 }), { origin: 'coordinator', leaderEpoch: 0 });
  log.appendAsLeader(batchOf(['a', 'b']), CLIENT);
  data('c', 0);
  end(true);
  log.roll();
  data('d', 1);
  data('e', 2);
  end(false);
  log.roll();
  data('f', 3, 1);
  log.appendAsLeader(batchOf(['g'], { timestampMs: 1_700_000_000_060 }), { ...CLIENT, leaderEpoch: 1 });
  await log.close();
  write('meta.properties', `#\ncluster.id=abc\ndirectory.id=${DIRECTORY_ID}\nnode.id=1\nversion=1\n`);
  for (const name of ['recovery-point', 'replication']) write(`${name}-offset-checkpoint`, '0\n1\nevents 0 9\n');
  write('log-start-offset-checkpoint', '0\n0\n');
  markClean();
  metadataLog(0, topic('events', TOPIC_ID), partition(0, TOPIC_ID));
});

describe('when all is well', () => {
  test('it is said so, and nothing is written', async () => {
    const { code, text } = await verify('/data');
    expect(code).toBe(0);
    expect(text).toBe('/data  node 1 of cluster abc, stopped in order, 2 partitions\nall is well: 2 partitions, 4 segments, 9 batches\n');
  });

  test('every partition is listed where that is asked for, and may be named alone', async () => {
    expect((await verify('--all', '/data/events-0')).text).toBe('/data/events-0  3 segments, 8 batches, offsets 0 to 9  ok\nall is well: 1 partition, 3 segments, 8 batches\n');
  });

  test('a directory above log directories stands for all of them', async () => {
    disk.makeDirectory('/several');
    disk.rename('/data', '/several/one');
    disk.makeDirectory('/several/unrelated');
    expect((await verify('/several')).text).toContain('/several/one  node 1');
  });

  test('so it is after an unclean stop, without the index of the active segment', async () => {
    disk.removeNow('/data/.kafka_cleanshutdown');
    for (const suffix of ['.index', '.timeindex']) disk.removeNow(`/data/events-0/${file(7, suffix)}`);
    expect(await found('/data')).toEqual({ code: 0, findings: [] });
  });
});

type Plant = () => void;
const log0 = `events-0/${file(0, '.log')}`;
const log4 = `events-0/${file(4, '.log')}`;
const log7 = `events-0/${file(7, '.log')}`;

/** What is planted in a directory whose broker stopped in order, and what is found; severities are those of a clean stop. */
const PLANTED: readonly (readonly [name: string, plant: Plant, ...findings: RegExp[]])[] = [
  ['a wrong checksum', () => change(log0, bytes => { bytes[bytes.indexOf('a', 61)]! ^= 1; }), /^error events-0\/0+\.log: the batch at position 0 has a wrong checksum$/],
  [
    'a torn end', () => change(log7, bytes => bytes.subarray(0, -5)), /^error .*7\.log: the batch at position \d+ is torn/,
    /^error .*7\.index: the entry for offset 8 points beyond/, /^error .*7\.timeindex: /,
    /^warning .*9\.snapshot: stands at offset 9, beyond the end of the log, 8/, /^warning events-0: the recovery point, 9, is beyond/,
    /^warning events-0: the high watermark, 9, is beyond/,
  ],
  [
    'a torn end of a segment that was closed', () => change(log4, bytes => bytes.subarray(0, -5)), /^error .*4\.log: the batch at position \d+ is torn/,
    /^error .*4\.index: the entry for offset 6 points beyond/, /^error .*4\.timeindex: the entry for offset \d points beyond/, /^error .*4\.txnindex: .*no marker of an abort at its end/,
    /^warning .*7\.log: the offsets 6 to 6 before it are missing/,
    /^error .*7\.snapshot: producer 7 is said to have no transaction open, and the batches say a transaction open since offset 4/,
    /^error .*9\.snapshot: producer 7 is said to have a transaction open since offset 7/,
  ],
  ['something that is no batch', () => change(log7, bytes => Buffer.concat([bytes, Buffer.alloc(40, 'x')])), /^error .*7\.log: at position \d+ there is no batch/],
  ['room at the end', () => change(log7, bytes => Buffer.concat([bytes, Buffer.alloc(4000)])), /^note .*7\.log: from position \d+ on there are 4000 bytes of zeros: room/],
  [
    'room in a segment that was closed', () => change(log4, bytes => Buffer.concat([bytes, Buffer.alloc(4000)])),
    /^warning .*4\.log: from position \d+ on there are 4000 bytes of zeros, which no record is missing from/,
  ],
  [
    'a segment that is gone',
    () => { for (const suffix of ['.log', '.index', '.timeindex', '.txnindex', '.snapshot']) disk.removeNow(`/data/events-0/${file(4, suffix)}`); },
    /^warning .*7\.log: the offsets 4 to 6 before it are missing/,
    /^error .*7\.snapshot: producer 7 is said to have written sequence 2 at offset 5, and the batches say 0 at 2/,
  ],
  [
    'a segment that overlaps', () => change(log4, bytes => Buffer.concat([bytes, disk.readFile(`/data/${log7}`)])),
    /^error .*7\.log: begins at offset 7, and the segment before it goes up to 8: they overlap/,
    /^error .*7\.snapshot: producer 7 is said to have written sequence 2 at offset 5, and the batches say 3 at 7/,
  ],
  [
    'batches out of order', () => change(log7, bytes => Buffer.concat([bytes, bytes])),
    /^error .*7\.log: the batch at position \d+ begins at offset 7, and the one before it ends at 8/,
    /^error .*7\.log: the batch at position \d+ begins at offset 8, and the one before it ends at 8/,
  ],
  [
    'an offset index that points elsewhere', () => change(`events-0/${file(0, '.index')}`, bytes => { bytes[7]!++; }),
    /^error events-0\/0+\.index: the entry for offset 2 points to 78, inside of the batch at position 77/,
  ],
  [
    'an index that does not ascend', () => change(`events-0/${file(4, '.index')}`, bytes => Buffer.concat([bytes, bytes.subarray(0, 8)])),
    /^error .*4\.index: entry 2: .* does not ascend/, /^error .*4\.index: the entry for offset 5 points to/,
  ],
  [
    'a time index with another time', () => change(`events-0/${file(4, '.timeindex')}`, bytes => { bytes[7]!++; }),
    /^error .*4\.timeindex: the entry for offset 5 says 1700000000003, and its batch is of 1700000000002/,
  ],
  ['an index with room', () => change(`events-0/${file(0, '.index')}`, bytes => Buffer.concat([bytes, Buffer.alloc(16)])), /^warning events-0\/0+\.index: has 16 bytes of room/],
  ['an index that is missing', () => disk.removeNow(`/data/events-0/${file(4, '.index')}`), /^warning .*4\.index: is missing/],
  ['an index of no segment', () => write(`events-0/${file(5, '.index')}`, ''), /^warning .*5\.index: belongs to no segment/],
  [
    'left-overs', () => { for (const suffix of ['.log.deleted', '.log.cleaned', '.log.swap']) write(`events-0/${file(5, suffix)}`, ''); },
    /^note .*5\.log\.cleaned: compaction did not finish it/, /^note .*5\.log\.deleted: waits to be removed/,
    /^note .*5\.log\.swap: compaction did not finish it/,
  ],
  [
    'what compaction finished',
    () => { for (const suffix of ['.log', '.index', '.timeindex', '.txnindex']) write(`events-0/${file(4, `${suffix}.swap`)}`, disk.readFile(`/data/events-0/${file(4, suffix)}`)); },
    ...['index', 'log', 'timeindex', 'txnindex'].map(suffix => new RegExp(`^note .*4\\.${suffix}\\.swap: compaction finished it`)),
  ],
  [
    'a segment that is gone, where nobody can tell whether it was compacted',
    () => { for (const suffix of ['.log', '.index', '.timeindex', '.txnindex', '.snapshot']) disk.removeNow(`/data/events-0/${file(4, suffix)}`); write('cleaner-offset-checkpoint', 'x'); },
    /^warning .*7\.log: the offsets 4 to 6 before it are missing/, /^error .*7\.snapshot: producer 7/, /^warning cleaner-offset-checkpoint: /,
  ],
  ['the newest snapshot with a wrong checksum', () => change(`events-0/${file(9, '.snapshot')}`, bytes => { bytes[12]! ^= 1; }), /^warning .*9\.snapshot: producer snapshot has a wrong checksum/],
  [
    'an epoch that the file does not know', () => write('events-0/leader-epoch-checkpoint', '0\n1\n0 0\n'),
    /^error events-0\/leader-epoch-checkpoint: the batch at offset 7 is of epoch 1, and the file says 0/,
  ],
  [
    'epochs that do not ascend', () => write('events-0/leader-epoch-checkpoint', '0\n2\n0 0\n1 0\n'), /^error .*: epoch 1 from offset 0 does not ascend/,
    /^error .*: the batch at offset 0 is of epoch 0, and the file says 1/,
  ],
  ['an epoch beyond the end', () => write('events-0/leader-epoch-checkpoint', '0\n3\n0 0\n1 7\n4 20\n'), /^warning .*: epoch 4 begins at offset 20, beyond the end of the log, 9/],
  ['epochs that cannot be read', () => write('events-0/leader-epoch-checkpoint', 'x'), /^error .*leader-epoch-checkpoint: version 'x', known is 0$/],
  ['a snapshot with a wrong checksum', () => change(`events-0/${file(4, '.snapshot')}`, bytes => { bytes[12]! ^= 1; }), /^warning .*4\.snapshot: producer snapshot has a wrong checksum/],
  [
    'a snapshot that tells of another sequence',
    () => change(`events-0/${file(7, '.snapshot')}`, bytes => {
      const [entry] = parseProducerSnapshot(bytes);
      return formatProducerSnapshot([{ ...entry!, batches: [{ ...entry!.batches[0]!, lastSequence: 9 }] }]);
    }),
    /^error .*7\.snapshot: producer 7 is said to have written sequence 9 at offset 5, and the batches say 2 at 5/,
  ],
  [
    'a snapshot that tells of another epoch',
    () => change(`events-0/${file(7, '.snapshot')}`, bytes => formatProducerSnapshot([{ ...parseProducerSnapshot(bytes)[0]!, epoch: 3 }])),
    /^error .*7\.snapshot: producer 7 is said to be in epoch 3, and the batches say 1/,
  ],
  [
    'a snapshot that has forgotten an open transaction', () => change(`events-0/${file(9, '.snapshot')}`, () => formatProducerSnapshot([])),
    /^error .*9\.snapshot: producer 7 is missing, whose transaction from offset 7 on is open/,
  ],
  [
    'a snapshot with a producer that never wrote',
    () => change(`events-0/${file(4, '.snapshot')}`, bytes => formatProducerSnapshot([...parseProducerSnapshot(bytes), { ...parseProducerSnapshot(bytes)[0]!, producerId: 99 }])),
    /^error .*4\.snapshot: producer 99 is said to have written offset 2, and no batch is its/,
  ],
  [
    'a snapshot where no segment begins', () => disk.rename(`/data/events-0/${file(4, '.snapshot')}`, `/data/events-0/${file(5, '.snapshot')}`),
    /^note .*5\.snapshot: is of an earlier stop, when the log ended at offset 5/,
  ],
  ['an abort that is not in its index', () => disk.removeNow(`/data/events-0/${file(4, '.txnindex')}`), /^error .*4\.txnindex: the abort of producer 7's transaction from 4 to 6 is missing/],
  [
    'an abort that nobody wrote', () => write(`events-0/${file(7, '.txnindex')}`, disk.readFile(`/data/events-0/${file(4, '.txnindex')}`)),
    /^error .*7\.txnindex: the transaction of producer 7 from 4 to 6 cannot be in this segment/,
  ],
  [
    'an abort with another beginning', () => change(`events-0/${file(4, '.txnindex')}`, bytes => { bytes.writeBigInt64BE(5n, 10); }),
    /^error .*4\.txnindex: the transaction of producer 7 from 5 to 6 began at offset 4/,
  ],
  [
    'a transaction index that is torn', () => change(`events-0/${file(4, '.txnindex')}`, bytes => Buffer.concat([bytes, Buffer.alloc(3)])),
    /^error .*4\.txnindex: 3 bytes after the last entry are no entry/,
  ],
  ['no topic id', () => disk.removeNow('/data/events-0/partition.metadata'), /^warning events-0\/partition\.metadata: is missing/],
  ['a topic id that is none', () => write('events-0/partition.metadata', 'version: 0\ntopic_id: ?'), /^error events-0\/partition\.metadata: partition metadata is malformed/],
  [
    'topics of two lives', () => { disk.makeDirectory('/data/events-1'); write('events-1/partition.metadata', `version: 0\ntopic_id: ${OTHER_TOPIC_ID}`); },
    new RegExp(`^error /data/events-1: is of topic ${OTHER_TOPIC_ID}, and events-0 of ${TOPIC_ID}`),
    new RegExp(`^warning /data/events-1: is of topic ${OTHER_TOPIC_ID}, which the metadata of the cluster does not know`),
  ],
  ['a start beyond the end', () => write('log-start-offset-checkpoint', '0\n1\nevents 0 50\n'), /^error events-0: the log is to start at 50, beyond its end 9/],
  ['a recovery point beyond the end', () => write('recovery-point-offset-checkpoint', '0\n1\nevents 0 50\n'), /^warning events-0: the recovery point, 50, is beyond/],
  [
    'a checkpoint that speaks of what is not there', () => write('recovery-point-offset-checkpoint', '0\n2\nevents 0 9\ngone 0 9\n'),
    /^note recovery-point-offset-checkpoint: speaks of gone-0 not in this directory/,
  ],
  ['a checkpoint with an impossible offset', () => write('replication-offset-checkpoint', '0\n1\nevents 0 -4\n'), /^warning replication-offset-checkpoint: events-0 has the impossible offset -4/],
  ['a checkpoint that cannot be read', () => write('replication-offset-checkpoint', '0\n7\nevents 0 9\n'), /^warning replication-offset-checkpoint: announces 7 entries, and has 1$/],
  ['a checkpoint with a line that cannot be read', () => write('replication-offset-checkpoint', '0\n1\nevents 0\n'), /^warning replication-offset-checkpoint: line 3: malformed line 'events 0'/],
  ['no meta.properties', () => disk.removeNow('/data/meta.properties'), /^error meta\.properties: is missing/],
  ['meta.properties of a version to come', () => write('meta.properties', 'version=7\n'), /^error meta\.properties: version 7 is not known/],
  [
    'directories that are no partitions', () => { for (const name of ['foo-bar', 'plain', 'remote-log-index-cache']) disk.makeDirectory(`/data/${name}`); },
    /^note foo-bar: is no partition/, /^note plain: is no partition/,
  ],
  [
    'directories that were set aside',
    () => { for (const suffix of ['delete', 'stray', 'future']) disk.makeDirectory(`/data/events-3.${'0123456789abcdef'.repeat(2)}-${suffix}`); },
    /^note events-3\..*-delete: waits to be removed/, /^note events-3\..*-future: is a copy/, /^note events-3\..*-stray: was set aside/,
  ],
  [
    'quorum-state that cannot be read, and what raft left behind',
    () => {
      disk.makeDirectory('/data/__cluster_metadata-0');
      write('__cluster_metadata-0/quorum-state', '{');
      write(`__cluster_metadata-0/${file(3, '-0000000001.checkpoint.part')}`, '');
      write(`__cluster_metadata-0/${file(2, '-0000000001.checkpoint')}`, 'not a snapshot of anything');
    },
    /^error .*2-0000000001\.checkpoint: at position 0 there is no batch|^error .*2-0000000001\.checkpoint: the batch at position 0 is torn/,
    /^note .*checkpoint\.part: was not finished/, /^error .*quorum-state: it cannot be read/,
  ],
];

describe('a planted fault is found, and nothing else', () => {
  test.each(PLANTED)('%s', async (_, plant, ...expected) => {
    plant();
    const { code, findings } = await found('/data');
    expect(findings).toEqual(expected.map(pattern => expect.stringMatching(pattern)));
    expect(code).toBe(findings.every(finding => finding.startsWith('note')) ? 0 : 1);
  });
});

/** What a start made of it: the offsets that `events-0` has, if it is served. */
interface Started {
  readonly isRefused: boolean;
  readonly served?: { readonly start: number; readonly end: number };
}

/** A start as a broker's, a look at every log, time for what is removed later, and a stop. */
async function startAndStop(): Promise<Started> {
  const clock = new ManualClock();
  let manager: NodeLogManager;
  const random = new NodeRandom();
  try {
    formatDirectories({ env: { disk, random, clock: new NodeClock() }, directories: ['/data'], metadataDirectory: '/data', clusterId: 'abc', nodeId: 1, ignoreFormatted: true });
    manager = await openLogManager({
      env: { disk, clock, random, logger: silentLogger }, directories: ['/data'], clusterId: 'abc', nodeId: 1,
      defaultSettings: SETTINGS, settingsOf: () => SETTINGS, isStray: log => !log.isUnused && log.topicId !== TOPIC_ID,
    });
    await manager.load();
  } catch {
    return { isRefused: true };
  }
  const log = manager.get('events', 0);
  const served = log && await offsetsOf(log);
  clock.advance(SETTINGS.fileDeleteDelayMs);
  await manager.close({ brokerEpoch: 3 });
  return { isRefused: false, ...served && { served } };
}

async function offsetsOf(log: PartitionLog): Promise<{ start: number; end: number }> {
  try {
    return { start: log.logStartOffset, end: log.logEndOffset };
  } catch (error) {
    if (!(error instanceof LogBeingCheckedError)) throw error;
    await error.checked;
    return offsetsOf(log);
  }
}

const STOPS: readonly (readonly [name: string, stop: () => void])[] = [
  ['a stop in order', () => undefined],
  ['a kill', () => disk.removeNow('/data/.kafka_cleanshutdown')],
  ...[0, 4].map((point): readonly [string, () => void] => [`a kill with the recovery point at ${point}`, () => {
    disk.removeNow('/data/.kafka_cleanshutdown');
    write('recovery-point-offset-checkpoint', `0\n1\nevents 0 ${point}\n`);
  }]),
];

describe.each(STOPS)('what is said of a start comes true, after %s', (_stop, stop) => {
  test.each(PLANTED)('%s', async (_, plant) => {
    stop();
    plant();
    // Of the metadata log raft decides.
    const before = (await findingsIn('/data')).findings.filter(({ path, remedy }) => outcomeOf(remedy) !== 'open' && !path.startsWith('__'));
    const { isRefused, served } = await startAndStop();
    const after = isRefused ? [] : (await findingsIn('/data')).findings.map(inWords);
    const actual = (finding: Finding): Outcome => {
      if (isRefused) return 'refused';
      if (served === undefined && finding.path.startsWith('events-0/')) return 'aside';
      if (disk.list('/data').some(name => name.endsWith('-stray') && name.startsWith(`${nameOf(finding.path)}.`))) return 'aside';
      return after.includes(inWords(finding)) ? 'stays' : 'gone';
    };
    expect(before.map(finding => `${actual(finding)}: ${inWords(finding)} (${finding.remedy.kind})`))
      .toEqual(before.map(finding => `${outcomeOf(finding.remedy)}: ${inWords(finding)} (${finding.remedy.kind})`));
    for (const { remedy: { kind, offset }, path } of before) {
      if (kind === 'cut') expect(served?.end).toBe(offset);
      if (kind === 'begunAnew') expect(served).toEqual({ start: offset, end: offset });
      if (kind === 'removed' || kind === 'cleanedAgain') expect(disk.stat(`/data/${path}`)).toBeUndefined();
    }
    if (served && !before.some(({ remedy: { kind } }) => kind === 'cut' || kind === 'begunAnew')) expect(served.end).toBe(9);
  });
});

test('a file in which nothing is right is told of so often and no more', async () => {
  const one = disk.readFile(`/data/${log0}`).subarray(0, 77);
  write(log0, Buffer.concat(Array.from({ length: 500 }, () => one)));
  const { findings } = await found('/data');
  const ofFile = findings.filter(finding => finding.includes(`${file(0, '.log')}:`));
  expect(ofFile).toHaveLength(51);
  expect(ofFile.at(-1)).toContain('and more of the kind');
});

describe('what a start mends after an unclean stop', () => {
  beforeEach(() => {
    disk.removeNow('/data/.kafka_cleanshutdown');
    write('recovery-point-offset-checkpoint', '0\n1\nevents 0 4\n');
    write('replication-offset-checkpoint', '0\n1\nevents 0 4\n');
  });

  test('is noted where it is made anew: indexes and aborts from the recovery point on', async () => {
    change(`events-0/${file(4, '.index')}`, bytes => { writeInt32(bytes, 4, 3); });
    disk.removeNow(`/data/events-0/${file(7, '.timeindex')}`);
    disk.removeNow(`/data/events-0/${file(4, '.txnindex')}`);
    write('events-0/leader-epoch-checkpoint', '0\n1\n0 0\n');
    const { code, findings } = await found('/data');
    expect(findings.map(finding => finding.split(':')[0])).toEqual([`note events-0/${file(4, '.index')}`, `note events-0/${file(4, '.txnindex')}`]);
    expect(code).toBe(0);
  });

  test('and not the epochs that a running broker has yet to write', async () => {
    disk.removeNow('/data/events-0/leader-epoch-checkpoint');
    write('recovery-point-offset-checkpoint', '0\n1\nevents 0 0\n');
    expect(await found('/data')).toEqual({ code: 0, findings: [] });
  });

  test('and a fault all the same before it', async () => {
    change(`events-0/${file(0, '.index')}`, bytes => { writeInt32(bytes, 4, 3); });
    expect((await found('/data')).findings).toEqual([expect.stringMatching(/^error events-0\/0+\.index/)]);
  });

  test('a torn end is a warning, and says what goes', async () => {
    change(log7, bytes => bytes.subarray(0, -5));
    const { code, text } = await verify('/data');
    expect(code).toBe(1);
    expect(text).toContain('at start: the log is cut at offset 8: ');
    expect(text).toMatch(/0 errors, \d warnings/);
  });
});

describe('while a broker runs', () => {
  beforeEach(() => {
    write('.lock', '');
    locked = true;
  });

  test('that is said, and what it is writing is noted', async () => {
    change(log7, bytes => Buffer.concat([bytes, Buffer.alloc(500)]));
    change(`events-0/${file(7, '.index')}`, bytes => Buffer.concat([bytes, Buffer.alloc(800)]));
    const { code, text } = await verify('/data');
    expect(code).toBe(0);
    expect(text).toContain('/data  node 1 of cluster abc, in use, 2 partitions\n  a broker is running here');
  });

  test('partitions that go while they are read are no fault', async () => {
    const list = disk.list.bind(disk);
    disk.list = path => {
      const names = list(path);
      if (path.endsWith('events-0')) for (const name of names.filter(each => each.includes(file(0, '')))) disk.removeNow(`${path}/${name}`);
      disk.changes.length = 0;
      return names;
    };
    expect(await found('/data')).toEqual({ code: 0, findings: ['note events-0: the broker changed it while it was read'] });
  });
});

test.each([['was killed', false], ['runs', true]])('the rest of a block that a large write past the page cache left is noted, of a broker that %s', async (_which, runs) => {
  metadataLog(0, topic('events', TOPIC_ID), partition(0, TOPIC_ID), partition(1, TOPIC_ID));
  disk.removeNow('/data/.kafka_cleanshutdown');
  write('.lock', '');
  locked = runs;
  const host = testHost({ disk, writeWays: { direct: 'always', leastDirectBytes: 1 }, tailChunkBytes: 4 * BLOCK_BYTES });
  const path = '/data/events-1';
  const log = await openTestLog(path, { host, topic: 'large' });
  log.appendAsLeader(batchOf(['x'.repeat(5 * BLOCK_BYTES)]), CLIENT);
  log.write();
  const size = (): number => disk.stat(`${path}/${file(0, '.log')}`)!.sizeBytes;
  expect([size(), log.sizeBytes % BLOCK_BYTES > 0]).toEqual([6 * BLOCK_BYTES, true]);
  const { sizeBytes } = log;
  const zeros = `from position ${sizeBytes} on there are ${size() - sizeBytes} bytes of zeros`;
  expect(await found('/data')).toEqual({
    code: 0, findings: [`note events-1/${file(0, '.log')}: ${zeros}: room that was taken in advance, or the rest of a block that was written past the page cache`],
  });
  if (runs) return log.close();
  log.abandon();
  const again = await openTestLog(path, { host: testHost({ disk }), topic: 'large', clean: false });
  expect([again.logEndOffset, size()]).toEqual([1, sizeBytes]);
  await again.close();
});

describe('a partition that the cluster does not know is a stray', () => {
  const gone = metadataRecord('RemoveTopic', { topicId: OTHER_TOPIC_ID });
  const ownPartition = (name: string, topicId: string): void => {
    disk.makeDirectory(`/data/${name}`);
    write(`${name}/partition.metadata`, `version: 0\ntopic_id: ${topicId}`);
  };

  /** Of whole partitions: path, message, remedy. */
  async function straysIn(...directories: string[]): Promise<string[][]> {
    const { findings } = await findingsIn(...directories);
    return findings.filter(({ path }) => path.startsWith('/')).map(({ path, message, remedy }) => [path, message, remedy.kind]);
  }

  test('where its topic is gone, by the newest snapshot and the log after it', async () => {
    metadataLog(4, gone);
    write(`__cluster_metadata-0/${file(5, '-0000000001.checkpoint')}`, batches(0, topic('events', TOPIC_ID), partition(0, TOPIC_ID), topic('other', OTHER_TOPIC_ID), partition(0, OTHER_TOPIC_ID)));
    ownPartition('other-0', OTHER_TOPIC_ID);
    expect(await found('/data')).toEqual({ code: 0, findings: [] });
    change(`__cluster_metadata-0/${file(4, '.log')}`, bytes => Buffer.concat([bytes, batches(5, gone)]));
    expect(await found('/data')).toEqual({ code: 1, findings: [`warning /data/other-0: is of topic ${OTHER_TOPIC_ID}, which the metadata of the cluster does not know`] });
  });

  test('where it has the id of a topic of another name, or no id and no topic has its name', async () => {
    metadataLog(0, topic('events', TOPIC_ID), partition(0, TOPIC_ID), partition(1, TOPIC_ID));
    ownPartition('ghost-0', TOPIC_ID);
    for (const name of ['gone-3', 'events-1']) {
      disk.makeDirectory(`/data/${name}`);
      write(`${name}/${file(0, '.log')}`, '');
    }
    expect(await straysIn('/data')).toEqual([
      ['/data/ghost-0', 'has the topic id of events: it is a copy, or was renamed', 'setAside'],
      ['/data/gone-3', 'is of no topic by its id, and of none that the metadata of the cluster knows by its name', 'unusedRemoved'],
    ]);
  });

  test('where its number is beyond those that the topic has', async () => {
    metadataLog(0, topic('events', TOPIC_ID), partition(0, TOPIC_ID), partition(1, TOPIC_ID));
    for (const name of ['events-1', 'events-2']) ownPartition(name, TOPIC_ID);
    disk.makeDirectory('/data/events-7');
    write(`events-7/${file(0, '.log')}`, '');
    const message = 'is no partition of events, which has 2 partitions, numbered from 0 on, by the metadata of the cluster';
    expect(await straysIn('/data')).toEqual([['/data/events-2', message, 'setAside'], ['/data/events-7', message, 'unusedRemoved']]);
    expect((await verify('/data')).text).toContain('at start: it is set aside as stray, and never removed');
  });

  test('where its replicas are on other nodes, the last that was said of them', async () => {
    metadataLog(
      0, topic('events', TOPIC_ID), partition(0, TOPIC_ID, [2, 3]), partition(1, TOPIC_ID),
      metadataRecord('PartitionChange', { partitionId: 0, topicId: TOPIC_ID, replicas: [1, 2] }), metadataRecord('PartitionChange', { partitionId: 0, topicId: TOPIC_ID, isr: [1] }),
    );
    ownPartition('events-1', TOPIC_ID);
    expect(await straysIn('/data')).toEqual([]);
    change(`__cluster_metadata-0/${file(0, '.log')}`, bytes => Buffer.concat([bytes, batches(5, metadataRecord('PartitionChange', { partitionId: 1, topicId: TOPIC_ID, replicas: [3] }))]));
    expect(await straysIn('/data')).toEqual([['/data/events-1', 'has its replicas on nodes 3 by the metadata of the cluster, and none on this one, 1', 'setAside']]);
  });
});

describe('a partition that the cluster has here and that is missing', () => {
  const ofPartitions = async (...directories: string[]): Promise<string[]> => (await found(...directories)).findings.filter(finding => finding.includes(' /'));
  const removeEvents = (): Promise<void> => disk.removeTree('/data/events-0');

  test('is an error where a checkpoint knows what was in it, and begins anew, empty', async () => {
    await removeEvents();
    const { code, text } = await verify('/data');
    expect(code).toBe(1);
    expect(text).toContain('error    /data/events-0: is missing, and the metadata of the cluster has this partition here: its log, which went up to offset 9 or further, is gone');
    expect(text).toContain('at start: it begins anew, empty, at offset 0');
    expect(text).toContain('1 error, 0 warnings');
  });

  test('is a warning where none knows it, and a note where a running broker may be about to make it', async () => {
    metadataLog(0, topic('events', TOPIC_ID), partition(0, TOPIC_ID), partition(1, TOPIC_ID));
    const message = '/data/events-1: is missing, and the metadata of the cluster has this partition here';
    expect(await found('/data')).toEqual({ code: 1, findings: [`warning ${message}`] });
    write('.lock', '');
    locked = true;
    expect(await found('/data')).toEqual({ code: 0, findings: [`note ${message}`] });
  });

  test('is none where it is on another node, in a directory that is not read, or a copy takes its place', async () => {
    metadataLog(
      0, topic('events', TOPIC_ID), partition(0, TOPIC_ID), partition(1, TOPIC_ID, [2]), partition(2, TOPIC_ID, [1], ['qdb5_tpvQnWjurtVNt0Bng']), partition(3, TOPIC_ID),
      metadataRecord('PartitionChange', { partitionId: 3, topicId: TOPIC_ID, directories: ['qdb5_tpvQnWjurtVNt0Bng'] }),
    );
    expect(await ofPartitions('/data')).toEqual([]);
    disk.rename('/data/events-0', `/data/events-0.${'0123456789abcdef'.repeat(2)}-future`);
    expect(await ofPartitions('/data')).toEqual([]);
  });

  test('is found by the checkpoints where the cluster does not say in which directory it is', async () => {
    metadataLog(0, topic('events', TOPIC_ID), partition(0, TOPIC_ID, [1], []), partition(1, TOPIC_ID, [1], ['AAAAAAAAAAAAAAAAAAAAAQ']));
    expect(await ofPartitions('/data')).toEqual([]);
    await removeEvents();
    expect(await ofPartitions('/data')).toEqual([expect.stringContaining('error /data/events-0: is missing')]);
  });
});

test('without a metadata log it is said that partitions could not be held against the cluster', async () => {
  for (const name of disk.list(METADATA)) disk.removeNow(`${METADATA}/${name}`);
  const message = 'there is no metadata log here: partitions cannot be held against the cluster\'s topics';
  write(`__cluster_metadata-0/${file(0, '.log')}`, '');
  expect((await found('/data')).findings).toContain(`warning /data: ${message}`);
  await disk.removeTree(METADATA);
  expect(await found('/data')).toEqual({ code: 1, findings: [`warning /data: ${message}`] });
  expect((await verify('/data')).text).toContain('a broker with no other directory does not start');
  expect(await found('/data/events-0')).toEqual({ code: 0, findings: [] });
});

describe('several directories', () => {
  beforeEach(() => {
    disk.makeDirectory('/other');
    disk.writeFileAtomically('/other/meta.properties', disk.readFile('/data/meta.properties').toString().replace('pdb5', 'qdb5'));
  });
  const own = (edit: (text: string) => string): void => disk.writeFileAtomically('/other/meta.properties', edit(disk.readFile('/other/meta.properties').toString()));

  test('of one node are well', async () => {
    expect(await found('/data', '/other')).toEqual({ code: 0, findings: [] });
  });

  test.each<[string, () => void, RegExp]>([
    ['another cluster', () => own(text => text.replace('abc', 'xyz')), /^error \/other: is of cluster xyz, and \/data of abc/],
    ['another node', () => own(text => text.replace('node.id=1', 'node.id=2')), /^error \/other: is of node 2, and \/data of 1/],
    ['the same directory.id', () => own(text => text.replace('qdb5', 'pdb5')), /^error \/other: has the same directory\.id as \/data/],
    [
      'the same partition',
      () => { disk.makeDirectory('/other/events-0'); disk.writeFileAtomically('/other/events-0/partition.metadata', `version: 0\ntopic_id: ${TOPIC_ID}`); },
      /^error \/other\/events-0: is in \/data too/,
    ],
  ])('%s is a fault', async (_, plant, expected) => {
    plant();
    expect((await found('/data', '/other')).findings).toEqual([expect.stringMatching(expected)]);
  });
});

test('says what it cannot do', async () => {
  await expect(verify('/absent')).rejects.toThrow('/absent: there is no such directory');
  await expect(verify('/data/meta.properties')).rejects.toThrow('this is a file');
  disk.makeDirectory('/empty/inside');
  await expect(verify('/empty')).rejects.toThrow('/empty: there is no log directory and no partition here');
  await expect(verify()).rejects.toThrow('name a directory');
  const parts = { disk, output: { hasColor: false, write: () => Promise.resolve() }, directory: '/', isLocked: () => Promise.resolve(false) };
  await expect(logVerify(parseFlags(COMMANDS.log, []), parts)).rejects.toThrow('say what to do');
  await expect(logVerify(parseFlags(COMMANDS.log, ['mend', '/data']), parts)).rejects.toThrow('\'mend\' is not understood here');
});
