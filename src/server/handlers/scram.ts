import { alterUserScramCredentialsApi } from '../../protocol/generated/alter-user-scram-credentials.js';
import {
  describeUserScramCredentialsApi, type DescribeUserScramCredentialsRequest, type DescribeUserScramCredentialsResponseCredentialInfoInput as CredentialInfo,
  type DescribeUserScramCredentialsResponseInput,
} from '../../protocol/generated/describe-user-scram-credentials.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { answering, serve, type ServedApi } from '../api.js';
import { requireOnCluster } from '../authorizer.js';
import { Operation } from '../context.js';
import type { Services } from '../services.js';

type Needed = Pick<Services, 'authorizer' | 'controller' | 'image'>;

/** SCRAM credentials of users: DescribeUserScramCredentials 0, AlterUserScramCredentials 0 (KIP-554). After Kafka's `ScramImage`. */
export function scramApis(services: Needed): ServedApi[] {
  const roles = ['broker', 'controller'] as const;
  return [
    serve(describeUserScramCredentialsApi, answering((request, context) => {
      requireOnCluster(services.authorizer, context, Operation.DESCRIBE);
      return describe(services, request);
    }), { roles }),
    serve(alterUserScramCredentialsApi, answering((request, context) => {
      requireOnCluster(services.authorizer, context, Operation.ALTER);
      return services.controller.alterUserScramCredentials(request);
    }), { roles }),
  ];
}

type Described = NonNullable<DescribeUserScramCredentialsResponseInput['results']>[number];

/** Everybody's, when nobody is named. */
function describe({ image }: Needed, { users }: DescribeUserScramCredentialsRequest): DescribeUserScramCredentialsResponseInput {
  const known = new Map<string, CredentialInfo[]>();
  for (const { name, mechanism, iterations } of image().scramCredentials.values()) {
    const infos = known.get(name);
    if (infos === undefined) known.set(name, [{ mechanism, iterations }]);
    else infos.push({ mechanism, iterations });
  }
  const asked = new Map<string, number>();
  for (const { name } of users ?? []) asked.set(name, (asked.get(name) ?? 0) + 1);
  if (asked.size === 0) for (const name of known.keys()) asked.set(name, 1);
  return { errorCode: ErrorCode.NONE, errorMessage: '', results: [...asked].map(([user, times]) => result(user, times, known.get(user))) };
}

function result(user: string, times: number, credentialInfos: CredentialInfo[] | undefined): Described {
  const failed = (errorCode: number, errorMessage: string): Described => ({ user, errorCode, errorMessage, credentialInfos: [] });
  if (times > 1) return failed(ErrorCode.DUPLICATE_RESOURCE, `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`);
  if (credentialInfos === undefined) return failed(ErrorCode.RESOURCE_NOT_FOUND, `Attempt to describe a user credential that does not exist: ${user}`);
  return { user, errorCode: ErrorCode.NONE, errorMessage: '', credentialInfos };
}
