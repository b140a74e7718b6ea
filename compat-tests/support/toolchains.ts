// What this machine can run of the other clients, and the list of what had to be left out.
//
// `prepare.main.ts` runs before the tests: it looks for each toolchain, installs what the project's own files pin and
// writes what it found. The tests only read that.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { JAVA_FLAGS } from './java.js';

/** The repository: tests and programs are started there. */
export const ROOT = process.cwd();
export const COMPAT_BUILD = join(ROOT, 'build/compat');
/** One file a thing left out; src/tooling/test-summary.mjs prints those of a run, and fails it where CI=true. */
export const SKIPPED = join(ROOT, 'build/skipped');
/** Text files that src/tooling/test-summary.mjs prints at the end of a run. */
export const REPORTS = join(ROOT, 'build/reports');

/** 'old python': years-old libraries, in whose place a newer Python may find nothing that it can install. */
export const TOOLCHAINS = ['java', 'go', 'python', 'old python', 'kcat'] as const;
export type Toolchain = (typeof TOOLCHAINS)[number];
/** A reason, or nothing when the toolchain is ready. */
export type Readiness = Record<Toolchain, string | null>;

const FOUND = join(COMPAT_BUILD, 'toolchains.json');

export const JAVA_LIB = join(ROOT, 'compat-tests/java/target/lib');
export const OLD_JAVA_LIB = join(ROOT, 'compat-tests/java/old/target/lib');
export const JAVA_CLASSES = join(COMPAT_BUILD, 'java');
export const PYTHON = join(COMPAT_BUILD, 'venv/bin/python');
export const OLD_PYTHON = join(COMPAT_BUILD, 'old-venv/bin/python');
export const GO_CLIENT = join(COMPAT_BUILD, 'go-client');
export const GO_PIPELINES = join(COMPAT_BUILD, 'go-pipelines');
export const GO_TRANSACTIONAL = join(COMPAT_BUILD, 'go-transactional');

export const JAVA_CLASSPATH = `${JAVA_CLASSES}:${JAVA_LIB}/*`;
/** Java programs say nothing but errors. */
export const QUIET_JAVA = [...JAVA_FLAGS, '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'];

export function writeReadiness(found: Readiness): void {
  mkdirSync(COMPAT_BUILD, { recursive: true });
  writeFileSync(FOUND, JSON.stringify(found, null, 2));
}

/** The reason why a toolchain cannot be used here, which is noted as skipped, or null when it is ready. */
export function missing(toolchain: Toolchain): string | null {
  let reason: string | null;
  try {
    reason = (JSON.parse(readFileSync(FOUND, 'utf8')) as Readiness)[toolchain];
  } catch {
    reason = `toolchains were not prepared: run 'make compat'`;
  }
  if (reason !== null) noteSkipped(`toolchain ${toolchain}`, reason);
  return reason;
}

/** Whether `what` can be run here; where its toolchain is missing it is noted as skipped. `null`: it needs none. */
export function canRun(what: string, toolchain: Toolchain | null): boolean {
  const reason = toolchain === null ? null : missing(toolchain);
  if (reason !== null) noteSkipped(what, reason);
  return reason === null;
}

/** Notes that `what` was left out; the end of the run lists it with its reason. */
export function noteSkipped(what: string, reason: string): void {
  mkdirSync(SKIPPED, { recursive: true });
  writeFileSync(join(SKIPPED, `${what.replace(/[^\w.-]+/g, '-')}.json`), JSON.stringify({ what, reason }));
}

/** Prints `text` at the end of the run. Reports come in the order of their names. */
export function report(name: string, text: string): void {
  mkdirSync(REPORTS, { recursive: true });
  writeFileSync(join(REPORTS, `${name}.txt`), text);
}
