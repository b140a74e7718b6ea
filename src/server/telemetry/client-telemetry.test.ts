import { expect, test } from '@jest/globals';
import { TimingWheel } from '../../base/timing-wheel.js';
import { NodeRandom, silentLogger } from '../../env/node/index.js';
import { ManualClock } from '../../log/test-support.js';
import { EMPTY_IMAGE } from '../../metadata/image.js';
import type { MetadataImage } from '../../metadata/types.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { getTelemetrySubscriptionsApi } from '../../protocol/generated/get-telemetry-subscriptions.js';
import { pushTelemetryApi } from '../../protocol/generated/push-telemetry.js';
import { compress, decompress } from '../../protocol/records/compression/index.js';
import { ZERO_UUID } from '../../protocol/wire/types.js';
import { telemetryApis } from '../handlers/telemetry.js';
import { callApi, type Asker } from '../handlers/testing/call-api.js';
import { ClientTelemetry } from './client-telemetry.js';
import { writeOtlp } from './testing/otlp-writer.js';

const ID = 'AQIDBAUGBwgJCgsMDQ4PEA';
const OTHER_ID = 'AQIDBAUGBwgJCgsMDQ4PEQ';
const INTERVAL_MS = 10_000;
const MAX_BYTES = 2000;
const CODECS = { gunzip: 1, snappyDecompress: 2, lz4Decompress: 3, zstdDecompress: 4 } as const;

/** A broker's telemetry on a clock of its own, and clients that ask it. */
class Fixture {
  readonly clock = new ManualClock(0);
  readonly wheel = new TimingWheel(this.clock);
  readonly telemetry: ClientTelemetry;
  private image: MetadataImage = EMPTY_IMAGE;

  constructor(collects = true) {
    this.telemetry = new ClientTelemetry({
      clock: this.clock, wheel: this.wheel, random: new NodeRandom(), logger: silentLogger, maxBytes: MAX_BYTES, collects,
      compute: { run: (task, input, { maxOutputBytes }) => Promise.resolve().then(() => decompress(CODECS[task as keyof typeof CODECS], input, maxOutputBytes!)) },
      image: () => this.image,
    });
    this.subscribe('all', { 'metrics': 'a.,b.', 'interval.ms': String(INTERVAL_MS) });
  }

  subscribe(name: string, settings: Record<string, string>): void {
    const configs = new Map(this.image.configs);
    configs.set(`16:${name}`, new Map(Object.entries(settings)));
    this.image = { ...this.image, configs };
  }

  ask(id = ID, asker: Asker = {}) {
    return callApi(telemetryApis({ telemetry: this.telemetry }), getTelemetrySubscriptionsApi, 0, { clientInstanceId: id }, { id: 'host:9092-host:5-0', ...asker });
  }

  async push(request: { id?: string; subscriptionId: number; terminating?: boolean; compressionType?: number; metrics?: Uint8Array }, asker: Asker = {}) {
    const { id = ID, subscriptionId, terminating = false, compressionType = 0, metrics = new Uint8Array() } = request;
    const { errorCode } = await callApi(telemetryApis({ telemetry: this.telemetry }), pushTelemetryApi, 0,
      { clientInstanceId: id, subscriptionId, terminating, compressionType, metrics }, { id: 'host:9092-host:5-0', ...asker });
    return errorCode;
  }
}

test('a client without an id gets one, and is told what to push', async () => {
  const fixture = new Fixture();
  const first = await fixture.ask(ZERO_UUID);
  expect(first).toMatchObject({
    errorCode: ErrorCode.NONE, pushIntervalMs: INTERVAL_MS, telemetryMaxBytes: MAX_BYTES, deltaTemporality: true,
    requestedMetrics: ['b.', 'a.'], acceptedCompressionTypes: [4, 3, 1, 2],
  });
  expect(first.clientInstanceId).not.toBe(ZERO_UUID);
  expect((await fixture.ask(ZERO_UUID)).clientInstanceId).not.toBe(first.clientInstanceId);
  expect(fixture.telemetry.metrics().instances).toBe(2);
});

test('subscriptions add up: those that match the client, the shortest interval, everything when one wants all', async () => {
  const fixture = new Fixture();
  const of = async (asker: Asker) => {
    const { requestedMetrics, pushIntervalMs } = await fixture.ask(ZERO_UUID, asker);
    return { requestedMetrics, pushIntervalMs };
  };
  fixture.subscribe('java', { 'metrics': 'b.,c.', 'interval.ms': '500', 'match': 'client_software_name=apache-.*,client_source_port=5' });
  fixture.subscribe('mine', { 'metrics': '*', 'match': 'client_id=mine' });
  fixture.subscribe('unreadable', { 'metrics': '*', 'match': 'client_id=*' });
  const both = { requestedMetrics: ['c.', 'b.', 'a.'], pushIntervalMs: 500 };
  const all = { requestedMetrics: ['b.', 'a.'], pushIntervalMs: INTERVAL_MS };
  expect(await of({ clientSoftwareName: 'apache-kafka-java' })).toEqual(both);
  // The whole has to match.
  expect(await of({ clientSoftwareName: 'not-apache-kafka' })).toEqual(all);
  expect(await of({ clientSoftwareName: 'apache-kafka-java', id: 'host:9092-host:55-1' })).toEqual(all);
  expect(await of({ clientId: 'mine' })).toEqual({ requestedMetrics: ['*'], pushIntervalMs: INTERVAL_MS });
  expect(await of({ clientId: null })).toEqual(all);
});

test('without subscriptions a client is to push nothing, every five minutes', async () => {
  const fixture = new Fixture();
  fixture.subscribe('all', { 'metrics': 'a.', 'match': 'client_id=nobody' });
  expect(await fixture.ask()).toMatchObject({ requestedMetrics: [], pushIntervalMs: 300_000 });
});

test('the id of a subscription is the checksum that Kafka makes of it and the client', async () => {
  const fixture = new Fixture();
  // Of Kafka 4.3.1's own classes, which print the set of metrics as `[b., a.]`.
  expect((await fixture.ask()).subscriptionId).toBe(1_993_490_951);
});

test('who asks before his time is sent away, unless what is wanted has changed', async () => {
  const fixture = new Fixture();
  const { subscriptionId } = await fixture.ask();
  expect(await fixture.ask()).toMatchObject({ errorCode: ErrorCode.THROTTLING_QUOTA_EXCEEDED, clientInstanceId: ZERO_UUID, requestedMetrics: [] });
  fixture.clock.advance(INTERVAL_MS - 1);
  expect((await fixture.ask()).errorCode).toBe(ErrorCode.THROTTLING_QUOTA_EXCEEDED);
  expect((await fixture.ask(OTHER_ID)).errorCode).toBe(ErrorCode.NONE);
  fixture.clock.advance(1);
  expect((await fixture.ask()).errorCode).toBe(ErrorCode.NONE);
  fixture.subscribe('more', { 'metrics': 'c.' });
  const changed = await fixture.ask();
  expect(changed).toMatchObject({ errorCode: ErrorCode.NONE, requestedMetrics: ['c.', 'b.', 'a.'] });
  expect(changed.subscriptionId).not.toBe(subscriptionId);
  expect(fixture.telemetry.metrics().throttled).toBe(2);
});

test('a push comes when it likes after a question, and then once an interval', async () => {
  const fixture = new Fixture();
  const { subscriptionId } = await fixture.ask();
  expect(await fixture.push({ subscriptionId })).toBe(ErrorCode.NONE);
  expect(await fixture.push({ subscriptionId })).toBe(ErrorCode.THROTTLING_QUOTA_EXCEEDED);
  fixture.clock.advance(INTERVAL_MS);
  expect(await fixture.push({ subscriptionId })).toBe(ErrorCode.NONE);
});

test('a push for another subscription sends the client back to ask, at once', async () => {
  const fixture = new Fixture();
  const { subscriptionId } = await fixture.ask();
  expect(await fixture.push({ subscriptionId: subscriptionId + 1 })).toBe(ErrorCode.UNKNOWN_SUBSCRIPTION_ID);
  expect(await fixture.ask()).toMatchObject({ errorCode: ErrorCode.NONE, subscriptionId });
  expect(fixture.telemetry.metrics().unknownSubscriptions).toBe(1);
});

test('what cannot be taken is refused: ids that are none, codecs that do not exist, what is too large', async () => {
  for (const id of [ZERO_UUID, 'AAAAAAAAAAAAAAAAAAAAAQ']) {
    expect(await new Fixture().push({ id, subscriptionId: 0 })).toBe(ErrorCode.INVALID_REQUEST);
  }
  const refused = async (push: { compressionType?: number; metrics: Uint8Array }) => {
    const fixture = new Fixture();
    const { subscriptionId } = await fixture.ask();
    return fixture.push({ subscriptionId, ...push });
  };
  const large = writeOtlp({}, [{ name: 'n'.repeat(MAX_BYTES), value: 1 }]);
  expect(await refused({ compressionType: 5, metrics: large })).toBe(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);
  expect(await refused({ metrics: large })).toBe(ErrorCode.TELEMETRY_TOO_LARGE);
  expect(await refused({ compressionType: 1, metrics: compress(1, large) })).toBe(ErrorCode.INVALID_RECORD);
  expect(await refused({ compressionType: 4, metrics: Buffer.from('no zstd') })).toBe(ErrorCode.INVALID_RECORD);
  expect(await refused({ metrics: Buffer.from('no protobuf') })).toBe(ErrorCode.INVALID_RECORD);
});

test('pushed numbers are kept with who pushed them, in every compression', async () => {
  for (const compressionType of [0, 1, 2, 3, 4] as const) {
    const fixture = new Fixture();
    const { subscriptionId } = await fixture.ask();
    const metrics = compress(compressionType, writeOtlp({ group_id: 'g' }, [{ name: 'a.count', kind: 'sum', value: 3 }]));
    const asker = { clientId: 'me', clientSoftwareName: 'soft', clientSoftwareVersion: '1', clientAddress: '10.0.0.9' };
    expect(await fixture.push({ subscriptionId, compressionType, metrics }, asker)).toBe(ErrorCode.NONE);
    expect(fixture.telemetry.metrics()).toMatchObject({
      pushes: 1, unreadable: 0,
      clients: [{ clientInstanceId: ID, ...asker, labels: { group_id: 'g' }, metrics: [{ name: 'a.count', value: 3 }] }],
    });
  }
});

test('the last push of a client that ends comes at any time, and nothing after it', async () => {
  const fixture = new Fixture();
  const { subscriptionId } = await fixture.ask();
  expect(await fixture.push({ subscriptionId })).toBe(ErrorCode.NONE);
  expect(await fixture.push({ subscriptionId, terminating: true })).toBe(ErrorCode.NONE);
  expect(await fixture.push({ subscriptionId, terminating: true })).toBe(ErrorCode.INVALID_REQUEST);
});

test('a client is forgotten with its connection, or when it has been silent for three intervals and a minute', async () => {
  const fixture = new Fixture();
  const metrics = writeOtlp({}, [{ name: 'a.x', value: 1 }]);
  const pushAs = async (id: string, connection: string) => {
    const { subscriptionId } = await fixture.ask(id, { id: connection });
    await fixture.push({ id, subscriptionId, metrics }, { id: connection });
  };
  const known = () => [fixture.telemetry.metrics().instances, fixture.telemetry.metrics().clients.map(({ clientInstanceId }) => clientInstanceId)];
  await pushAs(ID, 'first');
  await pushAs(OTHER_ID, 'second');
  expect(known()).toEqual([2, [ID, OTHER_ID]]);
  fixture.telemetry.disconnected('first');
  fixture.telemetry.disconnected('unheard of');
  expect(known()).toEqual([1, [OTHER_ID]]);
  fixture.clock.advance(59_000);
  expect(known()).toEqual([1, [OTHER_ID]]);
  fixture.clock.advance(2000);
  expect(known()).toEqual([0, []]);
  expect(fixture.wheel.size).toBe(0);
});

test('as many clients are known as Kafka knows; who was silent for the longest goes', async () => {
  const fixture = new Fixture();
  await fixture.ask(ID);
  for (let count = 0; count < 16_384; count++) await fixture.ask(ZERO_UUID);
  expect(fixture.telemetry.metrics().instances).toBe(16_384);
  // The first is not known any more: it may ask again.
  expect((await fixture.ask(ID)).errorCode).toBe(ErrorCode.NONE);
  expect(fixture.wheel.size).toBe(16_384);
});

test('a broker that does not collect reads nothing, and does not say that it would', async () => {
  const fixture = new Fixture(false);
  const { subscriptionId } = await fixture.ask();
  expect(await fixture.push({ subscriptionId, metrics: Buffer.from('no protobuf') })).toBe(ErrorCode.NONE);
  expect(fixture.telemetry.metrics().clients).toEqual([]);
  expect(telemetryApis({ telemetry: fixture.telemetry }).map(({ isHidden }) => isHidden)).toEqual([true, true]);
  expect(telemetryApis({ telemetry: new Fixture().telemetry }).map(({ isHidden }) => isHidden)).toEqual([false, false]);
});
