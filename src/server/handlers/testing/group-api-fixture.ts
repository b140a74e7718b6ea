import type { GroupService } from '../../../coordinator/group/service.js';
import { EMPTY_IMAGE } from '../../../metadata/image.js';
import type { BrokerImage, MetadataImage, TopicImage } from '../../../metadata/types.js';
import { KafkaError } from '../../../protocol/errors.js';
import type { Api } from '../../../protocol/wire/types.js';
import { Reader } from '../../../protocol/wire/reader.js';
import { Writer } from '../../../protocol/wire/writer.js';
import { ANONYMOUS, type OperationCode, type RequestContext, type ResourceCode } from '../../context.js';
import type { GroupApiDeps } from '../group-deps.js';
import { groupApis } from '../groups.js';

type Answers = { readonly [Method in keyof GroupService]?: Awaited<GroupService[Method] extends (...given: never) => infer Result ? Result : never> };

/** The handlers of groups over a coordinator that says what the test wants, and a cluster of one broker and a few topics. */
export class GroupApiFixture {
  /** What the coordinator was last asked. */
  askedAll: readonly unknown[] = [];
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
      image: () => this.image(),
      authorizer: { allows: (_, operation, resource, name) => this.allowed(operation, resource, name) },
      ensureInternalTopic: name => this.ensureInternalTopic(name),
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

  /** Sends a request through the codec, as a client of this version would, and reads the answer as one. */
  async call<Request, Response, RequestInput, ResponseOutput>(
    api: Api<Request, Response, RequestInput, ResponseOutput>, version: number, input: RequestInput,
  ): Promise<ResponseOutput> {
    const sent = new Writer();
    api.encodeRequest(sent, input, version);
    const request = api.decodeRequest(new Reader(sent.toBuffer()), version);
    const answered = new Writer();
    api.encodeResponse(answered, await this.handle(api, version, request), version);
    return api.decodeResponse(new Reader(answered.toBuffer()), version);
  }

  private async handle<Request, Response, RequestInput, ResponseOutput>(
    api: Api<Request, Response, RequestInput, ResponseOutput>, version: number, request: Request,
  ): Promise<Response> {
    const { handler } = groupApis(this.deps).find(served => served.api.key === api.key)!;
    try {
      return await new Promise<Response>((resolve, reject) => {
        Promise.resolve(handler(request, this.context(api.key, version), response => resolve(response as Response), { fail: reject, pending() {} })).catch(reject);
      });
    } catch (error) {
      if (error instanceof KafkaError) return api.fail(request, error.errorCode);
      throw error;
    }
  }

  private context(apiKey: number, apiVersion: number): RequestContext {
    return {
      apiKey, apiVersion, correlationId: 1, clientId: 'client',
      connection: {
        id: 'c', listener: { name: this.clientListener, protocol: 'PLAINTEXT', role: 'broker' }, clientAddress: this.clientAddress,
        principal: ANONYMOUS, clientSoftwareName: '', clientSoftwareVersion: '',
      },
    };
  }

  private image(): MetadataImage {
    const topicsById = new Map([...this.topics.values()].map(topic => [topic.id, topic]));
    return { ...EMPTY_IMAGE, brokers: this.brokers, topicsByName: this.topics, topicsById };
  }
}

/** Every version that the specification has. */
export function versionsOf({ minVersion, maxVersion }: { minVersion: number; maxVersion: number }): number[] {
  return Array.from({ length: maxVersion - minVersion + 1 }, (_, index) => minVersion + index);
}
