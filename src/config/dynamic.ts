import { baseOfListenerSetting, brokerSetting } from './table/index.js';

/** Which of a node's settings may change while it runs, and for whom (KIP-226). After Kafka's `DynamicBrokerConfig`. */

/** Secrets and stores of TLS that may be changed for one listener only. */
const PER_LISTENER = [
  'ssl.keystore.type', 'ssl.keystore.location', 'ssl.keystore.password', 'ssl.key.password', 'ssl.truststore.type', 'ssl.truststore.location',
  'ssl.truststore.password', 'ssl.keystore.certificate.chain', 'ssl.keystore.key', 'ssl.truststore.certificates',
];
/** Of a listener's settings those that may be set for all brokers. */
const CLUSTER_LEVEL = ['max.connections', 'max.connection.creation.rate', 'num.network.threads'];

/** A listener's own form of any setting is none of these, nor is a name that nobody knows. */
export const isReadOnly = (name: string): boolean => baseOfListenerSetting(name) === undefined && brokerSetting(name)?.update === 'read-only';

export const needsListener = (name: string): boolean => PER_LISTENER.includes(name);

/** May be changed for one broker only, not for all together. */
export function isPerBroker(name: string): boolean {
  const base = baseOfListenerSetting(name);
  if (base !== undefined) return !CLUSTER_LEVEL.includes(base);
  return brokerSetting(name)?.update === 'per-broker';
}

/** Why a name that stands in a dynamic layer is passed over; undefined when it counts. */
export function whyPassedOver(name: string, perBroker: boolean): string | undefined {
  if (isReadOnly(name)) return `Cannot update ${name} dynamically`;
  if (needsListener(name)) return `${name} can be changed for a listener only`;
  return !perBroker && isPerBroker(name) ? `${name} can be changed for one broker only` : undefined;
}
