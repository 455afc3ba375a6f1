/** Verification: of a signature, and of one signer's share (RFC 9591 section 5.4). */
import type { Scheme } from '../../wire/ids.ts';
import { verifyingShareOf, type KeyPublic } from '../keyShare.ts';
import { suiteOf } from '../scheme.ts';
import type { SigningSession } from './session.ts';
import { adjustPoint } from './signingKey.ts';

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
 * Whether a signer's share is right: z_i * G = D_i + rho_i * E_i + lambda_i * c * Y_i, with the signs and the tweak that
 * BIP340 asks for. It runs only after a signature has failed.
 */
export function verifyShare(
  session: SigningSession,
  key: KeyPublic,
  party: number,
  raw: Uint8Array,
): boolean {
  const { suite, signingKey } = session;
  const { group } = suite;
  const signer = session.signers.find((one) => one.party === party);
  const share = group.decodeScalar(raw);
  // From the own authenticated record, whose points key generation has held to the subgroup.
  const verifying = group.unsafeDecodeAnyOrder(verifyingShareOf(key, party));
  if (signer === undefined || share === undefined || verifying === undefined) {
    return false;
  }
  const nonce = group.add(signer.hiding, group.publicSum([[signer.binding, signer.bindingFactor]]));
  const weight = group.reduce(session.lambda(party) * session.challenge);
  const right = group.add(
    session.negateNonces ? group.negate(nonce) : nonce,
    group.publicSum([[adjustPoint(group, signingKey, verifying), weight]]),
  );
  return group.equals(group.publicBaseProduct(share), right);
}
