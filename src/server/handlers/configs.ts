import {
  ConfigSource, describeBrokerConfig, describeClientMetricsConfig, describeClusterConfig, describeGroupConfig, describeLoggers, describeTopicConfig,
  type DescribedConfig, type DescribeOptions,
} from '../../config/index.js';
import { invalidNameReason } from '../../controller/index.js';
import { configKey, ConfigResourceType } from '../../metadata/types.js';
import { errorMessage, KafkaError } from '../../protocol/errors.js';
import { alterConfigsApi } from '../../protocol/generated/alter-configs.js';
import { describeConfigsApi, type DescribeConfigsRequest, type DescribeConfigsResponseInput } from '../../protocol/generated/describe-configs.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { incrementalAlterConfigsApi } from '../../protocol/generated/incremental-alter-configs.js';
import { answering, serve, type ServedApi } from '../api.js';
import { Operation, type RequestContext } from '../context.js';
import type { Services } from '../services.js';
import { alterConfigs, incrementalAlterConfigs } from './alter-configs.js';
import { requireConfigAccess } from './config-access.js';

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

const DESCRIBED_TYPES: readonly number[] = [
  ConfigResourceType.TOPIC, ConfigResourceType.BROKER, ConfigResourceType.BROKER_LOGGER, ConfigResourceType.CLIENT_METRICS, ConfigResourceType.GROUP,
];

function describeConfigs(services: Services, request: DescribeConfigsRequest, context: RequestContext): DescribeConfigsResponseInput {
  // One of a type that is none spoils the whole request.
  if (request.resources.some(({ resourceType }) => !DESCRIBED_TYPES.includes(resourceType))) {
    const refused = { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: errorMessage(ErrorCode.INVALID_REQUEST), configs: [] };
    return { results: request.resources.map(({ resourceType, resourceName }) => ({ ...refused, resourceType, resourceName })) };
  }
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
        requireConfigAccess(services, context, Operation.DESCRIBE_CONFIGS, resource);
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
      requireOwnId(services, resourceName, ' or empty string,');
      return describeBrokerConfig(settings, options);
    case ConfigResourceType.BROKER_LOGGER:
      if (resourceName === '') throw new KafkaError(ErrorCode.INVALID_REQUEST, 'Broker id must not be empty');
      requireOwnId(services, resourceName, '');
      return describeLoggers(services.logger.levels?.entries() ?? [], options);
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

/** A broker speaks for itself only; `orElse` is what it would take as well. */
function requireOwnId(services: Services, resourceName: string, orElse: string): void {
  if (!/^[+-]?\d+$/.test(resourceName)) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Broker id must be an integer, but it is: ${resourceName}`);
  }
  if (Number(resourceName) !== services.brokerId) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unexpected broker id, expected ${services.brokerId}${orElse} but received ${resourceName}`);
  }
}
