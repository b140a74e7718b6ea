import { expect, test } from '@jest/globals';
import { assert } from '../../../base/assert.js';
import { SimRandom } from '../../../env/sim/random.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import { ConsumerDriver } from '../testing/consumer-driver.js';
import { ClassicClient, ConsumerClient } from '../testing/mixed-clients.js';
import type { GroupClient } from '../testing/mixed-clients.js';

/**
 * Consumers of both protocols come to one group, live, die, leave and lose their coordinator, in an order that a seed chooses. At
 * no time do two members own a partition; and once nothing happens any more, the consumers that are left own all of them.
 */

const SEEDS = 25;
const STEPS = 250;
const MOST_CLIENTS = 6;
const PARTITIONS = { s: 3, t: 5 };
const QUIET_ROUNDS = 160;

class Run {
  readonly driver: ConsumerDriver;
  readonly conversions = { upgrades: 0, downgrades: 0 };
  private readonly random: SimRandom;
  private readonly clients = new Set<GroupClient>();
  private named = 0;

  constructor(seed: number) {
    this.random = new SimRandom(seed);
    this.driver = new ConsumerDriver({ maxGroupSize: MOST_CLIENTS, consumer: { assignmentIntervalMs: () => this.random.int(3) * 300 } });
    for (const [name, partitionCount] of Object.entries(PARTITIONS)) this.driver.cluster.set(name, partitionCount);
  }

  step(): void {
    const kind = this.kind();
    this.driver.refuseWith = this.random.chance(0.05) ? ErrorCode.COORDINATOR_NOT_AVAILABLE : ErrorCode.NONE;
    const choice = this.random.int(30);
    if (choice < 3 && this.clients.size < MOST_CLIENTS) this.come();
    else if (choice < 5) this.leave();
    else if (choice === 5) this.die();
    else if (choice === 6) this.failOver();
    else if (choice < 10) this.driver.advance(this.random.int(4_000));
    else this.pick()?.poll();
    this.driver.refuseWith = ErrorCode.NONE;
    if (kind === 'classic' && this.kind() === 'consumer') this.conversions.upgrades++;
    if (kind === 'consumer' && this.kind() === 'classic') this.conversions.downgrades++;
    this.checkOwners();
  }

  /** Nobody comes or goes any more: the clients do what their protocols have them do until that changes nothing. */
  settle(): void {
    for (let round = 0; round < QUIET_ROUNDS; round++) {
      for (const client of this.clients) if (this.random.chance(0.7)) client.poll();
      this.driver.advance(1_000);
      this.checkOwners();
    }
    for (const client of this.clients) if (client.hasGivenUp) this.clients.delete(client);
    const owned = [...this.clients].flatMap(client => [...client.owned]).sort();
    const all = Object.entries(PARTITIONS).flatMap(([topic, count]) => Array.from({ length: count }, (_, partition) => `${topic}-${partition}`));
    const subscribed = all.filter(partition => [...this.clients].some(({ terms }) => terms.topics.includes(partition[0]!)));
    expect(owned).toEqual(subscribed);
  }

  describe(): string {
    return [...this.clients].map(({ terms, protocol, epoch, owned }) => `${terms.name} (${protocol}, ${epoch}): ${[...owned].join(' ')}`).join('\n');
  }

  private kind(): 'classic' | 'consumer' | 'none' {
    if (this.driver.machine.consumerGroups.get('g')?.isEmpty === false) return 'consumer';
    return (this.driver.machine.groups.get('g')?.members.size ?? 0) > 0 ? 'classic' : 'none';
  }

  private come(): void {
    const name = `client-${this.named++}`;
    const isStatic = this.random.chance(0.3);
    const instanceId = isStatic ? `instance-${this.random.int(3)}` : null;
    const topics = this.random.chance(0.7) ? ['s', 't'] : ['t'];
    const terms = { name, instanceId, topics };
    this.clients.add(this.random.chance(0.6) ? new ClassicClient(this.driver, terms) : new ConsumerClient(this.driver, terms));
  }

  private leave(): void {
    const client = this.pickToGo();
    if (client === undefined) return;
    this.driver.refuseWith = ErrorCode.NONE;
    client.leave();
    this.clients.delete(client);
  }

  private die(): void {
    const client = this.pickToGo();
    if (client !== undefined) this.clients.delete(client);
  }

  /** Rather one of the consumer protocol, so that groups become classic again. */
  private pickToGo(): GroupClient | undefined {
    const consumers = [...this.clients].filter(({ protocol }) => protocol === 'consumer');
    return consumers[0] !== undefined && this.random.chance(0.8) ? consumers[0] : this.pick();
  }

  private failOver(): void {
    this.driver.failOver();
    for (const client of this.clients) client.coordinatorLost();
  }

  private pick(): GroupClient | undefined {
    const clients = [...this.clients];
    return clients.length === 0 ? undefined : clients[this.random.int(clients.length)];
  }

  /** Whoever is in the group in good standing; the others are about to learn that they own nothing. */
  private checkOwners(): void {
    const owners = new Map<string, GroupClient>();
    for (const client of this.clients) {
      if (!this.isCurrent(client)) continue;
      for (const partition of client.owned) {
        const other = owners.get(partition);
        assert(other === undefined, `${partition} is owned by ${client.terms.name} and ${other?.terms.name}\n${this.describe()}`);
        owners.set(partition, client);
      }
    }
  }

  private isCurrent({ memberId, epoch }: GroupClient): boolean {
    const member = this.driver.machine.consumerGroups.get('g')?.members.get(memberId);
    if (member !== undefined) return member.memberEpoch === epoch || member.previousMemberEpoch === epoch;
    const classic = this.driver.machine.groups.get('g');
    return classic?.members.has(memberId) === true && classic.generationId === epoch;
  }
}

test(`consumers of both protocols share a group that changes its protocol under them (${SEEDS} seeds)`, () => {
  const conversions = { upgrades: 0, downgrades: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const run = new Run(seed);
    try {
      for (let step = 0; step < STEPS; step++) run.step();
      run.settle();
    } catch (error) {
      throw new Error(`seed ${seed}\n${run.describe()}`, { cause: error });
    }
    conversions.upgrades += run.conversions.upgrades;
    conversions.downgrades += run.conversions.downgrades;
  }
  expect(conversions.upgrades).toBeGreaterThan(SEEDS / 2);
  expect(conversions.downgrades).toBeGreaterThan(SEEDS / 2);
});
