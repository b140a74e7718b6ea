export { createLog, createLogHost, openLog, type LogHostOptions, type OpenLogOptions } from './open-log.js';
export { openLogManager, NodeLogManager, type LogManagerOptions } from './manager/manager.js';
export { claimDirectory, randomDirectoryId, readMetaProperties, writeMetaProperties, type MetaProperties } from './manager/meta-properties.js';
export { partitionDirectory, partitionDirectoryAside } from './paths.js';
export { loneHome, type LogHome, type LogHost } from './host.js';
export { ReadBudget } from './reads/read-budget.js';
export { Log } from './log.js';
export { logErrorCode } from './log-error.js';
export * from './types.js';
