// Has a broker take requests that nobody would send, and looks for what must never come of them.

import { codesOf, readAnswer, type FuzzRequest } from './requests.js';
import { FuzzConnection, type Outcome } from './wire.js';

export interface FuzzReport {
  sent: number;
  answered: number;
  /** Hung up on. */
  closed: number;
  /** Left without an answer for as long as was waited, by APIs that may wait or need not answer. */
  waiting: number;
  /** What must not be, each with the frame that brought it about. */
  readonly faults: string[];
}

/** APIs that may wait for something to happen, or are asked for no answer: Produce, Fetch, JoinGroup, SyncGroup. */
const MAY_WAIT = [0, 1, 11, 14];
const WAIT_MS = 150;
/** Far beyond what any answer takes on a busy machine; the huge requests hold up all others. */
const PATIENCE_MS = 60_000;
const MAX_FAULTS = 20;

/** Sends all requests over so many connections; every one has to be answered, as its client would read it, or hung up on. */
export async function fuzz(host: string, port: number, requests: Iterator<FuzzRequest>, connections: number, patienceMs = PATIENCE_MS): Promise<FuzzReport> {
  const report: FuzzReport = { sent: 0, answered: 0, closed: 0, waiting: 0, faults: [] };
  const work = async (): Promise<void> => {
    const connection = new FuzzConnection(host, port);
    for (let next = requests.next(); next.done !== true && report.faults.length < MAX_FAULTS; next = requests.next()) {
      report.sent++;
      try {
        judge(next.value, await connection.send(next.value.bytes, mayWait(next.value.bytes) ? WAIT_MS : patienceMs), report);
      } catch (error) {
        report.faults.push(faultOf(next.value, `no connection: ${String(error)}`));
        break;
      }
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: connections }, work));
  return report;
}

const mayWait = (bytes: Buffer): boolean => bytes.length >= 2 && MAY_WAIT.includes(bytes.readInt16BE(0));
/** As much of a frame as a person would look at. */
const SHOWN_BYTES = 1000;
const faultOf = ({ name, bytes }: FuzzRequest, what: string): string => `${name}: ${what}: ${bytes.length} bytes: ${bytes.subarray(0, SHOWN_BYTES).toString('hex')}`;

function judge(request: FuzzRequest, outcome: Outcome, report: FuzzReport): void {
  if (outcome.kind === 'closed') report.closed++;
  else if (outcome.kind === 'silent') {
    report.waiting++;
    if (!mayWait(request.bytes)) report.faults.push(faultOf(request, 'neither answered nor hung up on'));
  } else {
    report.answered++;
    try {
      const unforeseen = codesOf(readAnswer(request.bytes, outcome.answer).body).find(code => code.endsWith(' -1'));
      if (unforeseen !== undefined) report.faults.push(faultOf(request, `UNKNOWN_SERVER_ERROR at ${unforeseen}`));
    } catch (error) {
      report.faults.push(faultOf(request, String(error)));
    }
  }
}

/** What a broker answers as far as two have to agree: that it hangs up, that it waits, or which error codes it gives. */
export function gist(request: FuzzRequest, outcome: Outcome): string {
  if (outcome.kind !== 'answered') return outcome.kind;
  return [...new Set(codesOf(readAnswer(request.bytes, outcome.answer).body))].join(', ') || 'answered';
}
