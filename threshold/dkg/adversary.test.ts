/** One party of three cheats (index 2); the others must stop and name it, or come to a valid key. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import {
  badPoints,
  flipped,
  makeDealer,
  type Dealer,
  type DealerOptions,
} from '../../test/threshold/dealer.ts';
import { joinedKey } from '../../test/threshold/joined.ts';
import { runDkg, sessionOf, type DkgSetting } from '../../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { schemes, toHex, type Scheme } from '../../wire/ids.ts';
import type { KeyShare } from '../index.ts';
import { groupOf } from '../scheme.ts';

const cheater = 2;
const participants = [1, 2, 3];

const named =
  (code: ErrorCode, party: number = cheater) =>
  (error: unknown): boolean => {
    assert.ok(isSymbolonError(error, code), String(error));
    assert.equal((error.facts as { readonly party?: number }).party, party);
    return true;
  };

/** Only this party's view is tampered with; it is the one that must notice. */
type Tamper = Pick<DkgSetting, 'onRound1' | 'onRound2'>;
const at = (receiver: number, change: Tamper): Tamper => ({
  onRound1: (who, commitments) => {
    if (who === receiver) {
      change.onRound1?.(who, commitments);
    }
  },
  onRound2: (who, openings, shares) => {
    if (who === receiver) {
      change.onRound2?.(who, openings, shares);
    }
  },
});

/** Puts a dealer in the place of the cheater, for the receiver. */
const replacedBy = (dealer: Dealer, to: number): Tamper => ({
  onRound1: (_, commitments) => {
    commitments.set(cheater, dealer.commitment);
  },
  onRound2: (_, openings, shares) => {
    openings.set(cheater, dealer.opening);
    shares.set(cheater, dealer.shareFor(to));
  },
});

for (const scheme of schemes) {
  const group = groupOf(scheme);
  const seed = `adversary/${scheme}`;
  const base = { scheme, threshold: 2, participants, seed };
  const run = (tamper: Tamper, receiver = 1): KeyShare => {
    const share = runDkg({ ...base, ...at(receiver, tamper) }).shares.get(receiver);
    assert.ok(share !== undefined);
    return share;
  };
  const dealer = (options: Partial<DealerOptions>): Dealer =>
    makeDealer({ ...base, party: cheater, ...options });
  const refuses = (what: string, code: ErrorCode, make: () => Tamper, receiver = 1): void => {
    test(`${scheme}: ${what}: ${code} names party ${cheater}`, () => {
      assert.throws(() => run(make(), receiver), named(code));
    });
  };
  const setCommitment = (change: (raw: Uint8Array, all: Map<number, Uint8Array>) => Uint8Array): Tamper => ({
    onRound1: (_, all) => {
      all.set(cheater, change(all.get(cheater) ?? new Uint8Array(), all));
    },
  });
  const setOpening = (change: (raw: Uint8Array, all: Map<number, Uint8Array>) => Uint8Array): Tamper => ({
    onRound2: (_, all) => {
      all.set(cheater, change(all.get(cheater) ?? new Uint8Array(), all));
    },
  });
  const setShare = (change: (raw: Uint8Array, all: Map<number, Uint8Array>) => Uint8Array): Tamper => ({
    onRound2: (_, __, all) => {
      all.set(cheater, change(all.get(cheater) ?? new Uint8Array(), all));
    },
  });
  const other = (all: Map<number, Uint8Array>): Uint8Array => all.get(3) ?? new Uint8Array();

  test(`${scheme}: the test's own honest dealer passes, so that what fails below fails for its change`, () => {
    run(replacedBy(dealer({}), 1));
  });

  // Round 1: the hash commitment.
  refuses('a commitment with one bit changed', 'threshold/opening-mismatch', () =>
    setCommitment((raw) => flipped(raw, raw.length * 8 - 1)),
  );
  refuses('a truncated commitment', 'threshold/malformed-message', () =>
    setCommitment((raw) => raw.slice(1)),
  );
  refuses('an empty commitment', 'threshold/malformed-message', () => setCommitment(() => new Uint8Array()));
  refuses("another party's commitment", 'threshold/opening-mismatch', () =>
    setCommitment((_, all) => other(all)),
  );
  refuses('an absent commitment', 'threshold/message-missing', () => ({
    onRound1: (_, all) => {
      all.delete(cheater);
    },
  }));

  // Round 2: the opening, changed after it was committed to. Every bit of every field counts.
  for (const bit of [0, 7, 100, 400, 700, 1_000]) {
    refuses(`an opening with bit ${bit} changed after the commitment`, 'threshold/opening-mismatch', () =>
      setOpening((raw) => flipped(raw, bit)),
    );
  }
  refuses('a truncated opening', 'threshold/opening-mismatch', () => setOpening((raw) => raw.slice(0, -1)));
  refuses("another party's opening", 'threshold/opening-mismatch', () => setOpening((_, all) => other(all)));
  refuses('T34: an opening above its cap', 'threshold/malformed-message', () =>
    setOpening(() => new Uint8Array(2_049)),
  );
  refuses('an absent opening', 'threshold/message-missing', () => ({
    onRound2: (_, all) => {
      all.delete(cheater);
    },
  }));

  // Round 2: an opening that is committed to as it is sent.
  refuses('T17: a polynomial of degree t', 'threshold/bad-coefficients', () =>
    replacedBy(dealer({ coefficients: 3 }), 1),
  );
  test(`${scheme}: T17: a polynomial of degree t - 2: threshold/bad-coefficients names party ${cheater}`, () => {
    const setting = { ...base, threshold: 3 };
    const low = makeDealer({ ...setting, party: cheater, coefficients: 2 });
    assert.throws(
      () => runDkg({ ...setting, ...at(1, replacedBy(low, 1)) }),
      named('threshold/bad-coefficients'),
    );
  });
  for (const k of [0, 1]) {
    for (const [what, point] of badPoints(scheme)) {
      refuses(`T17: coefficient ${k} is ${what}`, 'threshold/bad-coefficients', () =>
        replacedBy(dealer({ points: (all) => all.with(k, point) }), 1),
      );
    }
  }
  for (const [what, point] of badPoints(scheme)) {
    refuses(`a proof whose point is ${what}`, 'threshold/malformed-message', () =>
      replacedBy(dealer({ fields: (fields) => ({ ...fields, proofPoint: point }) }), 1),
    );
  }
  refuses('a proof whose scalar is changed', 'threshold/bad-proof', () =>
    replacedBy(dealer({ fields: (f) => ({ ...f, proofScalar: flipped(f.proofScalar, 128) }) }), 1),
  );
  refuses('a proof whose scalar is zero', 'threshold/bad-proof', () =>
    replacedBy(dealer({ fields: (f) => ({ ...f, proofScalar: new Uint8Array(32) }) }), 1),
  );
  refuses('a proof whose scalar is the order', 'threshold/malformed-message', () =>
    replacedBy(dealer({ fields: (f) => ({ ...f, proofScalar: group.encodeScalar(group.order) }) }), 1),
  );
  refuses('T18: a proof made for another session', 'threshold/bad-proof', () =>
    replacedBy(dealer({ proofFor: { session: sessionOf('other') } }), 1),
  );
  refuses('T18: a proof made for another index', 'threshold/bad-proof', () =>
    replacedBy(dealer({ proofFor: { party: 3 } }), 1),
  );
  refuses('T18: a proof made for the other scheme', 'threshold/bad-proof', () => {
    const otherScheme: Scheme = scheme === 'frost-ed25519' ? 'frost-secp256k1-tr' : 'frost-ed25519';
    return replacedBy(dealer({ proofFor: { scheme: otherScheme } }), 1);
  });
  refuses("T17: the whole opening of another party under the cheater's index", 'threshold/bad-proof', () =>
    replacedBy({ ...dealer({}), ...copyOf(makeDealer({ ...base, party: 3 }), dealer) }, 1),
  );
  refuses('T17: a constant term that cancels those of the others (rogue key)', 'threshold/bad-proof', () =>
    replacedBy(
      dealer({
        points: (all) => {
          const victim = group.decode(makeDealer({ ...base, party: 3 }).fields.coefficients[0] ?? noBytes);
          const own = group.decode(all[0] ?? noBytes);
          assert.ok(victim !== undefined && own !== undefined);
          return all.with(0, group.encode(group.add(own, group.negate(victim))));
        },
      }),
      1,
    ),
  );
  test(`${scheme}: another contribution to the chain code, committed to, is a valid one`, () => {
    const changed = dealer({ fields: (f) => ({ ...f, chainCode: flipped(f.chainCode) }) });
    const share = run(replacedBy(changed, 1));
    assert.notDeepEqual(share.public.chainCode, run(replacedBy(dealer({}), 1)).public.chainCode);
  });

  // Round 2: the dealt share.
  refuses('a dealt share with one bit changed', 'threshold/bad-dealt-share', () =>
    setShare((raw) => flipped(raw, 130)),
  );
  refuses('a dealt share of zero', 'threshold/bad-dealt-share', () => setShare(() => new Uint8Array(32)));
  refuses('a dealt share not below the order', 'threshold/malformed-message', () =>
    setShare(() => group.encodeScalar(group.order)),
  );
  refuses('a truncated dealt share', 'threshold/malformed-message', () => setShare((raw) => raw.slice(1)));
  refuses("another party's dealt share", 'threshold/bad-dealt-share', () => setShare((_, all) => other(all)));
  refuses('a share dealt for another receiver', 'threshold/bad-dealt-share', () => {
    const honest = dealer({});
    return replacedBy({ ...honest, shareFor: () => honest.shareFor(3) }, 1);
  });
  refuses('an absent dealt share', 'threshold/message-missing', () => ({
    onRound2: (_, __, all) => {
      all.delete(cheater);
    },
  }));

  // Messages under an index that has no place.
  for (const index of [0, 1, 4, 33]) {
    test(`${scheme}: T17: a message under index ${index} is refused by that index, in each round`, () => {
      const add = (all: Map<number, Uint8Array>): void => {
        all.set(index, other(all));
      };
      const unexpected = named('threshold/unexpected-party', index);
      assert.throws(
        () =>
          run({
            onRound1: (_, all) => {
              add(all);
            },
          }),
        unexpected,
      );
      assert.throws(
        () =>
          run({
            onRound2: (_, all) => {
              add(all);
            },
          }),
        unexpected,
      );
      assert.throws(
        () =>
          run({
            onRound2: (_, __, all) => {
              add(all);
            },
          }),
        unexpected,
      );
    });
  }

  test(`${scheme}: T16: a party that sends two openings is found by the confirmations`, () => {
    const twin = dealer({ fields: (f) => ({ ...f, chainCode: flipped(f.chainCode) }) });
    const { confirmations } = runDkg({ ...base, ...at(1, replacedBy(twin, 1)) });
    const seen = [1, 2, 3].map((index) => toHex(confirmations.get(index) ?? noBytes));
    assert.notEqual(seen[0], seen[1]);
    assert.equal(seen[1], seen[2]);
  });

  test(`${scheme}: T16: another commitment under the same opening cannot be, and another key shows in the confirmation`, () => {
    const twin = dealer({});
    const { confirmations, shares } = runDkg({ ...base, ...at(1, replacedBy(twin, 1)) });
    assert.notDeepEqual(shares.get(1)?.public.groupPublicKey, shares.get(3)?.public.groupPublicKey);
    assert.notDeepEqual(confirmations.get(1), confirmations.get(3));
  });

  test(`${scheme}: after a run with a replaced dealer that is honest, the shares are those of the key`, () => {
    // All receivers see the same replaced dealer, so their keys agree.
    const honest = dealer({});
    const { shares } = runDkg({
      ...base,
      onRound1: (_, all) => {
        if (all.has(cheater)) {
          all.set(cheater, honest.commitment);
        }
      },
      onRound2: (who, openings, dealt) => {
        if (openings.has(cheater)) {
          openings.set(cheater, honest.opening);
          dealt.set(cheater, honest.shareFor(who));
        }
      },
    });
    const joined = [1, 3].flatMap((index) => shares.get(index) ?? []);
    assert.equal(joinedKey(joined), toHex(joined[0]?.public.groupPublicKey ?? noBytes));
  });
}

const noBytes = new Uint8Array();

/** The opening of another party, but committed to under the cheater's own index. */
function copyOf(
  victim: Dealer,
  dealer: (options: Partial<DealerOptions>) => Dealer,
): Pick<Dealer, 'commitment' | 'opening'> {
  const { commitment, opening } = dealer({ opening: () => victim.opening });
  return { commitment, opening };
}

const torsion = ed25519.Point.fromHex(`ec${'ff'.repeat(30)}7f`);
/** Adds the point of order two to an encoded element. */
const withTorsion = (raw: Uint8Array): Uint8Array => ed25519.Point.fromBytes(raw).add(torsion).toBytes();

// At even indices two times a point of order two is the identity: the share equation alone would not see it.
for (const receiver of [4, 6]) {
  for (const k of [0, 1]) {
    test(`T17: frost-ed25519: coefficient ${k} outside the prime-order subgroup: party ${receiver} names the cheater`, () => {
      const setting: DkgSetting = {
        scheme: 'frost-ed25519',
        threshold: 2,
        participants: [2, 4, 6],
        seed: 'torsion',
      };
      const bad = makeDealer({
        ...setting,
        party: cheater,
        points: (all) => all.with(k, withTorsion(all[k] ?? noBytes)),
      });
      assert.throws(
        () => runDkg({ ...setting, ...at(receiver, replacedBy(bad, receiver)) }),
        named('threshold/bad-coefficients'),
      );
    });
  }
}
