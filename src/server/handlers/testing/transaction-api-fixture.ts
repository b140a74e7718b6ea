import type { TransactionCoordinatorApi } from '../../../coordinator/transaction/types.js';
import { EMPTY_IMAGE } from '../../../metadata/image.js';
import type { PartitionImage, TopicImage } from '../../../metadata/types.js';
import type { Api } from '../../../protocol/wire/types.js';
import type { OperationCode, ResourceCode } from '../../context.js';
import type { TransactionApiDeps } from '../transactions/transaction-deps.js';
import { transactionApis } from '../transactions/index.js';
import { callApi } from './call-api.js';

export { versionsOf } from './call-api.js';

type Answers = { readonly [Method in keyof TransactionCoordinatorApi]?: Awaited<ReturnType<TransactionCoordinatorApi[Method]>> };

const PARTITION: PartitionImage = {
  replicas: [1], directories: [], isr: [1], eligibleLeaderReplicas: [], lastKnownElr: [], addingReplicas: [], removingReplicas: [],
  leader: 1, leaderEpoch: 0, partitionEpoch: 0, leaderRecoveryState: 0,
};
/** With two partitions each; the group coordinator's topic is one of them. */
const TOPICS = ['events', 'more', '__consumer_offsets'].map((name, at): TopicImage => ({ name, id: `topic${at}AAAAAAAAAAAAAAAA`, partitions: [PARTITION, PARTITION] }));

/** The handlers of transactions over a coordinator that says what the test wants. */
export class TransactionApiFixture {
  /** What the coordinator was asked, in order. */
  readonly asked: [method: string, given: unknown][] = [];
  allowed: (operation: OperationCode, resource: ResourceCode, name: string) => boolean = () => true;
  private readonly deps: TransactionApiDeps;

  constructor(answers: Answers = {}) {
    const transactions = new Proxy({}, { get: (_, method: keyof TransactionCoordinatorApi) => (given: unknown) => {
      this.asked.push([method, given]);
      return Promise.resolve(answers[method]);
    } }) as TransactionCoordinatorApi;
    this.deps = {
      transactions,
      groups: { partitionFor: groupId => groupId.length },
      authorizer: { allows: (_, operation, resource, name) => this.allowed(operation, resource, name) },
      image: () => ({ ...EMPTY_IMAGE, topicsByName: new Map(TOPICS.map(topic => [topic.name, topic])) }),
      nextProducerId: () => Promise.resolve(4000),
    };
  }

  /** Sends a request as a client of this version would. */
  call<Request, Response, RequestInput, ResponseOutput>(
    api: Api<Request, Response, RequestInput, ResponseOutput>, version: number, input: RequestInput,
  ): Promise<ResponseOutput> {
    return callApi(transactionApis(this.deps), api, version, input);
  }
}
