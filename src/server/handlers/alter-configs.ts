import { changeBrokerList, ConfigError, dynamicTexts, validateBrokerConfig } from '../../config/index.js';
import { isLevelName, ROOT_LOGGER, type LogLevels } from '../../env/index.js';
import { configOf } from '../../metadata/image.js';
import { configKey, ConfigResourceType } from '../../metadata/types.js';
import { KafkaError } from '../../protocol/errors.js';
import type { AlterConfigsRequest, AlterConfigsResponseInput } from '../../protocol/generated/alter-configs.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import type { IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponseInput } from '../../protocol/generated/incremental-alter-configs.js';
import { Operation, type RequestContext } from '../context.js';
import type { Services } from '../services.js';
import { requireConfigAccess } from './config-access.js';

/**
 * What a broker does with a change of settings before the controller decides on it: levels of loggers are its own affair, and
 * only it knows whether its own settings can be what the request wants. After Kafka's `ConfigAdminManager` and
 * `RuntimeLoggerManager`; the messages are a Kafka broker's, as tools print them.
 */

const Op = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;

type Incremental = IncrementalAlterConfigsRequest['resources'][number];
type Legacy = AlterConfigsRequest['resources'][number];

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
}

interface Outcome {
  readonly errorCode?: number;
  readonly errorMessage?: string | null;
}

const DONE: Outcome = { errorCode: ErrorCode.NONE, errorMessage: null };

/** What is to be done with one resource before the controller sees it: nothing more when it gives `settled`. */
type Preprocess<R> = (resource: R) => 'settled' | 'go on';

export async function alterConfigs(services: Services, request: AlterConfigsRequest, context: RequestContext): Promise<AlterConfigsResponseInput> {
  const preprocess = (resource: Legacy): 'go on' => {
    refuseNulls(resource.configs);
    refuseUnknownType(resource, PERSISTED_TYPES);
    if (resource.resourceType === ConfigResourceType.BROKER) {
      checkBroker(services, resource.resourceName, new Map(resource.configs.map(({ name, value }) => [name, value!])));
    }
    return 'go on';
  };
  return answered(services, context, request.resources, preprocess, resources => services.controller.alterConfigs({ ...request, resources }));
}

export async function incrementalAlterConfigs(
  services: Services, request: IncrementalAlterConfigsRequest, context: RequestContext,
): Promise<IncrementalAlterConfigsResponseInput> {
  const preprocess = (resource: Incremental): 'settled' | 'go on' => {
    refuseNulls(resource.configs.filter(({ configOperation }) => configOperation !== Op.DELETE));
    if (resource.resourceType === ConfigResourceType.BROKER_LOGGER) {
      requireConfigAccess(services, context, Operation.ALTER_CONFIGS, resource);
      alterLoggers(services, resource, request.validateOnly);
      return 'settled';
    }
    refuseUnknownType(resource, PERSISTED_TYPES);
    if (resource.resourceType === ConfigResourceType.BROKER) checkBrokerChange(services, resource);
    return 'go on';
  };
  return answered(services, context, request.resources, preprocess, resources => services.controller.incrementalAlterConfigs({ ...request, resources }));
}

const PERSISTED_TYPES: readonly number[] = [ConfigResourceType.TOPIC, ConfigResourceType.BROKER, ConfigResourceType.CLIENT_METRICS, ConfigResourceType.GROUP];

/** Answers in the order of the request, whoever has decided. */
async function answered<R extends Resource>(
  services: Services, context: RequestContext, resources: readonly R[], preprocess: Preprocess<R>,
  decide: (resources: R[]) => Promise<{ responses: readonly (Outcome & { resourceType: number; resourceName: string })[] }>,
) {
  const outcomes = new Map<R, Outcome>();
  const remaining: R[] = [];
  const counts = new Map<string, number>();
  const keyOf = ({ resourceType, resourceName }: { resourceType: number; resourceName: string }): string => configKey(resourceType, resourceName);
  for (const resource of resources) counts.set(keyOf(resource), (counts.get(keyOf(resource)) ?? 0) + 1);
  for (const resource of resources) {
    try {
      if (counts.get(keyOf(resource))! > 1) throw new KafkaError(ErrorCode.INVALID_REQUEST, 'Each resource must appear at most once.');
      if (new Set(resource.configs.map(({ name }) => name)).size < resource.configs.length) {
        throw new KafkaError(ErrorCode.INVALID_REQUEST, 'Error due to duplicate config keys');
      }
      if (preprocess(resource) === 'settled') outcomes.set(resource, DONE);
      else {
        requireConfigAccess(services, context, Operation.ALTER_CONFIGS, resource);
        remaining.push(resource);
      }
    } catch (error) {
      outcomes.set(resource, refusal(error));
    }
  }
  const decided = remaining.length === 0 ? [] : (await decide(remaining)).responses;
  const byKey = new Map(decided.map(response => [keyOf(response), response]));
  return {
    responses: resources.map(resource => {
      const { resourceType, resourceName } = resource;
      return { ...(outcomes.get(resource) ?? byKey.get(keyOf(resource))!), resourceType, resourceName };
    }),
  };
}

function refusal(error: unknown): Outcome {
  if (error instanceof KafkaError) return { errorCode: error.errorCode, errorMessage: error.message };
  if (error instanceof ConfigError) {
    return { errorCode: error.kind === 'request' ? ErrorCode.INVALID_REQUEST : ErrorCode.INVALID_CONFIG, errorMessage: error.message };
  }
  throw error;
}

function refuseNulls(configs: Resource['configs']): void {
  const nulls = configs.filter(({ value }) => value === null).map(({ name }) => name);
  if (nulls.length > 0) throw new KafkaError(ErrorCode.INVALID_REQUEST, `Null value not supported for : ${nulls.join(', ')}`);
}

function refuseUnknownType({ resourceType }: Resource, known: readonly number[]): void {
  if (!known.includes(resourceType)) throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unknown resource type ${resourceType}`);
}

/** A broker answers for itself, or without a name for all, and for no other. */
function checkBroker(services: Services, resourceName: string, own: ReadonlyMap<string, string>): void {
  if (resourceName !== '') requireOwnNode(services, resourceName, 'Unexpected broker id, expected');
  validateBrokerConfig(services.settings(), own, resourceName !== '');
}

function checkBrokerChange(services: Services, { resourceType, resourceName, configs }: Incremental): void {
  if (resourceName !== '') requireOwnNode(services, resourceName, 'Unexpected broker id, expected');
  const strange = configs.find(({ configOperation }) => configOperation < Op.SET || configOperation > Op.SUBTRACT);
  if (strange !== undefined) throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unknown operations type ${strange.configOperation}`);
  const own = dynamicTexts(configOf(services.image(), configKey(resourceType, resourceName)), resourceName !== '');
  for (const { name, configOperation, value } of configs) {
    if (configOperation === Op.DELETE) own.delete(name);
    else if (configOperation === Op.SET) own.set(name, value!);
    else own.set(name, changeBrokerList(name, configOperation === Op.APPEND ? 'append' : 'subtract', own.get(name), value!));
  }
  validateBrokerConfig(services.settings(), own, resourceName !== '');
}

/** `unexpected` are the words before the number of the node that answers. */
function requireOwnNode({ brokerId }: Services, resourceName: string, unexpected: string): void {
  if (!/^[+-]?\d+$/.test(resourceName)) throw new KafkaError(ErrorCode.INVALID_REQUEST, `Node id must be an integer, but it is: ${resourceName}`);
  if (Number(resourceName) !== brokerId) throw new KafkaError(ErrorCode.INVALID_REQUEST, `${unexpected} ${brokerId}, but received ${resourceName}`);
}

function alterLoggers(services: Services, { resourceName, configs }: Incremental, validateOnly: boolean): void {
  requireOwnNode(services, resourceName, 'Unexpected node id. Expected');
  const { levels } = services.logger;
  for (const { name, configOperation, value } of configs) checkLevel(levels, name, configOperation, value);
  if (validateOnly || levels === undefined) return;
  for (const { name, configOperation, value } of configs) {
    if (configOperation === Op.DELETE) levels.unset(name);
    else if (value !== null && isLevelName(value)) levels.set(name, value);
    services.logger.warn('the level of a logger was changed', { logger: name, level: levels.levelOf(name) });
  }
}

function checkLevel(levels: LogLevels | undefined, logger: string, operation: number, level: string | null): void {
  const badRequest = (why: string): KafkaError => new KafkaError(ErrorCode.INVALID_REQUEST, why);
  if (operation === Op.APPEND || operation === Op.SUBTRACT) {
    throw badRequest(`${operation === Op.APPEND ? 'APPEND' : 'SUBTRACT'} operation is not allowed for the BROKER_LOGGER resource`);
  }
  if (operation !== Op.SET && operation !== Op.DELETE) throw badRequest(`Unknown operation type ${operation} is not allowed for the BROKER_LOGGER resource`);
  if (levels?.has(logger) !== true) throw new KafkaError(ErrorCode.INVALID_CONFIG, `Logger ${logger} does not exist!`);
  if (operation === Op.DELETE && logger === ROOT_LOGGER) throw badRequest(`Removing the log level of the ${ROOT_LOGGER} logger is not allowed`);
  if (operation === Op.SET && (level === null || !isLevelName(level))) {
    throw new KafkaError(ErrorCode.INVALID_CONFIG, `Cannot set the log level of ${logger} to ${level} as it is not a supported log level. ` +
      'Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN');
  }
}
