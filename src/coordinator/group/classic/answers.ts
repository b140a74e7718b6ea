import { ErrorCode } from '../../../protocol/generated/errors.js';
import type { JoinResult, SyncResult } from '../types.js';
import type { ClassicGroup } from './group.js';
import { NO_ASSIGNMENT } from './member.js';
import type { ClassicMember } from './member.js';

/** A join that failed. */
export function joinError(errorCode: number, memberId: string): JoinResult {
  return {
    errorCode, memberId, generationId: -1, protocolType: null, protocolName: null, leader: '', skipAssignment: false, members: [],
  };
}

/** A sync that failed. */
export function syncError(errorCode: number): SyncResult {
  return { errorCode, protocolType: null, protocolName: null, assignment: NO_ASSIGNMENT };
}

/** What the member is to work on in this generation. */
export function assignmentFor(group: ClassicGroup, member: ClassicMember): SyncResult {
  const { protocolType, protocolName } = group;
  return { errorCode: ErrorCode.NONE, protocolType, protocolName, assignment: member.assignment };
}
