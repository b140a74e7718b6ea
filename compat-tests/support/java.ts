import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const call = promisify(execFile);
/** Of our own programs in Java. */
const SOURCES = 'compat-tests/java/src/main/java';

/** A folder with a pom.xml; its jars go to `target/lib` below it. */
export type JavaProject = 'compat-tests/java' | 'compat-tests/java/old';

const DOWNLOAD_TIMEOUT_MS = 300_000;

/** Short-lived work: the optimising compiler and parallel collectors would cost more than they give. */
export const JAVA_FLAGS = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];

/** Why Java tests cannot run on this machine, or null when they can: a JDK and Maven are needed. */
export async function javaMissing(): Promise<string | null> {
  for (const [command, flag] of [['java', '-version'], ['javac', '-version'], ['mvn', '-v']] as const) {
    try {
      await call(command, [flag]);
    } catch {
      return `'${command}' was not found`;
    }
  }
  return null;
}

/**
 * The class path of a project's jars, which Maven fetches on the first use. Tests in two processes may ask at once:
 * each fetches into a folder of its own, and one of them puts it in place.
 */
export async function jars(project: JavaProject): Promise<string> {
  const lib = join(project, 'target/lib');
  if (!existsSync(lib)) {
    const fetched = join(project, `target/fetched-${process.pid}`);
    await call('mvn', ['-q', '-B', '-f', join(project, 'pom.xml'), 'dependency:copy-dependencies', `-DoutputDirectory=${join(process.cwd(), fetched)}`], { timeout: DOWNLOAD_TIMEOUT_MS });
    try {
      renameSync(fetched, lib);
    } catch (error) {
      // The other one was faster.
      if (!existsSync(lib)) throw error;
      rmSync(fetched, { recursive: true });
    }
  }
  return `${lib}/*`;
}

/** Compiles one source file, with what of ours it needs, against a class path into `classes`. */
export async function compile(source: string, classPath: string, classes: string): Promise<void> {
  mkdirSync(dirname(classes), { recursive: true });
  await call('javac', ['-nowarn', '-proc:none', '-cp', classPath, '-sourcepath', SOURCES, '-d', classes, source]);
}
