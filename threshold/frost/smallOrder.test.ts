/**
 * Nonce commitments are decoded without the subgroup check of RFC 9591 section 3.1. Here a signer of Ed25519 uses that:
 * it adds points of small order to its commitments, and answers as well as anybody can.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { indices, insecureSeeded, runDkg } from '../../test/threshold/run.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { aggregate, commit, frostCommitment, publicKeyOf, signShare, verifySignature } from '../index.ts';
import { OneUse } from '../oneUse.ts';
import { suiteOf } from '../scheme.ts';
import { openSession } from './session.ts';
import { verifyShare } from './verify.ts';

const scheme = 'frost-ed25519';
const { group } = suiteOf(scheme);
const { shares: keys } = runDkg({ scheme, threshold: 2, participants: indices(3), seed: 'small order' });
const key = [...keys.values()][0]?.public;
assert.ok(key !== undefined);
const message = new TextEncoder().encode('a transfer that all honest signers approved');

/** A generator of the eight points of small order, and its multiples. */
const eighth = ed25519.Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
const multiples = [ed25519.Point.ZERO];
for (let k = 1; k < 8; k += 1) {
  multiples.push((multiples[k - 1] ?? ed25519.Point.ZERO).add(eighth));
}
const odd = (k: number): typeof eighth => multiples[((k % 8) + 8) % 8] ?? eighth;

/** How many eighths a cheater adds to its hiding and to its binding commitment. */
interface Addition {
  readonly hiding: number;
  readonly binding: number;
}

/** Runs a session in which the parties named in `cheats` cheat and the rest are honest; gives all that a relay sees. */
function run(signers: readonly number[], cheats: ReadonlyMap<number, Addition>, seed: string) {
  const made = signers.map((index) => {
    const share = keys.get(index);
    assert.ok(share !== undefined);
    const { nonces, commitment } = commit({ share, random: insecureSeeded(`${seed}/${index}`) });
    const cheat = cheats.get(index);
    if (cheat === undefined) {
      return { index, share, nonces, commitment };
    }
    const fields = frostCommitment.decode(commitment);
    const hiding = ed25519.Point.fromBytes(fields.hiding).add(odd(cheat.hiding)).toBytes();
    const binding = ed25519.Point.fromBytes(fields.binding).add(odd(cheat.binding)).toBytes();
    const changed = frostCommitment.encode({ ...fields, hiding, binding });
    const points = {
      hiding: group.unsafeDecodeAnyOrder(hiding),
      binding: group.unsafeDecodeAnyOrder(binding),
    };
    assert.ok(points.hiding !== undefined && points.binding !== undefined);
    const content = {
      ...OneUse.take(nonces),
      commitment: changed,
      points: { hiding: points.hiding, binding: points.binding },
    };
    return { index, share, nonces: new OneUse('nonces', content, () => undefined), commitment: changed };
  });
  const input = {
    commitments: new Map(made.map(({ index, commitment }) => [index, commitment])),
    message,
    tweak: 'none' as const,
  };
  const shares = new Map(
    made.map(({ index, share, nonces }) => [index, signShare({ share, nonces, ...input })]),
  );
  return { input, shares };
}

/** What a relay that skips the verification of the aggregator could put together. */
function unverified({ input, shares }: ReturnType<typeof run>): Uint8Array {
  assert.ok(key !== undefined);
  const z = [...shares.values()].reduce(
    (sum, raw) => group.reduce(sum + (group.decodeScalar(raw) ?? 0n)),
    0n,
  );
  return Uint8Array.of(...openSession(key, input).r, ...group.encodeScalar(z));
}

const cases: readonly Addition[] = [1, 2, 3, 4, 5, 6, 7].flatMap((k) => [
  { hiding: k, binding: 0 },
  { hiding: 0, binding: k },
]);

for (const addition of cases) {
  const { hiding, binding } = addition;
  test(`T17: ${hiding} eighths in the hiding and ${binding} in the binding commitment: no signature unless they cancel out, and only the cheater is named`, () => {
    const session = run([1, 2], new Map([[2, addition]]), `${hiding}/${binding}`);
    const { input, shares } = session;
    const opened = openSession(key, input);
    const factor = opened.signers.find(({ party }) => party === 2)?.bindingFactor ?? 0n;
    const left = Number((BigInt(hiding) + BigInt(binding) * factor) % 8n);
    // What an honest signer gave out is its ordinary answer, whatever the cheater added.
    assert.ok(verifyShare(opened, key, 1, shares.get(1) ?? new Uint8Array()));
    const signature = unverified(session);
    assert.equal(verifySignature(scheme, publicKeyOf(key, 'none'), message, signature), left === 0);
    if (left === 0) {
      assert.deepEqual(aggregate({ public: key, shares, ...input }), signature);
      return;
    }
    assert.throws(
      () => aggregate({ public: key, shares, ...input }),
      (error) =>
        isSymbolonError(error, 'threshold/bad-signature-shares') && String(error.facts.parties) === '2',
    );
    // The limit that SPEC.md names: a verifier with the cofactor takes it, for the very message that was approved.
    assert.ok(ed25519.verify(signature, message, publicKeyOf(key, 'none')));
    assert.ok(!ed25519.verify(signature, Uint8Array.of(...message, 0), publicKeyOf(key, 'none')));
  });
}

test('T17: two cheaters whose additions cancel out make an ordinary signature; with a wrong share both are named, and no honest signer', () => {
  const cheats = new Map([
    [2, { hiding: 3, binding: 0 }],
    [3, { hiding: 5, binding: 0 }],
  ]);
  const { input, shares } = run([1, 2, 3], cheats, 'cancel');
  const signature = aggregate({ public: key, shares, ...input });
  assert.ok(verifySignature(scheme, publicKeyOf(key, 'none'), message, signature));
  shares.set(3, new Uint8Array(32));
  assert.throws(
    () => aggregate({ public: key, shares, ...input }),
    (error) =>
      isSymbolonError(error, 'threshold/bad-signature-shares') && String(error.facts.parties) === '2,3',
  );
});
