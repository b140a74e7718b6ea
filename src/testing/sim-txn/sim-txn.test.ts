import { describe, expect, test } from '@jest/globals';
import { ErrorCode } from '../../protocol/generated/errors.js';
import type { Tap } from './link.js';
import { OPERATIONS_A_PLAN, randomPlan } from './plan.js';
import { formatFailure, run, trySeed } from './sim-txn.js';

/** So many meet all that is to be met. */
const DEFAULT_SEEDS = 200;
/** `SIM_TXN_SEEDS=5` for a short look. */
const SEEDS = Number(process.env['SIM_TXN_SEEDS'] ?? DEFAULT_SEEDS);

/** Counts answers, by their API and error. */
class Met implements Tap {
  private readonly answers = new Map<string, number>();

  response<Response>(api: { name: string }, _request: unknown, response: Response): Response {
    for (const code of errorCodesIn(response)) {
      const what = `${api.name} ${code}`;
      this.answers.set(what, (this.answers.get(what) ?? 0) + 1);
    }
    return response;
  }

  has(api: string, code: number): boolean {
    return this.answers.has(`${api} ${code}`);
  }
}

function errorCodesIn(value: unknown): number[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  return Object.entries(value).flatMap(([name, inner]) => (/errorCode$/i.test(name) ? [Number(inner)] : errorCodesIn(inner)));
}

/** What must have been met, that the invariants mean something. */
const SITUATIONS: readonly [api: string, code: number][] = [
  ['InitProducerId', ErrorCode.CONCURRENT_TRANSACTIONS], ['AddPartitionsToTxn', ErrorCode.PRODUCER_FENCED], ['Produce', ErrorCode.INVALID_PRODUCER_EPOCH],
  ['EndTxn', ErrorCode.PRODUCER_FENCED], ['EndTxn', ErrorCode.INVALID_TXN_STATE], ['OffsetFetch', ErrorCode.UNSTABLE_OFFSET_COMMIT],
  ['TxnOffsetCommit', ErrorCode.UNKNOWN_MEMBER_ID], ['Heartbeat', ErrorCode.REBALANCE_IN_PROGRESS],
];

test(`in ${SEEDS} random fates of a broker with transactional clients all invariants hold`, async () => {
  const met = new Met();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const failure = await trySeed(seed, { tap: met });
    if (failure) throw new Error(formatFailure(failure));
  }
  if (SEEDS >= DEFAULT_SEEDS) expect(SITUATIONS.filter(([api, code]) => !met.has(api, code))).toEqual([]);
}, 120_000 + SEEDS * 10_000);

describe('a seed', () => {
  test.each([1, 2, 3, 4, 5])('plays the same each time, byte for byte (%i)', async seed => {
    const [first, again] = [await run(seed, randomPlan(seed)), await run(seed, randomPlan(seed))];
    expect(again).toEqual(first);
    expect(first.events).toBeGreaterThan(100);
  });

  test('plays another story than the next one', async () => {
    const digests = new Set<string>();
    for (const seed of [1, 2, 3]) digests.add((await run(seed, randomPlan(seed))).digest);
    expect(digests.size).toBe(3);
  });
});

test('the plans hold all that there is to do', () => {
  const seeds = Array.from({ length: 30 }, (_, seed) => seed);
  const operations = seeds.flatMap(seed => randomPlan(seed).operations);
  expect(operations).toHaveLength(seeds.length * OPERATIONS_A_PLAN);
  expect(new Set(operations.map(operation => operation.do))).toEqual(new Set([
    'transaction', 'begin anew', 'process', 'leave', 'send', 'read', 'disturb', 'audit', 'kill', 'kill at', 'stop',
  ]));
  const versions = seeds.flatMap(seed => Object.values(randomPlan(seed).producers)).map(({ versions: { endTxn } }) => endTxn);
  expect(new Set(versions)).toEqual(new Set([0, 1, 2, 3, 4, 5]));
});
