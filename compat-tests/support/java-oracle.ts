import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { compile, JAVA_FLAGS, jars } from './java.js';

/** A Java program that answers each line with a line, in order. It lives until `close`. */
export class JavaOracle {
  private readonly waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  private readonly exited: Promise<void>;
  private complaint = '';
  private hasEnded = false;

  private constructor(private readonly process: ChildProcessWithoutNullStreams) {
    createInterface({ input: process.stdout }).on('line', line => this.waiting.shift()?.resolve(line));
    process.stderr.on('data', (chunk: Buffer) => { this.complaint += chunk.toString(); });
    process.stdin.on('error', () => undefined);
    this.exited = new Promise(resolve => {
      process.once('exit', () => {
        this.hasEnded = true;
        for (const question of this.waiting.splice(0)) question.reject(new Error(`the oracle ended: ${this.complaint}`));
        resolve();
      });
    });
  }

  /** Compiles the class `name`, such as `ottla.log.CleanerJudge`, with Apache's jars at hand, and runs it. */
  static async start(name: string): Promise<JavaOracle> {
    const classPath = await jars('compat-tests/java');
    const classes = `build/compat/${name}`;
    await compile(`compat-tests/java/src/main/java/${name.replaceAll('.', '/')}.java`, classPath, classes);
    return new JavaOracle(spawn('java', [...JAVA_FLAGS, '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', `${classes}:${classPath}`, name]));
  }

  /** Sends a line; the answer is JSON. */
  async ask(line: string): Promise<unknown> {
    if (this.hasEnded) throw new Error(`the oracle has ended: ${this.complaint}`);
    const answer = new Promise<string>((resolve, reject) => { this.waiting.push({ resolve, reject }); });
    this.process.stdin.write(`${line}\n`);
    return JSON.parse(await answer) as unknown;
  }

  async close(): Promise<void> {
    this.process.stdin.end();
    await this.exited;
  }
}
