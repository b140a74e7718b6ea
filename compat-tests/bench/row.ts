// What a row of the benchmark is.

import type { Cost } from './process-cost.js';
import type { Better } from './statistics.js';
import type { Target } from './target.js';

/** One figure of a row. */
export interface Metric {
  /** Its key among the row's values. */
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly better: Better;
  /** The ratio of Ottla's figure to Apache's that the project aims for. */
  readonly aim?: number;
}

/** How much is done: a full run, a quick look, or what warms the brokers up. */
export interface Scale {
  /** Of loads that run by time. */
  readonly seconds: number;
  /** Upper bound of bytes that a raw produce writes. */
  readonly produceBytes: number;
  /** What there is to catch up on. */
  readonly catchUpBytes: number;
  readonly clientRecords: number;
  readonly latencySeconds: number;
  readonly endToEndRecords: number;
  readonly groups: number;
  readonly manyPartitions: number;
  readonly startPartitions: number;
  /** Of 100 offsets each. */
  readonly startGroups: number;
  /** Whose coordinators a start has to find again. */
  readonly startTransactionalIds: number;
  /** Of producers that do nothing. */
  readonly idleTransactionalIds: number;
  /** Of a Java client, before its transactions count. */
  readonly javaWarmSeconds: number;
  /** What a pipeline may copy. */
  readonly pipelineRecords: number;
  /** Until memory is looked at. */
  readonly idleSeconds: number;
}

/** Figures by the metrics' names. */
export type Values = Readonly<Record<string, number>>;

export interface Sample {
  readonly values: Values;
  readonly cost: Cost;
  /** Cores that the load client kept busy; null where it is a client with a life of its own. */
  readonly clientCores: number | null;
}

export interface Row {
  readonly name: string;
  readonly title: string;
  readonly metrics: readonly Metric[];
  /** What is sent, in a sentence's part for the page. */
  readonly load?: (scale: Scale) => string;
  /** Part of `--quick`. */
  readonly quick?: boolean;
  /** Run beforehand, so that both brokers are warm. */
  readonly warm?: boolean;
  /** Starts brokers itself. */
  readonly ownBroker?: boolean;
  /** Once, after all rounds. */
  readonly atEnd?: boolean;
  /** What brings the machine into the same state for both brokers, before each turn; and what it found, values of the sample. */
  readonly before?: (target: Target, scale: Scale) => Values | Promise<Values>;
  run(target: Target, scale: Scale): Promise<Sample>;
  /** The same load against a server that does nothing: what client and loopback can do. */
  readonly limit?: (address: string, scale: Scale) => Promise<Readonly<Record<string, number>>>;
}
