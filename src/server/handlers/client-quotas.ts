import { QuotaEntityType, type ClientQuotaImage } from '../../metadata/types.js';
import { KafkaError } from '../../protocol/errors.js';
import { alterClientQuotasApi, type AlterClientQuotasRequest, type AlterClientQuotasResponseInput } from '../../protocol/generated/alter-client-quotas.js';
import {
  describeClientQuotasApi, type DescribeClientQuotasRequest, type DescribeClientQuotasResponseInput,
} from '../../protocol/generated/describe-client-quotas.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { answering, serve, type ServedApi } from '../api.js';
import { requireOnCluster } from '../authorizer.js';
import { Operation, type RequestContext } from '../context.js';
import type { Services } from '../services.js';

/** Quotas of users, client ids and addresses (KIP-546): DescribeClientQuotas 0-1, AlterClientQuotas 0-1. */
export function clientQuotaApis(services: Services): ServedApi[] {
  return [
    serve(describeClientQuotasApi, answering((request, context) => describeClientQuotas(services, request, context))),
    serve(alterClientQuotasApi, answering((request, context) => alterClientQuotas(services, request, context)), { roles: ['broker', 'controller'] }),
  ];
}

async function alterClientQuotas(services: Services, request: AlterClientQuotasRequest, context: RequestContext): Promise<AlterClientQuotasResponseInput> {
  requireOnCluster(services.authorizer, context, Operation.ALTER_CONFIGS);
  const hosts = new Set(request.entries.flatMap(({ entity }) =>
    entity.flatMap(({ entityType, entityName }) => (entityType === QuotaEntityType.IP && entityName ? [entityName] : []))));
  const unknownHosts = new Set<string>();
  await Promise.all([...hosts].map(async host => {
    if (await services.resolveHost(host) === undefined) unknownHosts.add(host);
  }));
  return services.controller.alterClientQuotas({ ...request, unknownHosts });
}

function describeClientQuotas(services: Services, request: DescribeClientQuotasRequest, context: RequestContext): DescribeClientQuotasResponseInput {
  requireOnCluster(services.authorizer, context, Operation.DESCRIBE_CONFIGS);
  const filter = filterOf(request);
  const found = [...services.image().clientQuotas.values()].filter(quota => matches(filter, request.strict, quota));
  return {
    errorCode: ErrorCode.NONE,
    // As Apache's: no message is an empty one here.
    errorMessage: '',
    entries: found.map(({ entity, values }) => ({
      entity: entity.map(({ type, name }) => ({ entityType: type, entityName: name })),
      values: [...values].map(([key, value]) => ({ key, value })),
    })),
  };
}

const Match = { EXACT: 0, DEFAULT: 1, ANY: 2 } as const;

/** What each kind of part has to be named: a name, null for the default, undefined for anything. */
type Filter = ReadonlyMap<string, string | null | undefined>;

/** Throws what is wrong with the request (`ClientQuotasImage.describe`). */
function filterOf({ components }: DescribeClientQuotasRequest): Filter {
  const filter = new Map<string, string | null | undefined>();
  for (const { entityType, matchType, match } of components) {
    if (entityType === '') throw invalid('a component names no type of entity');
    if (filter.has(entityType)) throw invalid(`'${entityType}' is filtered twice`);
    if (!(Object.values(QuotaEntityType) as string[]).includes(entityType)) {
      throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION, `'${entityType}' is not known: quotas are for user, client-id and ip`);
    }
    filter.set(entityType, wanted(matchType, match));
  }
  if (filter.has(QuotaEntityType.IP) && filter.size > 1) throw invalid('an ip stands alone, without user and client-id');
  return filter;
}

const invalid = (why: string): KafkaError => new KafkaError(ErrorCode.INVALID_REQUEST, why);

function wanted(matchType: number, match: string | null): string | null | undefined {
  if (matchType === Match.EXACT) {
    if (match === null) throw invalid('an exact match needs a name');
    return match;
  }
  if (matchType !== Match.DEFAULT && matchType !== Match.ANY) throw invalid(`match type ${matchType} is not known: 0 is exact, 1 the default, 2 anything`);
  if (match !== null) throw invalid(`match type ${matchType} takes no name`);
  return matchType === Match.DEFAULT ? null : undefined;
}

function matches(filter: Filter, strict: boolean, { entity }: ClientQuotaImage): boolean {
  if (strict && entity.length !== filter.size) return false;
  return [...filter].every(([type, name]) => entity.some(part => part.type === type && (name === undefined || part.name === name)));
}
