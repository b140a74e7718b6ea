import { NO_CONNECTION_LIMITS, type ConnectionLimits } from './quotas/connection-quotas.js';

/** What a server lets clients take. Kafka's settings, and two of ours. */
export interface ServerLimits {
  /** `socket.request.max.bytes`: who announces a larger request is cut off. */
  readonly maxRequestBytes: number;
  /** `connections.max.idle.ms`: a connection that asked nothing for so long is closed; negative keeps it for ever. */
  readonly maxIdleMs: number;
  readonly connections: ConnectionLimits;
  /**
   * A request that has begun to arrive must be complete, or 16 KiB further, after each period of this length. Where memory is
   * short, an answer that has begun to leave must have gone on as well. Ours.
   */
  readonly frameProgressMs: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  maxRequestBytes: 104_857_600,
  maxIdleMs: 600_000,
  connections: NO_CONNECTION_LIMITS,
  frameProgressMs: 30_000,
};

/** Memory that requests on their way in may take in all (`queued.max.request.bytes` when that is set): beyond it, connections take turns. */
export const DEFAULT_QUEUED_BYTES = 256 * 1024 * 1024;
