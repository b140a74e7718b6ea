// What a user gets: the packed file, installed in an empty project far from this repository, by command and by import.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Process, mustRun, within } from '../support/processes.js';
import { ROOT } from '../support/toolchains.js';

const INSTALL_TIMEOUT_MS = 300_000;
const RUN_TIMEOUT_MS = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'ottla-package-'));
const project = join(folder, 'project');

function write(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), text);
  }
}

/** Our own test runners and kafkajs are used from here by their paths: the project has nothing but the package. */
const here = (path: string) => JSON.stringify(join(ROOT, 'node_modules', path));

const roundTrip = `
const { Kafka, Partitioners, logLevel } = require(${here('kafkajs/index.js')});

/** Writes a record, reads it back, and returns what was read. */
module.exports = async function roundTrip(bootstrapServers) {
  const kafka = new Kafka({ brokers: bootstrapServers.split(','), logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  const consumer = kafka.consumer({ groupId: 'readers' });
  try {
    await producer.connect();
    await producer.send({ topic: 'greetings', messages: [{ key: 'k', value: 'hello' }] });
    await consumer.connect();
    await consumer.subscribe({ topic: 'greetings', fromBeginning: true });
    return await new Promise((resolve, reject) => {
      consumer.run({ eachMessage: async ({ message }) => resolve(message.value.toString()) }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
    await producer.disconnect();
  }
};
`;

const esmScript = `
import { startBroker } from 'ottla';
import roundTrip from '../round-trip.cjs';
const broker = await startBroker({ port: 0 });
console.log(await roundTrip(broker.bootstrapServers));
await broker.close();
`;

const cjsScript = `
const { startBroker } = require('ottla');
const roundTrip = require('../round-trip.cjs');
(async () => {
  const [one, two] = await Promise.all([startBroker({ port: 0 }), startBroker({ port: 0 })]);
  if (one.bootstrapServers === two.bootstrapServers) throw new Error('two brokers, one address');
  console.log(await roundTrip(two.bootstrapServers));
  await Promise.all([one.close(), two.close()]);
})();
`;

/** A record so large that its compression leaves the event loop; prints how many threads were started, and what the log warned of. */
const threads = (imports: string) => `
${imports}
const { Kafka, Partitioners, logLevel } = require(${here('kafkajs/index.js')});
(async () => {
  let started = 0;
  process.on('worker', () => { started++; });
  const warnings = [];
  const logger = { debug() {}, info() {}, warn: line => warnings.push(line), error: line => warnings.push(line), child: () => logger };
  const data = require('node:fs').mkdtempSync(${JSON.stringify(join(folder, 'threads-'))});
  const broker = await startBroker({ port: 0, data, settings: { 'compression.type': 'snappy' }, logger });
  const producer = new Kafka({ brokers: [broker.bootstrapServers], logLevel: logLevel.NOTHING }).producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  await producer.send({ topic: 'greetings', messages: [{ key: 'k', value: 'a record, '.repeat(30000) }] });
  console.log(started, warnings);
  await producer.disconnect();
  await broker.close();
})();
`;

const asTest = (imports: string) => `
${imports}
let broker;
beforeAll(async () => { broker = await startBroker({ port: 0 }); });
afterAll(async () => { await broker.close(); });
test('a record goes in and comes out', async () => { expect(await roundTrip(broker.bootstrapServers)).toBe('hello'); });
`;
const esmTest = asTest(`import { startBroker } from 'ottla';\nimport roundTrip from '../round-trip.cjs';`);
const cjsTest = asTest(`const { startBroker } = require('ottla');\nconst roundTrip = require('../round-trip.cjs');`);

const typed = `
import { startBroker } from 'ottla';
export async function use(): Promise<string> {
  const broker = await startBroker({ port: 0 });
  const servers: string = broker.bootstrapServers;
  await broker.close();
  // @ts-expect-error a port is a number
  await startBroker({ port: 'nine' });
  return servers;
}
`;

const tsconfig = (module: string) => JSON.stringify({
  compilerOptions: {
    module, target: 'es2022', lib: ['es2023'], strict: true, noEmit: true, skipLibCheck: false, types: ['node'], typeRoots: [join(ROOT, 'node_modules/@types')],
  },
  files: ['use.mts', 'use.cts'],
});

beforeAll(async () => {
  await mustRun('npm', ['pack', '--pack-destination', folder], { cwd: ROOT, timeoutMs: INSTALL_TIMEOUT_MS });
  const packed = readdirSync(folder).find(name => name.endsWith('.tgz'))!;
  write({
    'package.json': JSON.stringify({ name: 'empty', private: true }),
    'round-trip.cjs': roundTrip,
    'run/esm.mjs': esmScript,
    'run/cjs.cjs': cjsScript,
    'run/threads.mjs': threads(`import { startBroker } from 'ottla';\nimport { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);`),
    'run/threads.cjs': threads(`const { startBroker } = require('ottla');`),
    'jest-esm/ottla.test.mjs': esmTest,
    'jest-cjs/ottla.test.cjs': cjsTest,
    'vitest/ottla.test.mjs': esmTest,
    'types/use.mts': typed,
    'types/use.cts': typed,
    'types/node16.json': tsconfig('node16'),
    'types/nodenext.json': tsconfig('nodenext'),
    'jest.config.json': JSON.stringify({ transform: {}, testMatch: ['**/*.test.mjs', '**/*.test.cjs'], moduleFileExtensions: ['mjs', 'cjs', 'js', 'json', 'node'] }),
  });
  await mustRun('npm', ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', join(folder, packed)], { cwd: project, timeoutMs: INSTALL_TIMEOUT_MS });
}, INSTALL_TIMEOUT_MS);

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const node = (...args: string[]) => mustRun(process.execPath, args, { cwd: project, timeoutMs: RUN_TIMEOUT_MS });
const JEST = [join(ROOT, 'node_modules/jest/bin/jest.js'), '--detectOpenHandles'];

test('the package holds what runs and nothing else', async () => {
  const installed = join(project, 'node_modules/ottla');
  expect(readdirSync(installed).sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'dist', 'package.json']);
});

test('the command starts a broker, says where, and stops at SIGTERM', async () => {
  const data = join(folder, 'data');
  let isReady: (address: string) => void = () => undefined;
  const ready = new Promise<string>(resolve => { isReady = resolve; });
  const command = new Process(join(project, 'node_modules/.bin/ottla'), ['start', '--port', '0', '--data', data], {
    cwd: project,
    onLine: line => {
      const address = /^Ottla ready on (.+:\d+)$/.exec(line)?.[1];
      if (address !== undefined) isReady(address);
    },
  });
  try {
    const address = await within(RUN_TIMEOUT_MS, ready, () => `not ready:\n${command.errorTail()}`);
    const { stdout } = await node('-e', `require('./round-trip.cjs')('${address}').then(console.log)`);
    expect(stdout).toBe('hello');
    command.signal('SIGTERM');
    expect(await within(RUN_TIMEOUT_MS, command.ended, () => 'does not stop')).toEqual({ code: 0, signal: null });
  } finally {
    await command.kill();
  }
}, RUN_TIMEOUT_MS);

describe('by import', () => {
  test('ESM: the process ends by itself once the broker is closed', async () => {
    expect((await node('run/esm.mjs')).stdout).toBe('hello');
  }, RUN_TIMEOUT_MS);

  test('CommonJS: two brokers in one process', async () => {
    expect((await node('run/cjs.cjs')).stdout).toBe('hello');
  }, RUN_TIMEOUT_MS);

  test.each(['mjs', 'cjs'])('long work is done on a worker thread, which keeps nobody alive: %s', async extension => {
    expect((await node(`run/threads.${extension}`)).stdout).toBe('1 []');
  }, RUN_TIMEOUT_MS);

  test('jest, ESM', async () => {
    const { stderr } = await node('--experimental-vm-modules', '--no-warnings', ...JEST, 'jest-esm');
    expect(stderr).toContain('1 passed, 1 total');
    expect(stderr).not.toContain('open handle');
  }, RUN_TIMEOUT_MS);

  test('jest as it comes, CommonJS', async () => {
    const { stderr } = await node(...JEST, 'jest-cjs');
    expect(stderr).toContain('1 passed, 1 total');
    expect(stderr).not.toContain('open handle');
  }, RUN_TIMEOUT_MS);

  test('vitest', async () => {
    const { stdout } = await node(join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--globals', '--root', project, '--dir', join(project, 'vitest'), '--no-color');
    expect(stdout).toMatch(/Tests\s+1 passed/);
  }, RUN_TIMEOUT_MS);

  test.each(['node16', 'nodenext'])('types, from ESM and CommonJS, module %s', async module => {
    await node(join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', join(project, `types/${module}.json`));
  }, RUN_TIMEOUT_MS);
});
