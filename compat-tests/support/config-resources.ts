// What requests about settings name by numbers.

import { ConfigResourceType } from '../../src/metadata/types.js';

export const { TOPIC, BROKER, BROKER_LOGGER: LOGGER, CLIENT_METRICS: METRICS, GROUP } = ConfigResourceType;

/** Kafka's `AlterConfigOp`. */
export const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3] as const;

export type Resource = readonly [type: number, name: string];
