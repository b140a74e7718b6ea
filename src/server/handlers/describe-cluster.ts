import { MetadataVersionGate } from '../../metadata/features.js';
import { KafkaError } from '../../protocol/errors.js';
import { describeClusterApi, type DescribeClusterRequest, type DescribeClusterResponseInput } from '../../protocol/generated/describe-cluster.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { answering, serve, type ServedApi } from '../api.js';
import { CLUSTER_NAME, requireOnCluster } from '../authorizer.js';
import { Operation, Resource, type RequestContext } from '../context.js';
import { aliveBrokers, anyAliveBroker, endpointOf } from '../endpoints.js';
import { allowedOperations, OPERATIONS_NOT_ASKED } from '../operations.js';
import type { Services } from '../services.js';

/** Who is there: DescribeCluster 0-2 (KIP-700, KIP-919, KIP-1073). A broker tells of brokers, a controller of controllers. */
export function describeClusterApis(services: Services): ServedApi[] {
  return [serve(describeClusterApi, answering((request, context) => describeCluster(services, request, context)), { roles: ['broker', 'controller'] })];
}

const EndpointType = { broker: 1, controller: 2 } as const;
const NAMES: ReadonlyMap<number, string> = new Map([[EndpointType.broker, 'BROKER'], [EndpointType.controller, 'CONTROLLER']]);
const FIRST_VERSION_WITH_TYPES = 1;

function describeCluster(services: Services, request: DescribeClusterRequest, context: RequestContext): DescribeClusterResponseInput {
  const { role } = context.connection.listener;
  if (role === 'controller') refuseAtController(services, context);
  const expected = EndpointType[role];
  if (request.endpointType !== expected) return refused(request.endpointType, expected, context.apiVersion);
  const { brokers, controllerId } = role === 'controller' ? controllers(services, context) : brokersOf(services, request, context);
  return {
    endpointType: expected,
    clusterId: services.clusterId,
    // Clients would look for it among the nodes.
    controllerId: brokers.some(({ brokerId }) => brokerId === controllerId) ? controllerId : -1,
    brokers,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
      ? allowedOperations(services.authorizer, context, Resource.CLUSTER, CLUSTER_NAME)
      : OPERATIONS_NOT_ASKED,
  };
}

function refuseAtController({ authorizer, image }: Pick<Services, 'authorizer' | 'image'>, context: RequestContext): void {
  if (image().features.metadataVersion < MetadataVersionGate.CONTROLLER_REGISTRATION) {
    throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION, 'Direct-to-controller communication is not supported with the current MetadataVersion.');
  }
  requireOnCluster(authorizer, context, Operation.ALTER);
}

/** Clients of version 0 know neither of the codes. */
function refused(asked: number, expected: number, version: number): DescribeClusterResponseInput {
  const name = NAMES.get(asked);
  const code = name === undefined ? ErrorCode.UNSUPPORTED_ENDPOINT_TYPE : ErrorCode.MISMATCHED_ENDPOINT_TYPE;
  return {
    errorCode: version < FIRST_VERSION_WITH_TYPES ? ErrorCode.INVALID_REQUEST : code,
    errorMessage: name === undefined
      ? `Unsupported endpoint type ${asked}`
      : `The request was sent to an endpoint of type ${NAMES.get(expected)}, but we wanted an endpoint of type ${name}`,
    clusterId: '',
    brokers: [],
  };
}

interface Nodes {
  readonly brokers: DescribeClusterResponseInput['brokers'][number][];
  readonly controllerId: number;
}

function brokersOf(services: Services, { includeFencedBrokers }: DescribeClusterRequest, context: RequestContext): Nodes {
  const image = services.image();
  return {
    brokers: aliveBrokers(image, context, includeFencedBrokers).map(([{ id: brokerId, rack, fenced: isFenced }, { host, port }]) => ({ brokerId, host, port, rack, isFenced })),
    controllerId: anyAliveBroker(image, services.brokerId),
  };
}

/** Those that have registered (KIP-919), and the one that leads. */
function controllers(services: Services, context: RequestContext): Nodes {
  const brokers = [...services.image().controllers.values()].flatMap(controller => {
    const endpoint = endpointOf(controller, context);
    return endpoint === undefined ? [] : [{ brokerId: controller.id, host: endpoint.host, port: endpoint.port, rack: null }];
  });
  return { brokers, controllerId: services.quorum.leaderId() };
}
