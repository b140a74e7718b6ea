import type { Settings } from '../config/index.js';
import type { Clock, Compute, Logger, Random } from '../env/index.js';
import type { LogManager } from '../log/index.js';
import type { MetadataImage } from '../metadata/types.js';
import type { AlterConfigsRequestInput, AlterConfigsResponseInput } from '../protocol/generated/alter-configs.js';
import type { CreatePartitionsRequestInput, CreatePartitionsResponseInput } from '../protocol/generated/create-partitions.js';
import type { CreateTopicsRequestInput, CreateTopicsResponseInput } from '../protocol/generated/create-topics.js';
import type { DeleteTopicsRequestInput, DeleteTopicsResponseInput } from '../protocol/generated/delete-topics.js';
import type { IncrementalAlterConfigsRequestInput, IncrementalAlterConfigsResponseInput } from '../protocol/generated/incremental-alter-configs.js';
import type { UpdateFeaturesRequestInput, UpdateFeaturesResponseInput } from '../protocol/generated/update-features.js';
import type { ReplicaManager } from '../replication/index.js';
import type { Authorizer } from './context.js';

/** What handlers ask of the active controller, wherever it runs. An answer comes once the change is committed. */
export interface ControllerApi {
  createTopics(request: CreateTopicsRequestInput): Promise<CreateTopicsResponseInput>;
  deleteTopics(request: DeleteTopicsRequestInput): Promise<DeleteTopicsResponseInput>;
  createPartitions(request: CreatePartitionsRequestInput): Promise<CreatePartitionsResponseInput>;
  alterConfigs(request: AlterConfigsRequestInput): Promise<AlterConfigsResponseInput>;
  incrementalAlterConfigs(request: IncrementalAlterConfigsRequestInput): Promise<IncrementalAlterConfigsResponseInput>;
  updateFeatures(request: UpdateFeaturesRequestInput): Promise<UpdateFeaturesResponseInput>;
}

/** What handlers reach of the broker; made by the composition root. */
export interface Services {
  readonly brokerId: number;
  readonly clusterId: string;
  /** The cluster as this broker knows it now. */
  image(): MetadataImage;
  /** The broker's settings as they stand now, dynamic ones included. */
  settings(): Settings;
  readonly replicas: ReplicaManager;
  readonly logs: LogManager;
  readonly controller: ControllerApi;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly random: Random;
  readonly compute: Compute;
  readonly logger: Logger;
  /** Resolves once every partition of these topics has a leader that serves; REQUEST_TIMED_OUT when that takes too long. */
  untilTopicsServe(names: readonly string[]): Promise<void>;
  /** Bytes of the volume under a log directory. */
  diskUsage(path: string): { totalBytes: number; usableBytes: number };
  /** The next producer id, from a block of the controller's. */
  nextProducerId(): Promise<number>;
}
