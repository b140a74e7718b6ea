import { createHash, createHmac } from 'node:crypto';

/** Hashes of SCRAM's mechanisms. */
export type ScramHash = 'sha256' | 'sha512';

/** What a server keeps instead of a password. */
export interface ScramKeys {
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** The keys of a salted password that is not empty (RFC 5802, section 3). */
export function scramKeys(hash: ScramHash, saltedPassword: Uint8Array): ScramKeys {
  const keyed = (text: string): Buffer => createHmac(hash, saltedPassword).update(text).digest();
  return { storedKey: createHash(hash).update(keyed('Client Key')).digest(), serverKey: keyed('Server Key') };
}
