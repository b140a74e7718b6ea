/**
 * How fast something goes, over sliding windows, and how long to wait until it is slow enough. The arithmetic is Kafka's to the
 * bit (`SampledStat`, `Rate`, `QuotaUtils`), since clients of both brokers see its results: their throttle times.
 */

/** The last of `samples` windows is the one that fills up now. */
export interface Windows {
  readonly samples: number;
  readonly windowMs: number;
}

/** What a throttle time on the wire can say. */
export const LONGEST_THROTTLE_MS = 0x7fff_ffff;

interface Sample {
  startMs: number;
  lastMs: number;
  sum: number;
}

export class Rate {
  /** One more than there are windows: the oldest reaches into the time that is looked at. */
  readonly #samples: Sample[] = [];
  #current = 0;

  constructor(private readonly windows: Windows) {}

  record(value: number, nowMs: number): void {
    const { samples, windowMs } = this.windows;
    let sample = this.#currentSample(nowMs);
    if (nowMs - sample.startMs >= windowMs) {
      this.#current = (this.#current + 1) % (samples + 1);
      sample = this.#currentSample(nowMs);
      reset(sample, nowMs);
    }
    sample.sum += value;
    sample.lastMs = nowMs;
  }

  perSecond(nowMs: number): number {
    this.#forgetOld(nowMs);
    let sum = 0;
    for (const sample of this.#samples) sum += sample.sum;
    return sum / (this.spanMs(nowMs) / 1000);
  }

  /** What the rate is taken over: as if all windows but the one that fills up had been there from the start. */
  spanMs(nowMs: number): number {
    this.#forgetOld(nowMs);
    const { samples, windowMs } = this.windows;
    let oldestMs = this.#currentSample(nowMs).startMs;
    for (const { startMs } of this.#samples) oldestMs = Math.min(oldestMs, startMs);
    const elapsedMs = nowMs - oldestMs;
    const missing = samples - 1 - Math.floor(elapsedMs / windowMs);
    return Math.max(elapsedMs + Math.max(missing, 0) * windowMs, 1);
  }

  /** How long nothing may be recorded for the rate to come down to `bound`; 0 when it is not above. */
  throttleMs(bound: number, nowMs: number): number {
    const rate = this.perSecond(nowMs);
    if (rate <= bound) return 0;
    return Math.min(Math.round((rate - bound) / bound * this.spanMs(nowMs)), LONGEST_THROTTLE_MS);
  }

  /** Whether nothing is left of what was recorded. */
  isForgotten(nowMs: number): boolean {
    return this.#samples.every(({ sum, lastMs }) => sum === 0 || this.#isOld(lastMs, nowMs));
  }

  #currentSample(nowMs: number): Sample {
    return (this.#samples[this.#current] ??= { startMs: nowMs, lastMs: nowMs, sum: 0 });
  }

  #forgetOld(nowMs: number): void {
    for (const sample of this.#samples) if (this.#isOld(sample.lastMs, nowMs)) reset(sample, nowMs);
  }

  #isOld(lastMs: number, nowMs: number): boolean {
    return nowMs - lastMs >= this.windows.samples * this.windows.windowMs;
  }
}

function reset(sample: Sample, nowMs: number): void {
  sample.startMs = nowMs;
  sample.lastMs = nowMs;
  sample.sum = 0;
}
