/** Stops what was scheduled; calling it again, or after it ran, does nothing. */
export type Cancel = () => void;

/** Time and the turns of the event loop. */
export interface Clock {
  /** Wall time in milliseconds since 1970. It may jump: for record timestamps and retention only. */
  nowMs(): number;
  /** Milliseconds from an arbitrary origin, never going back: for sessions, timeouts and figures. */
  monotonicMs(): number;
  /** Runs `task` once, no earlier than `delayMs` from now. */
  after(delayMs: number, task: () => void): Cancel;
  /** Runs `task` when the events of this turn of the loop have been handled: where batched writes go out. */
  endOfTurn(task: () => void): void;
}
