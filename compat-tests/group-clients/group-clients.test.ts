// Groups of real clients while records keep coming, members come and go one after the other, and the broker restarts: no
// record is missed, and no partition has two owners.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { consumerGroupHeartbeatApi, createTopicsApi, offsetCommitApi, syncGroupApi } from '../../src/protocol/generated/index.js';
import { ZERO_UUID } from '../../src/protocol/wire/types.js';
import { CLIENTS, type Client } from '../clients/clients.js';
import type { ClientDriver, GroupMode } from '../clients/driver.js';
import { kafkaClient } from '../harness/clients.js';
import { LinkProxy } from '../harness/link-proxy.js';
import { brokerUnderTest, type BrokerUnderTest } from '../support/brokers.js';
import { canRun, report } from '../support/toolchains.js';
import { pause, until } from '../support/until.js';
import { withClient } from '../support/with-client.js';
import { Ownership, assignmentIn, type Owned } from './ownership.js';
import { interest, wireTap } from './wire-tap.js';

/** Of each group; MEMBERS=10 for a long look. */
const MEMBERS = Number(process.env['MEMBERS'] ?? 3);
const PARTITIONS = 2 * MEMBERS;
/** So many records more has every group read before the next thing happens. */
const PROGRESS = 40;
const PROGRESS_TIMEOUT_MS = 120_000;
const BETWEEN_SENDS_MS = 20;
const LOOK_MS = 20;

const MODES: Readonly<Record<string, readonly GroupMode[]>> = {
  'kafkajs': ['eager'],
  'Java clients': ['eager', 'cooperative', 'consumer'],
  'confluent-kafka-python': ['eager', 'cooperative', 'consumer'],
  'kafka-python': ['eager'],
  'franz-go': ['eager', 'cooperative', 'consumer'],
};

const owned = (partitions: readonly { topicId: string; partitions: readonly number[] }[]): Owned[] =>
  partitions.map(({ topicId, partitions: indexes }) => ({ topic: topicId, partitions: indexes }));

/** What passes the link, as `Ownership` wants to hear of it. */
function hearing(seen: Ownership) {
  return [
    interest(syncGroupApi, {
      answered: ({ groupId, generationId, memberId }, { errorCode, assignment }) => {
        if (errorCode === ErrorCode.NONE) seen.assigned(groupId, generationId, memberId, assignmentIn(assignment));
      },
    }),
    interest(consumerGroupHeartbeatApi, {
      asked: ({ groupId, memberId, memberEpoch, topicPartitions }) => {
        if (memberEpoch === 0) seen.joins(groupId, memberId);
        else if (memberEpoch === -1) seen.leaves(groupId, memberId);
        else if (topicPartitions !== null) seen.stillHas(groupId, memberId, owned(topicPartitions));
      },
      answered: ({ groupId, memberEpoch }, { errorCode, memberId, assignment }) => {
        if (errorCode === ErrorCode.NONE && memberEpoch >= 0 && assignment !== null) seen.told(groupId, memberId!, owned(assignment.topicPartitions));
      },
    }),
    interest(offsetCommitApi, {
      answered: ({ groupId, generationIdOrMemberEpoch, memberId }, { topics }) => {
        for (const { name, topicId, partitions } of topics) {
          for (const { partitionIndex, errorCode } of partitions) {
            if (errorCode === ErrorCode.NONE) seen.committed(groupId, generationIdOrMemberEpoch, memberId, topicId === ZERO_UUID ? name : topicId, partitionIndex);
          }
        }
      },
    }),
  ];
}

/** One client's group in one mode. */
class Group {
  readonly name: string;
  readonly read = new Map<string, number>();
  readonly failures: string[] = [];
  /** Acknowledged values. */
  readonly sent = new Set<string>();
  private readonly members: string[] = [];
  private joined = 0;

  constructor(client: Client, private readonly driver: ClientDriver, readonly mode: GroupMode) {
    this.name = `${client.name} ${mode}`.replaceAll(' ', '-');
  }

  async add(): Promise<void> {
    const member = `${this.name}-${++this.joined}`;
    this.members.push(member);
    await this.driver.join(member, this.name, this.name, true, {
      read: lines => {
        for (const line of lines) {
          const value = line.split('\t')[3]!;
          this.read.set(value, (this.read.get(value) ?? 0) + 1);
        }
      },
      failed: reason => { this.failures.push(`${member}: ${reason}`); },
    }, this.mode);
  }

  async grow(): Promise<void> {
    for (let more = this.members.length; more < MEMBERS; more++) await this.add();
  }

  /** Each member goes, and another comes. */
  async replaceMembers(): Promise<void> {
    for (const member of this.members.splice(0)) {
      await this.driver.leave(member);
      await this.add();
    }
  }

  async end(): Promise<void> {
    for (const member of this.members.splice(0)) await this.driver.leave(member);
  }

  get missed(): string[] {
    return [...this.sent].filter(value => !this.read.has(value));
  }

  get readTwice(): number {
    return [...this.read.values()].filter(times => times > 1).length;
  }
}

/** A little to every topic, again and again, until it is stopped. */
class Stream {
  private stopping = false;
  private count = 0;
  private running: Promise<void> = Promise.resolve();

  begin(bootstrap: string, groups: readonly Group[]): void {
    this.running = this.run(bootstrap, groups);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
  }

  private async run(bootstrap: string, groups: readonly Group[]): Promise<void> {
    const producer = kafkaClient('stream', bootstrap).producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    while (!this.stopping) {
      const values = Array.from({ length: PARTITIONS }, () => String(++this.count));
      await producer.sendBatch({
        acks: -1, topicMessages: groups.map(({ name }) => ({ topic: name, messages: values.map((value, partition) => ({ partition, key: 'k', value })) })),
      });
      for (const { sent } of groups) for (const value of values) sent.add(value);
      await pause(BETWEEN_SENDS_MS);
    }
    await producer.disconnect();
  }
}

let broker: BrokerUnderTest;
const seen = new Ownership();
const drivers: ClientDriver[] = [];
const groups: Group[] = [];
const stream = new Stream();
let link: LinkProxy | undefined;

beforeAll(async () => {
  // What clients are told to connect to is the link, so that all they say passes there.
  link = await LinkProxy.listen(() => broker, { listener: wireTap(hearing(seen)) });
  broker = brokerUnderTest({ 'advertised.listeners': `PLAINTEXT://127.0.0.1:${link.port}` });
  await broker.start();
}, 120_000);

afterAll(async () => {
  await stream.stop().catch(() => undefined);
  await Promise.all(drivers.map(driver => driver.stop()));
  await link?.close();
  await broker.remove();
}, 60_000);

/** Resolves when every group has read so many records more. */
async function progress(records = PROGRESS): Promise<void> {
  const wanted = groups.map(({ read }) => read.size + records);
  await untilNone('the progress of all groups', () => groups.filter(({ read }, i) => read.size < wanted[i]!).map(({ name }) => name));
}

/** Resolves when nothing is left; a member that fails ends the wait. */
async function untilNone(what: string, left: () => readonly string[]): Promise<void> {
  await until(what, async () => {
    const now = left();
    const failures = now.length === 0 ? [] : groups.flatMap(group => group.failures);
    if (failures.length > 0) throw new Error(failures.join('\n'));
    return now;
  }, now => now.length === 0, { timeoutMs: PROGRESS_TIMEOUT_MS, retryMs: LOOK_MS });
}

async function setUp(): Promise<void> {
  for (const client of CLIENTS) {
    const modes = MODES[client.name] ?? [];
    if (modes.length === 0) continue;
    if (!canRun(`groups of ${client.name}`, client.toolchain)) continue;
    const driver = client.start(`127.0.0.1:${link!.port}`);
    drivers.push(driver);
    groups.push(...modes.map(mode => new Group(client, driver, mode)));
  }
  await withClient(broker, client => client.send(createTopicsApi, {
    topics: groups.map(({ name }) => ({ name, numPartitions: PARTITIONS, replicationFactor: 1, assignments: [], configs: [] })), timeoutMs: 60_000,
  }));
}

test(`groups of ${MEMBERS} read all there is, each partition by one member at a time, while members and the broker restart`, async () => {
  const startMs = Date.now();
  await setUp();
  stream.begin(broker.bootstrap, groups);
  await Promise.all(groups.map(group => group.add()));
  await progress();
  await Promise.all(groups.map(group => group.grow()));
  await progress();
  await Promise.all(groups.map(group => group.replaceMembers()));
  await progress();
  await broker.stop();
  await broker.start();
  await progress();
  await broker.killHard();
  await broker.start();
  await progress();
  await stream.stop();
  await untilNone('that all is read', () =>
    groups.filter(({ missed }) => missed.length > 0).map(({ name, missed, sent }) => `${name} missed ${missed.length} of ${sent.size}`));
  await Promise.all(groups.map(group => group.end()));
  expect(groups.flatMap(({ failures }) => failures)).toEqual([]);
  expect(seen.faults).toEqual([]);
  expect(seen.assignments).toBeGreaterThan(groups.length * MEMBERS);
  expect(seen.commits).toBeGreaterThan(groups.length * MEMBERS);
  const records = groups.reduce((sum, { sent }) => sum + sent.size, 0);
  const twice = groups.reduce((sum, { readTwice }) => sum + readTwice, 0);
  const seconds = ((Date.now() - startMs) / 1000).toFixed(0);
  report('groups-of-clients', `groups of real clients: ${groups.map(({ name }) => name).join(', ')}; ${MEMBERS} members each, all replaced, two restarts of the broker, ` +
    `in ${seconds} s: ${records} records, none missed, ${twice} read again after a rebalance; ${seen.assignments} assignments and ${seen.commits} commits, ` +
    'no partition with two owners');
}, 600_000);
