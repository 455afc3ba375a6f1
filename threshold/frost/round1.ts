/** Signing, round 1 (RFC 9591 section 5.1): two nonces, used once, and the commitments to them. */
import type { Element, Random, SecretScalar } from '../group/group.ts';
import { draw } from '../group/integers.ts';
import { secretOf, type KeyShare } from '../keyShare.ts';
import { OneUse } from '../oneUse.ts';
import { suiteOf, type Suite } from '../scheme.ts';
import { frostCommitment } from './messages.ts';

/** What a pair of nonces holds. */
export interface NoncesContent {
  /** Whose nonces they are: key, generation and index. */
  readonly groupPublicKey: Uint8Array;
  readonly generation: number;
  readonly index: number;
  /** d_i and e_i, 32 bytes each. */
  readonly hiding: SecretScalar;
  readonly binding: SecretScalar;
  readonly points: { readonly hiding: Element; readonly binding: Element };
  /** The broadcast that was made of them. */
  readonly commitment: Uint8Array;
}
/**
 * A pair of nonces: memory only, one use, tied to the share that it was made for (T12). It has no enumerable field, so
 * nothing can serialise it.
 */
export type Nonces = OneUse<NoncesContent>;

/**
 * Makes a pair of nonces and the broadcast of round 1 (at most 120 bytes).
 * @throws SymbolonError `threshold/bad-randomness`, `threshold/state-used` on a wiped share, `threshold/share-mismatch`.
 */
export function commit(opts: { readonly share: KeyShare; readonly random: Random }): {
  nonces: Nonces;
  commitment: Uint8Array;
} {
  const { share, random } = opts;
  const { groupPublicKey, generation, scheme } = share.public;
  const suite = suiteOf(scheme);
  const { group } = suite;
  const secret = secretOf(share);
  const [hiding, binding] = makeNonces(suite, secret, random);
  const points = { hiding: group.baseProduct(hiding), binding: group.baseProduct(binding) };
  const [hidingRaw = new Uint8Array(), bindingRaw = new Uint8Array()] = group.encodeAll([
    points.hiding,
    points.binding,
  ]);
  const commitment = frostCommitment.encode({ v: 1, generation, hiding: hidingRaw, binding: bindingRaw });
  const content: NoncesContent = {
    groupPublicKey: groupPublicKey.slice(),
    generation,
    index: share.index,
    hiding,
    binding,
    points,
    commitment,
  };
  return { nonces: new OneUse('nonces', content, wipeNonces), commitment: commitment.slice() };
}

/** Both nonces, or none: where the source fails before the second, the first is overwritten. */
function makeNonces(suite: Suite, secret: SecretScalar, random: Random): [SecretScalar, SecretScalar] {
  const hiding = makeNonce(suite, secret, random);
  try {
    return [hiding, makeNonce(suite, secret, random)];
  } catch (error) {
    hiding.fill(0);
    throw error;
  }
}

/**
 * RFC 9591 section 4.1 `nonce_generate`: H3(32 random bytes || share). The share hedges against a weak source; nonces
 * are never a function of the share alone, so that a clone or a restored machine does not repeat one.
 */
function makeNonce(suite: Suite, secret: SecretScalar, random: Random): SecretScalar {
  for (;;) {
    const fresh = draw(random, 32);
    const nonce = suite.nonce(fresh, secret);
    fresh.fill(0);
    // A zero nonce would commit to the identity, which has no encoding (section 3.1); it has probability 2^-252.
    if (!suite.group.scalars.isZero(nonce)) {
      return nonce;
    }
  }
}

/** Overwrites both nonces. */
export function wipeNonces(content: NoncesContent): void {
  content.hiding.fill(0);
  content.binding.fill(0);
}
