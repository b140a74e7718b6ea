// What the transactional scenario asks of a client.

import { ProgramDriver } from '../clients/driver.js';

export type Isolation = 'read_committed' | 'read_uncommitted';

/** A record to send, without a key. */
export type Sent = readonly [partition: number, value: string];

/** A transactional producer by the name that `open` gave it; each call asks for nothing but what its name says. */
export class TransactionalDriver extends ProgramDriver {
  /** Takes the transactional id: initTransactions. */
  async open(producer: string, transactionalId: string, timeoutMs: number): Promise<void> {
    await this.ask('open', { producer, transactionalId, timeoutMs });
  }

  async begin(producer: string): Promise<void> {
    await this.ask('begin', { producer });
  }

  /** Resolves when all are acknowledged. */
  async send(producer: string, topic: string, records: readonly Sent[]): Promise<void> {
    await this.ask('send', { producer, topic, records });
  }

  /** As somebody who is no member of the group. */
  async sendOffset(producer: string, group: string, topic: string, partition: number, offset: number): Promise<void> {
    await this.ask('sendOffset', { producer, group, topic, partition, offset });
  }

  async commit(producer: string): Promise<void> {
    await this.ask('commit', { producer });
  }

  async abort(producer: string): Promise<void> {
    await this.ask('abort', { producer });
  }

  async close(producer: string): Promise<void> {
    await this.ask('close', { producer });
  }

  /** The values of each partition from its start up to the value `until`, which each of them has or will have. */
  async read(topic: string, partitions: number, isolation: Isolation, until: string): Promise<readonly (readonly string[])[]> {
    return (await this.ask('read', { topic, partitions, isolation, until })) as string[][];
  }
}
