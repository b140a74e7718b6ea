import { Broker } from '../broker/broker.js';
import type { Settings } from '../config/index.js';
import type { Logger } from '../env/index.js';
import { nodeEnv } from '../env/node/index.js';
import { jobs } from '../worker/jobs.js';

/** A broker in the real world, or with its data in memory, from settings that are read already. */
export function startFromSettings({ settings, logger, memory }: { settings: Settings; logger: Logger; memory: boolean }): Promise<Broker> {
  return Broker.start({ settings, env: nodeEnv({ logger, memory, jobs }) });
}
