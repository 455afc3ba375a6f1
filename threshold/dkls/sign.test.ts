/** Threshold ECDSA against everyone's ECDSA: noble, OpenSSL and libsecp256k1 take what the signers make. */
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { test } from 'node:test';
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import * as tiny from 'tiny-secp256k1';
import {
  ecdsaSetting,
  presign,
  signOnline,
  signWhole,
  type EcdsaSetting,
} from '../../test/threshold/ecdsa.ts';
import { indices } from '../../test/threshold/run.ts';
import { ecdsaSchemes, type EcdsaScheme } from '../../wire/ids.ts';
import { deriveKey } from '../derive.ts';
import { combineEcdsa, type EcdsaSignature } from './combine.ts';
import { digestOf, recoveryOf, verifyEcdsa } from './ecdsa.ts';

const noble = { 'dkls23-secp256k1': secp256k1, 'dkls23-p256': p256 };
const curveNames = { 'dkls23-secp256k1': 'secp256k1', 'dkls23-p256': 'P-256' };
const message = new TextEncoder().encode('what all of them approved');
const digest = digestOf('sha256', message);
const path = [44, 60, 0, 7];

/** Verification by OpenSSL, which hashes the message itself. */
function opensslVerifies(scheme: EcdsaScheme, publicKey: Uint8Array, signature: Uint8Array): boolean {
  const raw = noble[scheme].Point.fromBytes(publicKey).toBytes(false);
  const part = (from: number): string => Buffer.from(raw.subarray(from, from + 32)).toString('base64url');
  const key = createPublicKey({
    key: { kty: 'EC', crv: curveNames[scheme], x: part(1), y: part(33) },
    format: 'jwk',
  });
  return verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

/** Holds a signature against every verifier there is, its own public key recovered by its recovery id. */
function holds(setting: EcdsaSetting, at: readonly number[], { signature, recovery }: EcdsaSignature): void {
  const { scheme } = setting.public;
  assert.ok(scheme === 'dkls23-secp256k1' || scheme === 'dkls23-p256');
  const { publicKey } = deriveKey(setting.public, at);
  assert.ok(verifyEcdsa(scheme, publicKey, digest, signature));
  assert.ok(noble[scheme].verify(signature, digest, publicKey, { prehash: false, lowS: true }));
  assert.ok(opensslVerifies(scheme, publicKey, signature));
  const recovered = noble[scheme].recoverPublicKey(Uint8Array.of(recovery, ...signature), digest, {
    prehash: false,
  });
  assert.deepEqual(recovered, publicKey);
  assert.equal(recoveryOf(scheme, publicKey, digest, signature), recovery);
  assert.equal(recoveryOf(scheme, publicKey, digestOf('sha256', publicKey), signature), undefined);
  if (scheme === 'dkls23-secp256k1') {
    assert.ok(tiny.verify(digest, publicKey, signature, true));
    assert.ok(recovery < 4);
    const again = tiny.recover(digest, signature, recovery === 0 || recovery === 1 ? recovery : 2, true);
    assert.deepEqual(new Uint8Array(again ?? []), publicKey);
  }
}

/** All sets of `size` of `from`. */
function subsets(from: readonly number[], size: number): number[][] {
  if (size === 0) {
    return [[]];
  }
  return from.flatMap((first, i) => subsets(from.slice(i + 1), size - 1).map((rest) => [first, ...rest]));
}

for (const scheme of ecdsaSchemes) {
  for (const [threshold, n] of [
    [2, 2],
    [2, 3],
    [3, 5],
  ] as const) {
    test(`${scheme} ${threshold}-of-${n}: every set of signers signs, whole and with presignatures, with path and without`, () => {
      const setting = ecdsaSetting(scheme, threshold, indices(n), `all/${threshold}/${n}`);
      for (const [i, signers] of subsets(indices(n), threshold).entries()) {
        // Curves and sets all take both ways; the long path goes to every other of them.
        const at = i % 2 === 0 ? path : [];
        const task = { signers, digest, path: at, seed: `all/${signers.join()}` };
        holds(setting, at, signWhole(setting, task));
        holds(setting, at, signOnline(setting, presign(setting, task), task));
        const other = { ...task, path: at.length === 0 ? path : [], seed: `${task.seed}/other` };
        holds(setting, other.path, signOnline(setting, presign(setting, other), other));
      }
    });
  }

  test(`${scheme}: indices with gaps sign`, () => {
    const setting = ecdsaSetting(scheme, 2, [3, 8, 32], 'gaps');
    const task = { signers: [32, 8], digest, path, seed: 'gaps' };
    holds(setting, path, signWhole(setting, task));
  });

  test(`${scheme}: whatever the digest, zero and all ones included, the signature verifies`, () => {
    const setting = ecdsaSetting(scheme, 2, [1, 2], 'digests');
    for (const [i, fill] of [0x00, 0xff].entries()) {
      const edge = new Uint8Array(32).fill(fill);
      const { signature } = signWhole(setting, { signers: [1, 2], digest: edge, seed: `edge/${i}` });
      assert.ok(
        noble[scheme].verify(signature, edge, setting.public.groupPublicKey, { prehash: false, lowS: true }),
      );
    }
  });

  test(`${scheme}: T40: s is in the lower half and the recovery id follows it, for both parities of R`, () => {
    const setting = ecdsaSetting(scheme, 2, [1, 2], 'parity');
    const seen = new Set<number>();
    for (let i = 0; i < 8; i += 1) {
      const made = signWhole(setting, { signers: [1, 2], digest, seed: `parity/${i}` });
      holds(setting, [], made);
      seen.add(made.recovery);
    }
    assert.ok(seen.has(0) && seen.has(1));
  });
}

test('7 of 10: sets in any order sign', () => {
  const setting = ecdsaSetting('dkls23-secp256k1', 7, indices(10), 'seven');
  for (const signers of [
    [1, 2, 3, 4, 5, 6, 7],
    [10, 4, 7, 1, 9, 2, 6],
  ]) {
    const task = { signers, digest, path, seed: `seven/${signers.join()}` };
    holds(setting, path, signWhole(setting, task));
    holds(setting, path, signOnline(setting, presign(setting, task), task));
  }
});

test('any threshold, any holders, any signers in any order: a valid signature, or a refusal where one is missing', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ecdsaSchemes),
      fc.uniqueArray(fc.integer({ min: 1, max: 32 }), { minLength: 2, maxLength: 6 }).chain((holders) =>
        fc.integer({ min: 2, max: Math.min(4, holders.length) }).chain((threshold) =>
          fc.record({
            holders: fc.constant([...holders].sort((a, b) => a - b)),
            threshold: fc.constant(threshold),
            signers: fc.shuffledSubarray(holders, { minLength: threshold, maxLength: threshold }),
          }),
        ),
      ),
      fc.array(fc.nat({ max: 0x7fff_ffff }), { maxLength: 3 }),
      fc.boolean(),
      fc.string({ maxLength: 8 }),
      (scheme, { holders, threshold, signers }, at, whole, seed) => {
        const setting = ecdsaSetting(scheme, threshold, holders, seed);
        const task = { signers, digest, path: at, seed };
        const made = whole ? signWhole(setting, task) : signOnline(setting, presign(setting, task), task);
        holds(setting, at, made);
        assert.throws(() => combineEcdsa({ public: setting.public, path: at, digest, shares: new Map() }));
      },
    ),
    { numRuns: Number(process.env['SYMBOLON_PROPERTY_RUNS'] ?? 6) },
  );
});
