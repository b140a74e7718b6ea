// What every client does with every codec, written once.

import kafkajs, { type Admin } from 'kafkajs';
import { consumerGroupDescribeApi } from '../../src/protocol/generated/index.js';
import type { BrokerUnderTest } from '../support/brokers.js';
import { within } from '../support/processes.js';
import { pause } from '../support/until.js';
import { withClient } from '../support/with-client.js';
import { CannotDo, type ClientDriver, type Codec } from './driver.js';
import { Ledger, type Dataset } from './ledger.js';

export const PARTITIONS = 4;

/** In the order in which a cell goes through them; the words are those of the table that is printed. */
export const STEPS = ['create', 'two members', 'produce', 'read in order', 'leave, join', 'commit', 'survive kill -9', 'resume'] as const;
export type Step = (typeof STEPS)[number];

export type Outcome = { kind: 'yes' } | { kind: 'cannot'; reason: string } | { kind: 'failed'; reason: string } | { kind: 'not reached' };

/** 100,000 records before the broker is killed, in three stretches, and one more after it. */
const FIRST = [0, 40_000] as const;
const SECOND = [40_000, 70_000] as const;
const THIRD = [70_000, 100_000] as const;
const AFTER_KILL = [100_000, 110_000] as const;
export const TOTAL_RECORDS = AFTER_KILL[1];

const STEP_TIMEOUT_MS = 120_000;
const POLL_MS = 50;

/** Sees groups from outside, the same way for all clients, so that the scenario moves on when members are in place. */
export class Observer {
  private readonly admin: Admin;
  private isStopped = false;

  constructor(readonly kind: BrokerUnderTest['kind'], private readonly bootstrap: string) {
    const kafka = new kafkajs.Kafka({
      clientId: 'observer', brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 50, initialRetryTime: 50, maxRetryTime: 500 },
    });
    this.admin = kafka.admin();
  }

  async start(): Promise<void> {
    await this.admin.connect();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.admin.disconnect();
  }

  async createTopic(topic: string, partitions: number): Promise<void> {
    await this.admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }], waitForLeaders: false });
  }

  async awaitLeaders(topic: string): Promise<void> {
    for (;;) {
      // Only leaders tell offsets.
      const offsets = await this.admin.fetchTopicOffsets(topic).catch(() => []);
      if (offsets.length === PARTITIONS) return;
      await pause(POLL_MS);
    }
  }

  /** Resolves when the group is stable with so many members that share out all partitions of the topic. */
  async awaitMembers(group: string, topic: string, members: number): Promise<void> {
    let seen = 'nothing';
    const deadlineMs = Date.now() + STEP_TIMEOUT_MS;
    const look = async () => {
      while (Date.now() < deadlineMs && !this.isStopped) {
        const { state, shares } = await this.sharesOf(group, topic);
        seen = `${state} with shares of ${shares.map(share => share.length).join(', ')} partitions`;
        const isSpread = new Set(shares.flat()).size === PARTITIONS && shares.every(share => share.length > 0);
        if (state === 'Stable' && shares.length === members && isSpread) return;
        await pause(POLL_MS);
      }
    };
    await within(STEP_TIMEOUT_MS - POLL_MS, look(), () => `the group does not come to ${members} members: it is ${seen}`);
  }

  /** A group of the consumer protocol is dead to whoever asks in the classic one. */
  private async sharesOf(group: string, topic: string): Promise<{ state: string; shares: number[][] }> {
    const [{ state, members } = { state: 'Dead', members: [] }] = (await this.admin.describeGroups([group])).groups;
    if (state !== 'Dead') return { state, shares: members.map(member => partitionsOf(member.memberAssignment, topic)) };
    const [host = '', port = ''] = this.bootstrap.split(':');
    const { groups: [described] } = await withClient({ host, port: Number(port) }, client =>
      client.send(consumerGroupDescribeApi, { groupIds: [group], includeAuthorizedOperations: false }, 1));
    const shares = described!.members.map(({ assignment }) => assignment.topicPartitions.flatMap(({ partitions }) => partitions));
    return { state: described!.groupState, shares };
  }
}

function partitionsOf(assignment: Buffer, topic: string): number[] {
  if (assignment.length === 0) return [];
  return kafkajs.AssignerProtocol.MemberAssignment.decode(assignment)?.assignment[topic] ?? [];
}

/** One client with one codec. `before`, then the broker is killed and started again, then `after`. */
export class Cell {
  readonly outcomes = new Map<Step, Outcome>(STEPS.map(step => [step, { kind: 'not reached' }]));
  private readonly topic: string;
  private readonly group: string;
  private readonly ledger: Ledger;

  constructor(
    readonly client: string, readonly codec: Codec, private readonly driver: ClientDriver, private readonly dataset: Dataset,
    private readonly observer: Observer,
  ) {
    this.topic = `${client.replaceAll(' ', '-')}-${codec}`;
    this.group = `${this.topic}-readers`;
    this.ledger = new Ledger(dataset);
  }

  async before(): Promise<void> {
    await this.step('create', async () => {
      try {
        await this.driver.createTopic(this.topic, PARTITIONS);
      } catch (error) {
        // The other steps are worth seeing all the same.
        if (error instanceof CannotDo) await this.observer.createTopic(this.topic, PARTITIONS);
        throw error;
      } finally {
        await this.apacheReadiness();
      }
    });
    await this.step('two members', async () => {
      this.ledger.expect(...FIRST);
      await this.join('a', true);
      await this.join('b', true);
      await this.observer.awaitMembers(this.group, this.topic, 2);
    });
    await this.step('produce', () => this.produce(FIRST));
    await this.step('read in order', async () => {
      await this.read();
      this.bothRead();
    });
    await this.step('leave, join', async () => {
      await this.leave('b');
      await this.join('c', true);
      await this.observer.awaitMembers(this.group, this.topic, 2);
      this.ledger.expect(...SECOND);
      await this.produce(SECOND);
      await this.read();
      this.bothRead();
    });
    await this.step('commit', async () => {
      await this.leave('a');
      await this.leave('c');
      this.ledger.expect(...THIRD);
      await this.join('d', false);
      await this.produce(THIRD);
      await this.read();
    });
  }

  async after(): Promise<void> {
    await this.apacheReadiness();
    await this.step('survive kill -9', async () => {
      this.ledger.expect(...AFTER_KILL, true);
      await this.produce(AFTER_KILL);
      await this.read();
      await this.leave('d');
    });
    await this.step('resume', async () => {
      this.ledger.expect(THIRD[0], AFTER_KILL[1]);
      await this.join('e', true);
      await this.read();
      await this.leave('e');
    });
  }

  /** Apache answers a creation, and says that it has started, before leaders serve; Ottla must not. */
  private async apacheReadiness(): Promise<void> {
    if (this.observer.kind === 'apache') await this.observer.awaitLeaders(this.topic);
  }

  private bothRead(): void {
    if (this.ledger.heard !== 2) throw new Error(`only ${this.ledger.heard} of two members read`);
  }

  private produce([from, to]: readonly [number, number]): Promise<void> {
    return this.driver.produce(this.topic, this.codec, this.dataset.file(from, to));
  }

  private join(member: string, commits: boolean): Promise<void> {
    return this.driver.join(this.nameOf(member), this.group, this.topic, commits, this.ledger.readerFor(member));
  }

  private leave(member: string): Promise<void> {
    return this.driver.leave(this.nameOf(member));
  }

  /** One program serves the cells of all codecs. */
  private nameOf(member: string): string {
    return `${this.topic}/${member}`;
  }

  private read(): Promise<void> {
    return this.ledger.complete();
  }

  /** Runs a step unless an earlier one failed: what follows would say nothing about the client. */
  private async step(step: Step, run: () => Promise<void>): Promise<void> {
    const hasFailed = [...this.outcomes.values()].some(outcome => outcome.kind === 'failed');
    if (hasFailed) return;
    try {
      await within(STEP_TIMEOUT_MS, Promise.race([run(), this.ledger.broken]), () => this.ledger.describe());
      this.outcomes.set(step, { kind: 'yes' });
    } catch (error) {
      const kind = error instanceof CannotDo ? 'cannot' : 'failed';
      this.outcomes.set(step, { kind, reason: (error as Error).message });
    }
  }
}
