// A pipeline of copiers: what its members are told, and what must have come of it.

import type { Positions } from '../../src/testing/history/history.js';
import { checkCopies } from '../../src/testing/history/topic-pipelines.js';
import type { CommittedRecord, Topic } from './committed-log.js';
import type { Group } from './group-offsets.js';
import type { GroupProtocol, Member, PipelineClient, Sabotage } from './pipeline.js';
import { KEYS, MOST_RECORDS, PARTITIONS, SESSION_TIMEOUT_MS, TRANSACTION_TIMEOUT_MS, stored, told, type Judged, type Records } from './judged.js';

const COPIERS = 3;
const ABORT_ONE_IN = 8;

export interface CopyOptions {
  readonly client: PipelineClient;
  readonly groupProtocol: GroupProtocol;
  readonly pauseMs: number;
  readonly sabotage: Sabotage | undefined;
}

export class CopyPipeline implements Judged {
  readonly name: string;
  readonly input: Topic;
  readonly output: Topic;
  readonly groups: readonly Group[];
  private readonly group: string;

  constructor(private readonly options: CopyOptions) {
    const { client, groupProtocol, sabotage } = options;
    const kind = sabotage === undefined ? groupProtocol : `${groupProtocol}, ${sabotage}`;
    const slug = `${client.name}-${kind}`.replace(/[^\w-]+/g, '-').toLowerCase();
    this.name = `${client.name} (${kind})`;
    this.input = { name: `in-${slug}`, partitions: PARTITIONS };
    this.output = { name: `out-${slug}`, partitions: PARTITIONS };
    this.group = `copiers-${slug}`;
    this.groups = [{ group: this.group, topic: this.input }];
  }

  get topics(): Topic[] {
    return [this.input, this.output];
  }

  get notedGroups(): readonly Group[] {
    return this.groups;
  }

  /** Members without a number and a seed, which each start gives them. */
  feeders(): Omit<Member, 'process' | 'seed'>[] {
    return [this.member('feeder', 0)];
  }

  copiers(): Omit<Member, 'process' | 'seed'>[] {
    return Array.from({ length: COPIERS }, (_, index) => this.member('copier', index));
  }

  owed(records: Records): number {
    return count(records(this.input.name)) - count(records(this.output.name));
  }

  judge(records: Records, [offsets]: readonly Positions[]): string[] {
    // Of each attempt to copy it a value tells which it is.
    const outputs = stored(this.output.name, records).map(copy => ({ ...copy, value: copy.value.slice(0, copy.value.indexOf('@')) }));
    return told(`${this.name}, output`, checkCopies({ inputs: stored(this.input.name, records), outputs, offsets: offsets! }));
  }

  private member(role: Member['role'], index: number): Omit<Member, 'process' | 'seed'> {
    const { groupProtocol, pauseMs, sabotage } = this.options;
    return {
      role, name: `${this.group}-${role}-${index}`, transactionalId: `${this.group}-${role}-${index}`, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
      inputTopic: this.input.name, outputTopic: this.output.name, partitions: PARTITIONS, mostRecords: MOST_RECORDS, abortOneIn: ABORT_ONE_IN,
      pauseMs, keys: KEYS, groupId: this.group, groupProtocol, sessionTimeoutMs: SESSION_TIMEOUT_MS, ...(sabotage === undefined || role === 'feeder' ? {} : { sabotage }),
    };
  }
}

const count = (partitions: readonly (readonly CommittedRecord[])[]): number => partitions.reduce((sum, { length }) => sum + length, 0);
