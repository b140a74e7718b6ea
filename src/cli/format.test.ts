import { describe, expect, test } from '@jest/globals';
import { isUuid } from '../base/uuid.js';
import { NodeClock, NodeRandom } from '../env/node/index.js';
import { MemoryDisk } from '../env/memory/memory-disk.js';
import { COMMANDS } from './commands.js';
import { parseFlags } from './flags.js';
import { format } from './format.js';

class Typed {
  readonly out: string[] = [];
  readonly errors: string[] = [];
  readonly disk = new MemoryDisk();
  files: Record<string, string> = {};

  run(...words: string[]): number {
    this.out.length = 0;
    this.errors.length = 0;
    return format(parseFlags(COMMANDS.format, words), {
      terminal: {
        environment: {}, directory: '/here',
        out: line => { this.out.push(line); },
        error: line => { this.errors.push(line); },
        readFile: path => Buffer.from(this.files[path] ?? ''),
        onStopSignal: () => undefined,
        exit: () => undefined,
      },
      env: { disk: this.disk, random: new NodeRandom(), clock: new NodeClock() },
      hostName: 'this.machine',
    });
  }

  properties(directory: string): string {
    return this.disk.readFile(`${directory}/meta.properties`).toString();
  }
}

describe('ottla format', () => {
  test('makes the default directory ready for node 1 of a new cluster with one voter', () => {
    const typed = new Typed();
    expect(typed.run()).toBe(0);
    const property = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(typed.properties('/here/ottla-data'))?.[1];
    expect(property('node.id')).toBe('1');
    expect(isUuid(property('cluster.id') ?? '')).toBe(true);
    expect(typed.disk.list('/here/ottla-data/__cluster_metadata-0')).toEqual(['00000000000000000000-0000000000.checkpoint']);
    expect(typed.out).toEqual([expect.stringMatching(/^formatted \/here\/ottla-data with metadata\.version 4\.3-IV0 \(cluster /)]);
  });

  test('formats all directories of a Kafka file, with the release and levels asked for', () => {
    const typed = new Typed();
    typed.files['/here/s.properties'] = 'node.id=7\nlog.dirs=/a,b';
    expect(typed.run('-c', 's.properties', '-t', 'MkU3OEVBNTcwNTJENDM2Qg', '--release-version', '4.0', '-f', 'group.version=0', '--standalone')).toBe(0);
    for (const directory of ['/a', '/here/b']) expect(typed.properties(directory)).toContain('cluster.id=MkU3OEVBNTcwNTJENDM2Qg');
    expect(typed.properties('/a')).toContain('node.id=7');
    expect(typed.out).toHaveLength(2);
    expect(typed.out[0]).toContain('4.0-IV3');
  });

  test('refuses what is formatted, and leaves it alone when told to', () => {
    const typed = new Typed();
    typed.run('--cluster-id', 'one', '--node-id', '3');
    const before = typed.properties('/here/ottla-data');
    expect(typed.run('--cluster-id', 'one', '--node-id', '3')).toBe(1);
    expect(typed.errors).toEqual(['ottla: /here/ottla-data is already formatted; --ignore-formatted leaves such directories as they are']);
    expect(typed.run('--cluster-id', 'one', '--node-id', '3', '-g')).toBe(0);
    expect(typed.out).toEqual(['all directories are formatted already']);
    expect(typed.properties('/here/ottla-data')).toBe(before);
  });

  test.each<[string[], number, string]>([
    [['--feature', 'group.version'], 2, 'ottla: --feature group.version: it has to be NAME=VALUE'],
    [['--feature', 'group.version=x'], 2, 'ottla: --feature group.version=x: the level has to be a number'],
    [['--feature', 'no.such=1'], 1, "ottla: feature 'no.such' is not known"],
    [['--release-version', '1.0'], 1, "ottla: release version '1.0' is not known; 3.3-IV3 to 4.3-IV0 are"],
    [['--node-id', 'x'], 1, 'ottla: Invalid value x for configuration node.id: Not a number of type INT (--node-id)'],
    [['--standalone', '--set', 'controller.quorum.voters=1@localhost:9093'], 2,
      'ottla: --standalone and controller.quorum.voters exclude each other: take the voters out, or leave the flag out'],
  ])('%j: one clear line', (words, code, line) => {
    const typed = new Typed();
    expect(typed.run(...words)).toBe(code);
    expect(typed.errors).toContain(line);
    expect(typed.disk.stat('/here/ottla-data')).toBeUndefined();
  });
});
