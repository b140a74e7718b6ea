import type { Disk } from '../../env/index.js';
import { ZERO_UUID, type Uuid } from '../../protocol/wire/types.js';
import { writeTopicId } from './partition-metadata.js';

/** Where a partition's log lies, of which topic it is, and how much of that has come to the disk yet. */
export class OwnDirectory {
  constructor(
    private readonly disk: Disk,
    public path: string,
    private currentTopicId: Uuid,
    private made: boolean,
    /** The directory says of which topic it is. */
    private identified: boolean,
  ) {
    this.identified ||= currentTopicId === ZERO_UUID;
  }

  /** `ZERO_UUID`: of none. */
  get topicId(): Uuid {
    return this.currentTopicId;
  }

  get isMade(): boolean {
    return this.made;
  }

  adopt(topicId: Uuid): void {
    this.currentTopicId = topicId;
    this.identified = false;
  }

  make(): void {
    if (this.made) return;
    this.disk.makeDirectory(this.path);
    this.made = true;
  }

  /** Brings all of it to the disk; whether something was written down. */
  identify(): boolean {
    this.make();
    if (this.identified) return false;
    writeTopicId(this.disk, this.path, this.currentTopicId);
    return this.identified = true;
  }
}
