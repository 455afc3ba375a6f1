import assert from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { assertRefuses } from '../../../test/pki/refusal.ts';
import { attestationArea, goodAttributes, nameOfScheme, pairOf } from '../../../test/pki/tpm2.ts';
import {
  certificatesNow as now,
  makeAuthority,
  makeKeyCertificate,
  signedByRsa,
  type Authority,
} from '../../../test/pki/tpmCertificates.ts';
import { attribute } from '../../tpm/attributes.ts';
import { nameOf, writeTpmPublic } from '../../tpm/public.ts';
import { eccEndorsementTemplate, rsaEndorsementTemplate } from '../../tpm/templates.ts';
import { eccKey, rsaKey } from '../../tpm/testing.ts';
import { der, tag } from '../../x509/der.ts';
import { isSymbolonError, type ErrorCode } from '../../../wire/errors/index.ts';
import { hashOf, toHex } from '../../../wire/ids.ts';
import {
  beginEnrolment,
  enrolByCertificate,
  enrolmentLifeMs,
  finishEnrolment,
  type BegunEnrolment,
  type EnrolmentQuestion,
} from './enrolment.ts';
import {
  tpm2EnrolmentAnswer,
  tpm2EnrolmentChallenge,
  tpm2EnrolmentRequest,
  tpm2PendingEnrolment,
  type Tpm2EnrolmentRequest,
} from './enrolmentMessages.ts';
import { tpmKeyUse } from './tpmCertificate.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

const root = makeAuthority('vendor root', { keys: generateKeyPairSync('rsa', { modulusLength: 2048 }) });
const issuing = makeAuthority('vendor issuing', { issuer: root });
const ek = rsaKey(rsaEndorsementTemplate);
const eccEk = eccKey(eccEndorsementTemplate);
const ekBytes = writeTpmPublic(ek.area);
const ak = writeTpmPublic(attestationArea('ecdsa'));
const certificate = makeKeyCertificate(issuing, ek.publicKey, tpmKeyUse.endorsement, 'keyEncipherment');

interface Case {
  readonly request?: Partial<Tpm2EnrolmentRequest>;
  readonly question?: Partial<EnrolmentQuestion>;
}
/** An enrolment as it should be, but for the changes. */
const begin = ({ request = {}, question = {} }: Case = {}): BegunEnrolment =>
  beginEnrolment({
    request: tpm2EnrolmentRequest.encode({ v: 1, ek: ekBytes, ak, certificates: [certificate], ...request }),
    authorities: [issuing.certificate, root.certificate],
    roots: [sha256(root.certificate)],
    now,
    random,
    ...question,
  });
const refuses = (change: Case, code: ErrorCode, facts: Readonly<Record<string, unknown>> = {}): void => {
  assertRefuses(() => begin(change), code, facts);
};
/** With another certificate of the endorsement key. */
const refusesLeaf = (
  leaf: Uint8Array,
  code: ErrorCode,
  facts: Readonly<Record<string, unknown>> = {},
): void => {
  refuses({ request: { certificates: [leaf] } }, code, facts);
};

describe('a good request', () => {
  test('T09: a second attestation key of one TPM is enrolled under the same endorsement key, of another TPM under another', () => {
    const one = tpm2PendingEnrolment.decode(begin().pending).endorsement;
    const second = begin({ request: { ak: writeTpmPublic(attestationArea('rsassa')) } });
    assert.notDeepEqual(second.name, nameOfScheme());
    assert.deepEqual(tpm2PendingEnrolment.decode(second.pending).endorsement, one);
    const leaf = makeKeyCertificate(issuing, eccEk.publicKey, tpmKeyUse.endorsement, 'keyAgreement');
    const other = begin({
      request: { ek: writeTpmPublic(eccEk.area), certificates: [leaf, issuing.certificate] },
    });
    assert.notDeepEqual(tpm2PendingEnrolment.decode(other.pending).endorsement, one);
  });
  test('gives a challenge for this key, and the way its certificate leads', () => {
    const { name, chain, challenge, pending } = begin();
    assert.deepEqual(name, nameOfScheme());
    assert.equal(name.length, 34);
    assert.deepEqual(chain.root, sha256(root.certificate));
    assert.equal(chain.rootName, 'vendor root');
    assert.deepEqual(chain.certificate, sha256(certificate));
    assert.equal(chain.notAfter, now + 31_536_000_000);
    assert.deepEqual(tpm2EnrolmentChallenge.decode(challenge).name, name);
    assert.equal(tpm2PendingEnrolment.decode(pending).until, now + enrolmentLifeMs);
  });
  test('with an ECC endorsement key, and authorities in any order, some of them from the machine', () => {
    const leaf = makeKeyCertificate(issuing, eccEk.publicKey, tpmKeyUse.endorsement, 'keyAgreement');
    const request = { ek: writeTpmPublic(eccEk.area), certificates: [leaf, issuing.certificate] };
    assert.ok(begin({ request, question: { authorities: [root.certificate] } }));
  });
  test('an issuing authority may be pinned itself', () => {
    const roots = [sha256(issuing.certificate)];
    assert.deepEqual(begin({ question: { roots } }).chain.root, roots[0]);
  });
  test('the secret of the challenge is wiped', () => {
    const given: Uint8Array[] = [];
    begin({
      question: {
        random: (length) => {
          const made = random(length);
          given.push(made);
          return made;
        },
      },
    });
    assert.deepEqual(given[0], new Uint8Array(32));
  });
  test('the pending file holds no secret: the challenge can not be answered from it', () => {
    const secrets: Uint8Array[] = [];
    const { pending } = begin({
      question: {
        random: (length) => {
          const made = random(length);
          secrets.push(made.slice());
          return made;
        },
      },
    });
    for (const secret of secrets) {
      assert.ok(!Buffer.from(pending).includes(Buffer.from(secret)));
    }
  });
});

describe('the answer', () => {
  let secret = new Uint8Array();
  const { pending, name } = begin({
    question: {
      random: (length) => {
        const made = random(length);
        // The first random bytes are the secret of the challenge.
        secret = secret.length === 0 ? made.slice() : secret;
        return made;
      },
    },
  });
  const answer = (change: { readonly secret?: Uint8Array; readonly name?: Uint8Array } = {}): Uint8Array =>
    tpm2EnrolmentAnswer.encode({ v: 1, name, secret, ...change });

  test('with the secret it enrols the key that the challenge was for', () => {
    const enrolled = finishEnrolment({ pending, answer: answer(), now });
    assert.deepEqual(enrolled.attestationKey, nameOfScheme());
    assert.deepEqual(enrolled.certificate, sha256(certificate));
    assert.deepEqual(enrolled.root, sha256(root.certificate));
  });
  test('with another secret, another key, or too late, it does not', () => {
    const code = 'evidence/activation-failed';
    const key = toHex(name);
    const wrong = answer({ secret: random(32) });
    assertRefuses(() => finishEnrolment({ pending, answer: wrong, now }), code, { key });
    const other = answer({ name: nameOfScheme('rsassa') });
    assertRefuses(() => finishEnrolment({ pending, answer: other, now }), code);
    assertRefuses(() => finishEnrolment({ pending, answer: answer(), now: now + enrolmentLifeMs + 1 }), code);
    // What the pending file holds is no answer.
    const { expected } = tpm2PendingEnrolment.decode(pending);
    const read = answer({ secret: expected });
    assertRefuses(() => finishEnrolment({ pending, answer: read, now }), code);
    assert.deepEqual(expected, hashOf('symbolon/tpm2-enrolment/1', secret, name));
  });
  test('T34: files that are too large, cut off, or of another kind', () => {
    assertRefuses(() => finishEnrolment({ pending, answer: new Uint8Array(257), now }), 'evidence/oversize');
    const good = answer();
    for (let length = 0; length < good.length; length += 1) {
      assertRefuses(
        () => finishEnrolment({ pending, answer: good.subarray(0, length), now }),
        'evidence/malformed',
      );
    }
    for (let length = 0; length < pending.length; length += 1) {
      assertRefuses(
        () => finishEnrolment({ pending: pending.subarray(0, length), answer: good, now }),
        'evidence/malformed',
      );
    }
    assertRefuses(() => finishEnrolment({ pending: good, answer: pending, now }), 'evidence/malformed');
  });
});

describe('the keys', () => {
  test('an attestation key that could sign anything, or whose Name the manifest can not pin', () => {
    const free = writeTpmPublic(attestationArea('ecdsa', goodAttributes & ~attribute.restricted));
    refuses({ request: { ak: free } }, 'evidence/bad-attestation-key');
    const long = writeTpmPublic({ ...attestationArea('ecdsa'), nameAlg: 'sha384' });
    assert.equal(nameOf(long).length, 50);
    refuses({ request: { ak: long } }, 'evidence/bad-attestation-key');
  });
  test('an endorsement key with one attribute missing, or one too many', () => {
    const { restricted, decrypt, fixedTPM, fixedParent, sensitiveDataOrigin, sign } = attribute;
    for (const bit of [restricted, decrypt, fixedTPM, fixedParent, sensitiveDataOrigin]) {
      const area = { ...ek.area, attributes: ek.area.attributes & ~bit };
      refuses({ request: { ek: writeTpmPublic(area) } }, 'evidence/bad-endorsement-key');
    }
    const signing = { ...ek.area, attributes: ek.area.attributes | sign };
    refuses({ request: { ek: writeTpmPublic(signing) } }, 'evidence/bad-endorsement-key');
    const plain = { ...ek.area, symmetric: undefined };
    refuses({ request: { ek: writeTpmPublic(plain) } }, 'evidence/bad-endorsement-key');
    refuses({ request: { ek: ak } }, 'evidence/bad-endorsement-key');
  });
  test('the attestation key in the place of the endorsement key, and bytes that are no key', () => {
    refuses({ request: { ek: Uint8Array.of(1, 2, 3) } }, 'evidence/malformed', { part: 'endorsement key' });
    refuses({ request: { ak: Uint8Array.of(1, 2, 3) } }, 'evidence/malformed', { part: 'attestation key' });
  });
  test('an endorsement key that its certificate is not for', () => {
    const other = rsaKey(rsaEndorsementTemplate);
    refuses({ request: { ek: writeTpmPublic(other.area) } }, 'evidence/bad-endorsement-key', {
      rule: 'its certificate is for another key',
    });
    refuses({ request: { ek: writeTpmPublic(eccEk.area) } }, 'evidence/bad-certificate');
    const { n = '' } = ek.publicKey.export({ format: 'jwk' });
    const exponent3 = createPublicKey({ key: { kty: 'RSA', n, e: 'Aw' }, format: 'jwk' });
    const third = makeKeyCertificate(issuing, exponent3, tpmKeyUse.endorsement, 'keyEncipherment');
    refuses({ request: { certificates: [third] } }, 'evidence/bad-endorsement-key');
    const leaf = makeKeyCertificate(issuing, eccKey().publicKey, tpmKeyUse.endorsement, 'keyAgreement');
    refuses(
      { request: { ek: writeTpmPublic(eccEk.area), certificates: [leaf] } },
      'evidence/bad-endorsement-key',
    );
  });
});

describe('the chain: one rule broken at a time', () => {
  const under = (issuer: Authority, changes: Parameters<typeof makeKeyCertificate>[4] = {}): Uint8Array =>
    makeKeyCertificate(issuer, ek.publicKey, tpmKeyUse.endorsement, 'keyEncipherment', changes);
  const leaf = { certificate: 'leaf' };

  test('T01: no root, or no certificate', () => {
    refuses({ question: { roots: [] } }, 'evidence/no-policy');
    refuses({ request: { certificates: [] }, question: { authorities: [] } }, 'evidence/malformed', {
      part: 'certificate',
    });
  });
  test('T06: a root that is not pinned, also with the name of one that is', () => {
    const stranger = makeAuthority('vendor root');
    const mine = makeAuthority('vendor issuing', { issuer: stranger });
    refuses(
      {
        request: { certificates: [under(mine)] },
        question: { authorities: [mine.certificate, stranger.certificate] },
      },
      'evidence/untrusted-root',
      { wanted: [toHex(sha256(root.certificate))], got: toHex(sha256(stranger.certificate)) },
    );
    refusesLeaf(under(mine), 'evidence/bad-certificate-signature', leaf);
    refuses({ question: { authorities: [issuing.certificate] } }, 'evidence/untrusted-root');
    refuses({ question: { authorities: [] } }, 'evidence/untrusted-root');
  });
  test('the endorsement certificate itself pinned is no root', () => {
    refuses({ question: { roots: [sha256(certificate)] } }, 'evidence/untrusted-root');
  });
  test('not valid yet, not valid any more, and the same of an authority', () => {
    refusesLeaf(under(issuing, { notAfter: now - 1_000 }), 'evidence/certificate-not-valid', leaf);
    refusesLeaf(under(issuing, { notBefore: now + 1_000 }), 'evidence/certificate-not-valid', leaf);
    const old = makeAuthority('old', { issuer: root, notAfter: now - 1_000 });
    refuses(
      {
        request: { certificates: [under(old)] },
        question: { authorities: [old.certificate, root.certificate] },
      },
      'evidence/certificate-not-valid',
      { certificate: 'ca 1' },
    );
  });
  test('an authority that is none, may not sign certificates, or has more below it than it may', () => {
    const withAuthority = (authority: Authority, more: readonly Authority[] = []): Case => ({
      request: { certificates: [under(authority)] },
      question: {
        authorities: [authority, ...more, root].map((one) => one.certificate),
      },
    });
    const none = makeAuthority('none', { issuer: root, extensions: { basicConstraints: { ca: false } } });
    refuses(withAuthority(none), 'evidence/bad-certificate', {
      certificate: 'ca 1',
      rule: 'not an authority',
    });
    const silent = makeAuthority('silent', { issuer: root, extensions: { keyUsage: { bits: ['cRLSign'] } } });
    refuses(withAuthority(silent), 'evidence/bad-certificate', { certificate: 'ca 1' });
    const short = makeAuthority('short', {
      issuer: root,
      extensions: { basicConstraints: { ca: true, pathLength: 0 } },
    });
    assert.ok(begin(withAuthority(short)));
    const below = makeAuthority('below', { issuer: short });
    refuses(withAuthority(below, [short]), 'evidence/bad-certificate', { certificate: 'ca 1' });
  });
  test('an endorsement key that signs another certificate', () => {
    const signer = makeAuthority('signer', { issuer: root });
    const leafOfSigner = makeKeyCertificate(issuing, signer.publicKey, tpmKeyUse.endorsement, 'keyAgreement');
    refuses(
      {
        request: { certificates: [under({ ...signer, name: [] })] },
        question: { authorities: [leafOfSigner, issuing.certificate, root.certificate] },
      },
      'evidence/bad-certificate',
      { rule: 'not an authority' },
    );
  });
  test('a leaf that is an authority, of another use, or without the use of an endorsement key', () => {
    refusesLeaf(
      under(issuing, { extensions: { basicConstraints: { ca: true } } }),
      'evidence/bad-certificate',
      leaf,
    );
    refusesLeaf(
      under(issuing, { extensions: { keyUsage: { bits: ['keyEncipherment', 'keyCertSign'] } } }),
      'evidence/bad-certificate',
      leaf,
    );
    refusesLeaf(
      under(issuing, { extensions: { keyUsage: { bits: ['digitalSignature'] } } }),
      'evidence/bad-certificate',
      leaf,
    );
    refusesLeaf(under(issuing, { uses: [tpmKeyUse.attestation] }), 'evidence/bad-certificate', leaf);
    refusesLeaf(under(issuing, { uses: [] }), 'evidence/bad-certificate', leaf);
  });
  test('an unknown critical extension, in a leaf and in an authority; one that is not critical is fine', () => {
    const strange = (critical: boolean) => [{ oid: '1.2.3.4', critical, value: der(tag.null) }];
    refusesLeaf(under(issuing, { other: strange(true) }), 'evidence/bad-certificate', leaf);
    assert.ok(begin({ request: { certificates: [under(issuing, { other: strange(false) })] } }));
    const odd = makeAuthority('odd', { issuer: root, extensions: { other: strange(true) } });
    refuses(
      {
        request: { certificates: [under(odd)] },
        question: { authorities: [odd.certificate, root.certificate] },
      },
      'evidence/bad-certificate',
      { certificate: 'ca 1' },
    );
  });
  test('a signature over SHA-1, a changed one, an authority with a small RSA key', () => {
    const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const rsaCa = makeAuthority('rsa', { issuer: root, keys });
    const authorities = [rsaCa.certificate, root.certificate];
    const good = under(rsaCa);
    assert.ok(begin({ request: { certificates: [good] }, question: { authorities } }));
    const weak = signedByRsa(good, rsaCa.privateKey, 'sha1');
    refuses({ request: { certificates: [weak] }, question: { authorities } }, 'evidence/bad-certificate');
    const bare = signedByRsa(good, rsaCa.privateKey, 'sha256', new Uint8Array());
    refuses({ request: { certificates: [bare] }, question: { authorities } }, 'evidence/bad-certificate');
    const changed = good.slice();
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    refuses(
      { request: { certificates: [changed] }, question: { authorities } },
      'evidence/bad-certificate-signature',
    );
    const small = makeAuthority('small', {
      issuer: root,
      keys: generateKeyPairSync('rsa', { modulusLength: 1024 }),
    });
    refuses(
      {
        request: { certificates: [under(small)] },
        question: { authorities: [small.certificate, root.certificate] },
      },
      'evidence/bad-certificate-signature',
    );
  });
  test('two authorities that sign each other end nowhere', () => {
    const a = makeAuthority('a');
    const b = makeAuthority('b', { issuer: a });
    const again = makeAuthority('a', { issuer: b, keys: a });
    refuses(
      {
        request: { certificates: [under(b)] },
        question: { authorities: [again.certificate, b.certificate] },
      },
      'evidence/untrusted-root',
    );
  });
  test('T34: too many certificates, or one that is too large', () => {
    refuses(
      { question: { authorities: Array.from({ length: 16 }, () => root.certificate) } },
      'evidence/oversize',
    );
    refuses({ question: { authorities: [new Uint8Array(4_097)] } }, 'evidence/oversize', { size: 4_097 });
    assertRefuses(() => begin({ question: { request: new Uint8Array(100_000) } }), 'evidence/oversize');
  });
  test('malformed certificates, requests cut off at each byte, random changes: refused, never anything else', () => {
    refusesLeaf(Uint8Array.of(0x30, 0), 'evidence/malformed', { part: 'certificate' });
    refuses({ question: { authorities: [Uint8Array.of(1)] } }, 'evidence/malformed', { part: 'authority 1' });
    const request = tpm2EnrolmentRequest.encode({ v: 1, ek: ekBytes, ak, certificates: [certificate] });
    for (let length = 0; length < request.length; length += 1) {
      assertRefuses(
        () => begin({ question: { request: request.subarray(0, length) } }),
        'evidence/malformed',
      );
    }
    fc.assert(
      fc.property(fc.nat(request.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = request.slice();
        changed[at] = (changed[at] ?? 0) ^ flip;
        try {
          // What no certificate covers may change (attributes, policies): then no TPM activates the credential.
          assert.deepEqual(begin({ question: { request: changed } }).chain.certificate, sha256(certificate));
        } catch (error) {
          assert.ok(isSymbolonError(error) && error.code.startsWith('evidence/'), String(error));
        }
      }),
      { numRuns: Number(process.env['FUZZ_RUNS'] ?? 300), seed: 4 },
    );
  });
});

describe('a certificate over the attestation key itself', () => {
  const akCertificate = (use: string = tpmKeyUse.attestation): Uint8Array =>
    makeKeyCertificate(issuing, pairOf('ecdsa').publicKey, use, 'digitalSignature');
  const enrol = (leaf: Uint8Array, area = ak): unknown =>
    enrolByCertificate({
      ak: area,
      certificates: [leaf, issuing.certificate, root.certificate],
      roots: [sha256(root.certificate)],
      now,
    });
  test('enrols the key by its Name', () => {
    const leaf = akCertificate();
    assert.deepEqual(enrol(leaf), {
      attestationKey: nameOfScheme(),
      endorsementKey: undefined,
      certificate: sha256(leaf),
      root: sha256(root.certificate),
    });
  });
  test('of another use, or over another key, does not', () => {
    assertRefuses(() => enrol(akCertificate(tpmKeyUse.endorsement)), 'evidence/bad-certificate');
    const other = writeTpmPublic(attestationArea('rsassa'));
    assertRefuses(() => enrol(akCertificate(), other), 'evidence/bad-endorsement-key');
  });
});
