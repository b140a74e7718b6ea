import { ErrorCode } from '../../protocol/generated/errors.js';
import { initProducerIdApi, type InitProducerIdRequest, type InitProducerIdResponseInput } from '../../protocol/generated/init-producer-id.js';
import { updateFeaturesApi, type UpdateFeaturesRequest, type UpdateFeaturesResponseInput } from '../../protocol/generated/update-features.js';
import { unregisterBrokerApi, type UnregisterBrokerRequest, type UnregisterBrokerResponseInput } from '../../protocol/generated/unregister-broker.js';
import { answering, serve, type ServedApi } from '../api.js';
import { mayOnCluster, requireOnCluster } from '../authorizer.js';
import { Operation, type RequestContext } from '../context.js';
import type { Services } from '../services.js';

/** The cluster: UpdateFeatures 0-2 (KIP-584, KIP-778, KIP-1022), UnregisterBroker 0 (KIP-631), InitProducerId 0-5. */
export function clusterApis(services: Services): ServedApi[] {
  return [
    serve(updateFeaturesApi, answering((request, context) => updateFeatures(services, request, context)), { roles: ['broker', 'controller'] }),
    serve(unregisterBrokerApi, answering((request, context) => unregisterBroker(services, request, context)), { roles: ['broker', 'controller'] }),
    // Version 6 is not stable yet (KIP-939).
    serve(initProducerIdApi, answering((request, context) => initProducerId(services, request, context)), { maxVersion: 5 }),
  ];
}

async function updateFeatures({ authorizer, controller }: Services, request: UpdateFeaturesRequest, context: RequestContext): Promise<UpdateFeaturesResponseInput> {
  requireOnCluster(authorizer, context, Operation.ALTER);
  return controller.updateFeatures(request);
}

/** A broker that will not come back is forgotten; one that lives has to start anew to be of the cluster again. */
async function unregisterBroker({ authorizer, controller }: Services, request: UnregisterBrokerRequest, context: RequestContext): Promise<UnregisterBrokerResponseInput> {
  requireOnCluster(authorizer, context, Operation.ALTER);
  return controller.unregisterBroker(request);
}

/** An idempotent producer's id (KIP-98). Transactional ids need their coordinator, which is not served yet. */
async function initProducerId(
  services: Services, request: InitProducerIdRequest, context: RequestContext,
): Promise<InitProducerIdResponseInput> {
  const failed = (errorCode: number): InitProducerIdResponseInput => ({ errorCode, producerId: -1, producerEpoch: -1 });
  if (request.transactionalId === '') return failed(ErrorCode.INVALID_REQUEST);
  if ((request.producerId === -1) !== (request.producerEpoch === -1)) return failed(ErrorCode.INVALID_REQUEST);
  if (request.transactionalId !== null) return failed(ErrorCode.UNSUPPORTED_VERSION);
  if (!mayOnCluster(services.authorizer, context, Operation.IDEMPOTENT_WRITE)) {
    return failed(ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
  }
  return { errorCode: ErrorCode.NONE, producerId: await services.nextProducerId(), producerEpoch: 0 };
}
