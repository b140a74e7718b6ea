// Streams of numbered records that are being written when the broker is killed: the next broker, whichever it is, owes all that
// was acknowledged, and knows again what is sent a second time.

import { StreamReader, StreamWriter, type StreamOptions } from '../kills/stream.js';
import type { HandedOver } from '../support/brokers.js';
import { until } from '../support/until.js';
import { Client } from './client.js';
import type { Strand, Turn } from './strand.js';

/** So many records of each stream are acknowledged before the kill. */
const RECORDS = 500;

interface Stream {
  readonly options: StreamOptions;
  readonly writer: StreamWriter;
}

export class Streams implements Strand {
  readonly name = 'streams that a kill cut off';
  private readonly streams: Stream[] = [];

  /** The writers first get their answers from whoever runs now. */
  async check(client: Client): Promise<void> {
    for (const { options, writer } of this.streams) {
      await writer.stop();
      const reader = new StreamReader(options);
      reader.take((await client.readAll(options.topic, options.partition)).batches);
      if (reader.seen < writer.acknowledged) throw new Error(`${options.topic}-${options.partition}: ${writer.acknowledged} records were acknowledged, ${reader.seen} are there`);
    }
  }

  async write(client: Client, { number }: Turn): Promise<void> {
    await client.createTopic(`streamed-${number}`, {}, 2);
  }

  /** `kill -9` while both streams of this turn are written: one with sequence numbers, one without. */
  async killAmidst(node: HandedOver, number: number): Promise<void> {
    const topic = `streamed-${number}`;
    const begun = [true, false].map((idempotent, partition): Stream => {
      // One at a time: after a kill, Apache knows again of each producer the last batch only, where Ottla knows five.
      const options: StreamOptions = { topic, partition, acks: idempotent ? -1 : 1, idempotent, inFlight: 1 };
      return { options, writer: new StreamWriter(() => node.port, options) };
    });
    this.streams.push(...begun);
    await until('a stream', async () => begun.map(({ writer }) => { writer.check(); return writer.acknowledged; }), counts => counts.every(count => count > RECORDS));
    await node.killHard();
  }

  async abort(): Promise<void> {
    await Promise.all(this.streams.map(({ writer }) => writer.abort()));
  }
}
