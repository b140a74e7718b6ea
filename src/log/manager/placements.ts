import { assert } from '../../base/assert.js';
import type { Log } from '../partition/log.js';
import { partitionDirectory } from '../paths.js';
import type { LogDirectory } from './directory.js';

/**
 * Which logs are here: under each partition's name the one that is served, and in the `logs` of each directory, of which its
 * checkpoints speak, all that lie there, copies in the making too. Both change here, together, and nowhere else.
 */
export class Placements {
  private readonly served = new Map<string, Log>();

  constructor(readonly directories: readonly LogDirectory[]) {}

  /** The log that is served, by its partition's directory name. */
  get(key: string): Log | undefined {
    return this.served.get(key);
  }

  all(): Iterable<Log> {
    return this.served.values();
  }

  /** Where a log lies; also of one that is here no more. */
  directoryOf(log: Log): LogDirectory {
    const directory = this.directories.find(candidate => candidate === log.home);
    assert(directory !== undefined, 'a log is in one of the log directories');
    return directory;
  }

  /** The log is served from now on. Throws when another is. */
  place(log: Log): void {
    const key = keyOf(log);
    const other = this.served.get(key);
    if (other !== undefined) throw new Error(`partition ${key} is in ${log.home.path} and in ${other.home.path}: one of them must be removed by hand`);
    this.served.set(key, log);
    this.directoryOf(log).logs.add(log);
  }

  /** A copy lies in its directory from now on, and is not served yet. */
  placeCopy(copy: Log): void {
    this.directoryOf(copy).logs.add(copy);
  }

  /** The copy is served from now on, in place of the log, if there is one, that has been until now. */
  swap(copy: Log): void {
    const replaced = this.served.get(keyOf(copy));
    if (replaced !== undefined) this.take(replaced);
    this.place(copy);
  }

  /** The log, or copy, is here no more. */
  take(log: Log): void {
    this.directoryOf(log).logs.delete(log);
    if (this.served.get(keyOf(log)) === log) this.served.delete(keyOf(log));
  }
}

function keyOf({ topic, partition }: Log): string {
  return partitionDirectory(topic, partition);
}
