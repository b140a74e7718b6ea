// One broker in one scenario: members with connections of their own, and what each was answered.

import { NodeNet } from '../../src/env/node/index.js';
import { RawClient, type ClientApi } from '../../src/testing/raw-client.js';
import { normalise } from '../differential/normalise.js';
import { within } from '../support/processes.js';
import { until } from '../support/until.js';

const ANSWER_TIMEOUT_MS = 10_000;
const POLL_MS = 10;
const LONGEST_WAIT_MS = 20_000;
/** What an unanswered question is answered with. */
const CLOSED = '<connection closed>';

export interface Address {
  readonly kind: 'apache' | 'ottla';
  readonly host: string;
  readonly port: number;
}

/** Topics by name, with the ids that a broker gave them. */
export type TopicIds = ReadonlyMap<string, string>;

/**
 * One broker as one scenario sees it. Answers are kept by who asked for what, with the broker's own ids told by their order.
 * `join` and `sync` style requests, which a broker answers when others have done their part, are parked: their answers are kept
 * whenever they come.
 */
export class Side {
  /** What was answered since `takeAnswers`. */
  private readonly answers = new Map<string, unknown>();
  private readonly clients = new Map<string, Promise<RawClient>>();
  /** Who waits for an answer, and to what. */
  private readonly waiting = new Map<string, { readonly api: string }>();
  private parkedAtMs = -Infinity;
  private readonly aliases = new Map<unknown, string>();
  /** How values of certain fields are told, where it is not as all others. */
  named: (field: string, value: unknown) => string | undefined = () => undefined;

  constructor(readonly address: Address, readonly groupId: string, readonly topics: TopicIds) {
    for (const [name, id] of topics) this.alias(id, `id of ${name}`);
  }

  /** From now on the broker's `value` is told as `name`. */
  alias(value: unknown, name: string): void {
    if (!this.aliases.has(value)) this.aliases.set(value, `<${name}>`);
  }

  /** How a value of this broker's is told. */
  told(value: unknown): unknown {
    return normalise(value, { aliases: this.aliases, isSpoken: false, named: this.named });
  }

  /** Asks and keeps the answer; undefined when the broker hung up. */
  async ask<RequestInput, Response>(
    who: string, api: ClientApi<RequestInput, Response>, request: RequestInput, version: number,
  ): Promise<Response | undefined> {
    const label = labelOf(who, api, version);
    try {
      const answer = await this.quietly(who, api, request, version);
      this.keep(label, answer);
      return answer;
    } catch {
      this.keep(label, CLOSED);
      this.hangUp(who);
      return undefined;
    }
  }

  /** Asks without keeping the answer. */
  async quietly<RequestInput, Response>(
    who: string, api: ClientApi<RequestInput, Response>, request: RequestInput, version: number,
  ): Promise<Response> {
    const client = await this.client(who);
    return within(ANSWER_TIMEOUT_MS, client.send(api, request, version), () => `no answer to ${labelOf(who, api, version)}`);
  }

  /** Asks what may be answered later, over a connection of its own; `answered` hears the answer before it is kept. */
  async park<RequestInput, Response>(
    who: string, api: ClientApi<RequestInput, Response>, request: RequestInput, version: number, answered: (answer: Response) => void,
  ): Promise<void> {
    if (this.isWaiting(who)) throw new Error(`${who} waits already`);
    const label = labelOf(who, api, version);
    const client = await this.client(`${who}, waiting`);
    const mine = { api: api.name };
    this.waiting.set(who, mine);
    this.parkedAtMs = performance.now();
    const settle = (keep: () => void): void => {
      // Whoever was dropped meanwhile hears nothing.
      if (this.waiting.get(who) !== mine) return;
      this.waiting.delete(who);
      keep();
    };
    client.send(api, request, version).then(
      answer => settle(() => {
        answered(answer);
        this.keep(label, answer);
      }),
      () => settle(() => {
        this.keep(label, CLOSED);
        this.clients.delete(`${who}, waiting`);
      }),
    );
  }

  isWaiting(who: string): boolean {
    return this.waiting.has(who);
  }

  /** Who waits for an answer, and of which API. */
  whoWaits(): ReadonlyMap<string, string> {
    return new Map([...this.waiting].map(([who, { api }]) => [who, api]));
  }

  /** Since the last request that may have to wait was sent. */
  sinceParkedMs(): number {
    return performance.now() - this.parkedAtMs;
  }

  /** Cuts the connections of somebody, who then waits for nothing. */
  hangUp(who: string): void {
    this.waiting.delete(who);
    for (const name of [who, `${who}, waiting`]) {
      void this.clients.get(name)?.then(client => client.close(), () => undefined);
      this.clients.delete(name);
    }
  }

  /** Asks again, unkept, until it is so. */
  async until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    await until(`${this.address.kind}, ${this.groupId}: ${what}`, isSo, so => so, { timeoutMs: LONGEST_WAIT_MS, retryMs: POLL_MS });
  }

  keep(label: string, answer: unknown): void {
    let name = label;
    while (this.answers.has(name)) name += ', again';
    this.answers.set(name, answer);
  }

  /** In terms of both brokers. Answers are told only here: an id in one may have got its name by another that came later. */
  takeAnswers(): Map<string, unknown> {
    const taken = new Map([...this.answers].map(([label, answer]) => [label, this.told(answer)]));
    this.answers.clear();
    return taken;
  }

  /** Cuts all connections, as the end of the scenario or of the broker does. */
  close(): void {
    this.waiting.clear();
    for (const client of this.clients.values()) void client.then(open => open.close(), () => undefined);
    this.clients.clear();
  }

  private client(name: string): Promise<RawClient> {
    let client = this.clients.get(name);
    if (client === undefined) {
      const { host, port } = this.address;
      client = RawClient.connect(new NodeNet(), port, { host, clientId: name.replace(', waiting', '') });
      this.clients.set(name, client);
    }
    return client;
  }
}

const labelOf = (who: string, api: { name: string }, version: number): string => `${who}: ${api.name} v${version}`;
