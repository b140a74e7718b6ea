// Whoever keeps a broker busy through all of its lives, over a connection that is made anew when the broker is there again.

import { NodeNet } from '../../src/env/node/index.js';
import { RawClient } from '../../src/testing/raw-client.js';
import { pause } from '../support/until.js';

export interface Visitor {
  readonly port: () => number;
  /** Between two attempts to connect. */
  readonly retryMs: number;
  /** Works until the connection ends or nothing is left to do. What it throws ends all visits. */
  readonly visit: (client: RawClient) => Promise<void>;
  /** Whether there is something left that has to be done after `end`. */
  readonly isOwing?: () => boolean;
}

export class Visits {
  /** No new work is to be begun. */
  isStopped = false;
  private client: RawClient | undefined;
  private failure: Error | undefined;
  private readonly done: Promise<void>;

  constructor(private readonly visitor: Visitor) {
    this.done = this.run().catch((error: Error) => { this.failure = error; });
  }

  /** Throws what a visit threw. */
  check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /** Lets what is owing be done, and ends. */
  async end(): Promise<void> {
    this.isStopped = true;
    await this.done;
  }

  /** Ends now: the connection is cut. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.client?.close();
    await this.done;
  }

  private async run(): Promise<void> {
    const { port, retryMs, visit, isOwing = () => false } = this.visitor;
    while (!this.isStopped || isOwing()) {
      try {
        this.client = await RawClient.connect(new NodeNet(), port());
      } catch {
        await pause(retryMs);
        continue;
      }
      try {
        await visit(this.client);
      } finally {
        this.client.close();
      }
    }
  }
}
