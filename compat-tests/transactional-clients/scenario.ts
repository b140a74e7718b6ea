// What every client does with transactions, written once. Whatever is expected here Apache Kafka does too (BROKER=apache).

import type { Producer } from 'kafkajs';
import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { offsetFetchApi } from '../../src/protocol/generated/index.js';
import type { RawClient } from '../../src/testing/raw-client.js';
import { within } from '../support/processes.js';
import { until } from '../support/until.js';
import type { Isolation, Sent, TransactionalDriver } from './driver.js';

/** The words are those of the table that is printed. */
export const STEPS = ['open', 'commit', 'abort', 'empty', 'send offsets', 'fence', 'time out', 'go on'] as const;
export type Step = (typeof STEPS)[number];
export type Outcome = { readonly kind: 'yes' } | { readonly kind: 'failed'; readonly reason: string } | { readonly kind: 'not reached' };

export const PARTITIONS = 3;
const STEP_TIMEOUT_MS = 60_000;
const LONG_MS = 60_000;
/** All is sent within it, even by a busy machine. */
const SHORT_MS = 10_000;
/** Of the last version that names topics instead of ids. */
const OFFSET_FETCH_VERSION = 7;
const ISOLATIONS: readonly Isolation[] = ['read_committed', 'read_uncommitted'];

/** The frame's own access to the broker, the same for all clients. */
export interface Surroundings {
  /** Without transactions. */
  readonly producer: Producer;
  readonly raw: RawClient;
}

/** One client's topic, what must be in it, and its steps. */
export class TransactionalCell {
  readonly outcomes = new Map<Step, Outcome>(STEPS.map(step => [step, { kind: 'not reached' }]));
  private readonly written: Record<Isolation, string[][]> = { read_committed: emptyLists(), read_uncommitted: emptyLists() };
  private readonly group: string;
  private marks = 0;
  private values = 0;

  constructor(readonly name: string, private readonly driver: TransactionalDriver, private readonly around: Surroundings, readonly topic: string) {
    this.group = `${topic}-group`;
  }

  async run(): Promise<void> {
    await this.step('open', () => this.driver.open('first', this.topic, LONG_MS));
    await this.step('commit', () => this.isSeenAfter('first', true, () => this.driver.commit('first')));
    await this.step('abort', () => this.isSeenAfter('first', false, () => this.driver.abort('first')));
    await this.step('empty', () => this.endWithoutRecords());
    await this.step('send offsets', () => this.sendOffsets());
    await this.step('fence', () => this.fence());
    await this.step('time out', () => this.timeOut());
    await this.step('go on', () => this.isSeenAfter('last', true, () => this.driver.commit('last')));
  }

  /**
   * Several records into each partition in one transaction. While it is open, only a reader of uncommitted ones comes past
   * them; when `end` has ended it, all readers do, and find them if it was committed.
   */
  private async isSeenAfter(producer: string, isCommitted: boolean, end: () => Promise<unknown>): Promise<void> {
    await this.driver.begin(producer);
    await this.send(producer, isCommitted);
    const mark = await this.mark();
    await this.finds('read_uncommitted', mark);
    const committed = this.finds('read_committed', mark);
    // Should `end` fail, that is what is told.
    committed.catch(() => undefined);
    await end();
    await committed;
  }

  private async endWithoutRecords(): Promise<void> {
    for (const end of ['commit', 'abort'] as const) {
      await this.driver.begin('first');
      await this.driver[end]('first');
    }
    const mark = await this.mark();
    for (const isolation of ISOLATIONS) await this.finds(isolation, mark);
  }

  private async sendOffsets(): Promise<void> {
    const transact = async (offset: number, before: number, isCommitted: boolean): Promise<void> => {
      await this.isSeenAfter('first', isCommitted, async () => {
        await this.driver.sendOffset('first', this.group, this.topic, 0, offset);
        equals('offsets while they are pending', await this.committedOffset(false), before);
        equals('stable offsets while some are pending', await this.committedOffset(true), 'unstable');
        await (isCommitted ? this.driver.commit('first') : this.driver.abort('first'));
      });
      equals('offsets after the transaction', await this.stableOffset(), isCommitted ? offset : before);
    };
    await transact(5, -1, true);
    await transact(9, 5, false);
    await transact(7, 5, true);
  }

  /** A second producer takes the id while the first one has a transaction open. */
  private async fence(): Promise<void> {
    await this.isSeenAfter('first', false, () => this.driver.open('second', this.topic, LONG_MS));
    equals('the commit of a fenced producer', await refused(this.driver.commit('first')), FENCED);
    await this.driver.close('first');
    await this.isSeenAfter('second', true, () => this.driver.commit('second'));
  }

  /** A producer falls silent: its transaction is aborted without anybody asking. */
  private async timeOut(): Promise<void> {
    await this.driver.close('second');
    await this.driver.open('third', this.topic, SHORT_MS);
    await this.isSeenAfter('third', false, () => Promise.resolve());
    const refusal = await refused(this.driver.commit('third'));
    if (refusal === null) throw new Error('a transaction that was timed out is said to be committed');
    await this.driver.close('third');
    await this.driver.open('last', this.topic, LONG_MS);
  }

  private async send(producer: string, isCommitted: boolean): Promise<void> {
    const records = Array.from({ length: 2 * PARTITIONS }, (_, i): Sent => [i % PARTITIONS, `value ${this.values++}`]);
    await this.driver.send(producer, this.topic, records);
    for (const isolation of isCommitted ? ISOLATIONS : (['read_uncommitted'] as const)) {
      for (const [partition, value] of records) this.written[isolation][partition]!.push(value);
    }
  }

  /** Behind all that was written so far, in each partition; a value that readers stop at. */
  private async mark(): Promise<string> {
    const value = `mark ${this.marks++}`;
    await this.around.producer.send({ topic: this.topic, acks: -1, messages: Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, value })) });
    for (const isolation of ISOLATIONS) for (const values of this.written[isolation]) values.push(value);
    return value;
  }

  private async finds(isolation: Isolation, mark: string): Promise<void> {
    const expected = this.written[isolation].map(values => values.slice(0, values.indexOf(mark)));
    equals(`${isolation} up to ${mark}`, await this.driver.read(this.topic, PARTITIONS, isolation, mark), expected);
  }

  /** Of the first partition; -1 where there is none. */
  private async committedOffset(requireStable: boolean): Promise<number | 'unstable'> {
    const { topics } = await this.around.raw.send(offsetFetchApi, { groupId: this.group, topics: [{ name: this.topic, partitionIndexes: [0] }], requireStable }, OFFSET_FETCH_VERSION);
    const { errorCode, committedOffset } = topics[0]!.partitions[0]!;
    if (errorCode === ErrorCode.UNSTABLE_OFFSET_COMMIT) return 'unstable';
    if (errorCode !== ErrorCode.NONE) throw new Error(`the offset could not be fetched: ${errorCode}`);
    return Number(committedOffset);
  }

  /** Apache Kafka answers before the markers are written, and so may we. */
  private async stableOffset(): Promise<number> {
    return Number(await until('a stable offset', () => this.committedOffset(true), offset => offset !== 'unstable'));
  }

  /** Runs a step unless an earlier one failed: what follows would say nothing. */
  private async step(step: Step, run: () => Promise<void>): Promise<void> {
    if ([...this.outcomes.values()].some(({ kind }) => kind === 'failed')) return;
    try {
      await within(STEP_TIMEOUT_MS, run(), () => `nothing more came of '${step}'`);
      this.outcomes.set(step, { kind: 'yes' });
    } catch (error) {
      this.outcomes.set(step, { kind: 'failed', reason: (error as Error).message });
    }
  }
}

const emptyLists = (): string[][] => Array.from({ length: PARTITIONS }, () => []);

const FENCED = 'fenced';

/** Why it was refused, null when it was not; the clients have several words for a producer that is fenced. */
async function refused(asked: Promise<void>): Promise<string | null> {
  try {
    await asked;
    return null;
  } catch (error) {
    const { message } = error as Error;
    return /fenced|epoch|newer producer/i.test(message) ? FENCED : message;
  }
}

function equals(what: string, found: unknown, expected: unknown): void {
  const [is, should] = [JSON.stringify(found), JSON.stringify(expected)];
  if (is !== should) throw new Error(`${what}: ${is} instead of ${should}`);
}
