import { updateFeaturesApi, type UpdateFeaturesRequest, type UpdateFeaturesResponseInput } from '../../protocol/generated/update-features.js';
import { unregisterBrokerApi, type UnregisterBrokerRequest, type UnregisterBrokerResponseInput } from '../../protocol/generated/unregister-broker.js';
import { answering, serve, type ServedApi } from '../api.js';
import { requireOnCluster } from '../authorizer.js';
import { Operation, type RequestContext } from '../context.js';
import type { Services } from '../services.js';

/** The cluster: UpdateFeatures 0-2 (KIP-584, KIP-778, KIP-1022), UnregisterBroker 0 (KIP-631). */
export function clusterApis(services: Services): ServedApi[] {
  return [
    serve(updateFeaturesApi, answering((request, context) => updateFeatures(services, request, context)), { roles: ['broker', 'controller'] }),
    serve(unregisterBrokerApi, answering((request, context) => unregisterBroker(services, request, context)), { roles: ['broker', 'controller'] }),
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
