import { NodeNet } from '../../src/env/node/index.js';
import { RawClient } from '../../src/testing/raw-client.js';

/** Does `work` over a connection of its own, which ends with it. */
export async function withClient<T>(
  { host, port, clientId }: { readonly host?: string; readonly port: number; readonly clientId?: string }, work: (client: RawClient) => Promise<T>,
): Promise<T> {
  const client = await RawClient.connect(new NodeNet(), port, { host, clientId });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}
