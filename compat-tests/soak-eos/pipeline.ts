import type { Toolchain } from '../support/toolchains.js';

/**
 * What `make soak-eos` and its clients agree on. A pipeline is two topics of equally many partitions: feeders write unique values into the input
 * in transactions, copiers bring each of them to the same partition of the output (consume-transform-produce), and the whole of
 * it is killed, frozen and cut off at random. In the end the output holds each committed input once, in order.
 *
 * A client is a program, in any language. It gets `ProgramArguments` as JSON in its last argument and runs all its members at
 * once. It ends with code 0 when its standard input ends: each member first brings the transaction to an end that it is in.
 *
 * What a member does, for ever:
 * - feeder: begins a transaction, writes 1 to `mostRecords` records, commits (or aborts, one time in `abortOneIn`). A record has
 *   the next value `<process>-<n>` (n = 0, 1, ...), the key `k<i>` with i random below `keys`, the partition i modulo
 *   `partitions`, chosen by the client itself. acks=all. Between transactions it waits `pauseMs`.
 * - copier: subscribes to the input in `groupId`, at read_committed, from the start where nothing is committed, without
 *   automatic commits; for what a poll returned (at most `mostRecords` records): begins a transaction, writes each record
 *   to the same partition of the output with the same key and the value `<input value>@<process>.<t>` (t counts this member's transactions
 *   from 0), sends the offsets to the transaction with its group metadata (KIP-447, where the client has it), commits (or aborts, one
 *   time in `abortOneIn`). After whatever went wrong or was aborted it reads on from the committed offsets.
 *
 * An error that leaves the producer unusable (fenced, epoch out of date, ...) is nothing special: the member begins anew with a
 * new producer of the same transactional id. What a client library cannot recover from in the process may end the program with code
 * `START_ANEW`: it is then started again. Every other end is a failure of the soak.
 *
 * A frozen program (SIGSTOP) may find when it goes on that its transactions were aborted, its members put out of the group, or that another process has begun with
 * its transactional ids: it must not do harm then. Both go on for a moment, and may fence one another by turns.
 */
export interface ProgramArguments {
  /** `host:port`, of a link that is disturbed now and then. */
  readonly bootstrap: string;
  /** A file that is not there yet; the program appends to it, each line with one write(2): a kill must not tear what came before. */
  readonly journal: string;
  readonly members: readonly Member[];
}

export interface Member {
  readonly role: 'feeder' | 'copier';
  /** Of all members and all their starts in a run; the `process` of the history's operations. */
  readonly process: number;
  readonly name: string;
  readonly transactionalId: string;
  /** Short, so that what a killed member left open does not hold the others up for long. */
  readonly transactionTimeoutMs: number;
  readonly inputTopic: string;
  readonly partitions: number;
  /** For what is random in the member. */
  readonly seed: number;
  readonly mostRecords: number;
  /** 0 is never. */
  readonly abortOneIn: number;
  readonly pauseMs: number;
  /** Feeders' keys. */
  readonly keys: number;
  /** Copiers alone: */
  readonly outputTopic: string;
  readonly groupId: string;
  readonly groupProtocol: GroupProtocol;
  /** Of the classic protocol; in the other the broker's settings have it. */
  readonly sessionTimeoutMs: number;
  /** A fault on purpose, for the tests of the soak itself; a program may know none of them and refuse. */
  readonly sabotage?: Sabotage;
}

export type GroupProtocol = 'classic' | 'consumer';

/** Offsets committed outside of the transaction; output written without a transaction. */
export type Sabotage = 'offsets-outside' | 'no-transaction';

/** The exit code that asks for another start. */
export const START_ANEW = 10;

/*
 * The journal is a history in the file form of src/testing/history/history.ts. A member writes into it:
 * - each transaction twice, a `txn` line of equal `id`: when all is sent and before it asks for the end (commit or abort) of it, with the outcome
 *   `info`; then, once it knows what became of it, with `ok` or `fail` or again `info`, as told there. `id` is `<process>.<t>`; the times, `transactionalId` and, of
 *   a copier, the poll before the sends, `from` and `offsets` belong to it. A send's `offset` is null where the client does not know it.
 *   `fail`: it never asked for a commit, or after an error of the commit an abort was acknowledged. A transaction that met an
 *   error before it was noted needs no lines: its values must never be seen, and whatever is read without a line is a fault;
 * - `init` after each initialization of its producer;
 * - a copier, `subscribe` when it subscribes, `assign` when it was assigned partitions, before it reads them, and when it went back
 *   to the committed offsets.
 */

/**
 * On standard output, for progress and figures: a line for each transaction that ended. `lost` is one that met an error, whatever
 * became of it. Other lines are passed over; what goes to standard error is shown when the program fails.
 */
export interface ProgressLine {
  readonly member: string;
  readonly ended: 'committed' | 'aborted' | 'lost';
  readonly records: number;
}

/** How a client's program is started: the arguments as JSON follow `args`. */
export interface PipelineClient {
  readonly name: string;
  /** null where Node.js is enough. */
  readonly toolchain: Toolchain | null;
  readonly command: string;
  readonly args: readonly string[];
  /** Those that its consumers have: a pipeline for each. */
  readonly groupProtocols: readonly GroupProtocol[];
}
