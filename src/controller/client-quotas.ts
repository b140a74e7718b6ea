import { clientQuotaKey } from '../metadata/delta.js';
import { metadataRecord, type MetadataRecord } from '../metadata/records.js';
import { QuotaEntityType, QuotaKey } from '../metadata/types.js';
import { KafkaError } from '../protocol/errors.js';
import type { AlterClientQuotasRequestInput, AlterClientQuotasResponseInput } from '../protocol/generated/alter-client-quotas.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { Decided, Decision } from './context.js';

/** Quotas of users, client ids and addresses (KIP-546, KIP-612). After Kafka's `ClientQuotaControlManager`. */

type Alteration = AlterClientQuotasRequestInput['entries'][number];
type Entity = readonly { readonly type: string; readonly name: string | null }[];
type Result = AlterClientQuotasResponseInput['entries'][number];

export interface AlterClientQuotas extends AlterClientQuotasRequestInput {
  /** Of the addresses that the request names those that are neither one nor the name of a host. */
  readonly unknownHosts: ReadonlySet<string>;
}

/** What a value has to be, by key: Kafka's types of settings. */
type Keys = ReadonlyMap<string, 'double' | 'long' | 'int'>;

const CLIENT_KEYS: Keys = new Map([
  [QuotaKey.PRODUCER_BYTE_RATE, 'long'], [QuotaKey.CONSUMER_BYTE_RATE, 'long'],
  [QuotaKey.REQUEST_PERCENTAGE, 'double'], [QuotaKey.CONTROLLER_MUTATION_RATE, 'double'],
]);
const IP_KEYS: Keys = new Map([[QuotaKey.CONNECTION_CREATION_RATE, 'int']]);

const LARGEST = { double: Infinity, long: 2 ** 63, int: 2 ** 31 - 1 } as const;
/** So far off a whole number a value may be. */
const WHOLE_WITHIN = 1e-6;

/** Each entity is changed as a whole or not at all; one that comes again is refused there, and keeps what its first place said. */
export function alterClientQuotas(decision: Decision, request: AlterClientQuotas): Decided<AlterClientQuotasResponseInput> {
  const records: MetadataRecord[] = [];
  const results = new Map<string, Result>();
  for (const alteration of request.entries) {
    const entity = entityOf(alteration);
    const id = clientQuotaKey(entity);
    const answer = { entity: entity.map(({ type, name }) => ({ entityType: type, entityName: name })) };
    try {
      const earlier = results.get(id);
      if (earlier !== undefined) throw invalid('the entity is named more than once');
      records.push(...alterOne(decision, entity, id, alteration, request.unknownHosts));
      results.set(id, { ...answer, errorCode: ErrorCode.NONE, errorMessage: null });
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      results.set(id, { ...answer, errorCode: error.errorCode, errorMessage: error.message });
    }
  }
  return { records: request.validateOnly ? [] : records, response: { entries: [...results.values()] } };
}

const invalid = (why: string): KafkaError => new KafkaError(ErrorCode.INVALID_REQUEST, why);

/** A part that is given twice counts as it was given last. */
function entityOf({ entity }: Alteration): Entity {
  const parts = new Map(entity.map(({ entityType, entityName }) => [entityType, entityName]));
  return [...parts].map(([type, name]) => ({ type, name }));
}

function alterOne(
  { image }: Decision, entity: Entity, id: string, { ops }: Alteration, unknownHosts: ReadonlySet<string>,
): MetadataRecord[] {
  if (new Set(ops.map(({ key }) => key)).size < ops.length) throw invalid('a quota is named more than once');
  refuseParts(entity);
  const keys = keysFor(entity, unknownHosts);
  const current = image.clientQuotas.get(id)?.values;
  return ops.flatMap(({ key, value, remove }) => {
    if (!remove) refuseValue(keys, key, value);
    const isSame = remove ? current?.has(key) !== true : Object.is(current?.get(key), value);
    if (isSame) return [];
    const parts = entity.map(({ type, name }) => ({ entityType: type, entityName: name }));
    return [metadataRecord('ClientQuota', { entity: parts, key, value: remove ? 0 : value, remove })];
  });
}

function refuseParts(entity: Entity): void {
  if (entity.length === 0) throw invalid('Invalid empty client quota entity');
  for (const { type, name } of entity) {
    if (!(Object.values(QuotaEntityType) as string[]).includes(type)) throw invalid(`Unhandled client quota entity type: ${type}`);
    if (name === '') throw invalid(`Empty ${type} not supported`);
  }
}

/** What may be set for an entity. */
function keysFor(entity: Entity, unknownHosts: ReadonlySet<string>): Keys {
  const ip = entity.find(({ type }) => type === QuotaEntityType.IP);
  if (ip === undefined) return CLIENT_KEYS;
  if (entity.length > 1) throw invalid('an ip stands alone, without user and client-id');
  if (ip.name !== null && unknownHosts.has(ip.name)) throw invalid(`${ip.name} is not a valid IP or resolvable host.`);
  return IP_KEYS;
}

function refuseValue(keys: Keys, key: string, value: number): void {
  const type = keys.get(key);
  if (type === undefined) throw invalid(`Invalid configuration key ${key}`);
  if (value <= 0) throw invalid(`Quota ${key} must be greater than 0`);
  if (value > LARGEST[type]) throw invalid(`Proposed value for ${key} is too large for ${type === 'int' ? 'an INT' : `a ${type.toUpperCase()}`}.`);
  if (type !== 'double' && Math.abs(value % 1) > WHOLE_WITHIN) throw invalid(`${key} cannot be a fractional value.`);
}
