/** Signing, round 2 (RFC 9591 section 5.2): the signature share of one signer. */
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import type { Group, SecretScalar } from '../group/group.ts';
import { secretOf, type KeyShare } from '../keyShare.ts';
import { OneUse } from '../oneUse.ts';
import { suiteOf } from '../scheme.ts';
import { wipeNonces, type Nonces, type NoncesContent } from './round1.ts';
import { openSession, type Signer, type SigningInput, type SigningSession } from './session.ts';

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
  // Check 12.
  const nonces = OneUse.take(opts.nonces);
  try {
    return computeShare(opts, nonces);
  } finally {
    wipeNonces(nonces);
  }
}

function computeShare({ share, ...input }: SignShareOptions, nonces: NoncesContent): Uint8Array {
  const { public: key, index } = share;
  // Check 13.
  if (
    nonces.index !== index ||
    nonces.generation !== key.generation ||
    !equalBytes(nonces.groupPublicKey, key.groupPublicKey)
  ) {
    throw new SymbolonError('threshold/foreign-nonces', { index });
  }
  // Check 14, section 5.2: the signer's own commitment must be in the list as it was sent.
  const own = input.commitments.get(index);
  if (own === undefined || !equalBytes(own, nonces.commitment)) {
    throw new SymbolonError('threshold/own-commitment-changed', { party: index });
  }
  // Check 20.
  const secret = secretOf(share);
  const { group } = suiteOf(key.scheme);
  const session = openSession(key, input, {
    party: index,
    ...nonces.points,
    bound: (bindingFactor) => {
      const nonce = boundNonce(group, nonces, bindingFactor);
      const point = group.baseProduct(nonce);
      nonce.fill(0);
      return point;
    },
  });
  const signer = session.signers.find(({ party }) => party === index);
  if (signer === undefined) {
    throw new SymbolonError('threshold/own-commitment-changed', { party: index });
  }
  return answer(session, signer, nonces, secret);
}

/** d_i + rho_i * e_i: the nonce that one signature takes. The caller wipes it. */
function boundNonce(group: Group, { hiding, binding }: NoncesContent, bindingFactor: bigint): SecretScalar {
  const part = group.scalars.multiply(binding, group.encodeScalar(bindingFactor));
  const nonce = group.scalars.add(hiding, part);
  part.fill(0);
  return nonce;
}

/**
 * Section 5.2: z_i = d_i + rho_i * e_i + lambda_i * c * s_i, where s_i is the share of the signing key: plus or minus x_i,
 * plus the addend. Where R has odd y, BIP340 takes both nonces with a minus.
 */
function answer(
  { suite, signingKey, negateNonces, lambda, challenge }: SigningSession,
  { party, bindingFactor }: Signer,
  nonces: NoncesContent,
  secret: SecretScalar,
): Uint8Array {
  const { group } = suite;
  const { scalars } = group;
  const weight = group.reduce(lambda(party) * challenge);
  const nonce = boundNonce(group, nonces, bindingFactor);
  const weighted = scalars.multiply(
    secret,
    group.encodeScalar(group.reduce(signingKey.negate ? -weight : weight)),
  );
  const sum = negateNonces ? scalars.subtract(weighted, nonce) : scalars.add(weighted, nonce);
  const share = scalars.add(sum, group.encodeScalar(group.reduce(weight * signingKey.addend)));
  for (const part of [nonce, weighted, sum]) {
    part.fill(0);
  }
  return share;
}
