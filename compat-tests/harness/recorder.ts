// Writes down what clients do and see, in the order in which it ends, for the history checker.

import { appendFileSync } from 'node:fs';
import { formatHistory } from '../../src/testing/history/history-file.js';
import type { DataOperation, MicroOperation, Operation } from '../../src/testing/history/history.js';

/** One history, written by any number of clients; also to a file as it grows, if there is one, for who looks for a fault. */
export class HistoryRecorder {
  readonly operations: Operation[] = [];
  private processes = 0;

  constructor(private readonly file?: string) {}

  /** A number for a client: what it does is one operation after the other. */
  newProcess(): number {
    return this.processes++;
  }

  /** Runs `work`, which does what `intended` says. What it returns took place; when it throws, `isRefusal` tells whether it surely did not. */
  async data(process: number, intended: readonly MicroOperation[], work: () => Promise<readonly MicroOperation[]>, isRefusal: (error: unknown) => boolean): Promise<boolean> {
    try {
      this.add({ kind: 'data', process, outcome: 'ok', micro: await work() });
      return true;
    } catch (error) {
      this.add({ kind: 'data', process, outcome: isRefusal(error) ? 'fail' : 'info', micro: intended });
      return false;
    }
  }

  /** A poll that has returned. */
  polled(process: number, records: Extract<MicroOperation, { kind: 'poll' }>['records']): void {
    this.add({ kind: 'data', process, outcome: 'ok', micro: [{ kind: 'poll', records }] } satisfies DataOperation);
  }

  chose(process: number, kind: 'assign' | 'subscribe'): void {
    this.add({ kind, process, outcome: 'ok' });
  }

  private add(operation: Operation): void {
    this.operations.push(operation);
    if (this.file !== undefined) appendFileSync(this.file, formatHistory([operation]));
  }
}
