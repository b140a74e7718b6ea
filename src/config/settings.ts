import { whyPassedOver } from './dynamic.js';
import { brokerSynonyms, unitSynonyms, type InUnits } from './synonyms.js';
import { brokerSetting, brokerSettings, type BrokerName, type BrokerValue } from './table/index.js';
import { ConfigError, defaultOf, parseValue, type Parsed } from './value.js';

/** A value as somebody gave it, and where: `server.properties:12`, `environment variable KAFKA_LOG_DIRS`, `--port`. */
export interface Given {
  readonly text: string;
  readonly place: string;
}

/** The place of what nobody gave, where a local start differs from Kafka's defaults. */
export const LOCAL_START = 'local start';

/** In `cordoned.log.dirs`, for every data directory. */
export const ALL_DIRECTORIES = '*';

/** What may change while the broker runs (KIP-226): texts by name. */
export interface DynamicLayers {
  /** For all brokers (DescribeConfigs calls it the default). */
  readonly clusterWide: ReadonlyMap<string, string>;
  /** For this broker; goes before the cluster's. */
  readonly perBroker: ReadonlyMap<string, string>;
}

const NO_LAYERS: DynamicLayers = { clusterWide: new Map(), perBroker: new Map() };

/** Reads single values; a listener's view reads the listener's own form first. */
export interface SettingsView {
  get<N extends BrokerName>(name: N): BrokerValue<N>;
}

/**
 * The settings of one node: what was given when it started, under what was changed since. Immutable; `with` makes the
 * settings after a change. A name that nobody gave has the default of the table.
 */
export class Settings implements SettingsView {
  private constructor(
    /** As given at start: what DescribeConfigs calls static. */
    readonly given: ReadonlyMap<string, Given>,
    readonly dynamic: DynamicLayers,
    private readonly values: ReadonlyMap<string, Parsed>,
  ) {}

  /** Throws one ConfigError that names every wrong value and every missing one, each with its place. */
  static from(given: ReadonlyMap<string, Given>): Settings {
    const complete = withNodeId(given);
    const values = new Map<string, Parsed>();
    const faults: string[] = [];
    for (const [name, { text, place }] of complete) {
      try {
        values.set(name, parseGiven(name, text));
      } catch (error) {
        faults.push(`${messageOf(error)} (${place})`);
      }
    }
    for (const [name, setting] of Object.entries(brokerSettings)) {
      if (setting.defaultText === undefined && !complete.has(name)) {
        faults.push(`Missing required configuration "${name}" which has no default value.`);
      }
    }
    if (faults.length > 0) throw new ConfigError(faults.join('\n'));
    return new Settings(complete, NO_LAYERS, values);
  }

  /**
   * The settings with other dynamic layers. What cannot be read, or is not dynamic, is left out and told to `onFault`: a
   * record in the metadata log must not keep a broker from running.
   */
  with(dynamic: DynamicLayers, onFault?: (fault: string) => void): Settings {
    const values = new Map<string, Parsed>();
    for (const [name, { text }] of this.given) values.set(name, parseGiven(name, text));
    const clusterWide = readable(dynamic.clusterWide, false, onFault);
    const perBroker = readable(dynamic.perBroker, true, onFault);
    for (const layer of [clusterWide, perBroker]) {
      for (const [name, parsed] of layer) {
        for (const synonym of brokerSynonyms(name, false)) values.delete(synonym);
        values.set(name, parsed);
      }
    }
    // As it was written: DescribeConfigs shows synonyms so.
    const written = (layer: ReadonlyMap<string, string>, kept: ReadonlyMap<string, Parsed>) => new Map([...layer].filter(([name]) => kept.has(name)));
    return new Settings(this.given, { clusterWide: written(dynamic.clusterWide, clusterWide), perBroker: written(dynamic.perBroker, perBroker) }, values);
  }

  /** With intervals between assignments within the bounds for groups (`GroupCoordinatorConfig.clampDynamicConfigs`). */
  capped(onFault?: (fault: string) => void): Settings {
    const values = new Map(this.values);
    for (const kind of ['consumer', 'share', 'streams'] as const) {
      const name = `group.${kind}.assignment.interval.ms` as const;
      const value = this.get(name);
      const bounded = Math.min(Math.max(value, this.get(`group.${kind}.min.assignment.interval.ms`)), this.get(`group.${kind}.max.assignment.interval.ms`));
      if (bounded === value) continue;
      onFault?.(`${name} is ${value}, beyond its bounds: ${bounded} holds`);
      values.set(name, { value: bounded, text: String(bounded) });
    }
    return new Settings(this.given, this.dynamic, values);
  }

  get<N extends BrokerName>(name: N): BrokerValue<N> {
    return this.parsed(name).value as BrokerValue<N>;
  }

  /** The value in milliseconds of a setting that may also be given in minutes or hours. */
  inMs(name: InUnits): number {
    const own = this.get(name);
    if (own !== undefined) return own;
    for (const [synonym, unitMs] of unitSynonyms[name]) {
      const value: number | undefined = this.get(synonym);
      if (value !== undefined) return value * unitMs;
    }
    throw new ConfigError(`${name} has no value`);
  }

  /** How long records are kept; -1 for ever, however it was written. */
  retentionMs(): number {
    const ms = this.inMs('log.retention.ms');
    return ms < 0 ? -1 : ms;
  }

  /** The exact text of the value in force; null for none. Of an unknown name what was given. */
  text(name: string): string | null {
    return this.parsed(name).text;
  }

  /** Whether somebody gave this name, at start or since. */
  isGiven(name: string): boolean {
    return this.values.has(name);
  }

  /** Where the value came from that was given at start and still holds. */
  placeOf(name: string): string | undefined {
    return this.dynamic.perBroker.has(name) || this.dynamic.clusterWide.has(name) ? undefined : this.given.get(name)?.place;
  }

  /** Names given that the table does not know, at start or since. */
  unknownNames(): string[] {
    return [...this.values.keys()].filter(name => brokerSetting(name) === undefined);
  }

  /** What holds for one listener: `listener.name.<listener>.<setting>` before `<setting>`. */
  forListener(listener: string): SettingsView {
    const prefix = `listener.name.${listener.toLowerCase()}.`;
    return {
      get: <N extends BrokerName>(name: N): BrokerValue<N> => (this.values.get(prefix + name)?.value ?? this.get(name)) as BrokerValue<N>,
    };
  }

  /** Data directories: `log.dirs`, else `log.dir`. */
  get dataDirectories(): readonly string[] {
    return this.get('log.dirs') ?? this.get('log.dir');
  }

  /** Those of the data directories that get no new partitions (KIP-1066). */
  get cordonedDirectories(): readonly string[] {
    const cordoned = this.get('cordoned.log.dirs') ?? [];
    return cordoned.includes(ALL_DIRECTORIES) ? this.dataDirectories : cordoned;
  }

  get metadataDirectory(): string {
    return this.get('metadata.log.dir') ?? this.dataDirectories[0]!;
  }

  private parsed(name: string): Parsed {
    const own = this.values.get(name);
    if (own !== undefined) return own;
    const setting = brokerSetting(name);
    return setting === undefined ? { value: undefined, text: null } : defaultOf(setting);
  }
}

/** Of the texts that the metadata has for one broker, or for all together, those that count. */
export function dynamicTexts(stored: ReadonlyMap<string, string>, perBroker: boolean): Map<string, string> {
  const kept = readable(stored, perBroker, undefined);
  return new Map([...stored].filter(([name]) => kept.has(name)));
}

/** `node.id` and `broker.id` stand for each other. */
function withNodeId(given: ReadonlyMap<string, Given>): ReadonlyMap<string, Given> {
  const node = given.get('node.id');
  const broker = given.get('broker.id');
  if (node !== undefined && broker === undefined) return new Map([...given, ['broker.id', node]]);
  if (broker !== undefined && node === undefined) return new Map([...given, ['node.id', broker]]);
  return given;
}

/** A name that the table does not know is kept as it is: plugins of a Kafka node have settings of their own. */
function parseGiven(name: string, text: string): Parsed {
  const setting = brokerSetting(name);
  return setting === undefined ? { value: text, text } : parseValue(name, setting, text);
}

function readable(layer: ReadonlyMap<string, string>, perBroker: boolean, onFault: ((fault: string) => void) | undefined): Map<string, Parsed> {
  const values = new Map<string, Parsed>();
  for (const [name, text] of layer) {
    try {
      const why = whyPassedOver(name, perBroker);
      if (why !== undefined) throw new ConfigError(why);
      values.set(name, parseGiven(name, text));
    } catch (error) {
      onFault?.(messageOf(error));
    }
  }
  return values;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
