import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { RuntimeFault } from '../runtime/runtime.js';

/** What the runtimes of coordinators answer with when the machine cannot; to be given to them as `errorFor`. */
export function coordinatorRuntimeError(fault: RuntimeFault, cause?: unknown): KafkaError {
  return new KafkaError(fault === 'append-failed' ? coordinatorErrorCode(cause) : FAULT_CODES[fault]);
}

const FAULT_CODES: Readonly<Record<Exclude<RuntimeFault, 'append-failed'>, number>> = {
  'loading': ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  'not-leader': ErrorCode.NOT_COORDINATOR,
  'timed-out': ErrorCode.COORDINATOR_NOT_AVAILABLE,
};

/** Errors of a log as clients of a coordinator know them (Kafka's `CoordinatorOperationExceptionHelper`). */
export function coordinatorErrorCode(error: unknown): number {
  if (!(error instanceof KafkaError)) return ErrorCode.UNKNOWN_SERVER_ERROR;
  switch (error.errorCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.REQUEST_TIMED_OUT:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.RECORD_LIST_TOO_LARGE:
    case ErrorCode.INVALID_FETCH_SIZE:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
    case ErrorCode.NETWORK_EXCEPTION:
      return ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    default:
      return error.errorCode;
  }
}
