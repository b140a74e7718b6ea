import { uuidToBytes } from '../../base/uuid.js';

/** A fresh id in the form in which member ids carry it: Java's print form of a UUID. */
export function memberUuid(id: string): string {
  const hex = Buffer.from(uuidToBytes(id)).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
