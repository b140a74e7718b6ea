/** Byte streams between processes. */
export interface Net {
  /** Binds and listens; resolves once connections are accepted. Port 0 picks a free one. Rejects with code EADDRINUSE and so on. */
  listen(options: { host: string; port: number; backlog?: number }, onConnection: (stream: ByteStream) => void): Promise<NetListener>;
  /** The address of a host, or of an address itself, as `remoteAddress` prints it; undefined when nobody knows it. */
  resolve(host: string): Promise<string | undefined>;
  connect(options: { host: string; port: number; timeoutMs?: number }): Promise<ByteStream>;
}

export interface NetListener {
  readonly host: string;
  readonly port: number;
  /** Stops accepting; streams that are open stay open. */
  close(): Promise<void>;
}

/**
 * Where a stream puts what arrives: it asks for a buffer, fills it from the start, and says how much came. Filling and `filled`
 * happen together, nothing comes between them: sinks may lend the same buffer to many streams at a time.
 */
export interface ByteSink {
  /** The place for the next bytes; never empty. It stays lent until `filled` or `ended`. */
  nextBuffer(): Uint8Array;
  /** `length` bytes were put at the start of the buffer that `nextBuffer` gave. */
  filled(length: number): void;
  /** The peer has sent its last byte or is gone; `error` when the stream broke in another way. Called once, not after `destroy`. */
  ended(error?: Error): void;
}

export interface ByteStream {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  /** Starts delivery. Until then nothing is read. */
  start(sink: ByteSink): void;
  /** Stops reading, so that the peer is held back; `resume` goes on. */
  pause(): void;
  resume(): void;
  /** Sends all buffers in one system call where that is possible. They must stay unchanged until `onFlushed`. */
  write(buffers: readonly Uint8Array[], onFlushed?: (error?: Error) => void): void;
  /** Bytes accepted by `write` that the system has not yet taken. */
  readonly pendingBytes: number;
  /** A number that stays the same for as long as the system takes nothing, also in the midst of a write. */
  readonly takingMark: number;
  /** Sends what is pending, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}
