import { randomUuid } from '../base/uuid.js';
import type { Settings } from '../config/index.js';
import { createControllerRuntime, LocalController, readBootstrapFile, type Controller, type ControllerApi } from '../controller/index.js';
import type { Env } from '../env/index.js';
import type { LogHome, LogHost } from '../log/index.js';
import { MetadataLoader } from '../metadata/loader.js';
import { SUPPORTED_FEATURES, MetadataVersionGate } from '../metadata/features.js';
import type { MetadataRecord } from '../metadata/records.js';
import { RaftDriver } from '../raft/driver.js';
import { metadataLogSettings, staticVoters } from '../raft/metadata-log.js';
import { addVoter, describeQuorum, removeVoter, type QuorumApi } from '../raft/quorum-requests.js';
import type { Runtime } from '../runtime/runtime.js';

export interface QuorumOptions {
  readonly env: Env;
  readonly settings: Settings;
  readonly host: LogHost;
  readonly nodeId: number;
  readonly clusterId: string;
  /** The log directory that holds the metadata log. */
  readonly directory: LogHome;
  /** Where this controller is reached by its peers. */
  readonly endpoints: readonly { readonly name: string; readonly host: string; readonly port: number }[];
  readonly onFault: (error: Error) => void;
}

/** This node's part in the quorum: raft, the controller over it, and the images that come of what it commits. */
export class Quorum {
  readonly controller: ControllerApi;
  readonly api: QuorumApi;
  readonly loader: MetadataLoader;
  #elected: Promise<void> = Promise.resolve();

  private constructor(private readonly raft: RaftDriver, private readonly runtime: Runtime<Controller, MetadataRecord>, private readonly options: QuorumOptions) {
    this.controller = new LocalController(runtime, kraftVersion => raft.raiseKraftVersion(kraftVersion));
    const { clusterId, env: { clock } } = options;
    const facts = () => ({ ...raft.describe(), clusterId });
    this.api = {
      leaderId: () => (raft.describe().isLeader ? options.nodeId : -1),
      describeQuorum: request => Promise.resolve(describeQuorum(facts(), request, clock.nowMs())),
      addVoter: request => Promise.resolve(addVoter(facts(), request)),
      removeVoter: request => Promise.resolve(removeVoter(facts(), request)),
    };
    this.loader = new MetadataLoader(raft, error => options.onFault(asError(error)));
    this.loader.add({ onImage: (image, _delta, { lastContainedLogTimestampMs }) => raft.offerSnapshot(image, lastContainedLogTimestampMs) });
    raft.onLeadership(epoch => {
      if (epoch === null) runtime.resigned();
      else this.#elected = runtime.elected(epoch);
    });
  }

  /** Reads the metadata log and leads; resolves once the controller serves. */
  static async start(options: QuorumOptions): Promise<Quorum> {
    const { env, settings, host, nodeId, clusterId, directory, endpoints } = options;
    let firstFault: Error | undefined;
    const onFault = (error: unknown): void => {
      firstFault ??= asError(error);
      options.onFault(asError(error));
    };
    const raft = await RaftDriver.open({
      host, logDirectory: directory, nodeId, settings: metadataLogSettings(settings), endpoints,
      staticVoters: staticVoters(settings), onFault,
    });
    const { clock, random, logger } = env;
    const runtime = createControllerRuntime({
      env: { clock, random, logger: logger.child('controller') }, log: raft, nodeId, clusterId, settings,
      bootstrap: readBootstrapFile(env.disk, directory.path),
      kraftVersion: raft.describe().quorum.kraftVersion,
      onFault,
    });
    const quorum = new Quorum(raft, runtime, options);
    try {
      await quorum.#lead();
      await quorum.#register();
      return quorum;
    } catch (error) {
      await quorum.close();
      // Why the metadata cannot be replayed says more than that the controller is not there.
      throw firstFault ?? error;
    }
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

  /** Tells the cluster where this controller is and what it supports (KIP-919). */
  async #register(): Promise<void> {
    const { nodeId, env, endpoints } = this.options;
    if ((this.runtime.machine?.metadataVersion ?? 0) < MetadataVersionGate.CONTROLLER_REGISTRATION) return;
    await this.controller.registerController({
      controllerId: nodeId, incarnationId: randomUuid(env.random), zkMigrationReady: false,
      listeners: endpoints.map(endpoint => ({ ...endpoint, securityProtocol: PLAINTEXT })),
      features: [...SUPPORTED_FEATURES].map(([name, { min, max }]) => ({ name, minSupportedVersion: min, maxSupportedVersion: max })),
    });
  }
}

const PLAINTEXT = 0;

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
