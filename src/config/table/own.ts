import { boolean } from '../setting.js';

/** Settings that Kafka has not: what takes a plug-in there. */
export const ownSettings = {
  'ottla.telemetry.enable': boolean({ default: false, importance: 'low', honoured: true,
    doc: 'Whether clients push their metrics to this broker as `client-metrics` subscriptions ask them to (KIP-714); they are kept in memory ' +
      'for as long as the client runs, and `metrics()` tells them. Kafka offers that once a plug-in for it is named in `metric.reporters`.' }),
};
