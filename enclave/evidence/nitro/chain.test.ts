/** The chain of certificates, one rule broken at a time, and what is remembered of it. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { assertRefuses } from '../../../test/pki/refusal.ts';
import {
  madeAt,
  makeDocument,
  p256Keys,
  places,
  resigned,
  sha256,
  strangerKeys,
  usual,
  type Changes,
  type Place,
} from '../../../test/pki/nitro.ts';
import { makeCertificate } from '../../x509/certificate.ts';
import { makeAuthorityCache, type AuthorityCache } from './cache.ts';
import {
  unsafeReadDocument,
  verifyNitroDocument,
  verifyNitroTpmDocument,
  type VerifiedDocument,
} from './document.ts';

const verify = (changes: Changes = {}, now = madeAt + 1_000): VerifiedDocument => {
  const { document, root } = makeDocument(changes);
  const check = changes.kind === 'nitro-tpm' ? verifyNitroTpmDocument : verifyNitroDocument;
  return check(document, { roots: [root], now, cache: makeAuthorityCache(16) });
};
const join = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
/** How a refusal names a place. */
const labelOf = (place: Place): string =>
  place === 'leaf' || place === 'root' ? place : `ca ${places.indexOf(place)}`;

describe('the chain: one rule broken at a time', () => {
  const rule = (place: string, changes: Changes): void => {
    assertRefuses(() => verify(changes), 'evidence/bad-certificate', { certificate: place });
  };
  const extensions = (place: Place, change: object): Changes => ({
    certificates: { [place]: { extensions: { ...usual(place).extensions, ...change } } },
  });
  const noExtension = (place: Place, name: 'basicConstraints' | 'keyUsage'): Changes => {
    const { [name]: dropped, ...rest } = usual(place).extensions;
    assert.ok(dropped);
    return { certificates: { [place]: { extensions: rest } } };
  };

  test('T06: a root that is not pinned is refused by its fingerprint, whatever its name', () => {
    const ours = makeDocument();
    const theirs = makeDocument({ certificates: { root: { subjectKey: strangerKeys.publicKey } } });
    assertRefuses(
      () => verifyNitroDocument(theirs.document, { roots: [ours.root], now: madeAt }),
      'evidence/untrusted-root',
      {
        wanted: [Buffer.from(ours.root).toString('hex')],
        got: Buffer.from(theirs.root).toString('hex'),
      },
    );
  });
  test('T06: a chain without its root, or upside down, is refused', () => {
    const { root } = makeDocument();
    for (const bundle of [(list: Uint8Array[]) => list.slice(1), (list: Uint8Array[]) => list.reverse()]) {
      const { document } = makeDocument({ bundle });
      assertRefuses(
        () => verifyNitroDocument(document, { roots: [root], now: madeAt }),
        'evidence/untrusted-root',
      );
    }
  });
  test('T06: the pinned root first, then a chain that it did not sign', () => {
    assertRefuses(
      () => verify({ certificates: { region: { issuerKey: strangerKeys.privateKey } } }),
      'evidence/bad-certificate-signature',
      { certificate: 'ca 1' },
    );
  });
  test('T37: a clock that gives no number is refused, not passed by', () => {
    assertRefuses(() => verify({}, Number.NaN), 'evidence/certificate-not-valid', { certificate: 'root' });
  });
  test('T01: no accepted root is an error, not a free pass', () => {
    const { document } = makeDocument();
    assertRefuses(() => verifyNitroDocument(document, { roots: [], now: madeAt }), 'evidence/no-policy');
  });
  for (const place of places.slice(1)) {
    const label = labelOf(place);
    test(`${place}: signed by a stranger in the name of its issuer`, () => {
      assertRefuses(
        () => verify({ certificates: { [place]: { issuerKey: strangerKeys.privateKey } } }),
        'evidence/bad-certificate-signature',
        { certificate: label },
      );
    });
    test(`${place}: one bit of its signature flipped`, () => {
      const flip = (der: Uint8Array): Uint8Array => {
        const changed = der.slice();
        changed[changed.length - 5] = (changed[changed.length - 5] ?? 0) ^ 1;
        return changed;
      };
      assertRefuses(() => verify({ der: { [place]: flip } }), 'evidence/bad-certificate-signature', {
        certificate: label,
      });
    });
  }
  for (const place of places) {
    const label = labelOf(place);
    test(`${place}: not valid yet, or no more, by this clock or by the document's`, () => {
      assertRefuses(
        () => verify({ certificates: { [place]: { notBefore: madeAt + 2_000 } } }),
        'evidence/certificate-not-valid',
        { certificate: label, clock: 'now' },
      );
      assertRefuses(
        () => verify({ certificates: { [place]: { notAfter: madeAt } } }),
        'evidence/certificate-not-valid',
        { certificate: label, clock: 'now' },
      );
      assertRefuses(
        () => verify({ certificates: { [place]: { notBefore: madeAt + 1_000 } } }),
        'evidence/certificate-not-valid',
        { certificate: label, clock: 'document', at: madeAt },
      );
    });
    test(`${place}: an unknown critical extension`, () => {
      const other = [{ oid: '1.2.3.4', critical: true, value: Uint8Array.of(5, 0) }];
      rule(label, extensions(place, { other }));
      assert.ok(verify(extensions(place, { other: [{ ...other[0], critical: false }] })));
    });
    test(`${place}: a P-256 key`, () => {
      rule(label, { certificates: { [place]: { subjectKey: p256Keys.publicKey } } });
    });
    if (place !== 'leaf') {
      test(`${place}: CA:FALSE, no basicConstraints, or not critical`, () => {
        rule(label, extensions(place, { basicConstraints: { ca: false } }));
        rule(label, noExtension(place, 'basicConstraints'));
        rule(label, extensions(place, { basicConstraints: { ca: true, pathLength: 3, critical: false } }));
      });
      test(`${place}: keyUsage without keyCertSign, or none`, () => {
        rule(label, extensions(place, { keyUsage: { bits: ['digitalSignature', 'cRLSign'] } }));
        rule(label, noExtension(place, 'keyUsage'));
      });
    }
  }
  test('the leaf: CA:TRUE, no basicConstraints, a path length', () => {
    rule('leaf', extensions('leaf', { basicConstraints: { ca: true } }));
    rule('leaf', noExtension('leaf', 'basicConstraints'));
    rule('leaf', extensions('leaf', { basicConstraints: { ca: false, pathLength: 0 } }));
  });
  test('the leaf: keyUsage without digitalSignature, with keyCertSign, or none', () => {
    rule('leaf', extensions('leaf', { keyUsage: { bits: ['nonRepudiation'] } }));
    rule('leaf', extensions('leaf', { keyUsage: { bits: ['digitalSignature', 'keyCertSign'] } }));
    rule('leaf', noExtension('leaf', 'keyUsage'));
  });
  test('path lengths: an authority below one whose path length is used up', () => {
    rule('ca 3', extensions('zonal', { basicConstraints: { ca: true, pathLength: 0 } }));
    rule('ca 3', extensions('region', { basicConstraints: { ca: true, pathLength: 1 } }));
    rule('ca 1', extensions('root', { basicConstraints: { ca: true, pathLength: 0 } }));
    assert.ok(verify(extensions('root', { basicConstraints: { ca: true, pathLength: 3 } })));
  });
  test('swapped, doubled and missing intermediates', () => {
    const order =
      (...wanted: readonly number[]) =>
      (list: Uint8Array[]): Uint8Array[] =>
        wanted.map((i) => list[i] ?? new Uint8Array());
    rule('ca 1', { bundle: order(0, 2, 1, 3) });
    rule('ca 2', { bundle: order(0, 1, 1, 2, 3) });
    rule('ca 2', { bundle: order(0, 1, 3) });
    rule('leaf', { bundle: order(0, 1, 2) });
    rule('ca 1', { bundle: order(0, 0, 1, 2, 3) });
  });
  test('a leaf that another leaf signed', () => {
    const rogue = makeCertificate({
      ...usual('leaf'),
      issuer: usual('leaf').subject,
      issuerKey: strangerKeys.privateKey,
    });
    const own = { certificates: { leaf: { subjectKey: strangerKeys.publicKey } } };
    const changes: Changes = {
      ...own,
      bundle: (list) => [...list, makeCertificate({ ...usual('leaf'), ...own.certificates.leaf })],
      fields: (fields) => fields.set('certificate', rogue),
    };
    rule('ca 4', changes);
  });
  test('the pinned root first, then the root and the chain of a stranger', () => {
    const certificate = (place: Place, subjectKey = usual(place).subjectKey): Uint8Array =>
      makeCertificate({ ...usual(place), subjectKey, issuerKey: strangerKeys.privateKey });
    const impostor = certificate('root', strangerKeys.publicKey);
    const changes: Changes = {
      certificates: { region: { issuerKey: strangerKeys.privateKey } },
      bundle: ([root = impostor, ...rest]) => [root, impostor, ...rest],
    };
    assertRefuses(() => verify(changes), 'evidence/bad-certificate-signature', { certificate: 'ca 1' });
  });
  test('keys and signatures of another kind: RSA, Ed25519, ecdsa-with-SHA256', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const ed25519 = generateKeyPairSync('ed25519');
    rule('leaf', { certificates: { leaf: { subjectKey: rsa.publicKey } } });
    rule('leaf', { certificates: { leaf: { subjectKey: ed25519.publicKey } } });
    rule('ca 2', { certificates: { zonal: { issuerKey: p256Keys.privateKey } } });
    rule('ca 2', { certificates: { zonal: { issuerKey: ed25519.privateKey } } });
  });
  test('a key that is no point of its curve, signed as it is', () => {
    for (const place of ['region', 'instance', 'leaf'] as const) {
      const spki = usual(place).subjectKey.export({ format: 'der', type: 'spki' });
      const offCurve = resigned(place, (body) => {
        const last = Buffer.from(body).indexOf(spki.subarray(-96)) + 95;
        body[last] = (body[last] ?? 0) ^ 1;
      });
      rule(labelOf(place), { der: { [place]: offCurve } });
      const beyond = resigned(place, (body) => {
        const x = Buffer.from(body).indexOf(spki.subarray(-96));
        body.fill(0xff, x, x + 48);
      });
      rule(labelOf(place), { der: { [place]: beyond } });
    }
  });
  test('a compressed point, signed as it is, is another kind of key', () => {
    const spki = usual('leaf').subjectKey.export({ format: 'der', type: 'spki' });
    const changed = resigned('leaf', (body) => {
      body[Buffer.from(body).indexOf(spki.subarray(-97))] = 3;
    });
    rule('leaf', { der: { leaf: changed } });
  });
  test('the chain of a NitroTPM is held to the same rules', () => {
    const kind = 'nitro-tpm';
    assert.equal(verify({ kind }).kind, kind);
    rule('ca 3', { kind, ...extensions('instance', { basicConstraints: { ca: false } }) });
    rule('leaf', { kind, ...extensions('leaf', { basicConstraints: { ca: true } }) });
    assertRefuses(
      () => verify({ kind, certificates: { leaf: { issuerKey: strangerKeys.privateKey } } }),
      'evidence/bad-certificate-signature',
      { certificate: 'leaf' },
    );
    assertRefuses(() => verify({ kind }, madeAt + 4 * 3_600_000), 'evidence/certificate-not-valid', {
      certificate: 'leaf',
    });
  });
  test('a document that is dated after its leaf ends', () => {
    const late = {
      fields: (fields: Map<unknown, unknown>) => fields.set('timestamp', madeAt + 5 * 3_600_000),
    };
    assertRefuses(() => verify(late), 'evidence/certificate-not-valid', { clock: 'document' });
  });
  test('given a chain of one authority or of three, then it is accepted', () => {
    const leafOf = (place: Place): Changes => ({
      certificates: { leaf: { issuer: usual(place).subject, issuerKey: usual(place).issuerKey } },
    });
    const short = leafOf('root');
    assert.ok(verify({ ...short, bundle: ([root = new Uint8Array()]) => [root] }));
    const zonal = usual('instance').issuerKey;
    const three = { certificates: { leaf: { issuer: usual('zonal').subject, issuerKey: zonal } } };
    assert.ok(verify({ ...three, bundle: (list) => list.slice(0, 3) }));
  });
  test('DER that is not strict is refused, in every place', () => {
    for (const place of places) {
      const part = `certificate ${labelOf(place)}`;
      const trailing = { der: { [place]: (der: Uint8Array) => join(der, Uint8Array.of(0)) } };
      assertRefuses(() => verify(trailing), 'evidence/malformed', { part });
    }
  });
});

describe('remembered authorities', () => {
  test('a second document costs no further entries; the verdict of a broken chain is not remembered', () => {
    const cache = makeAuthorityCache(16);
    const { document, root } = makeDocument();
    verifyNitroDocument(document, { roots: [root], now: madeAt, cache });
    assert.equal(cache.size(), 4);
    const full: AuthorityCache = { ...cache, set: () => assert.fail('an authority was verified again') };
    verifyNitroDocument(document, { roots: [root], now: madeAt, cache: full });
    assert.equal(cache.size(), 4);
    const forged = makeDocument({ certificates: { instance: { issuerKey: strangerKeys.privateKey } } });
    assertRefuses(
      () => verifyNitroDocument(forged.document, { roots: [forged.root], now: madeAt, cache }),
      'evidence/bad-certificate-signature',
    );
  });
  test('remembered authorities are held to root, time and leaf again', () => {
    const cache = makeAuthorityCache(16);
    const { document, root } = makeDocument();
    verifyNitroDocument(document, { roots: [root], now: madeAt, cache });
    const roots = [sha256(Uint8Array.of(1))];
    assertRefuses(
      () => verifyNitroDocument(document, { roots, now: madeAt, cache }),
      'evidence/untrusted-root',
    );
    const later = madeAt + 20 * 3_600_000;
    assertRefuses(
      () => verifyNitroDocument(document, { roots: [root], now: later, cache }),
      'evidence/certificate-not-valid',
      {
        certificate: 'ca 3',
      },
    );
  });
  test('T06: a remembered authority counts only below the same path: an intermediate left out is noticed', () => {
    const cache = makeAuthorityCache(16);
    const good = makeDocument();
    verifyNitroDocument(good.document, { roots: [good.root], now: madeAt, cache });
    const chain = good.fields.get('cabundle') as Uint8Array[];
    const gap = makeDocument({
      fields: (fields) => {
        fields.set(
          'cabundle',
          [0, 1, 3].map((i) => chain[i] ?? new Uint8Array()),
        );
        fields.set('certificate', good.fields.get('certificate') ?? null);
      },
    });
    assertRefuses(
      () => verifyNitroDocument(gap.document, { roots: [good.root], now: madeAt, cache }),
      'evidence/bad-certificate',
      { certificate: 'ca 2' },
    );
  });
  test('given a machine of a zone that is known, then its own authority alone is verified and remembered', () => {
    const cache = makeAuthorityCache(16);
    const first = makeDocument();
    verifyNitroDocument(first.document, { roots: [first.root], now: madeAt, cache });
    const shared = unsafeReadDocument(first.document).cabundle.slice(0, 3);
    const second = makeDocument({ bundle: (own) => [...shared, ...own.slice(3)] });
    verifyNitroDocument(second.document, { roots: [first.root], now: madeAt, cache });
    assert.equal(cache.size(), 5);
    // The same instance under the zone of another making is another path, and its signature is checked.
    const other = makeDocument({ certificates: { zonal: { subjectKey: strangerKeys.publicKey } } });
    const zone = unsafeReadDocument(other.document).cabundle.slice(0, 3);
    const moved = makeDocument({ bundle: (own) => [...zone, ...own.slice(3)] });
    assertRefuses(
      () => verifyNitroDocument(moved.document, { roots: [other.root], now: madeAt, cache }),
      'evidence/bad-certificate-signature',
      { certificate: 'ca 3' },
    );
  });
  test('given a cache of any size, then the verdict and its end are the same, the first time and the second', () => {
    const ends = madeAt + 3_600_000;
    for (const place of ['region', 'instance'] as const) {
      const { document, root } = makeDocument({ certificates: { [place]: { notAfter: ends } } });
      for (const limit of [1, 2, 3, 4, 16]) {
        const cache = makeAuthorityCache(limit);
        for (let time = 0; time < 2; time += 1) {
          assert.equal(verifyNitroDocument(document, { roots: [root], now: madeAt, cache }).notAfter, ends);
          const late = { roots: [root], now: ends + 1, cache };
          const certificate = labelOf(place);
          assertRefuses(() => verifyNitroDocument(document, late), 'evidence/certificate-not-valid', {
            certificate,
          });
        }
      }
    }
  });
  test('the cache is bounded and drops what was used longest ago', () => {
    const cache = makeAuthorityCache(2);
    const entry = {
      issuer: undefined,
      root: new Uint8Array(32),
      subject: new Uint8Array(),
      commonName: undefined,
      notBefore: 0,
      notAfter: 0,
      pathBudget: 0,
    };
    const key = { verify: (): boolean => false };
    for (const path of ['a', 'b']) {
      cache.set(path, { ...entry, key });
    }
    assert.ok(cache.get('a'));
    cache.set('c', { ...entry, key });
    assert.equal(cache.size(), 2);
    assert.equal(cache.get('b'), undefined);
    assert.ok(cache.get('a'));
  });
});
