import type { Clock, Logger, Random } from '../env/index.js';
import { metadataCodec, type MetadataRecord } from '../metadata/records.js';
import { errorMessage, KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type * as generated from '../protocol/generated/index.js';
import type { ReplicatedLog } from '../runtime/replicated-log.js';
import { Runtime, type RuntimeFault } from '../runtime/runtime.js';
import { unregisterBroker } from './brokers.js';
import { alterClientQuotas, type AlterClientQuotas } from './client-quotas.js';
import { alterConfigs, incrementalAlterConfigs } from './configs.js';
import type { ChargePartitions, Decided, Decision } from './context.js';
import { Controller, type ControllerOptions } from './controller.js';
import { updateFeatures } from './features.js';
import { alterPartition, assignReplicasToDirs, electLeaders } from './partitions.js';
import { alterPartitionReassignments, listPartitionReassignments } from './reassignments.js';
import { allocateProducerIds, registerController } from './registrations.js';
import { alterUserScramCredentials } from './scram.js';
import { createPartitions, createTopics, deleteTopics } from './topics.js';

/**
 * What a broker asks of the active controller, wherever that runs. An answer comes once the change is committed; a promise
 * rejects with a `KafkaError` for the whole request, NOT_CONTROLLER among them.
 */
export interface ControllerApi {
  /** `charge` counts the partitions that are made or removed against the client's quota; nothing bounds them without. */
  createTopics(request: generated.CreateTopicsRequestInput, charge?: ChargePartitions): Promise<generated.CreateTopicsResponseInput>;
  deleteTopics(request: generated.DeleteTopicsRequestInput, charge?: ChargePartitions): Promise<generated.DeleteTopicsResponseInput>;
  createPartitions(request: generated.CreatePartitionsRequestInput, charge?: ChargePartitions): Promise<generated.CreatePartitionsResponseInput>;
  alterConfigs(request: generated.AlterConfigsRequestInput): Promise<generated.AlterConfigsResponseInput>;
  incrementalAlterConfigs(request: generated.IncrementalAlterConfigsRequestInput): Promise<generated.IncrementalAlterConfigsResponseInput>;
  alterClientQuotas(request: AlterClientQuotas): Promise<generated.AlterClientQuotasResponseInput>;
  updateFeatures(request: generated.UpdateFeaturesRequestInput): Promise<generated.UpdateFeaturesResponseInput>;
  electLeaders(request: generated.ElectLeadersRequestInput): Promise<generated.ElectLeadersResponseInput>;
  alterPartitionReassignments(request: generated.AlterPartitionReassignmentsRequestInput): Promise<generated.AlterPartitionReassignmentsResponseInput>;
  listPartitionReassignments(request: generated.ListPartitionReassignmentsRequestInput): Promise<generated.ListPartitionReassignmentsResponseInput>;
  registerBroker(request: generated.BrokerRegistrationRequestInput): Promise<generated.BrokerRegistrationResponseInput>;
  heartbeat(request: generated.BrokerHeartbeatRequestInput): Promise<generated.BrokerHeartbeatResponseInput>;
  alterUserScramCredentials(request: generated.AlterUserScramCredentialsRequestInput): Promise<generated.AlterUserScramCredentialsResponseInput>;
  unregisterBroker(request: generated.UnregisterBrokerRequestInput): Promise<generated.UnregisterBrokerResponseInput>;
  registerController(request: generated.ControllerRegistrationRequestInput): Promise<generated.ControllerRegistrationResponseInput>;
  allocateProducerIds(request: generated.AllocateProducerIdsRequestInput): Promise<generated.AllocateProducerIdsResponseInput>;
  alterPartition(request: generated.AlterPartitionRequestInput): Promise<generated.AlterPartitionResponseInput>;
  assignReplicasToDirs(request: generated.AssignReplicasToDirsRequestInput): Promise<generated.AssignReplicasToDirsResponseInput>;
}

/** The controller that runs in this process. */
export class LocalController implements ControllerApi {
  /** `raiseQuorum` makes the log's own control records say another kraft.version. */
  constructor(private readonly runtime: Runtime<Controller, MetadataRecord>, private readonly raiseQuorum: (kraftVersion: number) => void = () => {}) {}

  createTopics = this.#deciding(createTopics);
  deleteTopics = this.#deciding(deleteTopics);
  createPartitions = this.#deciding(createPartitions);
  alterConfigs = this.#deciding(alterConfigs);
  incrementalAlterConfigs = this.#deciding(incrementalAlterConfigs);
  alterClientQuotas = this.#deciding(alterClientQuotas);
  electLeaders = this.#deciding(electLeaders);
  alterUserScramCredentials = this.#deciding(alterUserScramCredentials);
  alterPartitionReassignments = this.#deciding(alterPartitionReassignments);
  listPartitionReassignments = this.#deciding(listPartitionReassignments);
  unregisterBroker = this.#deciding(unregisterBroker);
  registerController = this.#deciding(registerController);
  allocateProducerIds = this.#deciding(allocateProducerIds);
  alterPartition = this.#deciding(alterPartition);
  assignReplicasToDirs = this.#deciding(assignReplicasToDirs);

  registerBroker(request: generated.BrokerRegistrationRequestInput): Promise<generated.BrokerRegistrationResponseInput> {
    return this.runtime.run((controller, at, to) => controller.registerBroker(request, at, to));
  }

  heartbeat(request: generated.BrokerHeartbeatRequestInput): Promise<generated.BrokerHeartbeatResponseInput> {
    return this.runtime.run((controller, at, to) => controller.heartbeat(request, at, to));
  }

  async updateFeatures(request: generated.UpdateFeaturesRequestInput): Promise<generated.UpdateFeaturesResponseInput> {
    let kraftVersion: number | undefined;
    const decide = (decision: Decision, asked: typeof request): Decided<generated.UpdateFeaturesResponseInput> => {
      const decided = updateFeatures(decision, asked);
      kraftVersion = decided.kraftVersion;
      return decided;
    };
    const response = await this.runtime.run<generated.UpdateFeaturesResponseInput>((controller, at, to) => controller.decide(decide, request, at, to));
    if (kraftVersion !== undefined) {
      this.raiseQuorum(kraftVersion);
      this.runtime.machine?.setKraftVersion(kraftVersion);
    }
    return response;
  }

  #deciding<Request, Response>(decision: (decision: Decision, request: Request) => Decided<Response>): (request: Request, charge?: ChargePartitions) => Promise<Response> {
    return (request, charge) => this.runtime.run((controller, at, to) => controller.decide(decision, request, at, to, charge));
  }
}

export interface ControllerRuntimeOptions extends ControllerOptions {
  readonly env: { readonly clock: Clock; readonly random: Random; readonly logger: Logger };
  readonly log: ReplicatedLog;
  /** The controller failed on its own log, which it must not survive. */
  readonly onFault: (error: unknown) => void;
}

/** The runtime of this node's controller; `elected` and `resigned` follow what raft says of the leadership. */
export function createControllerRuntime(options: ControllerRuntimeOptions): Runtime<Controller, MetadataRecord> {
  const { env, log, onFault } = options;
  const runtime: Runtime<Controller, MetadataRecord> = new Runtime({
    name: 'controller', ...env, log, onFault,
    codec: metadataCodec(() => runtime.machine?.metadataVersion ?? options.bootstrap.metadataVersion),
    create: () => new Controller(options),
    errorFor: (fault, cause) => controllerError(fault, cause),
  });
  return runtime;
}

function controllerError(fault: RuntimeFault, cause: unknown): KafkaError {
  const code = cause instanceof KafkaError ? cause.errorCode : undefined;
  if (fault === 'append-failed' && code === ErrorCode.MESSAGE_TOO_LARGE) {
    return new KafkaError(ErrorCode.POLICY_VIOLATION, 'the change is too large for one batch of the metadata log');
  }
  return new KafkaError(ErrorCode.NOT_CONTROLLER, fault === 'append-failed' ? 'The metadata log cannot be written' : errorMessage(ErrorCode.NOT_CONTROLLER));
}
