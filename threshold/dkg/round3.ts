/** Key generation, round 3: check what every other party opened and dealt, and form the key. */
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import type { Element, Group } from '../group/group.ts';
import { encodeKeyPublic, firstGeneration, type KeyPublic, type KeyShare } from '../keyShare.ts';
import { OneUse } from '../oneUse.ts';
import { evaluateInExponent } from '../polynomial.ts';
import { decodeFrom, malformed, oneFromEach } from '../received.ts';
import { suiteOf } from '../scheme.ts';
import { chainCodeOf, confirmationOf, openingHash, proofChallenge, type DkgContext } from '../transcript.ts';
import { dkgCommitment, dkgOpening, type DkgOpening } from './messages.ts';
import { wipeRound2, type DkgRound2State } from './round2.ts';

/** One party's opening with its points decoded. */
interface Dealt {
  readonly party: number;
  readonly opening: DkgOpening;
  readonly coefficients: readonly Element[];
}

/**
 * Takes the others' openings and the shares that they dealt to this party; gives the key share and the confirmation, 32
 * bytes that all parties must find equal before anything is stored (T16).
 *
 * The share is the caller's to wipe, and so are the pairwise bytes. The state is used up whatever the outcome.
 * @throws SymbolonError with `facts.party`: `threshold/message-missing`, `threshold/unexpected-party`,
 * `threshold/malformed-message`, `threshold/opening-mismatch`, `threshold/bad-coefficients`, `threshold/bad-proof`,
 * `threshold/bad-dealt-share`; without: `threshold/state-used`, `threshold/degenerate-value`.
 */
export function dkgRound3(
  state: DkgRound2State,
  broadcasts: ReadonlyMap<number, Uint8Array>,
  pairwise: ReadonlyMap<number, Uint8Array>,
): { share: KeyShare; confirmation: Uint8Array } {
  const content = OneUse.take(state);
  try {
    const { context, index } = content;
    const { group } = suiteOf(context.scheme);
    const others = context.participants.filter((party) => party !== index);
    const openings = new Map(oneFromEach(others, broadcasts, dkgOpening.name));
    const dealtShares = new Map(oneFromEach(others, pairwise, 'dealt share'));

    // All openings are held against their commitments before any is looked into: nobody chose after seeing another's.
    for (const [party, opening] of openings) {
      checkOpening(context, party, content.commitments.get(party) ?? new Uint8Array(), opening);
    }
    const dealt = others.map((party) => decodeOpening(group, context, party, openings.get(party)));
    for (const one of dealt) {
      checkProof(group, context, one);
    }
    let secret = group.decodeScalar(content.ownShare) ?? 0n;
    for (const one of dealt) {
      secret = group.reduce(secret + checkDealtShare(group, index, one, dealtShares.get(one.party)));
    }

    const all = [...dealt, decodeOpening(group, context, index, content.ownOpening)].sort(
      (a, b) => a.party - b.party,
    );
    const key = formKey(group, context, all);
    const share: KeyShare = { public: key, index, secret: group.encodeScalar(secret) };
    const confirmation = confirmationOf(context, {
      generation: key.generation,
      commitments: all.map(({ party }) => content.commitments.get(party) ?? content.ownCommitment),
      openings: all.map(({ party }) => openings.get(party) ?? content.ownOpening),
      keyPublic: encodeKeyPublic(key),
    });
    return { share, confirmation };
  } finally {
    wipeRound2(content);
  }
}

/** Check 5: the opening is the one that the party committed to, in this run, under its own index. */
function checkOpening(context: DkgContext, party: number, commitment: Uint8Array, opening: Uint8Array): void {
  if (opening.length > dkgOpening.maxBytes) {
    throw malformed(party, dkgOpening.name, 'too long');
  }
  const wanted = dkgCommitment.decode(commitment).commitment;
  if (!equalBytes(openingHash(context, party, opening), wanted)) {
    throw new SymbolonError('threshold/opening-mismatch', { party });
  }
}

/**
 * Checks 6 and 7: exactly t coefficients (a polynomial of higher degree raises the threshold for all, one of lower
 * degree lowers it), and each a canonical point of the curve that is not the identity (RFC 9591 section 3.1).
 *
 * A coefficient of composite order passes here: {@link formKey} refuses it where it would reach the key.
 */
function decodeOpening(
  group: Group,
  context: DkgContext,
  party: number,
  raw: Uint8Array = new Uint8Array(),
): Dealt {
  const opening = decodeFrom(party, raw, dkgOpening);
  if (opening.coefficients.length !== context.threshold) {
    throw badCoefficients(party, `${opening.coefficients.length} coefficients for ${context.threshold}`);
  }
  const coefficients = opening.coefficients.map((one) => {
    const element = group.unsafeDecodeAnyOrder(one);
    if (element === undefined) {
      throw badCoefficients(party, 'not a valid point');
    }
    return element;
  });
  return { party, opening, coefficients };
}

const badCoefficients = (party: number, reason: string): SymbolonError<'threshold/bad-coefficients'> =>
  new SymbolonError('threshold/bad-coefficients', { party, reason });

/**
 * Check 8: the party knows its constant term: s * G = P + c * A_0.
 *
 * Points of any order may stand here: the equation, projected into the prime-order subgroup, proves knowledge of the
 * part of A_0 that lies there, and check 10 keeps every other part out of the key.
 */
function checkProof(group: Group, context: DkgContext, { party, opening, coefficients }: Dealt): void {
  const point = group.unsafeDecodeAnyOrder(opening.proofPoint);
  const scalar = group.decodeScalar(opening.proofScalar);
  const [constant] = coefficients;
  if (point === undefined || scalar === undefined || constant === undefined) {
    throw malformed(party, dkgOpening.name, 'proof does not decode');
  }
  const challenge = proofChallenge(group, context, party, opening.coefficients, opening.proofPoint);
  const right = group.add(point, group.publicSum([[constant, challenge]]));
  if (!group.equals(group.publicBaseProduct(scalar), right)) {
    throw new SymbolonError('threshold/bad-proof', { party });
  }
}

/** Check 9: f_j(i) * G is the polynomial of j, evaluated at i in the exponent. Gives f_j(i). */
function checkDealtShare(
  group: Group,
  index: number,
  dealt: Dealt,
  raw: Uint8Array = new Uint8Array(),
): bigint {
  const { party } = dealt;
  const share = group.decodeScalar(raw);
  if (share === undefined) {
    throw malformed(party, 'dealt share', 'not a scalar');
  }
  // A zero share would put the identity on the left; the constant-time product takes no zero, and the right side is
  // checked not to be the identity either way.
  const left = share === 0n ? group.identity : group.baseProduct(share);
  if (!group.equals(left, evaluateInExponent(group, dealt.coefficients, index))) {
    throw new SymbolonError('threshold/bad-dealt-share', { party });
  }
  return share;
}

/**
 * Checks 10 and 11, and the public data of the key.
 *
 * Only the sums of the coefficients over all parties reach the key and the verifying shares, so the subgroup check
 * runs once on each sum (t products instead of t * (n - 1)); where a sum fails, each party's own coefficients are
 * checked to find whom to name. Coefficients whose odd parts cancel out leave no trace in the key.
 */
function formKey(group: Group, context: DkgContext, all: readonly Dealt[]): KeyPublic {
  const sums = Array.from({ length: context.threshold }, (_, k) =>
    all.reduce((sum, { coefficients }) => group.add(sum, coefficients[k] ?? group.identity), group.identity),
  );
  if (!sums.every((sum) => group.inPrimeSubgroup(sum))) {
    const cheater = all.find(({ coefficients }) => !coefficients.every((one) => group.inPrimeSubgroup(one)));
    throw badCoefficients(cheater?.party ?? 0, 'not in the prime-order subgroup');
  }
  const [joint] = sums;
  const points = context.participants.map((party) => evaluateInExponent(group, sums, party));
  if (joint === undefined || [joint, ...points].some((point) => group.isIdentity(point))) {
    throw new SymbolonError('threshold/degenerate-value', { reason: 'group key' });
  }
  const [groupPublicKey = new Uint8Array(), ...shares] = group.encodeAll([joint, ...points]);
  return {
    scheme: context.scheme,
    threshold: context.threshold,
    participants: context.participants,
    generation: firstGeneration,
    groupPublicKey,
    verifyingShares: new Map(context.participants.map((party, i) => [party, shares[i] ?? new Uint8Array()])),
    chainCode: chainCodeOf(
      context,
      all.map(({ opening }) => opening.chainCode),
    ),
  };
}
