import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';

/**
 * Kafka's controller looks at the time before it looks at what is asked: a request that may take none is not begun
 * (`KafkaEventQueue`). Throws REQUEST_TIMED_OUT.
 */
export function refuseExpired({ timeoutMs = Infinity }: { readonly timeoutMs?: number }): void {
  if (timeoutMs <= 0) throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT);
}
