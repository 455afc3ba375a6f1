/** Signature shares in, a verified ECDSA signature out. All public: whoever has the shares can do it. */
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import { deriveKey } from '../derive.ts';
import type { Group } from '../group/group.ts';
import { badParameters, type KeyPublic } from '../keyShare.ts';
import { decodeFrom, malformed, oneFromEach } from '../received.ts';
import { groupOf } from '../scheme.ts';
import { checkDigest, ecdsaSchemeOf } from './context.ts';
import { isLow, nonceCoordinate, nonceOf, signatureBytes, verifyEcdsa } from './ecdsa.ts';
import { ecdsaShare } from './messages.ts';

/** What a signature is put together from. */
export interface CombineOptions {
  readonly public: KeyPublic;
  readonly path: readonly number[];
  /** 32 bytes. */
  readonly digest: Uint8Array;
  /** The last broadcasts of all signers, by index. */
  readonly shares: ReadonlyMap<number, Uint8Array>;
  /** A signer whose nonce is known to be right, the own one: then signers with another nonce are named. */
  readonly own?: number;
}

/** An ECDSA signature. */
export interface EcdsaSignature {
  /** r and s, 32 bytes each, big-endian, s in the lower half. */
  readonly signature: Uint8Array;
  /** SEC 1 section 4.1.6: 0 to 3, which of the points with this r is R. */
  readonly recovery: number;
}

interface Share {
  readonly party: number;
  readonly nonce: Uint8Array;
  readonly w: bigint;
  readonly u: bigint;
}

/**
 * Puts the signature together and verifies it as anyone would before it is given out.
 * @throws SymbolonError `threshold/bad-parameters`, `threshold/unexpected-party`, `threshold/malformed-message` (E20),
 * `threshold/bad-signature-shares` where signers with another nonce than the own can be named (E21),
 * `threshold/bad-signature` where the shares make no signature: whose is wrong can't be told (E22).
 */
export function combineEcdsa(opts: CombineOptions): EcdsaSignature {
  const { public: key, digest } = opts;
  const scheme = ecdsaSchemeOf(key);
  const group = groupOf(scheme);
  checkDigest(digest);
  const { publicKey } = deriveKey(key, opts.path);
  const shares = decodeShares(group, key, opts.shares);
  const r = jointNonce(group, scheme, shares, opts.own);
  // E22: s = sum of w / sum of u, in the lower half; neither is zero.
  const u = shares.reduce((sum, share) => group.reduce(sum + share.u), 0n);
  const w = shares.reduce((sum, share) => group.reduce(sum + share.w), 0n);
  const failed = new SymbolonError('threshold/bad-signature', { scheme });
  if (u === 0n || w === 0n) {
    throw failed;
  }
  const sum = group.reduce(w * group.publicInvert(u));
  const s = isLow(group, sum) ? sum : group.order - sum;
  const signature = new Uint8Array(signatureBytes);
  signature.set(group.encodeScalar(r));
  signature.set(group.encodeScalar(s), 32);
  const point = group.decode(publicKey);
  if (point === undefined || !verifyEcdsa(scheme, publicKey, digest, signature)) {
    throw failed;
  }
  // From the signature, not from the shares: who sends its share last can turn s into q - s, which verifies as well.
  const { recovery } = nonceCoordinate(group, nonceOf(group, point, digest, { r, s }));
  return { signature, recovery };
}

/** E20: exactly t shares, all of holders; each decodes strictly to a point and two scalars. */
function decodeShares(group: Group, key: KeyPublic, given: ReadonlyMap<number, Uint8Array>): Share[] {
  if (given.size !== key.threshold) {
    throw badParameters('not as many signature shares as the threshold');
  }
  const signers = key.participants.filter((party) => given.has(party));
  return oneFromEach(signers, given, ecdsaShare.name).map(([party, raw]) => {
    const { nonce, w: rawW, u: rawU } = decodeFrom(party, raw, ecdsaShare);
    const w = group.decodeScalar(rawW);
    const u = group.decodeScalar(rawU);
    if (w === undefined || u === undefined) {
      throw malformed(party, ecdsaShare.name, 'not a scalar');
    }
    return { party, nonce, w, u };
  });
}

/** E21: all signers signed with the same nonce, and it is a point. Gives r. */
function jointNonce(group: Group, scheme: string, shares: readonly Share[], own: number | undefined): bigint {
  const trusted = shares.find(({ party }) => party === own);
  const wanted = trusted ?? shares[0];
  const others = shares.filter(({ nonce }) => wanted === undefined || !equalBytes(nonce, wanted.nonce));
  if (trusted !== undefined && others.length > 0) {
    throw new SymbolonError('threshold/bad-signature-shares', {
      parties: others.map(({ party }) => String(party)),
    });
  }
  const point = wanted === undefined ? undefined : group.decode(wanted.nonce);
  if (point === undefined || others.length > 0) {
    throw new SymbolonError('threshold/bad-signature', { scheme });
  }
  return nonceCoordinate(group, point).r;
}
