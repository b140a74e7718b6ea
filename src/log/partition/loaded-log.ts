import type { Uuid } from '../../protocol/wire/types.js';
import type { LogHome } from '../host.js';
import type { LeaderEpochs } from './leader-epochs.js';
import type { ProducerState } from '../producers/producer-state.js';
import type { GapMark } from '../segment/gap-mark.js';
import type { SegmentList } from '../segment/segment-list.js';

/** What a directory was found to hold, or a new one begins with. */
export interface LoadedLog {
  readonly segments: SegmentList;
  readonly epochs: LeaderEpochs;
  readonly producers: ProducerState;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly recoveryPoint: number;
  /** What was found outlived a process that did not stop in order: a power loss may still undo what that one did last. */
  readonly isUnsynced: boolean;
  readonly gaps: GapMark;
  /** `partition.metadata` is there. */
  readonly hasTopicId: boolean;
  /** The partition's own directory has yet to be made; false when absent. */
  readonly isNew?: boolean;
}

export interface LogIdentity {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: Uuid;
  /** The partition's own directory when it is opened. */
  readonly directory: string;
  readonly home: LogHome;
}
