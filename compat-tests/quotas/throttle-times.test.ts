// The same clients do the same at the same times under Apache's own quota managers and ours, and are held back for as long.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { clientQuotaKey } from '../../src/metadata/delta.js';
import type { ClientQuotaImage } from '../../src/metadata/types.js';
import { KafkaError } from '../../src/protocol/errors.js';
import { ANONYMOUS, type RequestContext } from '../../src/server/context.js';
import { ClientQuotas } from '../../src/server/quotas/quotas.js';
import { JavaOracle } from '../support/java-oracle.js';
import { describeWithJava } from '../support/java-tests.js';
import { SeededRandom } from '../support/random.js';
import { report } from '../support/toolchains.js';

/** A broker's life, as `QuotaOracle.java` takes it too. */
interface Life {
  readonly samples: number;
  readonly windowSeconds: number;
  readonly steps: readonly Step[];
}

type Step = { readonly atMs: number } & (Bound | Asked);

/** A quota of an entity; null takes it away, a part that is missing is not in the entity, null is the default. */
interface Bound {
  readonly kind: 'bound';
  readonly key: string;
  readonly user?: string | null;
  readonly clientId?: string | null;
  readonly bound: number | null;
}

interface Asked {
  readonly kind: 'record' | 'unrecord' | 'room' | 'time' | 'time after' | 'strict' | 'permissive';
  readonly key?: string;
  readonly user: string;
  readonly clientId: string;
  readonly value?: number;
  readonly nanos?: number;
}

const START_MS = 1_700_000_000_000;
const LIVES = 60;
const STEPS = 400;
const NS_PER_MS = 1e6;
const LARGEST_INT = 0x7fff_ffff;

const USERS = ['alice', 'bob', 'a b/ü:<default>'];
const CLIENTS = ['app', 'tool', '', '<default>'];
/** A bound below which what happens now and then stays, and one that it exceeds. */
const BOUNDS: Readonly<Record<string, readonly number[]>> = {
  producer_byte_rate: [200, 1000, 50_000],
  consumer_byte_rate: [200, 1000, 50_000],
  request_percentage: [0.5, 12.5, 90],
  controller_mutation_rate: [0.1, 1, 7.5],
};

function life(random: SeededRandom): Life {
  let atMs = START_MS;
  const levels = 1 + random.below(7);
  const steps = Array.from({ length: STEPS }, (): Step => {
    atMs += random.chance(40) ? random.below(40_000) : random.chance(3) ? random.below(1500) : random.below(50);
    return { atMs, ...(random.chance(12) ? bound(random, levels) : asked(random)) };
  });
  return { samples: random.pick([11, 11, 2, 3, 1]), windowSeconds: random.pick([1, 1, 2]), steps };
}

/** Some lives know quotas of one level only, others several: which counts is another rule then. */
function bound(random: SeededRandom, levels: number): Bound {
  const key = random.pick(Object.keys(BOUNDS));
  const parts = random.pick([1, 2, 3].filter(level => (levels & (1 << (level - 1))) !== 0));
  return {
    kind: 'bound', key,
    ...((parts & 1) !== 0 && { user: random.chance(3) ? null : random.pick(USERS) }),
    ...((parts & 2) !== 0 && { clientId: random.chance(3) ? null : random.pick(CLIENTS.filter(name => name !== '')) }),
    bound: random.chance(4) ? null : random.pick(BOUNDS[key]!),
  };
}

function asked(random: SeededRandom): Asked {
  const who = { user: random.pick(USERS), clientId: random.pick(CLIENTS) };
  const key = random.pick(['producer_byte_rate', 'consumer_byte_rate']);
  switch (random.below(8)) {
    case 0:
      return { kind: 'room', key: 'consumer_byte_rate', ...who };
    case 1:
      return { kind: 'unrecord', key: 'consumer_byte_rate', value: random.below(2000), ...who };
    case 2:
      return { kind: 'time', key: 'request_percentage', nanos: random.below(300 * NS_PER_MS), ...who };
    case 3:
      return { kind: 'time after', key: 'request_percentage', nanos: random.below(5 * NS_PER_MS), ...who };
    case 4:
      return { kind: 'strict', value: 1 + random.below(20), ...who };
    case 5:
      return { kind: 'permissive', value: 1 + random.below(20), ...who };
    default:
      return { kind: 'record', key, value: random.below(random.chance(10) ? 200_000 : 3000), ...who };
  }
}

/** What ours say to each step. */
class Ours {
  #nowMs = START_MS;
  readonly #quotas: ClientQuotas;
  readonly #image = new Map<string, ClientQuotaImage>();

  constructor({ samples, windowSeconds }: Life) {
    const windows = { samples, windowMs: 1000 * windowSeconds };
    this.#quotas = new ClientQuotas({ windows, mutationWindows: windows, nowMs: () => this.#nowMs });
  }

  answer(step: Step): number {
    this.#nowMs = step.atMs;
    if (step.kind === 'bound') return this.#bound(step);
    const { key, value = 0, nanos = 0 } = step;
    const client = contextOf(step);
    switch (step.kind) {
      case 'record':
        return key === 'producer_byte_rate' ? this.#quotas.produced(client, value) : this.#quotas.fetched(client, value);
      case 'unrecord':
        this.#quotas.unfetched(client, value);
        return 0;
      case 'room':
        return Math.min(this.#quotas.fetchRoom(client), LARGEST_INT);
      case 'time':
        return this.#quotas.spent(client, nanos / NS_PER_MS);
      case 'time after':
        this.#quotas.spentAfterwards(client, nanos / NS_PER_MS);
        return 0;
      default:
        return this.#mutate(client, step.kind === 'strict', value);
    }
  }

  #bound({ key, user, clientId, bound }: Bound): number {
    const entity = [...(user === undefined ? [] : [{ type: 'user', name: user }]), ...(clientId === undefined ? [] : [{ type: 'client-id', name: clientId }])];
    const id = clientQuotaKey(entity);
    const values = new Map(this.#image.get(id)?.values);
    if (bound === null) values.delete(key);
    else values.set(key, bound);
    this.#image.set(id, { entity, values });
    this.#quotas.onImage({ clientQuotas: new Map(this.#image) });
    return 0;
  }

  #mutate(client: RequestContext, strict: boolean, partitions: number): number {
    const quota = this.#quotas.mutations(client, strict);
    try {
      quota.charge(partitions);
      return quota.throttleMs();
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      return -1 - quota.throttleMs();
    }
  }
}

function contextOf({ user, clientId }: Asked): RequestContext {
  return {
    apiKey: 0, apiVersion: 0, correlationId: 0, clientId, requestBytes: 0,
    connection: {
      id: '', listener: { name: 'L', protocol: 'PLAINTEXT', role: 'broker' }, clientAddress: '127.0.0.1',
      principal: { ...ANONYMOUS, name: user }, clientSoftwareName: '', clientSoftwareVersion: '',
    },
  };
}

await describeWithJava('client quotas', () => {
  let oracle: JavaOracle;
  beforeAll(async () => { oracle = await JavaOracle.start('ottla.quotas.QuotaOracle'); }, 120_000);
  afterAll(async () => { await oracle.close(); });

  test('hold clients back for as long as Apache\'s classes do', async () => {
    const given = { zero: 0, above: 0, refused: 0 };
    for (let seed = 1; seed <= LIVES; seed++) {
      const lived = life(new SeededRandom(seed));
      const theirs = await oracle.ask(JSON.stringify(lived)) as number[];
      const ours = new Ours(lived);
      for (const [index, step] of lived.steps.entries()) {
        const answer = ours.answer(step);
        if (answer !== theirs[index]) throw new Error(`seed ${seed}, step ${index}, ${JSON.stringify(step)}: Apache ${theirs[index]}, Ottla ${answer}`);
        if (step.kind !== 'bound' && step.kind !== 'room') given[answer === 0 ? 'zero' : answer > 0 ? 'above' : 'refused']++;
      }
    }
    report('quotas', `Throttle times of ${LIVES * STEPS} steps equal those of Apache's classes: ${given.above} above 0, ${given.refused} refused.`);
    expect(Math.min(given.zero, given.above, given.refused)).toBeGreaterThan(300);
  }, 120_000);
});
