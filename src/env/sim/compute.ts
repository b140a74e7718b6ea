import { gunzipSync, gzipSync } from 'node:zlib';
import { OutputTooLargeError, type Compute, type ComputeFunction, type ComputeFunctions, type ComputeOptions, type ComputeTask } from '../compute.js';
import type { SimNode } from './node.js';
import type { SimRandom } from './random.js';

/** Bytes that a simulated thread gets through in a millisecond, before chance. */
const BYTES_A_MS = 200_000;

const GZIP_FUNCTIONS: ComputeFunctions = {
  gzip: (input, { level }) => gzipSync(input, { level: level ?? -1 }),
  gunzip(input, { maxOutputBytes }) {
    try {
      return gunzipSync(input, maxOutputBytes === undefined ? {} : { maxOutputLength: Math.max(1, maxOutputBytes) });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
      throw new OutputTooLargeError(`gunzip would make more than ${maxOutputBytes} bytes`);
    }
  },
};

/** The same functions as in the real world, on this thread, done at a moment that the seed chooses. */
export class SimCompute implements Compute {
  constructor(
    private readonly node: SimNode,
    private readonly random: SimRandom,
    private readonly functions: ComputeFunctions = {},
  ) {}

  run(task: ComputeTask, input: Uint8Array, options: ComputeOptions): Promise<Uint8Array> {
    const { node } = this;
    return new Promise((resolve, reject) => {
      node.world.schedule(this.random.float() * (1 + input.length / BYTES_A_MS), () => {
        node.record('compute', `${task} ${input.length}`);
        try {
          resolve(this.functionFor(task)(input, options));
        } catch (error) {
          reject(error);
        }
      }, () => node.alive);
    });
  }

  /** There are no threads. */
  release(): Promise<void> {
    return Promise.resolve();
  }

  private functionFor(task: ComputeTask): ComputeFunction {
    const found = this.functions[task] ?? GZIP_FUNCTIONS[task];
    if (found === undefined) throw new Error(`this world was given no function for ${task}`);
    return found;
  }
}
