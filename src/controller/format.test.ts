import { beforeEach, describe, expect, test } from '@jest/globals';
import { MemoryDisk } from '../env/memory/memory-disk.js';
import { NodeClock, NodeRandom } from '../env/node/index.js';
import { SimWorld } from '../env/sim/index.js';
import { readMetaProperties } from '../log/index.js';
import { defaultBootstrap } from '../metadata/bootstrap.js';
import { defaultFeatures } from '../metadata/features.js';
import { readSnapshot } from '../metadata/snapshot.js';
import { FormatError, formatDirectories, readBootstrapFile, type FormatOptions } from './format.js';

let disk: MemoryDisk;

beforeEach(() => {
  disk = new MemoryDisk();
});

const format = (fields: Partial<FormatOptions> = {}) => formatDirectories({
  env: { disk, random: new NodeRandom(), clock: new NodeClock() }, directories: ['/a', '/b'], metadataDirectory: '/a', clusterId: 'c', nodeId: 3,
  standalone: { endpoints: [{ name: 'CONTROLLER', host: 'h', port: 9093 }] }, ...fields,
});
const levels = (directory: string) => Object.fromEntries(readBootstrapFile(disk, directory).records.map(record => {
  if (record.type !== 'FeatureLevel') throw new Error(record.type);
  return [record.message.name, record.message.featureLevel];
}));

/** That of the quorum stands in control records. */
const withoutQuorum = (all: ReadonlyMap<string, number>) => Object.fromEntries([...all].filter(([name]) => name !== 'kraft.version'));

describe('formatting', () => {
  test('gives each directory its id, all of them the first levels, and one the first voters', () => {
    const { directories, metadataVersion } = format();
    expect([[...directories.keys()], metadataVersion]).toEqual([['/b', '/a'], '4.3-IV0']);
    for (const [directory, directoryId] of directories) {
      expect(readMetaProperties(disk, directory)).toEqual({ clusterId: 'c', nodeId: 3, directoryId });
      expect(readBootstrapFile(disk, directory)).toEqual(defaultBootstrap());
    }
    const { quorum, records } = readSnapshot(disk.readFile('/a/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint'));
    expect(records).toEqual([]);
    expect(quorum).toMatchObject({ kraftVersion: 1, voters: [{
      voterId: 3, voterDirectoryId: directories.get('/a'), endpoints: [{ name: 'CONTROLLER', host: 'h', port: 9093 }],
    }] });
    expect(disk.list('/b')).toEqual(['bootstrap.checkpoint', 'meta.properties']);
  });

  test('takes an older release, and levels that differ from its defaults', () => {
    format({ releaseVersion: '4.0' });
    expect(levels('/a')).toEqual(withoutQuorum(defaultFeatures(25)));
    format({ directories: ['/c'], metadataDirectory: '/c', features: new Map([['eligible.leader.replicas.version', 0]]) });
    expect(levels('/c')).toEqual({ ...withoutQuorum(defaultFeatures()), 'eligible.leader.replicas.version': 0 });
  });

  test('without voters of its own leaves the quorum to the settings', () => {
    format({ standalone: undefined });
    expect(disk.list('/a')).toEqual(['bootstrap.checkpoint', 'meta.properties']);
  });

  test('leaves formatted directories alone, and only when told to', () => {
    const first = format({ directories: ['/a'] });
    expect(() => format()).toThrow(FormatError);
    const second = format({ ignoreFormatted: true });
    expect([...second.directories.keys()]).toEqual(['/b']);
    expect(readMetaProperties(disk, '/a')?.directoryId).toBe(first.directories.get('/a'));
    expect(() => format({ ignoreFormatted: true, clusterId: 'd' })).toThrow(/belongs to cluster c, not d/);
    expect(() => format({ ignoreFormatted: true, nodeId: 4 })).toThrow(/belongs to node 3, not 4/);
  });

  test('what cannot be is refused before anything is written', () => {
    const refused = (fields: Partial<FormatOptions>, why: RegExp) => expect(() => format(fields)).toThrow(why);
    refused({ releaseVersion: '9.9' }, /release version '9.9' is not known; 3.3-IV3 to 4.3-IV0 are/);
    refused({ features: new Map([['nonsense', 1]]) }, /feature 'nonsense' is not known/);
    refused({ features: new Map([['share.version', 1]]) }, /this version serves only 0/);
    refused({ features: new Map([['kraft.version', 0]]) }, /kraft.version cannot be 0/);
    refused({ features: new Map([['kraft.version', 1]]), standalone: undefined }, /needs --standalone/);
    refused({ releaseVersion: '3.9', features: new Map([['eligible.leader.replicas.version', 1]]) }, /needs metadata.version 23 \(4.0-IV1\)/);
    refused({ releaseVersion: '3.9', features: new Map([['metadata.version', 30]]) }, /given twice/);
    expect(disk.stat('/a')).toBeUndefined();
  });

  test('a folder with somebody\'s files in it is refused, and left as it is', () => {
    disk.makeDirectory('/a');
    disk.writeFileAtomically('/a/notes.txt', 'mine');
    expect(() => format()).toThrow(/\/a is no data directory: it holds notes\.txt/);
    expect(disk.list('/a')).toEqual(['notes.txt']);
  });

  test('a directory that lost its meta.properties gets no other, whatever else is left of it', () => {
    format({ directories: ['/a'] });
    disk.removeNow('/a/meta.properties');
    const log = '/a/__cluster_metadata-0/00000000000000000000.log';
    disk.writeFileAtomically(log, 'batches');
    expect(() => format({ directories: ['/a'], ignoreFormatted: true })).toThrow(/\/a is no data directory: it holds __cluster_metadata-0, and no meta\.properties; put that file back/);
    expect(readMetaProperties(disk, '/a')).toBeUndefined();
    disk.removeNow(log);
    expect(format({ directories: ['/a'] }).directories.size).toBe(1);
  });

  test('is there after a power loss, and so are the directories above that it made', () => {
    const node = new SimWorld(1).node('broker');
    const { directories } = format({ env: node, directories: ['/new/deep/a', '/new/b'], metadataDirectory: '/new/deep/a' });
    node.crash({ keep: 0 });
    const { disk: left } = node.world.node('broker');
    expect(directories.size).toBe(2);
    for (const [directory, directoryId] of directories) expect(readMetaProperties(left, directory)).toMatchObject({ directoryId });
    expect(left.list('/new/deep/a')).toEqual(['__cluster_metadata-0', 'bootstrap.checkpoint', 'meta.properties']);
  });

  test('broken off before its end, it is simply done again', () => {
    disk.makeDirectory('/a');
    disk.writeFileAtomically('/a/bootstrap.checkpoint', 'half');
    format({ directories: ['/a'] });
    expect(readBootstrapFile(disk, '/a')).toEqual(defaultBootstrap());
  });
});
