import { withElement } from '../base/lists.js';
import type { TimingWheel, WheelTimer } from '../base/timing-wheel.js';
import type { ByteSink, ByteStream, Clock, Logger } from '../env/index.js';
import type { Encoded } from '../protocol/wire/writer.js';
import type { Unanswered } from './api.js';
import type { ConnectionFacts } from './context.js';
import type { Caller, Dispatcher } from './dispatch.js';
import type { FrameBuffers, ReadGate } from './frame-buffers.js';
import { FrameReader, type FrameTaker } from './frame-reader.js';
import type { ServerLimits } from './limits.js';
import { OutBuffers } from './out-buffers.js';

/** Answers that the system has not taken yet; above, nothing more is read from a connection until they are gone. */
const PENDING_BYTES = 256 * 1024;
/** What an incomplete frame must grow by in a period of `frameProgressMs`, unless it gets complete. */
const PROGRESS_BYTES = 16 * 1024;

const NOTHING: readonly (() => void)[] = [];

/** What connections share: made by the server. */
export interface ConnectionHost {
  readonly clock: Clock;
  readonly wheel: TimingWheel;
  readonly logger: Logger;
  readonly dispatcher: Dispatcher;
  readonly buffers: FrameBuffers;
  readonly gate: ReadGate;
  limits(): ServerLimits;
  /** Answers that nobody takes keep others from theirs. */
  memoryIsShort(): boolean;
  /** Calls `connection.send`, then `goOn`, at the end of this turn. */
  flushSoon(connection: Connection): void;
  /** Called once. */
  gone(connection: Connection): void;
}

/**
 * One client. A single request is under way at a time, which keeps answers in order; what follows waits in the reader's memory,
 * at most one read of it, then in the system's and so with the client. Answers of a turn leave in one write.
 */
export class Connection implements ByteSink, FrameTaker, Caller {
  private readonly reader: FrameReader;
  private readonly out = new OutBuffers();
  private outBytes = 0;
  /** What to call when they are. */
  private sent: (() => void)[] | undefined;
  private flushing = false;
  /** A request has no answer yet. */
  private busy = false;
  private unanswered: Unanswered | undefined;
  private releaseFrame: (() => void) | undefined;
  private paused = false;
  private inTake = false;
  private mutedUntilMs = 0;
  private muteTimer: WheelTimer | undefined;
  /** In the middle of a frame; gated when it must wait for memory. */
  private atGate = false;
  private gated = false;
  private draining = false;
  private closed = false;
  private lastRequestMs: number;
  private idleTimer: WheelTimer | undefined;
  private progressTimer: WheelTimer | undefined;
  private progressBytes = 0;
  private takingTimer: WheelTimer | undefined;

  constructor(
    private readonly host: ConnectionHost,
    private readonly stream: ByteStream,
    readonly facts: ConnectionFacts,
  ) {
    this.reader = new FrameReader(host.buffers, this, () => host.limits().maxRequestBytes);
    this.lastRequestMs = host.clock.monotonicMs();
    this.armIdle(host.limits().maxIdleMs);
  }

  start(): void {
    this.stream.start(this);
  }

  /** When it last answered or was opened, on the monotonic clock. */
  get usedMs(): number {
    return this.lastRequestMs;
  }

  /** Whether nothing is under way: no request, no answer that still has to leave. */
  get isQuiet(): boolean {
    return !this.busy && this.outBytes === 0 && this.stream.pendingBytes === 0;
  }

  nextBuffer(): Uint8Array {
    return this.reader.nextBuffer();
  }

  filled(length: number): void {
    this.progressBytes += length;
    this.reader.filled(length);
    this.watchProgress();
    this.adjustReading();
  }

  ended(error?: Error): void {
    this.close(error === undefined ? 'the client left' : error.message);
  }

  frame(bytes: Buffer, start: number, end: number, release: (() => void) | undefined): boolean {
    this.busy = true;
    this.releaseFrame = release;
    this.inTake = true;
    const done = this.host.dispatcher.dispatch(this, bytes, start, end, release !== undefined);
    if (done) this.freeFrame();
    this.inTake = false;
    return this.wantsFrames;
  }

  refused(length: number): void {
    this.close(`a frame of ${length} bytes was announced, ${this.host.limits().maxRequestBytes} are allowed`);
  }

  pending(request: Unanswered): void {
    this.unanswered = request;
    if (this.closed) this.abandon();
    else if (this.draining) request.hurry?.();
  }

  answer(encoded: Encoded | undefined, onSent?: () => void): void {
    this.busy = false;
    this.unanswered = undefined;
    this.freeFrame();
    if (this.closed) return onSent?.();
    this.lastRequestMs = this.host.clock.monotonicMs();
    if (encoded === undefined) {
      onSent?.();
    } else {
      for (const buffer of encoded.buffers) this.out.add(buffer);
      this.outBytes += encoded.byteLength;
      if (onSent !== undefined) this.sent = withElement(this.sent, onSent);
    }
    // An answer that comes later may come from deep inside another's request: the next one is taken when the turn ends.
    if (this.flushing || (this.inTake && encoded === undefined)) return;
    this.flushing = true;
    this.host.flushSoon(this);
  }

  /** Sends what the turn has gathered. */
  send(): void {
    this.flushing = false;
    const { sent = NOTHING, outBytes, stream } = this;
    const out = this.out.take();
    this.sent = undefined;
    this.outBytes = 0;
    if (this.closed) return runAll(sent);
    const isWatched = sent.length > 0 || stream.pendingBytes + outBytes > PENDING_BYTES;
    if (out.length > 0) stream.write(out, isWatched ? this.whenFlushed(sent) : undefined);
    if (stream.pendingBytes > 0 && this.takingTimer === undefined) this.watchTaking(0);
  }

  private whenFlushed(sent: readonly (() => void)[]): () => void {
    return () => {
      runAll(sent);
      // Who was stopped because the client reads slowly goes on now.
      if (!this.closed) this.goOn();
    };
  }

  mute(forMs: number): void {
    this.mutedUntilMs = this.host.clock.monotonicMs() + forMs;
    if (this.muteTimer !== undefined) this.host.wheel.cancel(this.muteTimer);
    this.muteTimer = this.host.wheel.add(forMs, () => {
      this.muteTimer = undefined;
      this.goOn();
    });
  }

  readOn(): void {
    this.gated = false;
    this.adjustReading();
  }

  /** Takes no more requests; what is under way is finished, soon if it can be. */
  drain(): void {
    this.draining = true;
    this.adjustReading();
    this.unanswered?.hurry?.();
  }

  close(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.host.logger.debug('connection closed', { connection: this.facts.id, reason });
    this.stream.destroy();
    this.reader.close();
    this.host.gate.leave(this);
    if (this.idleTimer !== undefined) this.host.wheel.cancel(this.idleTimer);
    if (this.progressTimer !== undefined) this.host.wheel.cancel(this.progressTimer);
    if (this.takingTimer !== undefined) this.host.wheel.cancel(this.takingTimer);
    if (this.muteTimer !== undefined) this.host.wheel.cancel(this.muteTimer);
    // A request under way that cannot be abandoned still reads its frame: its answer frees it.
    this.abandon();
    const { sent = NOTHING } = this;
    this.sent = undefined;
    runAll(sent);
    this.out.take();
    this.outBytes = 0;
    this.host.gone(this);
  }

  private get wantsFrames(): boolean {
    return !this.busy && !this.closed && !this.draining && this.outBytes + this.stream.pendingBytes <= PENDING_BYTES && !this.isMuted;
  }

  private get isMuted(): boolean {
    return this.mutedUntilMs > 0 && this.host.clock.monotonicMs() < this.mutedUntilMs;
  }

  /** Takes the frames that wait, if it is time. */
  goOn(): void {
    if (!this.wantsFrames) return this.adjustReading();
    this.reader.resume();
    this.watchProgress();
    this.adjustReading();
  }

  private abandon(): void {
    const { unanswered } = this;
    if (unanswered === undefined) return;
    this.unanswered = undefined;
    unanswered.abandon();
    this.freeFrame();
  }

  private freeFrame(): void {
    const release = this.releaseFrame;
    this.releaseFrame = undefined;
    release?.();
  }

  /**
   * Reads as long as there is room. A request under way alone is no reason to stop: the next bytes, or the news that the
   * client left, may come.
   */
  private adjustReading(): void {
    if (this.closed) return;
    if (this.reader.isMidFrame) this.enterGate();
    else if (this.atGate) this.leaveGate();
    const stop = this.gated || this.draining || this.reader.isFull || this.stream.pendingBytes > PENDING_BYTES || this.isMuted;
    if (stop === this.paused) return;
    this.paused = stop;
    if (stop) this.stream.pause();
    else this.stream.resume();
  }

  private enterGate(): void {
    this.atGate = true;
    this.gated = !this.host.gate.mayRead(this);
  }

  private leaveGate(): void {
    this.atGate = false;
    this.gated = false;
    this.host.gate.leave(this);
  }

  /** A frame that has begun must go on arriving, or memory would be held for nothing. */
  private watchProgress(): void {
    const { wheel } = this.host;
    if (!this.reader.isMidFrame || this.closed) {
      if (this.progressTimer !== undefined) wheel.cancel(this.progressTimer);
      this.progressTimer = undefined;
      return;
    }
    if (this.progressTimer !== undefined) return;
    this.progressBytes = 0;
    this.progressTimer = wheel.add(this.host.limits().frameProgressMs, () => this.checkProgress());
  }

  private checkProgress(): void {
    this.progressTimer = undefined;
    // While we do not read, the client cannot send.
    if (this.progressBytes >= PROGRESS_BYTES || this.paused) this.watchProgress();
    else this.close(`a request did not arrive: ${this.progressBytes} bytes in ${this.host.limits().frameProgressMs} ms`);
  }

  /** Who takes nothing of an answer is idle, and goes earlier where others wait for the memory. */
  private watchTaking(stalledMs: number): void {
    const periodMs = this.host.limits().frameProgressMs;
    const mark = this.stream.takingMark;
    this.takingTimer = this.host.wheel.add(periodMs, () => {
      this.takingTimer = undefined;
      if (this.stream.pendingBytes === 0) return;
      if (this.stream.takingMark !== mark) return this.watchTaking(0);
      const { maxIdleMs } = this.host.limits();
      const stalledForMs = stalledMs + periodMs;
      if (this.host.memoryIsShort() || (maxIdleMs >= 0 && stalledForMs >= maxIdleMs)) this.close(`an answer was not taken for ${stalledForMs} ms`);
      else this.watchTaking(stalledForMs);
    });
  }

  private armIdle(afterMs: number): void {
    if (this.host.limits().maxIdleMs < 0) return;
    this.idleTimer = this.host.wheel.add(afterMs, () => {
      const { maxIdleMs } = this.host.limits();
      const idleMs = this.host.clock.monotonicMs() - this.lastRequestMs;
      if (!this.isQuiet || this.isMuted || maxIdleMs < 0) this.armIdle(Math.max(maxIdleMs, 1000));
      else if (idleMs < maxIdleMs) this.armIdle(maxIdleMs - idleMs);
      else this.close(`idle for ${Math.floor(idleMs)} ms`);
    });
  }
}

function runAll(tasks: readonly (() => void)[]): void {
  for (const task of tasks) task();
}
