export { SECTOR_BYTES, type CrashOptions } from './durability.js';
export type { DiskFault, DiskHook } from './disk.js';
export type { DiskImage, SimMachine, SimNode } from './node.js';
export { SimRandom } from './random.js';
export { SimStalledError, SimWorld, type SimWorldOptions } from './world.js';
