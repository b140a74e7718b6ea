import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * Finds the libraries that compress, at the first use of a codec: start-up loads none. Where a codec has several, the fastest
 * that is installed serves; tests force each in turn.
 */

export type CodecName = 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** `native` are addons, `node` is node:zlib, `wasm` and `javascript` run anywhere. */
export type BackendName = 'native' | 'node' | 'wasm' | 'javascript';

const load = createRequire(import.meta.url);
const forced = new Map<CodecName, BackendName>();
const listeners: (() => void)[] = [];

/** A package's exports; throws when it is not installed or has no binary for this machine. */
export function loadPackage(name: string): unknown {
  return load(name);
}

/** Whether a package is there and works: optional ones are not on every machine. */
export function isInstalled(name: string): boolean {
  try {
    loadPackage(name);
    return true;
  } catch {
    return false;
  }
}

/** Path of a file that lies beside a package's main file. */
export function besideMain(packageName: string, file: string): string {
  return join(dirname(load.resolve(packageName)), file);
}

/** What a library says went wrong. Errors of addons may come from another realm, where `instanceof` does not know them. */
export function messageOf(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : String(error);
}

/** For tests: lets only this backend serve the codec; without one, the fastest serves again. */
export function forceBackend(codec: CodecName, backend?: BackendName): void {
  if (backend === undefined) forced.delete(codec);
  else forced.set(codec, backend);
  for (const forget of listeners) forget();
}

/** Gives the first backend that loads, found once; `makers` are in order of preference, and the last must always load. */
export function chooseBackend<T>(codec: CodecName, makers: readonly (readonly [BackendName, () => T | undefined])[]): () => T {
  let chosen: T | undefined;
  listeners.push(() => { chosen = undefined; });
  return () => (chosen ??= firstThatLoads(codec, makers));
}

function firstThatLoads<T>(codec: CodecName, makers: readonly (readonly [BackendName, () => T | undefined])[]): T {
  const only = forced.get(codec);
  for (const [name, make] of makers) {
    if (only !== undefined && only !== name) continue;
    try {
      const made = make();
      if (made !== undefined) return made;
    } catch {
      // Not installed, or without a binary for this machine: the next one serves.
    }
  }
  throw new Error(`no library for ${codec} could be loaded${only === undefined ? '' : ` (${only} was asked for)`}; is the installation complete?`);
}
