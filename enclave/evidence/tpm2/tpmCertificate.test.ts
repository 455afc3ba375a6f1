import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { assertRefuses } from '../../../test/pki/refusal.ts';
import { attestationArea } from '../../../test/pki/tpm2.ts';
import {
  certificatesNow as now,
  extendedKeyUsage,
  makeAuthority,
  makeKeyCertificate,
  signedByRsa,
} from '../../../test/pki/tpmCertificates.ts';
import { writeTpmPublic } from '../../tpm/public.ts';
import { rsaKey } from '../../tpm/testing.ts';
import { oid } from '../../x509/certificate.ts';
import { isSymbolonError } from '../../../wire/errors/index.ts';
import { beginEnrolment, finishEnrolment } from './enrolment.ts';
import { tpm2EnrolmentAnswer, tpm2EnrolmentRequest } from './enrolmentMessages.ts';
import { tpmKeyUse, verifyTpmChain, type TpmChain, type TpmChainQuestion } from './tpmCertificate.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());
const root = makeAuthority('vendor root');
const ek = rsaKey();
const endorsed = (issuer = root): Uint8Array =>
  makeKeyCertificate(issuer, ek.publicKey, tpmKeyUse.endorsement, 'keyEncipherment');
const chain = (change: Partial<TpmChainQuestion> = {}): TpmChain =>
  verifyTpmChain({
    certificates: [endorsed(), root.certificate],
    roots: [sha256(root.certificate)],
    now,
    use: 'endorsement',
    area: ek.area,
    ...change,
  });

describe('uses of authorities', () => {
  const under = (critical: boolean, ...uses: readonly string[]): TpmChain => {
    const other = [{ oid: oid.extendedKeyUsage, critical, value: extendedKeyUsage(...uses) }];
    const issuing = makeAuthority('issuing', { issuer: root, extensions: { other } });
    return chain({ certificates: [endorsed(issuing), issuing.certificate, root.certificate] });
  };

  test('given a critical one without the use of the key, then the chain is refused', () => {
    for (const uses of [[tpmKeyUse.attestation], ['1.3.6.1.5.5.7.3.1'], ['2.5.29.37.0']]) {
      assertRefuses(() => under(true, ...uses), 'evidence/bad-certificate', {
        certificate: 'ca 1',
        rule: `its critical extended key usage lacks ${tpmKeyUse.endorsement}`,
      });
    }
  });
  test('given a critical one with it, or any that is not critical, then the chain holds', () => {
    assert.ok(under(true, tpmKeyUse.attestation, tpmKeyUse.endorsement));
    assert.ok(under(false, tpmKeyUse.attestation));
  });
  test('given such a root, then it is judged too', () => {
    const other = [
      { oid: oid.extendedKeyUsage, critical: true, value: extendedKeyUsage(tpmKeyUse.attestation) },
    ];
    const narrow = makeAuthority('narrow root', { extensions: { other } });
    const question = {
      certificates: [endorsed(narrow), narrow.certificate],
      roots: [sha256(narrow.certificate)],
    };
    assertRefuses(() => chain(question), 'evidence/bad-certificate', { certificate: 'root' });
  });
});

test('given parameters of a signature algorithm that are cut off, then the refusal is one of evidence', () => {
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const issuing = makeAuthority('issuing', { issuer: root, keys });
  const good = endorsed(issuing);
  const withParameters = (...parameters: readonly number[]): TpmChain => {
    const leaf = signedByRsa(good, keys.privateKey, 'sha256', Uint8Array.from(parameters));
    return chain({ certificates: [leaf, issuing.certificate, root.certificate] });
  };
  assert.ok(withParameters(5, 0));
  for (const parameters of [[5, 1], [5], [5, 0x80], [0x1f, 0], [0x30, 0x82, 1]]) {
    assertRefuses(() => withParameters(...parameters), 'evidence/malformed', { part: 'certificate' });
  }
  // Whole, and not those of the algorithm.
  for (const parameters of [[], [5, 1, 0], [0x30, 0], [5, 0, 5, 0], [5, 0, 5]]) {
    assertRefuses(() => withParameters(...parameters), 'evidence/bad-certificate');
  }
});

describe('a time that is no number', () => {
  test('given as now, then no certificate is valid', () => {
    assert.ok(chain());
    assert.throws(
      () => chain({ now: Number.NaN }),
      (error: unknown) => {
        assert.ok(isSymbolonError(error, 'evidence/certificate-not-valid'));
        assert.equal(error.facts.certificate, 'leaf');
        return true;
      },
    );
  });
  test('given as now, then no answer to a challenge is taken', () => {
    const secret = new Uint8Array(32).fill(3);
    const { name, pending } = beginEnrolment({
      request: tpm2EnrolmentRequest.encode({
        v: 1,
        ek: writeTpmPublic(ek.area),
        ak: writeTpmPublic(attestationArea('ecdsa')),
        certificates: [endorsed()],
      }),
      authorities: [root.certificate],
      roots: [sha256(root.certificate)],
      now,
      random: (length) => new Uint8Array(length).fill(3),
    });
    const answer = tpm2EnrolmentAnswer.encode({ v: 1, name, secret });
    assert.deepEqual(finishEnrolment({ pending, answer, now }).attestationKey, name);
    assertRefuses(() => finishEnrolment({ pending, answer, now: Number.NaN }), 'evidence/activation-failed', {
      reason: 'the challenge is too old',
    });
  });
});
