/** What a controller knows of a live broker beside its registration. Gone with the leadership; heartbeats bring it back. */
export interface BrokerSession {
  /** How far the broker has read the metadata, as it last said; -1 before it did. */
  readonly metadataOffset: number;
  /** Where the log stood when its controlled shutdown began; undefined while it does not shut down. */
  readonly shutdownOffset: number | undefined;
}

const NEW_SESSION: BrokerSession = { metadataOffset: -1, shutdownOffset: undefined };

/** The brokers that are heard of (Kafka's `BrokerHeartbeatManager`). */
export class BrokerSessions {
  readonly #sessions = new Map<number, BrokerSession>();

  has(broker: number): boolean {
    return this.#sessions.has(broker);
  }

  get(broker: number): BrokerSession {
    return this.#sessions.get(broker) ?? NEW_SESSION;
  }

  start(broker: number): void {
    this.#sessions.set(broker, NEW_SESSION);
  }

  touch(broker: number, session: Partial<BrokerSession>): void {
    this.#sessions.set(broker, { ...this.get(broker), ...session });
  }

  end(broker: number): void {
    this.#sessions.delete(broker);
  }

  /** The least that any broker has read of those that serve and stay. */
  lowestOffset(serving: Iterable<number>): number {
    let lowest = Infinity;
    for (const broker of serving) {
      const { metadataOffset, shutdownOffset } = this.get(broker);
      if (shutdownOffset === undefined) lowest = Math.min(lowest, metadataOffset);
    }
    return lowest;
  }
}
