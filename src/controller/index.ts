export { Controller, type ControllerOptions } from './controller.js';
export { LocalController, type ControllerApi } from './controller-api.js';
export { FormatError, formatDirectories, readBootstrapFile, type FormatOptions, type Formatted } from './format.js';
export { invalidNameReason } from './topic-names.js';
