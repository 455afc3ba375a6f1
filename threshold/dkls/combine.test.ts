/** Signature shares that make no signature, and what can be said of whose fault it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digest, refusedWith, sharesWith, signers } from '../../test/threshold/cheating.ts';
import { flipped } from '../../test/threshold/dealer.ts';
import { combined, ecdsaSetting, signRuns } from '../../test/threshold/ecdsa.ts';
import { driveRuns } from '../../test/threshold/run.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { ecdsaSchemes } from '../../wire/ids.ts';
import { integerOf } from '../group/integers.ts';
import { groupOf } from '../scheme.ts';
import { combineEcdsa } from './combine.ts';
import { ecdsaShare } from './messages.ts';

const empty = new Uint8Array();

for (const scheme of ecdsaSchemes) {
  const group = groupOf(scheme);
  const setting = ecdsaSetting(scheme, 3, [1, 2, 3, 4], `combine/${scheme}`);
  const { broadcasts } = driveRuns(signRuns(setting, { signers, digest, seed: 'combine' }));
  const shares = broadcasts.at(-1) ?? new Map<number, Uint8Array>();
  const combine = (
    change: (all: Map<number, Uint8Array>) => void,
    own?: number,
    other: Partial<Parameters<typeof combineEcdsa>[0]> = {},
  ): unknown => {
    const all = new Map(shares);
    change(all);
    return combineEcdsa({
      public: setting.public,
      path: [],
      digest,
      shares: all,
      ...(own === undefined ? {} : { own }),
      ...other,
    });
  };
  const named =
    (...parties: string[]) =>
    (error: unknown): boolean => {
      assert.ok(isSymbolonError(error, 'threshold/bad-signature-shares'), String(error));
      assert.deepEqual(error.facts.parties, parties);
      return true;
    };
  test(`${scheme}: E20: exactly t shares, all of holders, each well-formed`, () => {
    combined(setting, { digest }, shares);
    assert.throws(() => combine((all) => all.delete(2)), refusedWith('threshold/bad-parameters'));
    assert.throws(
      () => combine((all) => all.set(4, shares.get(1) ?? empty)),
      refusedWith('threshold/bad-parameters'),
    );
    assert.throws(
      () =>
        combine((all) => {
          all.delete(2);
          all.set(7, shares.get(2) ?? empty);
        }),
      refusedWith('threshold/unexpected-party', 7),
    );
    assert.throws(() => combine((all) => all.set(2, empty)), refusedWith('threshold/malformed-message', 2));
    for (const name of ['w', 'u'] as const) {
      assert.throws(
        () => combine(sharesWith(2, (f) => ({ ...f, [name]: new Uint8Array(32).fill(0xff) }))),
        refusedWith('threshold/malformed-message', 2),
      );
    }
    assert.throws(
      () => combine(() => undefined, undefined, { digest: new Uint8Array(31) }),
      refusedWith('threshold/bad-parameters'),
    );
  });
  test(`${scheme}: E21: a signer with another nonce is named by one that knows its own, and by nobody else`, () => {
    const other = sharesWith(2, (f) => ({ ...f, nonce: group.encode(group.generator) }));
    assert.throws(() => combine(other, 1), named('2'));
    assert.throws(() => combine(other, 3), named('2'));
    assert.throws(() => combine(other), refusedWith('threshold/bad-signature'));
    const all = (change: Map<number, Uint8Array>): void => {
      for (const party of signers) {
        sharesWith(party, (f) => ({ ...f, nonce: new Uint8Array(33) }))(change);
      }
    };
    assert.throws(() => combine(all, 1), refusedWith('threshold/bad-signature'));
  });
  test(`${scheme}: T40: E22: shares that make no signature, sums of zero, another digest or path: no signature, nobody named`, () => {
    const failed = refusedWith('threshold/bad-signature');
    assert.throws(() => combine(sharesWith(2, (f) => ({ ...f, w: flipped(f.w, 255) }))), failed);
    assert.throws(() => combine(sharesWith(2, (f) => ({ ...f, u: new Uint8Array(32) }))), failed);
    assert.throws(() => combine(() => undefined, undefined, { digest: flipped(digest) }), failed);
    assert.throws(() => combine(() => undefined, undefined, { path: [1] }), failed);
    for (const name of ['w', 'u'] as const) {
      const zeroed = (all: Map<number, Uint8Array>): void => {
        for (const party of signers) {
          sharesWith(party, (f) => ({ ...f, [name]: new Uint8Array(32) }))(all);
        }
      };
      assert.throws(() => combine(zeroed), failed);
    }
  });
  test(`${scheme}: E22: the recovery number is that of the signature, whatever the last signer made of the sum`, () => {
    const honest = combined(setting, { digest }, shares);
    // Whoever sends last knows all other shares, and can turn s into q - s.
    const sum = [...shares.values()].reduce(
      (all, raw) => all + integerOf(ecdsaShare.decode(raw).w, false),
      0n,
    );
    const turned = (w: Uint8Array): Uint8Array =>
      group.encodeScalar(group.reduce(integerOf(w, false) - 2n * sum));
    assert.deepEqual(
      combine(
        sharesWith(2, (f) => ({ ...f, w: turned(f.w) })),
        1,
      ),
      honest,
    );
  });
}
