import { loadSettings, type Settings } from '../../../config/index.js';
import type { GroupService } from '../../../coordinator/group/service.js';
import { FeatureName } from '../../../metadata/features.js';
import { EMPTY_IMAGE } from '../../../metadata/image.js';
import type { BrokerImage, MetadataImage, TopicImage } from '../../../metadata/types.js';
import type { Api } from '../../../protocol/wire/types.js';
import type { OperationCode, ResourceCode } from '../../context.js';
import type { GroupApiDeps } from '../group-deps.js';
import { groupApis } from '../groups.js';
import { callApi } from './call-api.js';

export { versionsOf } from './call-api.js';

type Answers = { readonly [Method in keyof GroupService]?: Awaited<GroupService[Method] extends (...given: never) => infer Result ? Result : never> };

/** The handlers of groups over a coordinator that says what the test wants, and a cluster of one broker and a few topics. */
export class GroupApiFixture {
  /** What the coordinator was last asked. */
  askedAll: readonly unknown[] = [];
  /** Settings that are not at their defaults. */
  changedSettings: Readonly<Record<string, string>> = {};
  groupVersion = 1;
  clientAddress = '10.0.0.9';
  clientListener = 'PLAINTEXT';
  allowed: (operation: OperationCode, resource: ResourceCode, name: string) => boolean = () => true;
  ensureInternalTopic: (name: string) => Promise<void> = () => Promise.resolve();
  readonly deps: GroupApiDeps;
  private readonly topics = new Map<string, TopicImage>();
  private readonly brokers = new Map<number, BrokerImage>();

  constructor(answers: Answers = {}) {
    const groups = new Proxy({}, { get: (_, method: keyof GroupService) => (...given: unknown[]) => {
      this.askedAll = given;
      return method === 'partitionFor' ? answers.partitionFor : Promise.resolve(answers[method]);
    } }) as Pick<GroupService, keyof GroupService>;
    this.deps = {
      groups,
      transactions: { partitionFor: () => 0 },
      image: () => this.image(),
      authorizer: { allows: (_, operation, resource, name) => this.allowed(operation, resource, name) },
      ensureInternalTopic: name => this.ensureInternalTopic(name),
      settings: () => this.settings(),
    };
  }

  get asked(): unknown {
    return this.askedAll[0];
  }

  addTopic(name: string, id: string, leaders: number[] = [1]): void {
    const partition = { replicas: [1], directories: [], isr: [1], eligibleLeaderReplicas: [], lastKnownElr: [], addingReplicas: [],
      removingReplicas: [], leaderEpoch: 0, partitionEpoch: 0, leaderRecoveryState: 0 };
    this.topics.set(name, { name, id, partitions: leaders.map(leader => ({ ...partition, leader })) });
  }

  addBroker(id: number, fenced = false): void {
    const endpoints = [
      { listener: 'INTERNAL', host: 'inside', port: 1, securityProtocol: 0 },
      { listener: 'PLAINTEXT', host: `broker-${id}`, port: 9092, securityProtocol: 0 },
    ];
    this.brokers.set(id, {
      id, endpoints, fenced, epoch: 1, incarnationId: '', features: new Map(), rack: null, inControlledShutdown: false, logDirs: [], cordonedLogDirs: [],
    });
  }

  /** Sends a request as a client of this version would. */
  call<Request, Response, RequestInput, ResponseOutput>(
    api: Api<Request, Response, RequestInput, ResponseOutput>, version: number, input: RequestInput,
  ): Promise<ResponseOutput> {
    return callApi(groupApis(this.deps), api, version, input, { clientAddress: this.clientAddress, listener: { name: this.clientListener } });
  }

  private settings(): Settings {
    const flags = Object.entries(this.changedSettings).map(([name, text]) => ({ name, text, flag: '--set' }));
    return loadSettings({ dataDirectory: '/data', flags }).settings;
  }

  private image(): MetadataImage {
    const topicsById = new Map([...this.topics.values()].map(topic => [topic.id, topic]));
    const finalized = new Map([[FeatureName.GROUP_VERSION as string, this.groupVersion]]);
    return { ...EMPTY_IMAGE, features: { ...EMPTY_IMAGE.features, finalized }, brokers: this.brokers, topicsByName: this.topics, topicsById };
  }
}
