import { expect, test } from '@jest/globals';
import type { LogSettings } from '../config/log-settings.js';
import { SimRandom, SimWorld, type SimNode } from '../env/sim/index.js';
import type { Log } from './log.js';
import { createLogHost, openLog } from './open-log.js';
import { batchOf, recordsRead, SETTINGS, TOPIC_ID } from './test-support.js';

/**
 * A seeded random workload on a simulated disk, against a plain list in memory. Processes are killed between operations and
 * within them, and the power fails; what is found afterwards must be a beginning of what was written that holds all that was
 * made durable, and every index, epoch and producer must say what a look at all records says.
 */

interface ModelBatch {
  readonly baseOffset: number;
  readonly values: readonly string[];
  readonly timestampMs: number;
  readonly epoch: number;
  readonly producerId: number;
  readonly sequence: number;
}

const DIRECTORY = '/data/events-0';
const endOf = ({ baseOffset, values }: ModelBatch): number => baseOffset + values.length;

class Run {
  private readonly world: SimWorld;
  private readonly random: SimRandom;
  private readonly settings: LogSettings;
  private readonly tailCacheBytes: number;
  private node!: SimNode;
  private log!: Log;
  private batches: ModelBatch[] = [];
  private start = 0;
  private end = 0;
  /** All below is durable, whatever happens. */
  private durable = 0;
  /** The recovery point that a checkpoint file would hold. */
  private checkpointed = 0;
  private epoch = 0;
  private readonly sequences = new Map<number, number>();
  /** What an operation that was cut short may have made of the log: this end instead. */
  private attempted: { end: number; batches: ModelBatch[] } | undefined;

  constructor(seed: number) {
    this.world = new SimWorld(seed);
    this.random = new SimRandom(`workload ${seed}`);
    this.settings = {
      ...SETTINGS, segmentBytes: 600 + this.random.int(3000), indexIntervalBytes: this.random.int(500), fileDeleteDelayMs: 1000,
      retentionBytes: this.random.chance(0.3) ? 2000 : -1,
    };
    this.tailCacheBytes = [0, 2000, 1 << 20][this.random.int(3)]!;
  }

  get lastEvents(): string {
    return this.world.trace.tail(60);
  }

  async all(steps: number): Promise<void> {
    await this.open(false);
    for (let step = 0; step < steps; step++) {
      await this.step();
      if (this.node.alive) await this.check();
    }
    if (this.node.alive) await this.until(this.log.close());
  }

  private async step(): Promise<void> {
    if (this.random.chance(0.08)) this.plantDeath();
    const choice = this.random.int(100);
    if (choice < 55) await this.attempt(() => this.append());
    else if (choice < 65) await this.attempt(() => this.flush());
    else if (choice < 70) await this.attempt(() => this.truncate());
    else if (choice < 73) await this.attempt(async () => this.log.roll());
    else if (choice < 78) await this.attempt(async () => this.retain());
    else if (choice < 80) await this.attempt(() => this.truncateFully());
    else if (choice < 88) await this.world.run(this.random.int(2000));
    else if (choice < 92) await this.reopenClean();
    else if (choice < 96) this.node.kill();
    else this.node.crash();
    this.node.machine.onDiskOperation = undefined;
    if (!this.node.alive) return this.reopenAfterDeath();
    this.attempted = undefined;
  }

  /** The process dies, or the power fails, in the middle of one of the next disk operations. */
  private plantDeath(): void {
    let left = this.random.int(6);
    const death = this.random.chance(0.5) ? 'kill' : 'crash';
    this.node.machine.onDiskOperation = operation => {
      if (operation.kind === 'read' || operation.kind === 'open' || left-- > 0) return undefined;
      const length = operation.buffers?.reduce((sum, buffer) => sum + buffer.length, 0) ?? 1;
      return { death, appliedBytes: this.random.int(length + 1) };
    };
  }

  /** Runs an operation to its end, or to the end of the process. */
  private async attempt(operation: () => Promise<void>): Promise<void> {
    let settled = false;
    let failure: unknown;
    const running = operation().catch((error: unknown) => { failure = error; }).finally(() => { settled = true; });
    await this.world.runUntil(() => settled || !this.node.alive);
    if (!this.node.alive) return;
    await running;
    if (failure !== undefined) throw failure;
  }

  private until<T>(promise: Promise<T>): Promise<T> {
    return this.world.runUntil(promise);
  }

  private async append(): Promise<void> {
    if (this.random.chance(0.1)) this.epoch++;
    const values = Array.from({ length: 1 + this.random.int(4) }, () => 'x'.repeat(this.random.int(120)) + this.random.int(1000));
    const producerId = this.random.chance(0.5) ? this.random.int(3) : -1;
    const sequence = producerId < 0 ? -1 : this.sequences.get(producerId) ?? 0;
    const batch: ModelBatch = { baseOffset: this.end, values, timestampMs: this.world.wallMs + this.random.int(5000), epoch: this.epoch, producerId, sequence };
    this.attempted = { end: endOf(batch), batches: [...this.batches, batch] };
    const bytes = batchOf(values, { timestampMs: batch.timestampMs, producerId, producerEpoch: producerId < 0 ? -1 : 0, baseSequence: sequence });
    const result = this.log.appendAsLeader(bytes, { origin: 'client', leaderEpoch: this.epoch });
    expect([result.baseOffset, result.lastOffset + 1]).toEqual([this.end, endOf(batch)]);
    this.batches.push(batch);
    this.end = endOf(batch);
    this.noteSequences();
    if (this.random.chance(0.7)) this.log.updateHighWatermark(this.end);
  }

  private async flush(): Promise<void> {
    const { end } = this;
    await this.log.flush();
    this.durable = Math.max(this.durable, end);
    if (this.random.chance(0.5)) this.checkpointed = this.log.recoveryPoint;
  }

  private async truncate(): Promise<void> {
    const kept = this.batches.slice(0, this.random.int(this.batches.length + 1));
    const end = kept.length > 0 ? endOf(kept.at(-1)!) : this.start;
    if (end < this.start) return;
    this.durable = Math.min(this.durable, end);
    this.checkpointed = Math.min(this.checkpointed, end);
    await this.log.truncateTo(end);
    this.batches = kept;
    this.end = end;
    this.noteSequences();
  }

  private async truncateFully(): Promise<void> {
    const offset = this.end + this.random.int(50);
    this.durable = 0;
    this.checkpointed = 0;
    this.attempted = { end: offset, batches: [] };
    await this.log.truncateFullyAndStartAt(offset);
    this.batches = [];
    this.start = this.end = offset;
    this.noteSequences();
  }

  private retain(): void {
    if (this.random.chance(0.5)) {
      const offset = this.start + this.random.int(this.log.highWatermark - this.start + 1);
      this.log.incrementLogStartOffset(offset, 'test');
      this.start = Math.max(this.start, offset);
    }
    this.log.applyRetention(this.world.wallMs);
    this.start = this.log.logStartOffset;
  }

  private async reopenClean(): Promise<void> {
    await this.attempt(() => this.log.close());
    if (!this.node.alive) return;
    this.durable = this.end;
    this.checkpointed = this.end;
    await this.open(true);
  }

  private async open(clean: boolean): Promise<void> {
    this.node = this.world.node('broker');
    const { disk, clock, random, logger } = this.node;
    await this.attempt(async () => {
      disk.makeDirectory('/data');
      disk.syncDirectory('/');
      const host = createLogHost({
        env: { disk, clock, random, logger }, tailCacheBytes: this.tailCacheBytes, maxOpenFiles: 2, indexCacheBytes: 200,
        onRecoveryPointMovedBack: () => { this.checkpointed = Math.min(this.checkpointed, this.log.recoveryPoint); },
      });
      this.log = await openLog({
        host, directory: DIRECTORY, topic: 'events', partition: 0, topicId: TOPIC_ID, settings: this.settings,
        clean, recoveryPoint: this.checkpointed, logStartOffset: this.start, contiguous: true,
      });
    });
  }

  /** What is there must be what was there, or what an interrupted operation was about to make, less what no one promised. */
  private async reopenAfterDeath(): Promise<void> {
    const before = this.batches;
    await this.open(false);
    const { logEndOffset } = this.log;
    const { attempted } = this;
    this.attempted = undefined;
    const history = attempted && attempted.batches.length >= before.length ? attempted.batches : before;
    const startedAnew = attempted?.batches.length === 0 && this.log.logStartOffset === attempted.end;
    this.start = this.log.logStartOffset;
    this.batches = startedAnew ? [] : history.filter(batch => endOf(batch) <= logEndOffset);
    this.end = logEndOffset;
    // Offsets end where a batch does, or at a start that nothing follows.
    expect([this.start, ...history.map(endOf)]).toContain(logEndOffset);
    if (!startedAnew) expect(logEndOffset).toBeGreaterThanOrEqual(this.durable);
    this.durable = Math.min(this.durable, logEndOffset);
    this.checkpointed = Math.min(this.checkpointed, logEndOffset);
    this.epoch++;
    this.noteSequences();
    this.log.updateHighWatermark(this.end);
    await this.check();
  }

  private noteSequences(): void {
    this.sequences.clear();
    for (const { producerId, sequence, values } of this.batches) if (producerId >= 0) this.sequences.set(producerId, sequence + values.length);
  }

  private async check(): Promise<void> {
    const { log } = this;
    expect([log.logStartOffset, log.logEndOffset]).toEqual([this.start, this.end]);
    const records = this.batches.flatMap(batch => batch.values.map((value, index) => ({ ...batch, offset: batch.baseOffset + index, value })))
      .filter(record => record.offset >= this.start);
    await this.checkReads(records);
    await this.checkTimes(records);
    for (const batch of this.batches.filter(({ baseOffset }) => baseOffset >= this.start)) expect([batch, log.epochForOffset(batch.baseOffset)]).toEqual([batch, batch.epoch]);
    const known = new Map(log.activeProducers().map(producer => [producer.producerId, producer.lastSequence + 1]));
    for (const [producerId, next] of this.sequences) {
      // What was written below the start may be forgotten.
      const last = this.batches.findLast(batch => batch.producerId === producerId);
      if (last && (last.baseOffset >= this.start || known.has(producerId))) expect([producerId, known.get(producerId)]).toEqual([producerId, next]);
    }
    for (const [producerId, next] of known) if (next !== this.sequences.get(producerId)) this.sequences.set(producerId, next);
  }

  private async checkReads(records: readonly { offset: number; value: string }[]): Promise<void> {
    const from = this.start + this.random.int(this.end - this.start + 1);
    const maxBytes = [1, 200, 1000, 1 << 20][this.random.int(4)]!;
    let offset = from;
    const found: { offset: number; value: string }[] = [];
    while (offset < this.end) {
      const read = await this.until(recordsRead(this.log.read(offset, { maxBytes, minOneBatch: true, limitOffset: this.end })));
      if (read.length === 0) break;
      found.push(...read);
      offset = read.at(-1)!.offset + 1;
    }
    expect(found.filter(record => record.offset >= from)).toEqual(records.filter(record => record.offset >= from).map(({ offset: at, value }) => ({ offset: at, value })));
  }

  private async checkTimes(records: readonly { offset: number; timestampMs: number }[]): Promise<void> {
    const latest = records.reduce((max, record) => Math.max(max, record.timestampMs), -1);
    const wanted = records.length === 0 ? 0 : records[this.random.int(records.length)]!.timestampMs - this.random.int(2);
    const first = records.find(record => record.timestampMs >= wanted);
    expect((await this.until(this.log.offsetForTimestamp(wanted)))?.offset).toBe(first?.offset);
    const max = await this.until(this.log.offsetOfMaxTimestamp());
    if (max && max.offset >= this.start) expect([max.timestampMs, max.offset]).toEqual([latest, records.find(record => record.timestampMs === latest)?.offset]);
  }
}

const SEEDS = Number(process.env['LOG_MODEL_SEEDS'] ?? 60);
const FIRST = Number(process.env['LOG_MODEL_FIRST'] ?? 1);

test(`${SEEDS} random lives of a log are what a plain list says`, async () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const run = new Run(seed);
    try {
      await run.all(40);
    } catch (error) {
      throw new Error(`seed ${seed} (LOG_MODEL_FIRST=${seed} LOG_MODEL_SEEDS=1): ${(error as Error).message}\n${run.lastEvents}`, { cause: error });
    }
  }
}, 60_000 + SEEDS * 1000);
