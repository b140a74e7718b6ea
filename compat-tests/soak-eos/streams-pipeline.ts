// Kafka Streams: an application of two instances that counts words and joins two streams, and a model of what it must write.

import type { CommittedRecord, Topic } from './committed-log.js';
import { differences } from './differences.js';
import { KEYS, MOST_RECORDS, PARTITIONS, SESSION_TIMEOUT_MS, TRANSACTION_TIMEOUT_MS, type Judged, type Records } from './judged.js';
import type { Member } from './pipeline.js';

export type Guarantee = 'exactly_once_v2' | 'at_least_once';

const APPLICATION = 'soaked-streams';
/** Records of equal key join when their timestamps are no further apart. */
const WINDOW_MS = 500;
const topic = (name: string): Topic => ({ name: `${APPLICATION}-${name}`, partitions: PARTITIONS });
const WORDS = topic('words');
const COUNTS = topic('counts');
const LEFT = topic('left');
const RIGHT = topic('right');
const JOINED = topic('joined');

export class StreamsPipeline implements Judged {
  readonly name = 'Kafka Streams';
  readonly topics = [WORDS, COUNTS, LEFT, RIGHT, JOINED];
  readonly groups = [WORDS, LEFT, RIGHT].map(each => ({ group: APPLICATION, topic: each }));

  constructor(private readonly guarantee: Guarantee, private readonly pauseMs: number) {}

  feeders(): Omit<Member, 'process' | 'seed'>[] {
    return [WORDS, LEFT, RIGHT].map(({ name }) => ({
      role: 'feeder', name: `${name}-feeder`, transactionalId: `${name}-feeder`, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
      inputTopic: name, outputTopic: '', partitions: PARTITIONS, mostRecords: MOST_RECORDS, abortOneIn: 8, pauseMs: this.pauseMs, keys: KEYS,
      groupId: '', groupProtocol: 'classic', sessionTimeoutMs: SESSION_TIMEOUT_MS,
    }));
  }

  /** What StreamsApp.java is told. */
  arguments(bootstrap: string, stateDir: string): object {
    return {
      bootstrap, stateDir, applicationId: APPLICATION, guarantee: this.guarantee, windowMs: WINDOW_MS, sessionTimeoutMs: SESSION_TIMEOUT_MS,
      transactionTimeoutMs: TRANSACTION_TIMEOUT_MS, words: WORDS.name, counts: COUNTS.name, left: LEFT.name, right: RIGHT.name, joined: JOINED.name,
    };
  }

  owed(records: Records): number {
    const inputs = records(WORDS.name).flat().length * WORDS_A_RECORD + joinOf(records(LEFT.name).flat(), records(RIGHT.name).flat()).length;
    return inputs - records(COUNTS.name).flat().length - records(JOINED.name).flat().length;
  }

  judge(records: Records): string[] {
    return [
      ...judgeCounts(records(WORDS.name).flat(), records(COUNTS.name)),
      ...differences(joinOf(records(LEFT.name).flat(), records(RIGHT.name).flat()), records(JOINED.name).flat().map(({ value }) => value))
        .filter(difference => !difference.includes('out of order'))
        .map(difference => `the windowed join: ${difference}`),
    ];
  }
}

const WORDS_A_RECORD = 3;

/** As StreamsApp.java has it. */
function wordsOf(value: string): string[] {
  const number = Number(value.slice(value.indexOf('-') + 1));
  return ['all', `w${number % 7}`, `x${number % 11}`];
}

/** Without a cache every count is written once, in order: 1, 2, 3, ... up to how often the word occurs. */
function judgeCounts(words: readonly CommittedRecord[], counts: readonly (readonly CommittedRecord[])[]): string[] {
  const wanted = new Map<string, number>();
  for (const { value } of words) for (const word of wordsOf(value)) wanted.set(word, (wanted.get(word) ?? 0) + 1);
  const got = new Map<string, string[]>();
  for (const { key, value } of counts.flat()) {
    const list = got.get(key);
    if (list === undefined) got.set(key, [value]);
    else list.push(value);
  }
  return [...new Set([...wanted.keys(), ...got.keys()])].flatMap(word =>
    differences(Array.from({ length: wanted.get(word) ?? 0 }, (_, index) => String(index + 1)), got.get(word) ?? []).map(difference => `counts of '${word}': ${difference}`));
}

/** All pairs of equal keys within the window. */
function joinOf(left: readonly CommittedRecord[], right: readonly CommittedRecord[]): string[] {
  const byKey = new Map<string, CommittedRecord[]>();
  for (const record of right) {
    const list = byKey.get(record.key);
    if (list === undefined) byKey.set(record.key, [record]);
    else list.push(record);
  }
  for (const list of byKey.values()) list.sort((a, b) => a.timestampMs - b.timestampMs);
  return left.flatMap(one => within(byKey.get(one.key) ?? [], one.timestampMs).map(other => `${one.value}+${other.value}`));
}

/** Of records by time, those of the window around `timestampMs`. */
function within(sorted: readonly CommittedRecord[], timestampMs: number): CommittedRecord[] {
  let low = 0;
  for (let high = sorted.length; low < high;) {
    const middle = (low + high) >> 1;
    if (sorted[middle]!.timestampMs < timestampMs - WINDOW_MS) low = middle + 1;
    else high = middle;
  }
  const found: CommittedRecord[] = [];
  for (let at = low; at < sorted.length && sorted[at]!.timestampMs <= timestampMs + WINDOW_MS; at++) found.push(sorted[at]!);
  return found;
}
