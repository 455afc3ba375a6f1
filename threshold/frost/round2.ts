/** Signing, round 2 (RFC 9591 section 5.2): the signature share of one signer. */
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import { secretOf, type KeyShare } from '../keyShare.ts';
import { OneUse } from '../oneUse.ts';
import { suiteOf } from '../scheme.ts';
import { wipeNonces, type Nonces, type NoncesContent } from './round1.ts';
import { openSession, type SigningInput } from './session.ts';
import { adjustSecret } from './signingKey.ts';

/** What a signature share is made of. */
export interface SignShareOptions extends SigningInput {
  readonly share: KeyShare;
  readonly nonces: Nonces;
}

/**
 * Makes the signature share, 32 bytes. The nonces are taken before anything is looked at and wiped on every way out: a
 * call that is refused has used them up as well.
 * @throws SymbolonError `threshold/state-used` on a second use or a wiped share, `threshold/foreign-nonces`,
 * `threshold/own-commitment-changed`, `threshold/share-mismatch`, and what {@link openSession} throws.
 */
export function signShare(opts: SignShareOptions): Uint8Array {
  const nonces = OneUse.take(opts.nonces);
  try {
    return computeShare(opts, nonces);
  } finally {
    wipeNonces(nonces);
  }
}

function computeShare({ share, ...input }: SignShareOptions, nonces: NoncesContent): Uint8Array {
  const { public: key, index } = share;
  const { group } = suiteOf(key.scheme);
  if (
    nonces.index !== index ||
    nonces.generation !== key.generation ||
    !equalBytes(nonces.groupPublicKey, key.groupPublicKey)
  ) {
    throw new SymbolonError('threshold/foreign-nonces', { index });
  }
  // Section 5.2: the signer's own commitment must be in the list as it was sent.
  const own = input.commitments.get(index);
  if (own === undefined || !equalBytes(own, nonces.commitment)) {
    throw new SymbolonError('threshold/own-commitment-changed', { party: index });
  }
  const secret = secretOf(share);
  const session = openSession(key, input, { party: index, ...nonces.points });
  const bindingFactor = session.signers.find(({ party }) => party === index)?.bindingFactor;
  const hiding = group.decodeScalar(nonces.hiding) ?? 0n;
  const binding = group.decodeScalar(nonces.binding) ?? 0n;
  if (bindingFactor === undefined || hiding === 0n || binding === 0n) {
    throw new SymbolonError('threshold/state-used', { what: 'nonces' });
  }
  // Section 5.2: z_i = d_i + rho_i * e_i + lambda_i * s_i * c; for BIP340 with the nonce of an even R, and the share of
  // an even key.
  const nonce = hiding + binding * bindingFactor;
  const weight = group.reduce(session.lambda(index) * session.challenge);
  const signing = adjustSecret(group, session.signingKey, secret);
  return group.encodeScalar(group.reduce((session.negateNonces ? -nonce : nonce) + weight * signing));
}
