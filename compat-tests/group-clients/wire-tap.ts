// What clients and broker say to each other, decoded as it passes a link.

import { Reader } from '../../src/protocol/wire/reader.js';
import type { Api } from '../../src/protocol/wire/types.js';
import { readRequestHead, readResponseHead } from '../../src/protocol/header.js';
import type { LinkListener } from '../harness/link-proxy.js';

type Readable<Request, Response> = Pick<Api<Request, never, never, Response>, 'key' | 'flexibleFrom' | 'decodeRequest' | 'decodeResponse'>;

/** Who wants to hear of an API. */
export interface Interest {
  readonly api: Readable<unknown, unknown>;
  /** A request passes: the broker has not seen it yet. */
  readonly asked: (request: never) => void;
  /** Its answer passes: the client has not seen it yet. */
  readonly answered: (request: never, response: never) => void;
}

export function interest<Request, Response>(
  api: Readable<Request, Response>, listen: { asked?: (request: Request) => void; answered?: (request: Request, response: Response) => void },
): Interest {
  return { api, asked: listen.asked ?? (() => undefined), answered: listen.answered ?? (() => undefined) };
}

interface Asked {
  readonly interest: Interest;
  readonly version: number;
  readonly request: never;
}

/** Frames of one direction of one connection, from the pieces that they come in. */
function framesFrom(take: (frame: Buffer) => void): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return bytes => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0);
      take(rest.subarray(4, end));
      rest = rest.subarray(end);
    }
  };
}

/** A listener for `LinkProxy`: of all connections, those requests and answers that somebody is interested in. */
export function wireTap(interests: readonly Interest[]): () => LinkListener {
  const byKey = new Map(interests.map(each => [each.api.key, each]));
  return () => {
    const waiting = new Map<number, Asked>();
    const reader = new Reader();
    const up = framesFrom(frame => {
      const wanted = byKey.get(frame.readInt16BE(0));
      if (wanted === undefined) return;
      reader.reset(frame);
      const head = readRequestHead(reader, () => wanted.api)!;
      const request = wanted.api.decodeRequest(reader, head.apiVersion) as never;
      waiting.set(head.correlationId, { interest: wanted, version: head.apiVersion, request });
      wanted.asked(request);
    });
    const down = framesFrom(frame => {
      const asked = waiting.get(frame.readInt32BE(0));
      if (asked === undefined) return;
      waiting.delete(frame.readInt32BE(0));
      const { api } = asked.interest;
      reader.reset(frame);
      readResponseHead(reader, api, asked.version);
      asked.interest.answered(asked.request, api.decodeResponse(reader, asked.version) as never);
    });
    return (direction, bytes) => (direction === 'up' ? up : down)(bytes);
  };
}
