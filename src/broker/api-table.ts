import type { ServedApi } from '../server/api.js';
import { aclApis } from '../server/handlers/acls.js';
import { clientQuotaApis } from '../server/handlers/client-quotas.js';
import { clusterApis } from '../server/handlers/cluster.js';
import { configResourceApis } from '../server/handlers/config-resources.js';
import { configApis } from '../server/handlers/configs.js';
import { delegationTokenApis } from '../server/handlers/delegation-tokens.js';
import { describeClusterApis } from '../server/handlers/describe-cluster.js';
import { fetchApis } from '../server/handlers/fetch.js';
import { groupApis } from '../server/handlers/groups.js';
import { logOffsetApis } from '../server/handlers/list-offsets.js';
import { logDirApis } from '../server/handlers/log-dirs.js';
import { metadataApis } from '../server/handlers/metadata.js';
import { produceApis } from '../server/handlers/produce.js';
import { saslApis } from '../server/handlers/sasl.js';
import { scramApis } from '../server/handlers/scram.js';
import { producerApis } from '../server/handlers/producers.js';
import { quorumApis } from '../server/handlers/quorum.js';
import { reassignmentApis } from '../server/handlers/reassignments.js';
import { telemetryApis } from '../server/handlers/telemetry.js';
import { topicApis } from '../server/handlers/topics.js';
import { transactionApis } from '../server/handlers/transactions/index.js';
import { txnOffsetCommitApis } from '../server/handlers/transactions/txn-offset-commit.js';
import { txnMarkerApis } from '../server/handlers/transactions/write-txn-markers.js';
import type { Services } from '../server/services.js';

/** Everything that is served, a family of handlers each: what is not here is not advertised. */
export function apiTable(services: Services): ServedApi[] {
  return [
    ...produceApis(services),
    ...transactionApis(services),
    ...txnMarkerApis(services),
    ...producerApis(services),
    ...fetchApis(services),
    ...logOffsetApis(services),
    ...logDirApis(services),
    ...metadataApis(services),
    ...describeClusterApis(services),
    ...groupApis(services),
    ...txnOffsetCommitApis(services),
    ...topicApis(services),
    ...reassignmentApis(services),
    ...configApis(services),
    ...configResourceApis(services),
    ...clientQuotaApis(services),
    ...clusterApis(services),
    ...aclApis(services),
    ...delegationTokenApis(services),
    ...saslApis(),
    ...scramApis(services),
    ...quorumApis(services),
    ...telemetryApis(services),
  ];
}
