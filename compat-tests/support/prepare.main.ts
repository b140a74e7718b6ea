// Makes the other clients ready: finds toolchains, installs what the project's files pin, builds the client programs.
// Does nothing where nothing changed. Reasons for what cannot be had go to build/compat/toolchains.json.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { jars, javaMissing } from './java.js';
import { mustRun, run } from './processes.js';
import {
  COMPAT_BUILD, GO_CLIENT, GO_PIPELINES, GO_TRANSACTIONAL, JAVA_CLASSES, JAVA_LIB, OLD_PYTHON, PYTHON, ROOT, TOOLCHAINS, writeReadiness,
  type Readiness, type Toolchain,
} from './toolchains.js';

const INSTALL_TIMEOUT_MS = 300_000;

/** Runs `make` unless it already ran with the same files, which are hashed into build/compat/<name>.stamp. */
async function whenChanged(name: string, files: readonly string[], made: string, make: () => Promise<void>): Promise<void> {
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update(readFileSync(file));
  const stamp = join(COMPAT_BUILD, `${name}.stamp`);
  const digest = hash.digest('hex');
  if (existsSync(made) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  await make();
  writeFileSync(stamp, digest);
}

async function has(command: string, versionFlag: string): Promise<boolean> {
  return (await run(command, [versionFlag], { timeoutMs: 30_000 })).code === 0;
}

async function need(commands: readonly (readonly [command: string, versionFlag: string])[]): Promise<void> {
  for (const [command, flag] of commands) if (!(await has(command, flag))) throw new Error(`'${command}' was not found`);
}

function filesBelow(folder: string, suffix: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith(suffix)).sort().map(name => join(folder, name));
}

async function java(): Promise<void> {
  const reason = await javaMissing();
  if (reason !== null) throw new Error(reason);
  const folder = join(ROOT, 'compat-tests/java');
  const pom = join(folder, 'pom.xml');
  await whenChanged('jars', [pom], JAVA_LIB, async () => {
    rmSync(JAVA_LIB, { recursive: true, force: true });
    await jars('compat-tests/java');
  });
  await jars('compat-tests/java/old');
  const sources = filesBelow(join(folder, 'src'), '.java');
  await whenChanged('java', [pom, ...sources], JAVA_CLASSES, async () => {
    rmSync(JAVA_CLASSES, { recursive: true, force: true });
    await mustRun('javac', ['-nowarn', '-proc:none', '-cp', `${JAVA_LIB}/*`, '-d', JAVA_CLASSES, ...sources]);
  });
}

async function go(): Promise<void> {
  await need([['go', 'version']]);
  // The go command keeps its own account of what changed.
  for (const [made, folder] of [[GO_CLIENT, '.'], [GO_PIPELINES, './pipelines'], [GO_TRANSACTIONAL, './transactional']] as const) {
    await mustRun('go', ['build', '-o', made, folder], { cwd: join(ROOT, 'compat-tests/clients/go'), timeoutMs: INSTALL_TIMEOUT_MS });
  }
}

async function python(name: string, interpreter: string, file: string): Promise<void> {
  await need([['python3', '--version']]);
  const requirements = join(ROOT, 'compat-tests/clients/python', file);
  const venv = dirname(dirname(interpreter));
  await whenChanged(name, [requirements], interpreter, async () => {
    rmSync(venv, { recursive: true, force: true });
    await mustRun('python3', ['-m', 'venv', venv]);
    await mustRun(interpreter, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--no-deps', '--only-binary', ':all:', '-r', requirements], { timeoutMs: INSTALL_TIMEOUT_MS });
  });
}

/** kcat is no library that a project file could pin: it is a package of the system, installed where that is allowed. */
async function kcat(): Promise<void> {
  if (await has('kcat', '-V')) return;
  const mayInstall = process.getuid?.() === 0 && (await has('apt-get', '--version'));
  if (!mayInstall) throw new Error(`'kcat' was not found, and only root on a Debian system can install it`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await mustRun('apt-get', ['update', '-qq'], { env, timeoutMs: INSTALL_TIMEOUT_MS });
  await mustRun('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'kcat'], { env, timeoutMs: INSTALL_TIMEOUT_MS });
}

const preparations: Record<Toolchain, () => Promise<void>> = {
  java, go, kcat,
  python: () => python('python', PYTHON, 'requirements.txt'),
  'old python': () => python('old-python', OLD_PYTHON, 'requirements-old.txt'),
};

async function prepare(): Promise<void> {
  mkdirSync(COMPAT_BUILD, { recursive: true });
  const found: Readiness = { java: null, go: null, python: null, 'old python': null, kcat: null };
  await Promise.all(TOOLCHAINS.map(async name => {
    try {
      await preparations[name]();
    } catch (error) {
      found[name] = (error as Error).message;
    }
  }));
  writeReadiness(found);
}

await prepare();
