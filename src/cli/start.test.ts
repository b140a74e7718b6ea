import { describe, expect, test } from '@jest/globals';
import { DiskError } from '../env/index.js';
import { silentLogger } from '../env/node/logger.js';
import { COMMANDS } from './commands.js';
import { parseFlags } from './flags.js';
import { helpText } from './help.js';
import { start, type LogWish, type RunningBroker, type StartRequest } from './start.js';

/** A command that was typed, with a broker that does as it is told. */
class Typed {
  readonly out: string[] = [];
  readonly errors: string[] = [];
  readonly warnings: string[] = [];
  readonly exits: number[] = [];
  request: StartRequest | undefined;
  wish: LogWish | undefined;
  environment: Record<string, string> = {};
  files: Record<string, string | Buffer> = {};
  startError: Error | undefined;
  closed = 0;
  closeHangs = false;
  closeError: Error | undefined;
  signal: (name: string) => void = () => undefined;
  fail: (error: Error) => void = () => undefined;
  readonly ready: Promise<void>;
  private readonly isReady: () => void;

  constructor() {
    let isReady = (): void => undefined;
    this.ready = new Promise(resolve => { isReady = resolve; });
    this.isReady = isReady;
  }

  run(...words: string[]): Promise<number> {
    return start(parseFlags(COMMANDS.start, words), {
      terminal: {
        environment: this.environment, directory: '/here',
        out: line => { this.out.push(line); this.isReady(); },
        error: line => { this.errors.push(line); },
        readFile: path => {
          const file = this.files[path];
          if (file === undefined) throw new Error(`ENOENT: no such file, open '${path}'`);
          return Buffer.from(file);
        },
        onStopSignal: handler => { this.signal = handler; },
        exit: code => { this.exits.push(code); },
      },
      logger: wish => {
        this.wish = wish;
        return { ...silentLogger, warn: message => { this.warnings.push(message); } };
      },
      startBroker: request => {
        this.request = request;
        return this.startError === undefined ? Promise.resolve(this.broker()) : Promise.reject(this.startError);
      },
    });
  }

  private broker(): RunningBroker {
    const host = this.request!.settings.text('listeners')!.includes('[') ? '::1' : '127.0.0.1';
    return {
      host, port: 7777,
      failed: new Promise(resolve => { this.fail = resolve; }),
      close: () => {
        this.closed++;
        if (this.closeError !== undefined) return Promise.reject(this.closeError);
        return this.closeHangs ? new Promise(() => undefined) : Promise.resolve();
      },
    };
  }
}

async function settingsOf(...words: string[]): Promise<StartRequest> {
  const typed = new Typed();
  const done = typed.run(...words);
  await typed.ready;
  typed.signal('SIGTERM');
  await done;
  return typed.request!;
}

describe('ottla start', () => {
  test('says one line when it is ready, and stops cleanly on a signal', async () => {
    const typed = new Typed();
    const done = typed.run();
    await typed.ready;
    expect(typed.out).toEqual(['Ottla ready on 127.0.0.1:7777']);
    typed.signal('SIGTERM');
    expect(await done).toBe(0);
    expect([typed.closed, typed.errors, typed.exits]).toEqual([1, [], []]);
  });

  test('a second signal ends the process while the first still waits', async () => {
    const typed = new Typed();
    typed.closeHangs = true;
    void typed.run();
    await typed.ready;
    typed.signal('SIGINT');
    expect(typed.exits).toEqual([]);
    typed.signal('SIGINT');
    expect(typed.exits).toEqual([1]);
  });

  test('ends with 1 and the reason when the broker cannot go on', async () => {
    const typed = new Typed();
    const done = typed.run();
    await typed.ready;
    typed.fail(new Error('the disk is full'));
    expect(await done).toBe(1);
    expect([typed.closed, typed.errors]).toEqual([1, ['ottla: the disk is full']]);
  });

  test('what then cannot be closed either does not hide the reason', async () => {
    const typed = new Typed();
    const done = typed.run();
    await typed.ready;
    typed.closeError = new DiskError('ENOTDIR', '/here/ottla-data/t-0/0.index', 'cannot open it');
    typed.fail(new Error('log directory /here/ottla-data failed: it holds the metadata log'));
    expect(await done).toBe(1);
    expect([typed.closed, typed.errors]).toEqual([1, ['ottla: log directory /here/ottla-data failed: it holds the metadata log']]);
  });

  test('prints IPv6 addresses in brackets', async () => {
    const typed = new Typed();
    const done = typed.run('--host', '::1');
    await typed.ready;
    expect(typed.out).toEqual(['Ottla ready on [::1]:7777']);
    typed.signal('SIGTERM');
    await done;
  });

  test('turns flags into settings; paths are from where it was typed', async () => {
    const { settings, memory } = await settingsOf('--data', 'd', '--port', '0', '--advertise', 'a:1', '--set', 'num.partitions=4');
    expect(settings.dataDirectories).toEqual(['/here/d']);
    expect([settings.text('listeners'), settings.text('advertised.listeners'), settings.get('num.partitions'), memory])
      .toEqual(['PLAINTEXT://127.0.0.1:0', 'PLAINTEXT://a:1', 4, false]);
    expect((await settingsOf()).settings.dataDirectories).toEqual(['/here/ottla-data']);
    expect((await settingsOf('--memory')).memory).toBe(true);
  });

  test('reads a Kafka file, in UTF-8 or in Latin-1, and the environment before it', async () => {
    const typed = new Typed();
    typed.files['/here/server.properties'] = Buffer.from('node.id=5\nbroker.rack=M\u00fcnchen\nnum.partitions=2\nqueued.max.requests=1\nno.such=1', 'latin1');
    typed.environment = { KAFKA_NUM_PARTITIONS: '3' };
    const done = typed.run('--config', 'server.properties');
    await typed.ready;
    const { settings } = typed.request!;
    expect([settings.get('node.id'), settings.get('broker.rack'), settings.get('num.partitions')]).toEqual([5, 'München', 3]);
    expect(typed.warnings[0]).toBe('unknown setting no.such (server.properties:5)');
    typed.signal('SIGTERM');
    await done;
  });

  test.each<[string, string[], Error | undefined, number, string]>([
    ['a bad value', ['--set', 'num.partitions=x'], undefined, 1, 'ottla: Invalid value x for configuration num.partitions: Not a number of type INT (--set)'],
    ['a missing file', ['--config', 'no.properties'], undefined, 1, "ottla: cannot read no.properties (--config): ENOENT: no such file, open '/here/no.properties'"],
    ['an unknown name when strict', ['--strict', '--set', 'num.partition=1'], undefined, 1, 'ottla: unknown setting num.partition (--set): did you mean num.partitions?'],
    ['a bad port', ['--port', 'http'], undefined, 2, 'ottla: --port http: it has to be a number between 0 and 65535'],
    ['memory, and a directory', ['--memory', '--data', 'd'], undefined, 2, 'ottla: --memory keeps nothing on disk, and --data names a directory: give one of them'],
    ['memory, and a directory by its setting', ['--memory', '--set', 'log.dirs=d'], undefined, 2,
      'ottla: --memory keeps nothing on disk, and log.dirs names a directory: give one of them'],
    ['a bad level', ['--log-level', 'loud'], undefined, 2, 'ottla: --log-level loud: it has to be one of debug, info, warn, error'],
    ['a port in use', ['--port', '9'], Object.assign(new Error('x'), { code: 'EADDRINUSE', address: '127.0.0.1', port: 9 }), 1,
      'ottla: cannot listen on 127.0.0.1:9: the address is in use, perhaps by another broker (listeners, --port)'],
    ['the default port in use', [], Object.assign(new Error('x'), { code: 'EADDRINUSE', address: '127.0.0.1', port: 9092 }), 1,
      'ottla: cannot listen on 127.0.0.1:9092: the address is in use, perhaps by another broker (--port, listeners)'],
    ['no such host', ['--host', 'nowhere'], Object.assign(new Error('x'), { code: 'ENOTFOUND', hostname: 'nowhere' }), 1,
      'ottla: cannot listen on nowhere: there is no such host (listeners, --host)'],
    ['a directory in use', ['--data', 'd'], new DiskError('ELOCKED', '/here/d/.lock', 'locked'), 1,
      'ottla: data directory /here/d is in use by another broker (log.dirs, --data)'],
    ['the same, wrapped', ['--data', 'd'], new Error('in use', { cause: new DiskError('ELOCKED', '/here/d/.lock', 'locked') }), 1,
      'ottla: data directory /here/d is in use by another broker (log.dirs, --data)'],
    ['another reason', [], new Error('/here/ottla-data belongs to node 3'), 1, 'ottla: /here/ottla-data belongs to node 3'],
    ['a directory that cannot be written', [], new DiskError('EACCES', '/here/ottla-data', 'permission denied'), 1,
      'ottla: cannot use /here/ottla-data: permission denied (--data, log.dirs)'],
    ['the same in the words of the system', [], new DiskError('ENOENT', '/proc/x', "cannot make directory /proc/x: ENOENT: no such file or directory, mkdir '/proc/x'"), 1,
      'ottla: cannot make directory /proc/x: ENOENT: no such file or directory (--data, log.dirs)'],
  ])('%s: one clear line', async (_, words, startError, code, line) => {
    const typed = new Typed();
    typed.startError = startError;
    expect(await typed.run(...words)).toBe(code);
    expect(typed.errors[0]).toBe(line);
    expect(typed.out).toEqual([]);
    expect(typed.errors).toHaveLength(1);
  });

  test('passes on what log is wished for', async () => {
    const typed = new Typed();
    const done = typed.run('--log-level', 'debug', '--log-file', 'a.log', '--log-json');
    await typed.ready;
    expect(typed.wish).toEqual({ level: 'debug', file: '/here/a.log', json: true });
    typed.signal('SIGTERM');
    await done;
  });
});

describe('the help', () => {
  test('names every command, and every flag of one', async () => {
    expect(await helpText(undefined)).toMatch(/ottla start\s+start a broker[^]*ottla config\s+explain settings/);
    expect(await helpText(COMMANDS.log)).toMatch(/Exit code: 0 when all is well[^]*1 when there are errors or warnings/);
    const text = await helpText(COMMANDS.start);
    for (const { name } of COMMANDS.start.flags) expect(text).toContain(`--${name}`);
  });
});
