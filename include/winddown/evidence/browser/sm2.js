// SM2 signatures (GB/T 32918.2, 32918.5) with SM3 (GB/T 32905), which browsers do not have.

const SM2_P = 2n ** 256n - 2n ** 224n - 2n ** 96n + 2n ** 64n - 1n; // y² = x³ - 3x + B over the integers modulo P
const SM2_B = 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n;
const SM2_N = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n; // how many points there are
const SM2_BASE = [
  0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n,
  0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n,
  1n,
]; // Points are [X, Y, Z] for x = X / Z² and y = Y / Z³; Z is 0 at infinity.
const SIGNER_ID = "1234567812345678"; // the one that the standard gives to signers without one

const modulo = (number, by) => ((number % by) + by) % by;
const numberIn = (bytes) => BigInt(`0x0${hex(bytes)}`);
const bytesOf = (number) => joined(...[192n, 128n, 64n, 0n].map((shift) => long(BigInt.asUintN(64, number >> shift))));

/** The point of a public key, 04 and both coordinates; null for anything else. */
function readPoint(raw) {
  const [x, y] = [numberIn(raw.slice(1, 33)), numberIn(raw.slice(33))];
  const isPoint = raw[0] === 4 && x < SM2_P && y < SM2_P && (y * y - x ** 3n + 3n * x - SM2_B) % SM2_P === 0n;
  return isPoint ? [x, y, 1n] : null;
}

/** Whether a signature of 64 bytes, r and s, is one of the key at a point. */
function verifiesSm2(signature, message, point) {
  const values = [SM2_P - 3n, SM2_B, SM2_BASE[0], SM2_BASE[1], point[0], point[1]].map(bytesOf);
  const z = sm3(joined(Uint8Array.of(0, 8 * SIGNER_ID.length), SIGNER_ID, ...values));
  const [r, s] = [numberIn(signature.slice(0, 32)), numberIn(signature.slice(32))];
  const t = (r + s) % SM2_N;
  if (r === 0n || r >= SM2_N || s === 0n || s >= SM2_N || t === 0n) return false;
  const [x, , z1] = combined(s, t, point);
  if (z1 === 0n) return false;
  const affine = (x * inverse(z1 * z1)) % SM2_P;
  return (numberIn(sm3(joined(z, message))) + affine) % SM2_N === r;
}

/** By Fermat: to the power of P - 2. */
function inverse(number) {
  let [found, power] = [1n, number % SM2_P];
  for (let left = SM2_P - 2n; left > 0n; left >>= 1n) {
    if (left & 1n) found = (found * power) % SM2_P;
    power = (power * power) % SM2_P;
  }
  return found;
}

/** s times the generator and t times another point. */
function combined(s, t, point) {
  const ahead = [null, SM2_BASE, point, added(SM2_BASE, point)];
  let found = [1n, 1n, 0n];
  for (let bit = 255n; bit >= 0n; bit -= 1n) {
    found = doubled(found);
    const next = ahead[Number(((s >> bit) & 1n) + 2n * ((t >> bit) & 1n))];
    if (next !== null) found = added(found, next);
  }
  return found;
}

function doubled([x, y, z]) {
  const yy = (y * y) % SM2_P;
  const [four, slope] = [4n * x * yy, (3n * (x - z * z) * (x + z * z)) % SM2_P];
  const twice = modulo(slope * slope - 2n * four, SM2_P);
  return [twice, modulo(slope * (four - twice) - 8n * yy * yy, SM2_P), (2n * y * z) % SM2_P];
}

/** The sum of two points, which may be the same one, opposite or infinite. */
function added(one, other) {
  const [[x1, y1, z1], [x2, y2, z2]] = [one, other];
  if (z1 === 0n || z2 === 0n) return z1 === 0n ? other : one;
  const [u1, s1] = [(x1 * z2 * z2) % SM2_P, (y1 * z2 ** 3n) % SM2_P];
  const [h, r] = [modulo(x2 * z1 * z1 - u1, SM2_P), modulo(y2 * z1 ** 3n - s1, SM2_P)];
  if (h === 0n) return r === 0n ? doubled(one) : [1n, 1n, 0n];
  const hh = (h * h) % SM2_P;
  const x = modulo(r * r - h * hh - 2n * u1 * hh, SM2_P);
  return [x, modulo(r * (u1 * hh - x) - s1 * h * hh, SM2_P), (z1 * z2 * h) % SM2_P];
}

const turned = (word, by) => (word << (by & 31)) | (word >>> (32 - (by & 31)));

/** The SM3 digest. */
function sm3(message) {
  const zeros = new Uint8Array(((119 - (message.length % 64)) % 64) + 1);
  zeros[0] = 128;
  const data = joined(message, zeros, long(8n * BigInt(message.length)));
  const view = new DataView(data.buffer);
  let state = [0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e];
  for (let at = 0; at < data.length; at += 64) {
    const words = Array.from({ length: 16 }, (_, place) => view.getUint32(at + 4 * place));
    for (let j = 16; j < 68; j += 1) {
      const mixed = words[j - 16] ^ words[j - 9] ^ turned(words[j - 3], 15);
      words.push(mixed ^ turned(mixed, 15) ^ turned(mixed, 23) ^ turned(words[j - 13], 7) ^ words[j - 6]);
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let j = 0; j < 64; j += 1) {
      const first = turned((turned(a, 12) + e + turned(j < 16 ? 0x79cc4519 : 0x7a879d8a, j)) | 0, 7);
      const second = first ^ turned(a, 12);
      const [ff, gg] = j < 16 ? [a ^ b ^ c, e ^ f ^ g] : [(a & b) | (a & c) | (b & c), (e & f) | (~e & g)];
      const tt1 = (ff + d + second + (words[j] ^ words[j + 4])) | 0;
      const tt2 = (gg + h + first + words[j]) | 0;
      [a, b, c, d] = [tt1, a, turned(b, 9), c];
      [e, f, g, h] = [tt2 ^ turned(tt2, 9) ^ turned(tt2, 17), e, turned(f, 19), g];
    }
    state = [a, b, c, d, e, f, g, h].map((word, place) => word ^ state[place]);
  }
  const result = new Uint8Array(32);
  state.forEach((word, place) => new DataView(result.buffer).setUint32(4 * place, word));
  return result;
}
