// Plays requests against one broker and keeps what it answered.

import { NodeNet } from '../../src/env/node/index.js';
import {
  apiVersionsApi, createTopicsApi, describeGroupsApi, findCoordinatorApi, listOffsetsApi, metadataApi, produceApi, type CreateTopicsRequestCreatableTopicInput,
} from '../../src/protocol/generated/index.js';
import { RawClient } from '../../src/testing/raw-client.js';
import { until } from '../support/until.js';
import { withClient } from '../support/with-client.js';
import { normalise, SPOKEN } from './normalise.js';

const ANSWER_TIMEOUT_MS = 8_000;
const SETTLE_TIMEOUT_MS = 20_000;
const POLL_MS = 10;
/** Both advertise older versions for librdkafka's sake, and serve none of them. */
const FIRST_SERVED_PRODUCE = 3;

const COORDINATOR_NOT_READY = [14, 15, 16];
/** So many that every partition of a small topic has some. */
const GROUPS_ASKED = 200;

type AnyApi<RequestInput, Response> = Parameters<typeof RawClient.prototype.send<RequestInput, Response>>[0] & { readonly minVersion: number };

/** What is asked: one request for all versions, or one made for each. */
type Asked<RequestInput> = RequestInput | ((version: number) => RequestInput | Promise<RequestInput>);

export type VersionRanges = ReadonlyMap<number, { readonly min: number; readonly max: number }>;

/** The answer to something that the broker hung up on, or never answered. */
const CLOSED = '<connection closed>';
const SILENT = '<no answer>';

export interface AskOptions {
  /** By default every version that both brokers serve. */
  readonly from?: number;
  readonly to?: number;
}

/**
 * One broker, one scenario. Each answer is kept under the name of what was asked, normalised. Brokers differ in how soon what
 * they acknowledged can be seen: scenarios ask again (`until`) before they go on, and that is not kept.
 */
export class Player {
  readonly answers = new Map<string, unknown>();
  readonly #aliases = new Map<unknown, string>();
  #client: RawClient | undefined;

  #asking: RawClient | undefined;

  /** `askedPort`: what is asked and kept goes to another listener of the same node; all else needs the broker's. */
  constructor(readonly host: string, readonly port: number, private readonly ranges: VersionRanges, private readonly askedPort = port) {}

  async client(): Promise<RawClient> {
    this.#client ??= await this.connect();
    return this.#client;
  }

  /** Another connection, which the caller closes. */
  connect(clientId = 'differential', port = this.port): Promise<RawClient> {
    return RawClient.connect(new NodeNet(), port, { host: this.host, clientId });
  }

  async #asked(): Promise<RawClient> {
    if (this.askedPort === this.port) return this.client();
    this.#asking ??= await this.connect('differential', this.askedPort);
    return this.#asking;
  }

  /** From now on `value` is told as `name`. */
  alias(value: unknown, name: string): void {
    this.#aliases.set(value, `<${name}>`);
  }

  /** How `value` is told. */
  nameOf(value: unknown): unknown {
    return this.#aliases.get(value) ?? value;
  }

  /** Asks in every version, keeps each answer, and gives the last. */
  async ask<RequestInput, Response>(
    label: string, api: AnyApi<RequestInput, Response>, asked: Asked<RequestInput>, options: AskOptions = {},
  ): Promise<Response | undefined> {
    const range = this.ranges.get(api.key);
    if (range === undefined) throw new Error(`${api.name} is not served by both`);
    let last: Response | undefined;
    for (let version = Math.max(range.min, options.from ?? 0); version <= Math.min(range.max, options.to ?? Infinity); version++) {
      const request = typeof asked === 'function' ? await (asked as (v: number) => RequestInput | Promise<RequestInput>)(version) : asked;
      last = await this.once(label, api, request, version);
    }
    return last;
  }

  /** Asks in one version, the newest by default, and keeps the answer; undefined when the broker hung up. */
  async once<RequestInput, Response>(
    label: string, api: AnyApi<RequestInput, Response>, request: RequestInput, version = this.newest(api.key), via?: RawClient,
  ): Promise<Response | undefined> {
    const name = `${api.name} v${version}: ${label}`;
    const client = via ?? await this.#asked();
    try {
      const answer = await within(ANSWER_TIMEOUT_MS, client.send(api, request, version), name);
      this.keep(name, answer);
      return answer;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (error instanceof NoAnswer) this.keep(name, SILENT);
      else if (/closed|ECONNRESET|EPIPE/.test(error.message)) this.keep(name, CLOSED);
      else throw error;
      if (via === undefined) this.close();
      return undefined;
    }
  }

  /** Keeps an answer, or a fact about one, under a name of its own. */
  keep(name: string, answer: unknown): void {
    if (this.answers.has(name)) throw new Error(`'${name}' was asked twice`);
    this.answers.set(name, normalise(answer, { aliases: this.#aliases, isSpoken: SPOKEN.test(name) }));
  }

  /** Asks without keeping the answer. */
  async quietly<RequestInput, Response>(api: AnyApi<RequestInput, Response>, request: RequestInput, version = this.newest(api.key)): Promise<Response> {
    return within(ANSWER_TIMEOUT_MS, (await this.client()).send(api, request, version), api.name);
  }

  /** Asks again, unkept, until the answer is as it should be. */
  async until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    await until(what, isSo, so => so, { timeoutMs: SETTLE_TIMEOUT_MS, retryMs: POLL_MS });
  }

  /** Creates a topic, waits until its leaders answer, and gives its id, which is told by the topic's name. */
  async topic(name: string, partitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<string> {
    const topic: CreateTopicsRequestCreatableTopicInput = {
      name, numPartitions: partitions, replicationFactor: 1, assignments: [],
      configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
    };
    const { topics } = await this.quietly(createTopicsApi, { topics: [topic], timeoutMs: ANSWER_TIMEOUT_MS });
    if (topics[0]!.errorCode !== 0) throw new Error(`topic ${name}: ${topics[0]!.errorCode} ${topics[0]!.errorMessage}`);
    return this.untilServed(name, partitions);
  }

  async untilServed(name: string, partitions = 1): Promise<string> {
    await this.until(`leaders of ${name}`, async () => {
      const { topics } = await this.quietly(listOffsetsApi, {
        replicaId: -1, isolationLevel: 0, timeoutMs: 1000,
        topics: [{ name, partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1 })) }],
      });
      return topics[0]!.partitions.every(({ errorCode }) => errorCode === 0);
    });
    const { topics } = await this.quietly(metadataApi, { topics: [{ name }], allowAutoTopicCreation: false });
    const { topicId } = topics[0]!;
    this.alias(topicId, `id of ${name}`);
    return topicId;
  }

  async untilGone(name: string): Promise<void> {
    await this.until(`${name} gone`, async () => {
      const { topics } = await this.quietly(metadataApi, { topics: [{ name }], allowAutoTopicCreation: false });
      return topics[0]!.errorCode === 3;
    });
  }

  /** Waits until every partition of the groups' topic has a coordinator that has read it. */
  async untilGroupsServed(): Promise<void> {
    await this.until('coordinators of groups', async () => {
      const { coordinators } = await this.quietly(findCoordinatorApi, { coordinatorKeys: ['g'], keyType: 0 });
      return coordinators[0]!.errorCode === 0;
    });
    await this.until('groups that are loaded', async () => {
      const { groups } = await this.quietly(describeGroupsApi, { groups: Array.from({ length: GROUPS_ASKED }, (_, index) => `g${index}`) });
      return groups.every(({ errorCode }) => !COORDINATOR_NOT_READY.includes(errorCode));
    });
  }

  newest(key: number): number {
    const range = this.ranges.get(key);
    if (range === undefined) throw new Error(`API ${key} is not served by both`);
    return range.max;
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
    this.#asking?.close();
    this.#asking = undefined;
  }
}

/** What a broker advertises. */
export async function rangesOf(host: string, port: number): Promise<VersionRanges> {
  const { apiKeys } = await withClient({ host, port }, client =>
    client.send(apiVersionsApi, { clientSoftwareName: 'differential', clientSoftwareVersion: '1' }, 3));
  return new Map(apiKeys.map(({ apiKey, minVersion, maxVersion }) =>
    [apiKey, { min: apiKey === produceApi.key ? FIRST_SERVED_PRODUCE : minVersion, max: maxVersion }]));
}

/** The versions that both have. */
export function common(a: VersionRanges, b: VersionRanges): VersionRanges {
  const both = new Map<number, { min: number; max: number }>();
  for (const [key, { min, max }] of a) {
    const other = b.get(key);
    if (other !== undefined) both.set(key, { min: Math.max(min, other.min), max: Math.min(max, other.max) });
  }
  return both;
}

class NoAnswer extends Error {
  constructor(what: string) {
    super(`no answer to ${what}`);
  }
}

async function within<T>(timeoutMs: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => { timer = setTimeout(() => reject(new NoAnswer(what)), timeoutMs); });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
