import { createAclsApi, type CreateAclsRequest, type CreateAclsResponseInput } from '../../protocol/generated/create-acls.js';
import { deleteAclsApi, type DeleteAclsRequest, type DeleteAclsResponseInput } from '../../protocol/generated/delete-acls.js';
import { describeAclsApi, type DescribeAclsRequest, type DescribeAclsResponseInput } from '../../protocol/generated/describe-acls.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { answering, CloseConnection, serve, type ServedApi } from '../api.js';
import { requireOnCluster } from '../authorizer.js';
import { Operation, type Authorizer, type RequestContext } from '../context.js';

/** Code of an operation, a permission, a resource or a pattern that nobody means. */
const UNKNOWN = 0;

/**
 * Bindings of access control as a broker without an authorizer answers: DescribeAcls, CreateAcls and DeleteAcls 0-3 (KIP-140,
 * KIP-290, KIP-373), each SECURITY_DISABLED. After Kafka's `AclApis`.
 */
export function aclApis({ authorizer }: { readonly authorizer: Authorizer }): ServedApi[] {
  const roles = ['broker', 'controller'] as const;
  return [
    serve(describeAclsApi, answering((request, context) => describeAcls(authorizer, request, context)), { roles }),
    serve(createAclsApi, answering((request, context) => createAcls(authorizer, request, context)), { roles }),
    serve(deleteAclsApi, answering((request, context) => deleteAcls(authorizer, request, context)), { roles }),
  ];
}

function describeAcls(authorizer: Authorizer, request: DescribeAclsRequest, context: RequestContext): DescribeAclsResponseInput {
  refuseUnknown([request.patternTypeFilter, request.resourceTypeFilter, request.permissionType, request.operation]);
  requireOnCluster(authorizer, context, Operation.DESCRIBE);
  return { errorCode: ErrorCode.SECURITY_DISABLED, errorMessage: 'No Authorizer is configured on the broker', resources: [] };
}

/** One failure for each binding: kafka-acls prints its message. */
const DISABLED = { errorCode: ErrorCode.SECURITY_DISABLED, errorMessage: 'No Authorizer is configured.' };

function createAcls(authorizer: Authorizer, { creations }: CreateAclsRequest, context: RequestContext): CreateAclsResponseInput {
  for (const { resourcePatternType, resourceType, permissionType, operation } of creations) {
    refuseUnknown([resourcePatternType, resourceType, permissionType, operation]);
  }
  requireOnCluster(authorizer, context, Operation.ALTER);
  return { results: creations.map(() => DISABLED) };
}

function deleteAcls(authorizer: Authorizer, { filters }: DeleteAclsRequest, context: RequestContext): DeleteAclsResponseInput {
  for (const { patternTypeFilter, resourceTypeFilter, operation, permissionType } of filters) {
    refuseUnknown([patternTypeFilter, resourceTypeFilter, operation, permissionType]);
  }
  requireOnCluster(authorizer, context, Operation.ALTER);
  return { filterResults: filters.map(() => ({ ...DISABLED, matchingAcls: [] })) };
}

/** Apache takes such a request for one that cannot be read. Codes that are merely not known yet pass. */
function refuseUnknown(codes: readonly number[]): void {
  if (codes.includes(UNKNOWN)) throw new CloseConnection('a binding of access control is of an unknown kind');
}
