// Transactional pipelines of kafkajs (../pipeline.ts).
//
// kafkajs commits offsets without generation and member id (TxnOffsetCommit v1), so the group cannot fence its zombies, and one
// transactional id for each copier would not do (KIP-447). As before that KIP, each partition of the input has an id of its own: who
// takes it over fences whoever had it, and only then asks how far that one came.
//
// Its consumer shows aborted records where aborted transactions of several producers overlap in a partition: of each record it
// takes only one more of them into account, and expects them in the order of their beginnings. Apache Kafka tells them in that
// of their ends. So each feeder has partitions of its own here.

import kafkajs, { type Admin, type Consumer, type EachBatchPayload, type Kafka as KafkaClient, type KafkaMessage, type Producer } from 'kafkajs';
import type { Member } from '../pipeline.js';
import { Account, nowMs, pause, program, stopping, type Consumed, type Record, type Transaction } from './program.js';

const { Kafka, Partitioners, logLevel } = kafkajs;

const RETRY_MS = 50;

function clientOf(member: Member): KafkaClient {
  return new Kafka({
    clientId: member.name, brokers: [program.bootstrap], logLevel: logLevel.NOTHING, connectionTimeout: 1000, requestTimeout: 5000,
    retry: { retries: 20, initialRetryTime: RETRY_MS, maxRetryTime: 200 },
  });
}

const close = (client: Producer | Consumer): Promise<void> => client.disconnect().catch(() => undefined);

/** Tries again what meets the markers of this producer's last transaction, which Apache Kafka writes after its answer. */
async function whileConcurrent<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if ((error as { type?: string }).type !== 'CONCURRENT_TRANSACTIONS') throw error;
      await pause(RETRY_MS);
    }
  }
}

/** Who writes under one transactional id. After any error it is to be closed: neither its sequences nor what became of its transaction is known. */
class Writer {
  private constructor(private readonly producer: Producer, private readonly account: Account, private readonly transactionalId: string) {}

  /** When it resolves, whoever had the id is fenced, and what he had open is committed or aborted. */
  static async open(kafka: KafkaClient, account: Account, transactionalId: string): Promise<Writer> {
    const startMs = nowMs();
    const producer = kafka.producer({
      transactionalId, transactionTimeout: account.member.transactionTimeoutMs, idempotent: true, maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    try {
      await producer.connect();
      // kafkajs asks for the id with the first transaction; an empty one is not heard of.
      await (await producer.transaction()).abort();
    } catch (error) {
      await close(producer);
      throw error;
    }
    account.initialized(transactionalId, startMs);
    return new Writer(producer, account, transactionalId);
  }

  /** One transaction; throws when it did not come to its end. Whether it was committed: some are aborted on purpose. */
  async transact(topic: string, make: (transaction: Transaction) => readonly Record[], consumed?: Consumed): Promise<boolean> {
    const account = this.account.begin(this.transactionalId);
    const records = make(account);
    let isDone = false;
    try {
      const transaction = await this.producer.transaction();
      await whileConcurrent(() => transaction.send({ topic, acks: -1, messages: [...records] }));
      if (consumed !== undefined) {
        const { groupId, inputTopic } = this.account.member;
        const partitions = [{ partition: consumed.partition, offset: String(consumed.nextOffset) }];
        await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic: inputTopic, partitions }] });
      }
      account.sent(records, consumed);
      await (account.isToBeAborted ? transaction.abort() : transaction.commit());
      isDone = true;
    } finally {
      account.ended(isDone, records.length);
    }
    return !account.isToBeAborted;
  }

  close(): Promise<void> {
    return close(this.producer);
  }
}

async function feed(member: Member, isMine: (partition: number) => boolean): Promise<void> {
  const kafka = clientOf(member);
  const account = new Account(member);
  let writer: Writer | undefined;
  while (!stopping.isDue) {
    try {
      writer ??= await Writer.open(kafka, account, member.transactionalId);
      await writer.transact(member.inputTopic, () => account.feed(isMine));
      await pause(member.pauseMs);
    } catch {
      await writer?.close();
      writer = undefined;
      await pause(RETRY_MS);
    }
  }
  await writer?.close();
}

/** One membership of a copier: from joining the group to leaving it, or to the consumer's end by an error. */
class Membership {
  private readonly consumer: Consumer;
  /** By the partition. */
  private readonly writers = new Map<number, Writer>();

  constructor(private readonly kafka: KafkaClient, private readonly admin: Admin, private readonly account: Account) {
    const { groupId, sessionTimeoutMs } = this.member;
    this.consumer = kafka.consumer({
      groupId, sessionTimeout: sessionTimeoutMs, rebalanceTimeout: sessionTimeoutMs, heartbeatInterval: 300, maxWaitTimeInMs: 100,
    });
  }

  async run(): Promise<void> {
    const { events } = this.consumer;
    const ended = new Promise<void>(resolve => { this.consumer.on(events.CRASH, () => resolve()); });
    this.consumer.on(events.GROUP_JOIN, () => this.closeWriters());
    try {
      await this.consumer.connect();
      await this.consumer.subscribe({ topic: this.member.inputTopic, fromBeginning: true });
      this.account.chose('subscribe');
      await this.consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: batch => this.take(batch) });
      await Promise.race([ended, stopping]);
    } catch {
      await pause(RETRY_MS);
    } finally {
      await close(this.consumer);
      await this.closeWriters();
    }
  }

  private get member(): Member {
    return this.account.member;
  }

  private async closeWriters(): Promise<void> {
    const writers = [...this.writers.values()];
    this.writers.clear();
    await Promise.all(writers.map(writer => writer.close()));
  }

  private async take(payload: EachBatchPayload): Promise<void> {
    const { partition, messages } = payload.batch;
    for (let at = 0; at < messages.length && payload.isRunning() && !payload.isStale();) {
      const chunk = messages.slice(at, at + this.member.mostRecords);
      at += chunk.length;
      // Behind the last one there may be markers.
      const last = at < messages.length ? chunk.at(-1)!.offset : payload.batch.lastOffset();
      const isCopied = await this.copyOrGoBack(partition, chunk, Number(last) + 1);
      if (!isCopied) return;
      payload.resolveOffset(chunk.at(-1)!.offset);
      await payload.heartbeat();
      await pause(this.member.pauseMs);
    }
  }

  private async copyOrGoBack(partition: number, messages: readonly KafkaMessage[], nextOffset: number): Promise<boolean> {
    const writer = this.writers.get(partition);
    try {
      if (writer === undefined) this.writers.set(partition, await Writer.open(this.kafka, this.account, `${this.member.groupId}-${partition}`));
      else if (await this.copy(writer, partition, messages, nextOffset)) return true;
      this.goTo(partition, await this.committedOffset(partition));
    } catch {
      this.writers.delete(partition);
      await writer?.close();
      await pause(RETRY_MS);
      // Read again, and then met without a writer.
      this.goTo(partition, messages[0]!.offset);
    }
    return false;
  }

  private copy(writer: Writer, partition: number, messages: readonly KafkaMessage[], nextOffset: number): Promise<boolean> {
    const records = messages.map(({ offset, value }) => [Number(offset), String(value)] as const);
    const copies = (transaction: Transaction) => messages.map(({ key, value }) => ({ key: String(key), value: transaction.copied(String(value)), partition }));
    return writer.transact(this.member.outputTopic, copies, { partition, records, nextOffset });
  }

  private goTo(partition: number, offset: string): void {
    this.consumer.seek({ topic: this.member.inputTopic, partition, offset });
    this.account.chose('assign');
  }

  private async committedOffset(partition: number): Promise<string> {
    const { groupId, inputTopic } = this.member;
    const [topic] = await this.admin.fetchOffsets({ groupId, topics: [inputTopic] });
    const { offset } = topic!.partitions.find(found => found.partition === partition)!;
    return offset === '-1' ? '0' : offset;
  }
}

async function connected(admin: Admin): Promise<Admin> {
  for (;;) {
    try {
      await admin.connect();
      return admin;
    } catch {
      await pause(RETRY_MS);
    }
  }
}

async function copy(member: Member): Promise<void> {
  const kafka = clientOf(member);
  const account = new Account(member);
  const admin = await connected(kafka.admin());
  while (!stopping.isDue) await new Membership(kafka, admin, account).run();
}

const feeders = program.members.filter(({ role }) => role === 'feeder');
const copiers = program.members.filter(({ role }) => role === 'copier');
await Promise.all([
  ...feeders.map((member, index) => feed(member, partition => partition % feeders.length === index % member.partitions)),
  ...copiers.map(copy),
]);
process.exit(0);
