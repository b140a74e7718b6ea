import { MalformedError } from '../../base/bytes.js';
import type { Disk } from '../../env/index.js';
import { parseCheckpoint } from '../manager/checkpoints.js';
import { LEADER_EPOCH_FILE } from '../paths.js';
import type { EpochEntry } from '../partition/leader-epochs.js';
import { withoutPath, type Severity } from './findings.js';
import type { RemedyKind } from './remedies.js';
import type { BatchFacts } from './stored-batches.js';

type Tell = (severity: Severity, message: string, remedy: RemedyKind) => void;

interface WrongEpoch {
  readonly epoch: number;
  readonly offset: number;
  readonly said: number | undefined;
}

/** Holds `leader-epoch-checkpoint` against the epochs that the batches carry. */
export class EpochCheck {
  private readonly entries: readonly EpochEntry[];
  private readonly fault: string | undefined;
  private readonly wrong: WrongEpoch[] = [];
  private lastEpoch = -1;

  constructor(disk: Disk, path: string) {
    const file = `${path}/${LEADER_EPOCH_FILE}`;
    try {
      const lines = disk.stat(file) ? parseCheckpoint(disk.readFile(file).toString('utf8'), 0, LEADER_EPOCH_FILE, 2) : [];
      this.entries = lines.map(([epoch, startOffset]) => ({ epoch: Number(epoch), startOffset: Number(startOffset) }));
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.entries = [];
      this.fault = withoutPath(error.message, LEADER_EPOCH_FILE);
    }
  }

  /** The file cannot be read: a start reads all batches to know it. */
  get isDamaged(): boolean {
    return this.fault !== undefined;
  }

  /** `isScanned`: a start reads the batch. What is below the start of the log is nobody's business. */
  add({ leaderEpoch, baseOffset, lastOffset }: BatchFacts, { logStartOffset, isScanned }: { readonly logStartOffset: number; readonly isScanned: boolean }): void {
    if (leaderEpoch < 0 || leaderEpoch === this.lastEpoch || lastOffset < logStartOffset) return;
    this.lastEpoch = leaderEpoch;
    const said = this.entries.findLast(({ startOffset }) => startOffset <= Math.max(baseOffset, logStartOffset))?.epoch;
    // The file is written after the batches: a newer epoch in what a start reads is as it should be.
    const isLearned = isScanned && leaderEpoch > (this.entries.at(-1)?.epoch ?? -1);
    if (said !== leaderEpoch && !isLearned) this.wrong.push({ epoch: leaderEpoch, offset: baseOffset, said });
  }

  end(endOffset: number, tell: Tell): void {
    if (this.fault !== undefined) return tell('error', this.fault, 'learned');
    const unordered = this.entries.find(({ epoch, startOffset }, index) => {
      const before = this.entries[index - 1];
      return before && (epoch <= before.epoch || startOffset <= before.startOffset);
    });
    if (unordered) tell('error', `epoch ${unordered.epoch} from offset ${unordered.startOffset} does not ascend`, 'contradictionLeft');
    for (const { epoch, offset, said } of this.wrong) {
      tell('error', `the batch at offset ${offset} is of epoch ${epoch}, and the file says ${said ?? 'nothing'}`, 'epochsVouchedFor');
    }
    const beyond = this.entries.find(({ startOffset }) => startOffset > endOffset);
    if (beyond) tell('warning', `epoch ${beyond.epoch} begins at offset ${beyond.startOffset}, beyond the end of the log, ${endOffset}`, 'forgotten');
    return undefined;
  }
}
