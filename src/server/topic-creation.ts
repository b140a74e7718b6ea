import { invalidNameReason, type ChargePartitions } from '../controller/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { KafkaError } from '../protocol/errors.js';
import { Operation, Resource, type RequestContext } from './context.js';
import { isInternalTopic, OFFSETS_TOPIC, SHARE_STATE_TOPIC, TRANSACTIONS_TOPIC } from '../protocol/internal-topics.js';
import type { Services } from './services.js';

/** Topics that come into being because somebody asked for them; a creation answers only once its leaders serve. */

const SERVE_TIMEOUT_MS = 30_000;

/** Creates what is missing of `names`, where settings and authorizer allow it; the codes of those that it did not create. */
export async function autoCreateTopics(services: Services, context: RequestContext, names: readonly string[]): Promise<Map<string, number>> {
  const failures = new Map<string, number>();
  const wanted: string[] = [];
  const enabled = services.settings().get('auto.create.topics.enable');
  for (const name of new Set(names)) {
    const mayCreate = services.authorizer.allows(context, Operation.CREATE, Resource.TOPIC, name);
    if (invalidNameReason(name) !== undefined) failures.set(name, ErrorCode.INVALID_TOPIC_EXCEPTION);
    else if (!mayCreate) failures.set(name, ErrorCode.TOPIC_AUTHORIZATION_FAILED);
    else if (enabled || isInternalTopic(name)) wanted.push(name);
    else failures.set(name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  }
  const quota = services.quotas.mutations(context, true);
  if (wanted.length > 0) await create(services, wanted, failures, quota.charge);
  // A client that asks for metadata knows nothing of that quota: to it the topic is not there yet, and it asks again.
  for (const [name, code] of failures) if (code === ErrorCode.THROTTLING_QUOTA_EXCEEDED) failures.set(name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  return failures;
}

/** Makes sure that a coordinator's topic exists and its partitions serve. */
export async function ensureInternalTopic(services: Services, name: string): Promise<void> {
  if (services.image().topicsByName.has(name)) return;
  const failures = new Map<string, number>();
  await create(services, [name], failures);
  const failure = failures.get(name);
  if (failure !== undefined) throw new KafkaError(failure === ErrorCode.NONE ? ErrorCode.COORDINATOR_NOT_AVAILABLE : failure);
}

async function create(services: Services, names: readonly string[], failures: Map<string, number>, charge?: ChargePartitions): Promise<void> {
  const response = await services.controller.createTopics({
    topics: names.map(name => ({ name, assignments: [], ...shapeOf(services, name) })),
    timeoutMs: SERVE_TIMEOUT_MS,
    validateOnly: false,
  }, charge);
  for (const { name, errorCode = ErrorCode.NONE } of response.topics ?? []) {
    // Somebody else was faster: it exists, which is what was wanted.
    if (errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.TOPIC_ALREADY_EXISTS) failures.set(name, errorCode);
  }
  await services.untilTopicsServe(names.filter(name => !failures.has(name)), SERVE_TIMEOUT_MS);
}

/** Partitions, replicas and settings: the broker's defaults, or what an internal topic needs. */
function shapeOf(services: Services, name: string) {
  const settings = services.settings();
  const compacted = (segmentBytes: number, compression = 'producer') => [
    { name: 'cleanup.policy', value: 'compact' },
    { name: 'compression.type', value: compression },
    { name: 'segment.bytes', value: String(segmentBytes) },
  ];
  switch (name) {
    case OFFSETS_TOPIC:
      return {
        numPartitions: settings.get('offsets.topic.num.partitions'),
        replicationFactor: settings.get('offsets.topic.replication.factor'),
        configs: compacted(settings.get('offsets.topic.segment.bytes')),
      };
    case TRANSACTIONS_TOPIC:
      return {
        numPartitions: settings.get('transaction.state.log.num.partitions'),
        replicationFactor: settings.get('transaction.state.log.replication.factor'),
        configs: [
          ...compacted(settings.get('transaction.state.log.segment.bytes'), 'uncompressed'),
          { name: 'min.insync.replicas', value: String(settings.get('transaction.state.log.min.isr')) },
          { name: 'unclean.leader.election.enable', value: 'false' },
        ],
      };
    case SHARE_STATE_TOPIC:
      return {
        numPartitions: settings.get('share.coordinator.state.topic.num.partitions'),
        replicationFactor: settings.get('share.coordinator.state.topic.replication.factor'),
        configs: [
          { name: 'cleanup.policy', value: 'delete' },
          { name: 'compression.type', value: 'producer' },
          { name: 'segment.bytes', value: String(settings.get('share.coordinator.state.topic.segment.bytes')) },
          { name: 'min.insync.replicas', value: String(settings.get('share.coordinator.state.topic.min.isr')) },
          { name: 'retention.ms', value: '-1' },
        ],
      };
    default:
      return { numPartitions: -1, replicationFactor: -1, configs: [] };
  }
}
