import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { compile, JAVA_FLAGS, jars } from '../support/java.js';

const SOURCE = 'compat-tests/java/src/main/java/ottla/records/RecordsOracle.java';
const CLASSES = 'build/compat/records';

/** A Java process that reads, writes and judges record batches with Apache's own classes. It lives until `close`. */
export class RecordsOracle {
  private readonly waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  private readonly exited: Promise<void>;
  private complaint = '';

  private constructor(private readonly process: ChildProcessWithoutNullStreams) {
    createInterface({ input: process.stdout }).on('line', line => this.waiting.shift()?.resolve(line));
    process.stderr.on('data', (chunk: Buffer) => { this.complaint += chunk.toString(); });
    process.stdin.on('error', () => undefined);
    this.exited = new Promise(resolve => {
      process.once('exit', () => {
        for (const question of this.waiting.splice(0)) question.reject(new Error(`the oracle ended: ${this.complaint}`));
        resolve();
      });
    });
  }

  static async start(): Promise<RecordsOracle> {
    const classPath = await jars('compat-tests/java');
    await compile(SOURCE, classPath, CLASSES);
    return new RecordsOracle(spawn('java', [...JAVA_FLAGS, '-cp', `${CLASSES}:${classPath}`, 'ottla.records.RecordsOracle']));
  }

  /** `RecordsOracle.java` says what the questions are; the answer is JSON. */
  async ask(kind: 'read' | 'write' | 'validate', question: string): Promise<unknown> {
    const answer = new Promise<string>((resolve, reject) => { this.waiting.push({ resolve, reject }); });
    this.process.stdin.write(`${kind}\t${question}\n`);
    return JSON.parse(await answer) as unknown;
  }

  async close(): Promise<void> {
    this.process.stdin.end();
    await this.exited;
  }
}
