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
