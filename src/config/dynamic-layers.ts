import type { DynamicLayers, Settings } from './settings.js';
import { validateChanged } from './validate.js';

type OnFault = (fault: string) => void;

/**
 * The settings of a running node once the metadata has these layers (`DynamicBrokerConfig.updateCurrentConfig`). What cannot
 * be read or is not dynamic is passed over; intervals between assignments are brought within the bounds of this node's start.
 * Where the layers do not go together, with one another or with what was given at start, Kafka applies none of them; here
 * those entries alone are passed over without which the rest does, lest a broker forget how long it is to keep its records.
 */
export function takeLayers(settings: Settings, layers: DynamicLayers, onFault: OnFault): Settings {
  const readable = settings.with(layers, onFault).capped(onFault);
  return faultOf(readable) === undefined ? readable : soundPart(settings, readable.dynamic, onFault);
}

function soundPart(settings: Settings, { clusterWide, perBroker }: DynamicLayers, onFault: OnFault): Settings {
  const made = (dynamic: DynamicLayers): Settings => settings.with(dynamic).capped();
  let kept = made({ clusterWide: new Map(), perBroker: new Map() });
  let left = [...Array.from(clusterWide, entry => ({ layer: 'clusterWide' as const, entry })), ...Array.from(perBroker, entry => ({ layer: 'perBroker' as const, entry }))];
  // Again as long as something fits in: some need others that come later.
  for (let before = left.length + 1; left.length < before;) {
    before = left.length;
    left = left.filter(({ layer, entry: [name, text] }) => {
      const more = made({ ...kept.dynamic, [layer]: new Map([...kept.dynamic[layer], [name, text]]) });
      if (faultOf(more) !== undefined) return true;
      kept = more;
      return false;
    });
  }
  for (const { layer, entry: [name, text] } of left) {
    const fault = faultOf(made({ ...kept.dynamic, [layer]: new Map([...kept.dynamic[layer], [name, text]]) }));
    onFault(`${name} does not go together with the other settings: ${fault}`);
  }
  return kept;
}

function faultOf(settings: Settings): string | undefined {
  try {
    validateChanged(settings);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
