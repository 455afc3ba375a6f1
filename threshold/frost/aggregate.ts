/** Aggregation (RFC 9591 section 5.3): shares in, a verified signature out, or the names of the cheaters. */
import { SymbolonError } from '../../wire/errors/index.ts';
import type { KeyPublic } from '../keyShare.ts';
import { publicKeyOf } from '../publicKey.ts';
import { oneFromEach } from '../received.ts';
import { openSession, type SigningInput } from './session.ts';
import { verifyShare, verifySignature } from './verify.ts';

/** What a signature is put together from: public data only. */
export interface AggregateOptions extends SigningInput {
  readonly public: KeyPublic;
  /** The signature shares of exactly the signers in `commitments`, by index. */
  readonly shares: ReadonlyMap<number, Uint8Array>;
}

/**
 * Puts the signature together, 64 bytes, and verifies it as anyone would. Only where that fails is each share looked
 * at, and all wrong ones are named.
 * @throws SymbolonError `threshold/bad-signature-shares` with all cheaters, `threshold/message-missing`,
 * `threshold/unexpected-party`, `threshold/bad-signature`, and what {@link openSession} throws.
 */
export function aggregate(opts: AggregateOptions): Uint8Array {
  const { public: key, shares, ...input } = opts;
  const session = openSession(key, input);
  const { group, scheme, xOnly } = session.suite;
  const parties = session.signers.map(({ party }) => party);
  // Check 21.
  const given = oneFromEach(parties, shares, 'signature share');

  // A share that is no scalar counts as zero here: the sum then fails, and the share is named below.
  const z = given.reduce((sum, [, raw]) => group.reduce(sum + (group.decodeScalar(raw) ?? 0n)), 0n);
  const allDecode = given.every(([, raw]) => group.decodeScalar(raw) !== undefined);
  const signature = new Uint8Array(64);
  signature.set(xOnly ? session.r.subarray(1) : session.r);
  signature.set(group.encodeScalar(z), 32);
  if (
    allDecode &&
    verifySignature(scheme, publicKeyOf(key, input.tweak, input.path), input.message, signature)
  ) {
    return signature;
  }
  // Check 22: who is to blame.
  const cheaters = given.filter(([party, raw]) => !verifyShare(session, key, party, raw));
  if (cheaters.length > 0) {
    throw new SymbolonError('threshold/bad-signature-shares', {
      parties: cheaters.map(([party]) => String(party)),
    });
  }
  throw new SymbolonError('threshold/bad-signature', { scheme });
}
