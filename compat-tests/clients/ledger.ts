// What was written, and whether what is read is exactly that, in order.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reader } from './driver.js';

const KEYS = 97;
const SENTENCE = 'the quick brown fox jumps over the lazy dog while five boxing wizards watch; ';

/** The keyed record with number `index`; the value starts with the number. About 100 bytes in all. */
export interface TestRecord {
  key: string;
  value: string;
}

function recordOf(index: number): TestRecord {
  const turn = index % SENTENCE.length;
  return { key: `key-${index % KEYS}`, value: `${String(index).padStart(8, '0')} ${SENTENCE.slice(turn)}${SENTENCE.slice(0, turn)}` };
}

const INDEX_CHARS = 8;

/** Records 0 to `total`, the same for every client, and files of them that the clients send. */
export class Dataset {
  readonly records: readonly TestRecord[];
  private readonly files = new Set<string>();

  constructor(total: number, private readonly folder: string) {
    this.records = Array.from({ length: total }, (_, index) => recordOf(index));
    mkdirSync(folder, { recursive: true });
  }

  /** A file with the records `from` to `to` (not included), a line `key \t value` each. */
  file(from: number, to: number): string {
    const path = join(this.folder, `${from}-${to}.tsv`);
    // Written once: another client may be reading it.
    if (this.files.has(path)) return path;
    this.files.add(path);
    writeFileSync(path, this.records.slice(from, to).map(({ key, value }) => `${key}\t${value}\n`).join(''));
    return path;
  }
}

/** Waits for a stretch of records of one topic, and says what is wrong with what comes. */
export class Ledger {
  private nextOffset = new Map<string, number>();
  private partitionOf = new Map<string, string>();
  private nextOfKey: number[] = [];
  private from = 0;
  private to = 0;
  private mayRepeat = false;
  private received = 0;
  private isBroken = false;
  private break: (problem: Error) => void = () => undefined;
  /** Rejects with the first thing that is wrong with what came, whenever it comes; never resolves. */
  readonly broken = new Promise<never>((_, reject) => { this.break = reject; });
  private readonly membersHeard = new Set<string>();
  private settle: (() => void) | undefined;

  constructor(private readonly dataset: Dataset) {
    this.broken.catch(() => undefined);
  }

  /**
   * From now on the records `from` to `to` are expected, each key's in order, each once and no other. With `mayRepeat`
   * earlier records may come (again), as they do to a member that fell back to an older commit; still none may be
   * left out.
   */
  expect(from: number, to: number, mayRepeat = false): void {
    Object.assign(this, { from, to, mayRepeat, received: 0 });
    this.membersHeard.clear();
    this.nextOfKey = Array.from({ length: KEYS }, (_, key) => from + ((key - (from % KEYS) + KEYS) % KEYS));
    // A stretch that is read again starts at older offsets.
    this.nextOffset.clear();
  }

  readerFor(member: string): Reader {
    return {
      read: lines => {
        this.membersHeard.add(member);
        for (const line of lines) this.take(line, member);
        if (this.received >= this.to - this.from) this.settle?.();
      },
      failed: reason => this.break(new Error(`member ${member}: ${reason}`)),
    };
  }

  /** The members that records came from since `expect`. */
  get heard(): number {
    return this.membersHeard.size;
  }

  /** Resolves when all that is expected has come; `broken` tells when something else does. */
  async complete(): Promise<void> {
    if (this.received < this.to - this.from) await new Promise<void>(resolve => { this.settle = resolve; });
    this.settle = undefined;
  }

  describe(): string {
    return `have ${this.received} of the ${this.to - this.from} records from ${this.from} on`;
  }

  private take(line: string, member: string): void {
    if (this.isBroken) return;
    const [partition, offsetText, key, value] = line.split('\t') as [string, string, string, string];
    const index = Number(value?.slice(0, INDEX_CHARS));
    const record = this.dataset.records[index];
    const fail = (what: string) => {
      this.isBroken = true;
      this.break(new Error(`${what}: member ${member} read partition ${partition}, offset ${offsetText}, record ${index}; ${this.describe()}`));
    };
    if (record === undefined || record.key !== key || record.value !== value) return fail('not what was written');
    const home = this.partitionOf.get(key);
    if (home === undefined) this.partitionOf.set(key, partition);
    else if (home !== partition) return fail(`the key was in partition ${home} before`);
    const keyNumber = index % KEYS;
    const next = this.nextOfKey[keyNumber]!;
    if (index < next && this.mayRepeat) return;
    if (index !== next || index >= this.to) return fail(`out of order, expected record ${next} of ${key}`);
    const offset = Number(offsetText);
    const expected = this.nextOffset.get(partition);
    if (expected !== undefined && offset !== expected) return fail(`expected offset ${expected}`);
    this.nextOffset.set(partition, offset + 1);
    this.nextOfKey[keyNumber] = next + KEYS;
    this.received += 1;
  }
}
