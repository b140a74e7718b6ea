import type { Settings } from '../config/index.js';
import { Controller, LocalController, type ControllerApi } from '../controller/index.js';
import { readBootstrapFile } from '../controller/format.js';
import type { Env } from '../env/index.js';
import type { LogHost } from '../log/index.js';
import { MetadataLoader } from '../metadata/loader.js';
import { metadataCodec, type MetadataRecord } from '../metadata/records.js';
import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { Uuid } from '../protocol/wire/types.js';
import { RaftDriver } from '../raft/driver.js';
import { metadataLogSettings, staticVoters } from '../raft/metadata-log.js';
import { Runtime } from '../runtime/runtime.js';

export interface QuorumOptions {
  readonly env: Env;
  readonly settings: Settings;
  readonly host: LogHost;
  readonly nodeId: number;
  readonly clusterId: string;
  /** The log directory that holds the metadata log, and its id. */
  readonly directory: string;
  readonly directoryId: Uuid;
  /** Where this controller is reached by its peers. */
  readonly endpoints: readonly { readonly name: string; readonly host: string; readonly port: number }[];
  readonly onFault: (error: Error) => void;
}

/** This node's part in the quorum: raft, the controller over it, and the images that come of what it commits. */
export class Quorum {
  readonly controller: ControllerApi;
  readonly loader: MetadataLoader;
  #elected: Promise<void> = Promise.resolve();

  private constructor(private readonly raft: RaftDriver, private readonly runtime: Runtime<Controller, MetadataRecord>, options: QuorumOptions) {
    this.controller = new LocalController(runtime);
    this.loader = new MetadataLoader(raft, error => options.onFault(asError(error)));
    this.loader.add({ onImage: (image, _delta, { lastContainedLogTimestampMs }) => raft.offerSnapshot(image, lastContainedLogTimestampMs) });
    raft.onLeadership(epoch => {
      if (epoch === null) runtime.resigned();
      else this.#elected = runtime.elected(epoch);
    });
  }

  /** Reads the metadata log and leads; resolves once the controller serves. */
  static async start(options: QuorumOptions): Promise<Quorum> {
    const { env, settings, host, nodeId, clusterId, directory, directoryId, endpoints } = options;
    const onFault = (error: unknown): void => options.onFault(asError(error));
    const raft = await RaftDriver.open({
      host, logDirectory: directory, directoryId, nodeId, settings: metadataLogSettings(settings), endpoints,
      staticVoters: staticVoters(settings), onFault,
    });
    const bootstrap = readBootstrapFile(env.disk, directory);
    const runtime: Runtime<Controller, MetadataRecord> = new Runtime({
      name: 'controller', clock: env.clock, random: env.random, logger: env.logger.child('controller'), log: raft,
      // Before there is an image, the level that is about to be written decides.
      codec: metadataCodec(() => runtime.machine?.image.features.metadataVersion || bootstrap.metadataVersion),
      create: () => new Controller({ nodeId, clusterId, settings, bootstrap, kraftVersion: raft.describe().quorum.kraftVersion }),
      maxBatchBytes: settings.get('internal.metadata.max.batch.size.in.bytes'),
      errorFor: (fault, cause) => (cause instanceof KafkaError ? cause : new KafkaError(ErrorCode.NOT_CONTROLLER, `the controller does not serve: ${fault}`)),
      onFault,
    });
    const quorum = new Quorum(raft, runtime, options);
    await quorum.#lead();
    return quorum;
  }

  /** Offset up to which metadata is published, exclusive. */
  get committedEnd(): number {
    return this.raft.committedEnd;
  }

  async close(): Promise<void> {
    this.loader.close();
    this.runtime.close();
    await this.raft.close();
  }

  /** With one voter the election is over when `start` returns. */
  async #lead(): Promise<void> {
    this.raft.start();
    await this.#elected;
    if (this.runtime.status !== 'active') throw new Error('the controller could not go on from the metadata log');
    this.loader.start();
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
