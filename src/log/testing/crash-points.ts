import type { DiskOperation } from '../../env/memory/memory-disk.js';
import { SimRandom, SimWorld, type DiskFault, type DiskImage, type SimMachine } from '../../env/sim/index.js';
import { MACHINE } from './log-life.js';

/**
 * Deaths and errors at every single disk operation of a workload. It runs once, and before each operation that changes the disk
 * a picture is taken of the disk, cache and platter, and of what was promised until then; each picture is then killed or loses
 * its power, as often as asked, and what recovers from it is judged. For errors, after which the process goes on, the workload
 * runs again, once for each.
 */

/** A program with its promises. */
export interface Subject<P> {
  /** What was promised so far; must not change afterwards. */
  promised(): P;
  /** To the end of the workload, or of the process. */
  work(): Promise<void>;
  /** An error of the disk is about to be told to the process. */
  struck?(operation: DiskOperation): void;
}

export interface Workload<P> {
  readonly name: string;
  /** Makes ready on `MACHINE` what comes before the first point. */
  begin(world: SimWorld): Promise<Subject<P>>;
  /** Starts anew after a death and judges what is there. Resolves also when the machine dies again, which is seen by its process. */
  recover(world: SimWorld, promised: P, loss: Loss): Promise<void>;
}

export type Loss = 'kill' | 'power';

export interface CrashPointOptions {
  /** Power losses at each point; from one to the next, and from point to point, they keep nothing, some or all of what was not synced. */
  readonly powerLosses: number;
  /** Kills at each point: before the operation, and at some byte of it; below 1, at a share of the points. */
  readonly kills: number;
  /** Errors at each point, in turn EIO, ENOSPC, and either with a part of the operation done; below 1, at a share of the points. */
  readonly errors: number;
  /** One of that many recoveries dies as well. */
  readonly secondDeathOneIn: number;
}

export interface CrashPointCount {
  readonly name: string;
  readonly points: number;
  /** Of these, those at which every trial was judged, one at least, and found as promised. */
  readonly recovered: number;
  readonly kills: number;
  readonly powerLosses: number;
  readonly errors: number;
  readonly secondDeaths: number;
}

export class CrashPointError extends Error {
  override readonly name = 'CrashPointError';
}

interface Point<P> {
  readonly index: number;
  /** What comes next; undefined at the end of the workload. */
  readonly operation: DiskOperation | undefined;
  readonly image: DiskImage;
  readonly promised: P;
  readonly atMs: number;
}

const KEEPS = [0, 0.3, 0.7, 0, 0.5, 1, 0.1];

export async function tryCrashPoints<P>(workload: Workload<P>, options: CrashPointOptions): Promise<CrashPointCount> {
  const points = await pointsOf(workload);
  const trial = new Trial(workload, options);
  for (const point of points) await trial.at(point);
  return { name: workload.name, points: points.length, ...trial.counts };
}

/** Runs the workload undisturbed. */
async function pointsOf<P>(workload: Workload<P>): Promise<Point<P>[]> {
  const world = new SimWorld(workload.name);
  const subject = await workload.begin(world);
  const { machine } = world.node(MACHINE);
  const points: Point<P>[] = [];
  const picture = (index: number, operation: DiskOperation | undefined): void => {
    const copied = operation?.buffers && { ...operation, buffers: operation.buffers.map(buffer => Buffer.from(buffer)) };
    points.push({ index, operation: copied ?? operation, image: machine.image(), promised: subject.promised(), atMs: world.nowMs });
  };
  machine.onDiskOperation = (operation, { index }) => {
    if (operation.kind !== 'read' && operation.kind !== 'open') picture(index, operation);
    return undefined;
  };
  await subject.work();
  machine.onDiskOperation = undefined;
  picture(machine.diskOperations, undefined);
  return points;
}

class Trial<P> {
  readonly counts = { recovered: 0, kills: 0, powerLosses: 0, errors: 0, secondDeaths: 0 };
  private deaths = 0;
  private held = 0;

  constructor(private readonly workload: Workload<P>, private readonly options: CrashPointOptions) {}

  async at(point: Point<P>): Promise<void> {
    const { kills, powerLosses, errors } = this.options;
    const heldBefore = this.held;
    const due = (share: number): number => Math.floor((point.index + 1) * share) - Math.floor(point.index * share);
    for (let time = 0; time < due(kills); time++) await this.die(point, 'kill', point.index + time);
    for (let time = 0; time < due(powerLosses); time++) await this.die(point, 'power', point.index + time);
    if (point.operation) for (let time = 0; time < due(errors); time++) await this.goOn(point, point.operation, point.index + time);
    if (this.held > heldBefore) this.counts.recovered++;
  }

  /** The process dies, or the power fails, before the operation or in the midst of it. */
  private async die(point: Point<P>, loss: Loss, time: number): Promise<void> {
    const seed = `${this.workload.name}/${point.index}/${loss}/${time}`;
    const random = new SimRandom(seed);
    const world = new SimWorld(seed, { beginsAtMs: point.atMs });
    const machine = world.restore(MACHINE, point.image);
    if (time % 2 === 1) doInPart(machine, point.operation, random);
    const keep = KEEPS[time % KEEPS.length]!;
    if (loss === 'power') machine.durability.losePower(random, { keep });
    this.counts[loss === 'kill' ? 'kills' : 'powerLosses']++;
    const again = this.deaths++ % this.options.secondDeathOneIn === 0 ? this.plantSecond(machine, random) : undefined;
    await this.judged(point, `${loss}${loss === 'power' ? `, keeping ${keep}` : ''}`, world, async () => {
      await this.workload.recover(world, point.promised, loss);
      if (again?.death === undefined || world.node(MACHINE) === again.node) return;
      this.counts.secondDeaths++;
    });
  }

  /** Recovery dies as well, at one of its first operations. Those that do not come to it recover undisturbed. */
  private plantSecond(machine: SimMachine, random: SimRandom): { death: Loss | undefined; readonly node: unknown } {
    const planted: { death: Loss | undefined; readonly node: unknown } = { death: undefined, node: machine.process() };
    let left = random.int(40);
    machine.onDiskOperation = operation => {
      if (operation.kind === 'read' || operation.kind === 'open' || left-- > 0) return undefined;
      machine.onDiskOperation = undefined;
      planted.death = random.chance(0.5) ? 'kill' : 'power';
      return { death: planted.death === 'kill' ? 'kill' : 'crash', appliedBytes: random.int((operation.length ?? 1) + 1) };
    };
    return planted;
  }

  /** The operation fails, the process goes on as it can, and is killed, or loses its power, in the end. */
  private async goOn(point: Point<P>, operation: DiskOperation, time: number): Promise<void> {
    const world = new SimWorld(this.workload.name);
    const subject = await this.workload.begin(world);
    const { machine } = world.node(MACHINE);
    const fault = faultOf(operation, time);
    let syncFailed = false;
    machine.onDiskOperation = (met, { index }) => {
      if (index !== point.index || met.kind === 'read' || met.kind === 'open') return undefined;
      machine.onDiskOperation = undefined;
      syncFailed = met.kind === 'sync';
      subject.struck?.(met);
      return fault;
    };
    this.counts.errors++;
    await this.judged(point, `${fault.code}, ${fault.appliedBytes} bytes done`, world, async () => {
      await subject.work();
      machine.onDiskOperation = undefined;
      // After a failed sync the cache is not to be trusted: nothing less than a new start of the machine.
      const loss = syncFailed || time % 2 === 0 ? 'power' : 'kill';
      const node = world.node(MACHINE);
      if (loss === 'power') node.crash();
      else node.kill();
      await this.workload.recover(world, subject.promised(), loss);
    });
  }

  private async judged(point: Point<P>, what: string, { trace }: SimWorld, run: () => Promise<void>): Promise<void> {
    try {
      await run();
      this.held++;
    } catch (error) {
      const at = point.operation ? `${point.operation.kind} ${point.operation.path}` : 'its end';
      throw new CrashPointError(`workload '${this.workload.name}', operation ${point.index} (${at}), ${what}: ${(error as Error).stack}\n${trace.tail(40)}`, { cause: error });
    }
  }
}

function faultOf(operation: DiskOperation, time: number): DiskFault {
  const length = operation.kind === 'write' ? operation.length ?? 0 : 0;
  return [{ code: 'EIO', appliedBytes: 0 }, { code: 'ENOSPC', appliedBytes: length >> 1 }, { code: 'ENOSPC', appliedBytes: 0 }, { code: 'EIO', appliedBytes: length }][time % 4]!;
}

/** A write that came as far as some byte, or all of another operation, without anybody having heard of it. */
function doInPart({ durability, tree }: SimMachine, operation: DiskOperation | undefined, random: SimRandom): void {
  if (operation?.kind !== 'write' || !operation.buffers) return;
  const { path, position = 0, buffers } = operation;
  // A file that was renamed since it was opened is not found by the name it had.
  if (tree.find(path) === undefined) return;
  const file = tree.file(path);
  const before = file.bytes.length;
  const bytes = Buffer.concat(buffers);
  const written = file.bytes.write([bytes], position, 1 + random.int(bytes.length));
  durability.fileChanged(file, Math.min(before, position), position + written);
}

export function formatCounts(counts: readonly CrashPointCount[]): string {
  const sum = (pick: (count: CrashPointCount) => number): string => counts.reduce((total, count) => total + pick(count), 0).toLocaleString('en');
  return `${sum(count => count.recovered)} of ${sum(count => count.points)} crash points recover as promised, in ${counts.length} workloads: ${sum(count => count.kills)} kills, `
    + `${sum(count => count.powerLosses)} power losses, ${sum(count => count.errors)} errors of the disk, ${sum(count => count.secondDeaths)} deaths during recovery.`;
}
