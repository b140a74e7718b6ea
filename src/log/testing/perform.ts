import { CompressionType } from '../../protocol/records/batch.js';
import * as batch from '../../protocol/records/batch.js';
import { controlRecordKey, ControlRecordType, endTransactionMarkerValue } from '../../protocol/records/control-records.js';
import { BatchBuilder } from '../../protocol/records/batch-builder.js';
import { KafkaError } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { firstDirtyOffset, planCleaning } from '../compaction/cleanable.js';
import { runCleanJob } from '../compaction/clean-job.js';
import { cleanLog, CleaningAbortedError } from '../compaction/clean-log.js';
import { CLEANER } from '../compaction/test-workload.js';
import type { Log } from '../partition/log.js';
import { whenSafe } from '../test-support.js';
import { CLEANER_OFFSET_FILE, LOG_START_OFFSET_FILE, RECOVERY_POINT_FILE } from '../paths.js';
import { afterCompaction } from './compacted.js';
import { holds, judge, readBatches } from './invariants.js';
import type { LogLife } from './log-life.js';
import { modelBatch, readBatch, type ModelBatch, type ModelLog, type ModelRecord } from './model.js';
import type { Operation } from './operations.js';

type LogOperation = Extract<Operation, { readonly log: number }>;

/** Does an operation to the log and to its model, noting before what it may leave behind when it is cut short. */
export async function perform(life: LogLife, operation: Operation): Promise<void> {
  if (!('log' in operation)) return;
  if (operation.do === 'deleteTopic' || operation.do === 'setAside') return removeTopic(life, operation);
  const subject = subjectOf(life, operation.log);
  if (!subject.life.isUsable(subject.log)) return;
  switch (operation.do) {
    case 'append': return append(subject, operation);
    case 'resend': return resend(subject);
    case 'end': return endTransaction(subject, operation);
    case 'follow': return follow(subject, operation);
    case 'flush': return flush(subject);
    case 'roll': return subject.log.roll();
    case 'truncate': return truncate(subject, operation.batches);
    case 'startOver': return startOver(subject, operation.ahead);
    case 'deleteRecords': return deleteRecords(subject, operation.part);
    case 'retain': return retain(subject);
    case 'clean': return clean(subject);
    case 'move': return move(subject, operation);
    case 'settings': {
      life.settings[operation.log] = { ...life.settings[operation.log]!, ...operation.change };
      return subject.log.updateSettings(life.settings[operation.log]!);
    }
  }
}

interface Subject {
  readonly life: LogLife;
  readonly log: Log;
  readonly model: ModelLog;
}

/** The log of a place; its topic is made when there is none. What is found of another topic is set aside first, as the broker does. */
function subjectOf(life: LogLife, index: number): Subject {
  const { topic, partition } = life.options.places[index]!;
  const model = life.current[index] ?? life.newTopic(index);
  const make = (): void => {
    const { home } = life.manager!.getOrCreate(topic, partition, model.topicId, life.settings[index]!, model.directoryId);
    model.directoryId = home.id;
  };
  try {
    make();
  } catch (error) {
    if (!(error instanceof KafkaError) || error.errorCode !== ErrorCode.INCONSISTENT_TOPIC_ID) throw error;
    life.manager!.markStray(topic, partition);
    make();
  }
  return { life, log: life.log(index)!, model };
}

function removeTopic(life: LogLife, { do: how, log: index }: LogOperation): void {
  const { topic, partition } = life.options.places[index]!;
  const model = life.current[index];
  if (!model) return;
  const isUsable = life.isUsable(life.log(index));
  life.current[index] = undefined;
  life.gone.set(model.topicId, model);
  model.attempt(model.history());
  if (how === 'deleteTopic') life.manager!.delete(topic, partition);
  else life.manager!.markStray(topic, partition);
  // What an offline directory holds comes back with it.
  if (isUsable) model.attempts = [];
}

const isCompacted = ({ log }: Pick<Subject, 'log'>): boolean => log.settings.cleanupPolicy.compact;
const KEYS = 6;

function recordsOf(subject: Subject, sizes: readonly number[], { skewMs = 0 }: { skewMs?: number } = {}): ModelRecord[] {
  const { random, world } = subject.life;
  return sizes.map(size => {
    const record = { timestampMs: world.wallMs + (skewMs === 0 ? 0 : random.int(skewMs)), text: 'x'.repeat(size) + random.int(1000) };
    return isCompacted(subject) ? { ...record, key: `k${random.int(KEYS)}`, text: random.chance(0.2) ? null : record.text } : record;
  });
}

async function append(subject: Subject, operation: Extract<Operation, { do: 'append' }>): Promise<void> {
  const { log, model } = subject;
  if (operation.newEpoch) model.epoch++;
  const { producer = -1, transactional = false, codec = CompressionType.none } = operation;
  const { times = 1 } = operation;
  const added: ModelBatch[] = [];
  await send(subject, Array.from({ length: times }, () => () => {
    const known = producer < 0 ? undefined : log.activeProducers().find(({ producerId }) => producerId === producer);
    const next = modelBatch({
      baseOffset: added.at(-1)?.endOffset ?? model.end, partitionLeaderEpoch: model.epoch, compression: codec, producerId: producer,
      producerEpoch: producer < 0 ? -1 : known?.producerEpoch ?? 0, baseSequence: producer < 0 ? -1 : (known?.lastSequence ?? -1) + 1, isTransactional: transactional,
    }, recordsOf(subject, operation.sizes, operation));
    added.push(next);
    return next;
  }), { isCommitted: operation.uncommitted !== true });
}

/**
 * Appends as the leader does, all in one turn; the log stamps what the sender cannot know. Acknowledged is what is written when
 * the turn ends.
 */
async function send(subject: Subject, batches: readonly (() => ModelBatch)[], { isCommitted = true, transactionVersion = 0 } = {}): Promise<void> {
  const { log, model } = subject;
  const added: ModelBatch[] = [];
  for (const make of batches) {
    const next = make();
    added.push(next);
    const bytes = Buffer.from(next.bytes);
    batch.setBaseOffset(bytes, 0, 0);
    batch.setPartitionLeaderEpoch(bytes, 0, -1);
    model.attempt({ ...model.with(added), keptEnd: model.end });
    const origin = next.committed === undefined ? 'client' : 'coordinator';
    const result = log.appendAsLeader(bytes, { origin, leaderEpoch: model.epoch, transactionVersion });
    holds(!result.duplicate && result.baseOffset === next.baseOffset && result.lastOffset === next.endOffset - 1, 'offsets', () =>
      `appended at ${result.baseOffset} to ${result.lastOffset}, not ${next.baseOffset} to ${next.endOffset - 1}`);
  }
  if (!await isWritten(subject)) return;
  model.become(model.with(added));
  if (isCommitted) commit(subject);
  await safe(subject);
}

/** Whether what was appended has reached the system: with the end of the turn, or, where the disk stalls, when the log says so. */
async function isWritten({ life, log }: Subject): Promise<boolean> {
  await life.endOfTurn();
  if (!life.isUsable(log)) return false;
  if (life.options.manager?.writeWays?.stalls) await whenSafe(log);
  return true;
}

/** Of what was appended last, `flush.messages` leaves fewer records than it says to chance. */
async function safe({ log, model }: Subject): Promise<void> {
  const { end } = model;
  await whenSafe(log);
  model.flushed(end - log.settings.flushMessages + 1);
}

function commit({ log, model }: Subject): void {
  model.highWatermark = model.end;
  log.updateHighWatermark(model.end);
}

async function resend({ log, model }: Subject): Promise<void> {
  const last = model.batches.findLast(({ producerId, committed }) => producerId >= 0 && committed === undefined);
  const known = last && log.activeProducers().find(({ producerId }) => producerId === last.producerId);
  // A marker of another epoch, or records that are gone, leave nothing to know it by.
  if (!last || last.records.length === 0 || last.baseOffset < model.start || known?.producerEpoch !== last.producerEpoch || known.lastSequence !== last.lastSequence) return;
  const result = log.appendAsLeader(Buffer.from(last.bytes), { origin: 'client', leaderEpoch: model.epoch });
  holds(result.duplicate && result.baseOffset === last.baseOffset, 'producers', () =>
    `the batch of producer ${last.producerId} at ${last.baseOffset}, sent again, is ${result.duplicate ? 'known' : 'new'} at ${result.baseOffset}`);
  await whenSafe(log);
}

async function endTransaction(subject: Subject, { producer, commit: committed, bump }: Extract<Operation, { do: 'end' }>): Promise<void> {
  const { log, model, life } = subject;
  const known = log.activeProducers().find(({ producerId }) => producerId === producer);
  if (!known || known.currentTxnStartOffset < 0) return;
  const builder = new BatchBuilder({
    baseOffset: model.end, partitionLeaderEpoch: model.epoch, producerId: producer, producerEpoch: known.producerEpoch + (bump ? 1 : 0), isTransactional: true, isControl: true,
  });
  builder.append({ timestampMs: life.world.wallMs, key: controlRecordKey(committed ? ControlRecordType.commit : ControlRecordType.abort), value: endTransactionMarkerValue(3) });
  await send(subject, [() => readBatch(Buffer.from(builder.build()), 0)], { transactionVersion: bump ? 2 : 0 });
}

async function follow(subject: Subject, { sizes, gap = 0, newEpoch }: Extract<Operation, { do: 'follow' }>): Promise<void> {
  const { log, model } = subject;
  if (newEpoch) model.epoch++;
  const added: ModelBatch[] = [];
  for (const size of sizes) {
    const baseOffset = (added.at(-1)?.endOffset ?? model.end + gap);
    added.push(modelBatch({ baseOffset, partitionLeaderEpoch: model.epoch }, recordsOf(subject, [size])));
  }
  const after = model.with(added);
  model.attempt({ ...after, keptEnd: model.end });
  log.appendAsFollower(Buffer.concat(added.map(({ bytes }) => bytes)), model.epoch);
  if (!await isWritten(subject)) return;
  model.become(after);
  commit(subject);
  await safe(subject);
}

async function flush({ log, model }: Subject): Promise<void> {
  const { end } = model;
  await log.flush();
  model.flushed(end);
}

async function truncate({ log, model, life }: Subject, count: number): Promise<void> {
  const kept = model.batches.slice(0, Math.max(0, model.batches.length - count));
  // Of a compacted log the first batch may begin anywhere in its segment, whose name is all that an empty one goes by.
  const end = kept.at(-1)?.endOffset ?? (model.isCompacted ? undefined : model.batches[0]?.baseOffset);
  if (end === undefined || end < model.start || end >= model.end) return;
  const after = model.history({ batches: kept, end, keptEnd: end, flushedEnd: Math.min(model.flushedEnd, end) });
  // Until it is done, what was to go may be there, whole or in part.
  const within = model.history({ keptEnd: end, flushedEnd: after.flushedEnd });
  model.attempt(within, after);
  await log.truncateTo(end);
  model.cutTo(after);
  commit({ log, model, life });
}

async function startOver({ log, model }: Subject, ahead: number): Promise<void> {
  const offset = Math.max(0, model.end + ahead);
  const after = { batches: [], savedStart: Math.min(model.savedStart, offset), start: offset, end: offset, keptEnd: offset, flushedEnd: offset };
  // A follower that finds nothing asks the leader anew where to begin.
  const nothing = model.history({ batches: [], end: model.start, savedStart: 0, keptEnd: 0, flushedEnd: 0 });
  model.attempt(model.history({ keptEnd: 0, flushedEnd: 0 }), nothing, after);
  await log.truncateFullyAndStartAt(offset);
  model.cutTo({ ...after, savedStart: offset });
  model.highWatermark = offset;
}

async function deleteRecords({ log, model }: Subject, part: number): Promise<void> {
  const offset = model.start + Math.floor((model.highWatermark - model.start) * part);
  log.incrementLogStartOffset(offset, 'test');
  model.start = Math.max(model.start, offset);
}

async function retain({ log, model, life }: Subject): Promise<void> {
  // It is cut short with a start that is not known: any up to the high watermark.
  model.attempt(model.history({ start: model.highWatermark }));
  const { settings } = log;
  log.applyRetention(life.world.wallMs);
  const start = log.logStartOffset;
  holds(start === model.start || (settings.cleanupPolicy.delete && (settings.retentionBytes >= 0 || settings.retentionMs >= 0)), 'start', () =>
    `retention without a bound moved the start from ${model.start} to ${start}`);
  holds(start >= model.start && start <= model.highWatermark, 'start', () => `retention moved the start from ${model.start} to ${start}, high watermark ${model.highWatermark}`);
  model.become(model.history({ start }));
}

/** Copies the log into another directory, piece by piece, and lets the copy take its place. */
async function move({ log, model, life }: Subject, { to, bytes }: Extract<Operation, { do: 'move' }>): Promise<void> {
  const path = life.directories[to % life.directories.length]!;
  const { manager } = life;
  if (log.directory.startsWith(`${path}/`)) return;
  const future = manager!.futures.get(log.topic, log.partition) ?? manager!.futures.create(log.topic, log.partition, path);
  for (let left = true; left;) left = await future.copy(bytes) > 0;
  const moved = future.replaceLog();
  holds(moved !== undefined, 'errors', () => `a copy that holds all of ${log.directory} does not take its place`);
  model.directoryId = life.log(life.current.indexOf(model))!.home.id;
  // The copy is durable before it is the log.
  model.flushed(model.end);
  model.savedStart = model.start;
}

/** Compacts what can be. */
async function clean({ log, model, life }: Subject): Promise<void> {
  const { env } = life;
  if (!isCompacted({ log })) return;
  const plan = planCleaning(log, firstDirtyOffset(log, log.compaction.cleanedOffset), env.clock.nowMs());
  if (plan.cleanableBytes === 0) return;
  // In the segment that the start lies in, what is below it goes as well.
  log.home.checkpoint(LOG_START_OFFSET_FILE);
  model.savedStart = model.start;
  const compacting = model.history({ compactingTo: plan.firstUncleanableOffset });
  model.attempt(compacting);
  await cleanLog(log, plan, {
    host: env, settings: CLEANER, runClean: job => runCleanJob(env, job),
    checkpoint: () => { for (const file of [RECOVERY_POINT_FILE, CLEANER_OFFSET_FILE] as const) log.home.checkpoint(file); },
  }).catch((error: unknown) => {
    // Its disk has failed in the midst of it.
    if (!(error instanceof CleaningAbortedError) || life.isUsable(log)) throw error;
  });
  if (!life.isUsable(log)) return;
  const objection = await judge(log, compacting, 'none');
  if (objection) throw objection;
  model.become(afterCompaction(compacting, await readBatches(log)));
  model.flushed(plan.firstUncleanableOffset);
}
