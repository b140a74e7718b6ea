import type { TimingWheel } from '../base/timing-wheel.js';
import type { Clock } from '../env/index.js';

/** What requests wait with: one wheel for the time that each has, and the end of the turn. */
export interface Waits {
  readonly clock: Pick<Clock, 'endOfTurn'>;
  readonly wheel: TimingWheel;
}
