import {
  ConfigSource, describeBrokerConfig, describeClientMetricsConfig, describeClusterConfig, describeGroupConfig, describeTopicConfig,
  type DescribedConfig, type DescribeOptions,
} from '../../config/index.js';
import { invalidNameReason } from '../../controller/index.js';
import { configKey, ConfigResourceType } from '../../metadata/types.js';
import { KafkaError } from '../../protocol/errors.js';
import { alterConfigsApi, type AlterConfigsRequest, type AlterConfigsResponseInput } from '../../protocol/generated/alter-configs.js';
import { describeConfigsApi, type DescribeConfigsRequest, type DescribeConfigsResponseInput } from '../../protocol/generated/describe-configs.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import {
  incrementalAlterConfigsApi, type IncrementalAlterConfigsRequest, type IncrementalAlterConfigsResponseInput,
} from '../../protocol/generated/incremental-alter-configs.js';
import { answering, serve, type ServedApi } from '../api.js';
import { Operation, Resource, type OperationCode, type RequestContext } from '../context.js';
import type { Services } from '../services.js';

/**
 * Settings of resources: DescribeConfigs 1-4 (KIP-226, KIP-569), AlterConfigs 0-2 (KIP-133), IncrementalAlterConfigs 0-1
 * (KIP-339).
 */
export function configApis(services: Services): ServedApi[] {
  const roles = ['broker', 'controller'] as const;
  return [
    serve(describeConfigsApi, answering((request, context) => describeConfigs(services, request, context)), { roles }),
    serve(alterConfigsApi, answering((request, context) => alterConfigs(services, request, context)), { roles }),
    serve(incrementalAlterConfigsApi, answering((request, context) => incrementalAlterConfigs(services, request, context)), { roles }),
  ];
}

type ResourceName = { readonly resourceType: number; readonly resourceName: string };

function describeConfigs(services: Services, request: DescribeConfigsRequest, context: RequestContext): DescribeConfigsResponseInput {
  return {
    results: request.resources.map(({ resourceType, resourceName, configurationKeys }) => {
      const resource = { resourceType, resourceName };
      const options = {
        // Java sends null for all; an empty list means all as well.
        names: configurationKeys === null || configurationKeys.length === 0 ? null : configurationKeys,
        includeSynonyms: request.includeSynonyms,
        includeDocumentation: request.includeDocumentation,
      };
      try {
        require(services, context, Operation.DESCRIBE_CONFIGS, resource);
        return { ...resource, errorCode: ErrorCode.NONE, errorMessage: '', configs: describe(services, resource, options).map(entry) };
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        return { ...resource, errorCode: error.errorCode, errorMessage: error.message, configs: [] };
      }
    }),
  };
}

function entry(config: DescribedConfig) {
  return { ...config, synonyms: [...config.synonyms], isDefault: config.configSource === ConfigSource.DEFAULT };
}

function describe(services: Services, { resourceType, resourceName }: ResourceName, options: DescribeOptions): DescribedConfig[] {
  const image = services.image();
  const settings = services.settings();
  const own = image.configs.get(configKey(resourceType, resourceName)) ?? new Map<string, string>();
  switch (resourceType) {
    case ConfigResourceType.TOPIC:
      refuseInvalidName(resourceName);
      if (!image.topicsByName.has(resourceName)) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, '');
      return describeTopicConfig(settings, own, options);
    case ConfigResourceType.BROKER:
      if (resourceName === '') return describeClusterConfig(settings, options);
      requireOwnId(services, resourceName);
      return describeBrokerConfig(settings, options);
    case ConfigResourceType.BROKER_LOGGER:
      requireOwnId(services, resourceName);
      return [];
    case ConfigResourceType.GROUP:
      if (resourceName === '') throw new KafkaError(ErrorCode.INVALID_REQUEST, 'Group name must not be empty');
      return describeGroupConfig(settings, own, options);
    case ConfigResourceType.CLIENT_METRICS:
      if (resourceName === '') throw new KafkaError(ErrorCode.INVALID_REQUEST, 'Client metrics subscription name must not be empty');
      return describeClientMetricsConfig(own, options);
    default:
      throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unsupported resource type: ${resourceType}`);
  }
}

function refuseInvalidName(topic: string): void {
  const why = invalidNameReason(topic);
  if (why !== undefined) throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, why);
}

/** A broker speaks for itself only; the message is what clients show. */
function requireOwnId(services: Services, resourceName: string): void {
  const id = Number(resourceName);
  if (!/^-?\d+$/.test(resourceName)) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Broker id must be an integer, but it is: ${resourceName}`);
  }
  if (id !== services.brokerId) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unexpected broker id, expected ${services.brokerId} or empty string, but received ${resourceName}`);
  }
}

/** What the controller is to decide on, and what was refused before it. */
function splitAllowed<R extends ResourceName>(services: Services, context: RequestContext, resources: readonly R[]) {
  const allowed: R[] = [];
  const refused: (ResourceName & { errorCode: number; errorMessage: string })[] = [];
  for (const resource of resources) {
    try {
      require(services, context, Operation.ALTER_CONFIGS, resource);
      if (resource.resourceType === ConfigResourceType.BROKER && resource.resourceName !== '') requireOwnId(services, resource.resourceName);
      allowed.push(resource);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      refused.push({ resourceType: resource.resourceType, resourceName: resource.resourceName, errorCode: error.errorCode, errorMessage: error.message });
    }
  }
  return { allowed, refused };
}

async function alterConfigs(services: Services, request: AlterConfigsRequest, context: RequestContext): Promise<AlterConfigsResponseInput> {
  const { allowed, refused } = splitAllowed(services, context, request.resources);
  const response = await services.controller.alterConfigs({ ...request, resources: allowed });
  return { responses: [...response.responses, ...refused] };
}

async function incrementalAlterConfigs(
  services: Services, request: IncrementalAlterConfigsRequest, context: RequestContext,
): Promise<IncrementalAlterConfigsResponseInput> {
  const { allowed, refused } = splitAllowed(services, context, request.resources);
  const response = await services.controller.incrementalAlterConfigs({ ...request, resources: allowed });
  return { responses: [...response.responses, ...refused] };
}

/** Topics and groups are asked for themselves, the rest belongs to the cluster. */
function require(services: Services, context: RequestContext, operation: OperationCode, { resourceType, resourceName }: ResourceName): void {
  const { authorizer } = services;
  if (resourceType === ConfigResourceType.TOPIC) {
    if (!authorizer.allows(context, operation, Resource.TOPIC, resourceName)) throw new KafkaError(ErrorCode.TOPIC_AUTHORIZATION_FAILED);
  } else if (resourceType === ConfigResourceType.GROUP) {
    if (!authorizer.allows(context, operation, Resource.GROUP, resourceName)) throw new KafkaError(ErrorCode.GROUP_AUTHORIZATION_FAILED);
  } else if (!authorizer.allows(context, operation, Resource.CLUSTER, 'kafka-cluster')) {
    throw new KafkaError(ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
  }
}
