import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Clock, Logger } from '../env/index.js';
import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import * as batch from '../protocol/records/batch.js';
import { CompressionType } from '../protocol/records/batch.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { NO_EFFECTS, replyWith, type Effects, type Machine, type Moment, type RecordCodec, type RecordPosition, type ReplyTo } from './machine.js';
import { MemoryLog } from './memory-log.js';
import { RuntimeSet } from './runtime-set.js';
import { Runtime, type RuntimeFault } from './runtime.js';

/** A clock that stands still until it is told to go on. */
class ManualClock implements Clock {
  private now = 0;
  private tasks: { at: number; task: () => void }[] = [];
  nowMs = () => 1_000_000 + this.now;
  monotonicMs = () => this.now;
  after(delayMs: number, task: () => void) {
    const entry = { at: this.now + delayMs, task };
    this.tasks.push(entry);
    return () => { this.tasks = this.tasks.filter(other => other !== entry); };
  }
  endOfTurn(task: () => void) { this.after(0, task); }
  advance(ms: number) {
    const until = this.now + ms;
    for (;;) {
      const due = this.tasks.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.tasks = this.tasks.filter(other => other !== due);
      this.now = Math.max(this.now, due.at);
      due.task();
    }
    this.now = until;
  }
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** A machine that remembers words; `wait` parks its caller until somebody says the word or a second passes. */
class Words implements Machine<string> {
  readonly words: string[] = [];
  readonly positions: RecordPosition[] = [];
  readonly markers: boolean[] = [];
  readonly waiting = new Map<string, ReplyTo<string>>();
  deposedCalls = 0;

  say(word: string, to: ReplyTo<number>): Effects<string> {
    if (word === 'forbidden') throw new KafkaError(ErrorCode.INVALID_REQUEST);
    const waiter = this.waiting.get(word);
    this.waiting.delete(word);
    const replies = [replyWith(to, this.words.length), ...(waiter === undefined ? [] : [replyWith(waiter, `heard ${word}`)])];
    return { records: [word], replies, timers: [{ key: word, delayMs: null }] };
  }
  wait(word: string, to: ReplyTo<string>): Effects<string> {
    this.waiting.set(word, to);
    return { records: [], replies: [], timers: [{ key: word, delayMs: 1000 }] };
  }
  count(to: ReplyTo<number>): Effects<string> {
    return { ...NO_EFFECTS, replies: [replyWith(to, this.words.length)] };
  }
  replay(word: string, position: RecordPosition) {
    if (word === 'poison') throw new Error('cannot replay poison');
    this.words.push(word);
    this.positions.push(position);
  }
  replayMarker({ committed }: { committed: boolean }) { this.markers.push(committed); }
  activated(at: Moment): Effects<string> { return { ...NO_EFFECTS, records: [`activated ${at.newId().length}`] }; }
  timerFired(key: string): Effects<string> {
    if (key === 'bomb') throw new Error('the bomb went off');
    const waiter = this.waiting.get(key);
    this.waiting.delete(key);
    return { ...NO_EFFECTS, replies: waiter === undefined ? [] : [replyWith(waiter, `never heard ${key}`)] };
  }
  deposed() { this.deposedCalls++; }
}

const codec: RecordCodec<string> = {
  encode: word => ({ key: null, value: Buffer.from(word) }),
  decode: (_, value) => (value === null || value.length === 0 ? undefined : Buffer.from(value).toString()),
};

let clock: ManualClock;
let log: MemoryLog;
let faults: unknown[];

const shared = () => ({
  name: 'words', clock, logger: silent, random: { int: () => 0, float: () => 0, bytes: (length: number) => new Uint8Array(length).fill(7) },
  codec, commitTimeoutMs: 5000,
  errorFor: (fault: RuntimeFault) => new Error(fault),
  onFault: (error: unknown) => { faults.push(error); },
});
type Options = ConstructorParameters<typeof Runtime<Words, string>>[0];
const make = (options: Partial<Options> = {}) => new Runtime<Words, string>({ ...shared(), log, create: () => new Words(), ...options });

async function serving(options: Partial<Options> = {}): Promise<Runtime<Words, string>> {
  const runtime = make(options);
  await runtime.elected(log.leaderEpoch);
  return runtime;
}

const batchOf = (...words: string[]) => buildBatch({}, words.map(word => ({ timestampMs: 0, ...codec.encode(word) })));

/** What a promise has come to by now. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  const settled = promise.then(value => ({ value }), (error: unknown) => ({ error: error instanceof Error ? error.message : error }));
  await Promise.resolve();
  await Promise.resolve();
  return Promise.race([settled, Promise.resolve('waiting')]);
}

beforeEach(() => {
  clock = new ManualClock();
  log = new MemoryLog();
  log.maxBatchBytes = 1000;
  faults = [];
});

describe('replies', () => {
  test('a reply leaves when its records are committed, and reads wait for what they saw', async () => {
    const runtime = await serving();
    log.holdCommits = true;
    const said = runtime.run((machine, _, to: ReplyTo<number>) => machine.say('one', to));
    const counted = runtime.run((machine, _, to: ReplyTo<number>) => machine.count(to));
    expect([await outcome(said), await outcome(counted)]).toEqual(['waiting', 'waiting']);
    log.commit();
    expect([await said, await counted]).toEqual([1, 2]);
    expect(await outcome(runtime.run((machine, _, to: ReplyTo<number>) => machine.count(to)))).toEqual({ value: 2 });
  });

  test('a part that is committed lets go of its own replies only', async () => {
    const runtime = await serving();
    log.holdCommits = true;
    const first = runtime.run((machine, _, to: ReplyTo<number>) => machine.say('one', to));
    const second = runtime.run((machine, _, to: ReplyTo<number>) => machine.say('two', to));
    log.commit(2);
    expect([await outcome(first), await outcome(second)]).toEqual([{ value: 1 }, 'waiting']);
  });

  test('without a commit in time the caller is told, and the late commit changes nothing', async () => {
    const runtime = await serving();
    log.holdCommits = true;
    const said = runtime.run((machine, _, to: ReplyTo<number>) => machine.say('one', to));
    clock.advance(5001);
    expect(await outcome(said)).toEqual({ error: 'timed-out' });
    log.commit();
    expect(runtime.machine?.words).toContain('one');
  });

  test('a caller kept by the machine is answered by a later call', async () => {
    const runtime = await serving();
    const waiting = runtime.run((machine, _, to: ReplyTo<string>) => machine.wait('hello', to));
    expect(await outcome(waiting)).toBe('waiting');
    await runtime.run((machine, _, to: ReplyTo<number>) => machine.say('hello', to));
    expect(await outcome(waiting)).toEqual({ value: 'heard hello' });
  });
});

describe('effects', () => {
  test('a handler that throws rejects and leaves no trace', async () => {
    const runtime = await serving();
    const end = log.endOffset;
    await expect(runtime.run((machine, _, to: ReplyTo<number>) => machine.say('forbidden', to))).rejects.toThrow(KafkaError);
    expect(log.endOffset).toBe(end);
  });

  test('records are replayed where they stand in the log', async () => {
    log.leaderEpoch = 3;
    const runtime = await serving();
    await runtime.run((machine, _, to: ReplyTo<number>) => machine.say('one', to));
    expect(runtime.machine?.positions.at(-1)).toEqual({ offset: 1, leaderEpoch: 3, timestampMs: 1_000_000, producerId: -1, producerEpoch: -1 });
  });

  test('when the log refuses, those whom the effect would answer are told, unless the effect says otherwise', async () => {
    const runtime = await serving();
    const waiting = runtime.run((machine, _, to: ReplyTo<string>) => machine.wait('hello', to));
    log.refuseWith = new Error('disk is full');
    const said = runtime.run((machine, _, to: ReplyTo<number>) => machine.say('hello', to));
    expect([await outcome(said), await outcome(waiting)]).toEqual([{ error: 'append-failed' }, { error: 'append-failed' }]);
    log.refuseWith = new Error('disk is full');
    const rescued = runtime.run((machine, _, to: ReplyTo<number>) => ({
      ...machine.say('two', to), otherwise: () => ({ ...NO_EFFECTS, replies: [replyWith(to, -1)] }),
    }));
    expect(await outcome(rescued)).toEqual({ value: -1 });
    expect(runtime.machine?.words).not.toContain('hello');
  });

  test('records beyond the largest batch are refused, and which that is the log says at every write', async () => {
    const runtime = await serving();
    await expect(runtime.run((machine, _, to: ReplyTo<number>) => machine.say('x'.repeat(2000), to))).rejects.toThrow('append-failed');
    expect(log.batches).toHaveLength(1);
    log.maxBatchBytes = 3000;
    await runtime.run((machine, _, to: ReplyTo<number>) => machine.say('x'.repeat(2000), to));
    expect(log.batches).toHaveLength(2);
  });

  test('records that are true each by themselves may be written as several batches', async () => {
    const runtime = await serving();
    const records = Array.from({ length: 30 }, (_, index) => `${index}`.padEnd(100));
    await expect(runtime.run((machine, _, to: ReplyTo<number>) => ({ ...machine.count(to), records }))).rejects.toThrow('append-failed');
    await runtime.run((machine, _, to: ReplyTo<number>) => ({ ...machine.count(to), records, divisible: true }));
    expect(log.batches.length).toBeGreaterThan(3);
    expect(runtime.machine?.words.slice(1)).toEqual(records);
    expect(runtime.machine?.positions.map(({ offset }) => offset)).toEqual(Array.from({ length: 31 }, (_, index) => index));
  });

  test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('what is written is compressed by %s, and a change may be as large as fits then', async codec => {
    const runtime = await serving({ compression: () => CompressionType[codec] });
    const records = Array.from({ length: 30 }, (_, index) => `${index}`.padEnd(100));
    await runtime.run((machine, _, to: ReplyTo<number>) => ({ ...machine.count(to), records }));
    expect(batch.compressionType(log.batches.at(-1)!, 0)).toBe(CompressionType[codec]);
    expect((await serving()).machine?.words.slice(1, -1)).toEqual(records);
    let seed = 1;
    const letter = (): string => String.fromCharCode(33 + ((seed = seed * 48_271 % 0x7fff_ffff) >> 8) % 90);
    const noise = Array.from({ length: 30 }, () => Array.from({ length: 100 }, letter).join(''));
    await expect(runtime.run((machine, _, to: ReplyTo<number>) => ({ ...machine.count(to), records: noise }))).rejects.toThrow('append-failed');
    const before = log.batches.length;
    await runtime.run((machine, _, to: ReplyTo<number>) => ({ ...machine.count(to), records: noise, divisible: true }));
    expect(log.batches.length - before).toBeGreaterThan(1);
  });

  test('a timer fires once, is replaced by setting it again, and goes when cancelled', async () => {
    const runtime = await serving();
    const first = runtime.run((machine, _, to: ReplyTo<string>) => machine.wait('hello', to));
    clock.advance(600);
    await runtime.run((machine, _, to: ReplyTo<number>) => ({ ...machine.count(to), timers: [{ key: 'hello', delayMs: 1000 }] }));
    clock.advance(600);
    expect(await outcome(first)).toBe('waiting');
    clock.advance(500);
    expect(await outcome(first)).toEqual({ value: 'never heard hello' });
    const second = runtime.run((machine, _, to: ReplyTo<string>) => machine.wait('again', to));
    await runtime.run((machine, _, to: ReplyTo<number>) => ({ ...machine.count(to), timers: [{ key: 'again', delayMs: null }] }));
    clock.advance(5000);
    expect(await outcome(second)).toBe('waiting');
  });

  test('a transaction\'s records carry its producer, and its marker reaches the machine now and after a restart', async () => {
    const runtime = await serving();
    const transaction = { producerId: 5, producerEpoch: 1 };
    await runtime.run((machine, _, to: ReplyTo<number>) => ({ ...machine.say('maybe', to), transaction }));
    await runtime.endTransaction({ ...transaction, coordinatorEpoch: 0, committed: true, transactionVersion: 2 });
    const after = await serving();
    for (const { machine } of [runtime, after]) {
      expect(machine?.markers).toEqual([true]);
      expect(machine?.positions.find(({ producerId }) => producerId === 5)).toMatchObject({ producerEpoch: 1, offset: 1 });
    }
  });
});

describe('leadership', () => {
  test('before election, while loading and after resignation calls are refused, each in its way', async () => {
    const runtime = make();
    const count = () => runtime.run((machine, _, to: ReplyTo<number>) => machine.count(to));
    await expect(count()).rejects.toThrow('not-leader');
    const loading = runtime.elected(0);
    await expect(count()).rejects.toThrow('loading');
    await loading;
    expect(await count()).toBe(1);
    runtime.resigned();
    await expect(count()).rejects.toThrow('not-leader');
  });

  test('a new election replays what the log holds', async () => {
    const runtime = await serving();
    await runtime.run((machine, _, to: ReplyTo<number>) => machine.say('one', to));
    const after = await serving();
    expect(after.machine?.words).toEqual(['activated 22', 'one', 'activated 22']);
  });

  test('resigning tells everyone who waits, stops the timers and deposes the machine', async () => {
    const runtime = await serving();
    const { machine } = runtime;
    log.holdCommits = true;
    const said = runtime.run((words, _, to: ReplyTo<number>) => words.say('one', to));
    const waiting = runtime.run((words, _, to: ReplyTo<string>) => words.wait('hello', to));
    runtime.resigned();
    expect([await outcome(said), await outcome(waiting)]).toEqual([{ error: 'not-leader' }, { error: 'not-leader' }]);
    clock.advance(5000);
    expect([machine?.deposedCalls, machine?.waiting.size]).toEqual([1, 1]);
  });

  test('an election that is overtaken while it loads activates nothing', async () => {
    await serving();
    const runtime = make();
    const first = runtime.elected(0);
    runtime.resigned();
    await first;
    expect([runtime.status, log.batches.length]).toEqual(['follower', 1]);
  });

  test('a machine that cannot replay its own record is dropped and everyone is told', async () => {
    const runtime = await serving();
    await expect(runtime.run((machine, _, to: ReplyTo<number>) => machine.say('poison', to))).rejects.toThrow('not-leader');
    expect([runtime.status, faults.length]).toEqual(['failed', 1]);
    await runtime.elected(0);
    expect([runtime.status, faults.length]).toEqual(['failed', 2]);
    expect(String(faults)).toContain('offset 1 cannot be replayed: cannot replay poison');
  });
});

describe('a timer that throws', () => {
  test('drops the machine, for nothing would set the timer again', async () => {
    const runtime = await serving();
    const waiting = runtime.run((machine, _, to: ReplyTo<string>) => machine.wait('bomb', to));
    clock.advance(1001);
    expect([runtime.status, faults.length]).toEqual(['failed', 1]);
    expect(await outcome(waiting)).toEqual({ error: 'not-leader' });
  });
});

describe('a set of runtimes', () => {
  let lines: string[];
  const recording: Logger = { ...silent, error: (message, fields) => { lines.push(`${message}: ${String(fields?.error)}`); } };
  const count = (set: RuntimeSet<Words, string>) => set.run(3, (machine, _, to: ReplyTo<number>) => machine.count(to));
  const setOf = (open: (partition: number) => MemoryLog, create = () => new Words()) =>
    new RuntimeSet<Words, string>({ ...shared(), logger: recording, topic: 'topic', open, create });
  /** Lets whatever a reload waits for come in. */
  const settle = () => new Promise(resolve => { setImmediate(resolve); });
  beforeEach(() => { lines = []; });

  test('a record that cannot be replayed settles its partition as failed, and the log says where it stands', async () => {
    log.append(batchOf('fine', 'poison'), { leaderEpoch: 0 });
    const set = setOf(() => log);
    const elected = set.elected(3, 0);
    expect(set.isSettled(3)).toBe(false);
    await elected;
    expect([set.isSettled(3), set.get(3)?.status]).toEqual([true, 'failed']);
    await expect(count(set)).rejects.toThrow('not-leader');
    expect(lines.join()).toMatch(/topic-3 .*offset 1 cannot be replayed: cannot replay poison/);
    set.close();
  });

  test('a machine that failed is loaded again while the leadership lasts', async () => {
    const set = setOf(() => log);
    await set.elected(3, 0);
    void set.run(3, (machine, _, to: ReplyTo<string>) => machine.wait('bomb', to)).catch(() => undefined);
    clock.advance(1001);
    expect(set.get(3)?.status).toBe('failed');
    clock.advance(1001);
    await settle();
    expect(await count(set)).toBe(2);
    set.close();
  });

  test('loading again waits longer each time, ends after ten times, and begins anew with an election', async () => {
    log.append(batchOf('poison'), { leaderEpoch: 0 });
    const made: number[] = [];
    const set = setOf(() => log, () => { made.push(clock.monotonicMs()); return new Words(); });
    await set.elected(3, 0);
    for (let second = 0; second < 2_000; second++) {
      clock.advance(1000);
      await settle();
    }
    const waits = made.slice(1).map((ms, index) => Math.round((ms - made[index]!) / 1000));
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    await set.elected(3, 1);
    expect(made).toHaveLength(12);
    set.resigned(3);
    clock.advance(100_000);
    await settle();
    expect(made).toHaveLength(12);
    set.close();
  });

  test('routes by partition, asks all, and ignores news that is older than what it knows', async () => {
    const logs = new Map([[3, new MemoryLog()], [7, new MemoryLog()]]);
    const set = new RuntimeSet<Words, string>({ ...shared(), topic: 'topic', open: partition => logs.get(partition)!, create: () => new Words() });
    for (const [partition, { leaderEpoch }] of logs) await set.elected(partition, leaderEpoch);
    await set.run(7, (machine, _, to: ReplyTo<number>) => machine.say('seven', to));
    expect(await set.runAll((machine, _, to: ReplyTo<number>) => machine.count(to))).toEqual([1, 2]);
    await expect(set.run(4, (machine, _, to: ReplyTo<number>) => machine.count(to))).rejects.toThrow('not-leader');
    await set.elected(7, 0);
    expect(logs.get(7)?.batches).toHaveLength(2);
    set.resigned(7, -1);
    expect(set.get(7)).toBeDefined();
    set.resigned(7, 0);
    expect(set.get(7)).toBeUndefined();
    set.close();
  });

  test('goes on with a machine that serves, or loads, when it is elected anew: nobody who waits is sent away', async () => {
    let made = 0;
    const set = new RuntimeSet<Words, string>({ ...shared(), topic: 'topic', open: () => log, create: () => { made++; return new Words(); } });
    const first = set.elected(0, 0);
    log.leaderEpoch = 1;
    const second = set.elected(0, 1);
    expect(set.isSettled(0)).toBe(false);
    await Promise.all([first, second]);
    const waiting = set.run(0, (machine, _, to: ReplyTo<string>) => machine.wait('hello', to));
    log.leaderEpoch = 2;
    await set.elected(0, 2);
    await set.run(0, (machine, _, to: ReplyTo<number>) => machine.say('hello', to));
    expect(await waiting).toBe('heard hello');
    expect([made, set.get(0)?.epoch, set.get(0)?.machine?.positions.map(({ leaderEpoch }) => leaderEpoch)]).toEqual([1, 2, [1, 2]]);
    set.resigned(0, 1);
    expect(set.get(0)?.status).toBe('active');
    set.close();
  });

  test('takes a partition up again in an epoch that it had before, once it has resigned: its topic was made anew', async () => {
    const old = new MemoryLog();
    const anew = new MemoryLog();
    let log = old;
    const set = new RuntimeSet<Words, string>({ ...shared(), topic: 'topic', open: () => log, create: () => new Words() });
    await set.elected(0, old.leaderEpoch);
    await set.run(0, (machine, _, to: ReplyTo<number>) => machine.say('old', to));
    set.resigned(0);
    log = anew;
    await set.elected(0, anew.leaderEpoch);
    expect(await set.runAll((machine, _, to: ReplyTo<number>) => machine.count(to))).toEqual([1]);
    expect([old.batches.length, anew.batches.length]).toEqual([2, 1]);
    set.close();
  });
});
