import { expect, test } from '@jest/globals';
import { xxh3 } from './xxh3.js';

/** Of inputs of each length whose byte i is 7i + length, made with hash4j 0.22, which Kafka uses. */
const HASHES: readonly (readonly [length: number, hash: bigint])[] = [
  [0, 0x2d06800538d394c2n], [1, 0xe12ef9d2eb86ceebn], [2, 0x33b0814d4f061d86n], [3, 0xa9088dda485b481cn], [4, 0x57648c318a7a307en], [5,
  0x239bb6b88222271dn], [7, 0x4f82be6987f5eea7n], [8, 0xb0fb3e3c3f94990an], [9, 0x8aca5cb309437c2en], [12, 0xbb431ec91d8102e8n], [16,
  0x2bd926d88792965an], [17, 0x621f018aad19b14an], [31, 0x1c80db9a3e8ba043n], [32, 0x8911535e799e4d99n], [33, 0xb6d8b523db9b284cn], [48,
  0xbcf5f3e7d279e2afn], [64, 0x1b1bf114c7371f1bn], [65, 0xf0037f8ac0441cc4n], [96, 0xcfb21e0d09d8ef29n], [97, 0xe1415ca7902a74dan], [100,
  0x6e2ae3af09fcbd6dn], [127, 0xeece8f95570595f1n], [128, 0xe9549af9a74093e6n], [129, 0xb54ad1cd8a4c84b9n], [130, 0x52dc6001473ca9cbn], [150,
  0x2d0383a86b2eee8cn], [200, 0x660156a92b43203fn], [239, 0x318817637cd16359n], [240, 0x3e136902ec966624n], [241, 0xbd7d29b6ba966d6an], [256,
  0xff5a1cefade75bb9n], [300, 0x3820fcfd00b5a955n], [512, 0xf6fe51471f2fa1ecn], [1000, 0x918d265b440e5611n], [1023, 0x805f138405a64a4n], [1024,
  0xdc5acf0b043c445bn], [1025, 0xc856c953bbdbc807n], [1088, 0x1abb96b061cd5757n], [1089, 0x2a7e4e549f5cd12cn], [2048, 0x848d24cc268f7498n], [2049,
  0x36bbe6219dfccdan], [5000, 0x308f149a673a1625n],
];

test.each(HASHES)('the hash of %i bytes is that of the reference', (length, hash) => {
  expect(xxh3(Uint8Array.from({ length }, (_, index) => index * 7 + length))).toBe(hash);
});
