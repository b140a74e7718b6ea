import { afterEach, expect, test } from '@jest/globals';
import { nodeEnv, NodeNet } from '../env/node/index.js';
import type { ByteSink, ByteStream, Env } from '../env/index.js';
import { SimWorld } from '../env/sim/index.js';
import { KafkaError } from '../protocol/errors.js';
import { apiVersionsApi, type ApiVersionsRequestInput, type ApiVersionsResponse } from '../protocol/generated/api-versions.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { metadataApi, type MetadataRequest, type MetadataResponseInput } from '../protocol/generated/metadata.js';
import { produceApi, type ProduceRequest, type ProduceResponseInput } from '../protocol/generated/produce.js';
import { readResponseHead, writeRequestHead } from '../protocol/header.js';
import { Reader } from '../protocol/wire/reader.js';
import type { Api } from '../protocol/wire/types.js';
import { Writer } from '../protocol/wire/writer.js';
import { answering, CloseConnection, serve, type Later, type Reply, type ServedApi } from './api.js';
import { withApiVersions } from './api-versions.js';
import type { RequestContext } from './context.js';
import { DEFAULT_LIMITS, type ServerLimits } from './limits.js';
import { NO_CONNECTION_LIMITS } from './quotas/connection-quotas.js';
import { Server, type ServerOptions } from './server.js';

interface World {
  readonly env: Env;
  readonly until: (condition: () => boolean) => Promise<void>;
  readonly settle: () => Promise<void>;
}

const turn = (): Promise<void> => new Promise(resolve => { setImmediate(resolve); });

function realWorld(reading: 'filled' | 'chunks'): World {
  return {
    env: { ...nodeEnv({ logLevel: 'silent' }), net: new NodeNet({ reading }) },
    async until(condition) { while (!condition()) await turn(); },
    async settle() { for (let turns = 0; turns < 30; turns++) await turn(); },
  };
}

function simulated(seed: number): World & { world: SimWorld } {
  const world = new SimWorld(seed);
  return { world, env: world.node('broker'), until: condition => world.runUntil(condition), settle: () => world.run(100) };
}

const worlds: [string, () => World][] = [
  ['in the real world', () => realWorld('filled')],
  ['in the real world, by chunks', () => realWorld('chunks')],
  ...[1, 2, 3].map((seed): [string, () => World] => [`simulated, seed ${seed}`, () => simulated(seed)]),
];

/** Sends raw frames and takes the answers apart. */
class Client implements ByteSink {
  readonly answers: Buffer[] = [];
  ended_ = false;
  private readonly buffer = Buffer.alloc(65_536);
  private rest: Buffer = Buffer.alloc(0);

  constructor(readonly stream: ByteStream) {
    stream.start(this);
  }

  nextBuffer(): Uint8Array {
    return this.buffer;
  }

  filled(length: number): void {
    this.rest = Buffer.concat([this.rest, this.buffer.subarray(0, length)]);
    while (this.rest.length >= 4 && this.rest.length >= 4 + this.rest.readInt32BE()) {
      const end = 4 + this.rest.readInt32BE();
      this.answers.push(this.rest.subarray(4, end));
      this.rest = this.rest.subarray(end);
    }
  }

  ended(): void {
    this.ended_ = true;
  }

  send(bytes: Uint8Array): void {
    this.stream.write([bytes]);
  }
}

type Asked<Input> = Pick<Api<unknown, unknown, Input>, 'key' | 'flexibleFrom' | 'encodeRequest'>;
type Answered<Output> = Pick<Api<unknown, unknown, unknown, Output>, 'key' | 'flexibleFrom' | 'decodeResponse'>;

function request<Input>(api: Asked<Input>, message: Input, version: number, correlationId = 1): Buffer {
  const writer = new Writer();
  const length = writer.reserveInt32();
  writeRequestHead(writer, api, version, correlationId, 'tester');
  api.encodeRequest(writer, message, version);
  writer.patchInt32(length, writer.byteLength - 4);
  return writer.toBuffer();
}

function decode<Output>(api: Answered<Output>, answer: Buffer, version: number): { correlationId: number; message: Output } {
  const reader = new Reader(answer);
  const correlationId = readResponseHead(reader, api, version);
  const message = api.decodeResponse(reader, version);
  expect(reader.remaining).toBe(0);
  return { correlationId, message };
}

const askVersions = (version: number, correlationId = 1, software: ApiVersionsRequestInput = { clientSoftwareName: 'test', clientSoftwareVersion: '1.0' }): Buffer =>
  request(apiVersionsApi, software, version, correlationId);
const askMetadata = (correlationId: number, topic = 't'): Buffer => request(metadataApi, { topics: [{ name: topic }] }, 9, correlationId);

/** So much that it has memory of its own. */
const askMuch = (): Buffer => request(metadataApi, { topics: Array.from({ length: 300 }, () => ({ name: 'x'.repeat(1000) })) }, 9);

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => { for (const cleanup of cleanups.splice(0)) await cleanup(); });

interface Parked {
  readonly request: MetadataRequest;
  readonly context: RequestContext;
  readonly reply: Reply<MetadataResponseInput>;
  readonly later: Later;
}

/** A server with ApiVersions, a Metadata that parks its requests, and a Produce that says what the last byte was. */
async function start(world: World, options: Partial<ServerOptions> & { limitsAre?: Partial<ServerLimits>; metadata?: ServedApi } = {}) {
  const parked: Parked[] = [];
  const metadata = options.metadata ?? serve<MetadataRequest, MetadataResponseInput>(metadataApi, (body, context, reply, later) => {
    parked.push({ request: body, context, reply, later });
  }, { roles: ['broker', 'controller'] });
  const produce = serve<ProduceRequest, ProduceResponseInput>(produceApi, (body, _context, reply) => {
    const { records } = body.topicData[0]!.partitionData[0]!;
    const partition = { index: records?.at(-1) ?? -1, errorCode: 0, baseOffset: records?.length ?? 0 };
    reply(body.acks === 0 ? null : { responses: [{ name: 'p', partitionResponses: [partition] }] });
  }, { minVersion: 3, advertisedMinVersion: 0, frame: 'borrowed' });
  const apis = withApiVersions({
    apis: [metadata, produce],
    supportedFeatures: new Map([['metadata.version', { min: 7, max: 30 }], ['kraft.version', { min: 0, max: 1 }]]),
    finalizedFeatures: () => ({ finalized: new Map([['metadata.version', 30]]), epoch: 42 }),
  });
  const limits = { ...DEFAULT_LIMITS, ...options.limitsAre };
  const server = new Server({ env: world.env, limits: () => limits, ...options });
  server.serve(apis);
  let port = 0;
  void server.listen([
    { name: 'PLAINTEXT', protocol: 'PLAINTEXT', role: 'broker', host: '127.0.0.1', port: 0 },
    { name: 'CONTROLLER', protocol: 'PLAINTEXT', role: 'controller', host: '127.0.0.1', port: 0 },
  ]).then(bound => { port = bound[0]!.port; controllerPort = bound[1]!.port; });
  let controllerPort = 0;
  await world.until(() => port > 0);
  const clients: Client[] = [];
  const connect = async (to = port): Promise<Client> => {
    let client: Client | undefined;
    void world.env.net.connect({ host: '127.0.0.1', port: to }).then(stream => { client = new Client(stream); });
    await world.until(() => client !== undefined);
    clients.push(client!);
    return client!;
  };
  cleanups.push(async () => {
    for (const client of clients) client.stream.destroy();
    let closed = false;
    void server.close({ graceMs: 0 }).then(() => { closed = true; });
    await world.until(() => closed);
  });
  return { server, parked, connect, controllerPort };
}

const answerFor = (topic: string): MetadataResponseInput => ({ brokers: [], topics: [{ errorCode: 0, name: topic, partitions: [] }] });

test('before answers leave, what they tell is written; when that fails, the connections of this turn are cut and no answer leaves', async () => {
  const world = simulated(1);
  let fails = false;
  let calls = 0;
  const { server, parked, connect } = await start(world, {
    beforeSending: () => {
      calls++;
      if (fails) server.dropAnswers();
    },
  });
  const [client, bystander, asker] = [await connect(), await connect(), await connect()];
  client.send(askMetadata(1));
  bystander.send(askMetadata(2));
  await world.until(() => parked.length === 2);
  const before = calls;
  const replyTo = (id: number): void => parked.find(({ context }) => context.correlationId === id)!.reply(answerFor('t'));
  replyTo(1);
  await world.until(() => client.answers.length === 1);
  expect(calls).toBe(before + 1);
  client.send(askMetadata(3));
  asker.send(askMetadata(4));
  await world.until(() => parked.length === 4);
  fails = true;
  replyTo(3);
  replyTo(4);
  await world.until(() => client.ended_ && asker.ended_);
  expect([client.answers.length, asker.answers.length, bystander.ended_]).toEqual([1, 0, false]);
  const warnings = world.world.trace.tail().split('\n').filter(line => line.includes(' WARN '));
  expect(warnings).toEqual([expect.stringMatching(/a write to disk failed: connections are closed instead of answered, .* connections=2$/)]);
  fails = false;
  replyTo(2);
  await world.until(() => bystander.answers.length === 1);
});

test('what fails in the midst of a turn cuts off who is answered after it too, and nobody of the next turn', async () => {
  const world = simulated(1);
  const { server, parked, connect } = await start(world);
  const [client, bystander] = [await connect(), await connect()];
  client.send(askMetadata(1));
  bystander.send(askMetadata(2));
  await world.until(() => parked.length === 2);
  const replyTo = (id: number): void => parked.find(({ context }) => context.correlationId === id)!.reply(answerFor('t'));
  server.dropAnswers();
  replyTo(1);
  await world.until(() => client.ended_);
  replyTo(2);
  await world.until(() => bystander.answers.length === 1);
  expect([client.answers.length, bystander.ended_]).toEqual([0, false]);
});

for (const [where, open] of worlds) {
  test(`${where}: answers ApiVersions in every version, from the one table`, async () => {
    const world = open();
    const { connect } = await start(world);
    const client = await connect();
    for (let version = 0; version <= 4; version++) {
      client.send(askVersions(version, 100 + version));
      await world.until(() => client.answers.length === version + 1);
      const { correlationId, message } = decode(apiVersionsApi, client.answers[version]!, version);
      expect(correlationId).toBe(100 + version);
      expect(message.errorCode).toBe(0);
      expect(message.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, minVersion, maxVersion])).toEqual([[0, 0, 13], [3, 0, 13], [18, 0, 4]]);
      if (version < 3) continue;
      expect(message.supportedFeatures.map(({ name }) => name)).toEqual(version < 4 ? ['metadata.version'] : ['metadata.version', 'kraft.version']);
      expect(message.finalizedFeatures).toEqual([expect.objectContaining({ name: 'metadata.version', minVersionLevel: 30, maxVersionLevel: 30 })]);
      expect(message.finalizedFeaturesEpoch).toBe(42);
      expect(message.zkMigrationReady).toBe(false);
    }
  });

  test(`${where}: pipelined requests are answered in order, one after the other, however they are answered`, async () => {
    const world = open();
    const { connect, parked } = await start(world);
    const client = await connect();
    const frames = Array.from({ length: 30 }, (_, index) => (index % 3 === 2 ? askVersions(3, index) : askMetadata(index, `topic-${index}`)));
    client.send(Buffer.concat(frames));
    for (let served = 0; served < 20; served++) {
      await world.until(() => parked.length > served);
      expect(parked).toHaveLength(served + 1);
      const { request: body, reply } = parked[served]!;
      reply(answerFor(body.topics![0]!.name!));
    }
    await world.until(() => client.answers.length === 30);
    expect(client.answers.map(answer => answer.readInt32BE())).toEqual(frames.map((_, index) => index));
    expect(decode(metadataApi, client.answers[28 - 1]!, 9).message.topics[0]!.name).toBe('topic-27');
  });

  test(`${where}: large frames arrive whole, borrowed and owned`, async () => {
    const world = open();
    const { connect, parked, server } = await start(world);
    const client = await connect();
    for (const [round, size] of [10, 70_000, 3_000_000, 2_999_999].entries()) {
      const records = Buffer.alloc(size, round + 1);
      client.send(request(produceApi, { acks: 1, timeoutMs: 1, topicData: [{ name: 'p', partitionData: [{ index: 0, records }] }] }, 9, round));
      client.send(askMetadata(round, 'x'.repeat(200 + 20_000 * round)));
      await world.until(() => parked.length > round);
      expect(parked[round]!.request.topics![0]!.name).toBe('x'.repeat(200 + 20_000 * round));
      parked[round]!.reply(answerFor('y'));
      await world.until(() => client.answers.length === 2 * (round + 1));
      const { message } = decode(produceApi, client.answers[2 * round]!, 9);
      expect(message.responses[0]!.partitionResponses[0]).toMatchObject({ index: round + 1, baseOffset: size });
    }
    expect(server.queuedBytes).toBe(0);
  });

  test(`${where}: a request without an answer makes way for the next`, async () => {
    const world = open();
    const { connect } = await start(world);
    const client = await connect();
    const silent = request(produceApi, { acks: 0, timeoutMs: 1, topicData: [{ name: 'p', partitionData: [{ index: 0, records: Buffer.alloc(9) }] }] }, 9, 1);
    client.send(Buffer.concat([silent, silent, askVersions(0, 7)]));
    await world.until(() => client.answers.length > 0);
    expect(client.answers.map(answer => answer.readInt32BE())).toEqual([7]);
  });

  test(`${where}: closing answers what is under way, takes nothing new, and then cuts`, async () => {
    const world = open();
    const { connect, parked, server } = await start(world);
    const [busy, idle] = [await connect(), await connect()];
    busy.send(askMetadata(1));
    await world.until(() => parked.length === 1);
    let closed = false;
    void server.close({ graceMs: 10_000 }).then(() => { closed = true; });
    await world.until(() => idle.ended_);
    expect(closed).toBe(false);
    busy.send(askMetadata(2));
    parked[0]!.reply(answerFor('t'));
    await world.until(() => closed && busy.ended_);
    expect(busy.answers).toHaveLength(1);
    expect(parked).toHaveLength(1);
    expect(server.connectionCount).toBe(0);
  });

  test(`${where}: a client that leaves abandons its request, and the memory of it is free`, async () => {
    const world = open();
    const { connect, parked, server } = await start(world);
    const client = await connect();
    client.send(askMuch());
    await world.until(() => parked.length === 1);
    const told: string[] = [];
    expect(server.queuedBytes).toBeGreaterThan(0);
    parked[0]!.later.pending({ abandon: () => told.push('abandon'), hurry: () => told.push('hurry') });
    client.stream.destroy();
    await world.until(() => told.length > 0);
    expect(told).toEqual(['abandon']);
    expect([server.connectionCount, server.queuedBytes]).toEqual([0, 0]);
  });

  test(`${where}: closing hurries what waits, and what begins to wait only then`, async () => {
    const world = open();
    const { connect, parked, server } = await start(world);
    const clients = [await connect(), await connect()];
    for (const [index, client] of clients.entries()) client.send(askMetadata(index));
    await world.until(() => parked.length === 2);
    const wait = ({ later, reply }: Parked): void => later.pending({ abandon() {}, hurry: () => reply(answerFor('t')) });
    wait(parked[0]!);
    let closed = false;
    void server.close({ graceMs: 1e9 }).then(() => { closed = true; });
    await world.until(() => clients.some(client => client.answers.length === 1));
    wait(parked[1]!);
    await world.until(() => closed);
    await world.until(() => clients.every(client => client.ended_));
    expect(clients.map(client => client.answers.length)).toEqual([1, 1]);
  });
}

test('a handler that hangs up on a request frees its memory', async () => {
  const world = simulated(7);
  const { connect, parked, server } = await start(world);
  const client = await connect();
  client.send(askMuch());
  await world.until(() => parked.length === 1);
  expect(server.queuedBytes).toBeGreaterThan(0);
  parked[0]!.later.fail(new CloseConnection('enough'));
  await world.until(() => client.ended_);
  expect([server.connectionCount, server.queuedBytes]).toEqual([0, 0]);
});

test('what goes wrong after a handler has returned is answered UNKNOWN_SERVER_ERROR', async () => {
  const world = simulated(6);
  const { connect, parked } = await start(world);
  const client = await connect();
  client.send(askMetadata(1));
  await world.until(() => parked.length === 1);
  parked[0]!.later.fail(new Error('unforeseen'));
  await world.until(() => client.answers.length === 1);
  expect(decode(metadataApi, client.answers[0]!, 9).message.topics).toMatchObject([{ errorCode: ErrorCode.UNKNOWN_SERVER_ERROR }]);
});

/** What closes the connection without a word. */
const HOSTILE: [string, Buffer][] = [
  ['a frame of length 0', Buffer.from([0, 0, 0, 0])],
  ['a negative length', Buffer.from([0xff, 0xff, 0xff, 0xff])],
  ['a length beyond the bound', Buffer.from([0x7f, 0xff, 0xff, 0xff])],
  ['a header that is cut short', Buffer.from([0, 0, 0, 3, 0, 18, 0])],
  ['an unknown API key', Buffer.from([0, 0, 0, 10, 0x7f, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff])],
  ['an API that this listener does not serve', Buffer.from([0, 0, 0, 10, 0, 1, 0, 4, 0, 0, 0, 1, 0xff, 0xff])],
  ['a version that is too new', request(metadataApi, { topics: [] }, 13).fill(14, 7, 8)],
  ['a negative version', request(metadataApi, { topics: [] }, 1).fill(0xff, 6, 8)],
  ['an array longer than the frame', Buffer.from([0, 0, 0, 14, 0, 3, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff])],
  ['a body that is cut short', Buffer.from([0, 0, 0, 12, 0, 3, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0, 0])],
];

test.each(HOSTILE)('%s closes the connection, and only that one', async (_what, bytes) => {
  const world = simulated(5);
  const { connect, server } = await start(world);
  const [good, bad] = [await connect(), await connect()];
  bad.send(bytes);
  bad.send(askVersions(0));
  await world.until(() => bad.ended_);
  expect(bad.answers).toEqual([]);
  good.send(askVersions(0));
  await world.until(() => good.answers.length === 1);
  expect(server.connectionCount).toBe(1);
  expect(server.queuedBytes).toBe(0);
});

test('an ApiVersions that is too new is answered in version 0 with what may be asked', async () => {
  const world = simulated(1);
  const { connect } = await start(world);
  const client = await connect();
  client.send(askVersions(4, 9).fill(77, 7, 8));
  await world.until(() => client.answers.length === 1);
  const { correlationId, message } = decode(apiVersionsApi, client.answers[0]!, 0);
  expect([correlationId, message.errorCode]).toEqual([9, ErrorCode.UNSUPPORTED_VERSION]);
  expect(message.apiKeys).toEqual([expect.objectContaining({ apiKey: 18, minVersion: 0, maxVersion: 4 })]);
  client.send(askVersions(3, 10));
  await world.until(() => client.answers.length === 2);
  expect(decode(apiVersionsApi, client.answers[1]!, 3).message.errorCode).toBe(0);
});

test.each([0, 1, 2])('a Produce of version %i, advertised but not served, gets UNSUPPORTED_VERSION in a body that it can read', async version => {
  const world = simulated(1);
  const { connect } = await start(world);
  const client = await connect();
  client.send(request(produceApi, { acks: 1, timeoutMs: 1, topicData: [{ name: 'p', partitionData: [{ index: 3, records: Buffer.alloc(70) }] }] }, version));
  await world.until(() => client.answers.length === 1);
  const { message } = decode(produceApi, client.answers[0]!, version);
  expect(message.responses[0]).toMatchObject({ name: 'p', partitionResponses: [{ index: 3, errorCode: ErrorCode.UNSUPPORTED_VERSION }] });
});

test.each([
  ['', '1'], ['ok', ''], ['-a', '1'], ['a-', '1'], ['a b', '1'], ['ä', '1'], ['a', '1.'], ['a', '1\n'],
])('client software %j %j is refused with INVALID_REQUEST', async (clientSoftwareName, clientSoftwareVersion) => {
  const world = simulated(1);
  const { connect } = await start(world);
  const client = await connect();
  client.send(askVersions(3, 1, { clientSoftwareName, clientSoftwareVersion }));
  await world.until(() => client.answers.length === 1);
  expect(decode(apiVersionsApi, client.answers[0]!, 3).message.errorCode).toBe(ErrorCode.INVALID_REQUEST);
});

test('a handler knows who asks: client, software, addresses, listener', async () => {
  const world = simulated(1);
  const { connect, parked, controllerPort } = await start(world);
  const client = await connect(controllerPort);
  client.send(askVersions(3, 1, { clientSoftwareName: 'a.b-C', clientSoftwareVersion: '1.2-x' }));
  client.send(askMetadata(2));
  await world.until(() => parked.length === 1);
  expect(parked[0]!.context).toMatchObject({
    apiKey: 3, apiVersion: 9, correlationId: 2, clientId: 'tester',
    connection: {
      clientAddress: '127.0.0.1', clientSoftwareName: 'a.b-C', clientSoftwareVersion: '1.2-x', principal: { type: 'User', name: 'ANONYMOUS' },
      listener: { name: 'CONTROLLER', protocol: 'PLAINTEXT', role: 'controller' },
      id: expect.stringMatching(`^127.0.0.1:${controllerPort}-127.0.0.1:\\d+-0$`),
    },
  });
  await world.until(() => client.answers.length === 1);
  expect(decode(apiVersionsApi, client.answers[0]!, 3).message.apiKeys.map(({ apiKey }: ApiVersionsResponse['apiKeys'][number]) => apiKey)).toEqual([3, 18]);
});

test.each<[string, () => MetadataResponseInput | Promise<MetadataResponseInput>, number | 'closed']>([
  ['a KafkaError', () => { throw new KafkaError(ErrorCode.TOPIC_AUTHORIZATION_FAILED); }, ErrorCode.TOPIC_AUTHORIZATION_FAILED],
  ['a KafkaError later', async () => { throw new KafkaError(ErrorCode.NOT_CONTROLLER); }, ErrorCode.NOT_CONTROLLER],
  ['anything else', () => { throw new TypeError('planted'); }, ErrorCode.UNKNOWN_SERVER_ERROR],
  ['anything else later', async () => { throw new TypeError('planted'); }, ErrorCode.UNKNOWN_SERVER_ERROR],
  ['an answer that cannot be encoded', () => ({ brokers: [{ nodeId: 1, host: 'h', port: Symbol('no') as unknown as number }], topics: [] }), ErrorCode.UNKNOWN_SERVER_ERROR],
  ['hanging up', () => { throw new CloseConnection(); }, 'closed'],
])('a handler that fails with %s gives the API\'s failure answer', async (_what, handle, expected) => {
  const world = simulated(1);
  const metadata = serve<MetadataRequest, MetadataResponseInput>(metadataApi, answering<MetadataRequest, MetadataResponseInput>(handle));
  const { connect } = await start(world, { metadata });
  const client = await connect();
  client.send(askMetadata(5, 'asked'));
  await world.until(() => client.answers.length === 1 || client.ended_);
  if (expected === 'closed') return expect(client.answers).toEqual([]);
  const { correlationId, message } = decode(metadataApi, client.answers[0]!, 9);
  expect(correlationId).toBe(5);
  expect(message.topics[0]).toMatchObject({ name: 'asked', errorCode: expected });
  client.send(askVersions(0));
  return world.until(() => client.answers.length === 2);
});

test('answering twice is caught, and the second answer\'s memory freed', async () => {
  const world = simulated(1);
  const { connect, parked } = await start(world);
  const client = await connect();
  client.send(askMetadata(1));
  await world.until(() => parked.length === 1);
  let freed = 0;
  parked[0]!.reply(answerFor('a'), () => freed++);
  parked[0]!.reply(answerFor('b'), () => freed++);
  await world.settle();
  expect(client.answers).toHaveLength(1);
  expect(freed).toBe(2);
  expect(world.world.trace.tail()).toContain('answered twice');
});

test('memory lent to an answer is free once the client has it, or is gone', async () => {
  const world = simulated(2);
  const { connect, parked } = await start(world);
  const [slow, leaving] = [await connect(), await connect()];
  const freed: string[] = [];
  slow.stream.pause();
  slow.send(askMetadata(1));
  leaving.send(askMetadata(1));
  await world.until(() => parked.length === 2);
  const large: MetadataResponseInput = { brokers: [], topics: Array.from({ length: 50 }, () => ({ errorCode: 0, name: 'n'.repeat(20_000), partitions: [] })) };
  leaving.stream.destroy();
  await world.settle();
  for (const { request: body, reply, context } of parked) {
    expect(body.topics).toHaveLength(1);
    reply(large, () => freed.push(context.connection.id));
  }
  await world.settle();
  expect(freed).toHaveLength(1);
  slow.stream.resume();
  await world.until(() => freed.length === 2 && slow.answers.length === 1);
  expect(decode(metadataApi, slow.answers[0]!, 9).message.topics).toHaveLength(50);
});

test('from a client that does not read its answers nothing more is taken', async () => {
  const world = simulated(3);
  const served: number[] = [];
  const metadata = serve<MetadataRequest, MetadataResponseInput>(metadataApi, (_body, { correlationId }, reply) => {
    served.push(correlationId);
    reply({ brokers: [], topics: Array.from({ length: 10 }, () => ({ errorCode: 0, name: 'n'.repeat(10_000), partitions: [] })) });
  });
  const { connect } = await start(world, { metadata });
  const client = await connect();
  client.stream.pause();
  for (let index = 0; index < 200; index++) client.send(askMetadata(index, 't'.repeat(10_000)));
  await world.settle();
  // 100 kB each: what the two systems hold, what may wait, and one turn's worth.
  expect(served.length).toBeLessThan(15);
  expect(client.stream.pendingBytes).toBeGreaterThan(1_000_000);
  client.stream.resume();
  await world.until(() => client.answers.length === 200);
  expect(served).toEqual(Array.from({ length: 200 }, (_, index) => index));
});

test.each([
  ['when memory is short', true, [true, false]],
  ['when it is not, only once it counts as idle', false, [false, false]],
])('who takes nothing of an answer is cut off %s', async (_, memoryIsShort, early) => {
  const world = simulated(4);
  const metadata = serve<MetadataRequest, MetadataResponseInput>(metadataApi, (_body, _context, reply) => {
    reply({ brokers: [], topics: Array.from({ length: 1000 }, () => ({ errorCode: 0, name: 'n'.repeat(10_000), partitions: [] })) });
  });
  const { connect } = await start(world, { metadata, memoryIsShort: () => memoryIsShort, limitsAre: { frameProgressMs: 5000, maxIdleMs: 60_000 } });
  const [stuck, slow] = [await connect(), await connect()];
  for (const client of [stuck, slow]) {
    client.stream.pause();
    client.send(askMetadata(1));
  }
  const takeSome = async (): Promise<void> => {
    slow.stream.resume();
    await world.world.run(3);
    slow.stream.pause();
    await world.world.run(4000);
  };
  for (let round = 0; round < 3; round++) await takeSome();
  stuck.stream.resume();
  await world.world.run(100);
  const ended = [stuck.ended_, slow.ended_];
  expect(ended).toEqual(early);
  if (memoryIsShort) return;
  const idle = await connect();
  idle.stream.pause();
  idle.send(askMetadata(1));
  await world.world.run(70_000);
  idle.stream.resume();
  await world.world.run(1000);
  expect([idle.ended_, idle.answers]).toEqual([true, []]);
});

test('an idle connection is closed after connections.max.idle.ms, one with a request under way is not', async () => {
  const world = simulated(1);
  const { connect, parked, server } = await start(world, { limitsAre: { maxIdleMs: 10_000 } });
  const [idle, active, waiting] = [await connect(), await connect(), await connect()];
  waiting.send(askMetadata(1));
  await world.world.run(6000);
  active.send(askVersions(0));
  await world.world.run(6000);
  expect([idle.ended_, active.ended_, waiting.ended_]).toEqual([true, false, false]);
  await world.world.run(60_000);
  expect([active.ended_, waiting.ended_]).toEqual([true, false]);
  parked[0]!.reply(answerFor('t'));
  await world.world.run(30_000);
  expect(waiting.ended_).toBe(true);
  expect(server.connectionCount).toBe(0);
});

test('a request that arrives too slowly is cut off; one that makes progress is not', async () => {
  const world = simulated(1);
  const { connect, server } = await start(world, { limitsAre: { frameProgressMs: 1000 } });
  const [dripping, steady, halfPrefix] = [await connect(), await connect(), await connect()];
  const large = request(produceApi, { acks: 1, timeoutMs: 1, topicData: [{ name: 'p', partitionData: [{ index: 0, records: Buffer.alloc(100_000, 9) }] }] }, 9, 1);
  halfPrefix.send(large.subarray(0, 2));
  for (let second = 0; second < 10; second++) {
    dripping.send(large.subarray(second * 10, second * 10 + 10));
    steady.send(large.subarray(second * 18_000, (second + 1) * 18_000));
    await world.world.run(900);
  }
  expect([dripping.ended_, steady.ended_, halfPrefix.ended_]).toEqual([true, false, true]);
  expect(steady.answers).toHaveLength(1);
  expect(server.queuedBytes).toBe(0);
});

test('many unfinished large requests take turns instead of all the memory, and all get through', async () => {
  const world = simulated(4);
  const { connect, server } = await start(world, { queuedBytes: 1_000_000 });
  const clients: Client[] = [];
  for (let index = 0; index < 12; index++) clients.push(await connect());
  const large = request(produceApi, { acks: 1, timeoutMs: 1, topicData: [{ name: 'p', partitionData: [{ index: 0, records: Buffer.alloc(2_000_000, 3) }] }] }, 9, 1);
  let most = 0;
  for (const client of clients) client.send(large);
  await world.until(() => {
    most = Math.max(most, server.queuedBytes);
    return clients.every(client => client.answers.length === 1);
  });
  expect(most).toBeGreaterThan(1_000_000);
  expect(most).toBeLessThan(8_000_000);
  expect(server.queuedBytes).toBe(0);
});

test('connections beyond what an address may have are refused, and there is room again when others leave', async () => {
  const world = simulated(1);
  const { connect, server } = await start(world, { limitsAre: { connections: { ...NO_CONNECTION_LIMITS, perAddress: 2 } } });
  const [first, second, third] = [await connect(), await connect(), await connect()];
  await world.until(() => third.ended_);
  expect(server.connectionCount).toBe(2);
  first.stream.destroy();
  await world.until(() => server.connectionCount === 1);
  const next = await connect();
  next.send(askVersions(0));
  await world.until(() => next.answers.length === 1);
  expect(second.ended_).toBe(false);
});

test('a throttled client is told so, and not heard for as long', async () => {
  const world = simulated(1);
  const { connect } = await start(world, {
    quotas: { limitTime: true, spent: ({ correlationId }) => (correlationId === 1 ? 5000 : 0), spentAfterwards: () => undefined },
  });
  const client = await connect();
  client.send(Buffer.concat([askVersions(1, 1), askVersions(1, 2)]));
  await world.until(() => client.answers.length === 1);
  expect(decode(apiVersionsApi, client.answers[0]!, 1).message.throttleTimeMs).toBe(5000);
  await world.world.run(4800);
  expect(client.answers).toHaveLength(1);
  await world.until(() => client.answers.length === 2);
  expect(decode(apiVersionsApi, client.answers[1]!, 1).message.throttleTimeMs).toBe(0);
});

test('a port that is taken fails the listening, and frees what it had opened', async () => {
  const world = simulated(1);
  const { server, controllerPort } = await start(world);
  const listener = (port: number) => ({ name: 'X', protocol: 'PLAINTEXT', role: 'broker', host: '127.0.0.1', port } as const);
  await expect(world.world.runUntil(server.listen([listener(777), listener(controllerPort)]))).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await world.world.runUntil(server.listen([listener(777)]));
});
