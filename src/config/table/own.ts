import { boolean } from '../setting.js';

/** Settings that Kafka has not. */
export const ownSettings = {
  'ottla.direct.write.enable': boolean({ default: true, importance: 'low', honoured: true,
    doc: 'Whether large appends (64 KiB and more at once) may pass the page cache by, wherever that is found to be quicker: both ways are ' +
      'timed as they are used. What is durable is the same either way. Without effect where the file system knows no such writes.' }),
  'ottla.telemetry.enable': boolean({ default: false, importance: 'low', honoured: true,
    doc: 'Whether clients push their metrics to this broker as `client-metrics` subscriptions ask them to (KIP-714); they are kept in memory ' +
      'for as long as the client runs, and `metrics()` tells them. Kafka offers that once a plug-in for it is named in `metric.reporters`.' }),
};
