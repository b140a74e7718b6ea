import {
  changeList, ConfigError, validateBrokerConfig, validateClientMetricsConfig, validateGroupConfig, validateTopicConfig, type ResourceKind, type Settings,
} from '../config/index.js';
import { MetadataVersionGate } from '../metadata/features.js';
import { configOf } from '../metadata/image.js';
import { metadataRecord, type MetadataRecord } from '../metadata/records.js';
import { configKey, ConfigResourceType, type MetadataImage } from '../metadata/types.js';
import { KafkaError } from '../protocol/errors.js';
import type { AlterConfigsRequestInput, AlterConfigsResponseInput } from '../protocol/generated/alter-configs.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { IncrementalAlterConfigsRequestInput, IncrementalAlterConfigsResponseInput } from '../protocol/generated/incremental-alter-configs.js';
import type { Decided, Decision } from './context.js';
import { hasEligibleLeaderReplicas } from './partition-change.js';
import { invalidNameReason } from './topic-names.js';

/** Settings of topics, brokers, groups and subscriptions. After Kafka's `ConfigurationControlManager` (KIP-339, KIP-966). */

const KINDS: ReadonlyMap<number, ResourceKind> = new Map([
  [ConfigResourceType.TOPIC, 'topic'], [ConfigResourceType.BROKER, 'broker'],
  [ConfigResourceType.GROUP, 'group'], [ConfigResourceType.CLIENT_METRICS, 'client-metrics'],
]);

const Op = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;
const CORDONED = 'cordoned.log.dirs';
const MIN_ISR = 'min.insync.replicas';
const MAX_VALUE_BYTES = 32_767;

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

type Result = Resource & { readonly errorCode: number; readonly errorMessage: string | null };

/** Changes some settings of each resource and leaves the rest. */
export function incrementalAlterConfigs(
  decision: Decision, request: IncrementalAlterConfigsRequestInput,
): Decided<IncrementalAlterConfigsResponseInput> {
  return alterEach(request, resource => {
    const own = configOf(decision.image, configKey(resource.resourceType, resource.resourceName));
    const after = new Map(own);
    const kind = kindOf(resource);
    const names = resource.configs.map(({ name }) => name);
    if (new Set(names).size < names.length) throw new KafkaError(ErrorCode.INVALID_REQUEST, 'a setting is named twice');
    for (const { name, configOperation, value } of resource.configs) {
      if (configOperation === Op.DELETE) after.delete(name);
      else after.set(name, valueAfter(kind, name, configOperation, own.get(name), value));
    }
    return change(decision, resource, own, after, names);
  });
}

function valueAfter(kind: ResourceKind, name: string, operation: number, before: string | undefined, value: string | null): string {
  if (value === null) throw new KafkaError(ErrorCode.INVALID_REQUEST, `${name} has no value`);
  switch (operation) {
    case Op.SET:
      return value;
    case Op.APPEND:
      return changeList(kind, name, 'APPEND', before, value);
    case Op.SUBTRACT:
      return changeList(kind, name, 'SUBTRACT', before, value);
    default:
      throw new KafkaError(ErrorCode.INVALID_REQUEST, `operation ${operation} is not known: 0 sets, 1 deletes, 2 appends, 3 subtracts`);
  }
}

/** Replaces all settings of each resource. */
export function alterConfigs(decision: Decision, request: AlterConfigsRequestInput): Decided<AlterConfigsResponseInput> {
  return alterEach(request, resource => {
    const own = configOf(decision.image, configKey(resource.resourceType, resource.resourceName));
    const after = new Map<string, string>();
    for (const { name, value } of resource.configs) {
      if (after.has(name)) throw new KafkaError(ErrorCode.INVALID_REQUEST, 'a setting is named twice');
      if (value === null) throw new KafkaError(ErrorCode.INVALID_REQUEST, `${name} has no value`);
      after.set(name, value);
    }
    return change(decision, resource, own, after, [...after.keys(), ...own.keys()]);
  });
}

function alterEach<R extends Resource>(
  { resources, validateOnly }: { readonly resources: readonly R[]; readonly validateOnly: boolean }, alter: (resource: R) => MetadataRecord[],
): Decided<{ responses: Result[] }> {
  const records: MetadataRecord[] = [];
  const named = (resource: Resource): string => configKey(resource.resourceType, resource.resourceName);
  const responses = resources.map((resource): Result => {
    const { resourceType, resourceName } = resource;
    try {
      if (resources.filter(other => named(other) === named(resource)).length > 1) {
        throw new KafkaError(ErrorCode.INVALID_REQUEST, 'the resource is named more than once');
      }
      records.push(...alter(resource));
      return { resourceType, resourceName, errorCode: ErrorCode.NONE, errorMessage: null };
    } catch (error) {
      if (error instanceof KafkaError) return { resourceType, resourceName, errorCode: error.errorCode, errorMessage: error.message };
      if (error instanceof ConfigError) return { resourceType, resourceName, errorCode: codeOf(error, resource), errorMessage: error.message };
      throw error;
    }
  });
  return { records: validateOnly ? [] : records, response: { responses } };
}

/** A broker tries its own settings before the controller does, and calls a request with bad ones invalid (`ConfigAdminManager`). */
function codeOf({ kind }: ConfigError, { resourceType }: Resource): number {
  return kind === 'request' || resourceType === ConfigResourceType.BROKER ? ErrorCode.INVALID_REQUEST : ErrorCode.INVALID_CONFIG;
}

function kindOf({ resourceType }: Resource): ResourceKind {
  const kind = KINDS.get(resourceType);
  if (kind === undefined) throw new KafkaError(ErrorCode.INVALID_REQUEST, `resources of type ${resourceType} have no settings here`);
  return kind;
}

/** The records that lead from the settings before to those after, once they are found to be allowed. */
function change(
  decision: Decision, resource: Resource, before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>, touched: readonly string[],
): MetadataRecord[] {
  const { resourceType, resourceName } = resource;
  const tooLong = touched.find(name => (after.get(name) ?? '').length > MAX_VALUE_BYTES);
  if (tooLong !== undefined) {
    throw new KafkaError(ErrorCode.INVALID_CONFIG, `a value is longer than ${MAX_VALUE_BYTES} bytes`);
  }
  refuseResource(decision, resource, after);
  refuseMinIsr(decision.image, resource, before, after);
  if (resourceType === ConfigResourceType.BROKER && touched.includes(CORDONED) && decision.image.features.metadataVersion < MetadataVersionGate.CORDONED_LOG_DIRS) {
    throw new KafkaError(ErrorCode.INVALID_CONFIG, `${CORDONED} can be set from metadata.version ${MetadataVersionGate.CORDONED_LOG_DIRS} on`);
  }
  // A broker's setting is written even when it stays the same: that makes the broker read files again which it names.
  const changed = [...new Set(touched)].filter(name => before.get(name) !== after.get(name) || resourceType === ConfigResourceType.BROKER);
  const records = changed.map(name => metadataRecord('Config', { resourceType, resourceName, name, value: after.get(name) ?? null }));
  // Who was eligible under another minimum need not be under this one.
  if (!hasEligibleLeaderReplicas(decision.image) || !changed.includes(MIN_ISR)) return records;
  return [...records, metadataRecord('ClearElr', { topicName: resourceType === ConfigResourceType.TOPIC ? resourceName : '' })];
}

function refuseTopicName(name: string): void {
  if (name === '') throw new KafkaError(ErrorCode.INVALID_REQUEST, 'a topic has a name');
  const why = invalidNameReason(name);
  if (why !== undefined) throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, why);
}

function refuseResource({ image, settings }: Decision, resource: Resource, after: ReadonlyMap<string, string>): void {
  const { resourceName } = resource;
  switch (kindOf(resource)) {
    case 'topic':
      refuseTopicName(resourceName);
      if (!image.topicsByName.has(resourceName)) {
        throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic '${resourceName}'`);
      }
      return validateTopicConfig(settings, after);
    case 'broker':
      if (resourceName !== '' && !/^\d+$/.test(resourceName)) {
        throw new KafkaError(ErrorCode.INVALID_REQUEST, `'${resourceName}' is not the number of a node`);
      }
      return validateBrokerConfig(settings, after, resourceName !== '');
    case 'group':
      if (resourceName === '') throw new KafkaError(ErrorCode.INVALID_REQUEST, 'groups have no default: name one');
      return validateGroupConfig(settings, after);
    case 'client-metrics':
      if (resourceName === '') throw new KafkaError(ErrorCode.INVALID_REQUEST, 'Subscription name can\'t be empty');
      return validateClientMetricsConfig(after);
  }
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

/** With eligible leader replicas the minimum is the cluster's: one entry for all brokers, which stays, and none for one (KIP-966). */
function refuseMinIsr(image: MetadataImage, { resourceType, resourceName }: Resource, before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): void {
  if (!hasEligibleLeaderReplicas(image) || resourceType !== ConfigResourceType.BROKER || before.get(MIN_ISR) === after.get(MIN_ISR)) return;
  if (resourceName !== '') throw new KafkaError(ErrorCode.INVALID_CONFIG, `with eligible leader replicas, ${MIN_ISR} is set for all brokers together`);
  if (!after.has(MIN_ISR)) throw new KafkaError(ErrorCode.INVALID_CONFIG, `with eligible leader replicas, ${MIN_ISR} has to stay set`);
}
