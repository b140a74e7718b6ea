// Child processes that cannot outlive the test that started them.
//
// Each child leads a process group of its own, so a signal reaches what it started too. A reaper (a small shell)
// holds the other end of a pipe from us: however this process ends, even by SIGKILL, the reaper sees the end of the
// pipe and kills every group that is still listed.

import { spawn, type ChildProcess } from 'node:child_process';
import { StringDecoder } from 'node:string_decoder';
import type { Readable, Writable } from 'node:stream';

const REAPER = `
while read -r verb pid; do
  case $verb in
    start) eval "group$pid=1" ;;
    end) unset "group$pid" ;;
  esac
done
for pid in $(set | sed -n 's/^group\\([0-9]*\\)=.*/\\1/p'); do kill -s KILL -- "-$pid" 2>/dev/null; done
`;

let reaperInput: Writable | undefined;

function tellReaper(line: string): void {
  if (reaperInput === undefined) {
    const reaper = spawn('sh', ['-c', REAPER], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    reaper.unref();
    reaperInput = reaper.stdin!;
    reaperInput.on('error', () => undefined);
    if ('unref' in reaperInput && typeof reaperInput.unref === 'function') reaperInput.unref();
  }
  reaperInput.write(`${line}\n`);
}

export interface ProcessOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Called for each whole line of standard output, without its newline. */
  onLine?: (line: string) => void;
  onErrorLine?: (line: string) => void;
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

const ERROR_TAIL_LINES = 40;

export class Process {
  readonly pid: number;
  readonly stdin: Writable;
  /** Resolves, never rejects, when the process is gone and its output was read. */
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcess;
  private readonly errorLines: string[] = [];
  private isGone = false;

  constructor(readonly command: string, args: readonly string[], options: ProcessOptions = {}) {
    const child = spawn(command, args, {
      cwd: options.cwd, env: { ...process.env, ...options.env }, detached: true, stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child = child;
    this.pid = child.pid ?? -1;
    this.stdin = child.stdin;
    child.stdin.on('error', () => undefined);
    if (child.pid !== undefined) tellReaper(`start ${child.pid}`);
    eachLine(child.stdout, options.onLine ?? (() => undefined));
    eachLine(child.stderr, line => {
      this.errorLines.push(line);
      if (this.errorLines.length > ERROR_TAIL_LINES) this.errorLines.shift();
      options.onErrorLine?.(line);
    });
    this.ended = new Promise(resolve => {
      const gone = (ended: Ended) => {
        if (this.isGone) return;
        this.isGone = true;
        if (child.pid !== undefined) tellReaper(`end ${child.pid}`);
        resolve(ended);
      };
      child.once('error', error => {
        this.errorLines.push(error.message);
        gone({ code: 127, signal: null });
      });
      child.once('close', (code, signal) => gone({ code, signal }));
    });
  }

  get running(): boolean {
    return !this.isGone && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The last lines of standard error, for a message that explains a failure. */
  errorTail(): string {
    return this.errorLines.join('\n');
  }

  /** Sends the signal to the whole group. */
  signal(signal: NodeJS.Signals): void {
    if (this.isGone || this.pid < 0) return;
    try {
      process.kill(-this.pid, signal);
    } catch {
      // The group is gone already: `ended` is about to say so.
    }
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }
}

function eachLine(stream: Readable, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const text = rest + decoder.write(chunk);
    let from = 0;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      onLine(text.slice(from, at));
      from = at + 1;
    }
    rest = text.slice(from);
  });
  stream.once('end', () => {
    if (rest.length > 0) onLine(rest);
  });
}

export interface Output {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end; `stdin` is written to it and closed. Kills its group after `timeoutMs`. */
export async function run(
  command: string, args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number; stdin?: string } = {},
): Promise<Output> {
  const out: string[] = [];
  const errors: string[] = [];
  const child = new Process(command, args, {
    cwd: options.cwd, env: options.env, onLine: line => out.push(line), onErrorLine: line => errors.push(line),
  });
  child.stdin.end(options.stdin);
  const timeoutMs = options.timeoutMs ?? 120_000;
  const timer = setTimeout(() => {
    errors.push(`killed: still running after ${timeoutMs} ms`);
    child.signal('SIGKILL');
  }, timeoutMs);
  const { code } = await child.ended;
  clearTimeout(timer);
  return { code: code ?? -1, stdout: out.join('\n'), stderr: code === 127 ? child.errorTail() : errors.join('\n') };
}

/** `run`, and an error that quotes the end of the output when the command fails. */
export async function mustRun(...call: Parameters<typeof run>): Promise<Output> {
  const output = await run(...call);
  if (output.code === 0) return output;
  const tail = `${output.stdout}\n${output.stderr}`.trim().split('\n').slice(-15).join('\n');
  throw new Error(`${call[0]} ${call[1].join(' ')} ended with ${output.code}:\n${tail}`);
}

/** Rejects with `describe()` when `promise` is not settled within `timeoutMs`. */
export async function within<T>(timeoutMs: number, promise: Promise<T>, describe: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${describe()} (waited ${timeoutMs / 1000} s)`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
