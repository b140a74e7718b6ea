import { SimRandom, type SimWorld } from '../../env/sim/index.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { DisturbedNet, type Disturbance } from './disturbed-net.js';
import { addOffsetsToTxnApi, addPartitionsToTxnApi, endTxnApi, initProducerIdApi, produceApi, txnOffsetCommitApi } from '../../protocol/generated/index.js';
import { audit } from './audit.js';
import { COMMITTED, fetchOnce, Reader, UNCOMMITTED } from './fetching.js';
import { ConsumerMember } from './consumer-member.js';
import { ClassicMember } from './group-member.js';
import { Ledger } from './ledger.js';
import { Link, type Tap } from './link.js';
import { CHAOS, GROUP, ID_EXPIRATION, INPUTS, KEYED_PLACE, OUTPUT, PLACES, PLAIN, READ_PLACES, READERS, type End, type Operation, type Plan, type ProducerPlan, type Write } from './plan.js';
import { nameOf, PlainProducer, type Load } from './producing.js';
import { MACHINE, PORT, Stage, WORN_IDS, type StageOptions } from './stage.js';
import { AbortableError, ageMs, FencedError, TransactionalClient, type Fenced, type FenceLog } from './transactional-client.js';

export interface ScenarioOptions extends StageOptions {
  readonly tap?: Tap;
}

type Act = (operation: Operation) => Promise<void>;

/** Runs a plan: all actors side by side, each with its operations in order. */
export class Scenario {
  readonly ledger = new Ledger();
  private readonly fences: Fences;
  private readonly nets = new Map<string, DisturbedNet>();
  private readonly actors: ReadonlyMap<string, Act>;

  constructor(readonly stage: Stage, private readonly plan: Plan, private readonly tap: Tap = {}) {
    const { producers, members } = plan;
    this.fences = new Fences(stage.world, Number(plan.settings[ID_EXPIRATION] ?? Infinity));
    this.actors = new Map<string, Act>([
      ...Object.entries(producers).map(([name, of]): [string, Act] => [name, this.producer(name, of)]),
      ...Object.entries(members).map(([name, of]): [string, Act] => [name, this.member(name, of)]),
      ...PLAIN.map((name): [string, Act] => [name, this.plain(name)]),
      ...Object.entries(READERS).map(([name, isolation]): [string, Act] => [name, this.reader(name, isolation === 'committed' ? COMMITTED : UNCOMMITTED)]),
      [CHAOS, this.chaos()],
    ]);
  }

  /** To the end of every actor's operations, or the first thing that is wrong. */
  async play(): Promise<void> {
    const { stage, plan: { operations } } = this;
    let failure: unknown;
    let running = this.actors.size;
    for (const [name, act] of this.actors) {
      this.perform(act, operations.filter(({ who }) => who === name)).catch((error: unknown) => { failure ??= error; }).finally(() => { running--; });
    }
    await stage.world.runUntil(() => {
      stage.check();
      return running === 0 || failure !== undefined;
    }, MOST_MS);
    if (failure !== undefined) throw failure;
  }

  /** A way to the broker; what is planned for its name disturbs it. */
  link(name: string, permitted: (how: Disturbance, apiKey: number) => Disturbance = how => how, transactionalId?: string): Link {
    const { stage: { world } } = this;
    const net = new DisturbedNet(world.node(`client ${name}`).net, world, permitted,
      (apiKey, delayMs) => { if (transactionalId !== undefined) this.fences.ghost(transactionalId, name, apiKey, delayMs); });
    this.nets.set(name, net);
    return new Link({ name, world, net, host: MACHINE, port: PORT, isServing: () => this.stage.isServing, tap: this.tap });
  }

  private async perform(act: Act, operations: readonly Operation[]): Promise<void> {
    for (const operation of operations) {
      await new Promise<void>(resolve => { this.stage.world.schedule(operation.pauseMs, () => resolve()); });
      if (operation.do === 'disturb') this.nets.get(operation.who)!.plan(operation);
      else await act(operation);
    }
  }

  private client(name: string, plan: ProducerPlan): { link: Link; client: TransactionalClient } {
    const link = this.link(name, plan.versions.endTxn >= 5 ? undefined : classicOnly, plan.transactionalId);
    return { link, client: new TransactionalClient(link, this.ledger, { ...plan, fences: this.fences }) };
  }

  private producer(name: string, plan: ProducerPlan): Act {
    const { link, client } = this.client(name, plan);
    const random = this.randomOf(name);
    return async operation => {
      if (operation.do === 'begin anew') await unlessFenced(client, () => client.init());
      if (operation.do !== 'transaction') return;
      await transact(client, operation.end, async () => {
        for (const writes of operation.requests) {
          await client.write(writes.map(write => loadOf(write, random)));
          await link.pause(operation.thinkMs);
        }
      });
    };
  }

  private plain(name: string): Act {
    const producer = new PlainProducer(this.link(name), this.ledger);
    const random = this.randomOf(name);
    return async operation => {
      if (operation.do === 'send') await producer.send(operation.writes.map(write => loadOf(write, random)));
    };
  }

  /** Consumes, transforms and produces, the offsets within the transaction. */
  private member(name: string, plan: ProducerPlan): Act {
    const { link, client } = this.client(name, plan);
    const { ledger } = this;
    const member = this.plan.groupProtocol === 'classic' ? new ClassicMember(link, GROUP, INPUTS) : new ConsumerMember(link, GROUP, INPUTS);
    let positions = new Map<string, number>();
    return async operation => {
      if (operation.do === 'leave') member.die();
      if (operation.do !== 'process') return;
      const { membership, isNew } = await member.joined();
      if (isNew || positions.size === 0) {
        const askedMs = link.world.nowMs;
        positions = await member.committed(membership.places);
        ledger.toldCommitted({ client: name, offsets: positions, askedMs, answeredMs: link.world.nowMs });
        // It counts on from there.
        positions = new Map(positions);
      }
      const isDone = await transact(client, operation.end, async () => {
        const offsets: { place: (typeof INPUTS)[number]; offset: number }[] = [];
        for (const place of INPUTS.filter(each => positions.has(nameOf(each)))) {
          const position = positions.get(nameOf(place))!;
          const { records, position: next } = await fetchOnce(link, ledger, place, COMMITTED, position, 800);
          const taken = records.slice(0, operation.atMost);
          const offset = taken.length < records.length ? taken.at(-1)!.offset + 1 : next;
          if (offset === position) continue;
          if (taken.length > 0) await client.write([{ place: OUTPUT, records: taken.map(record => ({ source: { partition: nameOf(place), offset: record.offset } })) }]);
          offsets.push({ place, offset });
          await link.pause(operation.thinkMs);
        }
        if (offsets.length === 0) return;
        await client.commitOffsets({ groupId: GROUP, ...membership, offsets });
        for (const { place, offset } of offsets) positions.set(nameOf(place), offset);
        await link.pause(operation.thinkMs);
      });
      // As a consumer that goes back to what is committed.
      if (!isDone) positions = new Map();
    };
  }

  private reader(name: string, isolation: typeof COMMITTED | typeof UNCOMMITTED): Act {
    const link = this.link(name);
    const readers = READ_PLACES.map(place => new Reader(link, this.ledger, place, isolation));
    return async operation => {
      if (operation.do === 'read') await readers[operation.place]!.read(operation.maxBytes);
    };
  }

  private chaos(): Act {
    const { stage } = this;
    const link = this.link(CHAOS);
    return async operation => {
      if (operation.do === 'audit') await audit(link);
      else if (operation.do === 'kill at') stage.killAtDiskOperation(operation.operations, operation.part, operation.downMs);
      if (operation.do !== 'kill' && operation.do !== 'stop') return;
      await stage.serving();
      if (operation.do === 'kill') stage.kill(operation.downMs);
      else await stage.stop(operation.downMs);
    };
  }

  private randomOf(name: string): SimRandom {
    return new SimRandom(`${this.stage.world.seed}/${name}`);
  }
}

/** Far above what the pauses of a plan add up to. */
const MOST_MS = 3_600_000;
const KEYS = 4;

function loadOf({ place, count, paddingBytes }: Write, random: SimRandom): Load {
  const key = (): { key?: string } => (place === KEYED_PLACE ? { key: `k${random.int(KEYS)}` } : {});
  return { place: PLACES[place]!, records: Array.from({ length: count }, () => ({ ...key(), paddingBytes })) };
}

/** One transaction, with whatever its errors ask for; whether it is known to be committed. */
async function transact(client: TransactionalClient, end: End, work: () => Promise<void>): Promise<boolean> {
  let isCommitted = false;
  await unlessFenced(client, async () => {
    await client.begin();
    try {
      await work();
      if (end === 'abandon') client.die();
      else if (end === 'commitAndDie') client.commitAndDie();
      else await client.end(end === 'commit');
      isCommitted = end === 'commit';
    } catch (error) {
      if (!(error instanceof AbortableError)) throw error;
      await client.end(false);
    }
  });
  return isCommitted;
}

async function unlessFenced(client: TransactionalClient, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof FencedError)) throw error;
    client.die();
  }
}

/**
 * In the classic protocol the transactions of an incarnation share an epoch, so that an end, or offsets, that come late are taken
 * for those of a later transaction: what KIP-890 is the remedy for, and no fault of a broker.
 */
const LATE_IS_A_FLAW: ReadonlySet<number> = new Set([endTxnApi.key, txnOffsetCommitApi.key]);
const classicOnly = (how: Disturbance, apiKey: number): Disturbance => ((how === 'late' || how === 'again') && LATE_IS_A_FLAW.has(apiKey) ? 'unanswered' : how);

/** A late one of these begins a transaction, which its sender does not know of. */
const BEGINNING: ReadonlySet<number> = new Set([addPartitionsToTxnApi.key, addOffsetsToTxnApi.key]);
/** From a request's arrival until it has done what it does. */
const SERVED_MS = 500;

/** Something by which incarnations end that were asked for before its last moment; later ones stand above it. */
interface Fence {
  readonly client: string;
  untilMs: number;
}

/** Somebody went on with a producer id: by this a transaction may be aborted that had begun by then, and none that began later. */
interface GoingOn {
  readonly client: string;
  readonly producerId: number;
  readonly atMs: number;
}

class Fences implements FenceLog {
  private readonly fences = new Map<string, Fence[]>();
  private readonly goingOn = new Map<string, GoingOn[]>();
  private readonly lateProducers = new Set<string>();

  constructor(private readonly world: SimWorld, private readonly expirationMs: number) {}

  initiated(transactionalId: string, client: string): () => void {
    const fence = add(this.fences, transactionalId, { client, untilMs: Infinity });
    return () => { fence.untilMs = this.world.nowMs; };
  }

  wentOn(transactionalId: string, client: string, producerId: number): void {
    add(this.goingOn, transactionalId, { client, producerId, atMs: this.world.nowMs });
  }

  ghost(transactionalId: string, client: string, apiKey: number, delayMs: number): void {
    const { nowMs } = this.world;
    if (apiKey === produceApi.key) this.lateProducers.add(client);
    // It is of an incarnation that was there when it was sent, and refused where that has a successor.
    if (BEGINNING.has(apiKey)) add(this.fences, transactionalId, { client: NOBODY, untilMs: nowMs });
    if (apiKey === initProducerIdApi.key) add(this.fences, transactionalId, { client: NOBODY, untilMs: nowMs + delayMs + SERVED_MS });
  }

  hasLateProduce(client: string): boolean {
    return this.lateProducers.has(client);
  }

  explains(fenced: Fenced): boolean {
    const { transactionalId, client, code, sinceMs, transaction, timeoutMs } = fenced;
    const isFenced = ageMs(transaction, this.world.nowMs) >= timeoutMs || this.isAborted(fenced)
      || (this.fences.get(transactionalId) ?? []).some(fence => fence.client !== client && fence.untilMs >= sinceMs);
    if (code !== ErrorCode.INVALID_PRODUCER_ID_MAPPING) return isFenced;
    return this.world.nowMs - sinceMs >= this.expirationMs || (isFenced && WORN_IDS.includes(transactionalId));
  }

  /** By somebody else who went on with its producer id while its transaction was open. */
  private isAborted({ transactionalId, client, transaction }: Fenced): boolean {
    return transaction !== undefined && (this.goingOn.get(transactionalId) ?? []).some(other =>
      other.client !== client && other.producerId === transaction.producerId && other.atMs >= transaction.beganMs);
  }
}

function add<Value>(lists: Map<string, Value[]>, key: string, value: Value): Value {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
  return value;
}

/** Sends what comes late, so that it is another to everybody. */
const NOBODY = 'a request that comes late';
