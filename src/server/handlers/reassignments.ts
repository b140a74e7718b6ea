import {
  alterPartitionReassignmentsApi, type AlterPartitionReassignmentsRequest, type AlterPartitionReassignmentsResponseInput,
} from '../../protocol/generated/alter-partition-reassignments.js';
import { electLeadersApi, type ElectLeadersRequest, type ElectLeadersResponseInput } from '../../protocol/generated/elect-leaders.js';
import {
  listPartitionReassignmentsApi, type ListPartitionReassignmentsRequest, type ListPartitionReassignmentsResponseInput,
} from '../../protocol/generated/list-partition-reassignments.js';
import { answering, serve, type ServedApi } from '../api.js';
import { requireOnCluster } from '../authorizer.js';
import { Operation, type RequestContext } from '../context.js';
import type { Services } from '../services.js';

/** Who holds and who leads partitions: AlterPartitionReassignments 0-1 (KIP-455, KIP-860), ListPartitionReassignments 0, ElectLeaders 0-2 (KIP-183, KIP-460). */
export function reassignmentApis(services: Services): ServedApi[] {
  const roles = ['broker', 'controller'] as const;
  return [
    serve(alterPartitionReassignmentsApi, answering((request, context) => alterReassignments(services, request, context)), { roles }),
    serve(listPartitionReassignmentsApi, answering((request, context) => listReassignments(services, request, context)), { roles }),
    serve(electLeadersApi, answering((request, context) => electLeaders(services, request, context)), { roles }),
  ];
}

async function alterReassignments(
  { authorizer, controller }: Services, request: AlterPartitionReassignmentsRequest, context: RequestContext,
): Promise<AlterPartitionReassignmentsResponseInput> {
  requireOnCluster(authorizer, context, Operation.ALTER);
  return controller.alterPartitionReassignments(request);
}

async function listReassignments(
  { authorizer, controller }: Services, request: ListPartitionReassignmentsRequest, context: RequestContext,
): Promise<ListPartitionReassignmentsResponseInput> {
  requireOnCluster(authorizer, context, Operation.DESCRIBE);
  return controller.listPartitionReassignments(request);
}

async function electLeaders({ authorizer, controller }: Services, request: ElectLeadersRequest, context: RequestContext): Promise<ElectLeadersResponseInput> {
  requireOnCluster(authorizer, context, Operation.ALTER);
  return controller.electLeaders(request);
}
