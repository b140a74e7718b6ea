import {
  changeList, ConfigError, validateClientMetricsConfig, validateGroupConfig, validateTopicConfig, type ResourceKind, type Settings,
} from '../config/index.js';
import { metadataVersionName, MetadataVersionGate } from '../metadata/features.js';
import { configOf } from '../metadata/image.js';
import { metadataRecord, type MetadataMessage, type MetadataRecord } from '../metadata/records.js';
import { configKey, ConfigResourceType, type MetadataImage } from '../metadata/types.js';
import { KafkaError } from '../protocol/errors.js';
import type { AlterConfigsRequestInput, AlterConfigsResponseInput } from '../protocol/generated/alter-configs.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { IncrementalAlterConfigsRequestInput, IncrementalAlterConfigsResponseInput } from '../protocol/generated/incremental-alter-configs.js';
import type { Decided, Decision } from './context.js';
import { hasEligibleLeaderReplicas } from './partition-change.js';
import { invalidNameReason } from './topic-names.js';

/**
 * Settings of topics, brokers, groups and subscriptions. After Kafka's `ConfigurationControlManager` and
 * `ControllerConfigurationValidator` (KIP-339, KIP-966). Whether a broker can be what its settings say, that broker has looked
 * at before. The messages are a Kafka controller's, as tools print them.
 */

const KINDS: ReadonlyMap<number, ResourceKind> = new Map([
  [ConfigResourceType.TOPIC, 'topic'], [ConfigResourceType.BROKER, 'broker'],
  [ConfigResourceType.GROUP, 'group'], [ConfigResourceType.CLIENT_METRICS, 'client-metrics'],
]);

const Op = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;
const CORDONED = 'cordoned.log.dirs';
const MIN_ISR = 'min.insync.replicas';
const MAX_VALUE_LENGTH = 32_767;

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

type ConfigChange = MetadataMessage<'Config'>;

type Result = Resource & { readonly errorCode: number; readonly errorMessage: string | null };

/** Changes some settings of each resource and leaves the rest. */
export function incrementalAlterConfigs(
  decision: Decision, request: IncrementalAlterConfigsRequestInput,
): Decided<IncrementalAlterConfigsResponseInput> {
  return alterEach(decision, request, resource => {
    const own = configOf(decision.image, configKey(resource.resourceType, resource.resourceName));
    const after = new Map(own);
    const kind = kindOf(resource);
    const names = distinct(resource.configs);
    for (const { name, configOperation, value } of resource.configs) {
      if (configOperation === Op.DELETE) after.delete(name);
      else after.set(name, valueAfter(kind, name, configOperation, own.get(name), value));
    }
    return change(decision, resource, own, after, { explicit: names, implicit: [] });
  });
}

function valueAfter(kind: ResourceKind, name: string, operation: number, before: string | undefined, value: string | null): string {
  if (value === null) throw new KafkaError(ErrorCode.INVALID_REQUEST, `Null value not supported for : ${name}`);
  switch (operation) {
    case Op.SET:
      return value;
    case Op.APPEND:
      return changeList(kind, name, 'APPEND', before, value);
    case Op.SUBTRACT:
      return changeList(kind, name, 'SUBTRACT', before, value);
    default:
      throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unknown operations type ${operation}`);
  }
}

/** Replaces all settings of each resource. */
export function alterConfigs(decision: Decision, request: AlterConfigsRequestInput): Decided<AlterConfigsResponseInput> {
  return alterEach(decision, request, resource => {
    const own = configOf(decision.image, configKey(resource.resourceType, resource.resourceName));
    const after = new Map<string, string>();
    const explicit = distinct(resource.configs);
    for (const { name, value } of resource.configs) {
      if (value === null) throw new KafkaError(ErrorCode.INVALID_REQUEST, `Null value not supported for : ${name}`);
      after.set(name, value);
    }
    return change(decision, resource, own, after, { explicit, implicit: [...own.keys()].filter(name => !after.has(name)) });
  });
}

function distinct(configs: readonly { readonly name: string }[]): string[] {
  const names = configs.map(({ name }) => name);
  if (new Set(names).size < names.length) throw new KafkaError(ErrorCode.INVALID_REQUEST, 'Error due to duplicate config keys');
  return names;
}

function alterEach<R extends Resource>(
  { image }: Decision, { resources, validateOnly }: { readonly resources: readonly R[]; readonly validateOnly: boolean }, alter: (resource: R) => ConfigChange[],
): Decided<{ responses: Result[] }> {
  const changes: ConfigChange[] = [];
  const named = (resource: Resource): string => configKey(resource.resourceType, resource.resourceName);
  const counts = new Map<string, number>();
  for (const resource of resources) counts.set(named(resource), (counts.get(named(resource)) ?? 0) + 1);
  const responses = resources.map((resource): Result => {
    const { resourceType, resourceName } = resource;
    try {
      if (counts.get(named(resource))! > 1) throw new KafkaError(ErrorCode.INVALID_REQUEST, 'Duplicate resource.');
      changes.push(...alter(resource));
      return { resourceType, resourceName, errorCode: ErrorCode.NONE, errorMessage: null };
    } catch (error) {
      if (error instanceof KafkaError) return { resourceType, resourceName, errorCode: error.errorCode, errorMessage: error.message };
      if (error instanceof ConfigError) return { resourceType, resourceName, errorCode: codeOf(error), errorMessage: error.message };
      throw error;
    }
  });
  return { records: validateOnly ? [] : configRecords(image, changes), response: { responses } };
}

const codeOf = ({ kind }: ConfigError): number => (kind === 'request' ? ErrorCode.INVALID_REQUEST : ErrorCode.INVALID_CONFIG);

function kindOf({ resourceType }: Resource): ResourceKind {
  const kind = KINDS.get(resourceType);
  if (kind === undefined) throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unknown resource type ${resourceType}`);
  return kind;
}

/** Names that a change touches: those that the request has, and those that it takes away by being silent about them. */
interface Touched {
  readonly explicit: readonly string[];
  readonly implicit: readonly string[];
}

/** The records that lead from the settings before to those after, once they are found to be allowed. */
function change(
  decision: Decision, resource: Resource, before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>, { explicit, implicit }: Touched,
): ConfigChange[] {
  const { resourceType, resourceName } = resource;
  // A broker's setting is written even when it stays the same: that makes the broker read files again which it names.
  const changed = explicit.filter(name => before.get(name) !== after.get(name) || resourceType === ConfigResourceType.BROKER);
  const changes = [...changed, ...implicit].map((name): ConfigChange => ({ resourceType, resourceName, name, value: after.get(name) ?? null }));
  for (const one of changes) refuseChange(decision.image, one);
  refuseSettings(decision, resource, after);
  refuseMissing(decision.image, resource);
  return changes;
}

/** With eligible leader replicas the minimum is the cluster's: one entry for all brokers, which stays, and none for one (KIP-966). */
function refuseChange(image: MetadataImage, { resourceType, resourceName, name, value }: ConfigChange): void {
  const refuse = (why: string): never => { throw new KafkaError(ErrorCode.INVALID_CONFIG, why); };
  if (resourceType === ConfigResourceType.BROKER && name === MIN_ISR && hasEligibleLeaderReplicas(image)) {
    if (resourceName !== '') refuse(`Broker-level ${MIN_ISR} cannot be altered while ELR is enabled.`);
    if (value === null) refuse(`Cluster-level ${MIN_ISR} cannot be removed while ELR is enabled.`);
  }
  if (resourceType === ConfigResourceType.BROKER && name === CORDONED && image.features.metadataVersion < MetadataVersionGate.CORDONED_LOG_DIRS) {
    refuse(`The ${CORDONED} configuration value cannot be set because it requires metadata.version >= ${metadataVersionName(MetadataVersionGate.CORDONED_LOG_DIRS)}`);
  }
  if ((value ?? '').length > MAX_VALUE_LENGTH) {
    refuse(`The configuration value cannot be added because it exceeds the maximum value size of ${MAX_VALUE_LENGTH} bytes.`);
  }
}

/** Refuses a name that the resource cannot have, then what `after`, all that it will have, must not hold. */
function refuseSettings({ settings }: Decision, resource: Resource, after: ReadonlyMap<string, string>): void {
  const { resourceName } = resource;
  const badRequest = (why: string): KafkaError => new KafkaError(ErrorCode.INVALID_REQUEST, why);
  switch (kindOf(resource)) {
    case 'topic': {
      if (resourceName === '') throw badRequest('Default topic resources are not allowed.');
      const why = invalidNameReason(resourceName);
      if (why !== undefined) throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, why);
      return validateTopicConfig(settings, after);
    }
    case 'broker':
      if (resourceName !== '' && !/^[+-]?\d+$/.test(resourceName)) throw badRequest('Unable to parse broker name as a base 10 number.');
      if (Number(resourceName) < 0) throw badRequest('Invalid negative broker ID.');
      return;
    case 'group':
      if (resourceName === '') throw badRequest('Default group resources are not allowed.');
      return validateGroupConfig(settings, after);
    case 'client-metrics':
      if (resourceName === '') throw badRequest('Subscription name can\'t be empty');
      return validateClientMetricsConfig(after);
  }
}

/** Groups and subscriptions have settings before they exist. */
function refuseMissing({ topicsByName, brokers, controllers }: MetadataImage, { resourceType, resourceName }: Resource): void {
  if (resourceType === ConfigResourceType.TOPIC && !topicsByName.has(resourceName)) {
    throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${resourceName}' does not exist.`);
  }
  if (resourceType !== ConfigResourceType.BROKER || resourceName === '') return;
  const id = Number(resourceName);
  if (!brokers.has(id) && !controllers.has(id)) throw new KafkaError(ErrorCode.BROKER_ID_NOT_REGISTERED, `No node with id ${id} found.`);
}

/**
 * What writes changes of settings down. Who was eligible under another minimum of in-sync replicas need not be under this one:
 * those records come after all the changes.
 */
export function configRecords(image: MetadataImage, changes: readonly ConfigChange[]): MetadataRecord[] {
  const minimums = hasEligibleLeaderReplicas(image) ? changes.filter(({ name }) => name === MIN_ISR) : [];
  return [
    ...changes.map(change => metadataRecord('Config', change)),
    ...minimums.map(({ resourceType, resourceName }) => metadataRecord('ClearElr', { topicName: resourceType === ConfigResourceType.TOPIC ? resourceName : '' })),
  ];
}

/**
 * What has to hold when eligible leader replicas begin to count: the cluster has a minimum of in-sync replicas, no broker its own
 * (`ConfigurationControlManager.maybeGenerateElrSafetyRecords`).
 */
export function minInsyncReplicasRecords(image: MetadataImage, settings: Settings): MetadataRecord[] {
  const resourceType = ConfigResourceType.BROKER;
  const hasOwn = (resourceName: string): boolean => configOf(image, configKey(resourceType, resourceName)).has(MIN_ISR);
  const cluster = hasOwn('') ? [] : [metadataRecord('Config', { resourceType, resourceName: '', name: MIN_ISR, value: String(settings.get(MIN_ISR)) })];
  const brokers = [...image.configs.keys()].filter(key => key.startsWith(`${resourceType}:`)).map(key => key.slice(`${resourceType}:`.length));
  return [
    ...cluster,
    ...brokers.filter(name => name !== '' && hasOwn(name)).map(resourceName => metadataRecord('Config', { resourceType, resourceName, name: MIN_ISR, value: null })),
  ];
}
