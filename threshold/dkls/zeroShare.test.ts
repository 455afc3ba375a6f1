import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { dealPairings } from '../../test/threshold/pairings.ts';
import { insecureSeeded } from '../../test/threshold/run.ts';
import { encodeCbor } from '../../wire/cbor.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import type { Group } from '../group/group.ts';
import { p256Group } from '../group/p256.ts';
import { secp256k1Group } from '../group/secp256k1.ts';
import { openPairing, type PairingKeys } from '../pairing/pairingKeys.ts';
import { zeroShare } from './zeroShare.ts';

const everyone = [1, 2, 3, 4, 5];
const pairings = new Map(
  everyone.map((index) => [
    index,
    new Map(
      [...dealPairings('zero', index, everyone)].map(
        ([peer, { secret }]) => [peer, openPairing(secret)] as const,
      ),
    ),
  ]),
);
const of = (index: number): ReadonlyMap<number, PairingKeys> =>
  pairings.get(index) ?? new Map<number, PairingKeys>();
const sharesOf = (group: Group, signers: readonly number[], seed: string): Uint8Array[] => {
  const session = insecureSeeded(`${seed}/session`)(32);
  return signers.map((index) => zeroShare({ group, index, signers, session, pairings: of(index) }));
};

for (const group of [secp256k1Group, p256Group]) {
  test(`${group.name}: shares sum to zero over any set of signers and any session, and no one of them is zero`, () => {
    for (const signers of [[1, 2], [2, 5], [1, 2, 3], [1, 3, 4], everyone]) {
      for (let run = 0; run < 20; run += 1) {
        const shares = sharesOf(group, signers, `sum/${run}`);
        assert.ok(shares.every((share) => !group.scalars.isZero(share)));
        const sum = shares.reduce((all, share) => group.scalars.add(all, share));
        assert.ok(group.scalars.isZero(sum));
      }
    }
  });

  test(`${group.name}: T18: another session, set of signers or pairing gives an unrelated share`, () => {
    const [first] = sharesOf(group, [1, 2, 3], 'a');
    const other = [
      ...sharesOf(group, [1, 2, 3], 'b').slice(0, 1),
      ...sharesOf(group, [1, 2], 'a').slice(0, 1),
      ...sharesOf(group, [1, 2, 4], 'a').slice(0, 1),
    ];
    const all = [...(first === undefined ? [] : [first]), ...other].map(toHex);
    assert.equal(new Set(all).size, 4);
    // Were a term the same in two sets, the share in {1, 2, 3} would be the sum of those in {1, 2} and {1, 3}.
    const [both, left, right] = [
      [1, 2, 3],
      [1, 2],
      [1, 3],
    ].map((signers) => sharesOf(group, signers, 'a')[0]);
    assert.ok(both !== undefined && left !== undefined && right !== undefined);
    assert.notDeepEqual(both, group.scalars.add(left, right));
  });
}

test('a share is what SPEC.md says, computed again in plain steps', () => {
  for (const group of [secp256k1Group, p256Group]) {
    const signers = [1, 3, 4];
    const session = insecureSeeded('plain/session')(32);
    const term = (low: number, high: number): bigint => {
      const pairing = of(low).get(high);
      assert.ok(pairing !== undefined);
      const parts = ['symbolon/zero-share/1', group.name, session, signers, low, high, pairing.id];
      const mac = createHmac('sha512', pairing.zeroSeed).update(encodeCbor(parts)).digest('hex');
      return BigInt(`0x${mac.slice(0, 96)}`);
    };
    const wanted = group.encodeScalar(group.reduce(term(3, 4) - term(1, 3)));
    assert.deepEqual(sharesOf(group, signers, 'plain')[1], wanted);
  }
});

test('the two curves have unrelated shares in one session', () => {
  const [a, b] = [secp256k1Group, p256Group].map((group) =>
    toHex(sharesOf(group, [1, 2], 'curves')[0] ?? new Uint8Array()),
  );
  assert.notEqual(a, b);
});

test('a signer without a pairing, a stranger, and a session id of another length are refused', () => {
  const session = insecureSeeded('refused')(32);
  const base = { group: secp256k1Group, index: 1, signers: [1, 2], session, pairings: of(1) };
  assert.throws(
    () => zeroShare({ ...base, signers: [1, 2, 9] }),
    (error) => isSymbolonError(error, 'threshold/unexpected-party') && error.facts.party === 9,
  );
  assert.throws(
    () => zeroShare({ ...base, index: 3 }),
    (error) => isSymbolonError(error, 'threshold/bad-parameters'),
  );
  assert.throws(
    () => zeroShare({ ...base, session: new Uint8Array(16) }),
    (error) => isSymbolonError(error, 'threshold/bad-parameters'),
  );
});
