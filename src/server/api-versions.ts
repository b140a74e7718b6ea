import type { FeaturesImage, VersionRange } from '../metadata/types.js';
import { KafkaError } from '../protocol/errors.js';
import { apiVersionsApi, type ApiVersionsRequest, type ApiVersionsResponseInput } from '../protocol/generated/api-versions.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { answering, serve, type ServedApi } from './api.js';
import type { ListenerFacts, RequestContext } from './context.js';

export const API_VERSIONS_KEY = apiVersionsApi.key;

export interface ApiVersionsOptions {
  /** Every other API of the node; the answer is made from this table and nothing else. */
  readonly apis: readonly ServedApi[];
  readonly supportedFeatures: ReadonlyMap<string, VersionRange>;
  /** What the cluster has agreed on as of now. */
  readonly finalizedFeatures: () => Pick<FeaturesImage, 'finalized' | 'epoch'>;
}

/** Of clients' names and versions (KIP-511). */
const SOFTWARE_PATTERN = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;
const FIRST_VERSION_WITH_SOFTWARE = 3;
/** Clients of older versions cannot read a feature that may be at level 0 (KAFKA-17492). */
const FIRST_VERSION_WITH_LEVEL_ZERO = 4;

/** ApiVersions 0-4 (KIP-35, KIP-511, KIP-584): the whole table, its own entry included. */
export function withApiVersions(options: ApiVersionsOptions): ServedApi[] {
  const own = serve(apiVersionsApi, answering<ApiVersionsRequest, ApiVersionsResponseInput>((request, context) => {
    noteSoftware(request, context);
    return describe(context);
  }), { roles: ['broker', 'controller'] });
  const all = [...options.apis, own].sort((a, b) => a.api.key - b.api.key);
  const ranges = { broker: rangesOf(all, 'broker'), controller: rangesOf(all, 'controller') };

  const describe = (context: RequestContext): ApiVersionsResponseInput => {
    const { finalized, epoch } = options.finalizedFeatures();
    const features = [...options.supportedFeatures].map(([name, { min, max }]) => ({ name, minVersion: min, maxVersion: max }));
    return {
      apiKeys: ranges[context.connection.listener.role],
      supportedFeatures: context.apiVersion < FIRST_VERSION_WITH_LEVEL_ZERO ? features.filter(({ minVersion }) => minVersion > 0) : features,
      finalizedFeaturesEpoch: epoch,
      finalizedFeatures: servedLevels(finalized, options.supportedFeatures),
      zkMigrationReady: false,
    };
  };
  return all;
}

/** In a directory that Apache formatted, more may be agreed on than is served here: clients must not rely on that. */
function servedLevels(finalized: ReadonlyMap<string, number>, supported: ReadonlyMap<string, VersionRange>) {
  return [...finalized].filter(([name, level]) => level <= (supported.get(name)?.max ?? 0))
    .map(([name, level]) => ({ name, minVersionLevel: level, maxVersionLevel: level }));
}

/** The answer, in version 0, to a version that is not served: what the client may ask instead (KIP-511). */
export function unsupportedApiVersions(own: ServedApi): ApiVersionsResponseInput {
  return { errorCode: ErrorCode.UNSUPPORTED_VERSION, apiKeys: [rangeOf(own)] };
}

function noteSoftware({ clientSoftwareName, clientSoftwareVersion }: ApiVersionsRequest, context: RequestContext): void {
  if (context.apiVersion < FIRST_VERSION_WITH_SOFTWARE) return;
  if (!SOFTWARE_PATTERN.test(clientSoftwareName) || !SOFTWARE_PATTERN.test(clientSoftwareVersion)) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, 'the client software name or version is not one');
  }
  // Readers of the facts see them fixed; here they become known.
  const facts: { clientSoftwareName: string; clientSoftwareVersion: string } = context.connection;
  facts.clientSoftwareName = clientSoftwareName;
  facts.clientSoftwareVersion = clientSoftwareVersion;
}

function rangesOf(apis: readonly ServedApi[], role: ListenerFacts['role']): ApiVersionsResponseInput['apiKeys'] {
  return apis.filter(({ roles, isHidden }) => roles.includes(role) && !isHidden).map(rangeOf);
}

function rangeOf({ api, advertisedMinVersion, maxVersion }: ServedApi): { apiKey: number; minVersion: number; maxVersion: number } {
  return { apiKey: api.key, minVersion: advertisedMinVersion, maxVersion };
}
