// Connections of the benchmark's own raw client, for what is no load.

import type { RawClient } from '../../src/testing/raw-client.js';
import { withClient } from '../support/with-client.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Runs `work` over one connection, which ends with it. */
export const connected = <T>({ host, port }: Address, work: (client: RawClient) => Promise<T>): Promise<T> => withClient({ host, port, clientId: 'bench' }, work);

/** Does `work` for each of `items`, over so many connections at once, each with one of them at a time. */
export async function overConnections<T>(address: Address, connections: number, items: readonly T[], work: (client: RawClient, item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  await Promise.all(Array.from({ length: connections }, () => connected(address, async client => {
    // One iterator for all: whoever is free takes the next.
    for (const item of left) await work(client, item);
  })));
}
