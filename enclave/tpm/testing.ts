/** Test only: key pairs with the public areas that a TPM would give them. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { EccPublic, RsaPublic } from './public.ts';
import { attestationTemplate, eccEndorsementTemplate, rsaEndorsementTemplate } from './templates.ts';

/** A key pair and its public area. */
export interface TestKey<Area> {
  readonly area: Area;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const part = (key: KeyObject, name: 'n' | 'x' | 'y'): Uint8Array =>
  new Uint8Array(Buffer.from(key.export({ format: 'jwk' })[name] ?? '', 'base64url'));

/** An ECC key on P-256 or P-384 with the fields of a template. */
export function eccKey(template: EccPublic = attestationTemplate): TestKey<EccPublic> {
  const pair = generateKeyPairSync('ec', {
    namedCurve: template.curve === 'p256' ? 'prime256v1' : 'secp384r1',
  });
  return { ...pair, area: { ...template, x: part(pair.publicKey, 'x'), y: part(pair.publicKey, 'y') } };
}

/** An RSA-2048 key with the fields of a template. */
export function rsaKey(template: RsaPublic = rsaEndorsementTemplate): TestKey<RsaPublic> {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...pair, area: { ...template, modulus: part(pair.publicKey, 'n') } };
}

/** Endorsement keys outside of any TPM. */
export const endorsementKeys = {
  rsa: () => rsaKey(),
  p256: () => eccKey(eccEndorsementTemplate),
  p384: () => eccKey({ ...eccEndorsementTemplate, curve: 'p384' }),
} as const;

/** The primes from 2 to 167. */
export const smallPrimes: readonly number[] = Array.from({ length: 166 }, (_, i) => i + 2).filter((value) =>
  Array.from({ length: value - 2 }, (_, i) => i + 2).every((divisor) => value % divisor !== 0),
);
const primorial = smallPrimes.reduce((product, prime) => product * BigInt(prime), 1n);

/** A random number of `bytes` bytes. */
export const bigRandom = (below: (limit: number) => number, bytes: number): bigint =>
  BigInt(`0x${Buffer.from(Array.from({ length: bytes }, () => below(256))).toString('hex')}`);

/** A number as 256 bytes. */
export const modulusBytes = (value: bigint): Uint8Array =>
  new Uint8Array(Buffer.from(value.toString(16).padStart(512, '0'), 'hex'));

/**
 * A modulus of 2,048 bits in the form of the generator of CVE-2017-15361: the product of two numbers k * M + 65537^a mod M, M the
 * product of the primes to 167. The factors need not be prime.
 */
export function weakModulus(below: (limit: number) => number): bigint {
  const factor = (): bigint => {
    let power = 1n;
    for (let left = below(1 << 12); left > 0; left -= 1) {
      power = (power * 65537n) % primorial;
    }
    // The two highest of 1,024 bits are ones, so that the product has 2,048.
    const high = (3n << 1022n) | (bigRandom(below, 127) << 6n);
    return (high / primorial + 1n) * primorial + power;
  };
  return factor() * factor();
}

/** Numbers of a small generator (mulberry32), for tests that must run alike each time. */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
