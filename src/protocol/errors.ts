import { errorTable } from './generated/errors.js';

/** A whole request that fails with one of Kafka's error codes. Parts of a request carry codes instead. */
export class KafkaError extends Error {
  readonly errorCode: number;

  constructor(errorCode: number, message: string = errorMessage(errorCode)) {
    super(message);
    this.name = 'KafkaError';
    this.errorCode = errorCode;
  }
}

interface ErrorEntry {
  readonly name: string;
  readonly retriable: boolean;
  readonly message: string;
}

function entry(code: number): ErrorEntry | undefined {
  return errorTable.get(code);
}

/** Kafka's name of a code, such as `UNKNOWN_TOPIC_OR_PARTITION`; `ERROR_<code>` for a code that is not Kafka's. */
export function errorName(code: number): string {
  return entry(code)?.name ?? `ERROR_${code}`;
}

/** What a code means, in a sentence. */
export function errorMessage(code: number): string {
  return entry(code)?.message ?? `Error ${code} is not one of Kafka's.`;
}

/** What an error says beyond its code, for places where Kafka tells nothing else (`ApiError.fromThrowable`). */
export function ownMessage({ errorCode, message }: KafkaError): string | null {
  return message === errorMessage(errorCode) ? null : message;
}

/** Whether a client may send the same request again and hope. */
export function isRetriable(code: number): boolean {
  return entry(code)?.retriable ?? false;
}
