import { scramKeys, type ScramHash } from '../base/scram.js';
import { scramKey } from '../metadata/delta.js';
import { MetadataVersionGate } from '../metadata/features.js';
import { metadataRecord, type MetadataRecord } from '../metadata/records.js';
import type { MetadataImage } from '../metadata/types.js';
import { KafkaError } from '../protocol/errors.js';
import type { AlterUserScramCredentialsRequestInput, AlterUserScramCredentialsResponseInput } from '../protocol/generated/alter-user-scram-credentials.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { Decided, Decision } from './context.js';

/** What users log in with (KIP-554, KIP-900): only keys are kept. After Kafka's `ScramControlManager`. */

/** By the number that Kafka gives a mechanism. */
const MECHANISMS: ReadonlyMap<number, ScramHash> = new Map([[1, 'sha256'], [2, 'sha512']]);
/** Fewer are too easy to try, more too much work for the server. */
const MIN_ITERATIONS = 4096;
const MAX_ITERATIONS = 16_384;

type Deletion = AlterUserScramCredentialsRequestInput['deletions'][number];
type Upsertion = AlterUserScramCredentialsRequestInput['upsertions'][number];

/** Each user succeeds or fails alone; one whom the request names twice fails, whatever the mechanisms. */
export function alterUserScramCredentials(
  { image }: Decision, { deletions, upsertions }: AlterUserScramCredentialsRequestInput,
): Decided<AlterUserScramCredentialsResponseInput> {
  const outcomes = new Map<string, MetadataRecord | KafkaError>();
  const decide = (user: string, decision: () => MetadataRecord): void => {
    const before = outcomes.get(user);
    // The first failure is the one that is told.
    if (before instanceof KafkaError) return;
    outcomes.set(user, before === undefined ? outcomeOf(decision) : new KafkaError(ErrorCode.DUPLICATE_RESOURCE, 'A user credential cannot be altered twice in the same request'));
  };
  for (const deletion of deletions) decide(deletion.name, () => removal(image, deletion));
  for (const upsertion of upsertions) decide(upsertion.name, () => credential(image, upsertion));
  return {
    records: [...outcomes.values()].filter((outcome): outcome is MetadataRecord => !(outcome instanceof KafkaError)),
    response: { results: [...outcomes].map(([user, outcome]) => (outcome instanceof KafkaError
      ? { user, errorCode: outcome.errorCode, errorMessage: outcome.message }
      : { user, errorCode: ErrorCode.NONE, errorMessage: null })) },
  };
}

function outcomeOf(decision: () => MetadataRecord): MetadataRecord | KafkaError {
  try {
    return decision();
  } catch (error) {
    if (error instanceof KafkaError) return error;
    throw error;
  }
}

function removal(image: MetadataImage, { name, mechanism }: Deletion): MetadataRecord {
  hashFor(image, name, mechanism);
  if (!image.scramCredentials.has(scramKey(name, mechanism))) {
    throw new KafkaError(ErrorCode.RESOURCE_NOT_FOUND, 'Attempt to delete a user credential that does not exist');
  }
  return metadataRecord('RemoveUserScramCredential', { name, mechanism });
}

function credential(image: MetadataImage, { name, mechanism, iterations, salt, saltedPassword }: Upsertion): MetadataRecord {
  const hash = hashFor(image, name, mechanism);
  if (iterations < MIN_ITERATIONS) throw new KafkaError(ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Too few iterations');
  if (iterations > MAX_ITERATIONS) throw new KafkaError(ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Too many iterations');
  if (saltedPassword.length === 0) throw new KafkaError(ErrorCode.UNACCEPTABLE_CREDENTIAL, 'the salted password is empty');
  return metadataRecord('UserScramCredential', { name, mechanism, iterations, salt, ...scramKeys(hash, saltedPassword) });
}

/** Refuses what no user and no mechanism can be. */
function hashFor({ features }: MetadataImage, name: string, mechanism: number): ScramHash {
  if (features.metadataVersion < MetadataVersionGate.SCRAM) {
    throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION, 'The current metadata.version does not support SCRAM');
  }
  if (name === '') throw new KafkaError(ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Username must not be empty');
  const hash = MECHANISMS.get(mechanism);
  if (hash === undefined) throw new KafkaError(ErrorCode.UNSUPPORTED_SASL_MECHANISM, 'Unknown SCRAM mechanism');
  return hash;
}
