import type { Authorizer } from './context.js';

/** Everybody may do everything, as on an Apache broker without an authorizer. */
export const allowAll: Authorizer = { allows: () => true };
