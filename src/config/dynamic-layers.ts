import type { DynamicLayers, Settings } from './settings.js';
import { validateChanged } from './validate.js';

/**
 * The settings of a running node once the metadata has these layers (`DynamicBrokerConfig.updateCurrentConfig`). What cannot
 * be read or is not dynamic is passed over; intervals between assignments are brought within the bounds of this node's start.
 * Layers that do not go together, with one another or with what was given at start, change nothing. `onFault` hears of all.
 */
export function takeLayers(before: Settings, layers: DynamicLayers, onFault: (fault: string) => void): Settings {
  try {
    const after = before.with(layers, onFault).capped(onFault);
    validateChanged(after);
    return after;
  } catch (error) {
    onFault(`dynamic settings that do not go together are not applied: ${error instanceof Error ? error.message : String(error)}`);
    return before;
  }
}
