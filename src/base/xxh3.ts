/**
 * XXH3 with 64 bits, seed 0 and its default secret (Yann Collet's specification): Kafka keeps hashes of topics made with it.
 * Over bigints, for it is asked rarely.
 */
export function xxh3(input: Uint8Array): bigint {
  const { length } = input;
  const bytes = new DataView(input.buffer, input.byteOffset, length);
  if (length <= 16) return hashUpTo16(bytes, length);
  if (length <= 128) return hashUpTo128(bytes, length);
  return length <= 240 ? hashUpTo240(bytes, length) : hashLong(bytes, length);
}

const MASK = 0xffff_ffff_ffff_ffffn;
const PRIME32_1 = 0x9e3779b1n;
const PRIME32_2 = 0x85ebca77n;
const PRIME32_3 = 0xc2b2ae3dn;
const PRIME64_1 = 0x9e3779b185ebca87n;
const PRIME64_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME64_3 = 0x165667b19e3779f9n;
const PRIME64_4 = 0x85ebca77c2b2ae63n;
const PRIME64_5 = 0x27d4eb2f165667c5n;
const PRIME_MX1 = 0x165667919e3779f9n;
const PRIME_MX2 = 0x9fb21c651e98df25n;

const secretBytes = Buffer.from(
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' +
  '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364' +
  'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e', 'hex');
const secret = new DataView(secretBytes.buffer, secretBytes.byteOffset, secretBytes.length);

const read64 = (from: DataView, at: number): bigint => from.getBigUint64(at, true);
const read32 = (from: DataView, at: number): bigint => BigInt(from.getUint32(at, true));
const key = (at: number): bigint => read64(secret, at);
const times = (a: bigint, b: bigint): bigint => (a * b) & MASK;
const rotate = (value: bigint, by: bigint): bigint => ((value << by) | (value >> (64n - by))) & MASK;

function swap64(value: bigint): bigint {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.readBigUInt64BE();
}

/** Both halves of the product of 128 bits, one over the other. */
function fold(a: bigint, b: bigint): bigint {
  const product = a * b;
  return (product & MASK) ^ (product >> 64n);
}

function avalanche(hash: bigint): bigint {
  const mixed = times(hash ^ (hash >> 37n), PRIME_MX1);
  return mixed ^ (mixed >> 32n);
}

function avalancheShort(hash: bigint): bigint {
  const once = times(hash ^ (hash >> 33n), PRIME64_2);
  const twice = times(once ^ (once >> 29n), PRIME64_3);
  return twice ^ (twice >> 32n);
}

function hashUpTo16(input: DataView, length: number): bigint {
  if (length > 8) {
    const low = read64(input, 0) ^ key(24) ^ key(32);
    const high = read64(input, length - 8) ^ key(40) ^ key(48);
    return avalanche((BigInt(length) + swap64(low) + high + fold(low, high)) & MASK);
  }
  if (length >= 4) return hashUpTo8(input, length);
  if (length === 0) return avalancheShort(key(56) ^ key(64));
  const [first, middle, last] = [input.getUint8(0), input.getUint8(length >> 1), input.getUint8(length - 1)];
  const combined = BigInt(((first << 16) | (middle << 24) | last | (length << 8)) >>> 0);
  return avalancheShort(combined ^ read32(secret, 0) ^ read32(secret, 4));
}

function hashUpTo8(input: DataView, length: number): bigint {
  const keyed = (read32(input, length - 4) + (read32(input, 0) << 32n)) ^ key(8) ^ key(16);
  const once = times(keyed ^ rotate(keyed, 49n) ^ rotate(keyed, 24n), PRIME_MX2);
  const twice = times(once ^ ((once >> 35n) + BigInt(length)), PRIME_MX2);
  return twice ^ (twice >> 28n);
}

const mix16 = (input: DataView, at: number, keyAt: number): bigint => fold(read64(input, at) ^ key(keyAt), read64(input, at + 8) ^ key(keyAt + 8));

function hashUpTo128(input: DataView, length: number): bigint {
  let hash = BigInt(length) * PRIME64_1;
  for (let pair = (length - 1) >> 5; pair >= 0; pair--) {
    hash += mix16(input, 16 * pair, 32 * pair) + mix16(input, length - 16 * (pair + 1), 32 * pair + 16);
  }
  return avalanche(hash & MASK);
}

function hashUpTo240(input: DataView, length: number): bigint {
  let hash = BigInt(length) * PRIME64_1;
  for (let round = 0; round < 8; round++) hash += mix16(input, 16 * round, 16 * round);
  hash = avalanche(hash & MASK);
  for (let round = 8; round < length >> 4; round++) hash += mix16(input, 16 * round, 16 * (round - 8) + 3);
  return avalanche((hash + mix16(input, length - 16, 136 - 17)) & MASK);
}

const STRIPE = 64;
const STRIPES_PER_BLOCK = (secretBytes.length - STRIPE) / 8;

function hashLong(input: DataView, length: number): bigint {
  const lanes = BigUint64Array.of(PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1);
  const stripes = Math.floor((length - 1) / STRIPE);
  for (let stripe = 0; stripe < stripes; stripe++) {
    const inBlock = stripe % STRIPES_PER_BLOCK;
    accumulate(lanes, input, stripe * STRIPE, inBlock * 8);
    if (inBlock === STRIPES_PER_BLOCK - 1) scramble(lanes);
  }
  accumulate(lanes, input, length - STRIPE, secretBytes.length - STRIPE - 7);
  let hash = times(BigInt(length), PRIME64_1);
  for (let pair = 0; pair < 4; pair++) hash += fold(lanes[2 * pair]! ^ key(11 + 16 * pair), lanes[2 * pair + 1]! ^ key(19 + 16 * pair));
  return avalanche(hash & MASK);
}

/** The lanes are 64 bits wide and wrap by themselves. */
function accumulate(lanes: BigUint64Array, input: DataView, at: number, keyAt: number): void {
  for (let lane = 0; lane < 8; lane++) {
    const value = read64(input, at + 8 * lane);
    const keyed = value ^ key(keyAt + 8 * lane);
    lanes[lane ^ 1]! += value;
    lanes[lane]! += (keyed & 0xffff_ffffn) * (keyed >> 32n);
  }
}

function scramble(lanes: BigUint64Array): void {
  for (let lane = 0; lane < 8; lane++) {
    const value = lanes[lane]!;
    lanes[lane] = (value ^ (value >> 47n) ^ key(secretBytes.length - STRIPE + 8 * lane)) * PRIME32_1;
  }
}
