import { MalformedError } from '../../base/bytes.js';
import type { Disk } from '../../env/index.js';
import { parseCheckpoint } from '../manager/checkpoints.js';
import { LEADER_EPOCH_FILE } from '../paths.js';
import type { EpochEntry } from '../leader-epochs.js';
import type { Severity } from './findings.js';
import type { BatchFacts } from './stored-batches.js';

type Tell = (severity: Severity, message: string, atStart: string) => void;

const LEARNED = 'the batches are read, and tell it again';

/** Holds `leader-epoch-checkpoint` against the epochs that the batches carry. */
export class EpochCheck {
  private readonly entries: readonly EpochEntry[];
  private readonly fault: string | undefined;
  private readonly wrong: { readonly epoch: number; readonly offset: number; readonly said: number | undefined; readonly isLearned: boolean }[] = [];
  private lastEpoch = -1;

  constructor(disk: Disk, path: string) {
    const file = `${path}/${LEADER_EPOCH_FILE}`;
    try {
      const lines = disk.stat(file) ? parseCheckpoint(disk.readFile(file).toString('utf8'), 0, LEADER_EPOCH_FILE, 2) : [];
      this.entries = lines.map(([epoch, startOffset]) => ({ epoch: Number(epoch), startOffset: Number(startOffset) }));
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.entries = [];
      this.fault = error.message;
    }
  }

  /** `isLearned`: a start reads the batch, and learns its epoch. What is below the start of the log is nobody's business. */
  add({ leaderEpoch, baseOffset, lastOffset }: BatchFacts, { logStartOffset, isLearned }: { readonly logStartOffset: number; readonly isLearned: boolean }): void {
    if (leaderEpoch < 0 || leaderEpoch === this.lastEpoch || lastOffset < logStartOffset) return;
    this.lastEpoch = leaderEpoch;
    const said = this.entries.findLast(({ startOffset }) => startOffset <= Math.max(baseOffset, logStartOffset))?.epoch;
    if (said !== leaderEpoch) this.wrong.push({ epoch: leaderEpoch, offset: baseOffset, said, isLearned });
  }

  end(endOffset: number, tell: Tell): void {
    if (this.fault !== undefined) return tell('error', this.fault, 'all batches are read, and tell it again');
    const unordered = this.entries.findIndex(({ epoch, startOffset }, i) => i > 0 && (epoch <= this.entries[i - 1]!.epoch || startOffset <= this.entries[i - 1]!.startOffset));
    if (unordered >= 0) tell('error', `epoch ${this.entries[unordered]!.epoch} from offset ${this.entries[unordered]!.startOffset} does not ascend`, 'the entries that it contradicts are dropped');
    for (const { epoch, offset, said, isLearned } of this.wrong) {
      tell(isLearned ? 'note' : 'error', `the batch at offset ${offset} is of epoch ${epoch}, and the file says ${said ?? 'nothing'}`, isLearned ? LEARNED : 'nothing; followers may be told to cut their logs in the wrong place');
    }
    const beyond = this.entries.filter(({ startOffset }) => startOffset > endOffset);
    if (beyond.length > 0) tell('warning', `epoch ${beyond[0]!.epoch} begins at offset ${beyond[0]!.startOffset}, beyond the end of the log, ${endOffset}`, 'it is forgotten');
    return undefined;
  }
}
