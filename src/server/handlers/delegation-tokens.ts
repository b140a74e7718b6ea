import {
  createDelegationTokenApi, type CreateDelegationTokenRequest, type CreateDelegationTokenResponseInput,
} from '../../protocol/generated/create-delegation-token.js';
import { describeDelegationTokenApi, type DescribeDelegationTokenResponseInput } from '../../protocol/generated/describe-delegation-token.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { expireDelegationTokenApi, type ExpireDelegationTokenResponseInput } from '../../protocol/generated/expire-delegation-token.js';
import { renewDelegationTokenApi, type RenewDelegationTokenResponseInput } from '../../protocol/generated/renew-delegation-token.js';
import { answering, serve, type ServedApi } from '../api.js';
import { ANONYMOUS, Operation, Resource, type Principal, type RequestContext } from '../context.js';
import type { Services } from '../services.js';

/** What stands in for the times of a token that was refused, and for those of one that nobody can have. */
const REFUSED_TIMESTAMP = -1;
const NO_TIMESTAMP = 0;

/**
 * Delegation tokens (KIP-48, KIP-373) as a broker without `delegation.token.secret.key` answers: CreateDelegationToken 0-3,
 * RenewDelegationToken 0-2, ExpireDelegationToken 0-2, DescribeDelegationToken 0-3. Who may not ask hears so first. After Kafka's
 * `KafkaApis` and `DelegationTokenControlManager`.
 */
export function delegationTokenApis(services: Pick<Services, 'authorizer'>): ServedApi[] {
  const roles = ['broker', 'controller'] as const;
  return [
    serve(createDelegationTokenApi, answering((request, context) => create(services, request, context)), { roles }),
    serve(renewDelegationTokenApi, answering((_, context) => changed(context)), { roles }),
    serve(expireDelegationTokenApi, answering((_, context) => changed(context)), { roles }),
    serve(describeDelegationTokenApi, answering((_, context): DescribeDelegationTokenResponseInput =>
      ({ errorCode: refusal(context) ?? ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED, tokens: [] })), { roles }),
  ];
}

function create(
  { authorizer }: Pick<Services, 'authorizer'>, request: CreateDelegationTokenRequest, context: RequestContext,
): CreateDelegationTokenResponseInput {
  const requester = context.connection.principal;
  const owner = ownerOf(request) ?? requester;
  const failed = (errorCode: number, timestampMs = REFUSED_TIMESTAMP): CreateDelegationTokenResponseInput => ({
    errorCode,
    principalType: owner.type, principalName: owner.name,
    tokenRequesterPrincipalType: requester.type, tokenRequesterPrincipalName: requester.name,
    issueTimestampMs: timestampMs, expiryTimestampMs: timestampMs, maxTimestampMs: timestampMs,
    tokenId: '', hmac: Buffer.alloc(0),
  });
  if (request.ownerPrincipalType === null && (request.ownerPrincipalName ?? '') !== '') return failed(ErrorCode.INVALID_REQUEST);
  const refused = refusal(context);
  if (refused !== undefined) return failed(refused);
  // For oneself a token may always be had.
  if (!isSame(owner, requester) && !authorizer.allows(context, Operation.CREATE_TOKENS, Resource.USER, `${owner.type}:${owner.name}`)) {
    return failed(ErrorCode.DELEGATION_TOKEN_AUTHORIZATION_FAILED);
  }
  if (request.renewers.some(({ principalType }) => principalType !== ANONYMOUS.type)) return failed(ErrorCode.INVALID_PRINCIPAL_TYPE);
  return failed(ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED, NO_TIMESTAMP);
}

/** The one who is named; undefined is the requester himself. */
function ownerOf({ ownerPrincipalType, ownerPrincipalName }: CreateDelegationTokenRequest): Principal | undefined {
  if (ownerPrincipalName === null || ownerPrincipalName === '' || ownerPrincipalType === null) return undefined;
  return { type: ownerPrincipalType, name: ownerPrincipalName };
}

function changed(context: RequestContext): RenewDelegationTokenResponseInput & ExpireDelegationTokenResponseInput {
  const refused = refusal(context);
  return refused === undefined
    ? { errorCode: ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED, expiryTimestampMs: NO_TIMESTAMP }
    : { errorCode: refused, expiryTimestampMs: REFUSED_TIMESTAMP };
}

/** Tokens are for those who have authenticated: not on PLAINTEXT, nor on TLS without a certificate of the client's. */
function refusal({ connection: { listener: { protocol }, principal } }: RequestContext): number | undefined {
  const isAllowed = protocol !== 'PLAINTEXT' && !(protocol === 'SSL' && isSame(principal, ANONYMOUS));
  return isAllowed ? undefined : ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED;
}

function isSame(a: Principal, b: Principal): boolean {
  return a.type === b.type && a.name === b.name;
}
