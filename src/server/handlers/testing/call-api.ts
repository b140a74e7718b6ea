import { KafkaError } from '../../../protocol/errors.js';
import type { Api } from '../../../protocol/wire/types.js';
import { Reader } from '../../../protocol/wire/reader.js';
import { Writer } from '../../../protocol/wire/writer.js';
import type { ServedApi } from '../../api.js';
import { ANONYMOUS, type ConnectionFacts, type ListenerFacts } from '../../context.js';

/** Who asks, as far as a test cares. */
export interface Asker extends Partial<Omit<ConnectionFacts, 'listener'>> {
  readonly listener?: Partial<ListenerFacts>;
  readonly clientId?: string | null;
}

/**
 * Sends a request through the codec, as a client of this version would, to one of the served APIs, and reads the answer as one.
 * Rejects with what the handler threw, unless that is a `KafkaError`, which becomes the API's failure.
 */
export async function callApi<Request, Response, RequestInput, ResponseOutput>(
  apis: readonly ServedApi[], api: Api<Request, Response, RequestInput, ResponseOutput>, version: number, input: RequestInput, asker: Asker = {},
): Promise<ResponseOutput> {
  const sent = new Writer();
  api.encodeRequest(sent, input, version);
  const request = api.decodeRequest(new Reader(sent.toBuffer()), version);
  const answered = new Writer();
  api.encodeResponse(answered, await answerOf(apis, api, version, request, asker), version);
  return api.decodeResponse(new Reader(answered.toBuffer()), version);
}

async function answerOf<Request, Response, RequestInput, ResponseOutput>(
  apis: readonly ServedApi[], api: Api<Request, Response, RequestInput, ResponseOutput>, apiVersion: number, request: Request, asker: Asker,
): Promise<Response> {
  const { handler } = apis.find(served => served.api.key === api.key)!;
  const { listener, clientId = 'client', ...facts } = asker;
  const context = {
    apiKey: api.key, apiVersion, correlationId: 1, clientId, requestBytes: 0,
    connection: {
      id: 'c', clientAddress: '127.0.0.1', principal: ANONYMOUS, clientSoftwareName: '', clientSoftwareVersion: '', ...facts,
      listener: { name: 'PLAINTEXT', protocol: 'PLAINTEXT', role: 'broker', ...listener } as const,
    },
  };
  try {
    return await new Promise<Response>((resolve, reject) => {
      Promise.resolve(handler(request, context, response => resolve(response as Response), { fail: reject, pending() {}, throttle() {}, chargeTime: () => 0 })).catch(reject);
    });
  } catch (error) {
    if (error instanceof KafkaError) return api.fail(request, error.errorCode, error.message);
    throw error;
  }
}

/** Every version that the specification has. */
export function versionsOf({ minVersion, maxVersion }: { minVersion: number; maxVersion: number }): number[] {
  return Array.from({ length: maxVersion - minVersion + 1 }, (_, index) => minVersion + index);
}
