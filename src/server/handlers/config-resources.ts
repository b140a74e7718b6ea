import { configKey, ConfigResourceType } from '../../metadata/types.js';
import { KafkaError } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import {
  listConfigResourcesApi, type ListConfigResourcesRequest, type ListConfigResourcesResponseInput,
} from '../../protocol/generated/list-config-resources.js';
import { answering, serve, type ServedApi } from '../api.js';
import { requireOnCluster } from '../authorizer.js';
import { Operation, type RequestContext } from '../context.js';
import type { Services } from '../services.js';

type Needed = Pick<Services, 'authorizer' | 'image'>;

/** Which resources have settings: ListConfigResources 0-1 (KIP-1000, KIP-1142). */
export function configResourceApis(services: Needed): ServedApi[] {
  return [serve(listConfigResourcesApi, answering((request, context) => listConfigResources(services, request, context)))];
}

/** Version 0 knew client metrics only. */
const FIRST_VERSION_WITH_TYPES = 1;
/** In the order in which Kafka tells them, whatever the order asked. */
const LISTED_TYPES: readonly number[] = [
  ConfigResourceType.GROUP, ConfigResourceType.CLIENT_METRICS, ConfigResourceType.BROKER_LOGGER, ConfigResourceType.BROKER, ConfigResourceType.TOPIC,
];

function listConfigResources(services: Needed, { resourceTypes }: ListConfigResourcesRequest, context: RequestContext): ListConfigResourcesResponseInput {
  requireOnCluster(services.authorizer, context, Operation.DESCRIBE_CONFIGS);
  const listed = context.apiVersion < FIRST_VERSION_WITH_TYPES ? [ConfigResourceType.CLIENT_METRICS] : LISTED_TYPES;
  const asked = new Set(resourceTypes.length === 0 ? listed : resourceTypes);
  const unknown = [...asked].find(type => !listed.includes(type));
  if (unknown !== undefined) throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION, `resource type ${unknown} cannot be listed`);
  return {
    configResources: listed.filter(type => asked.has(type)).flatMap(resourceType =>
      namesOf(services, resourceType, context).map(resourceName => ({ resourceName, resourceType }))),
  };
}

/** Topics and brokers are there without settings too; groups and subscriptions to metrics by their settings alone. */
function namesOf({ image }: Needed, type: number, { connection: { listener } }: RequestContext): string[] {
  const { topicsByName, brokers, configs } = image();
  if (type === ConfigResourceType.TOPIC) return [...topicsByName.keys()];
  if (type === ConfigResourceType.BROKER || type === ConfigResourceType.BROKER_LOGGER) {
    return [...brokers.values()].filter(({ endpoints }) => endpoints.some(endpoint => endpoint.listener === listener.name)).map(({ id }) => String(id));
  }
  const prefix = configKey(type, '');
  return [...configs.keys()].filter(key => key.startsWith(prefix)).map(key => key.slice(prefix.length));
}
