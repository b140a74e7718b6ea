import { shrink } from '../../log/testing/shrink.js';
import type { History } from '../history/history.js';
import { historyOf } from './history.js';
import { InvariantError } from './invariants.js';
import { judge } from './judge.js';
import { formatOperations, randomPlan, type Operation, type Plan } from './plan.js';
import { Scenario, type ScenarioOptions } from './scenario.js';
import { Stage } from './stage.js';

/** Whole brokers with transactional clients, from a seed each: what befalls them, and what must hold nevertheless. */

export interface SeedFailure {
  readonly seed: number;
  readonly error: Error;
  /** The shortest list of operations that still fails; what it fails with. */
  readonly operations: readonly Operation[];
}

export interface SeedOptions extends ScenarioOptions {
  /** Instead of those that the seed makes up. */
  readonly operations?: readonly Operation[];
  /** Leaves the operations as they are when they fail. */
  readonly keepLong?: boolean;
}

export interface Run {
  /** Of all that happened. */
  readonly digest: string;
  readonly events: number;
  readonly transactions: number;
  readonly committed: number;
  /** What the clients did and saw. */
  readonly history: History;
}

/** All timeouts of transactions are over by then, and all that comes late has come. */
const DRAIN_MS = 14_000;

/** One seed; what is wrong with it, in its shortest form. */
export async function trySeed(seed: number, options: SeedOptions = {}): Promise<SeedFailure | undefined> {
  const plan = randomPlan(seed);
  const operations = options.operations ?? plan.operations;
  const failureOf = async (candidate: readonly Operation[]): Promise<Error | undefined> => {
    try {
      await run(seed, { ...plan, operations: candidate }, options);
      return undefined;
    } catch (error) {
      return error as Error;
    }
  };
  const error = await failureOf(operations);
  if (error === undefined) return undefined;
  if (options.keepLong) return { seed, error, operations };
  const isSame = (other: Error | undefined): boolean => other !== undefined && invariantOf(other) === invariantOf(error);
  const shortest = await shrink(operations, async candidate => isSame(await failureOf(candidate)), simpler);
  return { seed, operations: shortest, error: (await failureOf(shortest))! };
}

/** Plays a plan and judges what is left of it. */
export async function run(seed: number, plan: Plan, options: ScenarioOptions = {}): Promise<Run> {
  const stage = await Stage.open(seed, { transactionVersion: plan.transactionVersion, ...options, settings: { ...plan.settings, ...options.settings } });
  const { world } = stage;
  const scenario = new Scenario(stage, plan, options.tap);
  await scenario.play();
  await drain(stage);
  const judging = judge(scenario.link('judge'), scenario.ledger);
  await world.runUntil(judging, 600_000);
  stage.check();
  const { transactions } = scenario.ledger;
  const result = {
    digest: world.trace.digest(), events: world.trace.count, transactions: transactions.length,
    committed: transactions.filter(({ fate }) => fate === 'committed').length, history: historyOf(scenario.ledger),
  };
  stage.kill(0);
  return result;
}

/** Everything that is under way comes to its end, through one more death of the broker. */
async function drain(stage: Stage): Promise<void> {
  stage.callOff();
  await stage.world.runUntil(stage.serving(), 600_000);
  stage.kill(10);
  await stage.world.runUntil(stage.serving(), 600_000);
  await stage.world.run(DRAIN_MS);
  stage.check();
}

const invariantOf = (error: Error): string => (error instanceof InvariantError ? error.invariant : error.name);

/** The same with less. */
function simpler(operation: Operation): Operation[] {
  const candidates: Operation[] = operation.pauseMs > 0 ? [{ ...operation, pauseMs: 0 }] : [];
  if ('thinkMs' in operation && operation.thinkMs > 0) candidates.push({ ...operation, thinkMs: 0 });
  if (operation.do === 'transaction') {
    const [first] = operation.requests;
    if (operation.requests.length > 1) candidates.push({ ...operation, requests: [first!] });
    else if (first!.length > 1) candidates.push({ ...operation, requests: [[first![0]!]] }, { ...operation, requests: [[first![1]!]] });
    else if (first![0]!.count > 1 || first![0]!.paddingBytes > 0) candidates.push({ ...operation, requests: [[{ ...first![0]!, count: 1, paddingBytes: 0 }]] });
  }
  if (operation.do === 'send' && operation.writes.length > 1) candidates.push({ ...operation, writes: [operation.writes[0]!] });
  return candidates;
}

export function formatFailure({ seed, error, operations }: SeedFailure): string {
  const plan = randomPlan(seed);
  const named = new Set(operations.map(({ who }) => who));
  const who = Object.entries({ ...plan.producers, ...plan.members }).filter(([name]) => named.has(name)).map(([name, of]) => `${name}: ${JSON.stringify(of)}`);
  return [
    `seed ${seed} fails (make sim-txn SEEDS=1 SEED=${seed}): ${error.stack}`, `its shortest form, ${operations.length} operations:`, formatOperations(operations),
    ...who, `transaction.version ${plan.transactionVersion}, ${plan.groupProtocol} group, settings: ${JSON.stringify(plan.settings)}`,
  ].join('\n');
}
