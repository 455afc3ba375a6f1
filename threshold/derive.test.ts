import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { createBase58check } from '@scure/base';
import fc from 'fast-check';
import { raw, readJson } from '../test/threshold/files.ts';
import { dealKey, runSign } from '../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../wire/errors/index.ts';
import { hashOf, schemes, toHex, type Scheme } from '../wire/ids.ts';
import { encodeCbor } from '../wire/cbor.ts';
import { childOf, deriveKey } from './derive.ts';
import { publicKeyOf, type KeyPublic, type KeyShare, type Tweak } from './index.ts';
import { groupOf } from './scheme.ts';

const refusedWith =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    isSymbolonError(error, code);

/** A key of which only the two parts that derivation reads are given. */
const keyOf = (scheme: Scheme, publicKey: Uint8Array, chainCode: Uint8Array): KeyPublic => ({
  scheme,
  threshold: 2,
  participants: [1, 2],
  generation: 1,
  groupPublicKey: publicKey,
  verifyingShares: new Map(),
  chainCode,
});

const base58check = createBase58check((data: Uint8Array) => createHash('sha256').update(data).digest());
/** BIP32 "Serialization format": the chain code and the public key lie behind 13 bytes. */
const extended = (xpub: string): { chainCode: Uint8Array; publicKey: Uint8Array } => {
  const bytes = base58check.decode(xpub);
  assert.equal(bytes.length, 78);
  return { chainCode: bytes.slice(13, 45), publicKey: bytes.slice(45) };
};

interface Steps<T> {
  readonly steps: readonly { readonly parent: T; readonly path: readonly number[]; readonly child: T }[];
}

for (const scheme of ['frost-secp256k1-tr', 'dkls23-secp256k1'] as const) {
  test(`${scheme}: BIP32 test vectors 1 and 2: every step that is not hardened`, () => {
    const { steps } = readJson('test/vectors/bip32.json') as Steps<string>;
    assert.equal(steps.length, 6);
    for (const { parent, path, child } of steps) {
      const from = extended(parent);
      const derived = deriveKey(keyOf(scheme, from.publicKey, from.chainCode), path);
      assert.deepEqual({ publicKey: derived.publicKey, chainCode: derived.chainCode }, extended(child));
    }
  });
}

test('SLIP-10 test vectors for P-256: every step that is not hardened, and check 25: the one that hashes again', () => {
  interface Node {
    readonly chainCode: string;
    readonly publicKey: string;
  }
  const vectors = readJson('test/vectors/slip10-p256.json') as Steps<Node> & {
    readonly retry: Steps<Node>['steps'][number];
  };
  assert.equal(vectors.steps.length, 6);
  for (const { parent, path, child } of [...vectors.steps, vectors.retry]) {
    const key = keyOf('dkls23-p256', raw(parent.publicKey), raw(parent.chainCode));
    const { publicKey, chainCode } = deriveKey(key, path);
    assert.deepEqual({ chainCode: toHex(chainCode), publicKey: toHex(publicKey) }, child);
  }
});

/** The secret of a key, joined: what no machine does. */
function joined(shares: readonly KeyShare[]): bigint {
  const group = groupOf(shares[0]?.public.scheme ?? 'frost-ed25519');
  const at = (share: KeyShare): bigint => group.decodeScalar(share.secret) ?? 0n;
  return shares.reduce((sum, share) => {
    const weight = shares
      .filter((other) => other !== share)
      .reduce((product, { index }) => {
        const inverse = group.publicInvert(group.reduce(BigInt(index - share.index)));
        return group.reduce(product * BigInt(index) * inverse);
      }, 1n);
    return group.reduce(sum + at(share) * weight);
  }, 0n);
}

/** The public key of a secret, by the library. */
const plainPublic: Readonly<Record<Scheme, (secret: bigint) => Uint8Array>> = {
  'frost-ed25519': (secret) => ed25519.Point.BASE.multiply(secret).toBytes(),
  'frost-secp256k1-tr': (secret) => secp256k1.Point.BASE.multiply(secret).toBytes(),
  'dkls23-secp256k1': (secret) => secp256k1.Point.BASE.multiply(secret).toBytes(),
  'dkls23-p256': (secret) => p256.Point.BASE.multiply(secret).toBytes(),
};

/** Derivation of a whole key, secret first, by other code than the product's. */
function plainDerivation(
  scheme: Scheme,
  root: { readonly secret: bigint; readonly chainCode: Uint8Array },
  path: readonly number[],
): { readonly secret: bigint; readonly publicKey: Uint8Array; readonly chainCode: Uint8Array } {
  const publicOf = plainPublic[scheme];
  const { order } = groupOf(scheme);
  return path.reduce(
    ({ secret, publicKey, chainCode }, step) => {
      let tweak: bigint;
      let next: Uint8Array;
      if (scheme === 'frost-ed25519') {
        const wide = createHash('sha512')
          .update('symbolon/derive-ed25519/1')
          .update(encodeCbor([chainCode, publicKey, step]))
          .digest();
        tweak = BigInt(`0x${wide.reverse().toString('hex')}`);
        next = hashOf('symbolon/derive-ed25519-chain-code/1', chainCode, publicKey, step);
      } else {
        const index = Buffer.alloc(4);
        index.writeUInt32BE(step);
        const mac = createHmac('sha512', chainCode).update(publicKey).update(index).digest();
        tweak = BigInt(`0x${mac.subarray(0, 32).toString('hex')}`);
        next = new Uint8Array(mac.subarray(32));
      }
      const child = (secret + tweak) % order;
      return { secret: child, publicKey: publicOf(child), chainCode: next };
    },
    { ...root, publicKey: publicOf(root.secret) },
  );
}

const steps = fc.array(fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 0x7fff_ffff })), { maxLength: 4 });

for (const scheme of schemes) {
  const shares = [...dealKey({ scheme, threshold: 2, participants: [1, 3], seed: 'derive' }).values()];
  const [one] = shares;
  assert.ok(one !== undefined);
  const { public: key } = one;
  const group = groupOf(scheme);

  test(`${scheme}: a derived key is the one that the joined secret gives by plain derivation`, () => {
    const root = { secret: joined(shares), chainCode: key.chainCode };
    fc.assert(
      fc.property(steps, (path) => {
        const { publicKey, addend, chainCode } = deriveKey(key, path);
        const plain = plainDerivation(scheme, root, path);
        assert.deepEqual(publicKey, plain.publicKey);
        assert.deepEqual(chainCode, plain.chainCode);
        assert.equal(group.reduce(root.secret + addend), plain.secret);
      }),
      { numRuns: 8 },
    );
  });

  test(`${scheme}: the empty path is the key itself`, () => {
    const derived = deriveKey(key, []);
    assert.deepEqual(derived, { publicKey: key.groupPublicKey, addend: 0n, chainCode: key.chainCode });
  });

  test(`${scheme}: what is handed out can be overwritten without harm to later answers`, () => {
    for (const path of [[], [7, 8]]) {
      const first = deriveKey(key, path);
      const copy = { ...first, publicKey: first.publicKey.slice(), chainCode: first.chainCode.slice() };
      first.publicKey.fill(0);
      first.chainCode.fill(0);
      publicKeyOf(key, 'none', path).fill(0);
      assert.deepEqual(deriveKey(key, path), copy);
    }
  });

  test(`T18: ${scheme}: another key, chain code, step or order of steps is another key`, () => {
    const other = dealKey({ scheme, threshold: 2, participants: [1, 3], seed: 'other' }).get(1)?.public;
    assert.ok(other !== undefined);
    const found = new Set(
      [
        deriveKey(key, [1, 2]),
        deriveKey(key, [2, 1]),
        deriveKey(key, [12]),
        deriveKey(key, [1]),
        deriveKey(key, [1, 2, 0]),
        deriveKey(other, [1, 2]),
        deriveKey({ ...key, chainCode: other.chainCode }, [1, 2]),
        deriveKey({ ...other, chainCode: key.chainCode }, [1, 2]),
      ].map(({ publicKey }) => toHex(publicKey)),
    );
    assert.equal(found.size, 8);
  });

  test(`${scheme}: check 24: hardened steps, what is no step and long paths are refused`, () => {
    for (const step of [0x8000_0000, 0xffff_ffff, -1, 0.5, NaN, Infinity]) {
      assert.throws(() => deriveKey(key, [0, step]), refusedWith('threshold/bad-parameters'));
    }
    const long = Array.from({ length: 17 }, () => 0);
    assert.throws(() => deriveKey(key, long), refusedWith('threshold/bad-parameters'));
    assert.equal(deriveKey(key, long.slice(1)).publicKey.length, group.elementBytes);
    assert.equal(deriveKey(key, [0x7fff_ffff]).publicKey.length, group.elementBytes);
  });

  test(`${scheme}: a group key that is no point has no derived keys`, () => {
    const damaged = { ...key, groupPublicKey: new Uint8Array(group.elementBytes).fill(0xff) };
    assert.throws(() => deriveKey(damaged, [0]), refusedWith('threshold/bad-parameters'));
  });

  test(`${scheme}: check 25: a child at infinity is refused${scheme === 'dkls23-p256' ? ', hashed again here' : ''}`, () => {
    const child = deriveKey(key, [5]);
    const parent = {
      point: group.generator,
      publicKey: key.groupPublicKey,
      addend: 0n,
      chainCode: key.chainCode,
    };
    // The point of the parent is replaced by the one that the step takes away: the hash covers the encoding alone.
    const opposite = group.negate(group.publicBaseProduct(child.addend));
    const step = (): unknown => childOf(group, { ...parent, point: opposite }, 5);
    if (scheme === 'dkls23-p256') {
      assert.notDeepEqual(step(), child);
    } else {
      assert.throws(step, refusedWith('threshold/degenerate-value'));
    }
  });
}

test('check 25: BIP32 has no key where the left half of the hash is not below the order; it is never reduced', () => {
  const key = dealKey({ scheme: 'dkls23-secp256k1', threshold: 2, participants: [1, 2], seed: 'order' }).get(
    1,
  )?.public;
  assert.ok(key !== undefined);
  const group = groupOf(key.scheme);
  // No such step can be found (chance 2^-127): a group whose order lies below all hashes stands in.
  const small = { ...group, decodeScalar: () => undefined };
  const parent = {
    point: group.generator,
    publicKey: key.groupPublicKey,
    addend: 0n,
    chainCode: key.chainCode,
  };
  assert.throws(() => childOf(small, parent, 0), refusedWith('threshold/degenerate-value'));
});

test('Ed25519: derivation is frozen: version 1 gives these keys for ever', () => {
  const fixture = readJson('test/fixtures/v1/threshold/derived-ed25519.json') as {
    readonly publicKey: string;
    readonly chainCode: string;
    readonly derived: readonly {
      readonly path: readonly number[];
      readonly publicKey: string;
      readonly chainCode: string;
      readonly addend: string;
    }[];
  };
  const key = keyOf('frost-ed25519', raw(fixture.publicKey), raw(fixture.chainCode));
  assert.equal(fixture.derived.length, 3);
  for (const { path, ...wanted } of fixture.derived) {
    const { publicKey, chainCode, addend } = deriveKey(key, path);
    assert.deepEqual(
      {
        publicKey: toHex(publicKey),
        chainCode: toHex(chainCode),
        addend: toHex(groupOf('frost-ed25519').encodeScalar(addend)),
      },
      wanted,
    );
  }
});

for (const [scheme, tweak] of [
  ['frost-ed25519', 'none'],
  ['frost-secp256k1-tr', 'none'],
  ['frost-secp256k1-tr', 'bip341'],
] as const satisfies readonly (readonly [Scheme, Tweak])[]) {
  test(`${scheme} ${tweak}: signatures at a path verify with an independent library, under that path's key only`, () => {
    const shares = [...dealKey({ scheme, threshold: 2, participants: [1, 2, 4], seed: 'sign' }).values()];
    const [one] = shares;
    assert.ok(one !== undefined);
    const message = new Uint8Array(32).fill(9);
    // Several paths, so that both parities of the derived key, of the output key and of R come up.
    for (const path of [[0], [1], [2], [3], [44, 501, 0], [0x7fff_ffff, 0]]) {
      const key = publicKeyOf(one.public, tweak, path);
      const { signature } = runSign(shares.slice(0, 2), message, tweak, path.join(), path);
      const verify = (publicKey: Uint8Array): boolean =>
        scheme === 'frost-ed25519'
          ? ed25519.verify(signature, message, publicKey)
          : schnorr.verify(signature, message, publicKey);
      assert.ok(verify(key));
      assert.equal(verify(publicKeyOf(one.public, tweak)), false);
      assert.equal(verify(publicKeyOf(one.public, tweak, [...path, 0])), false);
    }
  });
}

test('a taproot key at a path is the BIP32 child, then BIP86: its x coordinate with the BIP341 tweak', () => {
  const key = dealKey({
    scheme: 'frost-secp256k1-tr',
    threshold: 2,
    participants: [1, 2],
    seed: 'bip86',
  }).get(1)?.public;
  assert.ok(key !== undefined);
  for (let step = 0; step < 4; step += 1) {
    const child = deriveKey(key, [0, step]).publicKey.slice(1);
    assert.deepEqual(publicKeyOf(key, 'none', [0, step]), child);
    const { lift_x: liftX, taggedHash } = schnorr.utils;
    const integer = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);
    const output = liftX(integer(child)).add(
      schnorr.Point.BASE.multiply(integer(taggedHash('TapTweak', child))),
    );
    assert.deepEqual(publicKeyOf(key, 'bip341', [0, step]), output.toBytes(true).slice(1));
  }
});

test('the public key of an ECDSA key is 33 bytes, and has no tweak', () => {
  for (const scheme of ['dkls23-secp256k1', 'dkls23-p256'] as const) {
    const key = dealKey({ scheme, threshold: 2, participants: [1, 2], seed: 'ecdsa' }).get(1)?.public;
    assert.ok(key !== undefined);
    assert.deepEqual(publicKeyOf(key, 'none'), key.groupPublicKey);
    assert.deepEqual(publicKeyOf(key, 'none', [3]), deriveKey(key, [3]).publicKey);
    assert.throws(() => publicKeyOf(key, 'bip341'), refusedWith('threshold/bad-parameters'));
  }
});
