/** One or two of three signers cheat, or the relay does: no wrong signature comes out, and the cheaters are named. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { badPoints, flipped } from '../../test/threshold/dealer.ts';
import { dealKey, indices, insecureSeeded } from '../../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import type { FrostScheme } from '../../wire/ids.ts';
import {
  aggregate,
  commit,
  encodeKeyPublic,
  decodeKeyPublic,
  frostCommitment,
  publicKeyOf,
  signShare,
  verifySignature,
  type KeyShare,
  type Tweak,
} from '../index.ts';
import { suiteOf } from '../scheme.ts';

type Messages = Map<number, Uint8Array>;
interface Changes {
  /** Changes what signer 1 is given as commitments. */
  readonly seenByOne?: (commitments: Messages) => void;
  /** Changes what everybody is given as commitments, before anybody signs. */
  readonly commitments?: (commitments: Messages) => void;
  /** Changes what the aggregator is given. */
  readonly shares?: (shares: Messages) => void;
  readonly aggregated?: (commitments: Messages) => void;
  /** What signer 3 signs instead. */
  readonly messageOfThree?: Uint8Array;
  readonly tweakOfThree?: Tweak;
  readonly pathOfThree?: readonly number[];
}

const named =
  (code: ErrorCode, party: number) =>
  (error: unknown): boolean => {
    assert.ok(isSymbolonError(error, code), String(error));
    assert.equal((error.facts as { readonly party?: number }).party, party);
    return true;
  };
const cheaters =
  (...parties: number[]) =>
  (error: unknown): boolean => {
    assert.ok(isSymbolonError(error, 'threshold/bad-signature-shares'), String(error));
    assert.deepEqual(error.facts.parties, parties.map(String));
    return true;
  };

const noBytes = new Uint8Array();
const message = new Uint8Array(32).fill(3);
const set = [1, 2, 3];

const settings: readonly (readonly [FrostScheme, Tweak, readonly number[]])[] = [
  ['frost-ed25519', 'none', []],
  ['frost-ed25519', 'none', [44, 0]],
  ['frost-secp256k1-tr', 'none', []],
  ['frost-secp256k1-tr', 'bip341', []],
  ['frost-secp256k1-tr', 'bip341', [86, 0, 7]],
];

for (const [scheme, tweak, path] of settings) {
  const { group } = suiteOf(scheme);
  const label = `${scheme} ${tweak} /${path.join('/')}`;
  const keys = dealKey({ scheme, threshold: 2, participants: indices(4), seed: label });
  const keyOf = (index: number): KeyShare => {
    const share = keys.get(index);
    assert.ok(share !== undefined);
    return share;
  };
  const { public: key } = keyOf(1);

  const sign = (changes: Changes): Uint8Array => {
    const first = set.map((index) => ({
      share: keyOf(index),
      ...commit({ share: keyOf(index), random: insecureSeeded(`${label}/${index}`) }),
    }));
    const commitments = new Map(first.map(({ share, commitment }) => [share.index, commitment]));
    changes.commitments?.(commitments);
    const seenByOne = new Map(commitments);
    changes.seenByOne?.(seenByOne);
    const shares = new Map(
      first.flatMap(({ share, nonces }) => {
        const cheats = share.index === 3;
        // A signer whose own commitment was changed on the way would stop; a cheater does not.
        const own = commitments.get(share.index) ?? noBytes;
        if (cheats && Buffer.compare(own, first[2]?.commitment ?? noBytes) !== 0) {
          return [[3, new Uint8Array(32)] as const];
        }
        return [
          [
            share.index,
            signShare({
              share,
              nonces,
              commitments: share.index === 1 ? seenByOne : commitments,
              message: cheats ? (changes.messageOfThree ?? message) : message,
              tweak: cheats ? (changes.tweakOfThree ?? tweak) : tweak,
              path: cheats ? (changes.pathOfThree ?? path) : path,
            }),
          ] as const,
        ];
      }),
    );
    changes.shares?.(shares);
    changes.aggregated?.(commitments);
    const signature = aggregate({ public: key, commitments, shares, message, tweak, path });
    assert.ok(verifySignature(scheme, publicKeyOf(key, tweak, path), message, signature));
    return signature;
  };
  const field = (raw: Uint8Array): ReturnType<typeof frostCommitment.decode> => frostCommitment.decode(raw);
  const setFields =
    (party: number, change: (f: ReturnType<typeof field>) => ReturnType<typeof field>) =>
    (all: Messages): void => {
      all.set(party, frostCommitment.encode(change(field(all.get(party) ?? noBytes))));
    };

  test(`${label}: nothing changed, the signature verifies`, () => {
    sign({});
  });

  // The signature shares.
  const wrongShares: readonly (readonly [string, (all: Messages) => void])[] = [
    ['one bit changed', (all) => all.set(3, flipped(all.get(3) ?? noBytes, 128))],
    ['zero', (all) => all.set(3, new Uint8Array(32))],
    ['not below the order', (all) => all.set(3, group.encodeScalar(group.order))],
    ['truncated', (all) => all.set(3, (all.get(3) ?? noBytes).slice(1))],
    ['empty', (all) => all.set(3, noBytes)],
    ["another signer's", (all) => all.set(3, all.get(2) ?? noBytes)],
  ];
  for (const [what, change] of wrongShares) {
    test(`${label}: a signature share that is ${what}: party 3 is named, and only it`, () => {
      assert.throws(() => sign({ shares: change }), cheaters(3));
    });
  }
  test(`${label}: two wrong shares: both are named, also where their errors cancel out to another sum`, () => {
    assert.throws(
      () =>
        sign({
          shares: (all) => {
            all.set(2, flipped(all.get(2) ?? noBytes, 128));
            all.set(3, noBytes);
          },
        }),
      cheaters(2, 3),
    );
  });
  test(`${label}: two shares swapped are the same sum, and the same signature`, () => {
    const swapped = sign({
      shares: (all) => {
        const two = all.get(2) ?? noBytes;
        all.set(2, all.get(3) ?? noBytes);
        all.set(3, two);
      },
    });
    assert.deepEqual(swapped, sign({}));
  });
  test(`${label}: two wrong shares with a right sum make a right signature`, () => {
    sign({
      shares: (all) => {
        const add = (party: number, by: bigint): void => {
          const z = group.decodeScalar(all.get(party) ?? noBytes) ?? 0n;
          all.set(party, group.encodeScalar(group.reduce(z + by)));
        };
        add(2, 5n);
        add(3, -5n);
      },
    });
  });
  test(`${label}: a signer that signs another message is named`, () => {
    assert.throws(() => sign({ messageOfThree: new Uint8Array(32) }), cheaters(3));
  });
  test(`T18: ${label}: a signer that signs under another path is named`, () => {
    for (const pathOfThree of [[...path, 0], [1]]) {
      assert.throws(() => sign({ pathOfThree }), cheaters(3));
    }
  });
  if (scheme === 'frost-secp256k1-tr') {
    test(`${label}: a signer that signs under the other tweak is named`, () => {
      assert.throws(() => sign({ tweakOfThree: tweak === 'none' ? 'bip341' : 'none' }), cheaters(3));
    });
  }
  test(`${label}: an absent share, and one too many, are refused by index`, () => {
    assert.throws(() => sign({ shares: (all) => all.delete(3) }), named('threshold/message-missing', 3));
    for (const index of [0, 4, 5]) {
      assert.throws(
        () => sign({ shares: (all) => all.set(index, new Uint8Array(32)) }),
        named('threshold/unexpected-party', index),
      );
    }
  });

  // The commitments.
  for (const [what, point] of badPoints(scheme)) {
    for (const name of ['hiding', 'binding'] as const) {
      test(`T17: ${label}: a ${name} commitment that is ${what}: party 3 is named`, () => {
        assert.throws(
          () => sign({ seenByOne: setFields(3, (f) => ({ ...f, [name]: point })) }),
          named('threshold/malformed-message', 3),
        );
      });
    }
  }
  test(`${label}: a commitment of another generation: party 3 is named`, () => {
    assert.throws(
      () => sign({ seenByOne: setFields(3, (f) => ({ ...f, generation: 2 })) }),
      named('threshold/wrong-generation', 3),
    );
  });
  test(`${label}: truncated, empty, over-long and non-canonical commitments: party 3 is named`, () => {
    for (const change of [
      (raw: Uint8Array) => raw.slice(0, -1),
      () => noBytes,
      () => new Uint8Array(129),
      (raw: Uint8Array) => Uint8Array.of(...raw, 0),
      (raw: Uint8Array) => flipped(raw, 0),
    ]) {
      assert.throws(
        () => sign({ seenByOne: (all) => all.set(3, change(all.get(3) ?? noBytes)) }),
        named('threshold/malformed-message', 3),
      );
    }
  });
  test(`${label}: the own commitment changed, gone or swapped: the signer stops before it signs`, () => {
    for (const change of [
      (all: Messages) => {
        all.delete(1);
      },
      (all: Messages) => {
        all.set(1, all.get(2) ?? noBytes);
      },
      setFields(1, (f) => ({ ...f, hiding: f.binding, binding: f.hiding })),
      setFields(1, (f) => ({ ...f, generation: 7 })),
    ]) {
      assert.throws(() => sign({ seenByOne: change }), named('threshold/own-commitment-changed', 1));
    }
  });
  test(`T17: ${label}: a commitment under an index that holds no share is refused by that index`, () => {
    for (const index of [0, 5, 33]) {
      assert.throws(
        () => sign({ seenByOne: (all) => all.set(index, all.get(2) ?? noBytes) }),
        named('threshold/unexpected-party', index),
      );
    }
  });
  test(`${label}: fewer commitments than the threshold are refused`, () => {
    assert.throws(
      () =>
        sign({
          seenByOne: (all) => {
            all.delete(2);
            all.delete(3);
          },
        }),
      (error) => isSymbolonError(error, 'threshold/bad-parameters'),
    );
  });
  test(`T16: ${label}: signer 1 is shown another commitment of party 3 (split view): no signature, and 1 is seen to differ`, () => {
    const other = commit({ share: keyOf(3), random: insecureSeeded('split') }).commitment;
    assert.throws(() => sign({ seenByOne: (all) => all.set(3, other) }), cheaters(1));
  });
  test(`T36: ${label}: signer 1 is shown a smaller set than the others: no signature`, () => {
    assert.throws(() => sign({ seenByOne: (all) => all.delete(2) }), cheaters(1));
  });
  test(`${label}: the aggregator is given another commitment of party 2 than the signers: no signature`, () => {
    const other = commit({ share: keyOf(2), random: insecureSeeded('late') }).commitment;
    assert.throws(
      () => sign({ aggregated: (all) => all.set(2, other) }),
      (error) => isSymbolonError(error, 'threshold/bad-signature-shares'),
    );
  });
  test(`${label}: hiding and binding of party 3 exchanged: party 3, which then cannot sign, is named`, () => {
    assert.throws(
      () => sign({ commitments: setFields(3, (f) => ({ ...f, hiding: f.binding, binding: f.hiding })) }),
      cheaters(3),
    );
  });

  test(`${label}: a wrong group key with right shares is no cheater's fault, and no signature`, () => {
    const other = dealKey({ scheme, threshold: 2, participants: indices(4), seed: 'another' }).get(1);
    assert.ok(other !== undefined);
    const damaged = decodeKeyPublic(encodeKeyPublic({ ...key, groupPublicKey: other.public.groupPublicKey }));
    const shares = set.map((index): KeyShare => ({ ...keyOf(index), public: damaged }));
    const first = shares.map((share) => ({
      share,
      ...commit({ share, random: insecureSeeded(`damaged/${share.index}`) }),
    }));
    const commitments = new Map(first.map(({ share, commitment }) => [share.index, commitment]));
    const signed = new Map(
      first.map(({ share, nonces }) => [
        share.index,
        signShare({ share, nonces, commitments, message, tweak, path }),
      ]),
    );
    assert.throws(
      () => aggregate({ public: damaged, commitments, shares: signed, message, tweak, path }),
      (error) => isSymbolonError(error, 'threshold/bad-signature'),
    );
  });
}
