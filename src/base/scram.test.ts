import { expect, test } from '@jest/globals';
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { scramKeys } from './scram.js';

/** The client's last message, its proof checked and its answer given with nothing but the server's keys. */
test('the keys check the proof and make the signature of the exchange that RFC 7677 prints', () => {
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
  const keys = scramKeys('sha256', pbkdf2Sync('pencil', salt, 4096, 32, 'sha256'));
  const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
  const exchange = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=${nonce}`;
  const proof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64');
  const signature = createHmac('sha256', keys.storedKey).update(exchange).digest();
  const clientKey = proof.map((byte, at) => byte ^ signature[at]!);
  expect(createHash('sha256').update(clientKey).digest()).toEqual(keys.storedKey);
  expect(createHmac('sha256', keys.serverKey).update(exchange).digest('base64')).toBe('6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
});

test('the keys are as long as the hash', () => {
  const { storedKey, serverKey } = scramKeys('sha512', Buffer.from('salted'));
  expect([storedKey.length, serverKey.length]).toEqual([64, 64]);
});
