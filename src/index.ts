/** Ottla inside a program: `const broker = await startBroker({ port: 0 })`. */
export { startBroker, type RunningBroker, type StartBrokerOptions } from './testing/start-broker.js';
export type { BrokerMetrics, MemoryInUse } from './broker/metrics.js';
export type { ClientMetric, ClientMetrics } from './server/telemetry/client-metrics.js';
export type { ClientTelemetryMetrics } from './server/telemetry/client-telemetry.js';
export { ConfigError } from './config/value.js';
export type { LogFields, Logger, LogLevel } from './env/logger.js';
