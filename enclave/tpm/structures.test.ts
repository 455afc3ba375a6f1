import assert from 'node:assert/strict';
import { constants, createECDH, createHash, sign } from 'node:crypto';
import { describe, test } from 'node:test';
import { assertRefuses } from '../../test/pki/refusal.ts';
import { toHex } from '../../wire/ids.ts';
import { alg } from './algorithms.ts';
import { attribute, hasAttributes } from './attributes.ts';
import { readAttested } from './attested.ts';
import { TpmReader, TpmWriter } from './bytes.ts';
import { pcrDigestOf, readPcrSelections, writePcrSelections } from './pcrs.ts';
import { emptyPolicy, policyPcr } from './policyDigest.ts';
import { nameOf, publicKeyOf, readTpmPublic, writeTpmPublic, type TpmPublic } from './public.ts';
import { readSignature, verifySignature } from './signature.ts';
import { attestationTemplate, endorsementPolicy, sealedTemplate } from './templates.ts';
import { eccKey, endorsementKeys, rsaKey } from './testing.ts';

const message = new TextEncoder().encode('message');
const sealed = { ...sealedTemplate('sha256', new Uint8Array(32), true), unique: new Uint8Array(32) };

/** A point of P-256 whose x has a zero in front, which is left out. */
function pointWithLeadingZero(): { readonly x: Uint8Array; readonly y: Uint8Array } {
  const own = createECDH('prime256v1');
  for (let scalar = 1; ; scalar += 1) {
    const bytes = Buffer.alloc(32);
    bytes.writeUInt32BE(scalar, 28);
    own.setPrivateKey(bytes);
    const point = own.getPublicKey();
    if (point[1] === 0 && point[2] !== 0) {
      return { x: new Uint8Array(point.subarray(2, 33)), y: new Uint8Array(point.subarray(33)) };
    }
  }
}

describe('public areas', () => {
  const p384 = eccKey({ ...attestationTemplate, curve: 'p384', scheme: { name: 'ecdsa', hash: 'sha384' } });
  const areas: Readonly<Record<string, TpmPublic>> = {
    'an attestation key on P-256': eccKey().area,
    'an attestation key on P-384': p384.area,
    'an RSA endorsement key': endorsementKeys.rsa().area,
    'an ECC endorsement key': endorsementKeys.p256().area,
    'a sealed object': sealed,
    'an HMAC key': { ...sealed, scheme: { name: 'hmac', hash: 'sha256' } },
    'an RSA signing key with a SHA-384 Name': {
      ...rsaKey().area,
      nameAlg: 'sha384',
      authPolicy: new Uint8Array(48),
      symmetric: undefined,
      scheme: { name: 'rsapss', hash: 'sha256' },
      exponent: 65537,
    },
  };
  for (const [what, area] of Object.entries(areas)) {
    test(`given ${what}, when written and read, then it is the same, and so are its bytes`, () => {
      const bytes = writeTpmPublic(area);
      assert.deepEqual(readTpmPublic(bytes), area);
      assert.deepEqual(writeTpmPublic(readTpmPublic(bytes)), bytes);
    });
  }

  test('the Name is the name algorithm and the digest of the whole area', () => {
    const bytes = writeTpmPublic(sealed);
    const digest = createHash('sha256').update(bytes).digest('hex');
    assert.equal(toHex(nameOf(bytes)), `000b${digest}`);
    const sha384 = writeTpmPublic({ ...sealed, nameAlg: 'sha384', authPolicy: new Uint8Array(48) });
    assert.equal(toHex(nameOf(sha384)), `000c${createHash('sha384').update(sha384).digest('hex')}`);
  });

  test('the public key is the one that the area was made of, also where the TPM left out leading zeros', () => {
    for (const { area, publicKey } of [eccKey(), rsaKey(), p384]) {
      assert.ok(publicKeyOf(area).equals(publicKey));
    }
    const short = pointWithLeadingZero();
    assert.equal(short.x.length, 31);
    const { x = '', y = '' } = publicKeyOf({ ...eccKey().area, ...short }).export({ format: 'jwk' });
    assert.equal(x, Buffer.concat([Uint8Array.of(0), short.x]).toString('base64url'));
    assert.equal(y, Buffer.from(short.y).toString('base64url'));
  });

  test('a point off its curve, and an object without a public key, are refused', () => {
    const { area } = eccKey();
    const x = area.x.slice();
    x[31] = (x[31] ?? 0) ^ 1;
    assertRefuses(() => publicKeyOf({ ...area, x }), 'tpm/key-unusable');
    assertRefuses(() => publicKeyOf(sealed), 'tpm/key-unusable');
  });

  test('attributes are asked for one and all', () => {
    const { restricted, sign: signs, decrypt } = attribute;
    assert.ok(hasAttributes(attestationTemplate.attributes, restricted, signs));
    assert.equal(hasAttributes(attestationTemplate.attributes, restricted, decrypt), false);
  });
});

describe('signatures', () => {
  const ecc = eccKey();
  const rsa = rsaKey();
  const both = sign('sha256', message, { key: ecc.privateKey, dsaEncoding: 'ieee-p1363' });
  const ecdsa = (r: Uint8Array, s: Uint8Array): Uint8Array =>
    new TpmWriter().u16(alg.ecdsa).u16(alg.sha256).sized(r).sized(s).done();
  const goodEcdsa = ecdsa(both.subarray(0, 32), both.subarray(32));
  const rsaSignature = (scheme: number, hash: number, signature: Uint8Array): Uint8Array =>
    new TpmWriter().u16(scheme).u16(hash).sized(signature).done();

  test('ECDSA: the right message and key, and nothing else', () => {
    const signature = readSignature(goodEcdsa);
    assert.ok(verifySignature(ecc.publicKey, signature, message));
    assert.equal(verifySignature(ecc.publicKey, signature, message.subarray(1)), false);
    assert.equal(verifySignature(eccKey().publicKey, signature, message), false);
    assert.equal(verifySignature(rsa.publicKey, signature, message), false);
    assert.equal(
      verifySignature(eccKey({ ...attestationTemplate, curve: 'p384' }).publicKey, signature, message),
      false,
    );
  });

  test('ECDSA: halves with a leading zero left out, and halves that are too long for the curve', () => {
    for (;;) {
      const raw = sign('sha256', message, { key: ecc.privateKey, dsaEncoding: 'ieee-p1363' });
      if (raw[0] === 0) {
        const short = readSignature(ecdsa(raw.subarray(1, 32), raw.subarray(32)));
        assert.ok(verifySignature(ecc.publicKey, short, message));
        break;
      }
    }
    const long = readSignature(ecdsa(new Uint8Array(33).fill(1), both.subarray(32)));
    assert.equal(verifySignature(ecc.publicKey, long, message), false);
  });

  test('RSASSA and RSAPSS with either length of salt', () => {
    const pkcs1 = sign('sha256', message, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PADDING });
    const signature = readSignature(rsaSignature(alg.rsassa, alg.sha256, pkcs1));
    assert.ok(verifySignature(rsa.publicKey, signature, message));
    assert.equal(verifySignature(rsa.publicKey, signature, message.subarray(1)), false);
    assert.equal(verifySignature(ecc.publicKey, signature, message), false);
    for (const saltLength of [constants.RSA_PSS_SALTLEN_DIGEST, constants.RSA_PSS_SALTLEN_MAX_SIGN]) {
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      const pss = sign('sha256', message, { key: rsa.privateKey, padding, saltLength });
      assert.ok(
        verifySignature(rsa.publicKey, readSignature(rsaSignature(alg.rsapss, alg.sha256, pss)), message),
      );
      assert.equal(
        verifySignature(rsa.publicKey, readSignature(rsaSignature(alg.rsassa, alg.sha256, pss)), message),
        false,
        'one scheme taken for the other',
      );
    }
  });

  test('a good signature with SHA-1 is read, and never verifies', () => {
    const pkcs1 = sign('sha1', message, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PADDING });
    const signature = readSignature(rsaSignature(alg.rsassa, alg.sha1, pkcs1));
    assert.equal(signature.hash, 'sha1');
    assert.equal(verifySignature(rsa.publicKey, signature, message), false);
  });
});

describe('registers and policies', () => {
  test('selections come back as they were written, and refuse registers that do not exist', () => {
    const selections = [
      { bank: 'sha256', pcrs: [0, 7, 8, 23] },
      { bank: 'sha1', pcrs: [] },
    ] as const;
    const reader = new TpmReader('TPML_PCR_SELECTION', writePcrSelections(selections));
    assert.deepEqual(readPcrSelections(reader), selections);
    reader.end();
    assert.throws(() => writePcrSelections([{ bank: 'sha256', pcrs: [24] }]), RangeError);
  });

  test('the policy of endorsement keys is the constant of the EK Credential Profile', () => {
    assert.equal(
      toHex(endorsementPolicy),
      '837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa',
    );
  });

  test('a policy depends on registers, their values and their bank', () => {
    const values = [new Uint8Array(32), new Uint8Array(32).fill(1)];
    const digest = (
      bank: 'sha256' | 'sha384',
      pcrs: readonly number[],
      values: readonly Uint8Array[],
    ): string =>
      toHex(policyPcr('sha256', emptyPolicy('sha256'), [{ bank, pcrs }], pcrDigestOf('sha256', values)));
    const all = [
      digest('sha256', [0, 7], values),
      digest('sha256', [0, 4], values),
      digest('sha384', [0, 7], values),
      digest('sha256', [0, 7], values.toReversed()),
    ];
    assert.equal(new Set(all).size, all.length);
  });
});

test('a quote is read field by field', () => {
  const qualifiedSigner = nameOf(writeTpmPublic(eccKey().area));
  const selections = [{ bank: 'sha256', pcrs: [0, 4] }] as const;
  const bytes = new TpmWriter()
    .u32(0xff544347)
    .u16(0x8018)
    .sized(qualifiedSigner)
    .sized(message)
    .u64(2n ** 63n)
    .u32(3)
    .u32(4)
    .u8(1)
    .u64(5n)
    .raw(writePcrSelections(selections))
    .sized(new Uint8Array(32).fill(9))
    .done();
  assert.deepEqual(readAttested(bytes), {
    qualifiedSigner,
    extraData: message,
    clock: { clock: 2n ** 63n, resetCount: 3, restartCount: 4, safe: true },
    firmwareVersion: 5n,
    selections,
    pcrDigest: new Uint8Array(32).fill(9),
  });
});
