import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

let folder = '';
const running = new Set<Command>();

/** `bin/ottla` as somebody typed it in an empty folder. */
class Command {
  readonly out: string[] = [];
  readonly errors: string[] = [];
  readonly code: Promise<number | null>;
  private readonly process: ChildProcessWithoutNullStreams;
  private onLine: () => void = () => undefined;

  constructor(...words: string[]) {
    this.process = spawn(process.execPath, [join(process.cwd(), 'bin/ottla'), ...words], { cwd: folder, env: { PATH: process.env['PATH'] } });
    createInterface({ input: this.process.stdout }).on('line', line => { this.out.push(line); this.onLine(); });
    createInterface({ input: this.process.stderr }).on('line', line => { this.errors.push(line); });
    running.add(this);
    this.code = new Promise(resolve => { this.process.once('close', code => { running.delete(this); resolve(code); }); });
  }

  /** The port that the ready line names. */
  async ready(): Promise<number> {
    const line = new Promise<void>(resolve => { this.onLine = resolve; });
    await Promise.race([this.out.length > 0 ? undefined : line, this.code]);
    const port = /^Ottla ready on (?:127\.0\.0\.1|localhost|\[::1\]):(\d+)$/.exec(this.out[0] ?? '')?.[1];
    if (port === undefined) throw new Error(`not ready:\n${[...this.out, ...this.errors].join('\n')}`);
    return Number(port);
  }

  signal(name: NodeJS.Signals): void {
    this.process.kill(name);
  }
}

/** Runs a command to its end. */
async function run(...words: string[]): Promise<{ code: number | null; out: string[]; errors: string[] }> {
  const command = new Command(...words);
  const code = await command.code;
  return { code, out: command.out, errors: command.errors };
}

const refuses = (port: number): Promise<boolean> => new Promise(resolve => {
  const socket = connect({ port, host: '127.0.0.1' }, () => { socket.destroy(); resolve(false); });
  socket.once('error', () => { resolve(true); });
});

beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'ottla-cli-')); });
afterEach(async () => {
  for (const command of running) command.signal('SIGKILL');
  await Promise.all([...running].map(command => command.code));
  rmSync(folder, { recursive: true, force: true });
});

describe('bin/ottla', () => {
  test('says one line when it serves, and a signal stops it cleanly; what it wrote is taken up again', async () => {
    const broker = new Command('start', '--port', '0');
    const port = await broker.ready();
    expect(await refuses(port)).toBe(false);
    broker.signal('SIGTERM');
    expect(await broker.code).toBe(0);
    expect(broker.out).toHaveLength(1);
    expect(await refuses(port)).toBe(true);
    expect(readdirSync(folder)).toEqual(['ottla-data']);
    const again = new Command('start', '--port', '0');
    await again.ready();
    again.signal('SIGINT');
    expect(await again.code).toBe(0);
  });

  test('keeps nothing on disk with --memory', async () => {
    const broker = new Command('start', '--port', '0', '--memory');
    await broker.ready();
    expect(readdirSync(folder)).toEqual([]);
    broker.signal('SIGTERM');
    expect(await broker.code).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([['--log-json'], ['--log-level=info']])('writes the log to a file, whole: %s', async form => {
    const broker = new Command('start', '--port', '0', '--memory', '--log-file', 'broker.log', form);
    await broker.ready();
    broker.signal('SIGTERM');
    expect(await broker.code).toBe(0);
    expect(broker.errors).toEqual([]);
    const last = readFileSync(join(folder, 'broker.log'), 'utf8').trimEnd().split('\n').at(-1)!;
    if (form === '--log-json') expect(JSON.parse(last)).toMatchObject({ level: 'info', message: 'stopped' });
    else expect(last).toMatch(/^\d{4}-\S+Z INFO stopped$/);
  });

  test('says what is missing where it was not built', () => {
    cpSync('bin', join(folder, 'bin'), { recursive: true });
    const { status, stderr } = spawnSync(process.execPath, [join(folder, 'bin/ottla'), 'start'], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([1, `ottla: not built yet: run \`make build\` in ${folder}\n`]);
  });

  test('names the flag for a port or a directory that another broker has', async () => {
    const broker = new Command('start', '--port', '0', '--data', 'one');
    const port = await broker.ready();
    expect(await run('start', '--port', String(port), '--memory')).toMatchObject({
      code: 1, out: [], errors: [`ottla: cannot listen on 127.0.0.1:${port}: the address is in use, perhaps by another broker (listeners, --port)`],
    });
    const second = await run('start', '--port', '0', '--data', 'one');
    expect(second).toMatchObject({ code: 1, out: [] });
    expect(second.errors.at(-1)).toBe(`ottla: data directory ${join(folder, 'one')} is in use by another broker (log.dirs, --data)`);
  });

  test('takes the file of a single Apache node, after formatting as well as without', async () => {
    writeFileSync(join(folder, 'server.properties'), [
      'process.roles=broker,controller', 'node.id=3', 'controller.quorum.bootstrap.servers=localhost:9093',
      'listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0', 'inter.broker.listener.name=PLAINTEXT', 'controller.listener.names=CONTROLLER',
      'listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT', 'log.dirs=kraft-combined-logs', 'num.partitions=1',
      'offsets.topic.replication.factor=1', '',
    ].join('\n'));
    const formatted = await run('format', '--config', 'server.properties', '--cluster-id', 'MkU3OEVBNTcwNTJENDM2Qg', '--standalone');
    expect(formatted).toMatchObject({ code: 0, errors: [] });
    for (let round = 0; round < 2; round++) {
      const broker = new Command('start', '--config', 'server.properties');
      await broker.ready();
      broker.signal('SIGTERM');
      expect(await broker.code).toBe(0);
    }
    expect(existsSync(join(folder, 'kraft-combined-logs/meta.properties'))).toBe(true);
  });

  test('tells usage from settings by its exit code', async () => {
    expect(await run('start', '--prot', '1')).toMatchObject({ code: 2, errors: ['ottla: unknown flag --prot: did you mean --port?', '`ottla start --help` says what there is'] });
    expect(await run('begin')).toMatchObject({ code: 2, errors: [expect.stringMatching(/^ottla: there is no command 'begin'; there are start, format, config/), '`ottla --help` says what there is'] });
    expect(await run('start', '--set', 'num.partitions=0')).toMatchObject({
      code: 1, errors: ['ottla: Invalid value 0 for configuration num.partitions: Value must be at least 1 (--set)'],
    });
  });

  test('explains itself', async () => {
    expect((await run('--version')).out).toEqual([expect.stringMatching(/^ottla \d+\.\d+\.\d+$/)]);
    expect((await run('help')).out.join('\n')).toContain('ottla start');
    expect((await run('help', 'start')).out.join('\n')).toContain('--advertise');
    expect((await run('config', 'num.partitions')).out[0]).toContain('int, default 1');
  });
});
