// Waits until a broker goes by what its controller has committed.

import { NodeNet } from '../../src/env/node/index.js';
import { apiVersionsApi, describeQuorumApi } from '../../src/protocol/generated/index.js';
import { METADATA_TOPIC } from '../../src/protocol/internal-topics.js';
import { int64ToNumber } from '../../src/protocol/wire/types.js';
import { RawClient } from '../../src/testing/raw-client.js';
import { until } from '../support/until.js';

const TIMEOUT_MS = 20_000;
const ASK_AGAIN_MS = 2;

/**
 * Apache Kafka answers a change once it is committed; the broker reads it in its metadata log a moment later, and shows until then
 * what was before. ApiVersions tells how far it has read: the epoch of the finalized features is the offset of its image.
 */
export class PublishedMetadata {
  private client: RawClient | undefined;

  constructor(private readonly broker: { readonly port: number; readonly host: string }) {}

  /** Resolves once the broker's image holds all that is committed now. */
  async caughtUp(): Promise<number> {
    const { topics } = await this.ask(client => client.send(describeQuorumApi, { topics: [{ topicName: METADATA_TOPIC, partitions: [{ partitionIndex: 0 }] }] }));
    return this.passed(int64ToNumber(topics[0]!.partitions[0]!.highWatermark) - 1);
  }

  /**
   * Resolves once it has also acted on it. A broker takes up an image before what follows from it, its own settings among them, and
   * the next only after that; there is always a next one, as an idle controller writes too.
   */
  async appliedAll(): Promise<void> {
    await this.passed(await this.caughtUp() + 1);
  }

  close(): void {
    this.client?.close();
    this.client = undefined;
  }

  private async passed(offset: number): Promise<number> {
    return until(`the metadata log's being read up to ${offset}`, async () => {
      const { finalizedFeaturesEpoch } = await this.ask(client => client.send(apiVersionsApi, { clientSoftwareName: 'transcript', clientSoftwareVersion: '1' }));
      return int64ToNumber(finalizedFeaturesEpoch);
    }, read => read >= offset, { timeoutMs: TIMEOUT_MS, retryMs: ASK_AGAIN_MS });
  }

  /** A connection does not outlast its broker; nor a long pause, in which the broker lets go of it. */
  private async ask<Answer>(question: (client: RawClient) => Promise<Answer>): Promise<Answer> {
    const isNew = this.client === undefined;
    this.client ??= await RawClient.connect(new NodeNet(), this.broker.port, { host: this.broker.host, clientId: 'transcript' });
    try {
      return await question(this.client);
    } catch (error) {
      this.close();
      if (isNew) throw error;
      return this.ask(question);
    }
  }
}
