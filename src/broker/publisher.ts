import { groupConfigOf, resolveLogSettings, takeLayers, type GroupConfig, type LogSettings, type Settings } from '../config/index.js';
import type { Cancel, Clock, Logger } from '../env/index.js';
import type { MetadataDelta } from '../metadata/delta.js';
import { configOf, EMPTY_IMAGE } from '../metadata/image.js';
import type { MetadataPublisher } from '../metadata/loader.js';
import { configKey, ConfigResourceType, type MetadataImage } from '../metadata/types.js';
import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { Uuid } from '../protocol/wire/types.js';
import type { ReplicaManager } from '../replication/index.js';

export interface PublisherOptions {
  readonly brokerId: number;
  /** As given at start, without what the cluster says. */
  readonly settings: Settings;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Who else acts on new metadata. */
export interface ImageListener {
  /** Topics that are gone. */
  topicsDeleted(topics: readonly { readonly name: string; readonly id: Uuid }[]): void;
  /** Topics of these names came, changed or are gone. */
  topicsChanged(topics: { readonly names: readonly string[]; readonly hasNew: boolean }): void;
  /** The broker's own settings may be others now. */
  settingsChanged(): void;
}

/** Keeps a broker in step with the cluster's metadata: its settings, its replicas, and whoever waits for something to exist. */
export class Publisher implements MetadataPublisher {
  #image: MetadataImage = EMPTY_IMAGE;
  #settings: Settings;
  #replicas: ReplicaManager | undefined;
  #listener: ImageListener | undefined;
  readonly #waiting = new Set<() => void>();
  /** By group, of those that have settings of their own; the empty name stands for all others. */
  readonly #groupConfigs = new Map<string, GroupConfig>();

  constructor(private readonly options: PublisherOptions) {
    this.#settings = options.settings;
  }

  /** The metadata that this broker has acted on. */
  get image(): MetadataImage {
    return this.#image;
  }

  /** The broker's settings, the cluster's dynamic ones over those given at start. */
  get settings(): Settings {
    return this.#settings;
  }

  logSettingsOf(topic: string): LogSettings {
    return this.#logSettings(configOf(this.#image, configKey(ConfigResourceType.TOPIC, topic)), topic);
  }

  /** What holds for a group now; the same object until its settings, or the broker's, change. */
  groupConfigOf(groupId: string): GroupConfig {
    const own = configOf(this.#image, configKey(ConfigResourceType.GROUP, groupId));
    const key = own.size === 0 ? '' : groupId;
    let config = this.#groupConfigs.get(key);
    if (config === undefined) {
      config = groupConfigOf(this.#settings, own, fault => this.options.logger.warn('a group setting is passed over', { group: groupId, fault }));
      this.#groupConfigs.set(key, config);
    }
    return config;
  }

  /** From now on replicas and coordinators follow; what the image says already is done first. */
  attach(replicas: ReplicaManager, listener: ImageListener): void {
    this.#replicas = replicas;
    this.#listener = listener;
    for (const topic of this.#image.topicsById.values()) replicas.applyTopic(topic);
  }

  /**
   * Nothing in here waits, so that nobody finds the new image with the old replicas: requests come between two images. What is
   * gone goes before what comes is opened, since a name may be given anew within one image.
   */
  onImage(image: MetadataImage, delta: MetadataDelta): void {
    this.#image = image;
    this.#removeTopics(delta);
    this.#applyConfigs(delta);
    this.#applyTopics(delta);
    this.#tellOfTopics(delta);
    this.recheck();
  }

  /** Resolves when `holds` does, looked at again with every image and at every `recheck`; rejects with REQUEST_TIMED_OUT. */
  until(holds: () => boolean, timeoutMs: number): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      let cancel: Cancel = () => {};
      const check = (): void => {
        if (!holds()) return;
        this.#waiting.delete(check);
        cancel();
        resolve();
      };
      cancel = this.options.clock.after(timeoutMs, () => {
        this.#waiting.delete(check);
        reject(new KafkaError(ErrorCode.REQUEST_TIMED_OUT));
      });
      this.#waiting.add(check);
    });
  }

  recheck(): void {
    for (const check of this.#waiting) check();
  }

  #removeTopics({ topics: { deleted } }: MetadataDelta): void {
    if (deleted.size === 0) return;
    this.#replicas?.removeTopics(deleted.keys());
    this.#listener?.topicsDeleted([...deleted.values()]);
  }

  #applyTopics({ topics }: MetadataDelta): void {
    for (const id of topics.changedPartitions.keys()) {
      const topic = this.#image.topicsById.get(id);
      if (topic !== undefined) this.#replicas?.applyTopic(topic);
    }
  }

  #tellOfTopics({ topics: { created, changedPartitions, deleted } }: MetadataDelta): void {
    const changed = [...changedPartitions.keys()].map(id => this.#image.topicsById.get(id)).filter(topic => topic !== undefined);
    const names = [...changed, ...deleted.values()].map(({ name }) => name);
    if (names.length > 0) this.#listener?.topicsChanged({ names, hasNew: created.length > 0 });
  }

  #applyConfigs({ configs }: MetadataDelta): void {
    if (configs.size > 0) this.#groupConfigs.clear();
    const ownKeys = ['', String(this.options.brokerId)].map(name => configKey(ConfigResourceType.BROKER, name));
    if (ownKeys.some(key => configs.has(key))) {
      const [clusterWide, perBroker] = ownKeys.map(key => configOf(this.#image, key));
      this.#settings = takeLayers(this.#settings, { clusterWide: clusterWide!, perBroker: perBroker! }, fault =>
        this.options.logger.warn('a dynamic setting is passed over', { fault }));
      this.#replicas?.refreshSettings();
      this.#listener?.settingsChanged();
    }
    const prefix = configKey(ConfigResourceType.TOPIC, '');
    for (const key of configs.keys()) if (key.startsWith(prefix)) this.#replicas?.refreshSettings(key.slice(prefix.length));
  }

  #logSettings(own: ReadonlyMap<string, string>, topic: string): LogSettings {
    return resolveLogSettings(own, this.#settings, fault => this.options.logger.warn('a topic setting is passed over', { topic, fault }));
  }
}
