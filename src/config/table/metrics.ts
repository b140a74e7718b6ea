import { items } from '../checks.js';
import { int, list, long, string } from '../setting.js';

/** Metrics. */
export const metricsSettings = {
  'metrics.num.samples': int({ default: 2, min: 1, importance: 'low', doc: 'Samples over which metrics are averaged.' }),
  'metrics.sample.window.ms': long({ default: 30_000, min: 1, importance: 'low', doc: 'Length of one such sample.' }),
  'metric.reporters': list({ default: ['org.apache.kafka.common.metrics.JmxReporter'], check: items({ empty: true }), importance: 'low', update: 'cluster-wide',
    doc: 'Java classes to which metrics are handed.' }),
  'metrics.recording.level': string({ default: 'INFO', importance: 'low', doc: 'How detailed metrics are: INFO, DEBUG or TRACE.' }),
  'kafka.metrics.reporters': list({ default: [], check: items({ empty: true }), importance: 'low', doc: 'Java classes for Yammer metrics.' }),
  'kafka.metrics.polling.interval.secs': int({ default: 10, min: 1, importance: 'low', doc: 'How often those are asked to report.' }),
  'telemetry.max.bytes': int({ default: 1_048_576, min: 1, importance: 'low', honoured: true, doc: 'Largest batch of metrics that a client may push (KIP-714).' }),
};
