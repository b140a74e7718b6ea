import type { LogSettings } from '../../config/log-settings.js';
import type { Cancel } from '../../env/index.js';
import type { LogHost } from '../host.js';
import { DELETED_SUFFIX } from '../paths.js';
import type { ProducerState } from '../producers/producer-state.js';
import { Segment, type SegmentOptions } from './segment.js';
import type { SegmentList } from './segment-list.js';

/** What must be known of a log to make and remove its segments. */
export interface SegmentedLog {
  readonly directory: string;
  readonly settings: LogSettings;
  readonly segments: SegmentList;
  readonly producers: ProducerState;
  noteFailure(error: unknown): unknown;
}

/** Begins and ends the lives of a log's segments on the disk. */
export class SegmentFiles {
  private readonly pendingRemovals = new Set<Cancel>();

  constructor(
    private readonly host: LogHost,
    private readonly log: SegmentedLog,
    private readonly namesChanged: () => void,
  ) {}

  /** Adds an empty segment. Its file is made at once: where it is the only one, its name keeps offsets from being used twice. */
  begin(baseOffset: number): void {
    const segment = Segment.create(this.host, segmentOptions(this.host, this.log.directory, baseOffset, this.log.settings));
    if (this.host.disk.stat(segment.log.path)) this.host.disk.removeNow(segment.log.path);
    segment.log.now();
    this.namesChanged();
    this.log.segments.add(segment);
  }

  /**
   * Takes segments out at once, in the order given, and removes their files after `file.delete.delay.ms`, by when all readers
   * are done.
   */
  setAside(gone: readonly Segment[]): void {
    const { disk, clock } = this.host;
    this.log.segments.remove(gone);
    this.namesChanged();
    const snapshots: string[] = [];
    for (const segment of gone) {
      segment.addSuffix(DELETED_SUFFIX);
      const snapshot = this.log.producers.setAsideSnapshot(segment.baseOffset);
      if (snapshot !== undefined) snapshots.push(snapshot);
    }
    const cancel = clock.after(this.log.settings.fileDeleteDelayMs, () => {
      this.pendingRemovals.delete(cancel);
      const removals = [...gone.map(segment => segment.remove()), ...snapshots.map(path => disk.remove(path))];
      Promise.all(removals).catch((error: unknown) => this.log.noteFailure(error));
    });
    this.pendingRemovals.add(cancel);
  }

  /** Files that wait for removal stay; whoever opens the log next removes them. */
  forget(): void {
    for (const cancel of this.pendingRemovals) cancel();
    this.pendingRemovals.clear();
  }
}

export function segmentOptions(host: LogHost, directory: string, baseOffset: number, settings: LogSettings): SegmentOptions {
  const { indexIntervalBytes, segmentJitterMs, segmentMs } = settings;
  const rollJitterMs = Math.floor(host.random.float() * Math.min(segmentJitterMs, segmentMs));
  return { directory, baseOffset, indexIntervalBytes, rollJitterMs };
}
