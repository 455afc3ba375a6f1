import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { ed25519 } from '@noble/curves/ed25519.js';
import { schnorr } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import { dealKey, indices, insecureSeeded, runDkg, runSign } from '../../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { frostSchemes, toHex, type FrostScheme } from '../../wire/ids.ts';
import {
  aggregate,
  commit,
  publicKeyOf,
  signShare,
  verifySignature,
  wipe,
  wipeKeyShare,
  type KeyShare,
  type Tweak,
} from '../index.ts';
import { suiteOf } from '../scheme.ts';

const refusedWith =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    isSymbolonError(error, code);
const message = new Uint8Array(32).fill(0x5a);
const tweaksOf = (scheme: FrostScheme): readonly Tweak[] =>
  scheme === 'frost-ed25519' ? ['none'] : ['none', 'bip341'];
const plainVerify = (scheme: FrostScheme, key: Uint8Array, signature: Uint8Array, m = message): boolean =>
  scheme === 'frost-ed25519' ? ed25519.verify(signature, m, key) : schnorr.verify(signature, m, key);

for (const scheme of frostSchemes) {
  const shares = dealKey({ scheme, threshold: 2, participants: indices(3), seed: `frost/${scheme}` });
  const shareOf = (index: number): KeyShare => {
    const share = shares.get(index);
    assert.ok(share !== undefined);
    return { ...share, secret: share.secret.slice() };
  };
  const one = shareOf(1);
  const three = shareOf(3);
  const first = (
    seed: string,
  ): { nonces: ReturnType<typeof commit>['nonces']; commitments: Map<number, Uint8Array> } => {
    const own = commit({ share: one, random: insecureSeeded(`${seed}/1`) });
    const other = commit({ share: three, random: insecureSeeded(`${seed}/3`) });
    return {
      nonces: own.nonces,
      commitments: new Map([
        [1, own.commitment],
        [3, other.commitment],
      ]),
    };
  };

  test(`${scheme}: a signature of any t or more verifies with a library that did not make it`, () => {
    for (const tweak of tweaksOf(scheme)) {
      const key = publicKeyOf(one.public, tweak);
      assert.equal(key.length, 32);
      for (const set of [
        [1, 2],
        [3, 1],
        [2, 3],
        [1, 2, 3],
      ]) {
        const { signature } = runSign(set.map(shareOf), message, tweak, `any/${set.join()}`);
        assert.ok(plainVerify(scheme, key, signature));
        assert.ok(verifySignature(scheme, key, message, signature));
      }
    }
  });

  test(`${scheme}: T12: nonces serve once, after a success and after a refusal`, () => {
    const { nonces, commitments } = first('once');
    const input = { share: one, nonces, commitments, message, tweak: 'none' as const, path: [] };
    assert.equal(signShare(input).length, 32);
    assert.throws(() => signShare(input), refusedWith('threshold/state-used'));
    assert.throws(
      () => signShare({ ...input, message: new Uint8Array(32) }),
      refusedWith('threshold/state-used'),
    );
    const again = first('again');
    const wrong = { ...input, ...again, commitments: new Map() };
    assert.throws(() => signShare(wrong), refusedWith('threshold/own-commitment-changed'));
    assert.throws(() => signShare({ ...input, ...again }), refusedWith('threshold/state-used'));
  });

  test(`${scheme}: T12: nonces have no form outside memory`, () => {
    const { nonces } = first('form');
    assert.equal(JSON.stringify(nonces), '{}');
    assert.deepEqual(Object.assign({}, nonces), {});
    assert.deepEqual(Object.getOwnPropertyNames(nonces), []);
    assert.doesNotMatch(inspect(nonces, { depth: 9, showHidden: true }), /Uint8Array|\d{5}/);
    const clone = structuredClone(nonces);
    assert.equal(JSON.stringify(clone), '{}');
    assert.throws(() =>
      signShare({ share: one, nonces: clone, commitments: new Map(), message, tweak: 'none', path: [] }),
    );
  });

  test(`${scheme}: T12: wiped nonces serve no more`, () => {
    const { nonces, commitments } = first('wiped');
    wipe(nonces);
    assert.throws(
      () => signShare({ share: one, nonces, commitments, message, tweak: 'none', path: [] }),
      refusedWith('threshold/state-used'),
    );
  });

  test(`${scheme}: T12: nonces serve only the share that they were made for`, () => {
    const other = dealKey({ scheme, threshold: 2, participants: indices(3), seed: 'other key' }).get(1);
    assert.ok(other !== undefined);
    const renewed: KeyShare = { ...one, public: { ...one.public, generation: 2 } };
    for (const share of [other, renewed, three]) {
      const { nonces, commitments } = first('foreign');
      assert.throws(
        () => signShare({ share, nonces, commitments, message, tweak: 'none', path: [] }),
        refusedWith('threshold/foreign-nonces'),
      );
    }
  });

  test(`${scheme}: nonces come of fresh bytes and the share, and never repeat with either the same (RFC 9591 4.1)`, () => {
    const seen = new Set<string>();
    for (const [share, seed] of [
      [one, 'a'],
      [one, 'b'],
      [three, 'a'],
    ] as const) {
      seen.add(toHex(commit({ share, random: insecureSeeded(seed) }).commitment));
    }
    assert.equal(seen.size, 3);
    const sizes: number[] = [];
    const drawn: Uint8Array[] = [];
    commit({
      share: one,
      random: (length) => {
        sizes.push(length);
        const bytes = insecureSeeded(String(sizes.length))(length);
        drawn.push(bytes);
        return bytes;
      },
    });
    assert.deepEqual(sizes, [32, 32]);
    assert.deepEqual(drawn, [new Uint8Array(32), new Uint8Array(32)]);
  });

  test(`${scheme}: a wiped share makes no nonces and no signature share`, () => {
    const share = shareOf(1);
    const { nonces, commitments } = first('dead');
    wipeKeyShare(share);
    assert.throws(
      () => commit({ share, random: insecureSeeded('x') }),
      (error) => isSymbolonError(error, 'threshold/state-used') && error.facts.what === 'key share',
    );
    // Not `share-mismatch`: that would send the operator to the backups for a share that was only put away.
    assert.throws(
      () => signShare({ share, nonces, commitments, message, tweak: 'none', path: [] }),
      (error) => isSymbolonError(error, 'threshold/state-used') && error.facts.what === 'key share',
    );
  });

  test(`${scheme}: a share that is no scalar makes no nonces`, () => {
    const share = { ...shareOf(1), secret: new Uint8Array(32).fill(0xff) };
    assert.throws(
      () => commit({ share, random: insecureSeeded('x') }),
      refusedWith('threshold/share-mismatch'),
    );
  });

  test(`${scheme}: a weak source of randomness is refused by its length`, () => {
    assert.throws(
      () => commit({ share: one, random: () => new Uint8Array(31) }),
      refusedWith('threshold/bad-randomness'),
    );
  });

  test(`${scheme}: given a source that fails before the second nonce, then the first one is zeros`, (t) => {
    const seen: Uint8Array[] = [];
    const suite = suiteOf(scheme);
    const { nonce } = suite;
    t.mock.method(suite, 'nonce', (fresh: Uint8Array, secret: Uint8Array) => {
      const made = nonce(fresh, secret);
      seen.push(made);
      return made;
    });
    let calls = 0;
    const random = (length: number): Uint8Array => new Uint8Array((calls += 1) === 1 ? length : length - 1);
    assert.throws(() => commit({ share: one, random }), refusedWith('threshold/bad-randomness'));
    assert.deepEqual(
      seen.map((made) => toHex(made)),
      ['00'.repeat(32)],
    );
  });

  test(`${scheme}: verification says no to every bit changed, and to other lengths`, () => {
    const { signature } = runSign([shareOf(1), shareOf(2)], message, 'none', 'bits');
    const key = publicKeyOf(one.public, 'none');
    fc.assert(
      fc.property(fc.nat({ max: 511 }), (bit) => {
        const changed = signature.slice();
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        assert.equal(verifySignature(scheme, key, message, changed), false);
      }),
      { numRuns: 10 },
    );
    assert.equal(verifySignature(scheme, key, new Uint8Array(32), signature), false);
    assert.equal(verifySignature(scheme, key, message, signature.slice(1)), false);
    assert.equal(verifySignature(scheme, key.slice(1), message, signature), false);
    assert.equal(verifySignature(scheme, new Uint8Array(32), message, signature), false);
    assert.equal(verifySignature(scheme, new Uint8Array(32).fill(0xff), message, signature), false);
  });

  test(`${scheme}: T20: shares of two generations do not sign together`, () => {
    const renewed: KeyShare = { ...three, public: { ...three.public, generation: 2 } };
    const own = commit({ share: one, random: insecureSeeded('old') });
    const other = commit({ share: renewed, random: insecureSeeded('new') });
    const commitments = new Map([
      [1, own.commitment],
      [3, other.commitment],
    ]);
    assert.throws(
      () => signShare({ share: one, nonces: own.nonces, commitments, message, tweak: 'none', path: [] }),
      (error) => isSymbolonError(error, 'threshold/wrong-generation') && error.facts.party === 3,
    );
  });
}

test('Ed25519 has no taproot tweak', () => {
  const shares = dealKey({ scheme: 'frost-ed25519', threshold: 2, participants: [1, 2], seed: 'tweak' });
  const share = shares.get(1);
  assert.ok(share !== undefined);
  assert.throws(() => publicKeyOf(share.public, 'bip341'), refusedWith('threshold/bad-parameters'));
});

test('a taproot key-path spend signs exactly 32 bytes; a BIP340 message may have any length', () => {
  const shares = dealKey({
    scheme: 'frost-secp256k1-tr',
    threshold: 2,
    participants: [1, 2],
    seed: 'len',
  });
  const signers = [...shares.values()];
  const [one] = signers;
  assert.ok(one !== undefined);
  for (const length of [0, 31, 33]) {
    const m = new Uint8Array(length).fill(1);
    assert.throws(() => runSign(signers, m, 'bip341', 'len'), refusedWith('threshold/bad-parameters'));
    const { signature } = runSign(signers, m, 'none', 'len');
    assert.ok(plainVerify('frost-secp256k1-tr', publicKeyOf(one.public, 'none'), signature, m));
  }
});

test('BIP340 and BIP341 hold for all parities of the joint key, the output key and R', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 12; i += 1) {
    const shares = dealKey({
      scheme: 'frost-secp256k1-tr',
      threshold: 2,
      participants: [1, 2],
      seed: `parity/${i}`,
    });
    const signers = [...shares.values()];
    const [one] = signers;
    assert.ok(one !== undefined);
    for (const tweak of ['none', 'bip341'] as const) {
      const { signature } = runSign(signers, message, tweak, `parity/${i}`);
      assert.ok(plainVerify('frost-secp256k1-tr', publicKeyOf(one.public, tweak), signature));
      seen.add(`${tweak} ${one.public.groupPublicKey[0] ?? 0}`);
    }
  }
  assert.equal(seen.size, 4);
});

test('signatures under Ed25519 keys of small order are refused, which plain verification would accept', () => {
  const key = new Uint8Array(32);
  key[0] = 1;
  const signature = new Uint8Array(64);
  signature[0] = 1;
  assert.ok(ed25519.verify(signature, message, key, { zip215: true }));
  assert.equal(verifySignature('frost-ed25519', key, message, signature), false);
});

test('thresholds up to 7 of 10: any set of t signs, whatever the order of its messages', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...frostSchemes),
      fc.integer({ min: 2, max: 7 }).chain((t) =>
        fc.tuple(fc.constant(t), fc.integer({ min: t, max: 10 })).chain(([threshold, n]) =>
          fc.record({
            threshold: fc.constant(threshold),
            n: fc.constant(n),
            set: fc.shuffledSubarray(indices(n), { minLength: threshold, maxLength: n }),
          }),
        ),
      ),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.string({ maxLength: 8 }),
      fc.array(fc.nat({ max: 0x7fff_ffff }), { maxLength: 4 }),
      (scheme, { threshold, n, set }, m, seed, path) => {
        const { shares, confirmations } = runDkg({ scheme, threshold, participants: indices(n), seed });
        assert.equal(new Set([...confirmations.values()].map(toHex)).size, 1);
        const signers = set.flatMap((index) => shares.get(index) ?? []);
        for (const tweak of tweaksOf(scheme)) {
          const { signature, commitments, signatureShares } = runSign(signers, m, tweak, seed, path);
          const [one] = signers;
          assert.ok(one !== undefined);
          assert.ok(plainVerify(scheme, publicKeyOf(one.public, tweak, path), signature, m));
          // One fewer than the threshold, and the aggregator refuses before it looks at a share.
          const few = new Map([...commitments].slice(0, threshold - 1));
          assert.throws(
            () =>
              aggregate({
                public: one.public,
                commitments: few,
                shares: signatureShares,
                message: m,
                tweak,
                path,
              }),
            refusedWith('threshold/bad-parameters'),
          );
        }
      },
    ),
    { numRuns: Number(process.env['SYMBOLON_PROPERTY_RUNS'] ?? 8) },
  );
});
