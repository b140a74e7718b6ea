import { ErrorCode } from '../../protocol/generated/errors.js';
import { CONSUMER_PROTOCOL_TYPE } from './classic/subscription.js';
import type { Group } from './group.js';
import { NO_ASSIGNMENT } from './classic/member.js';
import type { NewerProtocol } from './records.js';
import type { DescribedGroup, ListedGroup, ListGroupsRequest } from './types.js';

/** What a group that does not exist is described as. */
const NO_GROUP_STATE = 'Dead';

/** DescribeGroups of one group of the classic protocol; others are as good as missing. What its members subscribe to is told while the group is stable. */
export function describeGroup(groupId: string, group: Group | undefined, knowsGroupIdNotFound: boolean): DescribedGroup {
  if (group?.kind !== 'classic') return describeMissing(groupId, group, knowsGroupIdNotFound);
  const protocolName = group.isIn('Stable') ? group.protocolName : null;
  return {
    groupId,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupState: group.state,
    protocolType: group.protocolType ?? '',
    protocolData: protocolName ?? '',
    members: [...group.members.values()].map(member => ({
      ...member.identity,
      memberMetadata: protocolName === null ? NO_ASSIGNMENT : member.metadata(protocolName),
      memberAssignment: member.assignment,
    })),
  };
}

/** A group that cannot be described, for a reason that is not the group's. */
export function describeFailed(groupId: string, errorCode: number, errorMessage: string | null = null): DescribedGroup {
  return { groupId, errorCode, errorMessage, groupState: '', protocolType: '', protocolData: '', members: [] };
}

/** DescribeGroups v6+ calls it an error that the group does not exist (KIP-1043); before, the group was just dead. */
function describeMissing(groupId: string, group: Group | undefined, knowsGroupIdNotFound: boolean): DescribedGroup {
  const reason = group === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a classic group.`;
  const missing = knowsGroupIdNotFound
    ? describeFailed(groupId, ErrorCode.GROUP_ID_NOT_FOUND, reason)
    : describeFailed(groupId, ErrorCode.NONE);
  return { ...missing, groupState: NO_GROUP_STATE };
}

/** ListGroups (KIP-518, KIP-848): the groups of either protocol whose state and type are among those asked for, in any case. */
export function listGroups(groups: Iterable<Group>, request: ListGroupsRequest): ListedGroup[] {
  const isWanted = filterOf(request);
  const listed: ListedGroup[] = [];
  for (const group of groups) {
    if (!isWanted.type(group.kind) || !isWanted.state(group.state)) continue;
    const protocolType = group.kind === 'consumer' ? CONSUMER_PROTOCOL_TYPE : group.protocolType ?? '';
    listed.push({ groupId: group.groupId, protocolType, groupState: group.state, groupType: group.kind });
  }
  return listed;
}

/** Nobody can be in a group whose protocol is not spoken here. */
const NEWER_STATE = 'Empty';

/** Groups of newer protocols, which are empty as long as this coordinator has them. */
export function listNewerGroups(groups: ReadonlyMap<string, NewerProtocol>, request: ListGroupsRequest): ListedGroup[] {
  const isWanted = filterOf(request);
  return [...groups].filter(([, protocol]) => isWanted.type(protocol) && isWanted.state(NEWER_STATE)).map(([groupId, protocol]) =>
    ({ groupId, protocolType: protocol, groupState: NEWER_STATE, groupType: protocol }));
}

function filterOf({ statesFilter, typesFilter }: ListGroupsRequest): { state(state: string): boolean; type(type: string): boolean } {
  const states = new Set(statesFilter.map(state => state.trim().toLowerCase()));
  // Kafka takes blanks off states and not off types.
  const types = new Set(typesFilter.map(type => type.toLowerCase()));
  return {
    state: state => states.size === 0 || states.has(state.toLowerCase()),
    type: type => types.size === 0 || types.has(type),
  };
}
