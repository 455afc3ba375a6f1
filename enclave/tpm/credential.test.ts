import assert from 'node:assert/strict';
import {
  constants,
  createDecipheriv,
  createHmac,
  diffieHellman,
  privateDecrypt,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { test } from 'node:test';
import { assertRefuses } from '../../test/pki/refusal.ts';
import { attribute } from './attributes.ts';
import { TpmReader } from './bytes.ts';
import { makeCredential, type Credential } from './credential.ts';
import { kdfA, kdfE, noContext } from './kdf.ts';
import { nameOf, publicKeyOf, writeTpmPublic, type TpmPublic } from './public.ts';
import { attestationTemplate } from './templates.ts';
import { eccKey, endorsementKeys, type TestKey } from './testing.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const name = nameOf(writeTpmPublic(eccKey().area));
const secret = random(32);

/** TPM2_ActivateCredential by the book, with the private key outside of a TPM; `undefined` where the HMAC is wrong. */
function activate(ek: TestKey<TpmPublic>, name: Uint8Array, { credentialBlob, encryptedSecret }: Credential) {
  const { area, privateKey } = ek;
  const bits = area.type === 'keyedHash' ? 0 : (area.symmetric?.bits ?? 0);
  const size = area.nameAlg === 'sha256' ? 32 : 48;
  const seed = seedOf(area, privateKey, encryptedSecret, size);
  const blob = new TpmReader('TPMS_ID_OBJECT', credentialBlob);
  const hmac = blob.sized(64);
  const encrypted = blob.take(blob.left);
  const hmacKey = kdfA(area.nameAlg, seed, 'INTEGRITY', noContext, noContext, size);
  const wanted = createHmac(area.nameAlg, hmacKey).update(encrypted).update(name).digest();
  if (!wanted.equals(hmac)) {
    return undefined;
  }
  const key = kdfA(area.nameAlg, seed, 'STORAGE', name, noContext, bits / 8);
  const decipher = createDecipheriv(`aes-${bits}-cfb`, key, new Uint8Array(16));
  const inner = new TpmReader('TPM2B_DIGEST', new Uint8Array(decipher.update(encrypted)));
  const secret = inner.sized(64);
  inner.end();
  return secret;
}

function seedOf(area: TpmPublic, privateKey: KeyObject, encrypted: Uint8Array, size: number): Uint8Array {
  if (area.type !== 'ecc') {
    const label = Buffer.from('IDENTITY\0');
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    return privateDecrypt({ key: privateKey, padding, oaepHash: 'sha256', oaepLabel: label }, encrypted);
  }
  const reader = new TpmReader('TPMS_ECC_POINT', encrypted);
  const [x, y] = [reader.sized(48), reader.sized(48)];
  reader.end();
  const publicKey = publicKeyOf({ ...area, x, y });
  return kdfE(area.nameAlg, diffieHellman({ privateKey, publicKey }), 'IDENTITY', x, area.x, size);
}

for (const [kind, make] of Object.entries(endorsementKeys)) {
  test(`given an endorsement key (${kind}), then only it opens the credential, and only for the Name that it was made for`, () => {
    const ek = make();
    const credential = makeCredential({ ek: ek.area, name, secret, random });
    assert.deepEqual(activate(ek, name, credential), secret);
    const other = name.slice();
    other[33] = (other[33] ?? 0) ^ 1;
    assert.equal(activate(ek, other, credential), undefined);
    const blob = credential.credentialBlob.slice();
    blob[blob.length - 1] = (blob.at(-1) ?? 0) ^ 1;
    assert.equal(activate(ek, name, { ...credential, credentialBlob: blob }), undefined);
    const again = makeCredential({ ek: ek.area, name, secret, random });
    assert.notDeepEqual(again.credentialBlob, credential.credentialBlob, 'a seed is used once');
  });
}

test('given a key with AES-256 and SHA-384, then both are used', () => {
  const template = { ...endorsementKeys.p384().area, nameAlg: 'sha384', symmetric: { bits: 256 } } as const;
  const ek = eccKey(template);
  const credential = makeCredential({ ek: ek.area, name, secret, random });
  assert.deepEqual(activate(ek, name, credential), secret);
});

test('a draw that is no scalar of the curve is drawn anew', () => {
  const ek = endorsementKeys.p256();
  const draws = [new Uint8Array(32), new Uint8Array(32).fill(0xff)];
  const credential = makeCredential({ ek: ek.area, name, secret, random: (n) => draws.pop() ?? random(n) });
  assert.equal(draws.length, 0);
  assert.deepEqual(activate(ek, name, credential), secret);
});

test('keys that prove nothing, and secrets that do not fit, are refused', () => {
  const { area } = endorsementKeys.p256();
  const make = (ek: TpmPublic, secret: Uint8Array) => () => makeCredential({ ek, name, secret, random });
  for (const bit of [attribute.fixedTPM, attribute.restricted, attribute.decrypt]) {
    assertRefuses(make({ ...area, attributes: area.attributes & ~bit }, secret), 'tpm/key-unusable');
  }
  assertRefuses(make({ ...area, symmetric: undefined }, secret), 'tpm/key-unusable');
  assertRefuses(make(eccKey(attestationTemplate).area, secret), 'tpm/key-unusable');
  assertRefuses(make({ ...area, x: new Uint8Array(32).fill(1) }, secret), 'tpm/key-unusable');
  assert.throws(make(area, new Uint8Array()), RangeError);
  assert.throws(make(area, new Uint8Array(33)), RangeError);
});
