import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { describe, test } from 'node:test';
import { encodeCbor, type CborKey } from '../../../wire/cbor.ts';
import { assertRefuses } from '../../../test/pki/refusal.ts';
import {
  encodeMap,
  envelopeOf,
  madeAt,
  makeDocument,
  moduleId,
  p256Keys,
  places,
  sha256,
  shownPcrs,
  strangerKeys,
  usual,
  type Changes,
  type Place,
} from '../../../test/pki/nitro.ts';
import { makeCertificate } from '../../x509/certificate.ts';
import { makeAuthorityCache } from './cache.ts';
import { signedPart } from './cose.ts';
import { unsafeReadDocument, verifyNitroDocument, type VerifiedDocument } from './document.ts';

const verify = (changes: Changes = {}, now = madeAt + 1_000): VerifiedDocument => {
  const { document, root } = makeDocument(changes);
  return verifyNitroDocument(document, { roots: [root], now, cache: makeAuthorityCache(16) });
};
const field =
  (name: CborKey, value: Parameters<typeof encodeCbor>[0] | undefined): NonNullable<Changes['fields']> =>
  (fields) => {
    if (value === undefined) {
      fields.delete(name);
    } else {
      fields.set(name, value);
    }
  };
const pcrs =
  (change: (pcrs: Map<CborKey, Uint8Array>) => void): NonNullable<Changes['fields']> =>
  (fields) => {
    const shown = new Map<CborKey, Uint8Array>(shownPcrs);
    change(shown);
    fields.set('pcrs', shown);
  };
const join = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
describe('documents that genuine platforms make are accepted', () => {
  const cases: Readonly<Record<string, Changes>> = {
    'a map of indefinite length (since 2025)': {},
    'a map of definite length (until 2025)': { definite: true },
    'tag 18': { envelope: (parts) => join(Uint8Array.of(0xd2), envelopeOf(parts)) },
    'null optional fields': {
      fields: (fields) => {
        fields.set('public_key', null).set('user_data', null).set('nonce', null);
      },
    },
    'absent optional fields': {
      fields: (fields) => {
        for (const name of ['public_key', 'user_data', 'nonce']) {
          fields.delete(name);
        }
      },
    },
    'user_data and nonce of 0 bytes': {
      fields: (fields) => fields.set('user_data', new Uint8Array()).set('nonce', new Uint8Array()),
    },
    'bound fields of 1024 bytes': {
      fields: (fields) => {
        const long = new Uint8Array(1_024).fill(1);
        fields.set('public_key', long).set('user_data', long).set('nonce', long);
      },
    },
    '17 PCRs': { fields: pcrs((shown) => shown.set(16, new Uint8Array(48).fill(1))) },
    'another order of the fields': {
      fields: (fields) => {
        const entries = [...fields].reverse();
        fields.clear();
        for (const [key, value] of entries) {
          fields.set(key, value);
        }
      },
    },
    'a shorter chain': {
      bundle: ([root = new Uint8Array()]) => [root],
      certificates: { leaf: { issuer: usual('root').subject, issuerKey: usual('region').issuerKey } },
    },
  };
  for (const [name, changes] of Object.entries(cases)) {
    test(name, () => {
      assert.equal(verify(changes).moduleId, moduleId);
    });
  }

  test('a verified document says who, what and until when', () => {
    const document = verify();
    assert.equal(document.instanceId, 'i-0123456789abcdef0');
    assert.equal(document.timestamp, madeAt);
    assert.equal(document.notAfter, madeAt + 3 * 3_600_000);
    assert.equal(document.pcrs.size, 16);
    assert.deepEqual(document.nonce, new Uint8Array(32).fill(0x33));
  });
});

describe('the envelope: one rule broken at a time', () => {
  const unprotected = (value: Map<CborKey, Uint8Array | number>): Changes => ({
    envelope: (parts) => envelopeOf({ ...parts, unprotected: value }),
  });
  const header = (bytes: readonly number[]): Changes => ({
    envelope: (parts) => {
      const changed = Uint8Array.from(bytes);
      return envelopeOf({ ...parts, header: changed });
    },
  });
  const cases: Readonly<Record<string, Changes>> = {
    'a byte after the array': { envelope: (parts) => join(envelopeOf(parts), Uint8Array.of(0)) },
    'tag 17 (COSE_Mac0)': { envelope: (parts) => join(Uint8Array.of(0xd1), envelopeOf(parts)) },
    'tag 98 (COSE_Sign)': { envelope: (parts) => join(Uint8Array.of(0xd8, 0x62), envelopeOf(parts)) },
    'tag 18 twice': { envelope: (parts) => join(Uint8Array.of(0xd2, 0xd2), envelopeOf(parts)) },
    'tag 18 in two bytes': { envelope: (parts) => join(Uint8Array.of(0xd8, 0x12), envelopeOf(parts)) },
    'three elements': {
      envelope: ({ header: first, payload, signature }) => encodeCbor([first, payload, signature]),
    },
    'five elements': {
      envelope: ({ header: first, unprotected: map, payload, signature }) =>
        encodeCbor([first, map, payload, signature, null]),
    },
    'an array of indefinite length': {
      envelope: (parts) => join(Uint8Array.of(0x9f), envelopeOf(parts).subarray(1), Uint8Array.of(0xff)),
    },
    'alg ES256': header([0xa1, 0x01, 0x26]),
    'alg ES512': header([0xa1, 0x01, 0x38, 0x23]),
    'an empty protected header': header([]),
    'a crit header': header([0xa2, 0x01, 0x38, 0x22, 0x02, 0x81, 0x01]),
    'a kid in the unprotected header': unprotected(new Map([[4, Uint8Array.of(1)]])),
    'alg in the unprotected header too': unprotected(new Map([[1, -7]])),
    'a large unprotected header below the cap': unprotected(new Map([[4, new Uint8Array(8_000)]])),
    'a detached payload': {
      envelope: (parts) => encodeCbor([parts.header, new Map(), null, parts.signature]),
    },
    'an empty payload': { envelope: (parts) => envelopeOf({ ...parts, payload: new Uint8Array() }) },
    'a signature of 95 bytes': {
      envelope: (parts) => envelopeOf({ ...parts, signature: parts.signature.subarray(1) }),
    },
    'a signature of 97 bytes': {
      envelope: (parts) => envelopeOf({ ...parts, signature: join(Uint8Array.of(0), parts.signature) }),
    },
  };
  for (const [name, changes] of Object.entries(cases)) {
    test(`refused: ${name}`, () => {
      assertRefuses(() => verify(changes), 'evidence/malformed', { part: 'cose' });
    });
  }

  test('T34: 200 kB of unprotected header are refused by size, before parsing', () => {
    const huge = makeDocument(unprotected(new Map([[4, new Uint8Array(200_000)]])));
    assertRefuses(
      () => verifyNitroDocument(huge.document, { roots: [huge.root], now: madeAt }),
      'evidence/oversize',
      {
        limit: 20_480,
      },
    );
  });

  test('refused: a signature of zeros, of another key, over another context, over SHA-256', () => {
    const withSignature = (signature: (payload: Uint8Array) => Uint8Array): Changes => ({
      envelope: (parts) => envelopeOf({ ...parts, signature: signature(parts.payload) }),
    });
    const key = { key: strangerKeys.privateKey, dsaEncoding: 'ieee-p1363' } as const;
    assertRefuses(() => verify(withSignature(() => new Uint8Array(96))), 'evidence/bad-signature', {
      moduleId,
    });
    assertRefuses(() => verify({ signer: strangerKeys.privateKey }), 'evidence/bad-signature');
    assertRefuses(
      () => verify(withSignature((payload) => sign('sha384', payload, key))),
      'evidence/bad-signature',
    );
    assertRefuses(
      () => verify(withSignature((payload) => sign('sha256', signedPart(payload), key))),
      'evidence/bad-signature',
    );
  });

  test('T07: a signature rewritten to n - s stays valid, so bytes of a document identify nothing', () => {
    const order = BigInt(
      '0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
    );
    const { document, root } = makeDocument();
    const s = BigInt(`0x${Buffer.from(document.subarray(-48)).toString('hex')}`);
    const rewritten = join(
      document.subarray(0, -48),
      Buffer.from((order - s).toString(16).padStart(96, '0'), 'hex'),
    );
    assert.notDeepEqual(rewritten, document);
    assert.equal(verifyNitroDocument(rewritten, { roots: [root], now: madeAt }).moduleId, moduleId);
  });
});

describe('the payload: one rule broken at a time', () => {
  const cases: Readonly<Record<string, Changes>> = {
    'module_id absent': { fields: field('module_id', undefined) },
    'module_id as bytes': { fields: field('module_id', new Uint8Array(8)) },
    'module_id without enclave id': { fields: field('module_id', 'i-0123456789abcdef0') },
    'digest absent': { fields: field('digest', undefined) },
    'digest null': { fields: field('digest', null) },
    'digest in lower case': { fields: field('digest', 'sha384') },
    'timestamp absent': { fields: field('timestamp', undefined) },
    'timestamp zero': { fields: field('timestamp', 0) },
    'timestamp negative': { fields: field('timestamp', -1) },
    'timestamp as text': { fields: field('timestamp', '1') },
    'timestamp above 2^53': { fields: field('timestamp', 2n ** 63n) },
    'pcrs null': { fields: field('pcrs', null) },
    'pcrs empty': { fields: field('pcrs', new Map()) },
    'pcrs as a list': { fields: field('pcrs', [new Uint8Array(48)]) },
    'a PCR of 0 bytes': { fields: pcrs((shown) => shown.set(0, new Uint8Array())) },
    'a PCR of 32 bytes': { fields: pcrs((shown) => shown.set(0, new Uint8Array(32).fill(1))) },
    'a PCR of 49 bytes': { fields: pcrs((shown) => shown.set(0, new Uint8Array(49).fill(1))) },
    'PCR index 32': { fields: pcrs((shown) => shown.set(32, new Uint8Array(48))) },
    'PCR index -1': { fields: pcrs((shown) => shown.set(-1, new Uint8Array(48))) },
    'PCR index as text': { fields: pcrs((shown) => shown.set('0', new Uint8Array(48))) },
    'certificate absent': { fields: field('certificate', undefined) },
    'certificate null': { fields: field('certificate', null) },
    'certificate of 1025 bytes': { fields: field('certificate', new Uint8Array(1_025)) },
    'cabundle absent': { fields: field('cabundle', undefined) },
    'cabundle empty': { fields: field('cabundle', []) },
    'cabundle of nine': { bundle: (list) => Array.from({ length: 9 }, () => list[0] ?? new Uint8Array()) },
    'cabundle with an empty entry': { bundle: (list) => [...list, new Uint8Array()] },
    'public_key of 0 bytes': { fields: field('public_key', new Uint8Array()) },
    'public_key of 1025 bytes': { fields: field('public_key', new Uint8Array(1_025)) },
    'user_data of 1025 bytes': { fields: field('user_data', new Uint8Array(1_025)) },
    'nonce of 1025 bytes': { fields: field('nonce', new Uint8Array(1_025)) },
    'nonce as text': { fields: field('nonce', 'text') },
    'an unknown field': { fields: field('pcr', 1) },
    'a field named __proto__': { fields: field('__proto__', new Map([['digest', 'SHA384']])) },
    'a field named by a number': { fields: field(1, 1) },
    'a byte after the map': { payload: (payload) => join(payload, Uint8Array.of(0)) },
    'a map without its end': { payload: (payload) => payload.subarray(0, -1) },
    'a payload that is no map': { payload: () => encodeCbor([1]) },
    'a length of 2^63': { payload: () => join(Uint8Array.of(0x5b, 0x7f), new Uint8Array(7).fill(0xff)) },
    'a nonce twice': {
      payload: (payload) =>
        join(
          payload.subarray(0, -1),
          encodeCbor('nonce'),
          encodeCbor(new Uint8Array(1)),
          Uint8Array.of(0xff),
        ),
    },
    'pcrs twice': {
      payload: (payload) =>
        join(payload.subarray(0, -1), encodeCbor('pcrs'), encodeCbor(shownPcrs), Uint8Array.of(0xff)),
    },
    'nonce undefined': {
      payload: () => join(Uint8Array.of(0xa1), encodeCbor('nonce'), Uint8Array.of(0xf7)),
    },
    'a PCR map of indefinite length': {
      payload: () => join(Uint8Array.of(0xa1), encodeCbor('pcrs'), encodeMap([...shownPcrs], true)),
    },
    'PCR0 twice': {
      payload: () => {
        const [first = [0, new Uint8Array(48)] as const] = shownPcrs;
        return join(Uint8Array.of(0xa1), encodeCbor('pcrs'), encodeMap([first, first], false));
      },
    },
  };
  for (const [name, changes] of Object.entries(cases)) {
    test(`refused: ${name}`, () => {
      assertRefuses(() => verify(changes), 'evidence/malformed', { part: 'payload' });
    });
  }

  test('T05: a NitroTPM document is refused by name, also when it carries pcrs beside', () => {
    const expected = { wanted: 'nitro', got: 'nitro-tpm' };
    const both = field('nitrotpm_pcrs', shownPcrs);
    assertRefuses(() => verify({ fields: both }), 'evidence/wrong-document-type', expected);
    const only: NonNullable<Changes['fields']> = (fields) => {
      fields.delete('pcrs');
      both(fields);
    };
    assertRefuses(() => verify({ fields: only }), 'evidence/wrong-document-type', expected);
  });

  test('a leaf that was issued to another enclave is refused', () => {
    const other = `${moduleId.slice(0, -1)}0`;
    assertRefuses(() => verify({ fields: field('module_id', other) }), 'evidence/inconsistent');
  });
});

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
  for (const [i, place] of places.slice(1).entries()) {
    const label = place === 'leaf' ? 'leaf' : `ca ${i + 1}`;
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
  for (const [i, place] of places.entries()) {
    const label = place === 'leaf' || place === 'root' ? place : `ca ${i}`;
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
      fields: field('certificate', rogue),
    };
    rule('ca 4', changes);
  });
  test('DER that is not strict is refused, in every place', () => {
    for (const [i, place] of places.entries()) {
      const part = `certificate ${place === 'leaf' || place === 'root' ? place : `ca ${i}`}`;
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
    verifyNitroDocument(document, { roots: [root], now: madeAt, cache });
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
  test('the cache is bounded and drops what was used longest ago', () => {
    const cache = makeAuthorityCache(2);
    const entry = {
      subject: new Uint8Array(),
      commonName: undefined,
      notBefore: 0,
      notAfter: 0,
      pathBudget: 0,
    };
    const key = strangerKeys.publicKey;
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

test('an unverified document can be looked at, and says so by the name of the function', () => {
  const { document } = makeDocument({ signer: strangerKeys.privateKey });
  const shown = unsafeReadDocument(document);
  assert.equal(shown.certificates.length, 5);
  assert.equal(shown.certificates.at(-1)?.commonName, `${moduleId}.us-east-1.aws`);
  assertRefuses(() => unsafeReadDocument(new Uint8Array(3)), 'evidence/malformed');
});
