import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/**
 * A module of Node's own, loaded when it is first needed. Not by `import()`: jest refuses that unless it was started with a
 * flag that nobody should have to know of.
 */
export function builtin<Name extends keyof Builtins>(name: Name): Builtins[Name] {
  return require(name) as Builtins[Name];
}

interface Builtins {
  'node:dns': typeof import('node:dns');
  'node:fs': typeof import('node:fs');
  'node:net': typeof import('node:net');
  'node:worker_threads': typeof import('node:worker_threads');
  'node:zlib': typeof import('node:zlib');
}
