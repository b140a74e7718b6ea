import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MemoryDisk } from '../env/memory/memory-disk.js';
import { NodeClock, NodeRandom, silentLogger } from '../env/node/index.js';
import { createLogHost, loneHome } from '../log/index.js';
import { ImageBuilder } from '../metadata/image-builder.js';
import { recordsOfImage } from '../metadata/image-records.js';
import { EMPTY_IMAGE } from '../metadata/image.js';
import { MetadataLoader } from '../metadata/loader.js';
import { encodeMetadataRecord, metadataRecord, type MetadataRecord } from '../metadata/records.js';
import { snapshotBatches, type QuorumFacts, type Voter } from '../metadata/snapshot.js';
import type { MetadataImage } from '../metadata/types.js';
import { Settings } from '../config/settings.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { batchesIn, recordsIn } from '../protocol/records/batch-iterator.js';
import * as batch from '../protocol/records/batch.js';
import { ControlRecordType, controlRecordType } from '../protocol/records/control-records.js';
import { ZERO_UUID } from '../protocol/wire/types.js';
import { RaftDriver, type RaftOptions } from './driver.js';
import { formatElectionState, NO_ELECTION, parseElectionState } from './election-state.js';
import { metadataLogSettings, type MetadataLogSettings } from './metadata-log.js';
import { snapshotFile } from './snapshot-store.js';
import { step, type RaftInput, type RaftState, type Ready } from './step.js';

const DIRECTORY = 'PxLNnFzcS3aGvMYZ4oWAiQ';
const OTHER_DIRECTORY = 'AxLNnFzcS3aGvMYZ4oWAiQ';
const voter = (voterId: number, voterDirectoryId = DIRECTORY, port = 9093): Voter => ({
  voterId, voterDirectoryId, endpoints: [{ name: 'CONTROLLER', host: 'localhost', port }], kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 },
});

describe('step', () => {
  const initial = (fields: Partial<RaftState> = {}): RaftState => ({
    nodeId: 1, directoryId: DIRECTORY, election: NO_ELECTION, role: { kind: 'unattached' }, quorum: { kraftVersion: 1, voters: [voter(1)] },
    votersInLog: false, localVoter: voter(1), endOffset: 0, lastEpoch: 0, highWatermark: 0, ...fields,
  });
  const run = (state: RaftState, ...inputs: RaftInput[]): { state: RaftState; bundles: Ready[] } => {
    const bundles: Ready[] = [];
    let current = state;
    for (const input of inputs) {
      const { state: next, ready } = step(current, input);
      current = next;
      bundles.push(ready);
    }
    return { state: current, bundles };
  };
  const appended = (endOffset: number): RaftInput => ({ kind: 'appended', endOffset });
  const types = (ready: Ready | undefined) => ready?.append?.records.map(({ type }) => type);

  test('a vote is saved before the leader writes, and leadership is told once its first records are committed', () => {
    const { state, bundles } = run(initial(), { kind: 'start' }, { kind: 'saved' }, appended(3), appended(5));
    expect(bundles[0]).toEqual({ save: { leaderEpoch: 1, leaderId: 1, votedId: 1, votedDirectoryId: DIRECTORY } });
    expect(types(bundles[1])).toEqual([ControlRecordType.leaderChange, ControlRecordType.kraftVersion, ControlRecordType.kraftVoters]);
    expect(bundles.slice(2)).toEqual([{ highWatermark: 3, leadership: 1 }, { highWatermark: 5 }]);
    expect(state.role).toMatchObject({ kind: 'leader', startOffset: 0 });
  });

  test('the leader of voters that settings name writes them into the log with kraft.version 1, once', () => {
    const named = { ...voter(1, ZERO_UUID), kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 0 } };
    const led = run(initial({ quorum: { kraftVersion: 0, voters: [named] } }), { kind: 'start' }, { kind: 'saved' }, appended(1));
    expect(types(led.bundles[1])).toEqual([ControlRecordType.leaderChange]);
    const { state, bundles } = run(led.state, { kind: 'raise', kraftVersion: 1 }, appended(3), { kind: 'raise', kraftVersion: 1 }, { kind: 'raise', kraftVersion: 0 });
    expect(bundles[0]?.append?.epoch).toBe(1);
    expect(types(bundles[0])).toEqual([ControlRecordType.kraftVersion, ControlRecordType.kraftVoters]);
    expect(bundles.slice(1)).toEqual([{ highWatermark: 3 }, {}, {}]);
    expect(state).toMatchObject({ quorum: { kraftVersion: 1, voters: [voter(1)] }, votersInLog: true });
    expect(run(initial(), { kind: 'raise', kraftVersion: 2 }).bundles).toEqual([{}]);
  });

  test('an epoch is above all that the file and the log have seen', () => {
    for (const [inFile, inLog] of [[4, 7], [7, 4]] as const) {
      const { bundles } = run(initial({ election: { ...NO_ELECTION, leaderEpoch: inFile }, lastEpoch: inLog }), { kind: 'start' });
      expect(bundles[0]?.save?.leaderEpoch).toBe(8);
    }
  });

  test('voters are written anew only when the log lacks them or this node has moved', () => {
    const records = (fields: Partial<RaftState>) => types(run(initial(fields), { kind: 'start' }, { kind: 'saved' }).bundles[1])?.length;
    expect(records({ votersInLog: true })).toBe(1);
    expect(records({ votersInLog: true, localVoter: voter(1, DIRECTORY, 1234) })).toBe(3);
    expect(records({ votersInLog: false })).toBe(3);
    expect(records({ quorum: { kraftVersion: 0, voters: [voter(1, ZERO_UUID)] } })).toBe(1);
  });

  test('a quorum that would need others is refused by name', () => {
    const refused = (quorum: QuorumFacts) => expect(() => step(initial({ quorum }), { kind: 'start' }));
    refused({ kraftVersion: 1, voters: [] }).toThrow(/names no voters/);
    refused({ kraftVersion: 1, voters: [voter(1), voter(2), voter(3)] }).toThrow(/3 voters \(1, 2, 3\)/);
    refused({ kraftVersion: 1, voters: [voter(2)] }).toThrow(/node 1 is not a voter/);
    refused({ kraftVersion: 1, voters: [voter(1, OTHER_DIRECTORY)] }).toThrow(/metadata directory/);
  });

  test('resigning tells of a leadership that was, and of none that was not', () => {
    expect(run(initial(), { kind: 'resign' }).bundles).toEqual([{}]);
    const { bundles, state } = run(initial(), { kind: 'start' }, { kind: 'saved' }, appended(3), { kind: 'resign' }, appended(4));
    expect(bundles.slice(3)).toEqual([{ leadership: null }, {}]);
    expect(state).toMatchObject({ role: { kind: 'unattached' }, highWatermark: 3 });
  });
});

describe('quorum-state', () => {
  test('is written as Kafka writes it and read back', () => {
    const state = { leaderEpoch: 2, leaderId: 1, votedId: 1, votedDirectoryId: DIRECTORY };
    const newer = formatElectionState(state, 1, [1]);
    expect(newer).toBe(`{"leaderId":1,"leaderEpoch":2,"votedId":1,"votedDirectoryId":"${DIRECTORY}","data_version":1}`);
    expect(parseElectionState(newer)).toEqual(state);
    const older = formatElectionState({ ...state, votedId: -1 }, 0, [1]);
    expect(older).toBe('{"clusterId":"","leaderId":1,"leaderEpoch":2,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}');
    expect(parseElectionState(older)).toEqual({ ...state, votedId: -1, votedDirectoryId: ZERO_UUID });
  });

  test('that cannot be meant is refused', () => {
    for (const text of ['', '{', '{}', '{"data_version":9}', '{"data_version":1,"leaderEpoch":"x"}']) expect(() => parseElectionState(text)).toThrow(/quorum-state/);
  });
});

describe('driver', () => {
  const clock = new NodeClock();
  const texts = { 'node.id': '1', 'process.roles': 'broker,controller', 'controller.listener.names': 'CONTROLLER', 'internal.metadata.delete.delay.millis': '0' };
  const settings = metadataLogSettings(Settings.from(new Map(Object.entries(texts).map(([name, text]) => [name, { text, place: 'test' }]))));
  let disk: MemoryDisk;
  let faults: unknown[];
  let drivers: RaftDriver[];

  beforeEach(() => {
    disk = new MemoryDisk();
    faults = [];
    drivers = [];
    disk.makeDirectory('/data/__cluster_metadata-0');
    const quorum = { kraftVersion: 1, voters: [voter(1)] };
    const bytes = Buffer.concat([...snapshotBatches({ epoch: 0, lastContainedLogTimestampMs: clock.nowMs(), nowMs: 0, quorum, records: [], metadataVersion: 30 })]);
    disk.writeFileAtomically('/data/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint', bytes);
  });

  afterEach(async () => {
    for (const driver of drivers) await driver.close();
    expect(faults).toEqual([]);
  });

  const options = (fields: Partial<MetadataLogSettings> = {}): RaftOptions => ({
    host: createLogHost({ env: { disk, clock, random: new NodeRandom(), logger: silentLogger } }),
    logDirectory: loneHome(silentLogger, '/data', DIRECTORY), nodeId: 1, settings: { ...settings, ...fields }, staticVoters: [],
    endpoints: [{ name: 'CONTROLLER', host: 'localhost', port: 9093 }], onFault: error => { faults.push(error); },
  });

  async function opened(fields: Partial<MetadataLogSettings> = {}): Promise<{ driver: RaftDriver; epoch: () => number | null | undefined }> {
    const driver = await RaftDriver.open(options(fields));
    drivers.push(driver);
    let epoch: number | null | undefined;
    driver.onLeadership(next => { epoch = next; });
    driver.start();
    return { driver, epoch: () => epoch };
  }

  const batchOf = (...records: MetadataRecord[]) =>
    buildBatch({}, records.map(record => ({ timestampMs: 1, key: null, value: encodeMetadataRecord(record, 30) })));
  const config = (name: string, value: string) => metadataRecord('Config', { resourceType: 4, resourceName: '', name, value });
  const controlTypes = async (driver: RaftDriver) => {
    const found: number[][] = [];
    await driver.readAll(({ batches, snapshot }) => {
      for (const at of batchesIn(batches)) {
        if (snapshot === undefined && batch.isControl(batches, at)) found.push([...recordsIn(batches, at)].map(({ key }) => controlRecordType(key)));
      }
      return true;
    });
    return found;
  };
  const content = (image: MetadataImage) => [...recordsOfImage(image)].map(record => JSON.stringify(record));

  async function loaded(driver: RaftDriver): Promise<MetadataImage> {
    const loader = new MetadataLoader(driver, error => { faults.push(error); });
    loader.start();
    await loader.caughtUp();
    loader.close();
    return loader.image;
  }

  test('the first epoch names the voters in the log, later ones only the leader', async () => {
    const first = await opened();
    expect(first.epoch()).toBe(1);
    await first.driver.close();
    expect(first.epoch()).toBe(null);
    const second = await opened();
    expect(second.epoch()).toBe(2);
    expect(await controlTypes(second.driver)).toEqual([[2, 5, 6], [2]]);
    expect(disk.readFile('/data/__cluster_metadata-0/quorum-state').toString()).toContain('"leaderEpoch":2');
    expect((await loaded(second.driver)).features.finalized.get('kraft.version')).toBe(1);
  });

  test('what the leader appends is committed, stamped with its epoch, and refused to those of other epochs', async () => {
    const { driver } = await opened();
    const result = driver.append(batchOf(config('a', '1'), config('b', '2')), { leaderEpoch: 1 });
    expect([result, driver.committedEnd]).toMatchObject([{ baseOffset: 3, lastOffset: 4 }, 5]);
    expect(() => driver.append(batchOf(config('c', '3')), { leaderEpoch: 2 })).toThrow(expect.objectContaining({ errorCode: 6 }));
  });

  test('after any number of restarts the image is what was appended', async () => {
    for (let round = 0; round < 4; round++) {
      const { driver } = await opened();
      driver.append(batchOf(config(`round-${round}`, 'x')), { leaderEpoch: round + 1 });
      const image = await loaded(driver);
      expect([...(image.configs.get('4:')?.keys() ?? [])]).toEqual(Array.from({ length: round + 1 }, (_, index) => `round-${index}`));
      expect(image).toMatchObject({ offset: driver.committedEnd - 1, epoch: round + 1 });
      await driver.close();
    }
  });

  test('a follower of the log sees what was there, and then what comes, in order and once', async () => {
    const { driver } = await opened();
    driver.append(batchOf(config('a', '1')), { leaderEpoch: 1 });
    const seen: number[] = [];
    const stop = driver.follow(({ batches, snapshot }) => {
      if (snapshot === undefined) for (const at of batchesIn(batches)) seen.push(batch.lastOffset(batches, at));
    });
    driver.append(batchOf(config('b', '1')), { leaderEpoch: 1 });
    await new Promise(resolve => setImmediate(resolve));
    await new Promise(resolve => setImmediate(resolve));
    driver.append(batchOf(config('c', '1')), { leaderEpoch: 1 });
    await loaded(driver);
    expect(seen).toEqual([2, 3, 4, 5]);
    stop();
    driver.append(batchOf(config('d', '1')), { leaderEpoch: 1 });
    await loaded(driver);
    expect(seen).toHaveLength(4);
  });

  test('an aborted transaction is never published', async () => {
    const { driver } = await opened();
    const seen: string[][] = [];
    const loader = new MetadataLoader(driver, error => { faults.push(error); });
    loader.add({ onImage: image => { seen.push(content(image)); } });
    loader.start();
    driver.append(batchOf(config('before', '1'), metadataRecord('BeginTransaction', {}), config('inside', '1')), { leaderEpoch: 1 });
    await loader.caughtUp();
    driver.append(batchOf(metadataRecord('AbortTransaction', {}), config('after', '1')), { leaderEpoch: 1 });
    await loader.caughtUp();
    expect(seen.join()).not.toContain('inside');
    expect(seen.at(-1)?.join()).toMatch(/before.*after/);
  });

  test('a snapshot takes the place of the log below it, and a restart from it gives the same image', async () => {
    const { driver } = await opened({ snapshotAfterBytes: 1, retentionBytes: 0 });
    const loader = new MetadataLoader(driver, error => { faults.push(error); });
    loader.add({ onImage: (image, _, { lastContainedLogTimestampMs }) => driver.offerSnapshot(image, lastContainedLogTimestampMs) });
    driver.append(batchOf(metadataRecord('FeatureLevel', { name: 'metadata.version', featureLevel: 30 })), { leaderEpoch: 1 });
    for (let round = 0; round < 20; round++) driver.append(batchOf(config(`key-${round % 7}`, String(round))), { leaderEpoch: 1 });
    loader.start();
    await loader.caughtUp();
    const before = content(loader.image);
    await driver.close();
    const names = disk.list('/data/__cluster_metadata-0');
    expect(names).toContain(snapshotFile({ offset: 24, epoch: 1 }));
    expect(names).not.toContain(snapshotFile({ offset: 0, epoch: 0 }));
    const after = await opened();
    expect(content(await loaded(after.driver))).toEqual(before);
    expect(await controlTypes(after.driver)).toEqual([[2]]);
  });

  test('a log that a power loss left with a gap between two segments ends there', async () => {
    const { driver, epoch } = await opened({ log: { ...settings.log, segmentBytes: 300 } });
    for (let index = 0; index < 12; index++) driver.append(batchOf(config(`key-${index}`, String(index))), { leaderEpoch: 1 });
    expect(epoch()).toBe(1);
    await driver.close();
    const directory = '/data/__cluster_metadata-0';
    const segments = disk.list(directory).filter(name => name.endsWith('.log'));
    expect(segments.length).toBeGreaterThan(3);
    disk.removeNow(`${directory}/${segments[2]}`);
    const again = await opened();
    // What follows is the leader's own record, of the next epoch.
    expect(again.driver.endOffset).toBe(Number.parseInt(segments[2]!) + 1);
    expect((await loaded(again.driver)).configs.get('4:')?.size).toBe(Number.parseInt(segments[2]!) - 3);
  });

  test('a snapshot that was never finished counts for nothing', async () => {
    disk.writeFileAtomically('/data/__cluster_metadata-0/00000000000000000099-0000000001.checkpoint.part', 'x');
    const { driver } = await opened();
    expect(driver.describe()).toMatchObject({ isLeader: true, leaderEpoch: 1, highWatermark: 3, quorum: { kraftVersion: 1 } });
    expect(disk.list('/data/__cluster_metadata-0').join()).not.toContain('.part');
  });

  test('a snapshot beyond the end of the log stands for it', async () => {
    const builder = new ImageBuilder(EMPTY_IMAGE);
    builder.replay(config('a', '1'), 9, 3);
    const bytes = Buffer.concat([...snapshotBatches({
      epoch: 3, lastContainedLogTimestampMs: 1, nowMs: 1, quorum: { kraftVersion: 1, voters: [voter(1)] }, records: recordsOfImage(builder.image), metadataVersion: 30,
    })]);
    disk.writeFileAtomically(`/data/__cluster_metadata-0/${snapshotFile({ offset: 10, epoch: 3 })}`, bytes);
    const { driver, epoch } = await opened();
    expect([epoch(), driver.endOffset]).toEqual([4, 11]);
    expect(content(await loaded(driver))).toEqual(content(builder.image));
  });
});
