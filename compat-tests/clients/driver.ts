// One face for every client: what the scenario asks of it.

import { Process, within } from '../support/processes.js';

export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
export const CODECS: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** What a member of a group tells. */
export interface Reader {
  /** Records as they are read: lines of `partition \t offset \t key \t value`, in the member's order. */
  read(lines: readonly string[]): void;
  /** The member has ended without being asked to. */
  failed(reason: string): void;
}

/** The client has no means for this, which is a fact about the client and no failure; the message is the reason. */
export class CannotDo extends Error {}

/** How a member takes its partitions: all anew with every generation, only what changes, or as the broker assigns them (KIP-848). */
export type GroupMode = 'eager' | 'cooperative' | 'consumer';

export interface ClientDriver {
  createTopic(topic: string, partitions: number): Promise<void>;
  /**
   * Sends each line `key \t value` of a file to a topic, in order, with acks from all; resolves when all are
   * acknowledged. The same producer serves later calls with the same topic.
   */
  produce(topic: string, codec: Codec, file: string): Promise<void>;
  /**
   * Starts a member of a group that reads from the committed offset, or else from the start, until it leaves. With
   * `commits` it commits what it has handed to the reader, at the latest when it leaves or its partitions are taken. With a
   * `mode`, where the client has it, what it could not commit is no failure: somebody will read it again.
   */
  join(member: string, group: string, topic: string, commits: boolean, reader: Reader, mode?: GroupMode): Promise<void>;
  leave(member: string): Promise<void>;
  stop(): Promise<void>;
}

interface Reply {
  id: number;
  error?: string;
  result?: unknown;
}

interface Delivery {
  member: string;
  /** Record lines, separated by newlines. */
  records: string;
}

interface MemberEnd {
  member: string;
  failed: string;
}

/**
 * A client in its own program, spoken to in lines of JSON. A request `{id, op, ...}` on its standard input is answered
 * by `{id}`, `{id, result}` or `{id, error}` in any order; `{member, records}` comes whenever a member has read, `{member, failed}` when
 * it ended by itself. The program ends when its input does.
 */
export class ProgramDriver implements ClientDriver {
  private readonly program: Process;
  private readonly waiting = new Map<number, { resolve: (result?: unknown) => void; reject: (error: Error) => void }>();
  private readonly readers = new Map<string, Reader>();
  private lastId = 0;

  constructor(command: string, args: readonly string[], readonly bootstrap: string) {
    this.program = new Process(command, [...args, bootstrap], { onLine: line => this.hear(line) });
    void this.program.ended.then(({ code, signal }) => {
      for (const { reject } of this.waiting.values()) reject(new Error(`the client ended (${signal ?? code}):\n${this.program.errorTail()}`));
      this.waiting.clear();
    });
  }

  async createTopic(topic: string, partitions: number): Promise<void> {
    await this.ask('createTopic', { topic, partitions });
  }

  async produce(topic: string, codec: Codec, file: string): Promise<void> {
    await this.ask('produce', { topic, codec, file });
  }

  async join(member: string, group: string, topic: string, commits: boolean, reader: Reader, mode?: GroupMode): Promise<void> {
    this.readers.set(member, reader);
    await this.ask('join', { member, group, topic, commits, mode });
  }

  async leave(member: string): Promise<void> {
    await this.ask('leave', { member });
  }

  async stop(): Promise<void> {
    this.program.stdin.end();
    await within(5_000, this.program.ended, () => 'the client does not end').catch(() => undefined);
    await this.program.kill();
  }

  /** The `result` of the answer, of an operation that has one. */
  protected ask(op: string, args: object): Promise<unknown> {
    if (!this.program.running) return Promise.reject(new Error(`the client is gone:\n${this.program.errorTail()}`));
    this.lastId += 1;
    const id = this.lastId;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject: error => reject(new Error(`${op}: ${error.message}`)) });
      this.program.stdin.write(`${JSON.stringify({ id, op, ...args })}\n`);
    });
  }

  private hear(line: string): void {
    if (!line.startsWith('{')) return;
    const message = JSON.parse(line) as Reply | Delivery | MemberEnd;
    if ('records' in message) {
      this.readers.get(message.member)?.read(message.records.split('\n'));
      return;
    }
    if ('failed' in message) {
      this.readers.get(message.member)?.failed(message.failed);
      return;
    }
    const asked = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.error === undefined) asked?.resolve(message.result);
    else asked?.reject(new Error(message.error));
  }
}
