import * as batch from '../protocol/records/batch.js';
import { batchesIn, recordsIn } from '../protocol/records/batch-iterator.js';
import { parseEndTransactionMarker } from '../protocol/records/control-records.js';
import type { Machine, RecordCodec } from './machine.js';
import type { LogChunk } from './replicated-log.js';

/** What stands in the log cannot be read or replayed: names where, for whoever has to look at it. */
export class UnreplayableError extends Error {
  constructor(readonly offset: number, cause: unknown) {
    super(`the record at offset ${offset} cannot be replayed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/**
 * Replays all that a chunk of the log holds. Control batches other than the markers of transactions are the log's own.
 * Throws `UnreplayableError`.
 */
export function replayChunk<Rec>(machine: Machine<Rec>, codec: RecordCodec<Rec>, { batches, snapshot }: LogChunk): void {
  for (const at of batchesIn(batches)) {
    if (!batch.isControl(batches, at)) replayBatch(machine, codec, { batches, snapshot }, at);
    else if (snapshot === undefined) replayMarkers(machine, batches, at);
  }
}

function replayBatch<Rec>(machine: Machine<Rec>, codec: RecordCodec<Rec>, { batches, snapshot }: LogChunk, at: number): void {
  const transactional = batch.isTransactional(batches, at);
  const producerId = transactional ? batch.producerId(batches, at) : batch.NO_PRODUCER_ID;
  const producerEpoch = transactional ? batch.producerEpoch(batches, at) : batch.NO_PRODUCER_EPOCH;
  const leaderEpoch = snapshot?.epoch ?? batch.partitionLeaderEpoch(batches, at);
  let current = batch.baseOffset(batches, at);
  try {
    for (const { offset, timestampMs, key, value } of recordsIn(batches, at)) {
      current = offset;
      const record = codec.decode(key, value);
      if (record === undefined) continue;
      machine.replay(record, { offset: snapshot?.offset ?? offset, leaderEpoch, timestampMs, producerId, producerEpoch });
    }
  } catch (error) {
    throw new UnreplayableError(current, error);
  }
}

function replayMarkers<Rec>(machine: Machine<Rec>, batches: Uint8Array, at: number): void {
  for (const { offset, key, value } of recordsIn(batches, at)) {
    const marker = parseEndTransactionMarker(key, value);
    if (marker === undefined) continue;
    const producerId = batch.producerId(batches, at);
    machine.replayMarker?.({ producerId, producerEpoch: batch.producerEpoch(batches, at), committed: marker.committed, offset });
  }
}
