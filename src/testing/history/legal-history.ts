/** Histories as a correct broker gives them, from a seed: transactional producers, a pipeline, zombies and readers over a log that is two lists. */
import { SimRandom } from '../../env/sim/random.js';
import type { Isolation, Key, MicroOperation, Operation, Outcome, Positions, TransactionOperation, Value } from './history.js';

export const GROUP = 'copiers';
const INPUTS: readonly Key[] = ['in-0', 'in-1'];
const OUTPUTS: readonly Key[] = ['out-0', 'out-1'];
export const KEYS: readonly Key[] = [...INPUTS, ...OUTPUTS];
const STEPS = 400;

type Fate = 'open' | 'committing' | 'aborting' | 'done';

/** A transaction as the broker has it. */
interface Transaction {
  fate: Fate;
  commits: boolean;
  /** Partitions that have no marker yet. */
  readonly unmarked: Set<Key>;
  offsets: Positions;
}

/** One place of a log: a record, or a marker. */
interface Place {
  readonly value: Value | undefined;
  readonly transaction: Transaction | undefined;
}

/** The broker, always right. */
class Model {
  nowMs = 0;
  readonly logs = new Map<Key, Place[]>(KEYS.map(key => [key, []]));
  readonly groupOffsets = new Map<Key, number>(INPUTS.map(key => [key, 0]));
  readonly transactions: Transaction[] = [];
  readonly history: Operation[] = [];
  private lastValue = 0;
  private lastProcess = 0;

  constructor(readonly random: SimRandom) {}

  tick(): number {
    return this.nowMs += 1 + this.random.int(3);
  }

  newProcess(): number {
    return this.lastProcess++;
  }

  newValue(): number {
    return ++this.lastValue;
  }

  append(key: Key, value: Value, transaction?: Transaction): number {
    transaction?.unmarked.add(key);
    return this.logs.get(key)!.push({ value, transaction }) - 1;
  }

  /** The last stable offset, or the high watermark. */
  end(key: Key, isolation: Isolation): number {
    const log = this.logs.get(key)!;
    if (isolation === 'read_uncommitted') return log.length;
    const open = log.findIndex(({ value, transaction }) => value !== undefined && transaction?.unmarked.has(key) === true);
    return open === -1 ? log.length : open;
  }

  /** What a fetch gives from `from` to before `to`. */
  read(key: Key, from: number, to: number, isolation: Isolation): [number, Value][] {
    return this.logs.get(key)!.slice(from, to).flatMap(({ value, transaction }, i): [number, Value][] => {
      const isHidden = value === undefined || (isolation === 'read_committed' && transaction !== undefined && !transaction.commits);
      return isHidden ? [] : [[from + i, value]];
    });
  }

  begin(): Transaction {
    const transaction: Transaction = { fate: 'open', commits: false, unmarked: new Set(), offsets: {} };
    this.transactions.push(transaction);
    return transaction;
  }

  /** To commit or to abort; the markers follow. */
  decide(transaction: Transaction, commits: boolean): void {
    transaction.fate = commits ? 'committing' : 'aborting';
    transaction.commits = commits;
  }

  /** One marker more; with the last the group's offsets are there too. */
  mark(transaction: Transaction): void {
    const [key] = transaction.unmarked;
    if (key !== undefined) {
      this.logs.get(key)!.push({ value: undefined, transaction });
      transaction.unmarked.delete(key);
    }
    if (transaction.unmarked.size > 0) return;
    transaction.fate = 'done';
    if (transaction.commits) for (const [input, offset] of Object.entries(transaction.offsets)) this.groupOffsets.set(input, offset);
  }

  finish(transaction: Transaction): void {
    while (transaction.fate === 'committing' || transaction.fate === 'aborting') this.mark(transaction);
  }

  /** Stable offsets are told once no transaction is about to change them. */
  get isGroupStable(): boolean {
    return this.transactions.every(({ fate, offsets }) => (fate !== 'committing' && fate !== 'open') || Object.keys(offsets).length === 0);
  }
}

interface Actor {
  step(): void;
  /** What it has begun comes to an end. */
  stop(): void;
}

/** Sends without transactions, and does not always hear what became of it. */
class PlainWriter implements Actor {
  private readonly process: number;

  constructor(private readonly model: Model) {
    this.process = model.newProcess();
  }

  step(): void {
    const { random } = this.model;
    const startMs = this.model.tick();
    const key = INPUTS[random.int(2)]!;
    const outcome = (['ok', 'ok', 'ok', 'info', 'fail'] as const)[random.int(5)]!;
    const lands = outcome === 'ok' || (outcome === 'info' && random.chance(0.5));
    const micro = Array.from({ length: 1 + random.int(3) }, (): MicroOperation => {
      const value = this.model.newValue();
      const offset = lands ? this.model.append(key, value) : null;
      return { kind: 'send', key, offset: outcome === 'ok' ? offset : null, value };
    });
    this.model.history.push({ kind: 'data', process: this.process, outcome, micro, startMs, endMs: this.model.tick() });
  }

  stop(): void { /* nothing is under way between its steps */ }
}

/** A transactional producer; with inputs, a consumer of those whose offsets its transactions commit. */
class Producer implements Actor {
  private process = -1;
  private open: { transaction: Transaction; micro: MicroOperation[]; startMs: number; pending: [Key, number][]; next: Record<Key, number> } | undefined;
  private unanswered: { transaction: Transaction; operation: TransactionOperation } | undefined;
  /** Answered, and not yet marked everywhere. */
  private lingering: Transaction | undefined;
  private id = 0;

  constructor(private readonly model: Model, private readonly transactionalId: string, private readonly inputs: readonly Key[], private readonly outputs: readonly Key[]) {
    this.takeOver();
  }

  step(): void {
    const { random } = this.model;
    if (this.unanswered !== undefined) return this.settle();
    if (this.lingering !== undefined && random.chance(0.5)) return this.markLingering();
    if (this.open === undefined) return random.chance(0.05) ? this.takeOver() : this.begin();
    if (random.chance(0.04)) return this.takeOver();
    if (this.open.pending.length > 0) return this.send();
    if (random.chance(0.4)) return this.inputs.length > 0 ? this.poll() : this.want();
    this.end();
  }

  stop(): void {
    while ((this.open?.pending.length ?? 0) > 0) this.send();
    if (this.open !== undefined) this.end();
    while (this.unanswered !== undefined) this.settle();
    while (this.lingering !== undefined) this.markLingering();
  }

  /** Another process has the id from here on, and whoever had it finds out when it asks to commit. */
  private takeOver(): void {
    const fenced = this.open;
    const before = this.process;
    const startMs = this.model.tick();
    while (this.lingering !== undefined) this.markLingering();
    if (fenced !== undefined) {
      this.model.decide(fenced.transaction, false);
      this.model.finish(fenced.transaction);
    }
    this.process = this.model.newProcess();
    this.model.history.push({ kind: 'init', process: this.process, outcome: 'ok', transactionalId: this.transactionalId, startMs, endMs: this.model.tick() });
    this.rewind();
    if (fenced === undefined) return;
    const commitMs = this.model.tick();
    // Often it does not live to say that it was fenced.
    const outcome: Outcome = this.model.random.chance(0.5) ? 'fail' : 'info';
    this.model.history.push(this.operationOf(fenced, before, outcome, commitMs, this.model.tick()));
    this.open = undefined;
  }

  private rewind(): void {
    if (this.inputs.length === 0) return;
    const positions = Object.fromEntries(this.inputs.map(key => [key, this.model.groupOffsets.get(key)!]));
    this.model.history.push({ kind: 'assign', process: this.process, outcome: 'ok', positions });
  }

  private begin(): void {
    const next = Object.fromEntries(this.inputs.map(key => [key, this.model.groupOffsets.get(key)!]));
    this.open = { transaction: this.model.begin(), micro: [], startMs: this.model.tick(), pending: [], next };
    if (this.inputs.length > 0) this.poll();
    else this.want();
  }

  private poll(): void {
    const { micro, pending, next, transaction } = this.open!;
    const key = this.inputs[this.model.random.int(this.inputs.length)]!;
    const end = Math.min(this.model.end(key, 'read_committed'), next[key]! + 1 + this.model.random.int(4));
    const records = this.model.read(key, next[key]!, end, 'read_committed');
    if (records.length === 0) return;
    micro.push({ kind: 'poll', records: { [key]: records } });
    pending.push(...records.map(([offset]): [Key, number] => [key, offset]));
    next[key] = end;
    transaction.offsets = { ...transaction.offsets, [key]: end };
  }

  private want(): void {
    for (let i = this.model.random.int(4); i >= 0; i--) this.open!.pending.push(['', i]);
  }

  private send(): void {
    const { micro, pending, transaction } = this.open!;
    const [input, inputOffset] = pending.shift()!;
    const key = this.outputs[this.model.random.int(this.outputs.length)]!;
    const value = this.model.newValue();
    const offset = this.model.append(key, value, transaction);
    micro.push({ kind: 'send', key, offset: this.model.random.chance(0.8) ? offset : null, value, ...(input === '' ? {} : { from: [input, inputOffset] as const }) });
  }

  private end(): void {
    const { transaction } = this.open!;
    const commits = this.model.random.chance(0.75);
    this.model.decide(transaction, commits);
    const known = this.model.random.chance(0.85);
    const operation = this.operationOf(this.open!, this.process, known ? (commits ? 'ok' : 'fail') : 'info', this.model.tick(), undefined);
    this.unanswered = { transaction, operation };
    this.open = undefined;
  }

  /** A marker more, or the answer, which may come before the last marker. */
  private settle(): void {
    const { transaction, operation } = this.unanswered!;
    const isEarly = this.inputs.length === 0 && this.lingering === undefined && this.model.random.chance(0.3);
    if (transaction.fate !== 'done' && !isEarly) return this.model.mark(transaction);
    if (transaction.fate !== 'done') this.lingering = transaction;
    this.unanswered = undefined;
    this.model.history.push({ ...operation, endMs: this.model.tick() });
    if (!transaction.commits) this.rewind();
  }

  private markLingering(): void {
    this.model.mark(this.lingering!);
    if (this.lingering!.fate === 'done') this.lingering = undefined;
  }

  private operationOf({ micro, startMs, transaction }: NonNullable<Producer['open']>, process: number, outcome: Outcome, commitMs: number, endMs: number | undefined): TransactionOperation {
    return {
      kind: 'txn', id: this.id++, process, outcome, transactionalId: this.transactionalId, micro, startMs, commitMs, ...(endMs === undefined ? {} : { endMs }),
      ...(this.inputs.length > 0 ? { offsets: { [GROUP]: transaction.offsets } } : {}),
    };
  }
}

/** Reads on in all partitions, a part at a time, and asks where they end. */
class Reader implements Actor {
  private readonly process: number;
  private readonly positions = new Map<Key, number>(KEYS.map(key => [key, 0]));

  constructor(private readonly model: Model, private readonly isolation: Isolation, private readonly isSubscribed: boolean) {
    this.process = model.newProcess();
    model.history.push(isSubscribed
      ? { kind: 'subscribe', process: this.process, outcome: 'ok' }
      : { kind: 'assign', process: this.process, outcome: 'ok', positions: Object.fromEntries(this.positions) });
  }

  step(): void {
    const { random } = this.model;
    const key = KEYS[random.int(KEYS.length)]!;
    if (random.chance(0.3)) return this.tellEnds(false);
    if (this.isSubscribed && random.chance(0.3)) this.positions.set(key, random.int(this.model.end(key, this.isolation) + 1));
    this.poll(key, 1 + random.int(6));
  }

  /** Reads all that there is. */
  stop(): void {
    for (const key of KEYS) this.poll(key, Infinity);
    if (!this.isSubscribed) this.tellEnds(true);
  }

  private poll(key: Key, atMost: number): void {
    const startMs = this.model.tick();
    const from = this.positions.get(key)!;
    const to = Math.min(this.model.end(key, this.isolation), from + atMost);
    const records = this.model.read(key, from, to, this.isolation);
    this.positions.set(key, to);
    if (records.length > 0) {
      this.model.history.push({
        kind: 'data', process: this.process, outcome: 'ok', isolation: this.isolation, micro: [{ kind: 'poll', records: { [key]: records } }], startMs,
        endMs: this.model.tick(),
      });
    }
  }

  private tellEnds(reached: boolean): void {
    const startMs = this.model.tick();
    const ends = Object.fromEntries(KEYS.map(key => [key, this.model.end(key, this.isolation)]));
    this.model.history.push({ kind: 'ends', process: this.process, outcome: 'ok', isolation: this.isolation, ends, ...(reached ? { reached } : {}), startMs, endMs: this.model.tick() });
  }
}

/** Asks what the group has committed. */
class GroupObserver implements Actor {
  private readonly process: number;

  constructor(private readonly model: Model) {
    this.process = model.newProcess();
  }

  step(): void {
    if (this.model.isGroupStable) this.stop();
  }

  stop(): void {
    const startMs = this.model.tick();
    this.model.history.push({ kind: 'committed', process: this.process, outcome: 'ok', group: GROUP, offsets: Object.fromEntries(this.model.groupOffsets), startMs, endMs: this.model.tick() });
  }
}

export function legalHistory(seed: number): Operation[] {
  const random = new SimRandom(seed);
  const model = new Model(random);
  const writers = [
    new PlainWriter(model), new Producer(model, 'writer', [], INPUTS), new Producer(model, 'other', [], KEYS),
    new Producer(model, 'copier-0', ['in-0'], OUTPUTS), new Producer(model, 'copier-1', ['in-1'], OUTPUTS),
  ];
  const readers = [
    new Reader(model, 'read_committed', false), new Reader(model, 'read_committed', false), new Reader(model, 'read_uncommitted', false),
    new Reader(model, 'read_committed', true), new GroupObserver(model),
  ];
  const actors: Actor[] = [...writers, ...writers, ...writers, ...readers];
  for (let i = 0; i < STEPS; i++) actors[random.int(actors.length)]!.step();
  for (const actor of [...writers, ...readers]) actor.stop();
  return model.history;
}
