import type { Settings } from '../config/index.js';
import type { BootstrapMetadata } from '../metadata/bootstrap.js';
import { FeatureName, featuresToRaise } from '../metadata/features.js';
import { ImageBuilder } from '../metadata/image-builder.js';
import { EMPTY_IMAGE } from '../metadata/image.js';
import { featureLevel } from '../metadata/image-records.js';
import { metadataRecord, type MetadataRecord } from '../metadata/records.js';
import { configKey, ConfigResourceType, type MetadataImage } from '../metadata/types.js';
import type { AllocateProducerIdsRequestInput, AllocateProducerIdsResponseInput } from '../protocol/generated/allocate-producer-ids.js';
import type { BrokerHeartbeatRequestInput, BrokerHeartbeatResponseInput } from '../protocol/generated/broker-heartbeat.js';
import type { BrokerRegistrationRequestInput, BrokerRegistrationResponseInput } from '../protocol/generated/broker-registration.js';
import type { ControllerRegistrationRequestInput, ControllerRegistrationResponseInput } from '../protocol/generated/controller-registration.js';
import { NO_EFFECTS, replyWith, type Effects, type Machine, type Moment, type RecordPosition, type ReplyTo, type TimerChange } from '../runtime/machine.js';
import { brokerHeartbeat, fence, registerBroker, requireBroker } from './brokers.js';
import type { Decided, Decision } from './context.js';

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

/** Producer ids are handed to brokers in blocks of this many. */
const PRODUCER_ID_BLOCK = 1000;
const SESSION_TIMER = 'session-';

/**
 * The controller: a pure machine over the records of `__cluster_metadata`. Its durable state is the image; all it knows beside
 * it is whose session still runs. Decisions live in the files beside this one, as functions of the image. After Kafka's
 * `QuorumController`.
 */
export class Controller implements Machine<MetadataRecord> {
  readonly #builder = new ImageBuilder(EMPTY_IMAGE);
  /** Brokers heard of within their session. */
  readonly #alive = new Set<number>();
  #dynamic: { clusterWide: unknown; perBroker: unknown; settings: Settings };

  constructor(private readonly options: ControllerOptions) {
    this.#dynamic = { clusterWide: undefined, perBroker: undefined, settings: options.settings };
    this.#builder.setKraftVersion(options.kraftVersion);
  }

  get image(): MetadataImage {
    return this.#builder.image;
  }

  replay(record: MetadataRecord, { offset, leaderEpoch }: RecordPosition): void {
    this.#builder.replay(record, offset, leaderEpoch);
  }

  /** Brings the log to where a leader may go on from, and gives every broker that serves a fresh session. */
  activated(_at: Moment): Effects<MetadataRecord> {
    const { image } = this;
    const records = image.features.metadataVersion === 0 ? this.#bootstrapRecords() : this.#resumeRecords();
    const unfenced = [...image.brokers.values()].filter(broker => !broker.fenced);
    for (const { id } of unfenced) this.#alive.add(id);
    return { records, replies: [], timers: unfenced.map(({ id }) => this.#session(id)) };
  }

  timerFired(key: string, _at: Moment): Effects<MetadataRecord> {
    const id = Number(key.slice(SESSION_TIMER.length));
    this.#alive.delete(id);
    const broker = this.image.brokers.get(id);
    return broker === undefined || broker.fenced ? NO_EFFECTS : { records: fence(this.image, broker), replies: [], timers: [] };
  }

  /** Runs one of the decisions that need nothing but the image: topics, settings, features. */
  decide<Request, Response>(
    decision: (decision: Decision, request: Request) => Decided<Response>, request: Request, at: Moment, to: ReplyTo<Response>,
  ): Effects<MetadataRecord> {
    const { records, response } = decision(this.#decision(at), request);
    return { records, replies: [replyWith(to, response)], timers: [] };
  }

  registerBroker(request: BrokerRegistrationRequestInput, at: Moment, to: ReplyTo<BrokerRegistrationResponseInput>): Effects<MetadataRecord> {
    const { clusterId, nodeId } = this.options;
    const { records, response } = registerBroker(this.#decision(at), request, {
      clusterId, isLocal: request.brokerId === nodeId, hasSession: this.#alive.has(request.brokerId), nextOffset: at.nextOffset,
    });
    this.#alive.add(request.brokerId);
    return { records, replies: [replyWith(to, response)], timers: [this.#session(request.brokerId)] };
  }

  heartbeat(request: BrokerHeartbeatRequestInput, at: Moment, to: ReplyTo<BrokerHeartbeatResponseInput>): Effects<MetadataRecord> {
    const { records, response } = brokerHeartbeat(this.#decision(at), request);
    if (response.shouldShutDown) {
      this.#alive.delete(request.brokerId);
      return { records, replies: [replyWith(to, response)], timers: [{ key: SESSION_TIMER + request.brokerId, delayMs: null }] };
    }
    this.#alive.add(request.brokerId);
    return { records, replies: [replyWith(to, response)], timers: [this.#session(request.brokerId)] };
  }

  /** A controller tells where it is reached and what it supports (KIP-919). */
  registerController(
    request: ControllerRegistrationRequestInput, _at: Moment, to: ReplyTo<ControllerRegistrationResponseInput>,
  ): Effects<MetadataRecord> {
    const { controllerId, incarnationId, zkMigrationReady, listeners, features } = request;
    const record = metadataRecord('RegisterController', {
      controllerId, incarnationId, zkMigrationReady,
      endPoints: listeners.map(({ name, host, port, securityProtocol }) => ({ name, host, port, securityProtocol })),
      features: features.map(({ name, minSupportedVersion, maxSupportedVersion }) => ({ name, minSupportedVersion, maxSupportedVersion })),
    });
    const known = this.image.controllers.get(controllerId)?.incarnationId === incarnationId;
    return { records: known ? [] : [record], replies: [replyWith(to, {})], timers: [] };
  }

  allocateProducerIds(
    request: AllocateProducerIdsRequestInput, _at: Moment, to: ReplyTo<AllocateProducerIdsResponseInput>,
  ): Effects<MetadataRecord> {
    const brokerEpoch = request.brokerEpoch ?? -1;
    requireBroker(this.image, request.brokerId, brokerEpoch);
    const start = this.image.nextProducerId;
    return {
      records: [metadataRecord('ProducerIds', { brokerId: request.brokerId, brokerEpoch, nextProducerId: start + PRODUCER_ID_BLOCK })],
      replies: [replyWith(to, { producerIdStart: start, producerIdLen: PRODUCER_ID_BLOCK })],
      timers: [],
    };
  }

  /** With eligible leader replicas, the cluster has a minimum of in-sync replicas from its first moment (KIP-966). */
  #bootstrapRecords(): MetadataRecord[] {
    const { records } = this.options.bootstrap;
    const elr = records.some(record => record.type === 'FeatureLevel' && record.message.name === FeatureName.ELIGIBLE_LEADER_REPLICAS_VERSION);
    const minIsr = metadataRecord('Config', {
      resourceType: ConfigResourceType.BROKER, resourceName: '', name: 'min.insync.replicas',
      value: String(this.options.settings.get('min.insync.replicas')),
    });
    return [
      metadataRecord('BeginTransaction', { name: 'Bootstrap records' }),
      ...records,
      ...(elr ? [minIsr] : []),
      metadataRecord('EndTransaction', {}),
    ];
  }

  #resumeRecords(): MetadataRecord[] {
    const raised = [...featuresToRaise(this.image.features)].map(([name, level]) => featureLevel(name, level));
    const broken = this.#builder.inTransaction ? [metadataRecord('AbortTransaction', { reason: 'failover' })] : [];
    return [...broken, ...raised];
  }

  #session(brokerId: number): TimerChange {
    return { key: SESSION_TIMER + brokerId, delayMs: this.options.settings.get('broker.session.timeout.ms') };
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
