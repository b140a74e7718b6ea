// Sends frames to a broker, whatever they are, and says what became of each.

import { connect, type Socket } from 'node:net';

export type Outcome = { readonly kind: 'answered'; readonly answer: Buffer } | { readonly kind: 'closed' } | { readonly kind: 'silent' };

/** One connection at a time, with one request on it: a new one when the broker hung up, or did not answer. */
export class FuzzConnection {
  private socket: Socket | undefined;
  private received: Buffer = Buffer.alloc(0);
  private settle: ((outcome: Outcome) => void) | undefined;

  constructor(private readonly host: string, private readonly port: number) {}

  /** Rejects when the broker takes no connection any more. */
  async send(frame: Buffer, patienceMs: number): Promise<Outcome> {
    const socket = this.socket ??= await this.open();
    const outcome = await new Promise<Outcome>(resolve => {
      const timer = setTimeout(() => resolve({ kind: 'silent' }), patienceMs);
      this.settle = settled => {
        clearTimeout(timer);
        resolve(settled);
      };
      const length = Buffer.alloc(4);
      length.writeInt32BE(frame.length, 0);
      socket.write(Buffer.concat([length, frame]));
    });
    this.settle = undefined;
    if (outcome.kind !== 'answered') this.close();
    return outcome;
  }

  close(): void {
    this.socket?.destroy();
    this.socket = undefined;
    this.received = Buffer.alloc(0);
  }

  private async open(): Promise<Socket> {
    const socket = connect({ host: this.host, port: this.port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    socket.on('data', bytes => this.take(bytes));
    // A reset is a way to hang up, too.
    socket.on('error', () => undefined);
    const gone = (): void => {
      if (this.socket !== socket) return;
      if (this.settle === undefined) this.close();
      else this.settle({ kind: 'closed' });
    };
    socket.on('end', gone);
    socket.on('close', gone);
    return socket;
  }

  private take(bytes: Buffer): void {
    this.received = Buffer.concat([this.received, bytes]);
    if (this.received.length < 4) return;
    const end = 4 + this.received.readInt32BE(0);
    if (this.received.length < end) return;
    const answer = this.received.subarray(4, end);
    this.received = this.received.subarray(end);
    this.settle?.({ kind: 'answered', answer });
  }
}
