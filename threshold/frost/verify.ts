/** Verification: of a signature, and of one signer's share (RFC 9591 section 5.4). */
import type { Scheme } from '../../wire/ids.ts';
import { verifyingShareOf, type KeyPublic } from '../keyShare.ts';
import { suiteOf } from '../scheme.ts';
import type { SigningSession } from './session.ts';

/**
 * Whether a 64-byte signature verifies under a 32-byte public key: RFC 8032 (strict, without cofactor) or BIP340.
 * Anything of another length is just not a signature.
 */
export function verifySignature(
  scheme: Scheme,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return (
    publicKey.length === 32 &&
    signature.length === 64 &&
    suiteOf(scheme).verify(publicKey, message, signature)
  );
}

/**
 * Whether a signer's share is right: z_i * G = D_i + rho_i * E_i + lambda_i * c * S_i, where S_i is the verifying share of
 * the signing key, with the signs that BIP340 asks for (check 22). It runs only after a signature has failed.
 */
export function verifyShare(
  session: SigningSession,
  key: KeyPublic,
  party: number,
  raw: Uint8Array,
): boolean {
  const { suite, signingKey, negateNonces } = session;
  const { group } = suite;
  const signer = session.signers.find((one) => one.party === party);
  const share = group.decodeScalar(raw);
  const verifying = group.decode(verifyingShareOf(key, party));
  if (signer === undefined || share === undefined || verifying === undefined) {
    return false;
  }
  const signed = (negative: boolean, scalar: bigint): bigint => group.reduce(negative ? -scalar : scalar);
  const weight = group.reduce(session.lambda(party) * session.challenge);
  // S_i is plus or minus Y_i, plus the addend times G: that part goes to the left side.
  const left = group.publicBaseProduct(group.reduce(share - weight * signingKey.addend));
  const right = group.publicSum([
    [signer.binding, signed(negateNonces, signer.bindingFactor)],
    [verifying, signed(signingKey.negate, weight)],
  ]);
  return group.equals(left, group.add(right, negateNonces ? group.negate(signer.hiding) : signer.hiding));
}
