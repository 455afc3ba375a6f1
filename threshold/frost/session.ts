/** What every signer and the aggregator compute from the same list of commitments (RFC 9591 sections 4.3 to 4.6). */
import { SymbolonError } from '../../wire/errors/index.ts';
import type { Element, Term } from '../group/group.ts';
import { badParameters, type KeyPublic } from '../keyShare.ts';
import { lagrangeCoefficient } from '../polynomial.ts';
import { decodeFrom, malformed, oneFromEach } from '../received.ts';
import { suiteOf, type Suite } from '../scheme.ts';
import { frostCommitment } from './messages.ts';
import { signingKeyOf, type SigningKey, type Tweak } from './signingKey.ts';

/** What is signed, by whom, under which key. */
export interface SigningInput {
  /** The round 1 broadcasts of all signers, by index. */
  readonly commitments: ReadonlyMap<number, Uint8Array>;
  readonly message: Uint8Array;
  readonly tweak: Tweak;
}

/** One signer's part of the session. */
export interface Signer {
  readonly party: number;
  readonly hiding: Element;
  readonly binding: Element;
  /** rho_i of RFC 9591 section 4.4. */
  readonly bindingFactor: bigint;
}

/** A signing session: all public. */
export interface SigningSession {
  readonly suite: Suite;
  readonly signingKey: SigningKey;
  readonly signers: readonly Signer[];
  /** The encoding of the group commitment R. */
  readonly r: Uint8Array;
  /** Whether nonces are negated, because R has odd y and BIP340 signs for even y. */
  readonly negateNonces: boolean;
  readonly challenge: bigint;
  /** lambda_i of RFC 9591 section 4.2. */
  readonly lambda: (party: number) => bigint;
}

/** Points of a commitment that are known already, so that they are not decoded again. */
export interface KnownCommitment {
  readonly party: number;
  readonly hiding: Element;
  readonly binding: Element;
}

const digestBytes = 32;

/**
 * Decodes each commitment once and forms the session.
 *
 * Nonce commitments are decoded without the subgroup check that RFC 9591 section 3.1 asks of Ed25519 (it costs as much
 * as the whole signature). What it would catch is caught by the equations: with an element of composite order in the
 * sum, R is outside the subgroup while z * G - c * PK is inside, so the signature does not verify and is never
 * released, and the share equation names the party, because its left side is inside the subgroup. A signer's own
 * answer depends on foreign points only through the hashes, which cover their canonical encodings.
 * @throws SymbolonError `threshold/bad-parameters`; with `facts.party`: `threshold/unexpected-party`,
 * `threshold/malformed-message`, `threshold/wrong-generation`.
 */
export function openSession(key: KeyPublic, input: SigningInput, known?: KnownCommitment): SigningSession {
  const suite = suiteOf(key.scheme);
  const { group } = suite;
  const signingKey = signingKeyOf(key, input.tweak);
  // BIP341: the message of a key-path spend is a signature hash.
  if (input.tweak === 'bip341' && input.message.length !== digestBytes) {
    throw badParameters('a BIP341 signature hash has 32 bytes');
  }
  // RFC 9591 section 5.3: at least MIN_PARTICIPANTS and only participants; the map has each index once.
  if (input.commitments.size < key.threshold) {
    throw badParameters('fewer signers than the threshold');
  }
  const parties = key.participants.filter((party) => input.commitments.has(party));
  const decoded = oneFromEach(parties, input.commitments, frostCommitment.name).map(([party, raw]) =>
    decodeCommitment(suite, key, party, raw, known),
  );

  // Section 4.3: the list in the order of the identifiers, each with its two elements.
  const list = decoded.flatMap(({ party, raw }) => [
    group.encodeScalar(BigInt(party)),
    raw.hiding,
    raw.binding,
  ]);
  const messageHash = suite.hashMessage(input.message);
  const listHash = suite.hashCommitments(...list);
  const signers = decoded.map(({ party, hiding, binding }) => ({
    party,
    hiding,
    binding,
    // Section 4.4: rho_i = H1(group key || H4(message) || H5(list) || identifier).
    bindingFactor: suite.bindingFactor(
      signingKey.encoded,
      messageHash,
      listHash,
      group.encodeScalar(BigInt(party)),
    ),
  }));

  // Section 4.5: R is the sum of D_i + rho_i * E_i.
  const terms: Term[] = signers.map(({ binding, bindingFactor }) => [binding, bindingFactor]);
  const commitment = signers.reduce((sum, { hiding }) => group.add(sum, hiding), group.publicSum(terms));
  if (group.isIdentity(commitment)) {
    throw new SymbolonError('threshold/degenerate-value', { reason: 'group commitment' });
  }
  const r = group.encode(commitment);
  return {
    suite,
    signingKey,
    signers,
    r,
    negateNonces: suite.xOnly && r[0] !== 2,
    challenge: suite.challenge(r, signingKey.encoded, input.message),
    lambda: (party) => lagrangeCoefficient(group, parties, party),
  };
}

function decodeCommitment(
  { group }: Suite,
  key: KeyPublic,
  party: number,
  bytes: Uint8Array,
  known: KnownCommitment | undefined,
): KnownCommitment & { readonly raw: { readonly hiding: Uint8Array; readonly binding: Uint8Array } } {
  const raw = decodeFrom(party, bytes, frostCommitment);
  if (raw.generation !== key.generation) {
    throw new SymbolonError('threshold/wrong-generation', {
      party,
      wanted: key.generation,
      got: raw.generation,
    });
  }
  if (known?.party === party) {
    return { ...known, raw };
  }
  const hiding = group.unsafeDecodeAnyOrder(raw.hiding);
  const binding = group.unsafeDecodeAnyOrder(raw.binding);
  if (hiding === undefined || binding === undefined) {
    throw malformed(party, frostCommitment.name, 'not a valid point');
  }
  return { party, hiding, binding, raw };
}
