import { syncError } from '../../coordinator/group/classic/answers.js';
import type { JoinResult, LeaveResult } from '../../coordinator/group/types.js';
import { KafkaError } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { heartbeatApi, type HeartbeatRequest, type HeartbeatResponseInput } from '../../protocol/generated/heartbeat.js';
import { joinGroupApi, type JoinGroupRequest, type JoinGroupResponseInput } from '../../protocol/generated/join-group.js';
import { leaveGroupApi, type LeaveGroupRequest, type LeaveGroupResponseInput } from '../../protocol/generated/leave-group.js';
import { syncGroupApi, type SyncGroupRequest, type SyncGroupResponseInput } from '../../protocol/generated/sync-group.js';
import { answering, serve, type ServedApi } from '../api.js';
import type { RequestContext } from '../context.js';
import { consumerGroupApis } from './consumer-groups.js';
import { findCoordinatorApis } from './find-coordinator.js';
import { hostOf, mayRead, type GroupApiDeps } from './group-deps.js';
import { groupAdminApis } from './groups-admin.js';
import { offsetApis } from './offsets.js';

/** Everything of groups: FindCoordinator, membership, administration, offsets. */
export function groupApis(deps: GroupApiDeps): ServedApi[] {
  return [...findCoordinatorApis(deps), ...membershipApis(deps), ...consumerGroupApis(deps), ...groupAdminApis(deps), ...offsetApis(deps)];
}

/**
 * Membership of groups: JoinGroup 0-9 (KIP-62, KIP-345, KIP-394, KIP-559, KIP-800, KIP-814), SyncGroup 0-5, Heartbeat 0-4,
 * LeaveGroup 0-5. Who may not READ the group is refused.
 */
function membershipApis(deps: GroupApiDeps): ServedApi[] {
  return [
    serve(joinGroupApi, answering((request, context) => joinGroup(deps, request, context))),
    serve(syncGroupApi, answering((request, context) => syncGroup(deps, request, context))),
    serve(heartbeatApi, answering((request, context) => heartbeat(deps, request, context))),
    serve(leaveGroupApi, answering((request, context) => leaveGroup(deps, request, context))),
  ];
}

/** First versions of JoinGroup that ask for something. */
const JOIN_WITH_KNOWN_MEMBER_ID = 4;
const JOIN_WITH_NULL_PROTOCOL = 7;
const JOIN_WITH_SKIPPED_ASSIGNMENT = 9;
const SYNC_WITH_PROTOCOL = 5;
const LEAVE_WITH_MEMBERS = 3;

async function joinGroup(deps: GroupApiDeps, request: JoinGroupRequest, context: RequestContext): Promise<JoinGroupResponseInput> {
  refuseUnlessReader(deps, context, request.groupId);
  const { apiVersion, clientId, connection } = context;
  const { sessionTimeoutMs, rebalanceTimeoutMs } = request;
  const result = await deps.groups.joinGroup({
    ...request,
    clientId: clientId ?? '',
    clientHost: hostOf(connection.clientAddress),
    // Version 0 has no time for a rebalance, and some clients send none.
    rebalanceTimeoutMs: rebalanceTimeoutMs > 0 ? rebalanceTimeoutMs : sessionTimeoutMs,
    needsKnownMemberId: apiVersion >= JOIN_WITH_KNOWN_MEMBER_ID,
    maySkipAssignment: apiVersion >= JOIN_WITH_SKIPPED_ASSIGNMENT,
  });
  return { ...result, protocolName: protocolNameFor(result, apiVersion) };
}

/** No protocol is an empty name before version 7, and null from it on. */
function protocolNameFor({ protocolName }: JoinResult, version: number): string | null {
  return version < JOIN_WITH_NULL_PROTOCOL ? protocolName ?? '' : protocolName || null;
}

async function syncGroup(deps: GroupApiDeps, request: SyncGroupRequest, context: RequestContext): Promise<SyncGroupResponseInput> {
  const lacksProtocol = request.protocolType === null || request.protocolName === null;
  if (context.apiVersion >= SYNC_WITH_PROTOCOL && lacksProtocol) return syncError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  refuseUnlessReader(deps, context, request.groupId);
  return deps.groups.syncGroup(request);
}

async function heartbeat(deps: GroupApiDeps, request: HeartbeatRequest, context: RequestContext): Promise<HeartbeatResponseInput> {
  refuseUnlessReader(deps, context, request.groupId);
  return deps.groups.heartbeat(request);
}

async function leaveGroup(deps: GroupApiDeps, request: LeaveGroupRequest, context: RequestContext): Promise<LeaveGroupResponseInput> {
  refuseUnlessReader(deps, context, request.groupId);
  const { groupId, memberId } = request;
  if (context.apiVersion >= LEAVE_WITH_MEMBERS) return deps.groups.leaveGroup({ groupId, members: request.members });
  return { errorCode: onlyErrorOf(await deps.groups.leaveGroup({ groupId, members: [{ memberId, groupInstanceId: null }] })) };
}

/** Before version 3 one member leaves, and the answer has one error. */
function onlyErrorOf({ errorCode, members }: LeaveResult): number {
  return errorCode === ErrorCode.NONE ? members[0]?.errorCode ?? ErrorCode.NONE : errorCode;
}

function refuseUnlessReader(deps: GroupApiDeps, context: RequestContext, groupId: string): void {
  if (!mayRead(deps, context, groupId)) throw new KafkaError(ErrorCode.GROUP_AUTHORIZATION_FAILED);
}
