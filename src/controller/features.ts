import { FeatureName, METADATA_VERSIONS, metadataVersionNeeded, SUPPORTED_FEATURES } from '../metadata/features.js';
import { metadataRecord, type MetadataRecord } from '../metadata/records.js';
import type { MetadataImage, VersionRange } from '../metadata/types.js';
import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { UpdateFeaturesRequestInput, UpdateFeaturesResponseInput } from '../protocol/generated/update-features.js';
import type { Decided, Decision } from './context.js';

/** Levels that the cluster agrees on (KIP-584, KIP-778, KIP-1022). After Kafka's `FeatureControlManager`. */

const UpgradeType = { UPGRADE: 1, SAFE_DOWNGRADE: 2, UNSAFE_DOWNGRADE: 3 } as const;

type Update = UpdateFeaturesRequestInput['featureUpdates'][number];

/** All updates of a request, or none. */
export function updateFeatures({ image }: Decision, request: UpdateFeaturesRequestInput): Decided<UpdateFeaturesResponseInput> {
  const names = request.featureUpdates.map(({ feature }) => feature);
  if (new Set(names).size < names.length) throw new KafkaError(ErrorCode.INVALID_REQUEST, 'a feature is named twice');
  const proposed = new Map(request.featureUpdates.map(({ feature, maxVersionLevel }) => [feature, maxVersionLevel]));
  const records: MetadataRecord[] = [];
  const results: { feature: string; errorCode: number; errorMessage: string | null }[] = [];
  for (const update of request.featureUpdates) {
    const refusal = refuse(image, update, proposed);
    if (refusal !== undefined) {
      const errorMessage = `no feature was updated: ${refusal.message}`;
      return { records: [], response: { errorCode: refusal.errorCode, errorMessage, results: [] } };
    }
    const { feature: name, maxVersionLevel: featureLevel } = update;
    if ((image.features.finalized.get(name) ?? 0) !== featureLevel) records.push(metadataRecord('FeatureLevel', { name, featureLevel }));
    // Kafka's words for success, here of all places.
    results.push({ feature: name, errorCode: ErrorCode.NONE, errorMessage: 'NONE' });
  }
  // metadata.version goes first: what comes after may need it.
  records.sort((a, b) => Number(isMetadataVersion(b)) - Number(isMetadataVersion(a)));
  return { records: request.validateOnly ? [] : records, response: { errorCode: ErrorCode.NONE, errorMessage: null, results } };
}

function isMetadataVersion(record: MetadataRecord): boolean {
  return record.type === 'FeatureLevel' && record.message.name === FeatureName.METADATA_VERSION;
}

function refuse(image: MetadataImage, update: Update, proposed: ReadonlyMap<string, number>): KafkaError | undefined {
  const { feature: name, maxVersionLevel: level } = update;
  const because = (why: string): KafkaError =>
    new KafkaError(ErrorCode.INVALID_UPDATE_VERSION, `${name} cannot be set to ${level}: ${why}`);
  const upgradeType = update.upgradeType ?? (update.allowDowngrade === true ? UpgradeType.SAFE_DOWNGRADE : UpgradeType.UPGRADE);
  if (upgradeType < UpgradeType.UPGRADE || upgradeType > UpgradeType.UNSAFE_DOWNGRADE) return because('the upgrade type is not known');
  if (level < 0) return because('there is no level below 0');
  const why = whyNotServed(level, 'Local controller', SUPPORTED_FEATURES.get(name)) ??
    [...image.brokers.values()].map(({ id, features }) => whyNotServed(level, `Broker ${id}`, features.get(name))).find(reason => reason !== undefined);
  if (why !== undefined) return because(why);
  if (name === FeatureName.KRAFT_VERSION && level !== image.features.finalized.get(name)) return because('it is changed through the quorum only');
  const current = image.features.finalized.get(name) ?? 0;
  if (level < current && upgradeType === UpgradeType.UPGRADE) return because('that is lower than now, and the request does not ask for a downgrade');
  if (level > current && upgradeType !== UpgradeType.UPGRADE) return because('that is higher than now, and the request asks for a downgrade');
  if (name === FeatureName.METADATA_VERSION && level < current && losesMetadata(level, current)) {
    return because(upgradeType === UpgradeType.SAFE_DOWNGRADE
      ? 'metadata would be lost on the way down'
      : 'a downgrade that loses metadata is not served in this version');
  }
  const metadataVersion = proposed.get(FeatureName.METADATA_VERSION) ?? image.features.metadataVersion;
  const needed = metadataVersionNeeded(name, level);
  return metadataVersion < needed ? because(`it needs metadata.version ${needed}, and the cluster has ${metadataVersion}`) : undefined;
}

/** After Kafka's `QuorumFeatures.reasonNotSupported`; who does not name a feature has it at 0. */
function whyNotServed(level: number, who: string, { min, max }: VersionRange = { min: 0, max: 0 }): string | undefined {
  if (level >= min && level <= max) return undefined;
  return max === 0 ? `${who} does not support it` : `${who} supports ${min} to ${max}`;
}

function losesMetadata(target: number, current: number): boolean {
  return METADATA_VERSIONS.some(({ level, changesMetadata }) => changesMetadata && level > target && level <= current);
}
