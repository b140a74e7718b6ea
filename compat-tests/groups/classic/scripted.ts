// Scenarios that no seed would come upon: what the clock does to members, and what is known to differ.

import { javaAbs, stringHashCode } from '../../../src/base/java-hash.js';
import { offsetCommitApi } from '../../../src/protocol/generated/index.js';
import type { Step } from '../../lockstep/lockstep.js';
import type { Cast, Wish } from './cast.js';
import { GROUP_PARTITIONS, MAX_SIZE, TOPICS } from './script.js';

/** As short as members may be waited for, and long enough for what they do meanwhile. */
const SHORT_MS = 2_000;

const wish = (more: Partial<Wish> = {}): Wish =>
  ({ version: 3, instanceId: null, protocolType: 'consumer', protocols: [{ name: 'range', topics: TOPICS }], ...more });

/** Another group of the same partition of `__consumer_offsets`. */
function besides(groupId: string): string {
  const partitionOf = (id: string): number => javaAbs(stringHashCode(id)) % GROUP_PARTITIONS;
  for (let index = 0; ; index++) if (partitionOf(`beside ${index}`) === partitionOf(groupId)) return `beside ${index}`;
}

export interface Scripted {
  readonly name: string;
  readonly steps: readonly Step<Cast>[];
}

const step = (name: string, run: (cast: Cast) => Promise<void>): Step<Cast> => ({ name, run });

const joins = (name: string, more: Partial<Wish> = {}): Step<Cast> => step(`${name} joins`, cast => cast.join(name, wish(more)));
const again = (name: string): Step<Cast> => step(`${name} joins again`, cast => cast.join(name, cast.member(name).wish));
const sync = (...names: string[]): Step<Cast> => step(`${names.join(', ')} sync`, async cast => { for (const name of names) await cast.sync(name); });
const beats = (name: string): Step<Cast> => step(`${name} beats`, cast => cast.beat(name));
const until = (groupState: string, size: number): Step<Cast> => step(`the group becomes ${groupState} with ${size} members`, cast =>
  cast.side.until(`${groupState} with ${size}`, async () => {
    const now = await cast.state();
    return now.groupState === groupState && now.size === size;
  }));

/** One after the other joins, and those who were there join again. */
function gathered(names: readonly string[], more: Partial<Wish> = {}): Step<Cast>[] {
  return names.flatMap((name, index) => [joins(name, more), ...names.slice(0, index).map(again), sync(...names.slice(0, index + 1))]);
}

export const SCRIPTED: readonly Scripted[] = [
  {
    name: 'a session ends',
    steps: [...gathered(['m0', 'm1']), joins('m2', { sessionTimeoutMs: SHORT_MS }), again('m0'), again('m1'), sync('m0', 'm1', 'm2'),
      until('PreparingRebalance', 2), beats('m2'), beats('m1'), again('m1'), again('m0'), sync('m1', 'm0')],
  },
  {
    name: 'the last session ends',
    steps: [joins('m0', { sessionTimeoutMs: SHORT_MS }), sync('m0'), until('Empty', 0), beats('m0'), again('m0')],
  },
  {
    name: 'a static session ends',
    steps: [...gathered(['m0']), joins('m1', { version: 7, instanceId: 'one', sessionTimeoutMs: SHORT_MS }), again('m0'), sync('m0', 'm1'), until('PreparingRebalance', 1),
      joins('m2', { version: 7, instanceId: 'one' }), again('m0'), sync('m0', 'm2')],
  },
  {
    name: 'an id that was given out is not used',
    steps: [...gathered(['m0', 'm1']), joins('m2', { version: 5, sessionTimeoutMs: SHORT_MS }), again('m0'), again('m1'),
      until('CompletingRebalance', 2), sync('m0', 'm1'), again('m2')],
  },
  {
    name: 'one does not rejoin in time',
    steps: [...gathered(['m0'], { rebalanceTimeoutMs: SHORT_MS }), joins('m1', { rebalanceTimeoutMs: SHORT_MS }), until('CompletingRebalance', 1), sync('m1'), beats('m0')],
  },
  {
    name: 'a static one does not rejoin in time, and stays',
    steps: [...gathered(['m0'], { version: 6, instanceId: 'one', rebalanceTimeoutMs: SHORT_MS }), joins('m1', { rebalanceTimeoutMs: SHORT_MS }),
      until('CompletingRebalance', 2), sync('m1'), beats('m0')],
  },
  {
    name: 'one does not sync in time',
    steps: [joins('m0', { rebalanceTimeoutMs: SHORT_MS }), sync('m0'), joins('m1', { rebalanceTimeoutMs: SHORT_MS }), again('m0'), sync('m0'),
      until('PreparingRebalance', 1), beats('m1'), again('m0')],
  },
  {
    name: 'the leader does not sync in time',
    steps: [...gathered(['m0'], { rebalanceTimeoutMs: SHORT_MS }), joins('m1', { rebalanceTimeoutMs: SHORT_MS }), again('m0'), sync('m1'),
      until('PreparingRebalance', 1), beats('m0'), again('m1'), sync('m1')],
  },
  {
    name: 'a member without room',
    steps: [...gathered(['m0']), ...Array.from({ length: MAX_SIZE }, (_, index) => joins(`m${index + 1}`)), again('m0')],
  },
  {
    name: 'a commit that only names its group',
    steps: [
      step('somebody commits with too many words', cast => cast.commit(null, {
        memberId: '', generationIdOrMemberEpoch: -1,
        topics: [{ name: TOPICS[0]!, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: 'm'.repeat(4097) }] }],
      }, 8)),
      // Apache shows a group as of its partition's last record: that has to be a later one.
      step('somebody commits for a group beside it', cast => cast.side.quietly('admin', offsetCommitApi, {
        groupId: besides(cast.side.groupId), memberId: '', generationIdOrMemberEpoch: -1,
        topics: [{ name: TOPICS[0]!, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] }],
      }, 8).then(() => undefined)),
    ],
  },
  {
    name: 'one asks twice',
    steps: [...gathered(['m0', 'm1']), step('m1 wants another topic, and asks twice', async cast => {
      const wanted = wish({ protocols: [{ name: 'range', topics: [] }] });
      await cast.join('m1', wanted);
      await cast.side.until('a rebalance', async () => (await cast.state()).groupState === 'PreparingRebalance');
      await cast.join('m1', wanted, 'm1 elsewhere');
    }), step('m1 gives its first request up', cast => Promise.resolve(cast.side.hangUp('m1'))), again('m0')],
  },
  {
    name: 'one waits for its assignment and is removed',
    steps: [...gathered(['m0']), joins('m1'), again('m0'), sync('m1'), step('m1 is removed', cast => cast.leave(['m1'], 5))],
  },
];
