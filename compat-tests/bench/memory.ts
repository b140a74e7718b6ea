// The same memory for both brokers. In a virtual machine, memory that nobody used for a while belongs to the host, and its first
// touch costs several times what the row measures; who has his turn just after files were removed would not pay it.

import { closeSync, openSync, readdirSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const CHUNK = Buffer.alloc(8 << 20, 1);

/** Has the system own so much free memory: a file of that size is written beside the data and removed. */
export function touchFreeMemory(folder: string, bytes: number): void {
  const path = join(folder, 'memory-to-touch');
  const file = openSync(path, 'w');
  try {
    for (let written = 0; written < bytes;) written += writeSync(file, CHUNK);
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

/** Reads all that a topic's partitions hold, so that it is in the page cache and its memory is the system's own. */
export function readThrough(dataDir: string, topic: string): void {
  for (const folder of readdirSync(dataDir).filter(name => name.startsWith(`${topic}-`))) {
    for (const name of readdirSync(join(dataDir, folder)).filter(each => each.endsWith('.log'))) {
      const file = openSync(join(dataDir, folder, name), 'r');
      try {
        while (readSync(file, CHUNK) > 0) { /* on */ }
      } finally {
        closeSync(file);
      }
    }
  }
}
