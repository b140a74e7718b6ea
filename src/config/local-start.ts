import { LOCAL_START, Settings, type Given } from './settings.js';

export { LOCAL_START };

/**
 * What `ottla start` and `startBroker` take instead of Kafka's own defaults where nobody said otherwise: one node that needs
 * no preparation and no second broker.
 */
export function localStart(dataDirectory: string): ReadonlyMap<string, Given> {
  return given({
    'process.roles': 'broker,controller',
    'node.id': '1',
    'listeners': 'PLAINTEXT://127.0.0.1:9092',
    // The controller is in the same process and is reached without a socket; the name says which listeners it would own.
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': dataDirectory,
    'auto.create.topics.enable': 'true',
    'group.initial.rebalance.delay.ms': '0',
    // No-ops in the metadata log are for followers, of which there are none: an idle broker leaves the disk alone.
    'metadata.max.idle.interval.ms': '0',
    ...SINGLE_NODE,
  });
}

/** Kafka's defaults that want three brokers; with one the internal topics could never be created. */
export const SINGLE_NODE: Readonly<Record<string, string>> = {
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
};

/** The settings of a local start with some values of one's own: for tests, and for brokers made in a program. */
export function localSettings(own: Readonly<Record<string, string>> = {}, dataDirectory = 'ottla-data'): Settings {
  return Settings.from(new Map([...localStart(dataDirectory), ...given(own, 'given in the program')]));
}

function given(values: Readonly<Record<string, string>>, place = LOCAL_START): ReadonlyMap<string, Given> {
  return new Map(Object.entries(values).map(([name, text]) => [name, { text, place }]));
}
