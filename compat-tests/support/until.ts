// Waiting for what another process does.

const TIMEOUT_MS = 30_000;
const RETRY_MS = 50;
/** Of the last answer: enough to tell what is missing. */
const SHOWN_CHARACTERS = 2_000;

export const pause = (ms: number): Promise<void> => new Promise(resolve => { setTimeout(resolve, ms); });

export interface Patience {
  /** In all; 30 s by default. */
  readonly timeoutMs?: number;
  /** Between two questions; 50 ms by default. */
  readonly retryMs?: number;
}

/** Asks until the answer is as wished. Rejects, with the last answer, when that takes too long. */
export async function until<Answer>(
  what: string, ask: () => Promise<Answer>, holds: (answer: Answer) => boolean, { timeoutMs = TIMEOUT_MS, retryMs = RETRY_MS }: Patience = {},
): Promise<Answer> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    if (performance.now() > deadlineMs) {
      throw new Error(`${what} took longer than ${timeoutMs} ms, the last answer was ${JSON.stringify(answer).slice(0, SHOWN_CHARACTERS)}`);
    }
    await pause(retryMs);
  }
}
