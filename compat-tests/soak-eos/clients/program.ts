// What the programs in TypeScript share of the conversation that ../pipeline.ts describes.

import { openSync, writeSync } from 'node:fs';
import type { Operation, Send, TransactionOperation } from '../../../src/testing/history/history.js';
import { SeededRandom } from '../../support/random.js';
import type { Member, ProgramArguments, ProgressLine } from '../pipeline.js';

export const program = JSON.parse(process.argv.at(-1)!) as ProgramArguments;

const journal = openSync(program.journal, 'a');

const note = (operation: Operation): void => { writeSync(journal, `${JSON.stringify(operation)}\n`); };

/** Of a clock that all clients share. */
export const nowMs = (): number => performance.timeOrigin + performance.now();

/** A record on its way, with the partition that both topics have in common. */
export interface Record {
  readonly key: string;
  readonly value: string;
  readonly partition: number;
}

/** Resolves when the program is to end. */
export const stopping: Promise<void> & { isDue: boolean } = Object.assign(
  new Promise<void>(resolve => { process.stdin.resume().once('end', resolve); }), { isDue: false },
);
void stopping.then(() => { stopping.isDue = true; });

/** One member's account of what it does. */
export class Account {
  readonly random: SeededRandom;
  private transactions = 0;
  private values = 0;

  constructor(readonly member: Member) {
    if (member.sabotage !== undefined) throw new Error(`no ${member.sabotage} here`);
    this.random = new SeededRandom(member.seed);
  }

  chose(kind: 'subscribe' | 'assign'): void {
    note({ kind, process: this.member.process, outcome: 'ok' });
  }

  initialized(transactionalId: string, startMs: number): void {
    note({ kind: 'init', process: this.member.process, outcome: 'ok', transactionalId, startMs, endMs: nowMs() });
  }

  /** The next records of a feeder that writes into some partitions alone. */
  feed(isMine: (partition: number) => boolean): Record[] {
    const { keys, mostRecords, partitions, process: name } = this.member;
    const mine = Array.from({ length: keys }, (_, key) => key).filter(key => isMine(key % partitions));
    return Array.from({ length: 1 + this.random.below(mostRecords) }, () => {
      const key = this.random.pick(mine);
      return { key: `k${key}`, value: `${name}-${this.values++}`, partition: key % partitions };
    });
  }

  begin(transactionalId: string): Transaction {
    const isAborted = this.member.abortOneIn > 0 && this.random.chance(this.member.abortOneIn);
    return new Transaction(this.member, transactionalId, this.transactions++, isAborted);
  }
}

/** What a copier read of one partition, and what it commits for its group. */
export interface Consumed {
  readonly partition: number;
  readonly records: readonly (readonly [offset: number, value: string])[];
  readonly nextOffset: number;
}

export class Transaction {
  private readonly startMs = nowMs();
  private noted: TransactionOperation | undefined;

  constructor(private readonly member: Member, private readonly transactionalId: string, private readonly number: number, readonly isToBeAborted: boolean) {}

  /** The value of an input, once this transaction has copied it. */
  copied(input: string): string {
    return `${input}@${this.member.process}.${this.number}`;
  }

  /** All is sent, its end comes next. What was consumed has a record for each of these. */
  sent(records: readonly Record[], consumed?: Consumed): void {
    const { inputTopic, outputTopic, groupId, process: name } = this.member;
    const topic = consumed === undefined ? inputTopic : outputTopic;
    const input = consumed && `${inputTopic}-${consumed.partition}`;
    const sends = records.map(({ partition, value }, i): Send => ({
      kind: 'send', key: `${topic}-${partition}`, offset: null, value, ...(consumed && { from: [input!, consumed.records[i]![0]] }),
    }));
    this.noted = {
      kind: 'txn', id: `${name}.${this.number}`, process: name, outcome: 'info', transactionalId: this.transactionalId, startMs: this.startMs, commitMs: nowMs(),
      micro: [...(consumed === undefined ? [] : [{ kind: 'poll', records: { [input!]: consumed.records } } as const]), ...sends],
      ...(consumed && { offsets: { [groupId]: { [input!]: consumed.nextOffset } } }),
    };
    note(this.noted);
  }

  /** `isDone`: it came to the end that it was to come to; else a commit may have taken place or not. */
  ended(isDone: boolean, records: number): void {
    const outcome = this.isToBeAborted ? 'fail' : isDone ? 'ok' : 'info';
    if (this.noted !== undefined) note({ ...this.noted, outcome, endMs: nowMs() });
    const how = this.isToBeAborted ? 'aborted' : 'committed';
    const line: ProgressLine = { member: this.member.name, ended: isDone ? how : 'lost', records };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
}

export const pause = (ms: number): Promise<void> => new Promise(resolve => { setTimeout(resolve, ms); });
