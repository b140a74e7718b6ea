// Kafka Streams: an application of two instances that counts words and joins two streams, and what it must write.

import { checkWindowedJoin, checkWordCount, type PipelineResult } from '../../src/testing/history/topic-pipelines.js';
import type { Topic } from './committed-log.js';
import { KEYS, MOST_RECORDS, PARTITIONS, SESSION_TIMEOUT_MS, TRANSACTION_TIMEOUT_MS, stored, told, type Judged, type Records } from './judged.js';
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
  /** The application notes nothing. */
  readonly notedGroups = [];

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
    return [this.counts(records), this.joins(records)].reduce((sum, { counts }) => sum + (counts.get('lost') ?? 0) + (counts.get('wrong-count') ?? 0), 0);
  }

  judge(records: Records): string[] {
    return [...told('word count', this.counts(records)), ...told('windowed join', this.joins(records))];
  }

  /** Without a cache every count is written. */
  private counts(records: Records): PipelineResult {
    return checkWordCount({ inputs: stored(WORDS.name, records), outputs: stored(COUNTS.name, records), wordsOf, isEveryUpdateWritten: true });
  }

  private joins(records: Records): PipelineResult {
    return checkWindowedJoin({
      left: stored(LEFT.name, records), right: stored(RIGHT.name, records), outputs: stored(JOINED.name, records),
      timeDifferenceMs: WINDOW_MS, join: (left, right) => `${left}+${right}`,
    });
  }
}

/** As StreamsApp.java has it. */
function wordsOf(value: string): string[] {
  const number = Number(value.slice(value.indexOf('-') + 1));
  return ['all', `w${number % 7}`, `x${number % 11}`];
}
