import { MetadataVersionGate } from '../metadata/features.js';
import { metadataRecord } from '../metadata/records.js';
import { KafkaError } from '../protocol/errors.js';
import type { AllocateProducerIdsRequestInput, AllocateProducerIdsResponseInput } from '../protocol/generated/allocate-producer-ids.js';
import type { ControllerRegistrationRequestInput, ControllerRegistrationResponseInput } from '../protocol/generated/controller-registration.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { requireBroker } from './brokers.js';
import type { Decided, Decision } from './context.js';

/** What nodes get from the controller besides their epochs: a place among the controllers, and producer ids. */

/** A controller tells where it is reached and what it supports (KIP-919). */
export function registerController({ image }: Decision, request: ControllerRegistrationRequestInput): Decided<ControllerRegistrationResponseInput> {
  if (image.features.metadataVersion < MetadataVersionGate.CONTROLLER_REGISTRATION) {
    throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION, 'controllers register from metadata.version 15 on');
  }
  const { controllerId, incarnationId, listeners, features } = request;
  const record = metadataRecord('RegisterController', {
    controllerId, incarnationId, zkMigrationReady: false,
    endPoints: listeners.map(({ name, host, port, securityProtocol }) => ({ name, host, port, securityProtocol })),
    features: features.map(({ name, minSupportedVersion, maxSupportedVersion }) => ({ name, minSupportedVersion, maxSupportedVersion })),
  });
  return { records: [record], response: {} };
}

/** Producer ids are handed to brokers in blocks of this many. */
const PRODUCER_ID_BLOCK = 1000;

/** A block that no other broker gets (KIP-730, Kafka's `ProducerIdControlManager`). */
export function allocateProducerIds({ image }: Decision, { brokerId, brokerEpoch = -1 }: AllocateProducerIdsRequestInput): Decided<AllocateProducerIdsResponseInput> {
  requireBroker(image, brokerId, brokerEpoch);
  const producerIdStart = image.nextProducerId;
  const nextProducerId = producerIdStart + PRODUCER_ID_BLOCK;
  if (!Number.isSafeInteger(nextProducerId)) throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, 'there are no producer ids left');
  return {
    records: [metadataRecord('ProducerIds', { brokerId, brokerEpoch, nextProducerId })],
    response: { producerIdStart, producerIdLen: PRODUCER_ID_BLOCK },
  };
}
