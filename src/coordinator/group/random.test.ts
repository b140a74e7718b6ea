import { test } from '@jest/globals';
import { assert } from '../../base/assert.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { ClassicGroup } from './classic/group.js';
import { GroupDriver, subscription, type Call } from './testing/group-driver.js';
import { timerKey } from './timers.js';
import type { JoinResult, SyncResult } from './types.js';

/**
 * Clients that join, sync, beat, leave, die, commit and lose their coordinator, in an order that a seed chooses, over groups
 * that are too small for them and writes that sometimes fail. After each step the group's books must balance.
 */

const SEEDS = 100;
const STEPS = 250;
const CLIENTS = 7;
const GROUPS = ['g', 'h'];

/** A small generator of numbers below `bound` (mulberry32). */
function generator(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return bound => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

interface Client {
  readonly groupId: string;
  readonly groupInstanceId: string | null;
  memberId: string;
  joining: Call<JoinResult> | undefined;
  syncing: Call<SyncResult> | undefined;
  joined: JoinResult | undefined;
}

class Run {
  private readonly driver: GroupDriver;
  private readonly clients: Client[] = [];
  private readonly generations = new Map<string, number>();

  constructor(private readonly random: (bound: number) => number) {
    this.driver = new GroupDriver({ initialRebalanceDelayMs: random(2) * 500, maxGroupSize: 3 + random(2) });
    for (let index = 0; index < CLIENTS; index++) {
      const groupInstanceId = index % 3 === 0 ? `instance-${index}` : null;
      this.clients.push({
        groupId: GROUPS[index % 2]!, groupInstanceId, memberId: '', joining: undefined, syncing: undefined, joined: undefined,
      });
    }
  }

  step(): void {
    const client = this.clients[this.random(CLIENTS)]!;
    this.hear(client);
    this.driver.refuseWith = this.random(15) === 0 ? ErrorCode.COORDINATOR_NOT_AVAILABLE : ErrorCode.NONE;
    const choice = this.random(20);
    if (choice < 7) this.goOn(client);
    else if (choice < 10) this.beat(client);
    else if (choice === 10) this.leave(client);
    else if (choice === 11) forget(client);
    else if (choice === 12) this.commit(client);
    else if (choice === 13 && this.random(4) === 0) this.failOver();
    else if (choice === 14) this.join(client);
    else this.driver.advance(this.random(6) * this.random(2_000));
    this.driver.refuseWith = ErrorCode.NONE;
    this.check();
  }

  /** Everyone falls silent: whoever waits is answered, and the groups empty themselves. */
  finish(): void {
    this.driver.advance(600_000);
    for (const [index, call] of this.driver.calls.entries()) assert(call.isAnswered, `call ${index} is never answered`);
    for (const group of this.driver.machine.groups.values()) assert(group.state === 'Empty', `${group.groupId} is left ${group.state}`);
    this.check();
  }

  /** What has been answered since the client was last looked at. */
  private hear(client: Client): void {
    if (client.joining?.isAnswered) {
      const { answer } = client.joining;
      client.joining = undefined;
      client.joined = answer.errorCode === ErrorCode.NONE ? answer : undefined;
      if (answer.errorCode === ErrorCode.NONE || answer.errorCode === ErrorCode.MEMBER_ID_REQUIRED) client.memberId = answer.memberId;
      if (answer.errorCode === ErrorCode.UNKNOWN_MEMBER_ID || answer.errorCode === ErrorCode.FENCED_INSTANCE_ID) client.memberId = '';
    }
    if (client.syncing?.isAnswered) {
      this.checkAssignment(client, client.syncing.answer);
      client.syncing = undefined;
    }
  }

  /** A member's part carries its id and generation; a static one may have inherited its part. */
  private checkAssignment(client: Client, answer: SyncResult): void {
    if (answer.errorCode !== ErrorCode.NONE || client.joined === undefined || client.groupInstanceId !== null) return;
    const part = Buffer.from(answer.assignment).toString();
    assert(part === '' || part === `${client.joined.generationId} ${client.joined.memberId}`, `${client.joined.memberId} was given ${part}`);
  }

  private goOn(client: Client): void {
    if (client.joining !== undefined || client.syncing !== undefined) return;
    if (client.joined === undefined) this.join(client);
    else this.sync(client, client.joined);
  }

  private join(client: Client): void {
    const { groupId, groupInstanceId, memberId } = client;
    const names = [['range'], ['range', 'sticky'], ['sticky', 'range']][this.random(3)]!;
    client.syncing = undefined;
    client.joined = undefined;
    client.joining = this.driver.join({
      groupId, groupInstanceId, memberId: groupInstanceId !== null && this.random(2) === 0 ? '' : memberId,
      sessionTimeoutMs: 6_000, rebalanceTimeoutMs: [3_000, 20_000][this.random(2)]!,
      needsKnownMemberId: this.random(2) === 0, maySkipAssignment: this.random(2) === 0,
      protocols: names.map(name => ({ name, metadata: subscription(['t', String(this.random(2))]) })),
    });
  }

  private sync(client: Client, joined: JoinResult): void {
    const { generationId } = joined;
    const assignments = joined.members.map(({ memberId }) => ({ memberId, assignment: Buffer.from(`${generationId} ${memberId}`) }));
    client.syncing = this.driver.sync(joined, assignments, { groupId: client.groupId, groupInstanceId: client.groupInstanceId });
  }

  private beat({ groupId, groupInstanceId, joined }: Client): void {
    if (joined === undefined) return;
    const { generationId, memberId } = joined;
    this.driver.run((machine, to, at) => machine.heartbeat({ groupId, generationId, memberId, groupInstanceId }, to, at));
  }

  private leave(client: Client): void {
    const { groupId, memberId, groupInstanceId } = client;
    if (memberId !== '') this.driver.run((machine, to, at) => machine.leaveGroup({ groupId, members: [{ memberId, groupInstanceId }] }, to, at));
    forget(client);
  }

  private commit({ groupId, groupInstanceId, joined }: Client): void {
    this.driver.commit({
      groupId, groupInstanceId, memberId: joined?.memberId ?? '', generationId: joined?.generationId ?? -1, offset: this.random(1_000),
    });
  }

  /** Whoever was parked with the former coordinator hears from the runtime, which is not here. */
  private failOver(): void {
    for (const call of this.driver.calls) if (!call.isAnswered) call.deliver({ errorCode: ErrorCode.NOT_COORDINATOR, memberId: '', assignment: [] });
    this.generations.clear();
    this.driver.failOver();
  }

  private check(): void {
    for (const group of this.driver.machine.groups.values()) {
      checkMembers(group, this.driver);
      checkPhase(group, this.driver);
      assert(group.generationId >= (this.generations.get(group.groupId) ?? 0), 'the generation went back');
      this.generations.set(group.groupId, group.generationId);
    }
  }
}

function forget(client: Client): void {
  client.memberId = '';
  client.joined = undefined;
}

/** One leader, who is a member; nobody without something that ends its waiting. */
function checkMembers(group: ClassicGroup, { timers }: GroupDriver): void {
  const { groupId, leaderId } = group;
  const members = [...group.members.values()];
  assert(members.length > 0 ? group.members.has(leaderId ?? '') : leaderId === null, `${leaderId} leads`);
  assert(group.parkedJoinCount === members.filter(({ awaitingJoin }) => awaitingJoin !== null).length, 'parked joins are miscounted');
  for (const member of members) {
    const { memberId, identity: { groupInstanceId } } = member;
    const isParked = member.awaitingJoin !== null || member.awaitingSync !== null;
    assert(isParked || timers.has(timerKey('session', groupId, memberId)), `nothing ends the session of ${memberId}`);
    assert(groupInstanceId === null || group.staticMemberId(groupInstanceId) === memberId, `${groupInstanceId} is not ${memberId}`);
  }
  for (const memberId of group.pendingJoins) assert(timers.has(timerKey('session', groupId, memberId)), `${memberId} is pending for good`);
}

/** Each phase has what ends it, and nobody waits in the wrong one; a stable group is what its record says. */
function checkPhase(group: ClassicGroup, { timers, machine }: GroupDriver): void {
  const { groupId, state } = group;
  const members = [...group.members.values()];
  assert(timers.has(timerKey('join', groupId)) === (state === 'PreparingRebalance'), `the join timer is wrong in ${state}`);
  for (const memberId of group.pendingSyncs) assert(group.members.has(memberId), `${memberId} is awaited and not there`);
  assert(group.pendingSyncs.size === 0 || timers.has(timerKey('sync', groupId)), 'nothing ends the wait for syncs');
  assert(state === 'PreparingRebalance' || members.every(({ awaitingJoin }) => awaitingJoin === null), `a join is parked in ${state}`);
  assert(state === 'CompletingRebalance' || members.every(({ awaitingSync }) => awaitingSync === null), `a sync is parked in ${state}`);
  assert(state !== 'Empty' || members.length === 0, 'an empty group has members');
  if (state !== 'Stable') return;
  const [live, recorded] = [summary(group), summary(ClassicGroup.fromRecord(groupId, machine.recorded.get(groupId)!))];
  assert(live === recorded, `the record differs from the group: ${live} ${recorded}`);
}

function summary(group: ClassicGroup): string {
  const { generationId, protocolType, protocolName, leaderId, members } = group;
  const parts = [...members.values()].map(({ identity, assignment }) => [identity, Buffer.from(assignment).toString('hex')]);
  return JSON.stringify({ generationId, protocolType, protocolName, leaderId, parts });
}

test(`groups keep their books under ${SEEDS} random histories`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      const run = new Run(generator(seed));
      for (let step = 0; step < STEPS; step++) run.step();
      run.finish();
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    }
  }
});
