export type { ChargePartitions } from './context.js';
export { Controller, type ControllerOptions } from './controller.js';
export { createControllerRuntime, LocalController, type ControllerApi, type ControllerRuntimeOptions } from './controller-api.js';
export { FormatError, formatDirectories, readBootstrapFile, type FormatOptions, type Formatted } from './format.js';
export { invalidNameReason } from './topic-names.js';
