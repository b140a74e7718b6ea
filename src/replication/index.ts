export { LogDirMoves, type PartitionToMove } from './log-dir-moves.js';
export { fetch, type PendingFetch } from './fetch.js';
export type { FetchOptions, FetchOutcome, FetchPosition, FindPartition } from './fetch-types.js';
export { replicaMetrics, type ReplicaMetrics } from './metrics.js';
export { Partition, type Watcher } from './partition.js';
export { PartitionReplicatedLog, type Loading } from './partition-replicated-log.js';
export { produce, type PendingProduce, type ProduceEntry, type ProduceOptions, type ProduceOutcome } from './produce.js';
export type { Waits } from './waits.js';
export { ReplicaManager, type LeadershipListener, type ReplicaManagerOptions } from './replica-manager.js';
