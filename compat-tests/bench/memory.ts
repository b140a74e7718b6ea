// The same memory for both brokers. In a virtual machine, memory that nobody used for a while belongs to the host, and its first
// touch costs several times what the row measures; who has his turn just after files were removed would not pay it.

import { closeSync, openSync, readdirSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Metric, Values } from './row.js';

const CHUNK = Buffer.alloc(8 << 20, 1);

const BYTES_PER_MB = 1_000_000;

/** What `touchFreeMemory` finds, as a figure of a row: beside it a throughput says how much of it is the machine's. */
export const BARE_WRITE: Metric = { name: 'bareMbPerSecond', title: 'a bare file write just before', unit: 'MB/s', better: 'higher' };

/**
 * Has the system own so much free memory: a file of that size is written beside the data and removed. How fast that went is what
 * the file system takes, at that moment, from a process that does nothing else.
 */
export function touchFreeMemory(folder: string, bytes: number): Values {
  const path = join(folder, 'memory-to-touch');
  const file = openSync(path, 'w');
  const startMs = performance.now();
  try {
    for (let written = 0; written < bytes;) written += writeSync(file, CHUNK);
    return { [BARE_WRITE.name]: bytes / BYTES_PER_MB / (performance.now() - startMs) * 1000 };
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

/** Reads all that a topic's partitions hold, so that it is in the page cache and its memory is the system's own. Finds nothing. */
export function readThrough(dataDir: string, topic: string): Values {
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
  return {};
}
