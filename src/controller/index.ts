export { Controller, type ControllerOptions } from './controller.js';
export { LocalController, type ControllerApi } from './controller-api.js';
export { invalidNameReason } from './topic-names.js';
