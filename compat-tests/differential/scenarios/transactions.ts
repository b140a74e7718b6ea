// The markers that end transactions, as another broker's transaction coordinator would order them.

import { fetchApi, listOffsetsApi, writeTxnMarkersApi, type WriteTxnMarkersRequestInput } from '../../../src/protocol/generated/index.js';
import * as batch from '../../../src/protocol/records/batch.js';
import { batchesIn, recordsIn } from '../../../src/protocol/records/batch-iterator.js';
import type { Player } from '../player.js';

type Marker = WriteTxnMarkersRequestInput['markers'][number];

const PRODUCER = 77_000;

function marker(name: string, more: Partial<Marker> = {}, partitionIndexes: readonly number[] = [0]): Marker {
  return { producerId: PRODUCER, producerEpoch: 0, coordinatorEpoch: 0, transactionResult: true, topics: [{ name, partitionIndexes }], ...more };
}

export async function markers(player: Player): Promise<void> {
  const topicId = await player.topic('marked', 3);
  const times = await player.topic('marked-times', 1, { 'message.timestamp.type': 'LogAppendTime' });
  await player.topic('marked-small', 1, { 'max.message.bytes': '60' });
  const ask = (label: string, ...asked: Marker[]) => player.ask(label, writeTxnMarkersApi, { markers: asked });
  await ask('commit');
  await ask('a commit of nothing', marker('marked'));
  await ask('an abort of nothing', marker('marked', { transactionResult: false }));
  await ask('an older producer epoch', marker('marked', { producerEpoch: 5 }), marker('marked', { producerEpoch: 4 }));
  await ask('a newer coordinator', marker('marked', { producerEpoch: 5, coordinatorEpoch: 3 }));
  await ask('an older coordinator', marker('marked', { producerEpoch: 5, coordinatorEpoch: 2 }));
  await ask('version 2, the same epoch with nothing open', marker('marked', { producerEpoch: 5, coordinatorEpoch: 3, transactionVersion: 2 }));
  await ask('version 2, a later epoch', marker('marked', { producerEpoch: 9, coordinatorEpoch: 3, transactionVersion: 2 }));
  await ask('several partitions', marker('marked', { producerId: PRODUCER + 1 }, [0, 1, 2]));
  await ask('several producers', marker('marked', { producerId: PRODUCER + 2 }, [1]), marker('marked', { producerId: PRODUCER + 3 }, [1, 2]));
  await ask('one producer twice', marker('marked', { producerId: PRODUCER + 4 }, [1]), marker('marked', { producerId: PRODUCER + 4 }, [2]));
  await ask('a partition that is not there', marker('marked', {}, [3]));
  await ask('a topic that is not there', marker('no-such'));
  await ask('some that are there', marker('marked', { producerId: PRODUCER + 5 }, [2, 3, -1]));
  await ask('no topics', marker('marked', { topics: [] }));
  await ask('no partitions', marker('marked', {}, []));
  await ask('the metadata log', marker('__cluster_metadata'));
  await ask('offsets of groups', marker('__consumer_offsets', { producerId: PRODUCER + 6 }));
  await ask('offsets of groups, an older epoch', marker('__consumer_offsets', { producerId: PRODUCER + 6, producerEpoch: 3 }), marker('__consumer_offsets', { producerId: PRODUCER + 6 }));
  await ask('offsets of groups, a partition that is not there', marker('__consumer_offsets', { producerId: PRODUCER + 6 }, [1]));
  await ask('producer -1', marker('marked', { producerId: -1 }));
  await ask('producer epoch -1', marker('marked', { producerId: PRODUCER + 7, producerEpoch: -1 }));
  await ask('larger than the topic takes', marker('marked-small'));
  await ask('a topic with its own time', marker('marked-times'));
  await player.ask('after markers', listOffsetsApi, {
    replicaId: -1, isolationLevel: 1, timeoutMs: 1000, topics: [{ name: 'marked', partitions: [0, 1, 2].map(partitionIndex => ({ partitionIndex, timestamp: -1 })) }],
  });
  for (const [name, id] of [['marked', topicId], ['marked-times', times]] as const) await keepLog(player, name, id);
}

/** What the markers look like in the log. Their time is each broker's own. */
async function keepLog(player: Player, name: string, topicId: string): Promise<void> {
  const { responses } = await player.quietly(fetchApi, {
    isolationLevel: 1, maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 20, forgottenTopicsData: [],
    topics: [{ topic: name, topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
  });
  const { records, lastStableOffset, abortedTransactions } = responses[0]!.partitions[0]!;
  const bytes = records ?? Buffer.alloc(0);
  player.keep(`the log of ${name}`, {
    lastStableOffset, aborted: abortedTransactions?.length,
    batches: [...batchesIn(bytes)].map(at => ({
      baseOffset: batch.baseOffset(bytes, at), attributes: batch.attributes(bytes, at), producer: batch.producerId(bytes, at), epoch: batch.producerEpoch(bytes, at),
      sequence: batch.baseSequence(bytes, at), sizeBytes: batch.sizeInBytes(bytes, at), valid: batch.isValid(bytes, at),
      records: [...recordsIn(bytes, at)].map(({ offset, key, value, timestampMs }) => ({ offset, key, value, timestampMs })),
    })),
  });
}
