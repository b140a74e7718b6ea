import { ErrorCode } from '../../protocol/generated/errors.js';
import { deleteGroupsApi, type DeleteGroupsRequest, type DeleteGroupsResponseInput } from '../../protocol/generated/delete-groups.js';
import { describeGroupsApi, type DescribeGroupsRequest, type DescribeGroupsResponseInput } from '../../protocol/generated/describe-groups.js';
import { listGroupsApi, type ListGroupsRequest, type ListGroupsResponseInput } from '../../protocol/generated/list-groups.js';
import { describeFailed } from '../../coordinator/group/describe.js';
import { answering, serve, type ServedApi } from '../api.js';
import { mayOnCluster } from '../authorizer.js';
import { Operation, Resource, type RequestContext } from '../context.js';
import { allowedOperations, OPERATIONS_NOT_ASKED } from '../operations.js';
import { mayOnGroup, type GroupApiDeps } from './group-deps.js';

/**
 * Looking after groups: DescribeGroups 0-6 (KIP-345, KIP-430, KIP-1043), ListGroups 0-5 (KIP-518, KIP-848), DeleteGroups 0-2
 * (KIP-229).
 */
export function groupAdminApis(deps: GroupApiDeps): ServedApi[] {
  return [
    serve(describeGroupsApi, answering((request, context) => describeGroups(deps, request, context))),
    serve(listGroupsApi, answering((request, context) => listGroups(deps, request, context))),
    serve(deleteGroupsApi, answering((request, context) => deleteGroups(deps, request, context))),
  ];
}

const DESCRIBE_WITH_GROUP_ID_NOT_FOUND = 6;

async function describeGroups(
  deps: GroupApiDeps, request: DescribeGroupsRequest, context: RequestContext,
): Promise<DescribeGroupsResponseInput> {
  const [allowed, refused] = partition(request.groups, groupId => mayOnGroup(deps, context, Operation.DESCRIBE, groupId));
  const described = await deps.groups.describeGroups(allowed, context.apiVersion >= DESCRIBE_WITH_GROUP_ID_NOT_FOUND);
  const groups = [
    ...refused.map(groupId => describeFailed(groupId, ErrorCode.GROUP_AUTHORIZATION_FAILED)),
    ...described,
  ];
  return {
    groups: groups.map(group => ({
      ...group,
      authorizedOperations: request.includeAuthorizedOperations && group.errorCode === ErrorCode.NONE
        ? allowedOperations(deps.authorizer, context, Resource.GROUP, group.groupId)
        : OPERATIONS_NOT_ASKED,
    })),
  };
}

/** Who may DESCRIBE the cluster sees every group; others those that they may DESCRIBE. */
async function listGroups(deps: GroupApiDeps, request: ListGroupsRequest, context: RequestContext): Promise<ListGroupsResponseInput> {
  const { errorCode, groups } = await deps.groups.listGroups(request);
  const seesAll = mayOnCluster(deps.authorizer, context, Operation.DESCRIBE);
  return { errorCode, groups: groups.filter(({ groupId }) => seesAll || mayOnGroup(deps, context, Operation.DESCRIBE, groupId)) };
}

async function deleteGroups(deps: GroupApiDeps, request: DeleteGroupsRequest, context: RequestContext): Promise<DeleteGroupsResponseInput> {
  const groupIds = [...new Set(request.groupsNames)];
  const [allowed, refused] = partition(groupIds, groupId => mayOnGroup(deps, context, Operation.DELETE, groupId));
  const deleted = await deps.groups.deleteGroups(allowed);
  return { results: [...deleted, ...refused.map(groupId => ({ groupId, errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED }))] };
}

function partition<T>(items: readonly T[], belongs: (item: T) => boolean): [T[], T[]] {
  return [items.filter(belongs), items.filter(item => !belongs(item))];
}
