/** Secret polynomials, and what is checked of the commitments to them. All checks name the party that dealt. */
import { SymbolonError } from '../../wire/errors/index.ts';
import type { Element, Group, Random, SecretScalar } from '../group/group.ts';
import { malformed } from '../received.ts';

/** Overwrites secrets. */
export function wipeAll(secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) {
    secret.fill(0);
  }
}

/** Draws secret, non-zero coefficients, 48 bytes each. */
export function drawCoefficients(group: Group, count: number, random: Random): SecretScalar[] {
  const drawn: SecretScalar[] = [];
  try {
    while (drawn.length < count) {
      drawn.push(group.scalars.random(random));
    }
    return drawn;
  } catch (error) {
    wipeAll(drawn);
    throw error;
  }
}

/** The encoded commitments to secret, non-zero coefficients. */
export const commitTo = (group: Group, coefficients: readonly SecretScalar[]): Uint8Array[] =>
  group.encodeAll(coefficients.map((coefficient) => group.baseProduct(coefficient)));

/** An error for coefficients that are not what they should be. */
export const badCoefficients = (party: number, reason: string): SymbolonError<'threshold/bad-coefficients'> =>
  new SymbolonError('threshold/bad-coefficients', { party, reason });

/**
 * Decodes the commitments to coefficients: exactly `wanted` of them (a polynomial of higher degree raises the threshold
 * for all, one of lower degree lowers it), each a canonical point of the prime-order group and not the identity (RFC 9591
 * section 3.1; T17). So the leading coefficient is not zero either: the degree is exactly the wanted one.
 */
export function decodeCoefficients(
  group: Group,
  party: number,
  raw: readonly Uint8Array[],
  wanted: number,
): Element[] {
  if (raw.length !== wanted) {
    throw badCoefficients(party, `${raw.length} coefficients for ${wanted}`);
  }
  return raw.map((one) => {
    const element = group.decode(one);
    if (element === undefined) {
      throw badCoefficients(party, 'not a valid point');
    }
    return element;
  });
}

/**
 * Checks that a scalar which was sent to this party alone is the one that its sender committed to.
 * @throws SymbolonError `threshold/malformed-message`, `threshold/bad-dealt-share`.
 */
export function checkDealt(group: Group, party: number, share: SecretScalar, commitment: Element): void {
  if (!group.scalars.isCanonical(share)) {
    throw malformed(party, 'dealt share', 'not a scalar');
  }
  // The constant-time product takes no zero: a zero share stands for the identity.
  const left = group.scalars.isZero(share) ? group.identity : group.baseProduct(share);
  if (!group.equals(left, commitment)) {
    throw new SymbolonError('threshold/bad-dealt-share', { party });
  }
}

/** Adds secrets up, to 32 new bytes. */
export const sumOfSecrets = (group: Group, terms: readonly SecretScalar[]): SecretScalar =>
  terms.reduce((sum, term) => {
    const next = group.scalars.add(sum, term);
    sum.fill(0);
    return next;
  }, new Uint8Array(32));

/** The sums of the coefficients of several polynomials of one degree: the commitments to the sum of the polynomials. */
export function sumCoefficients(group: Group, polynomials: readonly (readonly Element[])[]): Element[] {
  const [first = [], ...others] = polynomials;
  return first.map((coefficient, k) =>
    others.reduce((sum, other) => group.add(sum, other[k] ?? group.identity), coefficient),
  );
}
