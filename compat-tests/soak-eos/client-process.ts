// A client's program, started as often as it is killed.

import { Process, within } from '../support/processes.js';
import { START_ANEW } from './pipeline.js';

const STOP_TIMEOUT_MS = 60_000;

export interface ClientProcessOptions {
  readonly name: string;
  readonly command: string;
  /** Asked at each start. */
  readonly args: () => readonly string[];
  readonly onLine: (line: string) => void;
  /** It ended, and should not have. */
  readonly onFailure: (reason: string) => void;
  /** Whether a second one may run beside it with the same transactional ids. */
  readonly isReplaceable: boolean;
}

export class ClientProcess {
  readonly name: string;
  readonly isReplaceable: boolean;
  private process: Process | undefined;
  private isStopping = false;

  constructor(private readonly options: ClientProcessOptions) {
    this.name = options.name;
    this.isReplaceable = options.isReplaceable;
  }

  start(): void {
    const { command, args, onLine, onFailure } = this.options;
    const process = new Process(command, args(), { onLine });
    this.process = process;
    void process.ended.then(({ code, signal }) => {
      if (this.process !== process || this.isStopping) return;
      if (code === START_ANEW) this.start();
      else onFailure(`${this.name} ended (${signal ?? code}):\n${process.errorTail()}`);
    });
  }

  /** `kill -9`, and another start. */
  async restart(): Promise<void> {
    await this.setAside()?.kill();
    if (!this.isStopping) this.start();
  }

  /** SIGSTOP for the time of `meanwhile`. */
  async freeze(meanwhile: () => Promise<void>): Promise<void> {
    const frozen = this.process;
    frozen?.signal('SIGSTOP');
    await meanwhile();
    frozen?.signal('SIGCONT');
  }

  /** SIGSTOP; another one takes its place `meanwhile`, then it comes back for a `moment`, and is killed. */
  async replace(meanwhile: () => Promise<void>, moment: () => Promise<void>): Promise<void> {
    const zombie = this.setAside();
    zombie?.signal('SIGSTOP');
    this.start();
    await meanwhile();
    zombie?.signal('SIGCONT');
    await moment();
    await zombie?.kill();
  }

  /** Asks it to end: its members bring to an end what they are at. */
  async stop(): Promise<void> {
    this.isStopping = true;
    const process = this.process;
    if (process === undefined) return;
    process.signal('SIGCONT');
    process.stdin.end();
    const { code, signal } = await within(STOP_TIMEOUT_MS, process.ended, () => `${this.name} does not end:\n${process.errorTail()}`);
    if (code !== 0) throw new Error(`${this.name} was asked to end, and ended with ${signal ?? code}:\n${process.errorTail()}`);
  }

  async kill(): Promise<void> {
    this.isStopping = true;
    await this.setAside()?.kill();
  }

  get complaint(): string {
    return this.process?.errorTail() ?? '';
  }

  private setAside(): Process | undefined {
    const process = this.process;
    this.process = undefined;
    return process;
  }
}
