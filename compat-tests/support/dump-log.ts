import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { JAVA_FLAGS, jars } from './java.js';

export interface Dump {
  readonly stdout: string;
  /** What it found wrong, a line each; empty when nothing is. */
  readonly faults: string;
}

/** Runs Apache's `kafka-dump-log` over files in one process. */
export async function dumpLog(files: readonly string[], ...flags: string[]): Promise<Dump> {
  const classPath = await jars('compat-tests/java');
  const { stdout, stderr } = await promisify(execFile)('java', [
    ...JAVA_FLAGS, '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', classPath, 'org.apache.kafka.tools.DumpLogSegments', ...flags, '--files', files.join(','),
  ], { maxBuffer: 64 << 20 });
  return { stdout, faults: stderr.replace(FIRST_RECORD, '') };
}

/** It expects every file to begin with offset 0, and says so of each that begins, rightly, with the offset in its name. */
const FIRST_RECORD = /^Non-consecutive offsets in \S+\/0*(\d+)\.log\n {2}-1 is followed by \1\n(?!\s)/gm;
