// Plays scenes of transactional producers on both brokers, and holds what they wrote against each other.

import { differences, type Difference } from '../differential/compare.js';
import { BrokersDiffer, type Lockstep } from '../lockstep/lockstep.js';
import { shrunk } from '../lockstep/shrink.js';
import type { Stage } from '../lockstep/stage.js';
import { TransactionCast } from './cast.js';
import { ApacheVaries } from './apache-varies.js';
import { offsetRecords, partitionFiles, transactionRecords } from './logs.js';
import type { TransactionStep } from './script.js';

export type Scene = Lockstep<TransactionCast>;

export class Theatre {
  /** Batches of partitions and records of coordinators that were held against each other. */
  written = 0;
  /** What of Apache's answers was made alike. */
  readonly apacheVaries = new ApacheVaries();
  private replays = 0;

  constructor(private readonly stage: Stage) {}

  async open(name: string): Promise<Scene> {
    const scene = this.stage.open(name, side => new TransactionCast(side, this.apacheVaries));
    await Promise.all([scene.apache, scene.ottla].map(cast => cast.createTopics()));
    // The brokers may start again before anybody plays.
    for (const { side } of [scene.apache, scene.ottla]) side.close();
    return scene;
  }

  /** @throws BrokersDiffer, with as few of the steps as show it. */
  async play(name: string, steps: readonly TransactionStep[]): Promise<void> {
    const failure = await this.failureOf(name, steps);
    if (failure === undefined) return;
    let shortest = failure;
    const fewest = await shrunk(steps.slice(0, failure.played), async fewer => {
      const again = await this.failureOf(`${name}-r${++this.replays}`, fewer);
      if (again !== undefined) shortest = again;
      return again !== undefined;
    });
    throw new BrokersDiffer(`${failure.message}\n\nand with fewer steps, ${shortest.message}\nall of them:\n${fewest.map(step => `  ${step.name}`).join('\n')}`);
  }

  /** A part of a scene that others follow. */
  async playOn(scene: Scene, steps: readonly TransactionStep[]): Promise<void> {
    await this.stage.play(scene, async () => { for (const step of steps) await scene.step(step); });
    this.compareLogs(scene.name, scene);
  }

  private async failureOf(name: string, steps: readonly TransactionStep[]): Promise<{ message: string; played: number } | undefined> {
    const scene = await this.open(name);
    try {
      await this.stage.play(scene, async () => { for (const step of steps) await scene.step(step); });
      this.compareLogs(name, scene);
      return undefined;
    } catch (error) {
      if (!(error instanceof BrokersDiffer)) throw error;
      return { message: error.message, played: scene.history.length };
    }
  }

  /** @throws BrokersDiffer where the files do. */
  compareLogs(name: string, scene: Scene): void {
    const [apache, ottla] = [scene.apache, scene.ottla].map((cast, index) => writtenOf(this.stage.brokers[index]!.dataDir, cast));
    const found = differences(apache!, ottla!).filter(difference => !this.stage.isKnown(name, difference));
    if (found.length > 0) throw new BrokersDiffer(`${name}, in what was written:\n${found.map(lineOf).join('\n')}`);
    this.written += [...apache!.values()].reduce<number>((sum, value) => sum + sizeOf(value), 0);
  }
}

function writtenOf(dataDir: string, cast: TransactionCast): Map<string, unknown> {
  const partitions = TransactionCast.topics.flatMap(topic => [0, 1].map(index => `${cast.full(topic)}-${index}`));
  return new Map<string, unknown>([
    ...partitions.map(partition => [partition, partitionFiles(dataDir, partition, cast)] as const),
    ['__transaction_state', transactionRecords(dataDir, cast)],
    ['__consumer_offsets', offsetRecords(dataDir, cast)],
  ]);
}

const sizeOf = (value: unknown): number => (Array.isArray(value) ? value.length : (value as { batches: unknown[] }).batches.length);

function lineOf({ asked, at, apache, ottla }: Difference): string {
  return `  ${asked} ${at}: Apache ${JSON.stringify(apache)}, Ottla ${JSON.stringify(ottla)}`;
}
