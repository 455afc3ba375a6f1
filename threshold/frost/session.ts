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
  /** Derivation path of the key that signs under the key of the shares; empty for that key itself. */
  readonly path: readonly number[];
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

/** A commitment with its points. */
interface Decoded {
  readonly party: number;
  readonly hiding: Element;
  readonly binding: Element;
}
/** What a signer knows of its own commitment beyond what it sent. */
export interface OwnCommitment extends Decoded {
  /** D_i + rho_i * E_i, made of the nonces: one product with the generator in place of one with a point. */
  readonly bound: (bindingFactor: bigint) => Element;
}

const digestBytes = 32;

/**
 * Decodes each commitment once and forms the session.
 * @throws SymbolonError `threshold/bad-parameters`, `threshold/degenerate-value`; with `facts.party`:
 * `threshold/unexpected-party`, `threshold/malformed-message`, `threshold/wrong-generation`.
 */
export function openSession(key: KeyPublic, input: SigningInput, own?: OwnCommitment): SigningSession {
  const suite = suiteOf(key.scheme);
  const { group } = suite;
  const signingKey = signingKeyOf(key, input.tweak, input.path);
  // Check 18. BIP341: the message of a key-path spend is a signature hash.
  if (input.tweak === 'bip341' && input.message.length !== digestBytes) {
    throw badParameters('a BIP341 signature hash has 32 bytes');
  }
  // Check 15, RFC 9591 section 5.3: at least MIN_PARTICIPANTS and only participants; the map has each index once.
  if (input.commitments.size < key.threshold) {
    throw badParameters('fewer signers than the threshold');
  }
  const parties = key.participants.filter((party) => input.commitments.has(party));
  const decoded = oneFromEach(parties, input.commitments, frostCommitment.name).map(([party, raw]) =>
    decodeCommitment(suite, key, party, raw, own),
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

  // Check 19, section 4.5: R is the sum of D_i + rho_i * E_i.
  const others = signers.filter(({ party }) => party !== own?.party);
  const terms: Term[] = others.map(({ binding, bindingFactor }) => [binding, bindingFactor]);
  const ownPart = signers.flatMap(({ party, bindingFactor }) =>
    party === own?.party ? own.bound(bindingFactor) : [],
  );
  const commitment = [...others.map(({ hiding }) => hiding), ...ownPart].reduce(
    (sum, element) => group.add(sum, element),
    group.publicSum(terms),
  );
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
  own: OwnCommitment | undefined,
): Decoded & { readonly raw: { readonly hiding: Uint8Array; readonly binding: Uint8Array } } {
  // Checks 16 and 17.
  const raw = decodeFrom(party, bytes, frostCommitment);
  if (raw.generation !== key.generation) {
    throw new SymbolonError('threshold/wrong-generation', {
      party,
      wanted: key.generation,
      got: raw.generation,
    });
  }
  if (own?.party === party) {
    return { party, hiding: own.hiding, binding: own.binding, raw };
  }
  // RFC 9591 section 3.1, on both: the identity, points off the curve and points of small or mixed order end here.
  const hiding = group.decode(raw.hiding);
  const binding = group.decode(raw.binding);
  if (hiding === undefined || binding === undefined) {
    throw malformed(party, frostCommitment.name, 'not a valid point');
  }
  return { party, hiding, binding, raw };
}
