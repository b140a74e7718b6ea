import type { MetadataRecord } from '../metadata/records.js';
import type { AllocateProducerIdsRequestInput, AllocateProducerIdsResponseInput } from '../protocol/generated/allocate-producer-ids.js';
import type { AlterConfigsRequestInput, AlterConfigsResponseInput } from '../protocol/generated/alter-configs.js';
import type { BrokerHeartbeatRequestInput, BrokerHeartbeatResponseInput } from '../protocol/generated/broker-heartbeat.js';
import type { BrokerRegistrationRequestInput, BrokerRegistrationResponseInput } from '../protocol/generated/broker-registration.js';
import type { ControllerRegistrationRequestInput, ControllerRegistrationResponseInput } from '../protocol/generated/controller-registration.js';
import type { CreatePartitionsRequestInput, CreatePartitionsResponseInput } from '../protocol/generated/create-partitions.js';
import type { CreateTopicsRequestInput, CreateTopicsResponseInput } from '../protocol/generated/create-topics.js';
import type { DeleteTopicsRequestInput, DeleteTopicsResponseInput } from '../protocol/generated/delete-topics.js';
import type { IncrementalAlterConfigsRequestInput, IncrementalAlterConfigsResponseInput } from '../protocol/generated/incremental-alter-configs.js';
import type { UpdateFeaturesRequestInput, UpdateFeaturesResponseInput } from '../protocol/generated/update-features.js';
import type { Runtime } from '../runtime/runtime.js';
import { alterConfigs, incrementalAlterConfigs } from './configs.js';
import type { Decided, Decision } from './context.js';
import type { Controller } from './controller.js';
import { updateFeatures } from './features.js';
import { createPartitions, createTopics, deleteTopics } from './topics.js';

/**
 * What a broker asks of the active controller, wherever that runs. An answer comes once the change is committed; a promise
 * rejects with a `KafkaError` for the whole request, NOT_CONTROLLER among them.
 */
export interface ControllerApi {
  createTopics(request: CreateTopicsRequestInput): Promise<CreateTopicsResponseInput>;
  deleteTopics(request: DeleteTopicsRequestInput): Promise<DeleteTopicsResponseInput>;
  createPartitions(request: CreatePartitionsRequestInput): Promise<CreatePartitionsResponseInput>;
  alterConfigs(request: AlterConfigsRequestInput): Promise<AlterConfigsResponseInput>;
  incrementalAlterConfigs(request: IncrementalAlterConfigsRequestInput): Promise<IncrementalAlterConfigsResponseInput>;
  updateFeatures(request: UpdateFeaturesRequestInput): Promise<UpdateFeaturesResponseInput>;
  registerBroker(request: BrokerRegistrationRequestInput): Promise<BrokerRegistrationResponseInput>;
  heartbeat(request: BrokerHeartbeatRequestInput): Promise<BrokerHeartbeatResponseInput>;
  registerController(request: ControllerRegistrationRequestInput): Promise<ControllerRegistrationResponseInput>;
  allocateProducerIds(request: AllocateProducerIdsRequestInput): Promise<AllocateProducerIdsResponseInput>;
}

/** The controller that runs in this process. */
export class LocalController implements ControllerApi {
  constructor(private readonly runtime: Runtime<Controller, MetadataRecord>) {}

  createTopics = this.#deciding(createTopics);
  deleteTopics = this.#deciding(deleteTopics);
  createPartitions = this.#deciding(createPartitions);
  alterConfigs = this.#deciding(alterConfigs);
  incrementalAlterConfigs = this.#deciding(incrementalAlterConfigs);
  updateFeatures = this.#deciding(updateFeatures);

  registerBroker(request: BrokerRegistrationRequestInput): Promise<BrokerRegistrationResponseInput> {
    return this.runtime.run((controller, at, to) => controller.registerBroker(request, at, to));
  }

  heartbeat(request: BrokerHeartbeatRequestInput): Promise<BrokerHeartbeatResponseInput> {
    return this.runtime.run((controller, at, to) => controller.heartbeat(request, at, to));
  }

  registerController(request: ControllerRegistrationRequestInput): Promise<ControllerRegistrationResponseInput> {
    return this.runtime.run((controller, at, to) => controller.registerController(request, at, to));
  }

  allocateProducerIds(request: AllocateProducerIdsRequestInput): Promise<AllocateProducerIdsResponseInput> {
    return this.runtime.run((controller, at, to) => controller.allocateProducerIds(request, at, to));
  }

  #deciding<Request, Response>(decision: (decision: Decision, request: Request) => Decided<Response>): (request: Request) => Promise<Response> {
    return request => this.runtime.run((controller, at, to) => controller.decide(decision, request, at, to));
  }
}
