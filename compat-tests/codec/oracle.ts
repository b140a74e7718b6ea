import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A message that Apache has, under the name of its specification there. */
export interface OracleMessage {
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly key: number;
}

/** One question; `json` is empty where JSON cannot say it all. */
export interface Question {
  readonly name: string;
  readonly version: number;
  readonly bytes: Buffer;
  readonly json: string;
}

/** A Java process that judges bytes by Apache's own classes. It lives until `close`. */
export class Oracle {
  private readonly waiting: ((line: string) => void)[] = [];
  /** Lines that came before anyone asked for them. */
  private readonly unread: string[] = [];
  private readonly exited: Promise<void>;
  private complaint = '';
  readonly messages = new Map<string, OracleMessage>();

  private constructor(private readonly process: ChildProcessWithoutNullStreams) {
    this.exited = new Promise(resolve => {
      process.once('exit', () => {
        for (const answer of this.waiting.splice(0)) answer(`the oracle ended: ${this.complaint}`);
        resolve();
      });
    });
    process.stderr.on('data', (chunk: Buffer) => { this.complaint += chunk.toString(); });
    process.stdin.on('error', () => undefined);
  }

  /** Starts the oracle on a class path and reads which messages are there. */
  static async start(flags: readonly string[], classPath: string): Promise<Oracle> {
    const process = spawn('java', [...flags, '-cp', classPath, 'ottla.codec.CodecOracle']);
    const oracle = new Oracle(process);
    const listed = oracle.readList();
    createInterface({ input: process.stdout }).on('line', line => oracle.arrived(line));
    await listed;
    return oracle;
  }

  private async readList(): Promise<void> {
    for (let line = await this.line(); line !== '.'; line = await this.line()) {
      const [name, minVersion, maxVersion, key] = line.split(' ');
      if (name === undefined || key === undefined || Number.isNaN(Number(key))) throw new Error(line);
      this.messages.set(name, { name, minVersion: Number(minVersion), maxVersion: Number(maxVersion), key: Number(key) });
    }
  }

  private arrived(line: string): void {
    const waiting = this.waiting.shift();
    if (waiting === undefined) this.unread.push(line);
    else waiting(line);
  }

  private line(): Promise<string> {
    const line = this.unread.shift();
    return line === undefined ? new Promise(resolve => this.waiting.push(resolve)) : Promise.resolve(line);
  }

  /** The answers, `ok` or what is wrong, in the order of the questions. */
  async ask(questions: readonly Question[]): Promise<string[]> {
    const answers = questions.map(() => this.line());
    this.process.stdin.write(questions.map(({ name, version, bytes, json }) => `${name}\t${version}\t${bytes.toString('hex')}\t${json}\n`).join(''));
    return Promise.all(answers);
  }

  async close(): Promise<void> {
    this.process.stdin.end();
    await this.exited;
  }
}
