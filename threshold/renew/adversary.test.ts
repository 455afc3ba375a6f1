/**
 * One party of a refresh or reshare cheats in the meaning of what it sends, not in its form: party 1 must stop and name it.
 * Party 2 is the cheater; what it commits to is what it opens, unless a test says otherwise.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { badPoints, flipped } from '../../test/threshold/dealer.ts';
import { joinedSecret } from '../../test/threshold/joined.ts';
import { runRefresh, runReshare, type Renewed } from '../../test/threshold/renew.ts';
import {
  makeRenewDealer,
  replacedByDealer,
  type RenewDealer,
  type RenewDealerOptions,
} from '../../test/threshold/renewDealer.ts';
import { dealKey, insecureSeeded, sessionOf, type Delivery } from '../../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { schemes, toHex } from '../../wire/ids.ts';
import type { SecretScalar } from '../group/group.ts';
import { checkKeyShare, encodeKeyPublic, type KeyPublic } from '../index.ts';
import { evaluate, lagrangeCoefficient } from '../polynomial.ts';
import { groupOf } from '../scheme.ts';

const cheater = 2;
const named =
  (code: ErrorCode, party: number = cheater) =>
  (error: unknown): boolean => {
    assert.ok(isSymbolonError(error, code), String(error));
    assert.equal((error.facts as { readonly party?: number }).party, party);
    return true;
  };
const noBytes = new Uint8Array();

/** Tampers with what one party is about to get from the cheater. */
const tampered =
  (round: number, receiver: number, change: (delivery: Delivery) => void) =>
  (delivery: Delivery): void => {
    if (delivery.round === round && delivery.receiver === receiver) {
      change(delivery);
    }
  };

for (const scheme of schemes) {
  const group = groupOf(scheme);
  const { scalars } = group;
  const seed = `renew adversary/${scheme}`;
  const participants = [1, 2, 3];
  const shares = dealKey({ scheme, threshold: 3, participants, seed });
  const present = shares.get(1)?.public;
  assert.ok(present !== undefined);
  const secretOf = (index: number): SecretScalar => shares.get(index)?.secret ?? noBytes;
  const draw = insecureSeeded(`${seed}/cheater`);
  const drawn = (count: number): SecretScalar[] => Array.from({ length: count }, () => scalars.random(draw));
  const zero = new Uint8Array(32);

  const refreshContext = {
    kind: 'refresh',
    session: sessionOf(seed),
    dealers: participants,
    participants,
    threshold: 3,
  } as const;
  const refreshDealer = (change: Partial<RenewDealerOptions> = {}): RenewDealer =>
    makeRenewDealer({
      party: cheater,
      present,
      context: refreshContext,
      coefficients: [zero, ...drawn(2)],
      ...change,
    });
  const refreshWith = (onDelivery: (delivery: Delivery) => void): Renewed =>
    runRefresh(shares, seed, onDelivery);

  // From three holders, all of which deal, to three others: 3 departs, 5 comes.
  const next = [1, 2, 5];
  const reshareContext = {
    kind: 'reshare',
    session: sessionOf(seed),
    dealers: participants,
    participants: next,
    threshold: 2,
  } as const;
  const weighted = (index: number, dealers: readonly number[] = participants): SecretScalar =>
    scalars.multiply(group.encodeScalar(lagrangeCoefficient(group, dealers, index)), secretOf(index));
  const reshareDealer = (change: Partial<RenewDealerOptions> = {}): RenewDealer =>
    makeRenewDealer({
      party: cheater,
      present,
      context: reshareContext,
      coefficients: [weighted(cheater), ...drawn(1)],
      ...change,
    });
  const reshareWith = (onDelivery: (delivery: Delivery) => void): Renewed =>
    runReshare({ shares, dealers: participants, participants: next, threshold: 2, seed, onDelivery });

  const protocols = [
    ['refresh', refreshDealer, refreshWith, 3, 2],
    ['reshare', reshareDealer, reshareWith, 2, 2],
  ] as const;
  for (const [name, dealer, run, threshold, sent] of protocols) {
    const refuses = (what: string, code: ErrorCode, make: () => RenewDealer): void => {
      test(`${scheme}: ${name}: ${what}: ${code} names party ${cheater}`, () => {
        assert.throws(() => run(replacedByDealer(make(), 1)), named(code));
      });
    };

    test(`${scheme}: ${name}: the test's own honest dealer passes, so that what fails below fails for its change`, () => {
      const { next: made } = run(replacedByDealer(dealer()));
      const honest = [...made.values()].filter(({ index }) => index !== cheater).slice(0, threshold);
      if (honest.length === threshold) {
        const secret = joinedSecret([...shares.values()]);
        assert.equal(joinedSecret(honest), secret);
      }
      for (const share of honest) {
        checkKeyShare(share);
      }
    });

    // R5, T18: a commitment under any other context is none of this run.
    for (const [what, hashedWith] of [
      ['session', { session: sessionOf('other') }],
      ['protocol', { kind: name === 'refresh' ? 'reshare' : 'refresh' }],
      ['set of dealers', { dealers: [1, 2] }],
      ['set of receivers', { participants: [1, 2, 3, 4] }],
      ['threshold', { threshold: refreshContext.threshold + 1 }],
      ['next generation', { generation: 3 }],
      ['public data before', { present: encodeKeyPublic({ ...present, chainCode: new Uint8Array(32) }) }],
    ] as const) {
      refuses(`T18: an opening hashed with another ${what}`, 'threshold/opening-mismatch', () =>
        dealer({ hashedWith }),
      );
    }
    refuses('T20: R4: another generation', 'threshold/wrong-generation', () => dealer({ generation: 2 }));
    refuses('R6: a coefficient too many', 'threshold/bad-coefficients', () =>
      dealer({ points: (all) => [...all, ...all.slice(-1)] }),
    );
    refuses('R6: T17: a coefficient too few', 'threshold/bad-coefficients', () =>
      dealer({ points: (all) => all.slice(1) }),
    );
    refuses('R6: no coefficients', 'threshold/bad-coefficients', () => dealer({ points: () => [] }));
    for (let k = 0; k < sent; k += 1) {
      for (const [what, point] of badPoints(scheme)) {
        refuses(`T17: R7: point ${k} is ${what}`, 'threshold/bad-coefficients', () =>
          dealer({ points: (all) => all.with(k, point) }),
        );
      }
    }

    // R9: the dealt share.
    const setShare = (what: string, code: ErrorCode, change: (raw: Uint8Array) => Uint8Array): void => {
      test(`${scheme}: ${name}: R9: ${what}: ${code} names party ${cheater}`, () => {
        assert.throws(
          () =>
            run(
              tampered(3, 1, ({ pairwise }) => {
                pairwise.set(cheater, change(pairwise.get(cheater) ?? noBytes));
              }),
            ),
          named(code),
        );
      });
    };
    setShare('a dealt share with one bit changed', 'threshold/bad-dealt-share', (raw) => flipped(raw, 130));
    setShare('a dealt share of zero', 'threshold/bad-dealt-share', () => zero);
    setShare('a dealt share not below the order', 'threshold/malformed-message', () =>
      group.encodeScalar(group.order),
    );
    setShare('a truncated dealt share', 'threshold/malformed-message', (raw) => raw.slice(1));
    refuses('R9: another polynomial dealt than committed to', 'threshold/bad-dealt-share', () => {
      const coefficients = name === 'refresh' ? [zero, ...drawn(2)] : [weighted(cheater), ...drawn(1)];
      return dealer({ coefficients, dealt: [coefficients[0] ?? zero, ...drawn(coefficients.length - 1)] });
    });

    // Check 3: messages that are absent, or under an index that has no place.
    test(`${scheme}: ${name}: an absent message names who did not send it`, () => {
      for (const round of [2, 3]) {
        const dropped = tampered(round, 1, ({ broadcasts }) => broadcasts.delete(cheater));
        assert.throws(() => run(dropped), named('threshold/message-missing'));
      }
      const share = tampered(3, 1, ({ pairwise }) => pairwise.delete(cheater));
      assert.throws(() => run(share), named('threshold/message-missing'));
    });
    for (const index of [0, 1, 4, 33]) {
      test(`${scheme}: ${name}: T17: a message under index ${index} is refused by that index`, () => {
        for (const round of [2, 3]) {
          const added = tampered(round, 1, ({ broadcasts }) =>
            broadcasts.set(index, broadcasts.get(cheater) ?? noBytes),
          );
          assert.throws(() => run(added), named('threshold/unexpected-party', index));
        }
        const share = tampered(3, 1, ({ pairwise }) => pairwise.set(index, zero));
        assert.throws(() => run(share), named('threshold/unexpected-party', index));
      });
    }

    test(`${scheme}: ${name}: T16: two openings to two parties are found by the confirmations`, () => {
      const twin = dealer();
      const { broadcasts } = run(replacedByDealer(twin, 1));
      const seen = [...(broadcasts[2]?.entries() ?? [])].map(([index, raw]) => [index, toHex(raw)] as const);
      const others = seen.filter(([index]) => index !== 1).map(([, hex]) => hex);
      assert.equal(new Set(others).size, 1);
      assert.notEqual(seen.find(([index]) => index === 1)?.[1], others[0]);
    });

    test(`${scheme}: ${name}: T21: after a run that failed the old shares are as they were and renew in a new run`, () => {
      const before = [...shares.values()].map(({ secret }) => toHex(secret));
      assert.throws(() => run(replacedByDealer(dealer({ points: () => [] }), 1)));
      assert.deepEqual(
        [...shares.values()].map(({ secret }) => toHex(secret)),
        before,
      );
      for (const share of shares.values()) {
        checkKeyShare(share);
      }
      const again = run(() => undefined);
      assert.equal([...again.next.values()][0]?.public.generation, 2);
    });
  }

  // What only a refresh can be cheated in: the constant term.
  test(`${scheme}: refresh: R6: T17: a constant term that is sent names party ${cheater}`, () => {
    const [constant = zero] = drawn(1);
    const dealer = refreshDealer({
      points: (all) => [group.encode(group.baseProduct(constant)), ...all],
    });
    assert.throws(() => refreshWith(replacedByDealer(dealer, 1)), named('threshold/bad-coefficients'));
  });
  test(`${scheme}: refresh: R9: T41: a constant term that is not zero shows in the dealt share`, () => {
    const coefficients = [...drawn(1), ...drawn(2)];
    assert.throws(
      () => refreshWith(replacedByDealer(refreshDealer({ coefficients }), 1)),
      named('threshold/bad-dealt-share'),
    );
  });
  test(`${scheme}: refresh: R11: a share that would be zero is refused`, () => {
    // What no party can know of another: here the cheater knows the polynomials of all.
    const honest = runRefresh(shares, seed).next.get(1);
    const own = runRefresh(shares, seed).pairwise[1]?.get(cheater)?.get(1);
    assert.ok(honest !== undefined && own !== undefined);
    const wanted = scalars.subtract(own, honest.secret);
    const [first = zero] = drawn(1);
    // f(1) = a_1 + a_2.
    const coefficients = [zero, first, scalars.subtract(wanted, first)];
    assert.deepEqual(evaluate(group, coefficients, 1), wanted);
    assert.throws(
      () => refreshWith(replacedByDealer(refreshDealer({ coefficients }), 1)),
      (error) => isSymbolonError(error, 'threshold/degenerate-value'),
    );
  });

  // What only a reshare can be cheated in: whose secret is dealt.
  const constants: readonly (readonly [string, () => SecretScalar])[] = [
    ['a secret of its own choice', () => drawn(1)[0] ?? zero],
    ['its share without its weight', () => secretOf(cheater)],
    ['its share weighted for other dealers', () => weighted(cheater, [1, 2, 4])],
    ["another dealer's weighted share", () => weighted(3)],
    ['its negated weighted share', () => scalars.negate(weighted(cheater))],
  ];
  for (const [what, constant] of constants) {
    test(`${scheme}: reshare: R8: T41: ${what} is dealt: threshold/other-public-key names party ${cheater}`, () => {
      const dealer = reshareDealer({ coefficients: [constant(), ...drawn(1)] });
      for (const receiver of [1, 3, 5]) {
        // A departing dealer (3) and a new holder (5) see it as well.
        assert.throws(
          () => reshareWith(replacedByDealer(dealer, receiver)),
          named('threshold/other-public-key'),
        );
      }
    });
  }
  test(`${scheme}: reshare: T17: a constant term that cancels the others' (rogue key) names party ${cheater}`, () => {
    const shift = (all: Uint8Array[]): Uint8Array[] => {
      const [own, other] = [group.decode(all[0] ?? noBytes), group.decode(present.groupPublicKey)];
      assert.ok(own !== undefined && other !== undefined);
      return all.with(0, group.encode(group.add(own, group.negate(other))));
    };
    const dealer = reshareDealer({ points: shift });
    assert.throws(() => reshareWith(replacedByDealer(dealer, 1)), named('threshold/other-public-key'));
  });
  test(`${scheme}: reshare: R6: a party that is no dealer and opens a polynomial is named`, () => {
    const party = 5;
    const dealer = reshareDealer({ party, coefficients: drawn(2) });
    assert.throws(() => reshareWith(replacedByDealer(dealer, 1)), named('threshold/bad-coefficients', party));
  });
  test(`${scheme}: reshare: a dealt share from a party that is no dealer, or to one that departs, is refused`, () => {
    const fromNoDealer = tampered(3, 1, ({ pairwise }) => pairwise.set(5, zero));
    assert.throws(() => reshareWith(fromNoDealer), named('threshold/unexpected-party', 5));
    const toDeparting = tampered(3, 3, ({ pairwise }) => pairwise.set(1, zero));
    assert.throws(() => reshareWith(toDeparting), named('threshold/unexpected-party', 1));
  });

  // A party whose record of the key is not what the others' is.
  const otherRecords: readonly (readonly [string, (key: KeyPublic) => KeyPublic])[] = [
    ['chain code', (key) => ({ ...key, chainCode: new Uint8Array(32).fill(7) })],
    ['group key', (key) => ({ ...key, groupPublicKey: key.verifyingShares.get(1) ?? noBytes })],
    [
      'verifying share of another party',
      (key) => ({
        ...key,
        verifyingShares: new Map([...key.verifyingShares, [3, key.verifyingShares.get(1) ?? noBytes]]),
      }),
    ],
  ];
  for (const [what, change] of otherRecords) {
    test(`${scheme}: R5: a party with another ${what} in its record is at odds with all from round 2 on`, () => {
      const odd = shares.get(cheater);
      assert.ok(odd !== undefined);
      const mixed = new Map([...shares, [cheater, { ...odd, public: change(odd.public) }]]);
      assert.throws(() => runRefresh(mixed, seed), named('threshold/opening-mismatch'));
      assert.throws(
        () =>
          runReshare({
            shares,
            dealers: participants,
            participants: next,
            threshold: 2,
            seed,
            publicFor: (party, key) => (party === cheater ? change(key) : key),
          }),
        named('threshold/opening-mismatch'),
      );
    });
  }
  test(`${scheme}: R10: T41: verifying shares that do not make up the key, in the records of all, are refused`, () => {
    // The dealers' own shares fit their verifying shares; the key is another.
    const other = dealKey({ scheme, threshold: 3, participants, seed: 'another' }).get(1)?.public;
    assert.ok(other !== undefined);
    const wrong = (key: KeyPublic): KeyPublic => ({ ...key, groupPublicKey: other.groupPublicKey });
    const all = new Map(
      [...shares].map(([index, share]) => [index, { ...share, public: wrong(share.public) }]),
    );
    assert.throws(() => runRefresh(all, seed), named('threshold/other-public-key', 1));
    assert.throws(
      () =>
        runReshare({
          shares,
          dealers: participants,
          participants: next,
          threshold: 2,
          seed,
          publicFor: (_, key) => wrong(key),
        }),
      named('threshold/other-public-key', 1),
    );
  });
  test(`${scheme}: R10: a single verifying share off the polynomial, in the records of all, is refused in a refresh`, () => {
    const wide = dealKey({ scheme, threshold: 2, participants, seed: 'wide' });
    const key = wide.get(1)?.public;
    assert.ok(key !== undefined);
    const bad: KeyPublic = {
      ...key,
      verifyingShares: new Map([...key.verifyingShares, [3, key.verifyingShares.get(2) ?? noBytes]]),
    };
    // Party 3 would notice for itself (R1); here its share is changed with its verifying share.
    const all = new Map(
      [...wide].map(([index, share]) => [
        index,
        { ...share, public: bad, secret: index === 3 ? (wide.get(2)?.secret ?? noBytes) : share.secret },
      ]),
    );
    assert.throws(() => runRefresh(all, seed), named('threshold/other-public-key', 1));
  });
  test(`${scheme}: a point of the record that does not decode is no point of a key`, () => {
    const [bad] = badPoints(scheme).filter(([, point]) => point.length === group.elementBytes);
    const broken = (key: KeyPublic): KeyPublic => ({ ...key, groupPublicKey: bad?.[1] ?? noBytes });
    const all = new Map(
      [...shares].map(([index, share]) => [index, { ...share, public: broken(share.public) }]),
    );
    assert.throws(
      () => runRefresh(all, seed),
      (error) => isSymbolonError(error, 'threshold/bad-parameters'),
    );
  });
}
