import { expect, test } from '@jest/globals';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planListeners } from '../config/index.js';
import { localSettings } from '../config/local-start.js';
import { nodeEnv } from '../env/node/index.js';
import { silentLogger } from '../env/node/logger.js';
import { prepareDirectories } from './prepare-directories.js';

test.each(['at the first start', 'at a later one'])('a file in the place of a log directory does not keep the other from its use %s', when => {
  const root = mkdtempSync(join(tmpdir(), 'ottla-'));
  const [one, two] = [join(root, 'one'), join(root, 'two')];
  const errors: unknown[] = [];
  const left: unknown[] = [];
  const logger = { ...silentLogger, error: (message: string) => errors.push(message), debug: (_: string, fields: unknown) => left.push(fields) };
  const env = { ...nodeEnv(), logger };
  const settings = localSettings({ 'log.dirs': `${one},${two}`, 'listeners': 'PLAINTEXT://127.0.0.1:0' });
  const prepare = () => prepareDirectories(env, settings, planListeners(settings, 'localhost'));
  try {
    const first = when === 'at a later one' ? prepare() : undefined;
    rmSync(two, { recursive: true, force: true });
    writeFileSync(two, 'not a directory');
    const { clusterId } = prepare();
    if (first !== undefined) expect(clusterId).toBe(first.clusterId);
    expect(existsSync(join(one, 'meta.properties'))).toBe(true);
    // An error is for who takes the directories into use.
    expect([errors, left]).toEqual([[], [expect.objectContaining({ path: two, error: expect.stringContaining('ENOTDIR') })]]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
