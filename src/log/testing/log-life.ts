import { DEFAULT_CLEANER_SETTINGS } from '../../config/cleaner-settings.js';
import type { LogSettings } from '../../config/log-settings.js';
import { DiskError } from '../../env/index.js';
import type { DiskOperation } from '../../env/memory/memory-disk.js';
import { SimRandom, type SimNode, type SimWorld } from '../../env/sim/index.js';
import { KafkaError } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { ZERO_UUID, type Uuid } from '../../protocol/wire/types.js';
import type { Log } from '../partition/log.js';
import { CLEAN_SHUTDOWN_FILE, parentOf } from '../paths.js';
import { openLogManager, type LogManagerOptions, type NodeLogManager } from '../manager/manager.js';
import { afterCompaction } from './compacted.js';
import { checkDerived, holds, InvariantError, judge, readBatches } from './invariants.js';
import { continued, ModelLog } from './model.js';
import type { Operation } from './operations.js';
import { perform } from './perform.js';

/** The one partition here of a topic, which may be deleted and made again. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly settings: LogSettings;
}

/** What a life has been promised so far, of every topic that there was: what outlives its process. */
export interface Promised {
  readonly current: readonly (ModelLog | undefined)[];
  readonly settings: readonly LogSettings[];
  /** Topics that are no more. */
  readonly gone: ReadonlyMap<Uuid, ModelLog>;
  readonly topics: number;
  /** The power failed, and what that left has not been looked at yet. */
  readonly powerLost: boolean;
}

export interface LifeOptions {
  readonly places: readonly Place[];
  readonly directories?: readonly string[];
  readonly manager?: Partial<LogManagerOptions>;
  /** Puts something between the operations and a log: a fault to be found. */
  readonly wrap?: (log: Log) => Log;
}

export const MACHINE = 'broker';
const CHECKPOINT_MS = 500;
/** After this long whatever was due at once is done. */
const SETTLE_MS = 200;

/**
 * The life of a node's logs on a simulated machine, through restarts, kills and power losses, beside a plain model of what must
 * be there. Whatever contradicts the model rejects with an `InvariantError`.
 */
export class LogLife {
  manager: NodeLogManager | undefined;
  readonly current: (ModelLog | undefined)[];
  readonly settings: LogSettings[];
  readonly gone: Map<Uuid, ModelLog>;
  readonly random: SimRandom;
  private topics: number;
  private node: SimNode;
  /** What this process lost, or the ones before it since the last that came up. */
  private powerLost: boolean;
  /** A sync failed: what the cache shows from then on may never come to the disk, so that nothing less than a new start of the machine helps. */
  private syncFailed = false;
  /** A fault that was planted has come, and the process that it came to lives on. */
  private faultStruck = false;
  private planted = false;

  constructor(readonly world: SimWorld, readonly options: LifeOptions, promised?: Promised) {
    this.current = options.places.map((_, index) => promised?.current[index]?.copy());
    this.settings = options.places.map(({ settings }, index) => promised?.settings[index] ?? settings);
    this.gone = new Map([...(promised?.gone ?? [])].map(([id, model]) => [id, model.copy()]));
    this.topics = promised?.topics ?? 0;
    this.powerLost = promised?.powerLost ?? false;
    this.random = new SimRandom(`life ${world.seed}`);
    this.node = world.node(MACHINE);
  }

  get promised(): Promised {
    return {
      current: this.current.map(model => model?.copy()), settings: [...this.settings], topics: this.topics, powerLost: this.powerLost,
      gone: new Map([...this.gone].map(([id, model]) => [id, model.copy()])),
    };
  }

  get alive(): boolean {
    return this.node.alive;
  }

  /** What the process that lives now sees of the world. */
  get env(): SimNode {
    return this.node;
  }

  get directories(): readonly string[] {
    return this.options.directories ?? ['/data'];
  }

  /** Opens what is there for the first time. */
  async begin(): Promise<void> {
    await this.open('none');
  }

  /** One operation, to its end or that of the process, and what follows of it: a restart, and a look at all that is there. */
  async operate(operation: Operation, options: { check?: boolean } = {}): Promise<void> {
    if (operation.do === 'fault') return this.plant(operation);
    if (operation.do === 'wait') await this.wait(operation.ms);
    else if (operation.do === 'restart') await this.restart(operation.how);
    else await this.drive(perform(this, operation));
    if (this.planted) this.node.machine.onDiskOperation = undefined;
    this.planted = false;
    if (!this.alive) await this.recover(this.node.lostPower ? 'power' : 'kill');
    else if (options.check !== false) await this.check();
  }

  /** Runs to its end, or to the end of the process; what the disk refuses is no fault of the program. */
  async drive(running: Promise<void>): Promise<void> {
    let settled = false;
    let failure: unknown;
    const watched = running.catch((error: unknown) => { failure = error; }).finally(() => { settled = true; });
    await this.world.runUntil(() => settled || !this.alive);
    if (!this.alive) return;
    await watched;
    if (failure !== undefined && !(isRefusal(failure) && this.isFailing)) throw failure;
  }

  private get isFailing(): boolean {
    return this.faultStruck || this.manager?.logDirs.some(({ error }) => error !== undefined) === true;
  }

  /** When what was appended in this turn has been written, and its answers leave. */
  endOfTurn(): Promise<void> {
    return new Promise(resolve => { this.node.clock.endOfTurn(resolve); });
  }

  /** Another incarnation of a partition. */
  newTopic(index: number): ModelLog {
    return (this.current[index] = new ModelLog(topicIdOf(++this.topics)));
  }

  log(index: number): Log | undefined {
    const { topic, partition } = this.options.places[index]!;
    const log = this.manager?.get(topic, partition);
    return log && (this.options.wrap?.(log) ?? log);
  }

  /** The process dies here. */
  die(how: 'kill' | 'power'): void {
    if (how === 'power' || this.syncFailed) this.node.crash();
    else this.node.kill();
  }

  /** Opens what a death left, and judges it; a fault that is planted may make this process die as well. */
  async recover(loss: 'kill' | 'power'): Promise<void> {
    await this.open(loss);
    if (!this.alive) return this.recover(this.node.lostPower ? 'power' : 'kill');
    await this.check();
  }

  /** An error of the disk is told to this process. */
  struck({ kind }: Pick<DiskOperation, 'kind'>): void {
    this.faultStruck = true;
    this.syncFailed ||= kind === 'sync';
  }

  private plant({ after, how, part }: Extract<Operation, { do: 'fault' }>): void {
    let left = after;
    this.planted = true;
    this.node.machine.onDiskOperation = operation => {
      if (operation.kind === 'read' || operation.kind === 'open' || left-- > 0) return undefined;
      this.node.machine.onDiskOperation = undefined;
      if (how !== 'crash' && how !== 'kill') this.struck(operation);
      const appliedBytes = Math.floor((operation.length ?? 1) * part);
      return how === 'kill' || how === 'crash' ? { death: how, appliedBytes } : { code: how, appliedBytes: operation.kind === 'write' ? appliedBytes : 0 };
    };
  }

  private async wait(ms: number): Promise<void> {
    const before = this.current.map(model => model?.copy());
    const deadline = this.world.nowMs + ms;
    await this.drive(new Promise(resolve => { this.node.clock.after(ms, resolve); }));
    if (!this.alive || this.world.nowMs < deadline) return;
    for (const [index, model] of this.current.entries()) {
      const log = this.log(index);
      const earlier = before[index];
      if (!model || !earlier || !log || !this.isUsable(log)) continue;
      if (ms >= CHECKPOINT_MS + SETTLE_MS) model.savedStart = Math.max(model.savedStart, earlier.start);
      if (ms >= log.settings.flushMs + SETTLE_MS) model.flushed(earlier.end);
    }
  }

  private async restart(how: 'clean' | 'kill' | 'power'): Promise<void> {
    if (how !== 'clean') return this.die(how);
    const logs = this.current.map((_, index) => this.log(index));
    const usable = logs.map(log => this.isUsable(log));
    await this.drive(this.manager!.close({ brokerEpoch: 7 }));
    if (!this.alive) return;
    for (const [index, model] of this.current.entries()) {
      // The marker is the promise.
      if (!model || !usable[index] || !this.node.disk.stat(`${logs[index]!.home.path}/${CLEAN_SHUTDOWN_FILE}`)) continue;
      model.flushed(model.end);
      model.mayReturn = [];
      model.savedStart = model.start;
    }
    this.die('kill');
    await this.open(this.node.lostPower ? 'power' : 'kill');
  }

  /** Its disk has not failed: what it is asked for it does. */
  isUsable(log: Log | undefined): boolean {
    if (!log || log.isClosed) return false;
    return !this.manager!.logDirs.some(({ path, error }) => error !== undefined && log.directory.startsWith(`${path}/`));
  }

  private async open(loss: 'none' | 'kill' | 'power'): Promise<void> {
    // Whatever it dies of, the next one finds what this one did.
    this.powerLost ||= loss === 'power';
    const node = this.node = this.world.node(MACHINE);
    this.manager = undefined;
    this.syncFailed = false;
    const failure = await this.start(node).then(() => undefined, (error: unknown) => error);
    if (!node.alive) return;
    if (failure !== undefined) {
      if (!this.faultStruck) throw failure;
      // It says no and stops, which is all that it can do; once the disk is well again it starts.
      this.faultStruck = false;
      this.die('kill');
      return this.open(this.node.lostPower && loss !== 'none' ? 'power' : loss);
    }
    this.faultStruck = false;
    if (loss !== 'none') await this.drive(this.takeOver(this.powerLost ? 'power' : 'kill'));
    if (this.alive) this.powerLost = false;
  }

  private async start(node: SimNode): Promise<void> {
    let settled = false;
    const starting = (async () => {
      // As whoever formats directories does.
      for (const directory of this.directories) node.disk.makeDirectory(directory);
      for (const parent of new Set(['/', ...this.directories.map(parentOf)])) node.disk.syncDirectory(parent);
      const { places } = this.options;
      const manager = await openLogManager({
        env: node, directories: this.directories, clusterId: 'simulatedSimulatedSimA', nodeId: 1, defaultSettings: places[0]!.settings,
        settingsOf: topic => this.settings[places.findIndex(place => place.topic === topic)],
        isStray: ({ topic, topicId, isUnused }) => {
          const model = this.current[places.findIndex(place => place.topic === topic)];
          if (topicId === ZERO_UUID) return !isUnused;
          if (topicId === model?.topicId) return false;
          // Deleted while its directory was offline; any other that is back where none should be is looked at.
          return model !== undefined || (this.gone.get(topicId)?.attempts.length ?? 0) > 0;
        },
        tailCacheBytes: 3000, readAheadFromBytes: 1, maxOpenFiles: 3, indexCacheBytes: 200,
        recoveryPointCheckpointMs: CHECKPOINT_MS, logStartOffsetCheckpointMs: CHECKPOINT_MS, highWatermarkCheckpointMs: CHECKPOINT_MS, retentionCheckMs: 1e9,
        // Compaction is an operation.
        cleanerSettings: () => ({ ...DEFAULT_CLEANER_SETTINGS, enabled: false }),
        ...this.options.manager,
      });
      await manager.load();
      const offline = manager.logDirs.find(({ error }) => error !== undefined);
      if (offline !== undefined) throw new Error(`${offline.path} is offline: ${offline.error}`);
      this.manager = manager;
    })().finally(() => { settled = true; });
    starting.catch(() => undefined);
    await this.world.runUntil(() => settled || !node.alive);
    if (node.alive) await starting;
  }

  /** What was found must be what was promised; from here on the model is what was found. */
  private async takeOver(loss: 'kill' | 'power'): Promise<void> {
    for (const [index, model] of this.current.entries()) {
      const { topic, partition } = this.options.places[index]!;
      const log = this.manager!.get(topic, partition);
      await this.takeOverLog(index, log, loss);
      if (model === undefined && log !== undefined) this.manager!.markStray(topic, partition);
    }
  }

  private async takeOverLog(index: number, log: Log | undefined, loss: 'kill' | 'power'): Promise<void> {
    const model = this.current[index];
    const { topic, partition } = this.options.places[index]!;
    const earlier = log && this.gone.get(log.topicId);
    if (log && earlier) {
      // Its deletion was lost with the power: it is still the one that it was.
      holds(loss === 'power' || earlier.attempts.length > 0, 'topic', () => `${topic}-${partition}: a deleted topic is back`);
      await this.adopt(earlier, log, 'power');
      this.manager!.markStray(topic, partition);
      if (model) holds(!model.hasPromised('power'), 'acknowledged', () => `${topic}-${partition}: ${model.flushedEnd} flushed records gave way to a deleted topic`);
      return model?.reset();
    }
    if (!model) return;
    if (!log) {
      holds(!model.hasPromised(loss), 'acknowledged', () => `${topic}-${partition}: nothing is there of ${model.end} records, ${model.flushedEnd} flushed`);
      return model.reset();
    }
    const isEmpty = log.logEndOffset === log.logStartOffset;
    if (log.topicId === ZERO_UUID && !model.hasPromised(loss)) {
      // It was made and never used.
      this.manager!.markStray(topic, partition);
      return model.reset();
    }
    holds(log.topicId === model.topicId || isEmpty, 'topic', () => `${topic}-${partition} has records of ${log.topicId}, not ${model.topicId}`);
    await this.adopt(model, log, loss);
    // The leader that begins here.
    model.epoch++;
    model.highWatermark = model.end;
    log.updateHighWatermark(model.end);
  }

  private async adopt(model: ModelLog, log: Log, loss: 'kill' | 'power'): Promise<void> {
    let objection: InvariantError | undefined;
    const { attempts, mayReturn } = model;
    const before = model.history();
    const now = [before, ...attempts];
    for (const history of [...now, ...(loss === 'power' ? mayReturn.flatMap(old => [old, ...now.flatMap(each => continued(old, each))]) : [])]) {
      const found = await judge(log, history, loss);
      if (found) {
        objection ??= found;
        continue;
      }
      const { logStartOffset: start, logEndOffset: end } = log;
      const kept = { ...history, start, batches: history.batches.filter(({ endOffset }) => endOffset <= end) };
      const left = history.compactingTo === undefined ? kept : afterCompaction(kept, await readBatches(log));
      model.become({ ...left, savedStart: Math.min(history.savedStart, start), end });
      model.mayReturn = loss === 'power' ? [] : attempts.length > 0 ? [...mayReturn, before, ...attempts] : mayReturn;
      return;
    }
    throw objection!;
  }

  /** Every log is what its model says, by its records and by all that is derived from them. */
  async check(): Promise<void> {
    await this.drive(this.checkAll());
    if (!this.alive) await this.recover(this.node.lostPower ? 'power' : 'kill');
  }

  private async checkAll(): Promise<void> {
    for (const [index, model] of this.current.entries()) {
      const log = this.log(index);
      if (!model || !log || !this.isUsable(log)) continue;
      if (model.attempts.length > 0) continue;
      const objection = await judge(log, { ...model.history(), savedStart: model.start }, 'none');
      if (objection) throw objection;
      await checkDerived(log, model, this.node.disk, bound => this.random.int(bound));
      const ahead = log.recoveryPoint > log.logEndOffset;
      holds(!ahead, 'checkpoints', () => `recovery point ${log.recoveryPoint} beyond the end ${log.logEndOffset}`);
    }
  }
}

/** What a failed disk makes of a call. */
function isRefusal(error: unknown): boolean {
  return error instanceof DiskError || (error instanceof KafkaError && (error.errorCode === ErrorCode.KAFKA_STORAGE_ERROR || error.errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER));
}

function topicIdOf(number: number): Uuid {
  return Buffer.from(String(number).padStart(16, 't')).toString('base64url');
}
