// What a seed does not come upon: what takes its time, and each known difference.

import type { TransactionCast } from './cast.js';
import { TIMEOUT_MS, type TransactionStep } from './script.js';

/** All is sent to both brokers within it, even by a busy machine; waited for once, by all scenes at the same time. */
const SHORT_TIMEOUT_MS = 5_000;
const [CLASSIC, NEW] = [{ add: 3, produce: 11, end: 4 }, { add: 3, produce: 13, end: 5 }];

interface Script {
  readonly name: string;
  readonly steps: readonly TransactionStep[];
}

const step = (name: string, run: (cast: TransactionCast) => Promise<void>): TransactionStep => ({ name, run });

/** Everything that can be asked of an open transaction, by its producer. */
const afterwards = (versions: typeof CLASSIC): TransactionStep[] => [
  step('t0 writes', cast => cast.produce('t0', [{ place: 'a0' }], { version: versions.produce })),
  step('t0 adds', cast => cast.add('t0', ['a1'], { version: versions.add })),
  step('t0 commits offsets', cast => cast.commitOffsets('t0', ['a0'], { version: versions === NEW ? 5 : 3 })),
  step('t0 commits', cast => cast.end('t0', true, { version: versions.end })),
  step('t0 inits with what it has', cast => cast.init('t0', { version: 5, whose: 'own' })),
  step('t0 inits', cast => cast.init('t0', { version: 5, insists: true })),
  step('t0 writes again', cast => cast.produce('t0', [{ place: 'a0' }], { version: NEW.produce })),
  step('t0 commits again', cast => cast.end('t0', true, { version: NEW.end })),
  step('all is read', async cast => { for (const isolation of [0, 1]) await cast.fetch(['a0', 'a1', 'b1'], isolation, 12); }),
];

function timesOut(name: string, versions: typeof CLASSIC): Script {
  return {
    name: `${name}-times-out`, steps: [
      step('t0 begins, and its time runs out', async cast => {
        await cast.init('t0', { version: 5, timeoutMs: SHORT_TIMEOUT_MS });
        await cast.add('t0', ['a0'], { version: versions.add });
        await cast.produce('t0', [{ place: 'a0' }, ...(versions === NEW ? [{ place: 'b1' }] : [])], { version: versions.produce });
        await cast.untilState('t0', 'CompleteAbort');
      }),
      ...afterwards(versions),
    ],
  };
}

/** The partitions of a transaction go while it is open, and come back as others, or not. */
function losesTopic(name: string, versions: typeof CLASSIC, comesBack: boolean): Script {
  return {
    name: `${name}-loses-topic${comesBack ? '-for-another' : ''}`, steps: [
      step('t0 inits', cast => cast.init('t0', { version: 5, timeoutMs: TIMEOUT_MS })),
      step('t0 adds', cast => cast.add('t0', ['a0', 'b0', 'b1'], { version: versions.add })),
      step('t0 writes', cast => cast.produce('t0', [{ place: 'a0' }, { place: 'b0' }], { version: versions.produce })),
      step('the topic goes', cast => cast.deleteTopic('b')),
      ...(comesBack ? [step('another comes', cast => cast.createTopics(['b']))] : []),
      step('t0 writes where it was', cast => cast.produce('t0', [{ place: 'b0' }], { version: versions.produce })),
      step('t0 commits', cast => cast.end('t0', true, { version: versions.end })),
      step('t0 writes where it was once more', cast => cast.produce('t0', [{ place: 'b0' }], { version: NEW.produce })),
      step('all is read', async cast => { for (const isolation of [0, 1]) await cast.fetch(['a0', 'b0', 'b1'], isolation, 12); }),
    ],
  };
}

export const SCRIPTED: readonly Script[] = [
  timesOut('classic', CLASSIC), timesOut('new', NEW),
  losesTopic('classic', CLASSIC, false), losesTopic('classic', CLASSIC, true), losesTopic('new', NEW, false), losesTopic('new', NEW, true),
  {
    name: 'ahead', steps: [
      step('t0 inits', cast => cast.init('t0', { version: 5 })),
      step('t0 writes with the last epoch', cast => cast.produce('t0', [{ place: 'a0', isTransactional: false }], { version: NEW.produce, whose: 'last', as: null })),
      step('t0 adds', cast => cast.add('t0', ['a0', 'b0'], { version: NEW.add })),
      step('t0 commits', cast => cast.end('t0', true, { version: NEW.end })),
    ],
  },
  {
    name: 'fenced', steps: [
      step('t0 inits', cast => cast.init('t0', { version: 5 })),
      step('t0 inits anew', cast => cast.init('t0', { version: 5 })),
      step('t0 adds', cast => cast.add('t0', ['a0'], { version: CLASSIC.add })),
      step('t0 commits', cast => cast.end('t0', true, { version: CLASSIC.end })),
      step('t0 commits as it was', cast => cast.end('t0', true, { version: NEW.end, whose: 'former' })),
      step('t0 aborts as it was', cast => cast.end('t0', false, { version: NEW.end, whose: 'former' })),
    ],
  },
  {
    name: 'levelled', steps: [
      step('both init', async cast => { for (const id of ['t0', 't1']) await cast.init(id, { version: 5 }); }),
      step('t1 writes', cast => cast.produce('t1', [{ place: 'a0' }], { version: NEW.produce })),
      step('t1 commits', cast => cast.end('t1', true, { version: NEW.end })),
      step('t0 writes', cast => cast.produce('t0', [{ place: 'a0' }], { version: NEW.produce })),
      step('t1 writes again', cast => cast.produce('t1', [{ place: 'a0' }], { version: NEW.produce })),
      step('t1 aborts, after what can be read', cast => cast.end('t1', false, { version: NEW.end })),
      step('what is committed is read', cast => cast.fetch(['a0'], 1, 12)),
      step('t0 commits', cast => cast.end('t0', true, { version: NEW.end })),
    ],
  },
  {
    name: 'known', steps: [
      step('t0 inits', cast => cast.init('t0', { version: 5 })),
      step('t0 leaves a gap', cast => cast.produce('t0', [{ place: 'a0', sequence: 'gap' }], { version: NEW.produce })),
      step('t0 is marked by hand', cast => cast.mark([{ id: 't0', whose: 'older', committed: true, places: ['a0'] }], 1)),
    ],
  },
];
