import assert from 'node:assert/strict';
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { describe, test } from 'node:test';
import { assertRefuses } from '../../../test/pki/refusal.ts';
import { attestationArea, attestBytes, bootPcrs, signQuote } from '../../../test/pki/tpm2.ts';
import {
  certificatesNow as now,
  makeAuthority,
  makeKeyCertificate,
} from '../../../test/pki/tpmCertificates.ts';
import { writeTpmPublic } from '../../tpm/public.ts';
import { rsaEndorsementTemplate } from '../../tpm/templates.ts';
import { modulusBytes, rsaKey, seeded, weakModulus } from '../../tpm/testing.ts';
import { readAttestationKey } from './attestationKey.ts';
import { beginEnrolment, enrolByCertificate } from './enrolment.ts';
import { tpm2EnrolmentRequest } from './enrolmentMessages.ts';
import { verifyQuote } from './quoteFiles.ts';
import { tpmKeyUse } from './tpmCertificate.ts';

const modulus = modulusBytes(weakModulus(seeded(4)));
const weakKey: KeyObject = createPublicKey({
  key: { kty: 'RSA', n: Buffer.from(modulus).toString('base64url'), e: 'AQAB' },
  format: 'jwk',
});
const rule = 'an RSA key of a generator whose keys can be factored (CVE-2017-15361)';
const root = makeAuthority('vendor root');
const roots = [new Uint8Array(createHash('sha256').update(root.certificate).digest())];

/** An attestation key on RSA, as it should be but for its modulus. */
function weakAttestationKey(): Uint8Array {
  const area = attestationArea('rsassa');
  assert.ok(area.type === 'rsa');
  return writeTpmPublic({ ...area, modulus });
}

describe('RSA keys that can be factored (CVE-2017-15361)', () => {
  test('given an endorsement key, with a certificate for it, then no enrolment begins', () => {
    const begin = (publicKey: KeyObject, own: Uint8Array): unknown =>
      beginEnrolment({
        request: tpm2EnrolmentRequest.encode({
          v: 1,
          ek: writeTpmPublic({ ...rsaEndorsementTemplate, modulus: own }),
          ak: writeTpmPublic(attestationArea('ecdsa')),
          certificates: [makeKeyCertificate(root, publicKey, tpmKeyUse.endorsement, 'keyEncipherment')],
        }),
        authorities: [root.certificate],
        roots,
        now,
        random: (length) => new Uint8Array(length).fill(7),
      });
    const good = rsaKey();
    assert.ok(begin(good.publicKey, good.area.modulus));
    assertRefuses(() => begin(weakKey, modulus), 'evidence/bad-endorsement-key', { rule });
  });

  test('given an attestation key, then it is none, also with a certificate', () => {
    assert.ok(readAttestationKey(writeTpmPublic(attestationArea('rsassa'))));
    const ak = weakAttestationKey();
    assertRefuses(() => readAttestationKey(ak), 'evidence/bad-attestation-key', { rule });
    const leaf = makeKeyCertificate(root, weakKey, tpmKeyUse.attestation, 'digitalSignature');
    const certificates = [leaf, root.certificate];
    assertRefuses(
      () => enrolByCertificate({ ak, certificates, roots, now }),
      'evidence/bad-attestation-key',
      {
        rule,
      },
    );
  });

  test('given a key in PEM beside a quote, then the quote is not looked at', () => {
    const quote = attestBytes({ scheme: 'rsassa' });
    const key = new TextEncoder().encode(weakKey.export({ format: 'pem', type: 'spki' }).toString());
    const files = {
      quote,
      signature: signQuote(quote, 'rsassa'),
      key,
      pcrs: bootPcrs,
      nonce: 'any',
    } as const;
    assertRefuses(() => verifyQuote(files), 'evidence/bad-attestation-key', { key: 'PEM', rule });
  });
});
