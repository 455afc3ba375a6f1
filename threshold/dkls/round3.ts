/**
 * Round 3 (DKLs23 protocol 3.6, steps 8 and 9): every check on what the others sent, then this signer's part of a
 * presignature. Each check runs for all signers before the next one: what does not depend on a secret comes first.
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import type { Element, Group, SecretScalar } from '../group/group.ts';
import { decodeFrom, malformed, oneFromEach } from '../received.ts';
import type { PresignatureParts, RoundInput } from '../run.ts';
import { commitmentOf, confirmationOf, type EcdsaContext } from './context.ts';
import { nonceCoordinate } from './ecdsa.ts';
import { ecdsaOpening, ecdsaProduct } from './messages.ts';
import { bobFinish } from './multiplication.ts';
import type { BobSide } from './round1.ts';
import type { AfterRound2 } from './round2.ts';
import type { Secrets } from './secrets.ts';

/** What came of the three rounds. The receiver owns and wipes the parts. */
export interface Presigned {
  readonly parts: PresignatureParts;
  /** 32 bytes that all signers must find equal (T16). */
  readonly confirmation: Uint8Array;
}

/** What another signer sent in round 2, decoded. */
interface Received {
  readonly party: number;
  readonly echo: Uint8Array;
  readonly encodedNonce: Uint8Array;
  readonly salt: Uint8Array;
  /** R_j, pk_j, Gu_ji and Gv_ji. */
  readonly nonce: Element;
  readonly key: Element;
  readonly gammaU: Element;
  readonly gammaV: Element;
  /** psi_ji. */
  readonly psi: SecretScalar;
  readonly product: Uint8Array;
}

/**
 * Takes round 3.
 * @throws SymbolonError with `facts.party`: `threshold/message-missing`, `threshold/unexpected-party` (E4),
 * `threshold/malformed-message` (E10), `threshold/split-view` (E11), `threshold/opening-mismatch` (E12),
 * `threshold/multiplication-failed` (E13 to E15); without: `threshold/wrong-key-sum` (E16), `threshold/degenerate-value`
 * (E17).
 */
export function round3(
  context: EcdsaContext,
  second: AfterRound2,
  input: RoundInput,
  secrets: Secrets,
): Presigned {
  const { group, others, signers } = context;
  const { first, echo, commitments } = second;
  const broadcasts = new Map(oneFromEach(others, input.broadcasts, ecdsaOpening.name));
  const pairwise = new Map(oneFromEach(others, input.pairwise, ecdsaProduct.name));
  // E10, for all signers.
  const received = others.map((party) =>
    decodeRound2(group, party, broadcasts.get(party), pairwise.get(party), secrets),
  );
  // E11: what the others saw of round 1 is what this signer saw, so all commitments are the same for all (T16).
  for (const { party, echo: theirs } of received) {
    if (!equalBytes(theirs, echo)) {
      throw new SymbolonError('threshold/split-view', { party });
    }
  }
  // E12: each R_j is the one that its signer committed to before it saw any other.
  for (const [i, { party, encodedNonce, salt }] of received.entries()) {
    const [, commitment] = commitments[i] ?? [];
    if (
      commitment === undefined ||
      !equalBytes(commitmentOf(context, party, encodedNonce, salt), commitment)
    ) {
      throw new SymbolonError('threshold/opening-mismatch', { party });
    }
  }

  // E13: the check of the multiplication itself, in `bobFinish`. E14 and E15 below. One code for the three of them: a peer
  // is not told which failed (T15).
  const bobShares = first.bobSides.map(({ state }, i) => {
    const [du, dv] = bobFinish(state, received[i]?.product ?? new Uint8Array());
    return { du: secrets.hold(du), dv: secrets.hold(dv) };
  });
  for (const [i, bob] of first.bobSides.entries()) {
    const sent = received[i];
    const shares = bobShares[i];
    if (sent === undefined || shares === undefined || !inputsHold(group, bob, sent, shares)) {
      throw new SymbolonError('threshold/multiplication-failed', { party: bob.party });
    }
  }

  // E16: sum of pk_j = pk. Whose share is wrong can't be told: the shares of zero hide that.
  const keySum = received.reduce((sum, { key }) => group.add(sum, key), first.keyPoint);
  const groupKey = group.decode(context.groupPublicKey);
  if (groupKey === undefined || !group.equals(keySum, groupKey)) {
    throw new SymbolonError('threshold/wrong-key-sum', { signers: signers.map(String) });
  }
  // E17: R = sum of R_j has an encoding, and r is not zero.
  const noncePoint = received.reduce((sum, { nonce }) => group.add(sum, nonce), first.noncePoint);
  const { encoded: nonce } = nonceCoordinate(group, noncePoint);

  const openings = signers.map((signer) => broadcasts.get(signer) ?? second.broadcast);
  return {
    parts: sumUp(group, second, received, bobShares, nonce, secrets),
    confirmation: confirmationOf(context, { echo, openings, nonce }),
  };
}

/**
 * E10: strict shapes, points that are canonical, on the curve and not the identity, scalars below the order.
 */
function decodeRound2(
  group: Group,
  party: number,
  broadcast: Uint8Array | undefined,
  pairwise: Uint8Array | undefined,
  secrets: Secrets,
): Received {
  const opening = decodeFrom(party, broadcast ?? new Uint8Array(), ecdsaOpening);
  const sent = decodeFrom(party, pairwise ?? new Uint8Array(), ecdsaProduct);
  secrets.hold(sent.psi);
  secrets.hold(sent.product);
  const point = (raw: Uint8Array, name: string): Element => {
    const element = group.decode(raw);
    if (element === undefined) {
      throw malformed(party, name, 'not a valid point');
    }
    return element;
  };
  if (!group.scalars.isCanonical(sent.psi)) {
    throw malformed(party, ecdsaProduct.name, 'not a scalar');
  }
  return {
    party,
    echo: sent.echo,
    encodedNonce: opening.nonce,
    salt: opening.salt,
    nonce: point(opening.nonce, ecdsaOpening.name),
    key: point(opening.key, ecdsaOpening.name),
    gammaU: point(sent.gammaU, ecdsaProduct.name),
    gammaV: point(sent.gammaV, ecdsaProduct.name),
    psi: sent.psi,
    product: sent.product,
  };
}

/**
 * E14: chi_ij * R_j - Gu_ji = du_ij * G, and E15: chi_ij * pk_j - Gv_ji = dv_ij * G. What the peer multiplied with is what
 * it shows to everybody. Both are always computed. Batched with a random coefficient they would save a product with a secret
 * and cost two public ones, which gains next to nothing.
 */
function inputsHold(
  group: Group,
  { chi }: BobSide,
  { nonce, key, gammaU, gammaV }: Received,
  { du, dv }: { readonly du: SecretScalar; readonly dv: SecretScalar },
): boolean {
  const nonceHolds = group.equals(
    secretProduct(group, nonce, chi),
    group.add(gammaU, secretProduct(group, group.generator, du)),
  );
  const keyHolds = group.equals(
    secretProduct(group, key, chi),
    group.add(gammaV, secretProduct(group, group.generator, dv)),
  );
  return nonceHolds && keyHolds;
}

/** A secret scalar times an element, zero included: a peer can't be trusted to keep a sum of shares from being zero. */
function secretProduct(group: Group, element: Element, secret: SecretScalar): Element {
  if (group.scalars.isZero(secret)) {
    return group.identity;
  }
  return element === group.generator ? group.baseProduct(secret) : group.product(element, secret);
}

/**
 * Step 9: with psi = phi_i + sum of psi_ji, u_i = r_i * psi + sum of (cu_ij + du_ij) and v_i = sk_i * psi + sum of
 * (cv_ij + dv_ij). Over all signers the u_i sum to k * phi and the v_i to x * phi.
 */
function sumUp(
  group: Group,
  { first, aliceSides }: AfterRound2,
  received: readonly Received[],
  bobShares: readonly { readonly du: SecretScalar; readonly dv: SecretScalar }[],
  nonce: Uint8Array,
  secrets: Secrets,
): PresignatureParts {
  const { scalars } = group;
  const sum = (start: SecretScalar, terms: readonly SecretScalar[]): SecretScalar =>
    terms.reduce((total, term) => secrets.hold(scalars.add(total, term)), start);
  const psi = sum(
    first.mask,
    received.map((sent) => sent.psi),
  );
  const u = sum(secrets.hold(scalars.multiply(first.nonce, psi)), [
    ...aliceSides.map(({ cu }) => cu),
    ...bobShares.map(({ du }) => du),
  ]);
  const v = sum(secrets.hold(scalars.multiply(first.keyShare, psi)), [
    ...aliceSides.map(({ cv }) => cv),
    ...bobShares.map(({ dv }) => dv),
  ]);
  // Copies: the run's secrets, these among them, are wiped when the step ends.
  return { nonce, phi: first.mask.slice(), u: u.slice(), v: v.slice() };
}
