export { createLog, createLogHost, openLog, type LogHostOptions, type OpenLogOptions } from './open-log.js';
export type { LogHost } from './host.js';
export { Log } from './log.js';
export * from './types.js';
