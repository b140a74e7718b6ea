import { MalformedError } from '../../../base/bytes.js';
import type { ComputeFunctions, ComputeTask } from '../../../env/compute.js';
import { CompressionType } from '../batch.js';
import { gzipCompress, gzipDecompress } from './gzip.js';
import { lz4Compress, lz4Decompress } from './lz4.js';
import { snappyCompress, snappyDecompress } from './snappy.js';
import { zstdCompress, zstdDecompress } from './zstd.js';

/** Names of the codecs by their id, as settings and tools call them. */
export const COMPRESSION_NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

/** Whether a batch's three bits name a codec. */
export function isCompressionType(id: number): id is CompressionType {
  return id >= CompressionType.none && id <= CompressionType.zstd;
}

/** Compresses the records part of a batch, framed as Java clients read it. snappy has no levels. */
export function compress(type: CompressionType, data: Uint8Array, level?: number): Uint8Array {
  switch (type) {
    case CompressionType.gzip: return gzipCompress(data, level);
    case CompressionType.snappy: return snappyCompress(data);
    case CompressionType.lz4: return lz4Compress(data, level);
    case CompressionType.zstd: return zstdCompress(data, level);
    default: return data;
  }
}

/**
 * Decompresses the records part of a batch. Throws `OutputTooLargeError` when that would make more than `maxOutputBytes`, of
 * which it never allocates more than about as much, and `MalformedError` when the data is not what the codec says.
 */
export function decompress(type: number, data: Uint8Array, maxOutputBytes: number): Uint8Array {
  switch (type) {
    case CompressionType.none: return data;
    case CompressionType.gzip: return gzipDecompress(data, maxOutputBytes);
    case CompressionType.snappy: return snappyDecompress(data, maxOutputBytes);
    case CompressionType.lz4: return lz4Decompress(data, maxOutputBytes);
    case CompressionType.zstd: return zstdDecompress(data, maxOutputBytes);
    default: throw new MalformedError(`compression type ${type} is unknown; known are 0 to ${CompressionType.zstd}`);
  }
}

/** The codecs, for a compute port to run where it has no library of its own. */
export const codecFunctions: ComputeFunctions = {
  gzip: (input, { level }) => gzipCompress(input, level),
  gunzip: (input, { maxOutputBytes }) => gzipDecompress(input, maxOutputBytes ?? Infinity),
  snappyCompress: input => snappyCompress(input),
  snappyDecompress: (input, { maxOutputBytes }) => snappyDecompress(input, maxOutputBytes ?? Infinity),
  lz4Compress: (input, { level }) => lz4Compress(input, level),
  lz4Decompress: (input, { maxOutputBytes }) => lz4Decompress(input, maxOutputBytes ?? Infinity),
  zstdCompress: (input, { level }) => zstdCompress(input, level),
  zstdDecompress: (input, { maxOutputBytes }) => zstdDecompress(input, maxOutputBytes ?? Infinity),
};

/** What the port calls each codec's two ways. */
export const COMPUTE_TASKS: Readonly<Record<Exclude<CompressionType, 0>, { readonly compress: ComputeTask; readonly decompress: ComputeTask }>> = {
  [CompressionType.gzip]: { compress: 'gzip', decompress: 'gunzip' },
  [CompressionType.snappy]: { compress: 'snappyCompress', decompress: 'snappyDecompress' },
  [CompressionType.lz4]: { compress: 'lz4Compress', decompress: 'lz4Decompress' },
  [CompressionType.zstd]: { compress: 'zstdCompress', decompress: 'zstdDecompress' },
};
