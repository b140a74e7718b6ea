import { expect, test } from '@jest/globals';
import { EMPTY_IMAGE } from '../../metadata/image.js';
import type { ScramCredentialImage } from '../../metadata/types.js';
import { alterUserScramCredentialsApi } from '../../protocol/generated/alter-user-scram-credentials.js';
import { describeUserScramCredentialsApi } from '../../protocol/generated/describe-user-scram-credentials.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import type { Authorizer } from '../context.js';
import { allowAll } from '../authorizer.js';
import type { Services } from '../services.js';
import { scramApis } from './scram.js';
import { callApi } from './testing/call-api.js';

const none = new Uint8Array();
const credential = (name: string, mechanism: number, iterations: number): ScramCredentialImage => ({ name, mechanism, iterations, salt: none, storedKey: none, serverKey: none });
const CREDENTIALS = [credential('alice', 1, 4096), credential('alice', 2, 8192), credential('bob', 1, 5000)];

function apis(authorizer: Authorizer = allowAll, asked: unknown[] = []) {
  const controller = {
    alterUserScramCredentials: (request: unknown) => {
      asked.push(request);
      return Promise.resolve({ results: [] });
    },
  } as Partial<Services['controller']> as Services['controller'];
  return scramApis({ authorizer, controller, image: () => ({ ...EMPTY_IMAGE, scramCredentials: new Map(CREDENTIALS.map(one => [`${one.mechanism}:${one.name}`, one])) }) });
}

const describe = async (users: string[] | null) => {
  const { results } = await callApi(apis(), describeUserScramCredentialsApi, 0, { users: users?.map(name => ({ name })) ?? null });
  return results.map(({ user, errorCode, credentialInfos }) => [user, errorCode, credentialInfos.map(({ mechanism, iterations }) => [mechanism, iterations])]);
};

test('everybody is described when nobody is named', async () => {
  const all = [['alice', ErrorCode.NONE, [[1, 4096], [2, 8192]]], ['bob', ErrorCode.NONE, [[1, 5000]]]];
  expect(await describe(null)).toEqual(all);
  expect(await describe([])).toEqual(all);
});

test('who is unknown, or named twice, fails alone', async () => {
  expect(await describe(['bob', 'carol', 'alice', 'alice'])).toEqual([
    ['bob', ErrorCode.NONE, [[1, 5000]]], ['carol', ErrorCode.RESOURCE_NOT_FOUND, []], ['alice', ErrorCode.DUPLICATE_RESOURCE, []],
  ]);
});

test('changes go to the controller, from those who may make them', async () => {
  const request = { deletions: [{ name: 'alice', mechanism: 1 }], upsertions: [] };
  const asked: unknown[] = [];
  await callApi(apis(allowAll, asked), alterUserScramCredentialsApi, 0, request);
  expect(asked).toMatchObject([request]);
  const { results } = await callApi(apis({ allows: () => false }, asked), alterUserScramCredentialsApi, 0, request);
  expect(results).toMatchObject([{ user: 'alice', errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED }]);
  expect(asked).toHaveLength(1);
});
