/** Joins shares, which nothing but a test does: the algebra of sharing, held against the public key. */
import type { KeyShare } from '../../threshold/index.ts';
import { lagrangeCoefficient } from '../../threshold/polynomial.ts';
import { groupOf } from '../../threshold/scheme.ts';
import { toHex } from '../../wire/ids.ts';

/** The secret that shares interpolate to, whether they belong together or not. */
export function joinedSecret(shares: readonly KeyShare[]): bigint {
  const [first] = shares;
  if (first === undefined) {
    throw new TypeError('no shares');
  }
  const group = groupOf(first.public.scheme);
  const set = shares.map(({ index }) => index);
  return group.reduce(
    shares.reduce(
      (sum, { index, secret }) =>
        sum + (group.decodeScalar(secret) ?? 0n) * lagrangeCoefficient(group, set, index),
      0n,
    ),
  );
}

/** The public key of that secret, as hexadecimal. */
export function joinedKey(shares: readonly KeyShare[]): string {
  const [first] = shares;
  if (first === undefined) {
    throw new TypeError('no shares');
  }
  const group = groupOf(first.public.scheme);
  return toHex(group.encode(group.publicBaseProduct(joinedSecret(shares))));
}
