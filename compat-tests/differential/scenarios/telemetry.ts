// Clients' metrics: answered by both, though advertised by neither as they are started here.

import { getTelemetrySubscriptionsApi, incrementalAlterConfigsApi, pushTelemetryApi } from '../../../src/protocol/generated/index.js';
import type { CompressionType } from '../../../src/protocol/records/batch.js';
import { compress } from '../../../src/protocol/records/compression/index.js';
import { ZERO_UUID } from '../../../src/protocol/wire/types.js';
import { DELETE, METRICS, SET } from '../../support/config-resources.js';
import type { Player } from '../player.js';

const VERSION = 0;
/** So long that what comes before its time does so on the slowest machine. */
const INTERVAL_MS = 200_000;
const MAX_BYTES = 1_048_576;
const CODECS: readonly CompressionType[] = [0, 1, 2, 3, 4];

const SUBSCRIPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  many: { metrics: 'org.apache.kafka.producer.,org.apache.kafka.consumer.fetch.,a.b,c,ddd.,e.f.g' },
  others: { 'metrics': 'a.b,other.', 'interval.ms': String(INTERVAL_MS), 'match': 'client_id=diff.*,client_source_address=127[.].*' },
  nobody: { 'metrics': 'never.', 'interval.ms': '100', 'match': 'client_id=iff' },
};

/** An id for each story, so that none has to wait for the end of another's interval. */
class Ids {
  #given = 0;

  next(): string {
    return Buffer.from([...Buffer.from('client-instance'), this.#given++]).toString('base64url');
  }
}

export async function telemetry(player: Player): Promise<void> {
  const ids = new Ids();
  await ask(player, 'before any subscription', ids.next());
  await change(player, SET);
  await untilWanted(player, 'subscriptions', wanted => wanted === INTERVAL_MS);
  await questions(player, ids);
  await pushes(player, ids);
  await change(player, DELETE);
  await untilWanted(player, 'no subscriptions', wanted => wanted > INTERVAL_MS);
}

const ask = (player: Player, label: string, clientInstanceId: string) => player.once(label, getTelemetrySubscriptionsApi, { clientInstanceId }, VERSION);

interface Push {
  readonly id: string;
  readonly subscriptionId: number;
  readonly terminating?: boolean;
  readonly compressionType?: number;
  readonly metrics?: Uint8Array;
}

const push = (player: Player, label: string, { id, subscriptionId, terminating = false, compressionType = 0, metrics = new Uint8Array() }: Push) =>
  player.once(label, pushTelemetryApi, { clientInstanceId: id, subscriptionId, terminating, compressionType, metrics }, VERSION);

async function change(player: Player, configOperation: number): Promise<void> {
  await player.quietly(incrementalAlterConfigsApi, {
    validateOnly: false,
    resources: Object.entries(SUBSCRIPTIONS).map(([resourceName, settings]) => ({
      resourceType: METRICS, resourceName,
      configs: Object.entries(settings).map(([name, value]) => ({ name, configOperation, value: configOperation === SET ? value : null })),
    })),
  });
}

async function untilWanted(player: Player, what: string, isSo: (pushIntervalMs: number) => boolean): Promise<void> {
  await player.until(what, async () =>
    isSo((await player.quietly(getTelemetrySubscriptionsApi, { clientInstanceId: ZERO_UUID }, VERSION)).pushIntervalMs));
}

async function questions(player: Player, ids: Ids): Promise<void> {
  const fresh = await player.quietly(getTelemetrySubscriptionsApi, { clientInstanceId: ZERO_UUID }, VERSION);
  player.keep('a fresh id', { isOne: fresh.clientInstanceId !== ZERO_UUID, requestedMetrics: fresh.requestedMetrics });
  const id = ids.next();
  await ask(player, 'all that matches', id);
  await ask(player, 'again', id);
  await ask(player, 'a reserved id', 'AAAAAAAAAAAAAAAAAAAAAQ');
  const other = await player.connect('another');
  try {
    await player.once('less matches', getTelemetrySubscriptionsApi, { clientInstanceId: ids.next() }, VERSION, other);
  } finally {
    other.close();
  }
}

async function pushes(player: Player, ids: Ids): Promise<void> {
  /** A client that knows what is wanted of it. */
  const begin = async (): Promise<{ id: string; subscriptionId: number }> => {
    const id = ids.next();
    const { subscriptionId } = await player.quietly(getTelemetrySubscriptionsApi, { clientInstanceId: id }, VERSION);
    return { id, subscriptionId };
  };
  const empty = await begin();
  await push(player, 'nothing', empty);
  await push(player, 'again', empty);
  await push(player, 'the end', { ...empty, terminating: true });
  await push(player, 'after the end', empty);
  await push(player, 'long after the end', empty);
  await push(player, 'by nobody', { ...empty, id: ZERO_UUID });
  await push(player, 'by a reserved id', { ...empty, id: 'AAAAAAAAAAAAAAAAAAAAAQ' });
  await push(player, 'without a question', { ...empty, id: ids.next() });

  const changed = await begin();
  await push(player, 'for another subscription', { ...changed, subscriptionId: changed.subscriptionId + 1 });
  await ask(player, 'after a push for another subscription', changed.id);
  await ask(player, 'after that', changed.id);
  await push(player, 'after that', changed);

  for (const compressionType of CODECS) {
    await push(player, `codec ${compressionType}`, { ...await begin(), compressionType, metrics: compress(compressionType, Buffer.alloc(5000)) });
    await push(player, `codec ${compressionType}, too large`, { ...await begin(), compressionType, metrics: compress(compressionType, Buffer.alloc(MAX_BYTES + 1)) });
  }
  for (const compressionType of [1, 3, 4]) {
    await push(player, `codec ${compressionType}, not so`, { ...await begin(), compressionType, metrics: Buffer.from('this is not compressed at all') });
  }
  for (const compressionType of [5, -1, 127]) {
    const wrong = await begin();
    await push(player, `codec ${compressionType}`, { ...wrong, compressionType, metrics: Buffer.alloc(10) });
    await ask(player, `after codec ${compressionType}`, wrong.id);
  }
  await push(player, 'as large as may be', { ...await begin(), metrics: Buffer.alloc(MAX_BYTES) });
}
