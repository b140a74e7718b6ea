import { expect, test } from '@jest/globals';
import { createAclsApi } from '../../protocol/generated/create-acls.js';
import { createDelegationTokenApi } from '../../protocol/generated/create-delegation-token.js';
import { deleteAclsApi } from '../../protocol/generated/delete-acls.js';
import { describeAclsApi } from '../../protocol/generated/describe-acls.js';
import { describeDelegationTokenApi } from '../../protocol/generated/describe-delegation-token.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { expireDelegationTokenApi } from '../../protocol/generated/expire-delegation-token.js';
import { renewDelegationTokenApi } from '../../protocol/generated/renew-delegation-token.js';
import { saslAuthenticateApi } from '../../protocol/generated/sasl-authenticate.js';
import { saslHandshakeApi } from '../../protocol/generated/sasl-handshake.js';
import { CloseConnection } from '../api.js';
import { allowAll } from '../authorizer.js';
import { Operation, type Authorizer } from '../context.js';
import { aclApis } from './acls.js';
import { delegationTokenApis } from './delegation-tokens.js';
import { saslApis } from './sasl.js';
import { callApi, versionsOf, type Asker } from './testing/call-api.js';

const denyAll: Authorizer = { allows: () => false };
const ALICE: Asker = { principal: { type: 'User', name: 'alice' }, listener: { protocol: 'SASL_PLAINTEXT' } };

const binding = { resourceType: 2, resourceName: 't', principal: 'User:alice', host: '*', operation: 3, permissionType: 3 };
const filter = { resourceTypeFilter: 2, resourceNameFilter: null, principalFilter: null, hostFilter: null, operation: 1, permissionType: 1 };

test('without an authorizer, bindings of access control are disabled, each told so', async () => {
  const apis = aclApis({ authorizer: allowAll });
  for (const version of versionsOf(describeAclsApi)) {
    expect(await callApi(apis, describeAclsApi, version, filter)).toMatchObject({ errorCode: ErrorCode.SECURITY_DISABLED, resources: [] });
  }
  for (const version of versionsOf(createAclsApi)) {
    const { results } = await callApi(apis, createAclsApi, version, { creations: [binding, binding] });
    expect(results.map(({ errorCode }) => errorCode)).toEqual([ErrorCode.SECURITY_DISABLED, ErrorCode.SECURITY_DISABLED]);
  }
  for (const version of versionsOf(deleteAclsApi)) {
    const { filterResults } = await callApi(apis, deleteAclsApi, version, { filters: [filter] });
    expect(filterResults).toMatchObject([{ errorCode: ErrorCode.SECURITY_DISABLED, matchingAcls: [] }]);
  }
});

test('a binding of an unknown kind ends the connection, one of a kind to come does not', async () => {
  const apis = aclApis({ authorizer: allowAll });
  for (const field of ['resourceType', 'operation', 'permissionType', 'resourcePatternType']) {
    await expect(callApi(apis, createAclsApi, 3, { creations: [binding, { ...binding, [field]: 0 }] })).rejects.toThrow(CloseConnection);
    expect((await callApi(apis, createAclsApi, 3, { creations: [{ ...binding, [field]: 99 }] })).results[0]!.errorCode).toBe(ErrorCode.SECURITY_DISABLED);
  }
  for (const field of ['resourceTypeFilter', 'operation', 'permissionType', 'patternTypeFilter']) {
    await expect(callApi(apis, describeAclsApi, 3, { ...filter, [field]: 0 })).rejects.toThrow(CloseConnection);
    await expect(callApi(apis, deleteAclsApi, 3, { filters: [{ ...filter, [field]: 0 }] })).rejects.toThrow(CloseConnection);
  }
});

test('who may not ask about access control hears that first', async () => {
  const apis = aclApis({ authorizer: denyAll });
  expect((await callApi(apis, describeAclsApi, 3, filter)).errorCode).toBe(ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
  expect((await callApi(apis, createAclsApi, 3, { creations: [binding] })).results[0]!.errorCode).toBe(ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
});

test('tokens are not for those who did not authenticate', async () => {
  const apis = delegationTokenApis({ authorizer: allowAll });
  for (const asker of [{}, { listener: { protocol: 'SSL' } }] satisfies Asker[]) {
    for (const version of versionsOf(createDelegationTokenApi)) {
      expect(await callApi(apis, createDelegationTokenApi, version, { renewers: [], maxLifetimeMs: 1 }, asker)).toMatchObject({
        errorCode: ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, principalType: 'User', principalName: 'ANONYMOUS', issueTimestampMs: -1,
      });
    }
    for (const version of versionsOf(renewDelegationTokenApi)) {
      const changes = [
        await callApi(apis, renewDelegationTokenApi, version, { hmac: Buffer.alloc(1), renewPeriodMs: 1 }, asker),
        await callApi(apis, expireDelegationTokenApi, version, { hmac: Buffer.alloc(1), expiryTimePeriodMs: 1 }, asker),
      ];
      for (const change of changes) expect(change).toMatchObject({ errorCode: ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, expiryTimestampMs: -1 });
    }
    for (const version of versionsOf(describeDelegationTokenApi)) {
      expect(await callApi(apis, describeDelegationTokenApi, version, { owners: null }, asker)).toMatchObject({ errorCode: ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED });
    }
  }
});

test('without a secret there are no tokens, and whether one may ask comes before', async () => {
  const create = async (authorizer: Authorizer, request: { ownerPrincipalType?: string; ownerPrincipalName?: string; renewer?: string } = {}) => {
    const { renewer, ...owner } = request;
    const renewers = renewer === undefined ? [] : [{ principalType: renewer, principalName: 'x' }];
    return callApi(delegationTokenApis({ authorizer }), createDelegationTokenApi, 3, { ...owner, renewers, maxLifetimeMs: -1 }, ALICE);
  };
  expect(await create(denyAll)).toMatchObject({
    errorCode: ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED, principalName: 'alice', tokenRequesterPrincipalName: 'alice', issueTimestampMs: 0,
  });
  const bob = { ownerPrincipalType: 'User', ownerPrincipalName: 'bob' };
  expect(await create(denyAll, bob)).toMatchObject({ errorCode: ErrorCode.DELEGATION_TOKEN_AUTHORIZATION_FAILED, principalName: 'bob', tokenRequesterPrincipalName: 'alice' });
  const asked: unknown[] = [];
  const asking: Authorizer = { allows: (_, ...what) => { asked.push(what); return true; } };
  expect((await create(asking, bob)).errorCode).toBe(ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED);
  expect(asked).toEqual([[Operation.CREATE_TOKENS, 7, 'User:bob']]);
  expect((await create(allowAll, { renewer: 'Group' })).errorCode).toBe(ErrorCode.INVALID_PRINCIPAL_TYPE);
  const apis = delegationTokenApis({ authorizer: allowAll });
  expect(await callApi(apis, renewDelegationTokenApi, 2, { hmac: Buffer.alloc(1), renewPeriodMs: 1 }, ALICE)).toMatchObject({
    errorCode: ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED, expiryTimestampMs: 0,
  });
  expect((await callApi(apis, describeDelegationTokenApi, 3, { owners: [] }, ALICE)).errorCode).toBe(ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED);
});

test('SASL is out of place where nobody is to authenticate', async () => {
  for (const version of versionsOf(saslHandshakeApi)) {
    expect(await callApi(saslApis(), saslHandshakeApi, version, { mechanism: 'PLAIN' })).toMatchObject({ errorCode: ErrorCode.ILLEGAL_SASL_STATE, mechanisms: [] });
  }
  for (const version of versionsOf(saslAuthenticateApi)) {
    expect(await callApi(saslApis(), saslAuthenticateApi, version, { authBytes: Buffer.from('x') })).toMatchObject({ errorCode: ErrorCode.ILLEGAL_SASL_STATE });
  }
});
