/** The public key that signatures of a key verify under, for every scheme. */
import { isEcdsa } from '../wire/ids.ts';
import { deriveKey } from './derive.ts';
import { signingKeyOf, type Tweak } from './frost/signingKey.ts';
import { badParameters, type KeyPublic } from './keyShare.ts';
import { suiteOf } from './scheme.ts';

/**
 * The public key at a path under a key: 32 bytes for a FROST scheme (the Ed25519 key, or the x coordinate for BIP340,
 * tweaked where asked), 33 bytes, SEC 1 compressed, for an ECDSA scheme.
 * @throws SymbolonError `threshold/bad-parameters` for a tweak that the scheme has not, and what {@link deriveKey} throws.
 */
export function publicKeyOf(key: KeyPublic, tweak: Tweak, path: readonly number[] = []): Uint8Array {
  if (isEcdsa(key.scheme)) {
    if (tweak !== 'none') {
      throw badParameters('this scheme has no tweak');
    }
    return deriveKey(key, path).publicKey;
  }
  const { encoded } = signingKeyOf(key, tweak, path);
  return suiteOf(key.scheme).xOnly ? encoded.slice(1) : encoded.slice();
}
