import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { emitErrors, emitIndex, emitModule } from './emit-module.js';
import type { Module } from './emit-module.js';
import { parseErrors } from './parse-errors.js';
import { parseSpec } from './parse.js';
import type { Spec } from './spec.js';

const ERRORS = 'errors.spec';

/**
 * Writes the modules of all specifications below `specs` into `target`. Writes what changed only, so that what builds on
 * it sees no more change than there is, and removes what has no source any more.
 * @throws SpecError for a mistake in a specification; Error for two that would overwrite each other.
 */
export function generate(specs: string, target: string): void {
  const errors = `${specs}/${ERRORS}`;
  const parsed = specFiles(specs)
    .filter(file => file !== errors)
    .map(file => parseSpec(readFileSync(file, 'utf8'), file, basename(dirname(file))));
  const modules = parsed.map(emitModule);
  refuseDoubles(parsed, modules);
  writeModules([...modules, emitIndex(parsed), emitErrors(parseErrors(readFileSync(errors, 'utf8'), errors), errors)], target);
}

function specFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(entry => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return specFiles(path);
      return entry.name.endsWith('.spec') ? [path] : [];
    });
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

function writeModules(modules: readonly Module[], target: string): void {
  mkdirSync(target, { recursive: true });
  for (const { path, source } of modules) {
    const file = join(target, path);
    if (!existsSync(file) || readFileSync(file, 'utf8') !== source) writeFileSync(file, source);
  }
  const wanted = new Set(modules.map(module => module.path));
  for (const name of readdirSync(target)) if (!wanted.has(name)) rmSync(join(target, name), { recursive: true });
}
