// The best that was measured for a bare Node.js process on the machine of this project (2 cores, Node 20.20, loopback, a
// client in C on the other core): prototypes that read, checksum and write but do none of a broker's work, so that 60 to
// 70 % of them would be a strong broker. Measured once and elsewhere: an order of size, not part of a run.

export interface Ceiling {
  readonly value: number;
  readonly of: string;
}

/** By row and metric. */
export const CEILINGS: Readonly<Record<string, Readonly<Record<string, Ceiling>>>> = {
  'produce-1mb': { mbPerSecond: { value: 1900, of: 'CRC and append to the page cache, 1 MB frames' } },
  'produce-17kb': { mbPerSecond: { value: 1500, of: 'the same with 17 KB batches, writes grouped' } },
  'produce-1kb': { batchesPerSecond: { value: 535_000, of: 'the same with 1.1 KB batches' } },
  'fetch-tail': { mbPerSecond: { value: 6100, of: 'answers from memory' } },
  'fetch-catch-up': { mbPerSecond: { value: 2800, of: 'answers from the page cache, asynchronous reads' } },
  'latency-acks-1': { p99Ms: { value: 0.13, of: 'request and answer of 100 bytes, one connection' } },
  'latency-acks-all': { p99Ms: { value: 0.13, of: 'request and answer of 100 bytes, one connection' } },
  'connections-100': { requestsPerSecond: { value: 158_000, of: 'requests and answers of 100 bytes, 100 connections' } },
  'cold-start': {
    ms: { value: 125, of: 'a bundle, from the start of the process to listening' },
    idleMb: { value: 50, of: 'the prototype, idle' },
  },
};
