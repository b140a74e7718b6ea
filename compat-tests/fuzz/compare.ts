// The same requests to two brokers, one after the other: both hang up, or both answer with the same error codes.

import type { BrokerUnderTest } from '../support/brokers.js';
import { gist } from './fuzz.js';
import type { FuzzRequest } from './requests.js';
import { FuzzConnection } from './wire.js';

export interface FuzzDifference {
  /** Such as `Fetch v12 most`. */
  readonly name: string;
  readonly frame: string;
  readonly apache: string;
  readonly ottla: string;
  readonly twin: Twin;
}

/** The same request as each of the two has to be asked it: the ids of topics are each broker's own. */
export type Twin = readonly [apache: FuzzRequest, ottla: FuzzRequest];

/** Brokers differ in how soon what they acknowledged can be seen: who differs is asked again for so long. */
const SETTLE_TIMEOUT_MS = 5000;
/** On a busy machine an answer may be late. */
const PATIENCE_MS = [1500, 3000] as const;
/** So that an answer that never comes holds up only some. */
const LANES = 6;

/** What differs whenever it is asked; `isListed` tells what is expected to, which nobody waits for. */
export async function compare(
  brokers: readonly [apache: BrokerUnderTest, ottla: BrokerUnderTest], twins: readonly Twin[], isListed: (difference: FuzzDifference) => boolean,
): Promise<FuzzDifference[]> {
  const again = (differing: readonly FuzzDifference[]): Promise<FuzzDifference[]> => inLanes(brokers, differing.map(({ twin }) => twin), PATIENCE_MS[1]);
  let found = await again(await inLanes(brokers, twins, PATIENCE_MS[0]));
  const deadlineMs = performance.now() + SETTLE_TIMEOUT_MS;
  while (!found.every(isListed) && performance.now() < deadlineMs) {
    found = [...found.filter(isListed), ...await again(found.filter(difference => !isListed(difference)))];
  }
  return found;
}

async function inLanes(brokers: readonly BrokerUnderTest[], twins: readonly Twin[], patienceMs: number): Promise<FuzzDifference[]> {
  const differing: FuzzDifference[] = [];
  const left = twins.values();
  const work = async (): Promise<void> => {
    const connections = brokers.map(({ host, port }) => new FuzzConnection(host, port));
    for (const twin of left) {
      const [apache, ottla] = await Promise.all(twin.map(async (request, which) => gist(request, await connections[which]!.send(request.bytes, patienceMs))));
      if (apache !== ottla) differing.push({ name: twin[0].name, frame: twin[0].bytes.toString('hex'), apache: apache!, ottla: ottla!, twin });
    }
    for (const connection of connections) connection.close();
  };
  await Promise.all(Array.from({ length: LANES }, work));
  return differing;
}
