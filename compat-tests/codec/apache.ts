import { compile, JAVA_FLAGS, jars } from '../support/java.js';
import { Oracle } from './oracle.js';
import type { Oracles } from './proof.js';

const SOURCE = 'compat-tests/java/src/main/java/ottla/codec/CodecOracle.java';
const CLASSES = 'build/compat/codec';

/** Starts both releases of Apache's classes. Close them when done. */
export async function startOracles(): Promise<Oracles & { close(): Promise<void> }> {
  const [currentJars, oldJars] = await Promise.all([jars('compat-tests/java'), jars('compat-tests/java/old')]);
  await compile(SOURCE, currentJars, CLASSES);
  const [current, old] = await Promise.all([currentJars, oldJars].map(path => Oracle.start(JAVA_FLAGS, `${CLASSES}:${path}`)));
  if (current === undefined || old === undefined) throw new Error('an oracle is missing');
  return { current, old, close: async () => { await Promise.all([current.close(), old.close()]); } };
}
