import type { BrokerImage, ControllerImage, EndpointImage, MetadataImage } from '../metadata/types.js';
import type { RequestContext } from './context.js';

/** Where a node is reached by clients of this listener. */
export function endpointOf(node: Pick<BrokerImage | ControllerImage, 'endpoints'> | undefined, context: RequestContext): EndpointImage | undefined {
  return node?.endpoints.find(endpoint => endpoint.listener === context.connection.listener.name);
}

export function aliveBrokers(image: MetadataImage, context: RequestContext, includeFenced = false): [BrokerImage, EndpointImage][] {
  return [...image.brokers.values()].flatMap(broker => {
    const endpoint = endpointOf(broker, context);
    return endpoint === undefined || (broker.fenced && !includeFenced) ? [] : [[broker, endpoint] as [BrokerImage, EndpointImage]];
  });
}

/** Clients send admin requests to "the controller": any broker that lives will do, since it forwards them. This one if it does; -1 when none does. */
export function anyAliveBroker({ brokers }: MetadataImage, local: number): number {
  if (brokers.get(local)?.fenced === false) return local;
  return [...brokers.values()].find(({ fenced }) => !fenced)?.id ?? -1;
}
