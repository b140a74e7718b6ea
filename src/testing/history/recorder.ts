/** Writes down what clients in this process do and see, in the order in which it ends, for the history checker. */
import { appendFileSync } from 'node:fs';
import { formatHistory } from './history-file.js';
import type { Isolation, Key, MicroOperation, Operation, Origin, Outcome, Poll, Positions, Send, TransactionOperation, Value } from './history.js';

export interface RecorderOptions {
  /** Where the history also goes as it grows, for who looks for a fault. */
  readonly file?: string | undefined;
  /** A clock that all clients share: of the simulation, or the wall's. */
  readonly nowMs?: () => number;
}

const wallMs = (): number => performance.timeOrigin + performance.now();

/** One history, written by any number of clients. */
export class HistoryRecorder {
  readonly operations: Operation[] = [];
  readonly nowMs: () => number;
  private readonly file: string | undefined;
  private processes = 0;

  constructor({ file, nowMs = wallMs }: RecorderOptions = {}) {
    this.file = file;
    this.nowMs = nowMs;
  }

  /** A number for a client: what it does is one operation after the other. */
  newProcess(): number {
    return this.processes++;
  }

  /** Runs `work`, which does what `intended` says. What it returns took place; when it throws, `isRefusal` tells whether it surely did not. */
  async data(process: number, intended: readonly MicroOperation[], work: () => Promise<readonly MicroOperation[]>, isRefusal: (error: unknown) => boolean): Promise<boolean> {
    const startMs = this.nowMs();
    try {
      const micro = await work();
      this.add({ kind: 'data', process, outcome: 'ok', micro, startMs, endMs: this.nowMs() });
      return true;
    } catch (error) {
      this.add({ kind: 'data', process, outcome: isRefusal(error) ? 'fail' : 'info', micro: intended, startMs, endMs: this.nowMs() });
      return false;
    }
  }

  /** A poll that has returned. */
  polled(process: number, records: Poll['records'], isolation: Isolation = 'read_committed'): void {
    this.add({ kind: 'data', process, outcome: 'ok', isolation, micro: [{ kind: 'poll', records }], endMs: this.nowMs() });
  }

  chose(process: number, kind: 'assign' | 'subscribe', positions?: Positions): void {
    this.add({ kind, process, outcome: 'ok', ...(positions === undefined ? {} : { positions }) });
  }

  /** `transactionalId` was taken; `startMs` is when that was asked for. */
  tookId(process: number, transactionalId: string, startMs: number): void {
    this.add({ kind: 'init', process, outcome: 'ok', transactionalId, startMs, endMs: this.nowMs() });
  }

  /** Partitions were told to end there; `reached`: the process has polled all that is below. */
  toldEnds(process: number, isolation: Isolation, ends: Positions, startMs: number, reached = false): void {
    this.add({ kind: 'ends', process, outcome: 'ok', isolation, ends, reached, startMs, endMs: this.nowMs() });
  }

  /** A group was told to be there, by who asked for stable offsets. */
  toldCommitted(process: number, group: string, offsets: Positions, startMs: number): void {
    this.add({ kind: 'committed', process, outcome: 'ok', group, offsets, startMs, endMs: this.nowMs() });
  }

  begin(process: number, transactionalId: string, isolation: Isolation = 'read_committed'): RecordedTransaction {
    return new RecordedTransaction({ kind: 'txn', process, transactionalId, isolation, startMs: this.nowMs() }, this.nowMs, operation => this.add(operation));
  }

  private add(operation: Operation): void {
    this.operations.push(operation);
    if (this.file !== undefined) appendFileSync(this.file, formatHistory([operation]));
  }
}

/** A send of a transaction, until it is acknowledged. */
type Draft = { -readonly [P in keyof Send]: Send[P] };

/** A transaction as its client goes along. It is written once, when it has ended. */
export class RecordedTransaction {
  private readonly micro: (Draft | Poll)[] = [];
  private readonly offsets: Record<string, Positions> = {};
  private commitMs: number | undefined;

  constructor(
    private readonly head: Pick<TransactionOperation, 'kind' | 'process' | 'transactionalId' | 'isolation' | 'startMs'>,
    private readonly nowMs: () => number, private readonly write: (operation: TransactionOperation) => void,
  ) {}

  polled(records: Poll['records']): void {
    this.micro.push({ kind: 'poll', records });
  }

  /** Before it is handed over. What it returns is called once the broker has said where it stands. */
  sends(key: Key, value: Value, from?: Origin): (offset: number) => void {
    const send: Draft = { kind: 'send', key, offset: null, value, ...(from === undefined ? {} : { from }) };
    this.micro.push(send);
    return offset => { send.offset = offset; };
  }

  /** What it is to commit for a group; of several for a partition the last counts. */
  sendsOffsets(group: string, positions: Positions): void {
    this.offsets[group] = { ...this.offsets[group], ...positions };
  }

  /** Right before commit is asked for. */
  asksToCommit(): void {
    this.commitMs ??= this.nowMs();
  }

  /** How it ended, as far as the client knows; a commit that nobody asked for has failed. */
  ended(outcome: Outcome): void {
    if (outcome === 'ok' && this.commitMs === undefined) throw new Error(`a transaction of ${this.head.transactionalId} was committed that nobody asked to commit`);
    this.write({
      ...this.head, outcome: this.commitMs === undefined ? 'fail' : outcome, micro: this.micro, endMs: this.nowMs(),
      ...(this.commitMs === undefined ? {} : { commitMs: this.commitMs }),
      ...(Object.keys(this.offsets).length === 0 ? {} : { offsets: this.offsets }),
    });
  }
}
