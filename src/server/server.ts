import { TimingWheel } from '../base/timing-wheel.js';
import type { Env, NetListener } from '../env/index.js';
import { Admission, type Arrival } from './admission.js';
import type { ServedApi } from './api.js';
import { Connection, type ConnectionHost } from './connection.js';
import { ANONYMOUS, type ConnectionFacts, type ListenerFacts } from './context.js';
import { Dispatcher } from './dispatch.js';
import { FrameBuffers, ReadGate } from './frame-buffers.js';
import { DEFAULT_LIMITS, DEFAULT_QUEUED_BYTES, type ServerLimits } from './limits.js';
import { UNLIMITED_TIME, type TimeQuota } from './quotas/loop-time.js';
import type { Windows } from './quotas/rate.js';

export interface ListenerOptions extends ListenerFacts {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly backlog?: number;
}

/** A listener that accepts, with the port it really has. */
export interface BoundListener extends ListenerFacts {
  readonly host: string;
  readonly port: number;
}

export interface ServerOptions {
  readonly env: Pick<Env, 'clock' | 'net' | 'logger'>;
  /** Asked again and again, since settings change; the defaults are Kafka's. */
  readonly limits?: () => ServerLimits;
  /**
   * Called before answers leave: brings what they tell of to where it outlasts the process. When that fails, whoever notices
   * calls `dropAnswers`.
   */
  readonly beforeSending?: () => void;
  /** Bytes that requests on their way in may take in all. */
  readonly queuedBytes?: number;
  /** What requests may take of the loop; nothing bounds them unless given. */
  readonly quotas?: TimeQuota;
  /** Over which new connections are counted; Kafka's defaults unless given. */
  readonly connectionWindows?: Windows;
  /** Whether the memory of answers is exhausted: who takes none of his is cut off then. */
  readonly memoryIsShort?: () => boolean;
  /** Told when a connection is gone. */
  readonly onDisconnected?: (connection: ConnectionFacts) => void;
}

const WHEEL_TICK_MS = 10;
const DEFAULT_GRACE_MS = 1000;
const DEFAULT_WINDOWS: Windows = { samples: 11, windowMs: 1000 };

/** Accepts connections on a list of listeners and answers what they ask from one table. */
export class Server {
  private readonly base: Omit<ConnectionHost, 'dispatcher'>;
  /** undefined until there is something to answer with; connections that come before are held. */
  private host: ConnectionHost | undefined;
  private held: Arrival[] = [];
  private readonly connections = new Set<Connection>();
  private readonly admission: Admission;
  private readonly listeners: { readonly name: string; readonly listener: NetListener }[] = [];
  private toFlush: Connection[] = [];
  private flushIsDue = false;
  /** What this turn's answers tell is not true. */
  private dropping = false;
  private accepted = 0;
  private closing = false;

  constructor(private readonly options: ServerOptions) {
    const { env } = options;
    const logger = env.logger.child('server');
    const buffers = new FrameBuffers(options.queuedBytes ?? DEFAULT_QUEUED_BYTES);
    this.base = {
      clock: env.clock,
      wheel: new TimingWheel(env.clock, WHEEL_TICK_MS),
      logger,
      buffers,
      gate: new ReadGate(buffers),
      limits: options.limits ?? (() => DEFAULT_LIMITS),
      memoryIsShort: options.memoryIsShort ?? (() => false),
      flushSoon: connection => this.flushSoon(connection),
      gone: connection => this.gone(connection),
    };
    this.admission = new Admission({
      clock: env.clock, wheel: this.base.wheel, logger, windows: options.connectionWindows ?? DEFAULT_WINDOWS,
      limits: () => this.base.limits().connections,
      open: arrival => this.connect(arrival),
      cutOff: (count, mayBeCutOff) => this.closeOldest(count, mayBeCutOff),
    });
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  /** Bytes of memory that requests on their way in hold now. */
  get queuedBytes(): number {
    return this.base.buffers.usedBytes;
  }

  /** Opens listeners, in order; when one fails, those opened by this call are closed again and its error is thrown. */
  async listen(listeners: readonly ListenerOptions[]): Promise<BoundListener[]> {
    const opened: NetListener[] = [];
    try {
      for (const options of listeners) opened.push(await this.open(options));
    } catch (error) {
      await Promise.all(opened.map(listener => listener.close()));
      throw error;
    }
    this.listeners.push(...listeners.map(({ name }, index) => ({ name, listener: opened[index]! })));
    return listeners.map(({ name, protocol, role, host }, index) => ({ name, protocol, role, host, port: opened[index]!.port }));
  }

  /** Closes a listener, and the connections that came through it. */
  async unlisten(name: string): Promise<void> {
    const found = this.listeners.find(listener => listener.name === name);
    if (found === undefined) return;
    this.listeners.splice(this.listeners.indexOf(found), 1);
    await found.listener.close();
    this.admission.closeListener(name);
    for (const connection of this.connections) if (connection.facts.listener.name === name) connection.close('its listener is closed');
  }

  /** Stops accepting and reading, gives what is under way up to `graceMs` to be answered and sent, then cuts what is left. */
  async close({ graceMs = DEFAULT_GRACE_MS }: { graceMs?: number } = {}): Promise<void> {
    this.closing = true;
    await Promise.all(this.listeners.splice(0).map(({ listener }) => listener.close()));
    // Who is still held is turned away.
    for (const arrival of this.held.splice(0)) arrival.stream.destroy();
    this.admission.close();
    for (const connection of this.connections) connection.drain();
    if (graceMs > 0 && this.sweepQuiet() > 0) await this.untilQuiet(graceMs);
    for (const connection of this.connections) connection.close('the server stops');
    this.base.wheel.close();
  }

  private open({ host, port, backlog, name, protocol, role }: ListenerOptions): Promise<NetListener> {
    const facts: ListenerFacts = { name, protocol, role };
    return this.options.env.net.listen({ host, port, backlog }, stream => this.accept({ stream, listener: facts, localHost: host }));
  }

  /** Begins to answer, from a table that has ApiVersions in it (`withApiVersions`); who was held is served first. */
  serve(apis: readonly ServedApi[]): void {
    const { logger, clock } = this.base;
    this.host = { ...this.base, dispatcher: new Dispatcher({ apis, logger, clock, quotas: this.options.quotas ?? UNLIMITED_TIME }) };
    for (const arrival of this.held.splice(0)) this.accept(arrival);
  }

  /** The limits are others now: who waits may come in, or some have to go. */
  limitsChanged(): void {
    this.admission.limitsChanged();
  }

  private accept(arrival: Arrival): void {
    if (this.closing) arrival.stream.destroy();
    else if (this.host === undefined) this.held.push(arrival);
    else this.admission.arrived(arrival);
  }

  private connect({ stream, listener, localHost }: Arrival): void {
    const address = stream.remoteAddress;
    const facts: ConnectionFacts = {
      id: `${localHost}:${stream.localPort}-${address}:${stream.remotePort}-${this.accepted++}`,
      listener, clientAddress: address, principal: ANONYMOUS, clientSoftwareName: '', clientSoftwareVersion: '',
    };
    const connection = new Connection(this.host!, stream, facts);
    this.connections.add(connection);
    connection.start();
  }

  private closeOldest(count: number, mayBeCutOff: (listener: ListenerFacts) => boolean): void {
    const oldest = [...this.connections].filter(({ facts }) => mayBeCutOff(facts.listener)).sort((a, b) => a.usedMs - b.usedMs);
    for (const connection of oldest.slice(0, count)) connection.close('there are more connections than max.connections allows');
  }

  private flushSoon(connection: Connection): void {
    this.toFlush.push(connection);
    this.flushAtEndOfTurn();
  }

  private flushAtEndOfTurn(): void {
    if (this.flushIsDue) return;
    this.flushIsDue = true;
    this.options.env.clock.endOfTurn(() => this.flushAll());
  }

  private flushAll(): void {
    this.options.beforeSending?.();
    const { toFlush: connections, dropping } = this;
    this.toFlush = [];
    this.flushIsDue = false;
    this.dropping = false;
    if (dropping) this.cutOff(connections);
    for (const connection of connections) connection.send();
    // Only when all is sent: the requests that wait may complete others', whose answers would leave before their time.
    for (const connection of connections) connection.goOn();
  }

  private cutOff(connections: readonly Connection[]): void {
    if (connections.length === 0) return;
    this.base.logger.warn('a write to disk failed: connections are closed instead of answered, their clients ask again', { connections: connections.length });
    for (const connection of connections) connection.close('what the answer tells could not be written');
  }

  /**
   * What the answers of this turn tell is not true, those that are given already and those still to come: who would get one is
   * cut off when it ends, and asks again.
   */
  dropAnswers(): void {
    this.dropping = true;
    this.flushAtEndOfTurn();
  }

  private gone(connection: Connection): void {
    if (!this.connections.delete(connection)) return;
    this.options.onDisconnected?.(connection.facts);
    const { listener, clientAddress } = connection.facts;
    this.admission.left(listener, clientAddress);
  }

  private sweepQuiet(): number {
    for (const connection of this.connections) if (connection.isQuiet) connection.close('the server stops');
    return this.connections.size;
  }

  private untilQuiet(graceMs: number): Promise<void> {
    const { wheel } = this.base;
    const deadline = this.options.env.clock.monotonicMs() + graceMs;
    return new Promise(resolve => {
      const look = (): void => {
        if (this.sweepQuiet() === 0 || this.options.env.clock.monotonicMs() >= deadline) resolve();
        else wheel.add(WHEEL_TICK_MS, look);
      };
      look();
    });
  }
}
