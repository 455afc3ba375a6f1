import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../../test/repoRoot.ts';
import { fileOf, splitElsewhere, type ForeignSplit } from '../../test/threshold/foreignFiles.ts';
import { joinedSecret } from '../../test/threshold/joined.ts';
import { runReshare } from '../../test/threshold/renew.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { schemes, toHex, type Scheme } from '../../wire/ids.ts';
import {
  checkKeyShare,
  encodeKeyPublic,
  importedKey,
  importedShare,
  isSameForeignKey,
  parseCggmpShare,
  parseTssLibShare,
  type ForeignShare,
  type KeyShare,
} from '../index.ts';
import { groupOf } from '../scheme.ts';

const refused = (error: unknown): boolean => isSymbolonError(error, 'threshold/bad-import');
type File = Record<string, unknown>;
const sample = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(repoRoot, 'test/vectors/import', name)));

/** Names of parties as tss-lib has them: large, in a row, and on Ed25519 above the order. */
const farPoints = (n: number): bigint[] =>
  Array.from({ length: n }, (_, i) => 2n ** 255n + 2n ** 200n + BigInt(i));

interface Format {
  readonly name: string;
  readonly files: (split: ForeignSplit) => readonly File[];
  readonly parse: (file: Uint8Array, scheme: Scheme, threshold: number) => ForeignShare;
}
const tssLib: Format = {
  name: 'tss-lib',
  files: (split) => split.tssLib,
  parse: (file, scheme, threshold) => parseTssLibShare(file, { scheme, threshold }),
};
const cggmp: Format = {
  name: 'cggmp21',
  files: (split) => split.cggmp,
  parse: (file, scheme) => parseCggmpShare(file, { scheme }),
};

/** The shares of a sum, as a key of cggmp21 without a polynomial. */
function summands(scheme: Scheme, split: ForeignSplit, n: number): File[] {
  const group = groupOf(scheme);
  const parts = split.shares.slice(0, n);
  const total = group.reduce(parts.reduce((sum, share) => sum + share, 0n));
  const compressed = (scalar: bigint): string => toHex(group.encode(group.publicBaseProduct(scalar)));
  return parts.map((_, i) => ({
    ...split.cggmp[i],
    shared_public_key: compressed(total),
    public_shares: parts.map(compressed),
    vss_setup: null,
    chain_code: '5a'.repeat(32),
  }));
}

/** Converts the shares of t holders, reshares them to new holders, and gives what those have. */
function bringIn(parsed: readonly ForeignShare[], holders: ReadonlyMap<number, number>): KeyShare[] {
  const dealt = parsed
    .filter(({ position }) => holders.has(position))
    .map((share) => importedShare(share, { holders }));
  const dealers = [...holders.values()].sort((a, b) => a - b);
  const { next } = runReshare({
    shares: new Map(dealt.map((share) => [share.index, share])),
    dealers,
    participants: [1, 2, 6, 7],
    threshold: 3,
    seed: 'import',
  });
  return [...next.values()];
}

for (const scheme of schemes) {
  const group = groupOf(scheme);

  for (const format of [tssLib, cggmp]) {
    test(`${scheme}: any t shares of a ${format.name} key become shares of ours, and nobody joined them`, () => {
      const points = format === tssLib ? farPoints(5) : [3n, 9n, 2n ** 200n, 7n, 1n];
      const split = splitElsewhere({ scheme, threshold: 3, holders: 5, seed: format.name, points });
      const parsed = format.files(split).map((file) => format.parse(fileOf(file), scheme, 3));
      assert.ok(parsed.every(({ key }) => isSameForeignKey(key, parsed[0]?.key ?? key)));
      for (const holders of [
        new Map([
          [0, 1],
          [1, 2],
          [2, 3],
        ]),
        new Map([
          [4, 32],
          [0, 5],
          [3, 17],
        ]),
      ]) {
        const converted = parsed
          .filter(({ position }) => holders.has(position))
          .map((share) => importedShare(share, { holders }));
        const publics = new Set(converted.map((share) => toHex(encodeKeyPublic(share.public))));
        assert.equal(publics.size, 1);
        assert.equal(joinedSecret(converted), split.secret);
        for (const share of converted) {
          checkKeyShare(share);
          assert.deepEqual([share.public.threshold, share.public.participants.length], [3, 3]);
          assert.notEqual(group.decodeScalar(share.secret), split.shares[share.index - 1]);
        }
        const shares = bringIn(parsed, holders);
        assert.equal(joinedSecret(shares.slice(1)), split.secret);
        assert.equal(toHex(shares[0]?.public.groupPublicKey ?? new Uint8Array()), split.publicKey);
        assert.equal(shares[0]?.public.generation, 2);
        for (const share of shares) {
          checkKeyShare(share);
        }
      }
    });
  }

  test(`${scheme}: summands of a cggmp21 key without a polynomial become shares of ours, with its chain code`, () => {
    const split = splitElsewhere({ scheme, threshold: 3, holders: 3, seed: 'sum' });
    const parsed = summands(scheme, split, 3).map((file) => parseCggmpShare(fileOf(file), { scheme }));
    const holders = new Map([
      [0, 4],
      [1, 5],
      [2, 9],
    ]);
    const shares = bringIn(parsed, holders);
    const total = group.reduce(split.shares.reduce((sum, share) => sum + share, 0n));
    assert.equal(joinedSecret(shares.slice(0, 3)), total);
    assert.equal(toHex(shares[0]?.public.chainCode ?? new Uint8Array()), '5a'.repeat(32));
  });

  test(`${scheme}: a chain code comes of the file, of the caller or of the public key`, () => {
    const split = splitElsewhere({ scheme, threshold: 2, holders: 2, seed: 'chain' });
    const holders = new Map([
      [0, 1],
      [1, 2],
    ]);
    const [file = {}] = split.cggmp;
    const without = parseCggmpShare(fileOf(file), { scheme }).key;
    const chainCode = new Uint8Array(32).fill(9);
    assert.deepEqual(importedKey(without, { holders, chainCode }).chainCode, chainCode);
    const made = importedKey(without, { holders }).chainCode;
    assert.deepEqual(importedKey(without, { holders }).chainCode, made);
    assert.equal(made.length, 32);
    const withOne = parseCggmpShare(fileOf({ ...file, chain_code: '07'.repeat(32) }), { scheme }).key;
    assert.equal(toHex(importedKey(withOne, { holders }).chainCode), '07'.repeat(32));
    assert.throws(() => importedKey(withOne, { holders, chainCode }), refused);
    assert.throws(() => importedKey(without, { holders, chainCode: new Uint8Array(31) }), refused);
    assert.ok(!isSameForeignKey(without, withOne));
  });

  test(`${scheme}: a share may lie under "core", beside data that is not read`, () => {
    const split = splitElsewhere({ scheme, threshold: 2, holders: 3, seed: 'core' });
    const file = fileOf({ core: split.cggmp[1], aux: { p: 'ff', parties: [{ N: '00' }] } }, 2);
    assert.equal(parseCggmpShare(file, { scheme }).position, 1);
  });

  // Every field of a file that says something wrong.
  const split = splitElsewhere({ scheme, threshold: 2, holders: 3, seed: 'wrong' });
  const other = splitElsewhere({ scheme, threshold: 2, holders: 3, seed: 'wrong2' });
  const [tss = {}] = split.tssLib;
  const [core = {}] = split.cggmp;
  const publicField = scheme === 'frost-ed25519' ? 'EDDSAPub' : 'ECDSAPub';
  const listOf = (file: File | undefined, name: string): unknown[] => file?.[name] as unknown[];
  const coordsOf = (at: number): { Curve: string; Coords: [bigint, bigint] } =>
    listOf(tss, 'BigXj')[at] as { Curve: string; Coords: [bigint, bigint] };
  const [x, y] = coordsOf(0).Coords;
  const wrongTss: readonly (readonly [string, File])[] = [
    ['I5: the share of another holder', { Xi: split.shares[1] }],
    ['I5: a share of another key', { Xi: other.shares[0] }],
    ['a share of zero', { Xi: 0n }],
    ['a share of the order', { Xi: split.order }],
    ['a share above the order', { Xi: (split.shares[0] ?? 0n) + split.order }],
    ['a share that is text', { Xi: String(split.shares[0]) }],
    ['a share with a fraction', { Xi: 1.5 }],
    ['a negative share', { Xi: -(split.shares[0] ?? 0n) }],
    ['a share of 2^256', { Xi: 2n ** 256n }],
    ['a share of 2^256 more', { Xi: (split.shares[0] ?? 0n) + 2n ** 256n }],
    ['a share of 300 digits', { Xi: 10n ** 300n }],
    ['no share', { Xi: undefined }],
    ['a point that no holder has', { ShareID: 77n }],
    ["I5: another holder's point", { ShareID: 2n }],
    ['T17: a point twice', { Ks: [1n, 1n, 3n] }],
    ['T17: points that are the same modulo the order', { Ks: [1n, 1n + split.order, 3n] }],
    ['T17: a point of zero', { Ks: [1n, 0n, 3n] }],
    ['T17: a point of the order', { Ks: [1n, split.order, 3n] }],
    ['I4: other points', { Ks: [1n, 2n, 4n] }],
    ['a point fewer than public shares', { Ks: [1n, 2n] }],
    ['points that are no list', { Ks: 1n }],
    [
      'I4: a public share of another key',
      { BigXj: [coordsOf(0), coordsOf(1), listOf(other.tssLib[0], 'BigXj')[2]] },
    ],
    ['I4: public shares in another order', { BigXj: [coordsOf(0), coordsOf(2), coordsOf(1)] }],
    ['I4: another public key', { [publicField]: other.tssLib[0]?.[publicField] }],
    ['no public key', { [publicField]: undefined }],
    ['a public key that is null', { [publicField]: null }],
    ['a point off the curve', { BigXj: [{ Coords: [x, y ^ 2n] }, coordsOf(1), coordsOf(2)] }],
    ['a point off the curve with a good y', { BigXj: [{ Coords: [x ^ 2n, y] }, coordsOf(1), coordsOf(2)] }],
    ['a coordinate above the field', { BigXj: [{ Coords: [x, 2n ** 256n - 1n] }, coordsOf(1), coordsOf(2)] }],
    ['three coordinates', { BigXj: [{ Coords: [x, y, y] }, coordsOf(1), coordsOf(2)] }],
    ['a point of another curve', { BigXj: [{ ...coordsOf(0), Curve: 'stark' }, coordsOf(1), coordsOf(2)] }],
    ['a point without coordinates', { BigXj: [{ Curve: 'secp256k1' }, coordsOf(1), coordsOf(2)] }],
  ];
  const publics = listOf(core, 'public_shares');
  const setup = core['vss_setup'] as { min_signers: number; I: string[] };
  const flip = (hex: string): string => `${hex.slice(0, -1)}${hex.endsWith('0') ? '1' : '0'}`;
  const wrongCggmp: readonly (readonly [string, File])[] = [
    ['I5: the share of another holder', { x: split.cggmp[1]?.['x'] }],
    ['a share of zero', { x: '00'.repeat(32) }],
    ['a share above the order', { x: 'ff'.repeat(32) }],
    ['a short share', { x: String(core['x']).slice(2) }],
    ['a share that is no hexadecimal', { x: 'zz'.repeat(32) }],
    ['a share that is a number', { x: 7 }],
    ['no share', { x: undefined }],
    ['another curve', { curve: 'stark' }],
    ['no curve', { curve: undefined }],
    ['a place that nobody has', { i: 3 }],
    ['a negative place', { i: -1 }],
    ['a place with a fraction', { i: 0.5 }],
    ["I5: another holder's place", { i: 1 }],
    ['I3: threshold 1', { vss_setup: { ...setup, min_signers: 1 } }],
    ['I3: threshold above n', { vss_setup: { ...setup, min_signers: 4 } }],
    ['T17: a point twice', { vss_setup: { ...setup, I: [setup.I[0], setup.I[0], setup.I[2]] } }],
    ['T17: a point of zero', { vss_setup: { ...setup, I: ['00'.repeat(32), setup.I[1], setup.I[2]] } }],
    ['a point above the order', { vss_setup: { ...setup, I: ['ff'.repeat(32), setup.I[1], setup.I[2]] } }],
    ['a point fewer', { vss_setup: { ...setup, I: setup.I.slice(1) } }],
    ['I4: no polynomial where there is one', { vss_setup: null }],
    [
      'I4: a public share of another key',
      { public_shares: [...publics.slice(0, 2), listOf(other.cggmp[0], 'public_shares')[2]] },
    ],
    [
      'a public share that is no point',
      { public_shares: [publics[0], publics[1], 'ff'.repeat(group.elementBytes)] },
    ],
    ['one public share', { public_shares: [publics[0]] }],
    ['I4: another public key', { shared_public_key: other.publicKey }],
    ['a public key that is no point', { shared_public_key: flip('00'.repeat(group.elementBytes)) }],
    ['a short chain code', { chain_code: '07'.repeat(31) }],
  ];
  for (const [format, good, wrong] of [
    [tssLib, tss, wrongTss],
    [cggmp, core, wrongCggmp],
  ] as const) {
    test(`${scheme}: the unchanged ${format.name} file passes, so that what fails below fails for its change`, () => {
      assert.equal(format.parse(fileOf(good), scheme, 2).position, 0);
    });
    for (const [what, change] of wrong) {
      test(`${scheme}: malformed: ${format.name}: ${what} is refused`, () => {
        assert.throws(() => format.parse(fileOf({ ...good, ...change }), scheme, 2), refused);
      });
    }
  }

  test(`${scheme}: I4: a threshold below the true one is refused; with one above, more dealers bring in the same key`, () => {
    assert.throws(() => parseTssLibShare(fileOf(tss), { scheme, threshold: 1 }), refused);
    assert.throws(() => parseTssLibShare(fileOf(tss), { scheme, threshold: 4 }), refused);
    const three = splitElsewhere({ scheme, threshold: 3, holders: 4, seed: 'three' });
    assert.throws(() => parseTssLibShare(fileOf(three.tssLib[0]), { scheme, threshold: 2 }), refused);
    const all = three.tssLib.map((file) => parseTssLibShare(fileOf(file), { scheme, threshold: 4 }));
    const holders = new Map([0, 1, 2, 3].map((position) => [position, position + 1]));
    assert.equal(joinedSecret(all.map((share) => importedShare(share, { holders }))), three.secret);
  });

  test(`T17: ${scheme}: I3: a key that one holder has alone, or whose share at zero is the secret itself, is refused`, () => {
    const alone = splitElsewhere({ scheme, threshold: 1, holders: 2, seed: 'alone' });
    assert.throws(() => parseTssLibShare(fileOf(alone.tssLib[0]), { scheme, threshold: 1 }), refused);
    assert.throws(() => parseCggmpShare(fileOf(alone.cggmp[0]), { scheme }), refused);
    const zero = splitElsewhere({ scheme, threshold: 2, holders: 3, seed: 'zero', points: [1n, 0n, 2n] });
    assert.throws(() => parseTssLibShare(fileOf(zero.tssLib[0]), { scheme, threshold: 2 }), refused);
    assert.throws(() => parseCggmpShare(fileOf(zero.cggmp[0]), { scheme }), refused);
  });

  test(`${scheme}: the dealers must be as many holders of the key as its threshold, with indices of ours`, () => {
    const share = parseTssLibShare(fileOf(tss), { scheme, threshold: 2 });
    for (const entries of [
      [[0, 1]],
      [
        [0, 1],
        [1, 2],
        [2, 3],
      ],
      [
        [0, 1],
        [3, 2],
      ],
      [
        [0, 1],
        [1, 1],
      ],
      [
        [0, 0],
        [1, 1],
      ],
      [
        [0, 1],
        [1, 33],
      ],
      [
        [1, 1],
        [2, 2],
      ],
    ] as [number, number][][]) {
      assert.throws(
        () => importedShare(share, { holders: new Map(entries) }),
        (error) => refused(error) || isSymbolonError(error, 'threshold/bad-parameters'),
      );
    }
  });

  test(`${scheme}: a share whose secret was wiped is not converted`, () => {
    const share = parseTssLibShare(fileOf(tss), { scheme, threshold: 2 });
    const holders = new Map([
      [0, 1],
      [1, 2],
    ]);
    const before = share.secret.slice();
    importedShare(share, { holders });
    assert.deepEqual(share.secret, before);
    share.secret.fill(0);
    assert.throws(() => importedShare(share, { holders }), refused);
  });
}

// Files that the libraries themselves keep as test data (test/vectors/import/README.md).
const genuine: readonly (readonly [string, Scheme, (file: Uint8Array) => ForeignShare, number, number])[] = [
  [
    'tss-lib-eddsa.json',
    'frost-ed25519',
    (file) => parseTssLibShare(file, { scheme: 'frost-ed25519', threshold: 11 }),
    11,
    20,
  ],
  [
    'cggmp21-secp256k1.json',
    'dkls23-secp256k1',
    (file) => parseCggmpShare(file, { scheme: 'dkls23-secp256k1' }),
    3,
    5,
  ],
  [
    'cggmp21-secp256k1-v0.1.1.json',
    'frost-secp256k1-tr',
    (file) => parseCggmpShare(file, { scheme: 'frost-secp256k1-tr' }),
    3,
    5,
  ],
  [
    'cggmp21-secp256k1-additive.json',
    'dkls23-secp256k1',
    (file) => parseCggmpShare(file, { scheme: 'dkls23-secp256k1' }),
    5,
    5,
  ],
  [
    'cggmp21-secp256r1-hd.json',
    'dkls23-p256',
    (file) => parseCggmpShare(file, { scheme: 'dkls23-p256' }),
    3,
    5,
  ],
];
for (const [name, scheme, parse, threshold, holders] of genuine) {
  test(`a genuine share file is read, checked and converted: ${name}`, () => {
    const share = parse(sample(name));
    assert.deepEqual(
      [share.key.scheme, share.key.threshold, share.key.verifyingShares.length, share.position],
      [scheme, threshold, holders, 0],
    );
    const indices = new Map(Array.from({ length: threshold }, (_, i) => [i, i + 1] as const));
    checkKeyShare(importedShare(share, { holders: indices }));
    const changed = sample(name);
    const at = Buffer.from(changed).lastIndexOf('5');
    changed[at] = 0x36;
    assert.throws(() => parse(changed), refused);
  });
}
test('a genuine share file is of no other curve and has no other threshold', () => {
  const file = sample('cggmp21-secp256k1.json');
  assert.throws(() => parseCggmpShare(file, { scheme: 'dkls23-p256' }), refused);
  assert.throws(() => parseCggmpShare(file, { scheme: 'frost-ed25519' }), refused);
  for (const threshold of [2, 10]) {
    assert.throws(
      () => parseTssLibShare(sample('tss-lib-eddsa.json'), { scheme: 'frost-ed25519', threshold }),
      refused,
    );
  }
});

test('T33: an error of import says nothing of what the file holds', () => {
  const split = splitElsewhere({ scheme: 'dkls23-secp256k1', threshold: 2, holders: 2, seed: 'quiet' });
  for (const [file, parse] of [
    [
      fileOf({ ...split.tssLib[0], Xi: split.shares[1] }),
      (raw: Uint8Array) => parseTssLibShare(raw, { scheme: 'dkls23-secp256k1', threshold: 2 }),
    ],
    [
      fileOf({ ...split.cggmp[0], i: 1 }),
      (raw: Uint8Array) => parseCggmpShare(raw, { scheme: 'dkls23-secp256k1' }),
    ],
  ] as const) {
    assert.throws(
      () => parse(file),
      (error) => refused(error) && !/\d{4}|[0-9a-f]{16}/.test(String(error)),
    );
  }
});
