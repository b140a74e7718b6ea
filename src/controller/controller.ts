import type { Settings } from '../config/index.js';
import type { BootstrapMetadata } from '../metadata/bootstrap.js';
import { FeatureName, featuresToFinalize, MetadataVersionGate } from '../metadata/features.js';
import { ImageBuilder } from '../metadata/image-builder.js';
import { EMPTY_IMAGE } from '../metadata/image.js';
import { featureLevel } from '../metadata/image-records.js';
import { metadataRecord, type MetadataRecord } from '../metadata/records.js';
import { configKey, ConfigResourceType, type MetadataImage } from '../metadata/types.js';
import type { BrokerHeartbeatRequestInput, BrokerHeartbeatResponseInput } from '../protocol/generated/broker-heartbeat.js';
import type { BrokerRegistrationRequestInput, BrokerRegistrationResponseInput } from '../protocol/generated/broker-registration.js';
import { replyWith, type Effects, type Machine, type Moment, type RecordPosition, type ReplyTo, type TimerChange } from '../runtime/machine.js';
import { BrokerSessions } from './broker-sessions.js';
import { brokerHeartbeat, fence, registerBroker } from './brokers.js';
import { minInsyncReplicasRecords } from './configs.js';
import type { ChargePartitions, Decided, Decision } from './context.js';
import { nextRun, PERIODIC_ELECTIONS, type PeriodicElection } from './periodic-elections.js';

export interface ControllerOptions {
  readonly nodeId: number;
  readonly clusterId: string;
  /** As given at start; dynamic layers come from the image. */
  readonly settings: Settings;
  /** What the first controller of a cluster writes first. */
  readonly bootstrap: BootstrapMetadata;
  /** As the quorum's control records have it. */
  readonly kraftVersion: number;
}

const SESSION_TIMER = 'session-';
const IDLE_TIMER = 'idle';

/**
 * The controller: a pure machine over the records of `__cluster_metadata`. Its durable state is the image; all it knows beside
 * it is which brokers are heard of. Decisions live in the files beside this one, as functions of the image. After Kafka's
 * `QuorumController`.
 */
export class Controller implements Machine<MetadataRecord> {
  readonly #builder = new ImageBuilder(EMPTY_IMAGE);
  readonly #sessions = new BrokerSessions();
  #dynamic: { clusterWide: unknown; perBroker: unknown; settings: Settings };

  constructor(private readonly options: ControllerOptions) {
    this.#dynamic = { clusterWide: undefined, perBroker: undefined, settings: options.settings };
    this.#builder.setKraftVersion(options.kraftVersion);
  }

  get image(): MetadataImage {
    return this.#builder.image;
  }

  /** Which records may be written: what is finalized, or on an empty log what is about to be. */
  get metadataVersion(): number {
    return this.image.features.metadataVersion || this.options.bootstrap.metadataVersion;
  }

  /** The quorum's own version, which control records of the log name. */
  setKraftVersion(level: number): void {
    this.#builder.setKraftVersion(level);
  }

  replay(record: MetadataRecord, { offset, leaderEpoch }: RecordPosition): void {
    this.#builder.replay(record, offset, leaderEpoch);
  }

  /** Brings the log to where a leader may go on from, and gives every broker that serves a fresh session. */
  activated(): Effects<MetadataRecord> {
    const serving = [...this.image.brokers.values()].filter(broker => !broker.fenced).map(({ id }) => id);
    for (const id of serving) this.#sessions.start(id);
    return { records: this.#activationRecords(), replies: [], timers: [...serving.flatMap(id => this.#session(id)), ...this.#idle(), ...this.#elections()] };
  }

  timerFired(key: string, at: Moment): Effects<MetadataRecord> {
    if (key === IDLE_TIMER) return { records: [metadataRecord('NoOp', {})], replies: [], timers: this.#idle() };
    const election = PERIODIC_ELECTIONS.find(({ timer }) => timer === key);
    if (election !== undefined) return this.#elect(election, at);
    const id = Number(key.slice(SESSION_TIMER.length));
    this.#sessions.end(id);
    const broker = this.image.brokers.get(id);
    const records = broker === undefined || broker.fenced ? [] : fence(this.#decision(at), broker, { aloneToo: true });
    return { records, replies: [], timers: [], divisible: true };
  }

  /** Runs one of the decisions that need nothing but the image: topics, settings, features, partitions. */
  decide<Request, Response>(
    decision: (decision: Decision, request: Request) => Decided<Response>, request: Request, at: Moment, to: ReplyTo<Response>,
    charge?: ChargePartitions,
  ): Effects<MetadataRecord> {
    const { records, response } = decision({ ...this.#decision(at), charge }, request);
    return { records, replies: [replyWith(to, response)], timers: [] };
  }

  registerBroker(request: BrokerRegistrationRequestInput, at: Moment, to: ReplyTo<BrokerRegistrationResponseInput>): Effects<MetadataRecord> {
    const { brokerId } = request;
    const { clusterId, nodeId } = this.options;
    const facts = { clusterId, isLocal: brokerId === nodeId, hasSession: this.#sessions.has(brokerId) };
    const { records, response } = registerBroker(this.#decision(at), request, facts);
    this.#sessions.start(brokerId);
    return { records, replies: [replyWith(to, response)], timers: this.#session(brokerId), divisible: true };
  }

  heartbeat(request: BrokerHeartbeatRequestInput, at: Moment, to: ReplyTo<BrokerHeartbeatResponseInput>): Effects<MetadataRecord> {
    const { brokerId } = request;
    const { state, records, response } = brokerHeartbeat(this.#decision(at), request, { session: this.#sessions.get(brokerId), lowestOffset: this.#lowestOffset() });
    const replies = [replyWith(to, response)];
    if (state === 'may-stop') {
      this.#sessions.end(brokerId);
      return { records, replies, timers: [{ key: SESSION_TIMER + brokerId, delayMs: null }], divisible: true };
    }
    const shutdownOffset = state === 'shutting-down' ? (this.#sessions.get(brokerId).shutdownOffset ?? at.nextOffset + records.length - 1) : undefined;
    this.#sessions.touch(brokerId, { metadataOffset: Number(request.currentMetadataOffset), shutdownOffset });
    return { records, replies, timers: this.#session(brokerId), divisible: true };
  }

  #lowestOffset(): number {
    return this.#sessions.lowestOffset([...this.image.brokers.values()].filter(({ fenced }) => !fenced).map(({ id }) => id));
  }

  /** After Kafka's `ActivationRecordsGenerator`; features that newer software serves are finalized in passing. */
  #activationRecords(): MetadataRecord[] {
    const broken = this.#builder.inTransaction ? [metadataRecord('AbortTransaction', { reason: 'Controller failover' })] : [];
    const image = this.#builder.settledImage;
    if (image.features.metadataVersion === 0) return [...broken, ...this.#bootstrapRecords()];
    const finalized = [...featuresToFinalize(image.features)].filter(([name, level]) => everyoneServes(image, name, level));
    const elr = finalized.some(([name]) => name === FeatureName.ELIGIBLE_LEADER_REPLICAS_VERSION);
    const safety = elr ? minInsyncReplicasRecords(image, this.options.settings) : [];
    return [...broken, ...safety, ...finalized.map(([name, level]) => featureLevel(name, level))];
  }

  #bootstrapRecords(): MetadataRecord[] {
    const { bootstrap: { records, metadataVersion }, settings } = this.options;
    const elr = records.some(({ type, message }) =>
      type === 'FeatureLevel' && message.name === FeatureName.ELIGIBLE_LEADER_REPLICAS_VERSION && message.featureLevel > 0);
    const first = [...records, ...(elr ? minInsyncReplicasRecords(EMPTY_IMAGE, settings) : [])];
    if (metadataVersion < MetadataVersionGate.TRANSACTIONS) return first;
    return [metadataRecord('BeginTransaction', { name: 'Bootstrap records' }), ...first, metadataRecord('EndTransaction', {})];
  }

  /** The broker in the controller's own process needs no session: it is there as long as the controller is. */
  #session(brokerId: number): TimerChange[] {
    if (brokerId === this.options.nodeId) return [];
    return [{ key: SESSION_TIMER + brokerId, delayMs: this.options.settings.get('broker.session.timeout.ms') }];
  }

  /** Now and then a record that says nothing, so that whoever stopped reading shows (KIP-835). */
  #idle(): TimerChange[] {
    const delayMs = this.options.settings.get('metadata.max.idle.interval.ms');
    return delayMs === 0 ? [] : [{ key: IDLE_TIMER, delayMs }];
  }

  #elections(): TimerChange[] {
    return PERIODIC_ELECTIONS.flatMap(election => nextRun(election, this.options.settings));
  }

  #elect(election: PeriodicElection, at: Moment): Effects<MetadataRecord> {
    const records = election.elect(this.#decision(at));
    return { records, replies: [], timers: nextRun(election, this.options.settings, records.length), divisible: true };
  }

  #decision(at: Moment): Decision {
    return { image: this.image, settings: this.#settings(), at };
  }

  #settings(): Settings {
    const { configs } = this.image;
    const clusterWide = configs.get(configKey(ConfigResourceType.BROKER, ''));
    const perBroker = configs.get(configKey(ConfigResourceType.BROKER, String(this.options.nodeId)));
    if (this.#dynamic.clusterWide !== clusterWide || this.#dynamic.perBroker !== perBroker) {
      const settings = this.options.settings.with({ clusterWide: clusterWide ?? new Map(), perBroker: perBroker ?? new Map() });
      this.#dynamic = { clusterWide, perBroker, settings };
    }
    return this.#dynamic.settings;
  }
}

function everyoneServes({ brokers }: MetadataImage, feature: string, level: number): boolean {
  return [...brokers.values()].every(({ features }) => {
    const range = features.get(feature);
    return range !== undefined && level >= range.min && level <= range.max;
  });
}
