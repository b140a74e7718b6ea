import {
  FeatureName, isKnownFeature, METADATA_VERSIONS, metadataVersionNeeded, MetadataVersionGate, SUPPORTED_FEATURES,
} from '../metadata/features.js';
import { metadataRecord, type MetadataRecord } from '../metadata/records.js';
import type { MetadataImage, VersionRange } from '../metadata/types.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { UpdateFeaturesRequestInput, UpdateFeaturesResponseInput } from '../protocol/generated/update-features.js';
import { minInsyncReplicasRecords } from './configs.js';
import type { Decided, Decision } from './context.js';

/** Levels that the cluster agrees on (KIP-584, KIP-778, KIP-1022). After Kafka's `FeatureControlManager`. */

const UpgradeType = { UPGRADE: 1, SAFE_DOWNGRADE: 2, UNSAFE_DOWNGRADE: 3 } as const;

const NO_SETTINGS: ReadonlyMap<string, string> = new Map();

interface Update {
  readonly name: string;
  readonly level: number;
  readonly upgradeType: number;
}

export interface DecidedFeatures extends Decided<UpdateFeaturesResponseInput> {
  /** What the quorum itself is to be raised to: kraft.version stands in control records, which are not the controller's. */
  readonly kraftVersion?: number;
}

/** All updates of a request, or none. Of a feature that is named twice, the last one counts. */
export function updateFeatures(decision: Decision, { featureUpdates, validateOnly }: UpdateFeaturesRequestInput): DecidedFeatures {
  // allowDowngrade of version 0 is read by nobody since Kafka 3.3: such requests only raise.
  const updates = new Map(featureUpdates.map(({ feature: name, maxVersionLevel: level, upgradeType = UpgradeType.UPGRADE }) => [name, { name, level, upgradeType }]));
  const proposed = new Map([...decision.image.features.finalized, ...Array.from(updates.values(), ({ name, level }) => [name, level] as const)]);
  for (const update of updates.values()) {
    const why = refuse(decision, update, proposed);
    if (why === undefined) continue;
    const errorMessage = `The update failed for all features since the following feature had an error: ${why}`;
    return { records: [], response: { errorCode: ErrorCode.INVALID_UPDATE_VERSION, errorMessage, results: [] } };
  }
  // Kafka's words for success, here of all places.
  const results = featureUpdates.map(({ feature }) => ({ feature, errorCode: ErrorCode.NONE, errorMessage: 'NONE' }));
  const response = { errorCode: ErrorCode.NONE, errorMessage: null, results };
  if (validateOnly) return { records: [], response };
  const kraftVersion = updates.get(FeatureName.KRAFT_VERSION)?.level;
  const isRaised = kraftVersion !== undefined && kraftVersion > levelOf(decision.image, FeatureName.KRAFT_VERSION);
  return { records: recordsOf(decision, updates), response, ...(isRaised && { kraftVersion }) };
}

function recordsOf({ image, settings }: Decision, updates: ReadonlyMap<string, Update>): MetadataRecord[] {
  const elr = updates.get(FeatureName.ELIGIBLE_LEADER_REPLICAS_VERSION)?.level ?? 0;
  const levels = [...updates.values()].filter(({ name }) => name !== FeatureName.KRAFT_VERSION);
  // metadata.version goes first: what comes after may need it.
  levels.sort((a, b) => Number(b.name === FeatureName.METADATA_VERSION) - Number(a.name === FeatureName.METADATA_VERSION));
  return [
    // The cluster gets the minimum that this node was started with, not one that was set for it since.
    ...(elr > 0 ? minInsyncReplicasRecords(image, settings.with({ clusterWide: NO_SETTINGS, perBroker: NO_SETTINGS })) : []),
    // Also where the level stays: who sets 0 declines the feature for good.
    ...levels.map(({ name, level: featureLevel }) => metadataRecord('FeatureLevel', { name, featureLevel })),
  ];
}

const levelOf = ({ features }: MetadataImage, name: string): number => features.finalized.get(name) ?? 0;

/** Why a level cannot be had, in the order in which Kafka's controller looks; undefined when it can. */
function refuse(decision: Decision, { name, level, upgradeType }: Update, proposed: ReadonlyMap<string, number>): string | undefined {
  const { image } = decision;
  const because = (why: string): string => `Invalid update version ${level} for feature ${name}. ${why}`;
  if (upgradeType < UpgradeType.UPGRADE || upgradeType > UpgradeType.UNSAFE_DOWNGRADE) return because('The controller does not support the given upgrade type.');
  if (level < 0) return because('A feature version cannot be less than 0.');
  const unsupported = whyNotSupported(decision, name, level);
  if (unsupported !== undefined) return because(unsupported);
  const current = levelOf(image, name);
  if (level < current && upgradeType === UpgradeType.UPGRADE) {
    return because('Can\'t downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.');
  }
  if (level > current && upgradeType !== UpgradeType.UPGRADE) return because('Can\'t downgrade to a newer version.');
  if (name === FeatureName.METADATA_VERSION) return whyNoMetadataDowngrade(level, current, upgradeType);
  if (name === FeatureName.KRAFT_VERSION) return level < current ? because('Can\'t downgrade the version of this feature.') : undefined;
  // Level 0 of it passes all that is above.
  if (!isKnownFeature(name)) return because(`Feature ${name} not found.`);
  const needed = metadataVersionNeeded(name, level);
  if ((proposed.get(FeatureName.METADATA_VERSION) ?? 0) >= needed) return undefined;
  return because(`${name} could not be set to ${level} because it depends on ${FeatureName.METADATA_VERSION} level ${needed}`);
}

/** Every node has to know the level: this one, the brokers, and the controllers as far as they register. */
function whyNotSupported({ image, settings }: Decision, name: string, level: number): string | undefined {
  const nodeId = settings.get('node.id');
  const controllers = image.features.metadataVersion >= MetadataVersionGate.CONTROLLER_REGISTRATION
    ? [...image.controllers.values()].filter(({ id }) => id !== nodeId)
    : [];
  const nodes = [
    { who: `Local controller ${nodeId}`, features: SUPPORTED_FEATURES },
    ...Array.from(image.brokers.values(), ({ id, features }) => ({ who: `Broker ${id}`, features })),
    ...controllers.map(({ id, features }) => ({ who: `Controller ${id}`, features })),
  ];
  return nodes.map(({ who, features }) => whyNot(level, who, features.get(name))).find(why => why !== undefined);
}

/** After Kafka's `QuorumFeatures.reasonNotSupported`; who does not name a feature has it at 0. */
function whyNot(level: number, who: string, { min, max }: VersionRange = { min: 0, max: 0 }): string | undefined {
  if (level >= min && level <= max) return undefined;
  if (max === 0) return `${who} does not support this feature.`;
  return `${who} only supports versions ${min === max ? min : `${min}-${max}`}`;
}

/** On the way down, records of newer kinds would be lost. */
function whyNoMetadataDowngrade(target: number, current: number, upgradeType: number): string | undefined {
  const losesMetadata = METADATA_VERSIONS.some(({ level, changesMetadata }) => changesMetadata && level > target && level <= current);
  if (!losesMetadata) return undefined;
  return `Unsupported metadata.version downgrade from ${current} to ${target}. ${upgradeType === UpgradeType.UNSAFE_DOWNGRADE
    ? 'Unsafe metadata downgrade is not supported in this version.'
    : 'Refusing to perform the requested downgrade because it might delete metadata information.'}`;
}
