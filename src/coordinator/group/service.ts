import { javaAbs, stringHashCode } from '../../base/java-hash.js';
import { KafkaError } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import type { TransactionMarker } from '../../protocol/records/control-records.js';
import type { Effects, Moment, ReplyTo } from '../../runtime/machine.js';
import { coordinatorErrorCode } from '../errors.js';
import { joinError, syncError } from './classic/answers.js';
import { consumerGroupFailed } from './consumer/describe.js';
import { heartbeatFailed } from './consumer/heartbeat.js';
import { requestFault } from './consumer/request.js';
import { describeFailed } from './describe.js';
import type { GroupMachine } from './group-machine.js';
import { refuseCommit } from './offsets.js';
import type { GroupRecord } from './records.js';
import type { GroupSettings } from './settings.js';
import type {
  ChangedTopics, CommitRequest, CommitResult, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResult, DeletedGroup, DeletedTopic,
  DeleteOffsetsRequest, DeleteOffsetsResult, DescribedConsumerGroup, DescribedGroup, FetchOffsetsRequest, FetchOffsetsResult,
  HeartbeatRequest, HeartbeatResult, JoinRequest, JoinResult, LeaveRequest, LeaveResult, ListedGroup, ListGroupsRequest, SyncRequest, SyncResult,
  TransactionalCommitRequest, TransactionVerdict,
} from './types.js';

type Operation<Response> = (machine: GroupMachine, at: Moment, to: ReplyTo<Response>) => Effects<GroupRecord>;

/** The group machines of the partitions that this node leads; `RuntimeSet` is one. */
export interface GroupRuntimes {
  /** The partitions that this node leads. */
  partitions(): readonly number[];
  /** Rejects with an error of `coordinatorRuntimeError` when the partition's machine cannot answer. */
  run<Response>(partition: number, operation: Operation<Response>): Promise<Response>;
  /** Writes a marker into the partition and lets its machine know; rejects as `run` does. */
  endTransaction(partition: number, marker: TransactionMarker): Promise<void>;
}

export interface GroupServiceOptions {
  readonly runtimes: GroupRuntimes;
  readonly settings: GroupSettings;
  /** Of `__consumer_offsets`; as the settings have it while the topic does not exist. */
  readonly partitionCount: () => number;
}

/**
 * The group coordinator as a broker's handlers see it: each group is sent to the machine of its partition, and whatever keeps
 * that from answering becomes an error code in the answer (Kafka's `GroupCoordinatorService`). Nothing here rejects.
 */
export class GroupService {
  constructor(private readonly options: GroupServiceOptions) {}

  /** The partition of `__consumer_offsets` whose leader coordinates this group. */
  partitionFor(groupId: string): number {
    return javaAbs(stringHashCode(groupId)) % this.options.partitionCount();
  }

  async joinGroup(request: JoinRequest): Promise<JoinResult> {
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = this.options.settings;
    const { groupId, sessionTimeoutMs } = request;
    if (groupId === '') return joinError(ErrorCode.INVALID_GROUP_ID, request.memberId);
    if (sessionTimeoutMs < minSessionTimeoutMs || sessionTimeoutMs > maxSessionTimeoutMs) {
      return joinError(ErrorCode.INVALID_SESSION_TIMEOUT, request.memberId);
    }
    return this.run<JoinResult>(groupId, (machine, at, to) => machine.joinGroup(request, to, at), code => joinError(code, ''));
  }

  async syncGroup(request: SyncRequest): Promise<SyncResult> {
    if (request.groupId === '') return syncError(ErrorCode.INVALID_GROUP_ID);
    return this.run<SyncResult>(request.groupId, (machine, at, to) => machine.syncGroup(request, to, at), syncError);
  }

  async heartbeat(request: HeartbeatRequest): Promise<HeartbeatResult> {
    if (request.groupId === '') return { errorCode: ErrorCode.INVALID_GROUP_ID };
    // Whoever has just taken over does not know the member yet, and would not have it rejoin for that.
    const failed = (errorCode: number): HeartbeatResult =>
      ({ errorCode: errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ? ErrorCode.NONE : errorCode });
    return this.run<HeartbeatResult>(request.groupId, (machine, at, to) => machine.heartbeat(request, to, at), failed);
  }

  async leaveGroup(request: LeaveRequest): Promise<LeaveResult> {
    const failed = (errorCode: number): LeaveResult => ({ errorCode, members: [] });
    if (request.groupId === '') return failed(ErrorCode.INVALID_GROUP_ID);
    return this.run<LeaveResult>(request.groupId, (machine, at, to) => machine.leaveGroup(request, to, at), failed);
  }

  /** `makesMemberIds`: version 0, where the coordinator gives a member its id. */
  async consumerGroupHeartbeat(request: ConsumerGroupHeartbeatRequest, makesMemberIds: boolean): Promise<ConsumerGroupHeartbeatResult> {
    const fault = requestFault(request, makesMemberIds, this.options.settings.consumer.assignors);
    if (fault !== null) return heartbeatFailed(fault.errorCode, fault.message);
    return this.run<ConsumerGroupHeartbeatResult>(
      request.groupId, (machine, at, to) => machine.consumerGroupHeartbeat(request, to, at), heartbeatFailed);
  }

  /** The empty group id is allowed, as for all that is done with offsets: old consumers have no other. */
  commitOffsets(request: CommitRequest): Promise<CommitResult> {
    return this.run<CommitResult>(
      request.groupId, (machine, at, to) => machine.commitOffsets(request, to, at), code => refuseCommit(request, code));
  }

  /** TxnOffsetCommit. `verify` is asked first, with the partition of `__consumer_offsets` that is to be written. */
  async commitOffsetsInTransaction(request: TransactionalCommitRequest, verify: (partition: number) => Promise<TransactionVerdict>): Promise<CommitResult> {
    const { groupId } = request;
    if (groupId === '') return refuseCommit(request, ErrorCode.INVALID_GROUP_ID);
    const { errorCode, guard } = await verify(this.partitionFor(groupId));
    if (errorCode !== ErrorCode.NONE) return refuseCommit(request, coordinatorErrorCode(new KafkaError(errorCode)));
    return this.run<CommitResult>(
      groupId, (machine, at, to) => machine.commitOffsetsInTransaction(request, guard, to, at), code => refuseCommit(request, code));
  }

  fetchOffsets(request: FetchOffsetsRequest): Promise<FetchOffsetsResult> {
    const { groupId } = request;
    // Consumers before 3.9 would not try again after the code that others get here.
    const failed = (code: number): FetchOffsetsResult =>
      ({ groupId, errorCode: code === ErrorCode.COORDINATOR_NOT_AVAILABLE ? ErrorCode.NOT_COORDINATOR : code, topics: [] });
    return this.run<FetchOffsetsResult>(groupId, (machine, at, to) => machine.fetchOffsets(request, to, at), failed);
  }

  async deleteOffsets(request: DeleteOffsetsRequest): Promise<DeleteOffsetsResult> {
    const failed = (errorCode: number): DeleteOffsetsResult => ({ errorCode, topics: [] });
    if (request.groupId === '') return failed(ErrorCode.INVALID_GROUP_ID);
    return this.run<DeleteOffsetsResult>(request.groupId, (machine, at, to) => machine.deleteOffsets(request, to, at), failed);
  }

  /** In the order of the ids, one for each. */
  describeGroups(groupIds: readonly string[], knowsGroupIdNotFound: boolean): Promise<DescribedGroup[]> {
    return this.runForEach<DescribedGroup>(
      groupIds, ids => (machine, at, to) => machine.describeGroups(ids, knowsGroupIdNotFound, to, at), describeFailed);
  }

  /** As `describeGroups`, of groups of the consumer protocol. */
  async describeConsumerGroups(groupIds: readonly string[]): Promise<DescribedConsumerGroup[]> {
    const named = await this.runForEach<DescribedConsumerGroup>(
      groupIds.filter(groupId => groupId !== ''), ids => (machine, at, to) => machine.describeConsumerGroups(ids, to, at), consumerGroupFailed);
    const unnamed = groupIds.filter(groupId => groupId === '').map(groupId => consumerGroupFailed(groupId, ErrorCode.INVALID_GROUP_ID));
    return [...unnamed, ...named];
  }

  deleteGroups(groupIds: readonly string[]): Promise<DeletedGroup[]> {
    return this.runForEach<DeletedGroup>(
      groupIds, ids => (machine, at, to) => machine.deleteGroups(ids, to, at), (groupId, errorCode) => ({ groupId, errorCode }));
  }

  /** The groups that this node coordinates; one partition that cannot answer fails the whole, unless its leader just changed. */
  async listGroups(request: ListGroupsRequest): Promise<{ errorCode: number; groups: ListedGroup[] }> {
    const answers = await Promise.all(this.options.runtimes.partitions().map(partition =>
      this.runOn<ListedGroup[], number>(partition, (machine, at, to) => machine.listGroups(request, to, at), code => code)));
    const errorCode = answers.find(answer => typeof answer === 'number' && answer !== ErrorCode.NOT_COORDINATOR);
    if (typeof errorCode === 'number') return { errorCode, groups: [] };
    return { errorCode: ErrorCode.NONE, groups: answers.flatMap(answer => typeof answer === 'number' ? [] : answer) };
  }

  /** Topics of the cluster are new, have changed, or are gone. */
  async topicsChanged(topics: ChangedTopics): Promise<void> {
    await Promise.all(this.options.runtimes.partitions().map(partition =>
      this.runOn<null>(partition, (machine, at, to) => machine.topicsChanged(topics, to, at), () => null)));
  }

  /** Topics are gone from the cluster: their offsets go too, as far as this node coordinates. */
  async topicsDeleted(topics: readonly DeletedTopic[]): Promise<void> {
    await Promise.all(this.options.runtimes.partitions().map(partition =>
      this.runOn<null>(partition, (machine, at, to) => machine.topicsDeleted(topics, to, at), () => null)));
  }

  /** A transaction ends in a partition of `__consumer_offsets`: an error code. */
  async endTransaction(partition: number, marker: TransactionMarker): Promise<number> {
    try {
      await this.options.runtimes.endTransaction(partition, marker);
      return ErrorCode.NONE;
    } catch (error) {
      return coordinatorErrorCode(error);
    }
  }

  private run<Response>(
    groupId: string, operation: Operation<Response>, failed: (errorCode: number, errorMessage: string | null) => Response,
  ): Promise<Response> {
    return this.runOn(this.partitionFor(groupId), operation, failed);
  }

  private async runOn<Response, Failure = Response>(
    partition: number, operation: Operation<Response>, failed: (errorCode: number, errorMessage: string | null) => Failure,
  ): Promise<Response | Failure> {
    try {
      return await this.options.runtimes.run(partition, operation);
    } catch (error) {
      const errorCode = coordinatorErrorCode(error);
      return failed(errorCode, messageOf(error, errorCode));
    }
  }

  /** One call for each partition that some of the groups belong to. */
  private async runForEach<Result extends { readonly groupId: string }>(
    groupIds: readonly string[], operation: (groupIds: string[]) => Operation<Result[]>,
    failed: (groupId: string, errorCode: number) => Result,
  ): Promise<Result[]> {
    const byPartition = new Map<number, string[]>();
    for (const groupId of new Set(groupIds)) {
      const partition = this.partitionFor(groupId);
      byPartition.set(partition, [...byPartition.get(partition) ?? [], groupId]);
    }
    const results = await Promise.all([...byPartition].map(([partition, ids]) =>
      this.runOn(partition, operation(ids), errorCode => ids.map(groupId => failed(groupId, errorCode)))));
    const byGroup = new Map(results.flat().map(result => [result.groupId, result]));
    return groupIds.map(groupId => byGroup.get(groupId)!);
  }
}

/** The words of an error that is told as it is. */
function messageOf(error: unknown, errorCode: number): string | null {
  const isTold = error instanceof KafkaError && error.errorCode === errorCode && errorCode !== ErrorCode.UNKNOWN_SERVER_ERROR;
  return isTold ? error.message : null;
}
