import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { codecFunctions } from '../../protocol/records/compression/index.js';
import type { Jobs } from '../compute.js';
import type { Logger } from '../logger.js';
import { NodeCompute, codecJob } from './compute.js';
import { JobThread, type JobThreadOptions } from './job-thread.js';
import { silentLogger } from './logger.js';

/** A worker with jobs for tests: it can be told to die in several ways. */
const PLANTED = `
import { parentPort, threadId } from 'node:worker_threads';
import { exit } from 'node:process';
const jobs = {
  threadId: () => threadId,
  die: () => exit(3),
  throwLater: () => { setImmediate(() => { throw new Error('planted'); }); return new Promise(() => {}); },
  never: () => new Promise(() => {}),
};
parentPort.on('message', async message => {
  if (message === 'end') return parentPort.close();
  parentPort.postMessage({ id: message.id, result: await jobs[message.job]() });
});
parentPort.postMessage('ready');
`;

let directory: string;
let lines: string[];
const threads: JobThread[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ottla-worker-'));
  lines = [];
});
afterEach(async () => {
  await Promise.all(threads.splice(0).map(thread => thread.release()));
  rmSync(directory, { recursive: true, force: true });
});

const logger: Logger = { ...silentLogger, warn: message => lines.push(`warn ${message}`), error: message => lines.push(`error ${message}`), child: () => logger };
const here: Jobs = { threadId: () => 'here' };

let files = 0;

function file(text: string): URL {
  const path = join(directory, `worker-${files++}.mjs`);
  writeFileSync(path, text);
  return pathToFileURL(path);
}

function thread(options: Partial<JobThreadOptions>): JobThread {
  const made = new JobThread({ entry: file(PLANTED), jobs: here, logger, ...options });
  threads.push(made);
  return made;
}

describe('a thread', () => {
  test('is started by the first job, serves the next ones too, and ends when it is released', async () => {
    const jobs = thread({});
    expect(jobs.isRunning).toBe(false);
    const ids = await Promise.all([jobs.run('threadId', {}), jobs.run('threadId', {})]);
    expect(ids[0]).toBeGreaterThan(0);
    expect(ids[1]).toBe(ids[0]);
    expect(jobs.isRunning).toBe(true);
    await jobs.release();
    expect(jobs.isRunning).toBe(false);
    expect(await jobs.run('threadId', {})).not.toBe(ids[0]);
    expect(lines).toEqual([]);
  });

  test('that is released fails the jobs it still has', async () => {
    const jobs = thread({});
    await jobs.run('threadId', {});
    const refused = expect(jobs.run('never', {})).rejects.toThrow('ended before the job was done');
    await jobs.release();
    await refused;
    expect(lines).toEqual([]);
  });

  test('ends by itself when there is nothing to do', async () => {
    const jobs = thread({ idleMs: 1 });
    const first = await jobs.run('threadId', {});
    while (jobs.isRunning) await new Promise(resolve => { setImmediate(resolve); });
    expect(await jobs.run('threadId', {})).not.toBe(first);
  });

  test.each(['die', 'throwLater'])('that dies (%s) fails the jobs it had, and the next job starts another', async how => {
    const jobs = thread({});
    const first = await jobs.run('threadId', {});
    const stuck = expect(jobs.run('never', {})).rejects.toThrow('the worker thread died');
    await expect(jobs.run(how, {})).rejects.toThrow('the worker thread died');
    await stuck;
    expect(lines).toEqual(['error a worker thread died']);
    const second = await jobs.run('threadId', {});
    expect(second).toBeGreaterThan(0);
    expect(second).not.toBe(first);
  });

  test('refuses what cannot be handed over, and goes on', async () => {
    const jobs = thread({});
    await expect(jobs.run('threadId', { callback: () => undefined })).rejects.toThrow('could not be cloned');
    expect(await jobs.run('threadId', {})).toBeGreaterThan(0);
  });

  test('keeps no process alive, not even with a job that never ends', () => {
    const bundle = join(directory, 'job-thread.mjs');
    execFileSync('node_modules/.bin/esbuild', ['src/env/node/job-thread.ts', '--bundle', '--platform=node', '--format=esm', `--outfile=${bundle}`, '--log-level=warning']);
    const script = `
      import { JobThread } from ${JSON.stringify(pathToFileURL(bundle).href)};
      const jobs = new JobThread({ entry: new URL(${JSON.stringify(file(PLANTED).href)}), jobs: {}, logger: console });
      const alive = setInterval(() => {}, 1000);
      await jobs.run('threadId', {});
      jobs.run('never', {});
      clearInterval(alive);
    `;
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000, stdio: 'inherit' });
  });
});

describe('without a worker', () => {
  const cases: [string, () => URL | undefined][] = [
    ['the code was bundled without it', () => undefined],
    ['its file is gone', () => pathToFileURL(join(directory, 'absent.mjs'))],
    ['its file does not load', () => file("import './absent.mjs';")],
    ['it ends before it is ready', () => file('')],
  ];
  test.each(cases)('jobs run on this thread, which the log tells once: %s', async (_, entry) => {
    const jobs = thread({ entry: entry() });
    expect(await Promise.all([jobs.run('threadId', {}), jobs.run('threadId', {})])).toEqual(['here', 'here']);
    expect(await jobs.run('threadId', {})).toBe('here');
    await expect(jobs.run('unknown', {})).rejects.toThrow("there is no job 'unknown'");
    expect(lines).toEqual(['warn worker threads cannot be had, so compression and cleaning hold up the event loop']);
  });
});

describe('the compute port on the built worker', () => {
  let compute: NodeCompute;
  // A table with nothing in it on this side: whatever comes back was made by the worker.
  beforeEach(() => { compute = new NodeCompute({ jobs: codecJob({}), logger }); });
  afterEach(() => compute.release());

  const plain = Buffer.alloc(400_000, 'a text that repeats itself, ');

  test.each([['snappyCompress', 'snappyDecompress'], ['lz4Compress', 'lz4Decompress'], ['zstdCompress', 'zstdDecompress']] as const)('%s and back', async (pack, unpack) => {
    const packed = await compute.run(pack, Buffer.from(plain), {});
    expect(packed.length).toBeLessThan(plain.length / 2);
    const expected = Buffer.from(packed);
    expect(plain.equals(await compute.run(unpack, Buffer.from(expected), { maxOutputBytes: plain.length }))).toBe(true);
    await expect(compute.run(unpack, Buffer.from(expected), { maxOutputBytes: plain.length - 1 })).rejects.toMatchObject({ name: 'OutputTooLargeError' });
    await expect(compute.run(unpack, expected.subarray(0, 40), {})).rejects.toMatchObject({ name: 'MalformedError' });
    expect(plain.equals(codecFunctions[unpack]!(expected, {}))).toBe(true);
    expect(lines).toEqual([]);
  });

  test('bytes that share their memory with others are copied, others are handed over', async () => {
    const shared = Buffer.concat([Buffer.from('before'), plain]);
    await compute.run('lz4Compress', shared.subarray(6), {});
    expect(shared.subarray(6).equals(plain)).toBe(true);
    const given = new Uint8Array(plain);
    await compute.run('lz4Compress', given, {});
    expect(given).toHaveLength(0);
  });

  test('the cleaner\'s job is there, and shares memory with this thread', async () => {
    const job = {
      kind: 'map' as const, directory, abort: new Int32Array(new SharedArrayBuffer(4)), ioBufferBytes: 1024, maxBytesPerSecond: Infinity,
      memory: new SharedArrayBuffer(1 << 16), maxEntries: 10, startOffset: 0, segments: [], aborted: [],
    };
    expect(await compute.offload!('clean', job)).toMatchObject({ kind: 'map', entries: 0 });
    Atomics.store(job.abort, 0, 1);
    const missing = [{ baseOffset: 0, sizeBytes: 10, position: 0, nextOffset: 1 }];
    expect(await compute.offload!('clean', { ...job, segments: missing })).toEqual({ kind: 'aborted' });
  });

  test('a job that is unknown to the worker is refused by name', async () => {
    await expect(compute.offload!('noSuchJob' as 'codec', { task: 'gzip', input: new Uint8Array(), options: {} })).rejects.toThrow("there is no job 'noSuchJob'");
  });
});
