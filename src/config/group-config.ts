import { groupValue } from './resources.js';
import type { Settings } from './settings.js';
import { groupSettings, type GroupName } from './table/index.js';
import { parseValue } from './value.js';

/** What holds for one group of the consumer protocol (KIP-848): its own settings where it has some, the node's otherwise. */
export interface GroupConfig {
  readonly consumerSessionTimeoutMs: number;
  readonly consumerHeartbeatIntervalMs: number;
  readonly consumerAssignmentIntervalMs: number;
}

/**
 * Resolves the settings of a group (`GroupConfigManager`). `own` are the group's texts as the metadata has them. What was
 * stored under other bounds is brought within those of today; what cannot be read counts as not given, and is told.
 */
export function groupConfigOf(settings: Settings, own: ReadonlyMap<string, string>, onFault?: (fault: string) => void): GroupConfig {
  const readable = new Map([...own].filter(([name, text]) => isReadable(name, text, onFault)));
  const number = (name: GroupName): number => groupValue(settings, readable, name);
  return {
    consumerSessionTimeoutMs: number('consumer.session.timeout.ms'),
    consumerHeartbeatIntervalMs: number('consumer.heartbeat.interval.ms'),
    consumerAssignmentIntervalMs: number('consumer.assignment.interval.ms'),
  };
}

function isReadable(name: string, text: string, onFault: ((fault: string) => void) | undefined): boolean {
  if (!(name in groupSettings)) return false;
  try {
    parseValue(name, groupSettings[name as GroupName], text);
    return true;
  } catch (error) {
    onFault?.(error instanceof Error ? error.message : String(error));
    return false;
  }
}
