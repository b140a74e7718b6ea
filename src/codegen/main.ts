// Builds src/protocol/generated from protocol-specs. Run from the project's root; `make build` does.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { emitErrors, emitIndex, emitModule } from './emit-module.js';
import type { Module } from './emit-module.js';
import { parseErrors } from './parse-errors.js';
import { parseSpec } from './parse.js';
import type { Spec } from './spec.js';

const SPECS = 'protocol-specs';
const ERRORS = `${SPECS}/errors.spec`;
const TARGET = 'src/protocol/generated';

function specFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(entry => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return specFiles(path);
      return entry.name.endsWith('.spec') && path !== ERRORS ? [path] : [];
    });
}

function parseAll(): Spec[] {
  return specFiles(SPECS).map(file => parseSpec(readFileSync(file, 'utf8'), file, basename(dirname(file))));
}

/** Two specifications with one name would overwrite each other's module or export the same types. */
function refuseDoubles(specs: readonly Spec[], modules: readonly Module[]): void {
  const exported = new Map<string, string>();
  for (const [index, module] of modules.entries()) {
    const file = specs[index]?.file ?? module.path;
    const names = [module.path, ...[...module.source.matchAll(/^export (?:interface|const|function) (\w+)/gm)].flatMap(match => match[1] ?? [])];
    for (const name of names) {
      const other = exported.get(name);
      if (other !== undefined) throw new Error(`${file}: ${name} comes from ${other} already`);
      exported.set(name, file);
    }
  }
}

/** Writes what changed only, so that what builds on it sees no more change than there is; removes what has no source. */
function writeModules(modules: readonly Module[]): void {
  mkdirSync(TARGET, { recursive: true });
  for (const { path, source } of modules) {
    const file = join(TARGET, path);
    if (!existsSync(file) || readFileSync(file, 'utf8') !== source) writeFileSync(file, source);
  }
  const wanted = new Set(modules.map(module => module.path));
  for (const name of readdirSync(TARGET)) if (!wanted.has(name)) rmSync(join(TARGET, name), { recursive: true });
}

try {
  const specs = parseAll();
  const modules = specs.map(emitModule);
  refuseDoubles(specs, modules);
  writeModules([...modules, emitIndex(specs), emitErrors(parseErrors(readFileSync(ERRORS, 'utf8'), ERRORS), ERRORS)]);
} catch (error) {
  // A mistake in a specification is the author's to read, not a stack of ours.
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
