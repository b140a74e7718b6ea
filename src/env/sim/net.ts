import type { ByteStream, Net, NetListener } from '../net.js';
import type { SimNode } from './node.js';
import { SimStream } from './stream.js';

/** How long a connection attempt through a cut link takes to be given up. */
const CONNECT_TIMEOUT_MS = 30_000;

/** The network as one process sees it. */
export class SimNet implements Net {
  constructor(private readonly node: SimNode) {}

  async listen({ host, port: wanted }: { host: string; port: number; backlog?: number }, onConnection: (stream: ByteStream) => void): Promise<NetListener> {
    const { node } = this;
    const { network } = node.world;
    const port = wanted === 0 ? node.machine.nextPort++ : wanted;
    if (!network.listen(node.name, port, { node, onConnection })) throw refusal('EADDRINUSE', `port ${port} of ${node.name} is taken`);
    node.record('listens', `${host}:${port}`);
    return { host, port, close: async () => network.unlisten(node.name, port) };
  }

  resolve(host: string): Promise<string | undefined> {
    const { network } = this.node.world;
    const machine = network.machineOf(host, this.node);
    if (machine !== undefined) return Promise.resolve(network.addressOf(machine, this.node.name));
    return Promise.resolve(/^\d+\.\d+\.\d+\.\d+$/.test(host) ? host : undefined);
  }

  connect({ host, port, timeoutMs = CONNECT_TIMEOUT_MS }: { host: string; port: number; timeoutMs?: number }): Promise<ByteStream> {
    const { node } = this;
    const { world } = node;
    const { network } = world;
    const alive = (): boolean => node.alive;
    return new Promise((resolve, reject) => {
      const machine = network.machineOf(host, node);
      const fail = (delayMs: number, code: string): void => {
        world.schedule(delayMs, () => reject(refusal(code, `${node.name} cannot connect to ${host}:${port}`)), alive);
      };
      if (machine === undefined) return fail(0, 'ENOTFOUND');
      if (network.isCut(node.name, machine) || network.isCut(machine, node.name)) return fail(timeoutMs, 'ETIMEDOUT');
      world.schedule(network.latencyMs(), () => {
        const listening = network.listenerAt(machine, port);
        if (listening === undefined) return fail(network.latencyMs(), 'ECONNREFUSED');
        const [client, server] = SimStream.pair({ node, port: node.machine.nextPort++ }, { node: listening.node, port });
        node.record('connects', `${client.localPort} to ${machine}:${port}`);
        listening.onConnection(server);
        world.schedule(network.latencyMs(), () => resolve(client), alive);
      }, alive);
    });
  }
}

function refusal(code: string, message: string): Error {
  return Object.assign(new Error(`${message} (${code})`), { code });
}
