/** Signatures of every scheme, as the outside sees them: the public key that one verifies under, and whether it does. */
import { isEcdsa } from '../wire/ids.ts';
import type { Signable } from '../wire/messages/request.ts';
import { digestOf, verifyEcdsa } from './dkls/ecdsa.ts';
import { verifySignature } from './frost/verify.ts';
import { badParameters, type KeyPublic } from './keyShare.ts';
import { publicKeyOf } from './publicKey.ts';

/** A key of a cluster, at a path, and what is signed with it. */
export interface SignableUnder {
  readonly public: KeyPublic;
  /** Derivation path under the key; empty for the key itself. */
  readonly path: readonly number[];
  readonly payload: Signable;
}

/**
 * The public key that a signature of `signable` verifies under: 32 bytes for FROST, tweaked where the signable says so; 33
 * for ECDSA.
 * @throws SymbolonError `threshold/bad-parameters` where the key does not sign this kind, and what `deriveKey` throws.
 */
export function signingPublicKeyOf(key: KeyPublic, path: readonly number[], signable: Signable): Uint8Array {
  if (isEcdsa(key.scheme) !== (signable.kind === 'ecdsa')) {
    throw badParameters('the key does not make this kind of signature');
  }
  return publicKeyOf(key, signable.kind === 'frost' ? signable.tweak : 'none', path);
}

/**
 * Whether a 64-byte signature holds for a payload under a key and a path: RFC 8032, BIP340 or ECDSA with low s.
 * @throws SymbolonError as {@link signingPublicKeyOf}; `threshold/bad-parameters` for a digest that has not 32 bytes.
 */
export function verifySignable(opts: SignableUnder, signature: Uint8Array): boolean {
  const { public: key, path, payload } = opts;
  const publicKey = signingPublicKeyOf(key, path, payload);
  if (payload.kind === 'ecdsa') {
    const digest = digestOf(payload.hash, payload.message);
    return isEcdsa(key.scheme) && verifyEcdsa(key.scheme, publicKey, digest, signature);
  }
  return verifySignature(key.scheme, publicKey, payload.message, signature);
}
