// Brokers with a fault each: what is found must be found when it is there.

import { afterEach, expect, test } from '@jest/globals';
import type { TransactionRecord } from '../../coordinator/transaction/records.js';
import { TransactionService, type TransactionServiceOptions } from '../../coordinator/transaction/service.js';
import { producerResult, TransactionMachine, type Ended } from '../../coordinator/transaction/transaction-machine.js';
import type { InitProducerIdRequest } from '../../coordinator/transaction/types.js';
import { TurnWrites, type Appended } from '../../log/turn-writes.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { endTxnApi, fetchApi, initProducerIdApi, produceApi, txnOffsetCommitApi, type FetchResponse, type ProduceRequestInput } from '../../protocol/generated/index.js';
import * as batch from '../../protocol/records/batch.js';
import { NO_EFFECTS, replyWith, type Effects, type ReplyTo } from '../../runtime/machine.js';
import { INVARIANTS, InvariantError, type Invariant } from './invariants.js';
import type { ClientApi } from '../raw-client.js';
import type { Link, Tap } from './link.js';
import { randomPlan, type Operation, type Write } from './plan.js';
import { trySeed, type SeedOptions } from './sim-txn.js';

const undo: (() => void)[] = [];
const mend = (): void => { for (const step of undo.splice(0).reverse()) step(); };
afterEach(mend);

/** Puts another function in the place of a method until the test is over. */
function replace(prototype: object, name: string, make: (original: (...args: never[]) => unknown) => (this: never, ...args: never[]) => unknown): void {
  const original = Reflect.get(prototype, name) as (...args: never[]) => unknown;
  Reflect.set(prototype, name, make(original));
  undo.push(() => Reflect.set(prototype, name, original));
}

/** Changes what the transaction coordinator of every broker is given: how markers are written, how a barrier is kept. */
function withCarriers(change: (options: { -readonly [K in keyof TransactionServiceOptions]: TransactionServiceOptions[K] }) => void): void {
  replace(TransactionService.prototype, 'start', original => function start(this: TransactionService) {
    change(Reflect.get(this, 'options') as TransactionServiceOptions);
    return original.call(this);
  });
}

/** Logs of a turn reach the system in any order; this one is the worst. */
function writesBackwards(): void {
  replace(TurnWrites.prototype, 'writeAll', original => function writeAll(this: TurnWrites) {
    const logs = Reflect.get(this, 'logs') as Set<Appended>;
    const backwards = [...logs].reverse();
    logs.clear();
    for (const log of backwards) logs.add(log);
    return original.call(this);
  });
}

/** Many transactions over many partitions, and a kill at the disk operations of each. */
function killed(seed: number): Operation[] {
  return Array.from({ length: 8 }, (_, turn): Operation[] => [
    { who: 'b1', pauseMs: turn === 0 ? 5 : 400, do: 'transaction', requests: [[0, 1, 3, 4].map(place => ({ place, count: 1, paddingBytes: 0 }))], thinkMs: 0, end: 'commit' },
    { who: 'chaos', pauseMs: turn === 0 ? 4 : 400, do: 'kill at', operations: (seed + 5 * turn) % 17, part: 0, downMs: 10 },
  ]).flat();
}

/** The invariant that breaks first within so many seeds. */
async function firstBroken(seeds: number, optionsOf: (seed: number) => SeedOptions): Promise<Invariant | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    mend();
    const failure = await trySeed(seed, { ...optionsOf(seed), keepLong: true });
    if (failure === undefined) continue;
    if (!(failure.error instanceof InvariantError)) throw failure.error;
    return failure.error.invariant;
  }
  return undefined;
}

type OnRequest = NonNullable<Tap['request']>;
type OnResponse = NonNullable<Tap['response']>;

/** Looks at the requests of one API. */
function onRequest<Request, Response>(
  of: ClientApi<Request, Response>, act: (request: Request, link: Link, version: number) => { answer: Response } | { request: Request } | undefined,
): Tap {
  return { request: ((api: { name: string }, request: Request, version: number, link: Link) => (api.name === of.name ? act(request, link, version) : undefined)) as OnRequest };
}

function onResponse<Request, Response>(of: ClientApi<Request, Response>, act: (response: Response, request: Request, link: Link) => Response): Tap {
  return { response: ((api: { name: string }, request: Request, response: Response, link: Link) => (api.name === of.name ? act(response, request, link) : response)) as OnResponse };
}

/** Both look at the responses, one after the other. */
function both(first: Tap, second: Tap): Tap {
  return { response: (api, request, response, link) => second.response!(api, request, first.response!(api, request, response, link), link) };
}

const everyPartition = (response: FetchResponse, change: (data: FetchResponse['responses'][number]['partitions'][number]) => object): FetchResponse => ({
  ...response, responses: response.responses.map(topic => ({ ...topic, partitions: topic.partitions.map(data => ({ ...data, ...change(data) })) })),
});

/** The state of a transactional id by what its clients were told last. */
class Ids {
  private readonly last = new Map<string, { producerId: number; producerEpoch: number }>();

  told(transactionalId: string | null | undefined, { errorCode, producerId, producerEpoch }: { errorCode: number; producerId: unknown; producerEpoch: number }): void {
    if (typeof transactionalId === 'string' && errorCode === 0 && Number(producerId) >= 0) this.last.set(transactionalId, { producerId: Number(producerId), producerEpoch });
  }

  get(transactionalId: string | null | undefined): { producerId: number; producerEpoch: number } | undefined {
    return this.last.get(transactionalId ?? '');
  }
}

/** The first partition of every transaction stays open. */
function leavesOutMarkers(): void {
  withCarriers(options => {
    const { writeMarkers } = options;
    options.writeMarkers = async (marker, partitions) => {
      await writeMarkers(marker, partitions.slice(1));
      return partitions.map(partition => ({ ...partition, errorCode: ErrorCode.NONE }));
    };
  });
}

/** The first partition of every transaction is told the contrary. */
function swapsMarkers(): void {
  withCarriers(options => {
    const { writeMarkers } = options;
    options.writeMarkers = async (marker, partitions) => [
      ...await writeMarkers({ ...marker, committed: !marker.committed }, partitions.slice(0, 1)), ...await writeMarkers(marker, partitions.slice(1)),
    ];
  });
}

const ONE_RECORD: Write = { place: 0, count: 1, paddingBytes: 0 };
const COMMITS: Operation = { who: 'b1', pauseMs: 5, do: 'transaction', requests: [[ONE_RECORD]], thinkMs: 0, end: 'commit' };

/** So many inputs, one after the other. */
const inputs = (count: number): Operation[] => Array.from({ length: count }, () => ({ who: 'p1', pauseMs: 5, do: 'send', writes: [{ ...ONE_RECORD, place: INPUT_PLACE }] }));
const INPUT_PLACE = 3;

/** A transaction that takes its time, of an incarnation whose successor comes meanwhile. */
const OF_A_ZOMBIE: Operation = { ...COMMITS, who: 'a1', thinkMs: 300 };

/**
 * a1 meets an error, and goes on with what it had (KIP-360) while or after a2 does this with the same transactional id; nothing where
 * a1 does not do so, being too old or too new for it.
 */
function goesOnAsZombie(seed: number, ofA2: readonly Operation[]): Operation[] {
  const { versions: { initProducerId, endTxn } } = randomPlan(seed).producers['a1']!;
  if (initProducerId < 3 || endTxn >= 5) return [];
  return [{ ...COMMITS, who: 'a1' }, ...ofA2, { ...COMMITS, who: 'a1', pauseMs: 200 }];
}

/** a2 is in the midst of it when a1 goes on. */
const MEANWHILE: Operation = { ...COMMITS, who: 'a2', pauseMs: 100, thinkMs: 300 };

/** The error after which a1 goes on: its transaction is to be aborted. */
function failsOnce(): Tap {
  let isOver = false;
  return onResponse(produceApi, (response, _request, { name }) => {
    if (name !== 'a1' || isOver) return response;
    isOver = true;
    return { ...response, responses: response.responses.map(topic => ({
      ...topic, partitionResponses: topic.partitionResponses.map(each => ({ ...each, errorCode: ErrorCode.TRANSACTION_ABORTABLE })),
    })) };
  });
}

/** Who goes on with an epoch that is over is refused, and the epoch is taken from its owner all the same. */
function fencesWhenItRefuses(): void {
  replace(TransactionMachine.prototype, 'initProducerId', original => function initProducerId(this: TransactionMachine, ...given: never[]): unknown {
    const [request, , to] = given as readonly unknown[] as [InitProducerIdRequest, number | undefined, ReplyTo<Ended>];
    const { transactionalId, producerId, producerEpoch } = request;
    const current = [...this.all()].find(transaction => transaction.transactionalId === transactionalId);
    if (current?.producerId !== producerId || current.producerEpoch <= producerEpoch) return original.call(this, ...given);
    const record: TransactionRecord = { transactionalId, value: { ...current, producerEpoch: current.producerEpoch + 1 }, format: Reflect.get(this, 'format') as 0 | 1 };
    const refused: Effects<TransactionRecord> = { ...NO_EFFECTS, replies: [replyWith(to, { ...producerResult(ErrorCode.PRODUCER_FENCED), isPrepared: false })], records: [record] };
    return refused;
  });
}

interface Fault {
  readonly what: string;
  readonly finds: readonly Invariant[];
  readonly seeds: number;
  readonly plant: (seed: number) => SeedOptions;
}

const FAULTS: readonly Fault[] = [
  {
    what: 'Fetch does not tell of aborted transactions', finds: ['abortedRead'], seeds: 10,
    plant: () => ({ tap: onResponse(fetchApi, response => everyPartition(response, () => ({ abortedTransactions: [] }))) }),
  },
  {
    what: 'Fetch gives everybody all that there is', finds: ['stableOffset', 'abortedRead'], seeds: 10,
    plant: () => ({ tap: onRequest(fetchApi, request => ({ request: { ...request, isolationLevel: 0 } })) }),
  },
  {
    what: 'the last stable offset is one less now and then', finds: ['stableOffset'], seeds: 20,
    plant: () => {
      let fetches = 0;
      return { tap: onResponse(fetchApi, response => everyPartition(response, ({ lastStableOffset }) => ({ lastStableOffset: Math.max(0, Number(lastStableOffset) - (++fetches % 3)) }))) };
    },
  },
  {
    what: 'Produce is acknowledged and forgotten', finds: ['committedLost'], seeds: 10,
    plant: () => {
      let offset = 100_000;
      return {
        tap: onRequest(produceApi, ({ topicData, transactionalId }) => (transactionalId !== null ? undefined : {
          answer: {
            throttleTimeMs: 0, nodeEndpoints: [],
            responses: topicData.map(({ name, partitionData }) => ({
              name: name ?? '', topicId: '',
              partitionResponses: partitionData.map(({ index }) => ({
                index, errorCode: 0, baseOffset: (offset += 10), logAppendTimeMs: -1, logStartOffset: 0, recordErrors: [], errorMessage: null,
                currentLeader: { leaderId: -1, leaderEpoch: -1 },
              })),
            })),
          },
        })),
      };
    },
  },
  {
    what: 'Produce tells a wrong offset', finds: ['offsets'], seeds: 10,
    plant: () => ({
      tap: onResponse(produceApi, response => ({
        ...response, responses: response.responses.map(topic =>
          ({ ...topic, partitionResponses: topic.partitionResponses.map(each => ({ ...each, baseOffset: Number(each.baseOffset) + (each.errorCode === 0 ? 1 : 0) })) })),
      })),
    }),
  },
  {
    what: 'what is sent again is appended again', finds: ['exactlyOnce'], seeds: 30,
    plant: () => ({ tap: onRequest(produceApi, request => (request.transactionalId === null ? { request: withoutSequences(request) } : undefined)) }),
  },
  {
    what: 'answers leave before what they tell is written', finds: ['offsets', 'fencing', 'answers'], seeds: 30,
    plant: seed => {
      replace(TurnWrites.prototype, 'writeAll', original => function writeAll(this: TurnWrites & { isLate?: boolean }) {
        const clock = Reflect.get(this, 'clock') as { after(ms: number, task: () => void): void };
        if (this.isLate) return;
        this.isLate = true;
        clock.after(5, () => {
          this.isLate = false;
          original.call(this);
        });
      });
      return { operations: killed(seed) };
    },
  },
  {
    what: 'markers are written before the decision, in a turn that is written backwards', finds: ['fencing', 'drained'], seeds: 60,
    plant: seed => {
      writesBackwards();
      withCarriers(options => { options.writeAll = () => undefined; });
      return { operations: killed(seed) };
    },
  },
  {
    what: 'records are written before their partition is part of the transaction', finds: ['fencing', 'drained'], seeds: 60,
    plant: seed => {
      writesBackwards();
      replace(TransactionService.prototype, 'written', () => () => Promise.resolve());
      return { operations: killed(seed) };
    },
  },
  {
    what: 'a partition gets no marker, and nobody looks before the end', finds: ['drained'], seeds: 1,
    plant: () => {
      leavesOutMarkers();
      return { operations: [COMMITS] };
    },
  },
  {
    what: 'a partition gets no marker, and the coordinator is asked', finds: ['agreement'], seeds: 1,
    plant: () => {
      leavesOutMarkers();
      return { operations: [COMMITS, { who: 'chaos', pauseMs: 1000, do: 'audit' }] };
    },
  },
  {
    what: 'a partition gets the other marker', finds: ['abortedRead'], seeds: 10,
    plant: () => {
      swapsMarkers();
      return {};
    },
  },
  {
    what: 'a partition gets the other marker, and the transaction is committed', finds: ['allOrNothing'], seeds: 1,
    plant: () => {
      swapsMarkers();
      return { operations: [{ ...COMMITS, requests: [[ONE_RECORD, { ...ONE_RECORD, place: 1 }]] }] };
    },
  },
  {
    what: 'EndTxn is answered and not carried out', finds: ['endHolds'], seeds: 20,
    plant: () => ({
      operations: [
        COMMITS,
        { who: 'b1', pauseMs: 5, do: 'begin anew' },
      ],
      tap: onRequest(endTxnApi, ({ producerId, producerEpoch }, link, version) => ({
        answer: { throttleTimeMs: 0, errorCode: 0, producerId: version >= 5 ? producerId : -1, producerEpoch: version >= 5 ? producerEpoch + 1 : -1 },
      })),
    }),
  },
  {
    what: 'offsets are acknowledged and not part of the transaction', finds: ['offsetsWithOutput'], seeds: 1,
    plant: () => ({
      operations: [...inputs(1), { who: 'm1', pauseMs: 2000, do: 'process', atMost: 1, thinkMs: 0, end: 'commit' }],
      tap: onRequest(txnOffsetCommitApi, ({ topics }) => ({
        answer: { throttleTimeMs: 0, topics: topics.map(({ name, partitions }) => ({ name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: 0 })) })) },
      })),
    }),
  },
  {
    what: 'a reader is not given every batch', finds: ['history'], seeds: 1,
    plant: () => ({
      operations: [...inputs(3), ...[2000, 5].map((pauseMs): Operation => ({ who: 'r1', pauseMs, do: 'read', place: INPUT_PLACE, maxBytes: 1 }))],
      tap: onRequest(fetchApi, (request, { name }) => (name !== 'r1' ? undefined : { request: {
        ...request, topics: (request.topics ?? []).map(topic =>
          ({ ...topic, partitions: topic.partitions.map(each => ({ ...each, fetchOffset: Number(each.fetchOffset) === 0 ? 0 : Number(each.fetchOffset) + 1 })) })),
      } })),
    }),
  },
  {
    what: 'a new incarnation is answered, and the old one not fenced', finds: ['oneOwner'], seeds: 1,
    plant: () => {
      const ids = new Ids();
      return {
        operations: [OF_A_ZOMBIE, { who: 'a2', pauseMs: 150, do: 'begin anew' }],
        tap: {
          ...onRequest(initProducerIdApi, ({ transactionalId }) => {
            const last = ids.get(transactionalId);
            return last && { answer: { throttleTimeMs: 0, errorCode: 0, producerId: last.producerId, producerEpoch: last.producerEpoch + 10, ongoingTxnProducerId: -1, ongoingTxnProducerEpoch: -1 } };
          }),
          ...onResponse(initProducerIdApi, (response, { transactionalId }) => {
            ids.told(transactionalId, response);
            return response;
          }),
        },
      };
    },
  },
  {
    what: 'whoever ends a transaction ends that of the newest incarnation', finds: ['abortedRead'], seeds: 1,
    plant: () => {
      const ids = new Ids();
      return {
        operations: [OF_A_ZOMBIE, { ...COMMITS, who: 'a2', pauseMs: 150, thinkMs: 300, end: 'abandon' }],
        tap: {
          ...onRequest(endTxnApi, request => ({ request: { ...request, ...ids.get(request.transactionalId) } })),
          response: ((api: { name: string }, request: { transactionalId: string | null }, response: never) => {
            if (api.name === 'InitProducerId' || api.name === 'EndTxn') ids.told(request.transactionalId, response);
            return response;
          }) as OnResponse,
        },
      };
    },
  },
  {
    what: 'a producer that is alone is fenced', finds: ['fencing'], seeds: 20,
    plant: () => ({ tap: onResponse(endTxnApi, (response, _request, { name }) => (name === 'b1' ? { ...response, errorCode: ErrorCode.PRODUCER_FENCED } : response)) }),
  },
  {
    what: 'a zombie that goes on is refused, and fences who has a transaction open', finds: ['fencing'], seeds: 10,
    plant: seed => {
      fencesWhenItRefuses();
      return { operations: goesOnAsZombie(seed, [MEANWHILE]), tap: failsOnce() };
    },
  },
  {
    what: 'a zombie that goes on is refused, and fences who is between two transactions', finds: ['fencing'], seeds: 10,
    plant: seed => {
      fencesWhenItRefuses();
      return { operations: goesOnAsZombie(seed, [{ ...MEANWHILE, thinkMs: 0 }, { ...MEANWHILE, pauseMs: 300 }]), tap: failsOnce() };
    },
  },
  {
    what: 'who was fenced by a zombie that went on is fenced in its next incarnation too', finds: ['fencing'], seeds: 10,
    plant: seed => {
      let ends = 0;
      const fencesTheSecond = onResponse(endTxnApi, (response, _request, { name }) =>
        (name !== 'a2' || ++ends === 1 ? response : { ...response, errorCode: ErrorCode.PRODUCER_FENCED }));
      return { operations: goesOnAsZombie(seed, [MEANWHILE, MEANWHILE]), tap: both(failsOnce(), fencesTheSecond) };
    },
  },
  {
    what: 'an answer carries an error that nobody expects', finds: ['answers'], seeds: 10,
    plant: () => ({ tap: onResponse(endTxnApi, response => ({ ...response, errorCode: ErrorCode.UNKNOWN_SERVER_ERROR })) }),
  },
  {
    what: 'a transaction is always still being ended', finds: ['progress'], seeds: 3,
    plant: () => ({ tap: onResponse(endTxnApi, response => ({ ...response, errorCode: ErrorCode.CONCURRENT_TRANSACTIONS })) }),
  },
];

/** The same records from a producer that has no id. */
function withoutSequences(request: ProduceRequestInput): ProduceRequestInput {
  return {
    ...request,
    topicData: request.topicData.map(topic => ({
      ...topic, partitionData: topic.partitionData.map(data => ({ ...data, records: anonymous(data.records as Uint8Array) })),
    })),
  };
}

function anonymous(records: Uint8Array): Buffer {
  const bytes = Buffer.from(records);
  bytes.fill(0xff, batch.PRODUCER_ID_AT, batch.COUNT_AT);
  batch.setCrc(bytes, 0, batch.computeCrc(bytes, 0));
  return bytes;
}

const found = new Set<Invariant>();

test.each(FAULTS.map(fault => [fault.what, fault] as const))('%s, and it is found', async (_what, { finds, seeds, plant }) => {
  const broken = await firstBroken(seeds, plant);
  expect(finds).toContain(broken);
  found.add(broken!);
}, 300_000);

test('every invariant was broken by some of these faults', () => {
  expect(Object.keys(INVARIANTS).filter(name => !found.has(name as Invariant))).toEqual([]);
});

test('logs of a turn that are written backwards are no fault where the barriers are kept', async () => {
  const plant = (seed: number): SeedOptions => {
    writesBackwards();
    return { operations: killed(seed) };
  };
  expect(await firstBroken(8, plant)).toBeUndefined();
}, 300_000);

test('a zombie that goes on fences who has a transaction open, which is no fault: Apache Kafka asks there for no epoch', async () => {
  let fenced = 0;
  const counts = onResponse(endTxnApi, (response, _request, { name }) => {
    if (name === 'a2' && response.errorCode === ErrorCode.PRODUCER_FENCED) fenced++;
    return response;
  });
  expect(await firstBroken(20, seed => ({ operations: goesOnAsZombie(seed, [MEANWHILE]), tap: both(failsOnce(), counts) }))).toBeUndefined();
  expect(fenced).toBeGreaterThan(0);
}, 300_000);

test('what fails is shown with its seed and in a short form', async () => {
  const tap = onResponse(endTxnApi, response => ({ ...response, errorCode: ErrorCode.UNKNOWN_SERVER_ERROR }));
  const failure = await trySeed(2, { tap, operations: randomPlan(2).operations.slice(0, 12) });
  expect(failure!.operations.length).toBeLessThanOrEqual(2);
}, 300_000);
